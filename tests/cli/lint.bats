#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Checks that need more than the text (the others: tests/unit/test_lint.c), --check, --call and how a build shows warnings.
# shellcheck disable=SC2016 # variables here are those of Containerfiles
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mkdir -p ctx
}

teardown() {
	test_teardown
}

# The rules that --check finds broken: "LINE Rule", sorted by place.
rules() { # ARGUMENTS...
	mica build --call=check,format=json,ignorestatus=true "$@" ctx |
		python3 -c 'import json, sys
for w in json.load(sys.stdin)["warnings"]:
    print(w["location"]["ranges"][0]["start"]["line"], w["ruleName"])' | paste -sd, -
}

check_rules() { # EXPECTED ARGUMENTS...: of standard input
	local expected=$1 got
	shift
	containerfile
	got=$(rules "$@")
	[ "$got" = "$expected" ] || fail "expected '$expected', got '$got'"
}

@test "UndefinedVar" {
	touch ctx/f
	check_rules '2 UndefinedVar' <<<'FROM scratch
COPY f$foo /x
ARG foo
COPY f$foo /y'
	check_rules '' <<<'FROM scratch AS base
ARG foo=f
FROM base
COPY $foo /x'
	check_rules '' <<<'FROM busybox
ENV PATH=$PATH:/x
RUN echo $nothing'
	# as in BuildKit, a word that is taken instead does not make it defined
	check_rules '2 UndefinedVar,2 UndefinedVar,3 UndefinedVar' <<<'FROM busybox
COPY f${x:-} ${y-/z}
LABEL l=${v:+w}'
	check_rules '2 UndefinedVar,3 UndefinedVar' <<<'FROM busybox
ENV PATH=$PAHT:/x
RUN --mount=type=cache,target=/c/$dir true'
	run mica build --check ctx
	[ "$status" = 1 ]
	[[ "$output" == *"Containerfile:2:10: UndefinedVar: Usage of undefined variable '\$PAHT' (did you mean \$PATH?)"* ]] || fail "$output"
	# a default that --build-arg replaces is not used
	check_rules '' --build-arg a=1 <<<'FROM scratch
ARG a=$undefined'
	check_rules '2 UndefinedVar' <<<'FROM scratch
ARG a=$undefined'
}

@test "UndefinedArgInFrom, InvalidDefaultArgInFrom" {
	check_rules '' <<<'ARG base=scratch
FROM $base'
	check_rules '' <<<'FROM --platform=$BUILDPLATFORM scratch'
	check_rules '2 UndefinedArgInFrom' <<<'ARG tag=latest
FROM busybox:${tag}${version}'
	check_rules '3 InvalidDefaultArgInFrom' --build-arg VERSION=latest <<<'# about
ARG VERSION
FROM busybox:$VERSION'
	check_rules '' --build-arg VERSION=latest <<<'ARG VERSION=latest
FROM busybox:$VERSION'
	check_rules '' <<<'ARG VARIANT
FROM busybox:latest${VARIANT}'
	# the warning comes before the error it explains
	containerfile <<<'FROM --platform=$BULIDPLATFORM scratch'
	run --separate-stderr mica build --check ctx
	[ "$status" = 125 ]
	[[ "$output" == *"FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)"* ]] || fail "$output"
}

@test "RedundantTargetPlatform, FromPlatformFlagConstDisallowed, InvalidBaseImagePlatform, EmulatedStage" {
	check_rules '1 RedundantTargetPlatform' <<<'FROM --platform=${TARGETPLATFORM} scratch'
	check_rules '' <<<'FROM --platform=$BUILDPLATFORM scratch'
	check_rules '1 FromPlatformFlagConstDisallowed' <<<'FROM --platform=linux/amd64 scratch'
	check_rules '' <<<'FROM --platform=linux/amd64 scratch AS my_amd64_stage'
	check_rules '' <<<'FROM --platform=linux/amd64 scratch AS linux'
	mkdir tree
	plain_tar tree.tar tree
	(
		dpkg() { echo riscv64; }
		make_layout layout '{}' tree.tar
	)
	to_registry layout library/foreign:latest
	check_rules '1 InvalidBaseImagePlatform' <<<'FROM foreign'
	check_rules '' --platform linux/riscv64 <<<'FROM foreign'
	check_rules '2 EmulatedStage' --platform linux/riscv64 <<<'# check=experimental=all
FROM foreign AS a
RUN true
FROM a AS b
RUN true
FROM foreign
RUN true'
}

@test "JSONArgsRecommended knows the shell of the base" {
	check_rules '2 JSONArgsRecommended,3 JSONArgsRecommended' <<<'FROM scratch
CMD mycommand
ENTRYPOINT mycommand'
	check_rules '' <<<'FROM scratch AS base
SHELL ["/usr/bin/customshell"]
FROM base
CMD mycommand
ENTRYPOINT mycommand'
	check_rules '' <<<'FROM scratch
CMD ["a"]
ENTRYPOINT ["b"]'
}

@test "MultipleInstructionsDisallowed is of one stage, and points to the one without effect" {
	check_rules '2 MultipleInstructionsDisallowed,4 MultipleInstructionsDisallowed,6 MultipleInstructionsDisallowed' <<<'FROM scratch
ENTRYPOINT ["/a"]
ENTRYPOINT ["/b"]
CMD ["/a"]
CMD ["/b"]
HEALTHCHECK CMD ["/a"]
HEALTHCHECK CMD ["/b"]'
	check_rules '' <<<'FROM scratch AS a
CMD ["/a"]
FROM a
CMD ["/b"]'
}

@test "WorkdirRelativePath, LegacyKeyValueFormat, SecretsUsedInArgOrEnv, ExposeProtoCasing" {
	check_rules '2 WorkdirRelativePath' <<<'FROM scratch
WORKDIR app/
WORKDIR sub'
	check_rules '' <<<'FROM scratch AS a
WORKDIR /app
FROM a
WORKDIR sub'
	check_rules '2 LegacyKeyValueFormat,3 LegacyKeyValueFormat' <<<'FROM scratch
ENV testname value
LABEL name value'
	check_rules '2 SecretsUsedInArgOrEnv,3 SecretsUsedInArgOrEnv' <<<'FROM scratch
ARG GITHUB_TOKEN
ENV PASSWORD=x PUBLIC_KEY=y'
	check_rules '3 ExposeProtoCasing' <<<'FROM scratch
ARG p=TCP
EXPOSE 80/$p'
	# the credential is not repeated
	containerfile <<<'FROM scratch
ENV PASSWORD=hunter2'
	run mica build --check ctx
	[[ "$output" != *hunter2* ]] || fail "$output"
}

@test "CopyIgnoredFile" {
	echo x | tee ctx/Containerfile ctx/hidden ctx/seen
	echo hidden >ctx/.dockerignore
	check_rules '2 CopyIgnoredFile,4 CopyIgnoredFile' <<<'FROM scratch
COPY hidden /a
COPY seen /b
ADD hidden /c'
	# the same name in another stage is another file
	check_rules '' <<<'FROM scratch AS base
COPY seen /hidden
FROM base
COPY --from=base /hidden /b'
}

@test "rules of our own" {
	mkdir ctx/dir
	touch ctx/f
	check_rules '2 CopyMatchesNothing' <<<'FROM scratch
COPY no-such-* /a'
	check_rules '' <<<'FROM scratch
VOLUME /data
COPY f /data/f
COPY dir /x'
	check_rules '2 RunAlmostJSON,3 RunAlmostJSON' <<<'FROM busybox
RUN ["a", '"'b'"']
RUN ['"'a'"']
RUN ["a", "b"]
RUN [ "$a" = b ]
RUN [ -f x ] && [ "$y" ]
RUN ["$x" = 1 ] || true'
	check_rules '4 CopyBelowVolume,5 CopyDirectoryContents' <<<'# check=experimental=all
FROM scratch
VOLUME /data
COPY f /data/f
COPY dir /x
COPY dir/ f . /database/'
	# builds, whatever check=error says of BuildKit's rules
	containerfile <<<'# check=error=true
FROM scratch
COPY no-such-* /a'
	mica build -q ctx
}

@test "--check builds nothing and finds what is in stages that are not needed" {
	containerfile <<<'FROM busybox AS unused
RUN touch /was-here
ENV a b
FROM scratch AS last
CMD ["x"]'
	run --separate-stderr mica build --check ctx
	[ "$status" = 1 ]
	[[ "${lines[0]}" == 'Check complete, 1 warning has been found!' ]] || fail "$output"
	[[ "$output" == *"Containerfile:3:1: LegacyKeyValueFormat"*"   3 | ENV a b"* ]] || fail "$output"
	[[ "$stderr" != *RUN* ]] || fail "$stderr"
	mica build --check --target last ctx | grep -qx 'Check complete, no warnings found.'
	run -125 --separate-stderr mica build --check --target nosuch ctx
	[ -z "$output" ]
	# and a build only of those that are
	run --separate-stderr mica build ctx
	[ "$status" = 0 ]
	[[ "$stderr" != *warning* ]] || fail "$stderr"
}

@test "--check tells errors too" {
	containerfile <<<'FROM scratch as x
COPY --from=x a /'
	run --separate-stderr mica build --check ctx
	[ "$status" = 125 ]
	[[ "$output" == "Check not complete, 1 warning has been found!"*FromAsCasing* ]] || fail "$output"
	assert_error "Containerfile:2:6: COPY --from=x: .*a stage cannot copy from itself"
	run --separate-stderr mica build --call=check,format=json ctx
	[ "$status" = 125 ]
	python3 -c 'import json, sys
d = json.load(sys.stdin)
assert "from itself" in d["buildError"]["message"], d' <<<"$output"
}

@test "--check does not ask for what only a build needs, as BuildKit's" {
	ln -s nowhere ctx/link
	check_rules '13 JSONArgsRecommended' <<<'FROM scratch AS base
FROM busybox
COPY target/app.jar /
COPY link link/* none/* /a/
ADD link/x.tar /
COPY --from=0 /no-such /
RUN --network=host true
RUN --security=insecure true
RUN --mount=type=bind,source=none,target=/m true
RUN --mount=type=bind,source=link,target=/m true
RUN --mount=type=secret,id=s,required true
RUN --mount=type=ssh,required true
CMD foo'
	run -125 mica build ctx
}

# covers: check
@test "a build ends with its warnings; error=true fails before the first step" {
	containerfile <<<'FROM scratch as x
COPY Containerfile /
CMD x'
	run --separate-stderr mica build ctx
	[ "$status" = 0 ]
	[[ "$stderr" == *"2 warnings found"*" - Containerfile:1:14: FromAsCasing: 'as' and 'FROM' keywords' casing do not match"* ]] || fail "$stderr"
	run --separate-stderr mica build -q ctx
	[ -z "$stderr" ] || fail "$stderr"
	run --separate-stderr mica build --no-cache --build-arg BUILDKIT_DOCKERFILE_CHECK='skip=FromAsCasing;error=true' ctx
	assert_error 'lint violation found for rules: JSONArgsRecommended'
	[[ "$stderr" != *COPY* ]] || fail "$stderr"
	sed -i '1i # check=error=true' ctx/Containerfile
	run --separate-stderr mica build ctx
	assert_error 'lint violation found for rules: FromAsCasing, JSONArgsRecommended'
	# the argument replaces the directive
	mica build -q --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all ctx
	run --separate-stderr mica build --build-arg BUILDKIT_DOCKERFILE_CHECK=sikp=all ctx
	assert_error "BUILDKIT_DOCKERFILE_CHECK: check option 'sikp'"
	sed -i '1s/.*/# check=error/' ctx/Containerfile
	run --separate-stderr mica build ctx
	assert_error "Containerfile:1:9: # check=: check option 'error'"
}

@test "the document of a check names places and carries the text" {
	containerfile <<<'FROM scratch
CMD a \
 b'
	mica build --call=check,format=json,ignorestatus=true ctx >doc
	python3 - <<'END'
import base64, json
d = json.load(open("doc"))
w, = d["warnings"]
assert w["ruleName"] == "JSONArgsRecommended", w
assert w["detail"].startswith("JSON arguments recommended for CMD"), w
assert w["location"]["ranges"] == [{"start": {"line": 2}, "end": {"line": 3}}], w
assert w["url"] == "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/", w
s, = d["sources"]
assert s["filename"] == "Containerfile" and s["language"] == "Dockerfile", s
assert base64.b64decode(s["data"]) == open("ctx/Containerfile", "rb").read()
END
	run mica build --call=check,format=json ctx
	[ "$status" = 1 ]

	# the place of what keeps it from being built, and the text also when it cannot be read; a blank line is told as docker tells it
	printf 'FROM scratch\nLABEL a=b \\\n\n c=d\nCOYP a b\n' >ctx/Containerfile
	run -125 --separate-stderr mica build --call=check,format=json ctx
	# shellcheck disable=SC2154 # run sets stderr
	[[ $stderr == "mica: Containerfile:5:1: "* ]]
	echo "$output" >doc
	sed -i 's/COYP/COPY --from=0/' ctx/Containerfile
	run -125 --separate-stderr mica build --call=check,format=json --target=nope ctx
	echo "$output" >target
	run -125 --separate-stderr mica build --call=check,format=json ctx
	echo "$output" >missing
	python3 - <<'END'
import base64, json
d = json.load(open("doc"))
assert d["buildError"]["message"] == "unknown instruction 'COYP', did you mean COPY?", d["buildError"]
assert d["buildError"]["location"] == {"ranges": [{"start": {"line": 5}, "end": {"line": 5}}]}, d["buildError"]
assert base64.b64decode(d["sources"][0]["data"]).endswith(b"COYP a b\n")
assert json.load(open("target"))["buildError"]["location"] == {}
d = json.load(open("missing"))
assert d["buildError"]["message"].startswith("COPY --from=0: ") and "\n" not in d["buildError"]["message"], d
assert d["buildError"]["location"]["ranges"][0]["start"]["line"] == 5
w, = d["warnings"]
assert w["location"]["ranges"] == [{"start": {"line": 4}, "end": {"line": 4}}], w
END
	sed -i '1i # check=error=true' ctx/Containerfile
	sed -i '/^COPY/d' ctx/Containerfile
	run -1 mica build --call=check,format=json ctx
	[[ $output == *'"message": "lint violation found for rules: NoEmptyContinuation"'* ]]
	run mica build --call=check,format=yaml ctx
	[ "$status" = 125 ]
}

@test "--call=targets lists stages with their descriptions" {
	containerfile <<<'ARG V=1
# this is not about a stage

# base is where
# all begins
FROM scratch AS base
# other things
FROM base
FROM --platform=$BUILDPLATFORM base AS tool
# Web serves
FROM base AS Web'
	[ "$(mica build --call=targets ctx)" = 'TARGET          DESCRIPTION
base            is where
tool            
web (default)   ' ] || fail "$(mica build --call=targets ctx)"
	mica build --call=targets,format=json ctx | python3 -c 'import json, sys
t = json.load(sys.stdin)["targets"]
assert [x.get("name") for x in t] == ["base", None, "tool", "web"], t
assert t[0]["description"] == "is where" and t[0]["base"] == "scratch", t
assert t[2]["platform"] == "$BUILDPLATFORM" and t[3]["default"] is True, t
assert t[2]["location"]["ranges"][0]["start"]["line"] == 9, t'
	# nothing of it is looked for, and whether it can be built is another matter
	containerfile <<<'# check=nonsense=1
FROM no-such-image AS a
COPY no-such-file /
FROM --platform=nonsense $NONE AS b'
	mica build --call=targets --target=nope ctx | grep -q '^b (default)'
}

@test "--call=outline lists what the target takes" {
	containerfile <<<'# BASE is what it stands on
ARG BASE=scratch
ARG unused=1
# COLOUR is everybody'"'"'s
ARG COLOUR=red
FROM $BASE AS other
COPY not-here /
ARG nobody=1
FROM $BASE AS web
ARG COLOUR
# SIZE in bytes
ARG SIZE=$COLOUR-1
ARG TARGETARCH
RUN --mount=type=secret,id=key,required --mount=type=secret,id=opt --mount=type=ssh true'
	[ "$(mica build --call=outline --build-arg COLOUR=blue ctx)" = 'TARGET:   web

BUILD ARG   VALUE     DESCRIPTION
BASE        scratch   is what it stands on
COLOUR      blue      
SIZE        blue-1    in bytes

SECRET   REQUIRED
key      true
opt      

SSH       REQUIRED
default   ' ] || fail "$(mica build --call=outline --build-arg COLOUR=blue ctx)"
	mica build --print=outline,format=json --target other --metadata-file told ctx | python3 -c 'import json, sys
d = json.load(sys.stdin)
assert d["name"] == "other", d
assert [a["name"] for a in d["args"]] == ["BASE", "nobody"], d
assert "secrets" not in d and "ssh" not in d, d
assert json.load(open("told"))["result.json"] == d
assert d["args"][0]["location"]["ranges"][0]["start"]["line"] == 2, d'
}

@test "--call=outline knows the last one of a name, in the order of the file" {
	containerfile <<<'ARG G=1
# G again
ARG G=2
FROM scratch AS base
# A first
ARG A=1
RUN --mount=type=secret,id=s,required --mount=type=secret,id=t true
# A third
ARG A=2
ARG N=1
ARG N
FROM base
ARG G
# A last
ARG A="$G"
RUN --mount=type=secret,id=s true'
	outline() { # OPTIONS...
		mica build --call=outline,format=json "$@" ctx | jq -c '[.args[] | [.name, .value, .description, .location.ranges[0].start.line]], [.secrets[] | [.name, .required]]'
	}
	[ "$(outline)" = '[["G","2","again",3],["N",null,null,11],["A","2","last",15]]
[["t",null],["s",null]]' ] || fail "$(outline)"
	[ "$(outline --target=base)" = '[["A","2","third",9],["N",null,null,11]]
[["s",true],["t",null]]' ] || fail "$(outline --target=base)"
}

@test "--call=build builds, others are refused" {
	containerfile <<<'FROM scratch
COPY Containerfile /'
	id=$(mica build -q --call=build ctx)
	[ "${#id}" = 64 ]
	run --separate-stderr mica build --call=bulid ctx
	assert_error "'bulid' is not one of"
}

@test "--progress=rawjson: every line is a document of BuildKit's shape" {
	containerfile <<<'FROM busybox as web
RUN printf "hello\n\033[31mred \377" && echo more >&2
COPY Containerfile /x'
	mica build --network=none --progress=rawjson ctx >id 2>progress
	mica build --network=none --progress=rawjson ctx >id2 2>cached
	cmp id id2
	run --separate-stderr env BUILDKIT_PROGRESS=rawjson "$MICA_BIN" --root "$MICA_ROOT" build --network=none --no-cache ctx
	head -n 1 <<<"$stderr" | jq -e '.vertexes'
	python3 - <<'END'
import base64, datetime, json, re

def read(name):
    out = {"vertexes": [], "statuses": [], "logs": [], "warnings": []}
    for line in open(name):
        doc = json.loads(line)
        assert len(doc) == 1, doc
        for key, values in doc.items():
            out[key] += values
    return out

def time(text):
    return datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", text).replace("Z", "+00:00"))

p = read("progress")
run = [v for v in p["vertexes"] if "RUN printf" in v["name"]]
assert len(run) == 2 and run[0]["digest"] == run[1]["digest"], run
assert "completed" not in run[0] and time(run[1]["completed"]) >= time(run[1]["started"]), run
assert not any(v.get("cached") for v in run), run
assert re.fullmatch(r"sha256:[0-9a-f]{64}", run[0]["digest"]), run
logs = b"".join(base64.b64decode(l["data"]) for l in p["logs"] if l["vertex"] == run[0]["digest"])
assert b"hello\n\033[31mred \xff" in logs and b"more\n" in logs, logs
assert all(l["stream"] == 1 and time(l["timestamp"]) for l in p["logs"])
w, = p["warnings"]
assert base64.b64decode(w["short"]) == b"FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)", w
assert w["range"] == [{"start": {"line": 1}, "end": {"line": 1}}] and w["level"] == 1, w
assert base64.b64decode(w["sourceInfo"]["data"]) == open("ctx/Containerfile", "rb").read()
assert any(v["name"].startswith("built ") and "completed" in v for v in p["vertexes"]), p
cached = [v for v in read("cached")["vertexes"] if "RUN printf" in v["name"]]
assert cached[-1]["cached"] is True, cached
END
}

@test "--progress=rawjson of a failing build" {
	containerfile <<<'FROM busybox
RUN echo last words; exit 7'
	run --separate-stderr mica build --network=none --progress=rawjson ctx
	[ "$status" = 7 ]
	[ -z "$output" ]
	# the error itself is for people, as docker's
	[[ "${stderr_lines[-4]}" == 'mica: Containerfile:2:1: '* || "${stderr_lines[-3]}" == 'mica: Containerfile:2:1: '* ]] || fail "$stderr"
	sed '/^mica: /,$d' <<<"$stderr" | python3 -c 'import json, sys
docs = [json.loads(line) for line in sys.stdin]
failed = [v for d in docs for v in d.get("vertexes", []) if v.get("error")]
assert len(failed) == 1 and "RUN echo" in failed[0]["name"], docs'
	run --separate-stderr mica build --progress=fancy ctx
	assert_error "'fancy' is not one of"
	run --separate-stderr env BUILDKIT_PROGRESS=fancy "$MICA_BIN" --root "$MICA_ROOT" build ctx
	assert_error "BUILDKIT_PROGRESS: 'fancy' is not one of"
	# the option wins
	BUILDKIT_PROGRESS=fancy mica build --progress=plain --call=targets ctx
}

@test "checks fetch no layers, and do without a base that cannot be had" {
	local fresh=$T/fresh manifests blobs
	containerfile <<<'FROM docker.io/library/busybox AS base
ARG a=1
WORKDIR x
FROM base
ENV PATH=$PATH:/x b=$nothing'
	for what in check outline; do
		blobs=$(requests registry 'GET /v2/[^ ]*/blobs/')
		manifests=$(requests registry 'GET /v2/[^ ]*/manifests/')
		mica --root "$fresh" build --call=$what,ignorestatus=true,format=json ctx >$what.json
		[ $(($(requests registry 'GET /v2/[^ ]*/blobs/') - blobs)) = 1 ] || fail "more than the config"
		[ $(($(requests registry 'GET /v2/[^ ]*/manifests/') - manifests)) -ge 1 ]
		[ -z "$(mica --root "$fresh" images -aq)" ]
		[ -z "$(ls "$fresh/layers")" ]
		rm -rf "$fresh"
	done
	[ "$(jq -r '[.warnings[].ruleName] | sort | join(",")' check.json)" = UndefinedVar,WorkdirRelativePath ]
	[ "$(jq -r '.args[0].name' outline.json)" = a ]
	# the build has all of it all the same
	mica --root "$fresh" build --call=check,ignorestatus=true ctx
	mica --root "$fresh" build -q --network=none ctx

	containerfile <<<'FROM docker.io/library/none-such AS unused
ENV c=$from_the_base
workdir y
FROM docker.io/library/busybox
COPY --from=docker.io/library/none-either /f /
MAINTAINER me'
	for what in check targets outline; do
		run --separate-stderr mica build --call=$what,ignorestatus=true ctx
		[ "$status" = 0 ] || fail "$stderr"
	done
	rules 2>/dev/null >got
	[ "$(cat got)" = "3 ConsistentInstructionCasing,3 WorkdirRelativePath,6 MaintainerDeprecated" ] || fail "$(cat got)"
	run --separate-stderr mica build --check ctx
	[ "$status" = 1 ]
	[[ "$stderr" == *"warning: Containerfile:1:6: "*none-such*"told without it"* ]] || fail "$stderr"
	run mica build --check --target=unused ctx
	[ "$status" = 1 ] || fail "$output"
	# a build of it is refused
	run --separate-stderr mica build ctx
	assert_error "Containerfile:5:6: --from=docker.io/library/none-either"
}
