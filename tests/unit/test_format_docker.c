/* SPDX-License-Identifier: Apache-2.0 */
/* Templates as people type them behind `docker inspect --format`: what docker 28.5.2 printed of the
 * same document. */
#include "tests/unit/unit.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "cmd/format.h"

static const char document[] =
	"{\"Id\":\"sha256:8b925681f4048440d1ee06fa8cba9af158469aea49280ecf4acec1b58b6252ea\","
	"\"RepoTags\":[\"rich:1\",\"team/rich:2\"],\"RepoDigests\":[\"rich@sha256:8b925681f4048440"
	"d1ee06fa8cba9af158469aea49280ecf4acec1b58b6252ea\",\"team/rich@sha256:8b925681f404"
	"8440d1ee06fa8cba9af158469aea49280ecf4acec1b58b6252ea\"],\"Parent\":\"\",\"Comment\":\"mi"
	"ca\",\"Created\":\"2026-11-22T18:17:36.633889493Z\",\"DockerVersion\":\"\",\"Author\":"
	"\"\",\"A"
	"rchitecture\":\"amd64\",\"Os\":\"linux\",\"Size\":1121298,\"GraphDriver\":{\"Data\":null,"
	"\"Nam"
	"e\":\"overlayfs\"},\"RootFS\":{\"Type\":\"layers\",\"Layers\":[\"sha256:"
	"f49d208930ef92c26289"
	"a3c5b02caed55556da230418f3c992081272cd2d9e88\",\"sha256:a486336c6b9a648cd29254aa38"
	"1dc4df2574ac25608d1c3555af034e6fdd14b9\",\"sha256:ee7dca74b9ff1ad171e9f55438187738"
	"d49f5299ba6e5b792c81a8651cac1954\"]},\"Metadata\":{\"LastTagTime\":\"2026-11-22T19:26:"
	"36.159443668Z\"},\"Descriptor\":{\"mediaType\":\"application/vnd.docker.distribution.m"
	"anifest.v2+json\",\"digest\":\"sha256:8b925681f4048440d1ee06fa8cba9af158469aea49280e"
	"cf4acec1b58b6252ea\",\"size\":740,\"annotations\":{\"io.containerd.image.name\":\"docker"
	".io/library/rich:1\",\"org.opencontainers.image.ref.name\":\"1\"}},\"Config\":{\"Cmd\":[\""
	"echo\",\"hi "
	"there\"],\"Entrypoint\":[\"/bin/sh\",\"-c\"],\"Env\":[\"PATH=/usr/bin:/bin\",\"A=1"
	"\",\"B=two "
	"words\"],\"ExposedPorts\":{\"443/udp\":{},\"80/tcp\":{},\"8000/tcp\":{},\"8001/tc"
	"p\":{},\"8002/tcp\":{}},\"Healthcheck\":{\"Interval\":30000000000,\"Retries\":2,\"StartPer"
	"iod\":60000000000,\"Test\":[\"CMD-SHELL\",\"true || exit 1\"],\"Timeout\":5000000000},\"La"
	"bels\":{\"empty\":\"\",\"maintainer\":\"me "
	"<a@b>\",\"org.opencontainers.image.title\":\"Titl"
	"e\",\"with space\":\"v & <x>\"},\"OnBuild\":[\"RUN "
	"true\"],\"Shell\":[\"/bin/sh\",\"-ec\"],\"Sto"
	"pSignal\":\"SIGQUIT\",\"User\":\"app:50\",\"Volumes\":{\"/cache\":{},\"/"
	"data\":{}},\"WorkingDi"
	"r\":\"/srv\"}}";

static const struct {
	const char *template, *printed;
} cases[] = {
	{"{{.Id}}", "sha256:8b925681f4048440d1ee06fa8cba9af158469aea49280ecf4acec1b58b6252ea"},
	{"{{.RepoTags}}", "[rich:1 team/rich:2]"},
	{"{{json .RepoTags}}", "[\"rich:1\",\"team/rich:2\"]"},
	{"{{index .RepoTags 0}}", "rich:1"},
	{"{{.Architecture}}/{{.Os}}", "amd64/linux"},
	{"{{.Config.Env}}", "[PATH=/usr/bin:/bin A=1 B=two words]"},
	{"{{json .Config.Env}}", "[\"PATH=/usr/bin:/bin\",\"A=1\",\"B=two words\"]"},
	{"{{range .Config.Env}}{{println .}}{{end}}", "PATH=/usr/bin:/bin\nA=1\nB=two words\n"},
	{"{{range $i, $e := .Config.Env}}{{$i}}={{$e}};{{end}}",
		"0=PATH=/usr/bin:/bin;1=A=1;2=B=two words;"},
	{"{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{\"\\n\"}}{{end}}",
		"empty=\nmaintainer=me <a@b>\norg.opencontainers.image.title=Title\nwith space=v & "
		"<"
		"x>\n"},
	{"{{.Config.Labels}}",
		"map[empty: maintainer:me <a@b> org.opencontainers.image.title:Title with space:v"
		" & <x>]"},
	{"{{json .Config.Labels}}", "{\"empty\":\"\",\"maintainer\":\"me "
				    "<a@b>\",\"org.opencontainers.image.title\":\"Title\",\"wi"
				    "th space\":\"v & <x>\"}"},
	{"{{index .Config.Labels \"maintainer\"}}", "me <a@b>"},
	{"{{index .Config.Labels \"org.opencontainers.image.title\"}}", "Title"},
	{"{{index .Config.Labels \"nothere\"}}", ""},
	{"{{.Config.Labels.maintainer}}", "me <a@b>"},
	{"{{.Config.Labels.nothere}}", "<no value>"},
	{"{{.Config.ExposedPorts}}",
		"map[443/udp:{} 80/tcp:{} 8000/tcp:{} 8001/tcp:{} 8002/tcp:{}]"},
	{"{{json .Config.ExposedPorts}}",
		"{\"443/udp\":{},\"80/tcp\":{},\"8000/tcp\":{},\"8001/tcp\":{},\"8002/tcp\":{}}"},
	{"{{range $p, $c := .Config.ExposedPorts}}{{$p}} {{end}}",
		"443/udp 80/tcp 8000/tcp 8001/tcp 8002/tcp "},
	{"{{len .Config.ExposedPorts}}", "5"},
	{"{{.Config.Volumes}}", "map[/cache:{} /data:{}]"},
	{"{{range $v, $x := .Config.Volumes}}{{printf \"%s\\n\" $v}}{{end}}", "/cache\n/data\n"},
	{"{{json .Config.Volumes}}", "{\"/cache\":{},\"/data\":{}}"},
	{"{{.Config.Cmd}}", "[echo hi there]"},
	{"{{json .Config.Cmd}}", "[\"echo\",\"hi there\"]"},
	{"{{join .Config.Cmd \" \"}}", "echo hi there"},
	{"{{.Config.Entrypoint}}", "[/bin/sh -c]"},
	{"{{join .Config.Entrypoint \",\"}}", "/bin/sh,-c"},
	{"{{.Config.WorkingDir}}", "/srv"},
	{"{{.Config.User}}", "app:50"},
	{"{{.Config.StopSignal}}", "SIGQUIT"},
	{"{{.Config.Shell}}", "[/bin/sh -ec]"},
	{"{{.Config.OnBuild}}", "[RUN true]"},
	{"{{json .Config.OnBuild}}", "[\"RUN true\"]"},
	{"{{.Config.Healthcheck.Test}}", "[CMD-SHELL true || exit 1]"},
	{"{{.Config.Healthcheck.Interval}}", "30s"},
	{"{{.Config.Healthcheck.Timeout}}", "5s"},
	{"{{.Config.Healthcheck.StartPeriod}}", "1m0s"},
	{"{{.Config.Healthcheck.Retries}}", "2"},
	{"{{printf \"%d\" .Config.Healthcheck.Retries}}", "2"},
	{"{{.RootFS.Type}}", "layers"},
	{"{{.RootFS.Layers}}",
		"[sha256:f49d208930ef92c26289a3c5b02caed55556da230418f3c992081272cd2d9e88 sha256:"
		"a486336c6b9a648cd29254aa381dc4df2574ac25608d1c3555af034e6fdd14b9 sha256:ee7dca74"
		"b9ff1ad171e9f55438187738d49f5299ba6e5b792c81a8651cac1954]"},
	{"{{len .RootFS.Layers}}", "3"},
	{"{{json .RootFS}}",
		"{\"Type\":\"layers\",\"Layers\":[\"sha256:"
		"f49d208930ef92c26289a3c5b02caed55556da230418f"
		"3c992081272cd2d9e88\",\"sha256:a486336c6b9a648cd29254aa381dc4df2574ac25608d1c3555a"
		"f034e6fdd14b9\",\"sha256:ee7dca74b9ff1ad171e9f55438187738d49f5299ba6e5b792c81a8651"
		"cac1954\"]}"},
	{"{{range .RootFS.Layers}}{{.}} {{end}}",
		"sha256:f49d208930ef92c26289a3c5b02caed55556da230418f3c992081272cd2d9e88 sha256:a"
		"486336c6b9a648cd29254aa381dc4df2574ac25608d1c3555af034e6fdd14b9 sha256:ee7dca74b"
		"9ff1ad171e9f55438187738d49f5299ba6e5b792c81a8651cac1954 "},
	{"{{slice .Id 7 19}}", "8b925681f404"},
	{"{{slice .Id 0 6}}", "sha256"},
	{"{{printf \"%.19s\" .Id}}", "sha256:8b925681f404"},
	{"{{printf \"%-20s|\" .Os}}", "linux               |"},
	{"{{printf \"%20s|\" .Os}}", "               linux|"},
	{"{{printf \"%q\" .Config.User}}", "\"app:50\""},
	{"{{printf \"%v\" .RepoTags}}", "[rich:1 team/rich:2]"},
	{"{{printf \"%q\" .RepoTags}}", "[\"rich:1\" \"team/rich:2\"]"},
	{"{{printf \"%s\" .Config.Env}}", "[PATH=/usr/bin:/bin A=1 B=two words]"},
	{"{{printf \"%T\" .Os}}", "string"},
	{"{{printf \"%T\" .Config.Env}}", "[]string"},
	{"{{printf \"%d\" (len .Config.Env)}}", "3"},
	{"{{printf \"%05d\" (len .Config.Env)}}", "00003"},
	{"{{printf \"%x\" .Os}}", "6c696e7578"},
	{"{{printf \"%X\" \"hi\"}}", "6869"},
	{"{{printf \"%t\" true}}", "true"},
	{"{{printf \"%s %s\" .Os .Architecture}}", "linux amd64"},
	{"{{printf \"%s\" .Os .Architecture}}", "linux%!(EXTRA string=amd64)"},
	{"{{printf \"%d\" .Os}}", "%!d(string=linux)"},
	{"{{printf \"%s %s\" .Os}}", "linux %!s(MISSING)"},
	{"{{printf \"%v%%\" 5}}", "5%"},
	{"{{split .Config.User \":\"}}", "[app 50]"},
	{"{{index (split .Config.User \":\") 0}}", "app"},
	{"{{range split \"a,b,c\" \",\"}}[{{.}}]{{end}}", "[a][b][c]"},
	{"{{title .Os}}", "Linux"},
	{"{{upper .Os}}", "LINUX"},
	{"{{lower \"ABC\"}}", "abc"},
	{"{{upper .Config.User | printf \"%s!\"}}", "APP:50!"},
	{"{{and .Os .Architecture}}", "amd64"},
	{"{{or \"\" .Os}}", "linux"},
	{"{{and \"\" .Os}}", ""},
	{"{{not .Os}}", "false"},
	{"{{not \"\"}}", "true"},
	{"{{eq .Os \"linux\"}}", "true"},
	{"{{ne .Os \"linux\"}}", "false"},
	{"{{eq .Os \"windows\" \"linux\"}}", "true"},
	{"{{lt (len .Config.Env) 5}}", "true"},
	{"{{le 3 3}}", "true"},
	{"{{gt 1 2}}", "false"},
	{"{{ge \"b\" \"a\"}}", "true"},
	{"{{if eq .Architecture \"amd64\"}}yes{{else}}no{{end}}", "yes"},
	{"{{if and (eq .Os \"linux\") (eq .Architecture \"amd64\")}}both{{end}}", "both"},
	{"{{if .Config.Healthcheck}}has{{else}}none{{end}}", "has"},
	{"{{with .Config.Healthcheck}}{{.Retries}}{{end}}", "2"},
	{"{{with .Config.Labels}}{{.maintainer}}{{else}}none{{end}}", "me <a@b>"},
	{"{{with $x := .Config.User}}{{$x}}{{end}}", "app:50"},
	{"{{with index .Config.Labels \"nothere\"}}x{{else}}empty{{end}}", "empty"},
	{"{{$n := len .Config.Env}}{{$n}}", "3"},
	{"{{$n := 1}}{{range .Config.Env}}{{$n = len .}}{{end}}{{$n}}", "11"},
	{"{{range .Config.Env}}{{if eq . \"A=1\"}}{{continue}}{{end}}{{.}};{{end}}",
		"PATH=/usr/bin:/bin;B=two words;"},
	{"{{range .Config.Env}}{{if eq . \"A=1\"}}{{break}}{{end}}{{.}};{{end}}",
		"PATH=/usr/bin:/bin;"},
	{"{{range $i, $_ := .Config.Cmd}}{{if $i}}, {{end}}{{.}}{{end}}", "echo, hi there"},
	{"{{/* a comment */}}{{.Os}}", "linux"},
	{"{{- /* trimmed */ -}} {{.Os}}", "linux"},
	{"  {{- .Os -}}  ", "linux"},
	{"{{define \"T\"}}<{{.}}>{{end}}{{template \"T\" .Os}}", "<linux>"},
	{"{{define \"T\"}}<{{range .}}{{.}} {{end}}>{{end}}{{template \"T\" .Config.Env}}",
		"<PATH=/usr/bin:/bin A=1 B=two words >"},
	{"{{block \"B\" .Os}}[{{.}}]{{end}}", "[linux]"},
	{"{{print 1 2 3}}", "1 2 3"},
	{"{{print \"a\" \"b\" 1 2 \"c\"}}", "ab1 2c"},
	{"{{println \"a\" 1}}", "a 1\n"},
	{"{{html \"<a>&'\"}}", "&lt;a&gt;&amp;&#39;"},
	{"{{js \"it's <x>\"}}", "it\\'s \\u003Cx\\u003E"},
	{"{{urlquery \"a b&c/d\"}}", "a+b%26c%2Fd"},
	{"{{len \"héllo\"}}", "6"},
	{"{{index \"abc\" 1}}", "98"},
	{"{{.Size}}", "1121298"},
	{"{{.Author}}|{{.Comment}}|{{.Parent}}", "|mica|"},
	{"{{.DockerVersion}}", ""},
	{"{{.RepoDigests}}",
		"[rich@sha256:8b925681f4048440d1ee06fa8cba9af158469aea49280ecf4acec1b58b6252ea te"
		"am/rich@sha256:8b925681f4048440d1ee06fa8cba9af158469aea49280ecf4acec1b58b6252ea]"},
	{"{{len .RepoDigests}}", "2"},
	{"{{range $k, $v := .Config}}{{$k}}{{end}}",
		"CmdEntrypointEnvExposedPortsHealthcheckLabelsOnBuildShellStopSignalUserVolumesWo"
		"rkingDir"},
	{"{{range $i := slice .RootFS.Layers 0 1}}{{$i}}{{end}}",
		"sha256:f49d208930ef92c26289a3c5b02caed55556da230418f3c992081272cd2d9e88"},
	{"{{slice .Config.Env 1 2}}", "[A=1]"},
	{"{{(index .RepoTags 0) | printf \"%s-%s\" \"x\"}}", "x-rich:1"},
	{"{{.Os | upper | printf \"%q\"}}", "\"LINUX\""},
	{"{{ .Os }}{{ \"\\t\" }}{{ .Architecture }}", "linux\tamd64"},
	{"{{if or (eq .Os \"x\") (gt (len .Config.Env) 1)}}ok{{end}}", "ok"},
	{"{{if eq .Os \"x\"}}a{{else if eq .Os \"linux\"}}b{{else}}c{{end}}", "b"},
	{"{{eq .Config.Healthcheck.Retries 2}}", "true"},
	{"{{.Config.Labels.org.opencontainers}}", "<no value>"},
	{"{{range $k, $_ := .Config.Labels}}{{upper $k}},{{end}}",
		"EMPTY,MAINTAINER,ORG.OPENCONTAINERS.IMAGE.TITLE,WITH SPACE,"},
	{"{{join .RepoTags \"\\n\"}}", "rich:1\nteam/rich:2"},
	{"{{json .Id | printf \"%s\"}}",
		"\"sha256:8b925681f4048440d1ee06fa8cba9af158469aea49280ecf4acec1b58b6252ea\""},
	{"{{printf \"%-15s%s\" \"OS:\" .Os}}", "OS:            linux"},
	{"{{printf \"%8.3f|%e|%g\" 3.14159 1.0 1e21}}", "   3.142|1.000000e+00|1e+21"},
	{"{{printf \"%c%U\" 65 65}}", "AU+0041"},
	{"{{printf \"%b %o %#x\" 5 8 255}}", "101 10 0xff"},
	{"{{printf \"%*d\" 5 3}}", "    3"},
	{"{{printf \"%6.2f%%\" 99.5}}", " 99.50%"},
	{"{{printf \"%[2]s %[1]s\" \"a\" \"b\"}}", "b a"},
	{"{{printf \"%v\" nil}}", "<nil>"},
	{"{{printf \"%s\" .Config.Labels}}",
		"map[empty: maintainer:me <a@b> org.opencontainers.image.title:Title with space:v"
		" & <x>]"},
};

static void prints_what_docker_prints(void **state)
{
	AUTO_JSON struct json *data = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(json_parse(document, strlen(document), "document", &data, &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO_BUF struct buf out = BUF_INIT(65536);
		AUTO_FORMAT struct format *f = NULL;
		if (format_parse(cases[i].template, &f, &err) < 0 ||
			format_run(f, data, &out, &err) < 0)
			fail_msg("%s: %s", cases[i].template, err.msg);
		buf_addstr(&out, "");
		if (strcmp(buf_str(&out), cases[i].printed) != 0)
			fail_msg("%s: %s", cases[i].template, buf_str(&out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_what_docker_prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
