/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/format.h"

static const char *const document =
	"{\"Id\":\"sha256:ab\",\"Size\":12,\"created_by\":\"me\",\"RepoTags\":[\"a:1\",\"b:2\"],"
	"\"Config\":{\"Env\":[\"A=1\",\"B=2\"],\"User\":\"\",\"Labels\":{\"x\":\"y\",\"k.dotted\":"
	"\"v\"}},"
	"\"Healthcheck\":{\"Interval\":90000000000,\"Timeout\":1500000000,\"StartPeriod\":"
	"20000000,\"Retries\":3},\"os.version\":\"1.0\",\"Volumes\":{\"/v\":{}},"
	"\"Empty\":[],\"Yes\":true,\"Nothing\":null}";

static int run(const char *template, struct buf *out, struct err *err)
{
	AUTO_JSON struct json *data = NULL;
	AUTO_FORMAT struct format *f = NULL;

	buf_init(out, 4096);
	buf_addstr(out, "");
	assert_int_equal(json_parse(document, strlen(document), "document", &data, err), 0);
	int r = format_parse(template, &f, err);
	return r < 0 ? r : format_run(f, data, out, err);
}

static void gives(const char *template, const char *expected)
{
	AUTO_BUF struct buf out = BUF_INIT(0);
	struct err err = ERR_INIT;

	if (run(template, &out, &err) < 0)
		fail_msg("'%s': %s", template, err.msg);
	assert_string_equal(buf_str(&out), expected);
}

static void fails(const char *template, const char *text)
{
	AUTO_BUF struct buf out = BUF_INIT(0);
	struct err err = ERR_INIT;

	assert_true(run(template, &out, &err) < 0);
	if (!strstr(err.msg, text))
		fail_msg("'%s' does not contain '%s'", err.msg, text);
}

static void prints_values_as_go_does(void **state)
{
	(void)state;
	gives("plain", "plain");
	gives("{{.Id}} {{ .Size }}", "sha256:ab 12");
	gives("{{.RepoTags}}", "[a:1 b:2]");
	gives("{{.Config.Labels}}", "map[k.dotted:v x:y]");
	gives("{{.Nothing}}|{{.Yes}}|{{.Empty}}", "<nil>|true|[]");
	gives("{{json .Config.Env}}", "[\"A=1\",\"B=2\"]");
	gives("{{/* nothing */}}x", "x");
	gives("{{.Volumes}} {{.OSVersion}}", "map[/v:{}] 1.0");
	gives("{{printf \"%q\" .RepoTags}}", "[\"a:1\" \"b:2\"]");
	gives("{{printf \"%q %q\" .Config.Labels .Id}}",
		"map[\"k.dotted\":\"v\" \"x\":\"y\"] \"sha256:ab\"");
	gives("{{printf \"%q\" (index .Volumes \"/v\")}}", "map[]");
}

static void prints_durations_as_go_does(void **state)
{
	(void)state;
	gives("{{.Healthcheck.Interval}} {{.Healthcheck.Timeout}}", "1m30s 1.5s");
	gives("{{.Healthcheck.StartPeriod}} {{.Healthcheck.Retries}}", "20ms 3");
	gives("{{printf \"%d %s\" .Healthcheck.Timeout .Healthcheck.Timeout}}", "1500000000 1.5s");
	gives("{{json .Healthcheck.Timeout}}", "1500000000");
	gives("{{json .Healthcheck}}",
		"{\"Interval\":90000000000,\"Timeout\":1500000000,\"StartPeriod\":20000000,"
		"\"Retries\":3}");
}

static void prints_structs_as_go_does(void **state)
{
	static const char text[] = "{\"b\":1,\"a\":{\"x\":\"y\"},\"c\":{\"d\":[\"e\",2]}}";
	AUTO_BUF struct buf out = BUF_INIT(4096);
	AUTO_JSON struct json *o = NULL;
	AUTO_FORMAT struct format *f = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "struct", &o, &err), 0);
	format_as_struct(json_get(o, "c"), NULL);
	format_as_struct(o, NULL);
	assert_int_equal(
		format_parse(
			"{{.}} {{.a}} {{json .}} {{len .c}} {{range $k, $v := .c}}{{$k}}{{end}}"
			"{{printf \" %+v %q %4v\" . . .c}}",
			&f, &err),
		0);
	assert_int_equal(format_run(f, o, &out, &err), 0);
	assert_string_equal(buf_str(&out),
		"{1 map[x:y] {[e 2]}} map[x:y] "
		"{\"b\":1,\"a\":{\"x\":\"y\"},\"c\":{\"d\":[\"e\",2]}} 1 d"
		" {B:1 A:map[x:y] C:{D:[e 2]}} {'\\x01' map[\"x\":\"y\"] {[\"e\" '\\x02']}} {[   e "
		"   2]}");
	format_as_text(o, "as it is");
	buf_clear(&out);
	assert_int_equal(format_run(f, o, &out, &err), 0);
	assert_true(str_has_prefix(buf_str(&out), "as it is map[x:y]"));
}

static void times_have_methods_as_in_go(void **state)
{
	static const char *const expected[][2] = {
		{"{{.t}} {{json .t}}",
			"2026-03-01 04:05:06.12 +0000 UTC \"2026-03-01T04:05:06.12Z\""},
		{"{{.t.Unix}} {{.t.UnixNano}}", "1772337906 1772337906120000000"},
		{"{{.t.Year}} {{.t.Month}} {{.t.Day}} {{printf \"%d\" .t.Month}}",
			"2026 March 1 3"},
		{"{{.t.Format \"2006-01-02T15:04:05Z07:00\"}}", "2026-03-01T04:05:06Z"},
		{"{{.t.Format `Mon, 02 Jan 2006 15:04:05 MST` | upper}}",
			"SUN, 01 MAR 2026 04:05:06 UTC"},
		{"{{.t.Format `Monday January _2 3:04PM 06 002 -0700 Janus`}}",
			"Sunday March  1 4:05AM 26 060 +0000 Janus"},
		{"{{.t.Format `05.000 05.999999999 5,0 .01`}}", "06.120 06.12 6,1 .03"},
		{"{{with .t}}{{.Format `1/2/06`}}{{end}}", "3/1/26"},
	};
	static const char *const refused[] = {"{{.t.Format}}", "{{.t.Format 1}}",
		"{{.n.Format `06`}}", "{{.t.Format `06` `06`}}", "{{.t.Era}}", "{{.n.Year}}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(expected) + ARRAY_LEN(refused); i++) {
		bool good = i < ARRAY_LEN(expected);
		AUTO_JSON struct json *o = json_new_object();
		AUTO_BUF struct buf out = BUF_INIT(4096);
		AUTO_FORMAT struct format *f = NULL;
		struct err err = ERR_INIT;

		json_set_string(o, "t", "2026-03-01T04:05:06.12Z");
		json_set_string(o, "n", "no time");
		format_as_time(o, "t");
		format_as_time(o, "n");
		assert_int_equal(
			format_parse(
				good ? expected[i][0] : refused[i - ARRAY_LEN(expected)], &f, &err),
			0);
		assert_int_equal(format_run(f, o, &out, &err), good ? 0 : ERR_INVALID);
		if (good)
			assert_string_equal(buf_str(&out), expected[i][1]);
	}
}

static void finds_fields_by_gos_names(void **state)
{
	(void)state;
	gives("{{.CreatedBy}}{{.ID}}", "mesha256:ab");
	gives("{{.config.env}}", "[A=1 B=2]");
	gives("{{.Config.Labels.x}}", "y");
	gives("{{.Config.Labels.missing}}", "<no value>");
	gives("{{.Nothing.Deeper}}", "<no value>");
	fails("{{.Sise}}", "no field 'Sise' here, known are: Id, Size, created_by");
	fails("{{.Id.X}}", "field 'X'");
}

static void branches_and_loops(void **state)
{
	(void)state;
	gives("{{if .Config.User}}u{{else}}root{{end}}", "root");
	gives("{{if .Empty}}1{{else if .Yes}}2{{else}}3{{end}}", "2");
	gives("{{range .RepoTags}}<{{.}}>{{end}}", "<a:1><b:2>");
	gives("{{range $i, $e := .RepoTags}}{{$i}}={{$e}};{{end}}", "0=a:1;1=b:2;");
	gives("{{range .Empty}}x{{else}}none{{end}}", "none");
	gives("{{range 3}}<{{.}}>{{end}}{{range $i := 2}}{{$i}}{{end}}", "<0><1><2>01");
	gives("{{range 0}}x{{else}}none{{end}}{{range -1}}x{{end}}", "none");
	fails("{{range $i, $e := 2}}x{{end}}", "cannot range over that value");
	gives("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}},{{end}}", "k.dotted=v,x=y,");
	gives("{{with .Config}}{{.Env}}{{$.Size}}{{end}}", "[A=1 B=2]12");
	gives("{{with $x := .Size}}{{$x}}{{.}}{{end}}", "1212");
}

static void keeps_variables_in_their_block(void **state)
{
	(void)state;
	gives("{{$x := .Size}}{{if .Yes}}{{$x := 3}}{{$x}}{{end}}{{$x}}", "312");
	gives("{{$x := 1}}{{if .Yes}}{{$x = 3}}{{end}}{{$x}}", "3");
	gives("{{$i := 9}}{{$e := 8}}{{range $i, $e = .RepoTags}}{{end}}{{$i}} {{$e}}", "1 b:2");
	fails("{{range $i = .RepoTags}}{{end}}", "undefined variable '$i'");
	fails("{{if .Yes}}{{$x := 3}}{{end}}{{$x}}", "undefined variable '$x'");
}

static void trims_blanks(void **state)
{
	(void)state;
	gives("a  {{- .Size -}}  b", "a12b");
	gives("a {{ .Size }} b", "a 12 b");
	gives("{{- range .RepoTags -}} {{.}} {{- end -}}", "a:1b:2");
}

static void calls_functions(void **state)
{
	(void)state;
	gives("{{len .RepoTags}}{{len .Id}}", "29");
	gives("{{index .RepoTags 1}}", "b:2");
	gives("{{index .Config.Labels \"k.dotted\"}}", "v");
	gives("{{index .Config.Labels \"none\"}}", "");
	gives("{{join .RepoTags \", \"}}", "a:1, b:2");
	gives("{{.RepoTags | len | printf \"%03d\"}}", "002");
	gives("{{printf \"%-6s|%5d|%q|%.2s\" .CreatedBy .Size .Id `xyz`}}",
		"me    |   12|\"sha256:ab\"|xy");
	gives("{{upper .CreatedBy}}{{slice .Id 0 3}}", "MEsha");
	gives("{{if and (eq .Size 12) (ne .Id \"x\") (not .Empty)}}ok{{end}}", "ok");
	gives("{{lt .Size 13}}{{ge .Size 13}}{{eq .CreatedBy \"a\" \"me\"}}", "truefalsetrue");
	gives("{{(index .RepoTags 0)}}{{range split \"a,b\" \",\"}}{{.}}.{{end}}", "a:1a.b.");
	gives("{{or .Config.User \"root\"}}{{println 1 \"a\"}}", "root1 a\n");
	fails("{{index .RepoTags 7}}", "out of range");
	fails("{{join .Id}}", "number of arguments");
}

static void refuses_what_is_malformed(void **state)
{
	(void)state;
	fails("{{.Id", "action without an end");
	fails("{{.Id | }}", "missing value");
	fails("{{if .Id}}x", "missing {{end}}");
	fails("x{{end}}", "unexpected {{end}}");
	fails("{{else}}", "unexpected {{else}}");
	fails("{{nope .Id}}", "unknown function at 'nope");
	fails("{{\"abc}}", "string without an end");
	fails("{{`abc}}", "string without an end");
	fails("{{(.Id}}", "expected ')'");
	fails("{{/* x", "comment without an end");
	fails("{{.Id .Size}}", "cannot be given arguments");
	fails("{{(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1",
		"deeply");
}

static void break_and_continue_leave_a_round(void **state)
{
	(void)state;
	gives("{{range .RepoTags}}{{.}}{{break}}{{end}}!", "a:1!");
	gives("{{range .RepoTags}}{{if eq . \"a:1\"}}{{continue}}{{end}}{{.}}{{end}}!", "b:2!");
	gives("{{range .RepoTags}}{{range $.Config.Env}}{{break}}{{end}}{{.}} {{end}}", "a:1 b:2 ");
	gives("{{range $k, $v := .Config.Labels}}{{$k}}{{break}}{{end}}", "k.dotted");
	fails("{{break}}", "belong into a {{range}}");
	fails("{{range .Empty}}{{else}}{{continue}}{{end}}", "belong into a {{range}}");
}

static void and_and_or_stop_at_the_first_that_tells(void **state)
{
	(void)state;
	gives("{{and .Empty (index .Empty 0)}}", "[]");
	gives("{{or .Yes (index .Empty 0)}}", "true");
	gives("{{and .Yes .Id}}", "sha256:ab");
	gives("{{or .Nothing .Config.User .Id}}", "sha256:ab");
}

static void with_may_have_an_else_with(void **state)
{
	(void)state;
	gives("{{with .Empty}}a{{else with .Config.User}}b{{else with .Id}}{{.}}{{else}}c{{end}}",
		"sha256:ab");
}

static void text_is_escaped_for_other_languages(void **state)
{
	(void)state;
	gives("{{html 1 2 `<` `x` true}}", "1 2&lt;xtrue");
	gives("{{html \"<a href='x'>&\"}}", "&lt;a href=&#39;x&#39;&gt;&amp;");
	gives("{{js \"a='\\n<\"}}", "a\\u003D\\'\\u000A\\u003C");
	gives("{{urlquery \"a b&c/d~\"}}", "a+b%26c%2Fd~");
	gives("[{{pad \"x\" 2 1}}][{{pad \"\" 2 1}}]", "[  x ][]");
}

static void numbers_are_printed_as_asked(void **state)
{
	(void)state;
	gives("{{printf \"%X %o %.2f %05d\" 255 8 12.0 .Size}}", "FF 10 12.00 00012");
}

/* Expected values are what Go prints. */
static void printf_is_that_of_go(void **state)
{
	static const struct {
		const char *call, *expected;
	} cases[] = {
		{"\"%5d|%-5d|%05d|%+d|% d|%.4d\" 42 42 -42 42 42 7",
			"   42|42   |-0042|+42| 42|0007"},
		{"\"%x|%X|%#x|%#08x|%o|%#o|%b|%#b|%x\" 255 255 255 1234 8 8 5 5 -255",
			"ff|FF|0xff|0x000004d2|10|010|101|0b101|-ff"},
		{"\"%c|%q|%U|%5c|%q\" 65 65 65 97 10", "A|'A'|U+0041|    a|'\\n'"},
		{"\"%.2f|%8.3f|%e|%g|%v|%+.2e|%6.2v|%F\" 1.5 1.5 1.5 1.5 1.5 12.5 3.14159 2.0",
			"1.50|   1.500|1.500000e+00|1.5|1.5|+1.25e+01|   3.1|2.000000"},
		{"\"%10s|%-10s|%.2s|%7.2s|%05s|%.3s|%4s\" \"web\" \"web\" \"web\" \"web\" \"a\" "
		 "\"h\u00e9llo\" "
		 "\"\u00e9\"",
			"       web|web       |we|     we|0000a|h\u00e9l|   \u00e9"},
		{"\"%q|%+q|%x|%X|% x|%#x\" \"a\\\"\\t\\x01\" \"\u00e9\" \"web\" \"web\" \"web\" "
		 "\"web\"",
			"\"a\\\"\\t\\x01\"|\"\\u00e9\"|776562|776562|77 65 62|0x776562"},
		{"\"%v|%#v|%T|%T|%T|%t|%5t|%v\" \"a\" \"a\" \"a\" 1 1.5 true true nil",
			"a|\"a\"|string|int|float64|true| true|<nil>"},
		{"\"%s|%q|%d\" .RepoTags .RepoTags .Healthcheck.Timeout",
			"[a:1 b:2]|[\"a:1\" \"b:2\"]|1500000000"},
		{"\"%[2]s %[1]s\" \"a\" \"b\"", "b a"},
		{"\"%*d|%-*d|%.*f\" 4 1 4 2 1 1.25", "   1|2   |1.2"},
		{"\"%d|%z|%t|%f\" \"a\" \"b\" \"c\" \"d\"",
			"%!d(string=a)|%!z(string=b)|%!t(string=c)|%!f(string=d)"},
		{"\"%s %s|%\" \"a\"", "a %!s(MISSING)|%!(NOVERB)"},
		{"\"%d%%|%s\" 5 \"a\" 1 \"b\"", "5%|a%!(EXTRA int=1, string=b)"},
		{"\"%d|%5v|%s\" nil nil true", "%!d(<nil>)|<nil>|%!s(bool=true)"},
		{"\"%s|%5s|%.1f\" .Size .Size .Size", "%!s(int=12)|%!s(int=   12)|%!f(int=12)"},
		{"\"%#q|%#q|%+q|%.1q\" \"a\\\"b\" \"a`\" `é` `xy`",
			"`a\"b`|\"a`\"|\"\\u00e9\"|\"x\""},
		{"\"%#U|%08U|%O|%#o|%.0d|%G\" 233 65 8 0 0 1e-10",
			"U+00E9 'é'|  U+0041|0o10|0||1E-10"},
		{"\"%# x|%#X|%.2x|%5x|%#x\" \"ab\" \"ab\" \"abc\" \"a\" \"\"",
			"0x61 0x62|0X6162|6162|   61|"},
		{"\"%+v|%+d|%T|%T|%T\" 5 5 .Config.Labels .Volumes .Config",
			"5|+5|map[string]string|map[string]struct {}|map[string]interface {}"},
		{"\"%#v|%#v|%#v|%#v\" .RepoTags .Config.Labels .Volumes nil",
			"[]string{\"a:1\", \"b:2\"}|map[string]string{\"k.dotted\":\"v\", "
			"\"x\":\"y\"}|map[string]struct {}{\"/v\":struct {}{}}|<nil>"},
		{"\"%v|%d|%3s\" .Volumes .RepoTags .RepoTags",
			"map[/v:{}]|[%!d(string=a:1) %!d(string=b:2)]|[a:1 b:2]"},
		{"\"%[x]d|%[1\" 1 2", "%!d(BADINDEX)|%!(NOVERB)"},
		{"\"%[9]d|%[2]d %d\" 1 2", "%!d(BADINDEX)|2 %!d(MISSING)"},
		{"\"%[3]*.[2]*[1]f|\" 12.0 2 6", " 12.00|"},
		{"\"%*d|%.*d|%.*f\" `a` 3 -3 5 1.5 1.5",
			"%!(BADWIDTH)3|%!(BADPREC)5|%!(BADPREC)1.500000"},
		{"\"%-05d|%05s|%0-5d|%+08.2f|%-8.1e|\" 5 `a` 5 2.5 1.5",
			"5    |0000a|5    |+0002.50|1.5e+00 |"},
		{"\"%é|%5%\" 1", "%!é(int=1)|%"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *text = xasprintf("{{printf %s}}", cases[i].call);
		gives(text, cases[i].expected);
	}
}

static void constants_are_those_of_go(void **state)
{
	(void)state;
	gives("{{0x1F}} {{0b11}} {{0o17}} {{017}} {{1_000}} {{-5}} {{+5}} {{-0x10}} {{0}}",
		"31 3 15 15 1000 -5 5 -16 0");
	gives("{{1.5}} {{.5}} {{1e3}} {{1.5e-2}} {{1e6}} {{1.0}} {{123456789.0}} {{0.00001}}",
		"1.5 0.5 1000 0.015 1e+06 1 1.23456789e+08 1e-05");
	gives("{{'a'}} {{'\\n'}} {{'\u00e9'}} {{'\\x41'}}", "97 10 233 65");
	gives("{{\"a\\tb\\\\\\\"c\\x41\\u00e9\\101\\U0001F600\"}}", "a\tb\\\"cA\u00e9A\U0001F600");
	gives("{{`raw \"x\" \\n`}}", "raw \"x\" \\n");
	gives("{{if 0.0}}t{{else}}f{{end}}{{if 0.1}}t{{end}}", "ft");
	fails("{{\"\\q\"}}", "unknown escape");
	fails("{{\"\\u12\"}}", "unknown escape");
	fails("{{\"\\ud800\"}}", "unknown escape");
	fails("{{\"a\nb\"}}", "string without an end");
	fails("{{'ab'}}", "string without an end");
	fails("{{0x}}", "not a number");
	fails("{{1__0}}", "not a number");
	fails("{{1_}}", "not a number");
	fails("{{1i}}", "not a number");
	fails("{{print \"a\"\"b\"}}", "expected a blank");
	fails("{{print 1(2)}}", "expected a blank");
	fails("{{1-}}", "expected a blank");
	fails("{{12abc}}", "not a number");
	fails("{{1.2.3}}", "not a number");
	fails("{{99999999999999999999}}", "not a number");
	fails("{{nil}}", "nil is not a command");
}

static void what_cannot_be_compared_is_an_error(void **state)
{
	(void)state;
	gives("{{eq 1.5 1.5}}{{lt 1.5 2}}{{gt 1.5 2.5}}{{eq .Nothing nil}}{{ne .Id nil}}",
		"truetruefalsetruetrue");
	gives("{{eq .Size 1 2 12}}{{eq .Size 1 2}}", "truefalse");
	fails("{{eq .Id 1}}", "incompatible types");
	fails("{{ne .Yes \"true\"}}", "incompatible types");
	fails("{{lt .Yes false}}", "invalid type");
	fails("{{eq .RepoTags .RepoTags}}", "non-comparable");
	fails("{{lt .Id 1}}", "incompatible types");
}

static void parts_of_text_and_lists(void **state)
{
	(void)state;
	gives("{{index .Id 0}} {{slice .RepoTags 0 1 2}} {{slice .Id 7}}", "115 [a:1] ab");
	gives("{{split \"a\u00e9b\" \"\"}} {{len (split \"\" \",\")}} {{title \"ab cd-ef_g "
	      "it's\"}}",
		"[a \u00e9 b] 1 Ab Cd-Ef_g It'S");
	fails("{{index .Id 99}}", "out of range");
	fails("{{slice .RepoTags 2 1}}", "out of range");
	fails("{{slice .RepoTags 0 2 1}}", "out of range");
	fails("{{slice .Id 0 1 2}}", "a string has no capacity");
}

static void templates_may_define_others(void **state)
{
	(void)state;
	gives("{{define \"x\"}}[{{.}}{{$}}]{{end}}{{template \"x\" .Size}}{{template `x`}}",
		"[1212][<no value><no value>]");
	gives("{{template \"late\" .}}{{define \"late\"}}<{{.Size}}>{{end}}", "<12>");
	gives("{{range .RepoTags}}{{template \"t\" .}}{{end}}{{define \"t\"}}({{.}}){{end}}",
		"(a:1)(b:2)");
	gives("{{block \"b\" .Size}}({{.}}){{end}}{{template \"b\" 3}}", "(12)(3)");
	gives("{{define \"l\"}}{{if .}}{{index . 0}},{{template \"l\" slice . 1}}{{end}}{{end}}"
	      "{{template \"l\" .RepoTags}}",
		"a:1,b:2,");
	gives("{{define \"a\"}}1{{end}}{{define \"a\"}}2{{end}}{{template \"a\"}}", "2");
	gives("{{define \"a\"}}{{range .}}{{.}}{{break}}{{end}}{{end}}{{template \"a\" .RepoTags}}",
		"a:1");
	fails("{{define \"x\"}}{{$v}}{{end}}{{$v := 1}}{{template \"x\"}}", "undefined variable");
	fails("{{template \"nope\"}}", "\"nope\" is not defined");
	fails("{{define \"x\"}}a", "missing {{end}}");
	fails("{{if .Yes}}{{define \"x\"}}{{end}}{{end}}", "stands in no other block");
	fails("{{define \"x\"}}{{define \"y\"}}{{end}}{{end}}", "stands in no other block");
	fails("{{range .RepoTags}}{{block \"x\" .}}{{break}}{{end}}{{end}}", "belong into");
	fails("{{define x}}{{end}}", "expected the name of a template");
	fails("{{template .Id}}", "expected the name of a template");
	fails("{{block \"x\"}}{{end}}", "missing value");
	fails("{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}", "too often");
	/* ninety of them, each twice in the one before */
	AUTO_BUF struct buf doubling = BUF_INIT(16384);
	for (int i = 0; i < 90; i++)
		buf_addf(&doubling,
			"{{define \"%d\"}}{{template \"%d\"}}{{template \"%d\"}}{{end}}", i, i + 1,
			i + 1);
	buf_addstr(&doubling, "{{define \"90\"}}{{end}}{{template \"0\"}}");
	fails(buf_str(&doubling), "too often");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(break_and_continue_leave_a_round),
		cmocka_unit_test(and_and_or_stop_at_the_first_that_tells),
		cmocka_unit_test(with_may_have_an_else_with),
		cmocka_unit_test(text_is_escaped_for_other_languages),
		cmocka_unit_test(numbers_are_printed_as_asked),
		cmocka_unit_test(printf_is_that_of_go),
		cmocka_unit_test(constants_are_those_of_go),
		cmocka_unit_test(what_cannot_be_compared_is_an_error),
		cmocka_unit_test(parts_of_text_and_lists),
		cmocka_unit_test(templates_may_define_others),
		cmocka_unit_test(prints_values_as_go_does),
		cmocka_unit_test(prints_durations_as_go_does),
		cmocka_unit_test(prints_structs_as_go_does),
		cmocka_unit_test(times_have_methods_as_in_go),
		cmocka_unit_test(finds_fields_by_gos_names),
		cmocka_unit_test(branches_and_loops),
		cmocka_unit_test(keeps_variables_in_their_block),
		cmocka_unit_test(trims_blanks),
		cmocka_unit_test(calls_functions),
		cmocka_unit_test(refuses_what_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
