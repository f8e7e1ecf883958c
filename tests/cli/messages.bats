#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a mistake in a Containerfile, or in the command that builds it, looks like: where, what, and what was meant. And that it is found
# before anything runs.
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
	mkdir -p ctx/src
	touch ctx/package.json ctx/src/main.c ctx/secret.txt
	printf 'node_modules\nsecret*\n' >ctx/.dockerignore
	mica pull -q busybox
}

teardown() {
	test_teardown
}

# A build of standard input fails with this text in its error (no pattern), and nothing was run.
says() { # TEXT ARGUMENTS...
	local text=$1
	shift
	containerfile
	run --separate-stderr mica build --network=none --progress=plain "$@" ctx
	[ "$status" = 125 ] || fail "status $status: $stderr"
	grep -F 'mica: ' <<<"$stderr" | grep -qF -- "$text" || fail "not '$text': $stderr"
	[[ "$stderr" != *must-not-run* ]] || fail "a step was run: $stderr"
}

# A RUN fails with this text.
run_says() { # STATUS TEXT RUN_ARGUMENTS
	printf 'FROM busybox\n%s\nRUN %s\n' "${SETUP:-}" "$3" | containerfile
	run "-$1" --separate-stderr mica build --network=none --progress=plain ctx
	grep -F 'mica: ' <<<"$stderr" | grep -qF -- "$2" || fail "not '$2': $stderr"
}

after_a_run() { # LINES: behind a RUN that must not happen
	printf 'FROM busybox AS builder\nFROM busybox\nRUN echo must-not-run\n%s\n' "$1"
}

@test "a base that is not fetched, a stage that comes later, a trigger, an empty input, a credential" {
	says "1:6: nosuch:5: image not known, and the pull policy is 'never'" --pull=never <<<'FROM nosuch:5'
	says "1:6: later: image not known, and the pull policy is 'never'; the stage 'later' comes later: move it before" --pull=never \
		<<<$'FROM later AS first\nRUN echo must-not-run\nFROM first AS later\nRUN true'
	says "debian: image not known, and the pull policy is 'never'" --pull=never <<<'FROM debian AS debian'
	[[ "$stderr" != *"comes later"* ]] || fail "$stderr"
	printf 'FROM busybox\nONBUILD COPY nosuch /x\n' | containerfile
	mica build -q -t trigger ctx
	says "Containerfile:2:6: ONBUILD trigger of trigger:1:6: COPY: no such file or directory: 'nosuch'" <<<$'# comment\nFROM trigger'
	grep -qxF '   1 | COPY nosuch /x' <<<"$stderr" || fail "$stderr"
	says "2:24: --mount: unexpected key 'uid' for mount type 'tmpfs'" <<<$'FROM busybox\nRUN --mount=type=tmpfs,uid=q,target=/t true'
	[[ "$stderr" != *"number"* ]] || fail "$stderr"
	run -125 --separate-stderr mica build - </dev/null
	assert_error "nothing was written to standard input: an archive or a Containerfile is expected there"
	says "2:5: ADD" <<<$'FROM busybox\nADD https://user:hunter2@127.0.0.1:y/x /x'
	[[ "$stderr" != *hunter2* && "$stderr" == *'https://************@127.0.0.1:y/x'* ]] || fail "$stderr"
}

@test "who logs in to a URL is in no line about the build, only in the image's history" {
	local args=(build --network=none --no-cache --explain-cache --build-arg "OTHER=ftp://dan:hunter2@h/" --build-arg "HTTP_PROXY=http://eve:hunter2@h")
	containerfile <<-'EOF'
		FROM busybox
		ARG U=https://ann:hunter2@h/ OTHER
		ENV E=https://ann:hunter2@h/
		RUN true https://bob:hunter2@h/
		RUN <<-X
			true https://bob:hunter2@h/very/long/paths/are/cut/where/there/is/more/than/a/line/takes https://bob:hunter2@h/
		X
		COPY Contain* https://bob:hunter2@h/
		WORKDIR /http://cid:hunter2@h/
	EOF
	run -0 mica --log-level debug "${args[@]}" --progress=plain -t who ctx
	[[ $output != *hunter2* && $output == *'true https://***********@h/'* && $output == *"--build-arg OTHER: it looks"* ]] || fail "$output"
	[[ $output != *HTTP_PROXY* ]] || fail "$output"
	run -0 mica "${args[@]}" --progress=rawjson ctx
	grep -o '"data":"[^"]*"' <<<"$output" | cut -d'"' -f4 | while read -r data; do base64 -d <<<"$data"; done >data
	[[ $output != *hunter2* && $output == *'true https://***********@h/'* ]] || fail "$output"
	grep -qF 'U=https://***********@h/' data || fail "$(<data)"
	run ! grep hunter2 data
	for call in outline check targets; do
		run --separate-stderr mica build --call=$call,format=json --build-arg "OTHER=ftp://dan:hunter2@h/" ctx
		[[ $output != *hunter2* ]] || fail "$output"
		jq -r '.sources[] | .data? // .' <<<"$output" | base64 -d >data
		grep -qF 'U=https://***********@h/' data || fail "$(<data)"
		run ! grep hunter2 data
	done
	run -1 mica build --network=none --progress=plain --logfile log - <<<$'FROM busybox\nRUN exit 1 https://bob:hunter2@h/'
	[[ $output != *hunter2* && $(<log) != *hunter2* ]] || fail "$output $(<log)"
	mica history --no-trunc who >history
	grep -qF 'ENV E=https://ann:hunter2@h/' history || fail "$(<history)"
}

@test "an image that is there for another platform, a bad name, an argument that nothing takes" {
	printf 'FROM scratch\nCOPY Containerfile /\n' >ctx/Containerfile
	mica build -q --network=none -t only ctx
	printf 'FROM localhost/only\n' >ctx/Containerfile
	run -125 --separate-stderr mica build --retry-delay=1ms --platform=linux/riscv64 ctx
	assert_error "the store has 'localhost/only' for linux/amd64, but not for linux/riscv64, and "
	run -125 --separate-stderr mica build --platform=linux/riscv64 --pull=never ctx
	assert_error "1:6: the store has 'localhost/only' for linux/amd64, but not for linux/riscv64, and the pull policy is 'never'"
	run -125 --separate-stderr mica build -t 'Bad Name' ctx
	assert_error '^mica: --tag Bad Name: invalid reference format'
	run -125 --separate-stderr mica build -t UPPER ctx
	assert_error '^mica: --tag UPPER: invalid reference format: repository name must be lowercase'
	printf 'ARG one\nFROM localhost/only\nARG two=2\n' >ctx/Containerfile
	run -0 --separate-stderr mica build --build-arg one=1 --build-arg two=1 --build-arg http_proxy=x --build-arg three=3 --build-arg four ctx
	[[ $stderr == *"one or more build args were not consumed: [three four]; no ARG takes them"* ]]
	run -0 --separate-stderr mica build --build-arg=oen=1 --build-arg=TWWO=2 ctx
	[[ $stderr == *"[oen TWWO]; no ARG takes them, did you mean one for oen, two for TWWO?"* ]] || fail "$stderr"
	run -0 --separate-stderr mica build --build-arg two=1 ctx
	[[ $stderr != *"no ARG"* ]]
	# whatever is asked for: what is left of a damaged one serves nobody
	rm "$MICA_ROOT/blobs/sha256/$(jq -r '.manifests[] | select(.annotations[] == "localhost/only:latest") | .digest[7:]' "$MICA_ROOT/index.json")"
	for platform in "" --platform=linux/riscv64 "--platform=linux/$(dpkg --print-architecture)"; do
		# shellcheck disable=SC2086 # or none
		run -125 --separate-stderr mica build --retry-delay=1ms $platform ctx
		assert_error "the store has 'localhost/only', but parts of it are missing \(.mica fsck. tells which\), and "
	done
}

@test "a -f that is no file says why not" {
	mkdir ctx/dir
	touch ctx/file
	run -125 mica build -f ctx/dir ctx
	[ "$output" = "mica: -f ctx/dir: it is a directory; name a Containerfile in it" ]
	run -125 mica build -f ctx/file/Containerfile ctx
	[ "$output" = "mica: cannot open ctx/file/Containerfile: not a directory" ] || fail "$output"
	run -125 mica build -f ctx/none ctx
	[ "$output" = "mica: cannot open 'ctx/none': no such file here or in the context" ] || fail "$output"
	run -125 mica build ctx
	[ "$output" = "mica: cannot find Containerfile or Dockerfile in 'ctx': no such file or directory; name one with -f" ] || fail "$output"
	touch ctx/Dockerfile.dev
	run -125 mica build ctx
	[[ "$output" == *"; name one with -f, such as 'Dockerfile.dev'" ]] || fail "$output"
	run -125 mica build -f ctx/Dockerfile.dve ctx
	[ "$output" = "mica: cannot open 'ctx/Dockerfile.dve': no such file here or in the context, did you mean 'Dockerfile.dev'?" ] || fail "$output"
	echo 'FROM scratch' >ctx/dockerfile
	mica build --quiet ctx
}

@test "a missing source of COPY says what is there instead" {
	says "Containerfile:4:6: COPY: no such file or directory: 'pakage.json' in the context ctx (it has 4 files), did you mean 'package.json'?" \
		< <(after_a_run 'COPY pakage.json /')
	[[ "$stderr" == *"
   4 | COPY pakage.json /
     |      ^~~~~~~~~~~"* ]] || fail "$stderr"
	says "did you mean 'src/main.c'?" < <(after_a_run 'COPY SRC/main.c /')
	says "did you mean 'src/main.c'?" < <(after_a_run 'ADD src/mian.c /')
	says "did you mean 'src/main.c'?" < <(after_a_run 'COPY main.c /')
	says "no such file or directory: '../x' in the context ctx (it has 4 files); escaping context directory error: nothing outside of it can be copied" < <(after_a_run 'COPY ../x /')
	says "Containerfile:4:6: building COPY: source can't be a URL for COPY; ADD takes URLs" < <(after_a_run 'COPY http://127.0.0.1:9/x /')
	says "Containerfile:4:11: COPY: no such file or directory: 'zzz'" < <(after_a_run 'COPY src/ zzz /x/')
	[[ "$stderr" != *"did you mean"* ]] || fail "$stderr"
	says "Containerfile:4:6: COPY: 'secret.txt' is excluded from the context by .dockerignore:2 (the context has 4 files)" < <(after_a_run 'COPY secret.txt /')
	ln -s ../../etc/passwd ctx/out
	ln -s round ctx/round
	says "Containerfile:4:11: COPY: 'out' is a link to nothing: '../../etc/passwd' is not among the files to copy from" < <(after_a_run 'COPY src/ out /x/')
	says "Containerfile:4:6: COPY: 'out' is a link to nothing" < <(after_a_run 'COPY o* /x/')
	says "Containerfile:4:20: --mount: 'out' is a link to nothing: '../../etc/passwd' is not in the context" < <(after_a_run 'RUN --mount=source=out,target=/x true')
	says "Containerfile:4:5: ADD: too many symbolic links in 'round'" < <(after_a_run 'ADD round /x/')
	rm ctx/out ctx/round
	# nothing that the ignore file hides is proposed
	says "Containerfile:4:6: COPY: no such file or directory: 'secre.txt'" < <(after_a_run 'COPY secre.txt /')
	[[ "$stderr" != *"did you mean"* ]] || fail "$stderr"
}

@test "a pattern that matches nothing says what the context has and which rule hid what it would" {
	touch ctx/secret.md
	printf 'FROM scratch\nCOPY package.json sec*.* /x/\n' | containerfile
	run -1 --separate-stderr mica build --check ctx
	[[ $output == *"2:19: CopyMatchesNothing: COPY: nothing in the context matches 'sec*.*' (it has 4 files; .dockerignore:2 hides 'secret.md' and 1 more)"* ]] ||
		fail "$output$stderr"
	printf 'FROM scratch\nCOPY --parents **/secret.t?t /x/\n' | containerfile
	run -1 --separate-stderr mica build --check ctx
	[[ $output == *"2:16: CopyMatchesNothing: COPY: nothing in the context matches '**/secret.t?t' (it has 4 files; .dockerignore:2 hides 'secret.txt')"* ]] ||
		fail "$output$stderr"
	printf 'FROM scratch\nCOPY nope* /x/\n' | containerfile
	run -1 --separate-stderr mica build --check ctx
	[[ $output == *"nothing in the context matches 'nope*' (it has 4 files)"* ]] || fail "$output$stderr"
	# for the copy "**" is one directory, for what is sent any number of them: BuildKit's rule
	mkdir -p ctx/src/a/b
	touch ctx/src/a/b/x.h
	printf 'FROM scratch\nCOPY src/**/x.h /x/\n' | containerfile
	run -0 --separate-stderr mica build --network=none ctx
	says "nothing in the context matches 'src/**/y.h', and nothing else is taken from 'src'" < <(after_a_run 'COPY src/**/y.h /x/')
	rm -r ctx/src/a
	says "nothing in the context matches 'src/*.h', and nothing else is taken from 'src' (it has 4 files)" < <(after_a_run 'COPY src/*.h /x/')
}

@test "a source that a stage or an image does not have is pointed at, with what is near it" {
	local without=(--progress=none --network=none)
	containerfile <<-'END'
		FROM busybox AS made
		RUN mkdir /out; touch /out/program; ln -s nowhere /out/link
		FROM busybox
		COPY --from=made /out/program /out/porgram /
	END
	run -125 --separate-stderr mica build "${without[@]}" ctx
	[[ "$stderr" == *"Containerfile:4:31: COPY: no such file or directory: '/out/porgram' in the stage 'made', did you mean '/out/program'?
   4 | COPY --from=made /out/program /out/porgram /
     |                               ^~~~~~~~~~~~"* ]] || fail "$stderr"
	# also where the files are not hashed first
	run -125 --separate-stderr mica build --no-cache "${without[@]}" ctx
	assert_error "Containerfile:4:31: COPY: no such file or directory: '/out/porgram' in the stage 'made', did you mean '/out/program'?"
	sed -i 's/porgram/link/' ctx/Containerfile
	run -125 --separate-stderr mica build "${without[@]}" ctx
	assert_error "Containerfile:4:31: COPY: 'out/link' is a link to nothing"
	sed -i '4s/out.link/out\/l*/' ctx/Containerfile
	run -125 --separate-stderr mica build "${without[@]}" ctx
	assert_error "Containerfile:4:31: COPY: 'out/link' is a link to nothing: 'nowhere' is not among the files to copy from"
	sed -i '4s/l\*/*.nope/' ctx/Containerfile # as BuildKit has it: a pattern may match nothing
	run -0 --separate-stderr mica build "${without[@]}" ctx
	printf 'FROM scratch\nCOPY --from=busybox /etc/paswd /\n' | containerfile
	run -125 --separate-stderr mica build "${without[@]}" ctx
	assert_error "Containerfile:2:21: COPY: no such file or directory: '/etc/paswd' in the image 'busybox', did you mean '/etc/passwd'?"
	printf 'FROM busybox\nFROM busybox\nRUN --mount=type=bind,from=0,target=/t,src=etc/paswd true\n' | containerfile
	run -125 --separate-stderr mica build "${without[@]}" ctx
	assert_error "Containerfile:3:44: RUN: --mount: no such file or directory: '/etc/paswd' in stage 0, did you mean '/etc/passwd'?"
}

@test "what images and finished stages do not have is told before the first RUN, wherever its step is" {
	says "Containerfile:4:21: COPY: no such file or directory: '/etc/paswd' in the image 'busybox', did you mean '/etc/passwd'?" \
		< <(after_a_run 'COPY --from=busybox /etc/paswd /x')
	says "Containerfile:4:21: COPY: no such file or directory: '/nope/*.c' in the image 'busybox'" < <(after_a_run 'COPY --from=busybox /nope/*.c /x/')
	says "Containerfile:4:31: COPY: no such file or directory: 'etc/x/./y' in the image 'busybox'" < <(after_a_run 'COPY --parents --from=busybox etc/x/./y /x/')
	says "Containerfile:4:30: RUN: --mount: no such file or directory: '/etc/paswd' in the image 'busybox', did you mean '/etc/passwd'?" \
		< <(after_a_run 'RUN --mount=from=busybox,src=etc/paswd,target=/t true')
	says "Containerfile:4:44: RUN: --mount: '/etc/passwd' is not a directory: it cannot start a cache" \
		< <(after_a_run 'RUN --mount=type=cache,from=busybox,source=etc/passwd,target=/t true')
	says "Containerfile:4:44: RUN: --mount: no such file or directory: '/nope' in scratch, which is empty" \
		< <(after_a_run 'RUN --mount=type=cache,from=scratch,source=/nope,target=/t true')
	# the other stage needs no RUN; with one job its turn comes after
	says "Containerfile:5:19: COPY: no such file or directory: '/mian.c' in the stage 'files', did you mean '/main.c'?" --jobs 2 <<-'END'
		FROM scratch AS files
		COPY src /
		FROM busybox
		RUN echo must-not-run
		COPY --from=files /mian.c /
	END
	says "Containerfile:3:6: USER: no user 'nobody-knows' in the image's /etc/passwd, for the RUN in line 4; make it in a RUN before, or give its number" <<-'END'
		FROM busybox AS first
		FROM busybox AS second
		USER nobody-knows
		RUN touch /x
		FROM busybox
		RUN echo must-not-run
		COPY --from=second /x /
	END
	says "Containerfile:4:6: COPY: --chown=nobody-knows: no user 'nobody-knows'" <<-'END'
		FROM busybox AS first
		RUN echo must-not-run; touch /x
		FROM scratch
		COPY --chown=nobody-knows --from=first /x /
	END
}

@test "what is asked of an image is not looked for again when a cache answers" {
	after_a_run 'COPY --from=busybox /etc/passwd /x
RUN --mount=from=busybox,source=etc,target=/t ls /t
COPY --from=busybox /etc/no* /y/' | containerfile
	run -0 mica build --network=none --progress=plain ctx
	run -0 mica build --network=none --progress=plain ctx
	[[ $output != *"-- 0."* ]]
	[ "$(grep -c 'Using cache' <<<"$output")" = 4 ] || fail "$output"
}

@test "a user that the image does not know is looked for in its USER" {
	containerfile <<-'END'
		FROM busybox AS below
		ENV a=b
		USER nobody-knows
		FROM below
		RUN true
	END
	run -125 --separate-stderr mica build --progress=none --network=none ctx
	[[ "$stderr" == *"Containerfile:3:6: USER: no user 'nobody-knows' in the image's /etc/passwd, for the RUN in line 5; make it in a RUN before, or give its number
   3 | USER nobody-knows
     |      ^~~~~~~~~~~~"* ]] || fail "$stderr"
	# what is no user of any image is known before
	local user
	for user in 1:2:3 a:b:c 5:4294967295; do
		after_a_run "ARG who=$user
			USER \$who
			RUN true" | says "Containerfile:5:9: USER: "
	done
	printf 'FROM scratch\nUSER a:b:c\n' >ctx/Containerfile # nobody's, as long as nothing runs
	mica build -q -t bad-user ctx
	printf 'FROM localhost/bad-user\nRUN true\n' | says "Containerfile:2:1: RUN: the USER of the base image: user 'a:b:c' has more than one ':'"
}

@test "what is wrong in a here-document is pointed at in its line" {
	containerfile <<-'END'
		FROM busybox
		RUN echo must-not-run
		COPY <<A <<-EOF /x/
		$HOME ${x:-
		y}
		A
		one
		  	${HOME} é ${x?is missing} $HOME
		EOF
	END
	run -125 --separate-stderr mica build --progress=none --network=none ctx
	[[ "$stderr" == *"Containerfile:8:15: COPY: here-document 'EOF': x: is missing
   8 |    \${HOME} é \${x?is missing} \$HOME
     |              ^~~~~~"* ]] || fail "$stderr"
	printf 'FROM busybox\nADD <<EOF <<-E /x/\n${a:-\n ${b/}\nEOF\nE\n' | says "Containerfile:3:1: ADD: here-document 'EOF': syntax error: missing '}'"
	printf 'FROM busybox\nCOPY <<-EOF /x\n\t\tone\n\n\t\t $\{x} ${x\n\tEOF\n' | says "Containerfile:5:10: COPY: here-document 'EOF': "
}

@test "an unknown stage says which was meant" {
	says "Containerfile:4:6: --from=bulider: no such stage, did you mean 'builder'? As an image: " < <(after_a_run 'COPY --from=bulider /x /y')
	says "Containerfile:4:6: --from=7: no stage of that number; this one is 1" < <(after_a_run 'COPY --from=7 /x /y')
	says "Containerfile:4:18: --mount: from=biulder: no such stage, did you mean 'builder'?" < <(after_a_run 'RUN --mount=from=biulder,target=/x true')
	says "did you mean the stage builder?" <<<'FROM busybox AS builder
RUN echo must-not-run
FROM biulder'
	says "did you mean debian?" <<<'FROM debain:12'
	says "--target=biulder: no such stage, did you mean 'builder'? Containerfile has builder, prod" --target biulder <<<'FROM busybox AS builder
RUN echo must-not-run
FROM busybox AS prod'
	says "Containerfile:2:6: --from=last: that stage comes later; move it before this one" <<<'FROM busybox
COPY --from=last /x /y
FROM busybox AS last
COPY --from=0 /x /x'
}

@test "mounts, secrets, flags and variables are checked before the first step" {
	says "Containerfile:4:20: --mount: no such file or directory: 'packge.json' in the context ctx (it has 4 files), did you mean 'package.json'?" \
		< <(after_a_run 'RUN --mount=source=packge.json,target=/x true')
	says "Containerfile:4:20: --mount: 'secret.txt' is excluded from the context by .dockerignore:2 (the context has 4 files)" \
		< <(after_a_run 'RUN --mount=source=secret.txt,target=/x true')
	says 'unsupported mount type "bidn" (did you mean bind?)' < <(after_a_run 'RUN --mount=type=bidn,target=/x true')
	says "Containerfile:4:28: secret required but no secret with id \"key\" found; give it with --secret id=key,src=FILE" \
		< <(after_a_run 'RUN --mount=type=secret,id=key,required true')
	says "Containerfile:4:5: unsupported value 'hots' for --network: it is default, none or host" < <(after_a_run 'RUN --network=hots true')
	says "Containerfile:4:6: unknown flag '--chwon' for COPY, did you mean --chown?" < <(after_a_run 'COPY --chwon=1 package.json /')
	says "Containerfile:4:9: failed to process '/\${version:?which one}': version: which one" < <(after_a_run 'WORKDIR /${version:?which one}')
	says "': version: which one" < <(after_a_run 'COPY ["${version:?which one}", "/"]')
	says "syntax error: missing '}'; words of COPY end at blanks, write [\"...\", \"...\"]" < <(after_a_run 'COPY "${version:?which one}" /')
	says "Containerfile:4:1: unknown instruction 'COYP', did you mean COPY?" < <(after_a_run 'COYP package.json /')
	says "unknown flag '--platfrom' for FROM, did you mean --platform?" <<<'FROM --platfrom=linux/amd64 busybox'
}

@test "what to do is said" {
	local line place
	while IFS='@' read -r line place; do
		says "Containerfile:4:$place" < <(after_a_run "$line")
	done <<-'END'
		    make all@5: unknown instruction 'make': is a '\' missing at the end of the line above?
		COPY "my file" /x@6: failed to process '"my': unexpected end of statement while looking for matching double-quote; words of COPY end at blanks, write ["...", "..."]
		VOLUME a "c d"@10: failed to process '"c': unexpected end of statement while looking for matching double-quote; words of VOLUME end at blanks, write ["...", "..."]
		COPY -from=0 /x /x@6: COPY: no such file or directory: '-from=0' in the context ctx (it has 4 files); a flag begins with two dashes
		FROM base:$NOPE@6: invalid reference format 'base:': empty tag: 'NOPE' is not set; declare it with ARG before the first FROM, or pass --build-arg
		FROM busybox AS a b@19: FROM requires either one argument, or three: FROM <image> [AS <name>]
		FROM busybox ASS x@14: FROM requires either one argument, or three
		FROM --platform=$NOPE busybox@6: --platform=$NOPE is empty; declare its variable with ARG before the first FROM
		ENV path@5: ENV must have two arguments: NAME=VALUE
		RUN --mount true@5: missing a value on flag: --mount; write --mount=VALUE
		RUN --foo true@5: unknown flag '--foo' for RUN: it has --device, --mount, --network and --security
		RUN []@1: RUN: no command to run: the list is empty
		RUN <<EOF@5: unterminated heredoc: no line below is 'EOF' and nothing else
		HEALTHCHECK --interval=-1s CMD x@13: interval 'interval' cannot be less than 1ms, and --interval=-1s is
		STOPSIGNAL SIGKIL@12: STOPSIGNAL SIGKIL: no such signal (a name such as SIGTERM or a number), did you mean SIGKILL?
		COPY /etc/passwd /@6: COPY: no such file or directory: '/etc/passwd' in the context ctx (it has 4 files); a path from '/' on begins in the context
		ADD ftp://x/y /@5: ADD: no such file or directory: 'ftp://x/y' in the context ctx (it has 4 files); ADD fetches http:, https: and git URLs
		COPY ["src" "/x"]@6: COPY: '[src' is not a well-formed pattern, and its line no list such as ["a", "b"]
		COPY --from=$NOPE a /@6: --from=$NOPE: the variable has no value; give it one with ARG or --build-arg
	END
	says "option '--ignorefile': cannot open 'none'" --ignorefile none < <(after_a_run 'RUN true')
	touch 'ctx/my file'
	says "Containerfile:4:6: COPY: no such file or directory: 'my' in the context ctx (it has 5 files); for 'my file' write a list: [\"my file\", \"/x\"]" \
		< <(after_a_run 'COPY my file /x')
	# of an archive the place is known when it is unpacked
	tar -cf - "$(command -v busybox)" 2>/dev/null | head -c 20000 >ctx/cut.tar
	printf 'FROM scratch\nADD --chown=1:2 package.json cut.tar /x/\n' | containerfile
	run -125 --separate-stderr mica build ctx
	assert_error "Containerfile:2:30: ADD: cannot unpack 'cut.tar': damaged tar archive"
	# nor by who has only its digest
	touch -d '1 hour ago' ctx/cut.tar
	sleep 0.2 # an entry is kept of what did not change within the last tenth of a second
	printf 'FROM scratch\nCOPY cut.tar /\n' | containerfile
	mica build --quiet ctx
	says "Containerfile:4:5: ADD: cannot unpack 'cut.tar': damaged tar archive" < <(after_a_run 'ADD cut.tar /x/')
}

@test "all that is wrong with mounts is told at once, before the base image is looked at" {
	containerfile <<-'END'
		FROM busybox AS unused
		RUN --mount=type=nonsense true
		FROM not-here AS used
		RUN --mount=type=cach,target=/x true
		FROM busybox
		RUN --mount=target=/x,form=used \
		    --mount=type=cache,target=/y,mode=999,uid=$id,gid=me true
		RUN --mount=type=tmpfs,target=/x,required,from=used,id=3,uid=2 true
		RUN --mount=type=cache,required,target=/x,sharing=lock true
	END
	run -125 --separate-stderr mica build --network=none --progress=plain ctx
	[ "$stderr" = "mica: Containerfile:4:13: --mount: unsupported mount type \"cach\" (did you mean cache?)
   4 | RUN --mount=type=cach,target=/x true
     |             ^~~~~~~~~
Containerfile:6:23: --mount: unexpected key 'form' in 'form=used' (did you mean from?)
   6 | RUN --mount=target=/x,form=used \\
     |                       ^~~~~~~~~
Containerfile:7:34: --mount: invalid value for mode: '999' (it is an octal number, such as 0755)
   7 |     --mount=type=cache,target=/y,mode=999,uid=\$id,gid=me true
     |                                  ^~~~~~~~
Containerfile:7:51: --mount: invalid value for gid: 'me' (it is a number: names are not looked up)
   7 |     --mount=type=cache,target=/y,mode=999,uid=\$id,gid=me true
     |                                                   ^~~~~~
Containerfile:8:34: --mount: unexpected key 'required' for mount type 'tmpfs'
   8 | RUN --mount=type=tmpfs,target=/x,required,from=used,id=3,uid=2 true
     |                                  ^~~~~~~~
Containerfile:8:58: --mount: unexpected key 'uid' for mount type 'tmpfs'
   8 | RUN --mount=type=tmpfs,target=/x,required,from=used,id=3,uid=2 true
     |                                                          ^~~~~
(2 more errors)" ] || fail "$stderr"
}

# Isolation 'chroot' where nothing can be mounted.
bare() { # COMMAND...
	run --separate-stderr timeout 20 "$MICA_TOOLS/without" mount! "$MICA_BIN" --root "$MICA_ROOT" "$@"
}

@test "what isolation 'chroot' cannot do without mounts is told before the first step" {
	local no="isolation 'chroot'" how=(--isolation=chroot --network=host)
	[ "$(id -u)" = 0 ] || skip "chroot(2) takes root"
	containerfile < <(after_a_run 'RUN --mount=type=secret,id=s --network=none true')
	bare build "${how[@]}" --pid=private ctx
	[ "$status" = 125 ]
	[[ $stderr == *"mica: warning: $no: option '--pid': 'private' has no effect"* ]] || fail "$stderr"
	[[ $stderr == *"mica: Containerfile:4:30: $no cannot take the network away"* ]] || fail "$stderr"
	containerfile < <(after_a_run 'RUN --security=insecure true')
	bare build "${how[@]}" --allow=security.insecure ctx
	[ "$status" = 125 ]
	[[ $stderr == *"mica: Containerfile:4:5: $no cannot run 'RUN --security=insecure'"* ]] || fail "$stderr"
	[[ $stderr != *STEP*must-not-run* ]] || fail "$stderr"
	containerfile < <(after_a_run 'RUN --mount=type=cache,target=/c true')
	bare build "${how[@]}" ctx
	[[ $status = 125 && $stderr == *"mica: Containerfile:4:5: $no has no mounts, so there is none on '/c'"* && $stderr != *STEP*must-not-run* ]] || fail "$stderr"
}

@test "each option acts with isolation 'chroot' without mounts, is refused, or has a line of its own about what it does not do" {
	local option how line got warnings
	[ "$(id -u)" = 0 ] || skip "chroot(2) takes root"
	mica pull -q busybox
	# "acts" and what a command shows then; "refused", "warned" and a part of the line; "as it is" is warned of by the general line alone
	while IFS='|' read -r option how line; do
		got=:
		[ "$how" != acts ] || got=${line%% => *}
		bare run --rm --isolation=chroot "$option" busybox sh -c "$got"
		warnings=$(grep -v "^mica: warning: isolation 'chroot', since .*: steps share processes, network, host name" <<<"$stderr" || true)
		case $how in
		acts) [ "$status $output $warnings" = "0 ${line#* => } " ] || fail "$option: $status $output $stderr" ;;
		'as it is') [ "$status$warnings" = 0 ] || fail "$option: $status $stderr" ;;
		warned) [[ $warnings == "mica: warning: isolation 'chroot': option '${option%%=*}': "*"$line" && $warnings != *$'\n'* ]] || fail "$option: $status $stderr" ;;
		refused) [[ $status == 125 && $warnings == mica:*"$line"* && $warnings != *$'\n'* ]] || fail "$option: $status $stderr" ;;
		esac
	done <<-END
		--network=private|warned|'private' has no effect: steps share the network with what is around them
		--network=host|as it is
		--network=none|refused|cannot take the network away
		--network=ns:/proc/self/ns/net|refused|isolation 'chroot' has the network of what is around it, and joins none: leave out the path of '--network'
		--pid=private|warned|'private' has no effect: steps share processes with what is around them
		--pid=host|as it is
		--pid=/proc/self/ns/pid|refused|isolation 'chroot' has no namespaces, and joins none
		--ipc=private|warned|'private' has no effect: steps share System V IPC with what is around them
		--ipc=host|as it is
		--ipc=/proc/self/ns/ipc|refused|isolation 'chroot' has no namespaces, and joins none
		--uts=container|warned|'container' has no effect: steps share the host name with what is around them
		--uts=host|as it is
		--uts=ns:/proc/self/ns/uts|refused|isolation 'chroot' has no namespaces, and joins none
		--cgroupns=private|warned|'private' has no effect: steps share cgroups with what is around them
		--cgroupns=host|as it is
		--cgroupns=/proc/self/ns/cgroup|refused|isolation 'chroot' has no namespaces, and joins none
		--userns=host|as it is
		--userns=auto|refused|isolation 'chroot' has no namespaces
		--userns-gid-map=0:1:1|refused|isolation 'chroot' has no namespaces
		--hostname=other|warned|'other' has no effect: steps share the host name with what is around them
		--cap-add=SYS_ADMIN,CHOWN,kill,BPF,PERFMON,CHECKPOINT_RESTORE,SYS_NICE,IPC_OWNER|warned|steps do not get what leads out of it: CAP_KILL, CAP_IPC_OWNER, CAP_SYS_ADMIN, CAP_SYS_NICE, CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE
		--cap-add=NET_BIND_SERVICE|as it is
		--cap-drop=CHOWN|acts|chown 1 /bin 2>&1 || : => chown: /bin: Operation not permitted
		--cap-drop=all|acts|chown 1 /bin 2>&1 || : => chown: /bin: Operation not permitted
		--security-opt=no-new-privileges=false|warned|'no-new-privileges=false' has no effect: steps never gain privileges there
		--security-opt=no-new-privileges|as it is
		--security-opt=unmask=/proc/kcore|refused|so nothing is masked that 'unmask=/proc/kcore' could show
		--security-opt=mask=/etc|refused|so nothing hides '/etc'
		--security-opt=proc-opts=hidepid=2|refused|so there is no /proc with 'hidepid=2'
		--security-opt=seccomp=/nowhere|refused|/nowhere
		--device=/dev/full:/dev/f|refused|isolation 'chroot' has no mounts, so there is none on '/dev/f'
		--shm-size=64k|refused|isolation 'chroot' has no mounts, so '--shm-size' would hold nothing
		--ulimit=nofile=99|acts|ulimit -n => 99
		--group-add=44|acts|id -G => 0 44
		--add-host=a:10.2.3.4|acts|grep -c '10.2.3.4.a' /etc/hosts => 1
		--dns=9.9.9.9|acts|grep -c '9.9.9.9' /etc/resolv.conf => 1
		--volume=$MICA_ROOT:/v:ro|refused|isolation 'chroot' has no mounts, so there is none on '/v'
		--user=1000|acts|id -u => 1000
		-t|acts|test -t 0 && test -t 1 && printf terminal => terminal
	END
}

@test "what is in the way of a step is pointed at" {
	local line place
	while IFS='|' read -r line place; do
		printf 'FROM busybox\nRUN mkdir -p /d/package.json\n%s\n' "$line" | containerfile
		run -125 --separate-stderr mica build --network=none --progress=none ctx
		assert_error "^mica: Containerfile:3:$place"
	done <<-'END'
		RUN --mount=target=/t --mount=source=src,target=/etc/passwd true|49: RUN: cannot prepare mount target '/etc/passwd': not a directory
		RUN --mount=type=secret,id=s --mount=target=/etc,source=package.json true|45: RUN: cannot prepare mount target '/etc': is a directory
		COPY package.json /etc/passwd/x|19: COPY: cannot copy to '/etc/passwd': '/etc/passwd' is not a directory; choose another place, or remove it in a RUN before
		COPY src /etc/passwd/|10: COPY: cannot copy to '/etc/passwd': '/etc/passwd' is not a directory; choose another place, or remove it in a RUN before
		COPY package.json src /x|23: COPY: cannot copy to '/x': it is the file that a source before became; end it with '/' to copy into a directory
		COPY package.json /d/|19: COPY: cannot replace the directory 'package.json' by a file
		WORKDIR /etc/passwd/x|9: WORKDIR: cannot make the directory '/etc/passwd/x': '/etc/passwd' is not a directory; choose another place, or remove it in a RUN before
	END
}

@test "--progress=quiet and none: the ID and nothing else, as -q" {
	local mode
	printf 'FROM busybox as x\nRUN echo not-shown\n' | containerfile
	for mode in --progress=quiet --progress=none -q; do
		run -0 --separate-stderr mica build --network=none --no-cache $mode ctx
		[[ $output =~ ^[0-9a-f]{64}$ && -z $stderr ]] || fail "$mode: $output$stderr"
	done
	run -125 --separate-stderr mica build -q --progress=plain ctx
	[ "$stderr" = "mica: '--quiet' cannot be combined with '--progress=plain': leave one of them out" ]
}

@test "where the result goes, and who lets us in, is known before the first step" {
	local step='FROM busybox
RUN echo must-not-run'
	touch file
	says "option '--output': 'file' is not a directory" -o type=local,dest=file/out <<<"$step"
	says "option '--cache-to': cannot push to oci:file/cache:mica-cache: 'file' is not a directory" --cache-to type=local,dest=file/cache <<<"$step"
	if [ "$(id -u)" = 0 ]; then # who may write everywhere finds out by trying
		says "option '--output': cannot write to '/proc'" -o /proc/out <<<"$step"
	fi
	local nobody
	nobody=127.0.0.1:$(free_port)
	says "output 'type=registry': cannot push to $nobody/x:latest: cannot reach $nobody: connection refused" -t "$nobody/x" --push --retry 0 <<<"$step"
	says "output 'type=image,name=$nobody/x,push=true': cannot push to $nobody/x:latest: " -o "type=image,name=$nobody/x,push=true" --retry 0 <<<"$step"
	says "option '--cache-to': cannot push to docker://$nobody/x:mica-cache: cannot reach $nobody" --cache-to "$nobody/x" --retry 0 <<<"$step"
	run --separate-stderr mica --offline build --network=none -t "$nobody/x" --push ctx
	assert_error "cannot push to $nobody/x:latest: .*offline"
	[[ "$stderr" != *must-not-run* ]] || fail "$stderr"
	says "option '--security-opt': seccomp profile 'none.json': cannot open 'none.json'" --security-opt seccomp=none.json <<<"$step"
	says "option '--cert-dir': cannot open 'none': no such file or directory" --cert-dir none <<<"$step"
	says "option '--cert-dir': 'file' is not a directory" --cert-dir file <<<"$step"
	says "option '--signature-policy': cannot open 'none.json'" --signature-policy none.json <<<"$step"
	says "option '--volume': cannot open '$D/none'" --volume "$D/none:/x" <<<"$step"
	says "cannot find the file 'none'" --secret id=key,src=none <<<"$step"
	says "cannot find 'none.sock'" --ssh default=none.sock <<<"$step"
}

@test "credentials that a registry refuses are known before the first step" {
	local open=$REG
	printf 'anna:%s\n' "$(perl -e 'print crypt("secret", q($2y$05$abcdefghijklmnopqrstuu))')" >htpasswd
	start_registry auth REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=tests "REGISTRY_AUTH_HTPASSWD_PATH=$PWD/htpasswd"
	local closed=$REG step='FROM busybox
RUN echo must-not-run'
	REG=$open
	says "cannot push to $closed/x:latest: " --tls-verify=false -t "$closed/x" --push <<<"$step"
	says "cannot push to $closed/x:latest: the credentials of '--creds' are refused" --tls-verify=false --creds anna:wrong -t "$closed/x" --push <<<"$step"
	ln -s "$MICA_BIN" buildah
	run -125 --separate-stderr ./buildah pull --tls-verify=false --creds anna:wrong "$closed/x"
	[[ "$stderr" == *"unauthorized: authentication required: the credentials of '--creds' are refused"* ]] || fail "$stderr"
	printf 'FROM scratch\nCOPY package.json /\n' | containerfile
	mica build -q --tls-verify=false --creds anna:secret -t "$closed/x" --push ctx
	stop_registry auth
}

@test "a failed RUN shows its place, its last words and what ended it" {
	SETUP='' run_says 3 'Containerfile:3:1: RUN: exit status 3' 'echo last words; exit 3'
	[[ "$stderr" == *'last words'* ]] || fail "$stderr"
	run_says 137 'RUN: killed by signal 9 (SIGKILL) (exit status 137)' "sh -c 'kill -9 \$\$; true'; exit \$?"
	run_says 127 'RUN: exit status 127 (command not found)' 'no-such-program --version'
	[[ "$stderr" == *'no-such-program: not found'* ]] || fail "$stderr"
	run_says 127 "RUN: cannot execute 'no-such-program': not found in PATH" '["no-such-program"]'
	run_says 1 "RUN: exit status 1; the secret 'key' was not given: --secret id=key,src=FILE" '--mount=type=secret,id=key test -e /run/secrets/key'
	# quiet: the last lines all the same
	containerfile <<<'FROM busybox
RUN echo last words; exit 3'
	run --separate-stderr mica build -q --network=none ctx
	[[ "$stderr" == *'  | last words'* ]] || fail "$stderr"
}

@test "a program that is there and cannot be executed says what is missing" {
	printf '#!/usr/bin/env python3\n' >ctx/script.py
	printf '#!/bin/sh\r\necho x\r\n' >ctx/crlf.sh
	printf 'echo x\n' >ctx/plain.sh
	cp /bin/true ctx/dynamic
	# as much of a program for another machine as the kernel looks at
	{
		printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\267\000\001\000\000\000'
		head -c 200 /dev/zero
	} >ctx/foreign
	[ "$(uname -m)" != aarch64 ] || printf '\076' | dd of=ctx/foreign bs=1 seek=18 conv=notrunc status=none
	chmod 755 ctx/script.py ctx/crlf.sh ctx/dynamic ctx/foreign
	SETUP='COPY script.py crlf.sh plain.sh dynamic foreign /'
	local why
	why="its interpreter '/usr/bin/env' (the first line names it) is not in the image"
	SETUP+=$'\nRUN rm -f /bin/env /usr/bin/env'
	run_says 127 "RUN: exit status 127 (command not found); '/script.py' is there, but $why" '/script.py'
	run_says 127 "cannot execute '/script.py': $why" '["/script.py"]'
	why="its first line ends in CR LF, so that its interpreter is called '/bin/sh\\r'; save it with Unix line ends"
	run_says 127 "'./crlf.sh' is there, but $why" 'cd / && ./crlf.sh'
	run_says 127 "cannot execute '/crlf.sh': $why" '["/crlf.sh"]'
	why='its mode is 0644, without permission to execute it; COPY --chmod=755 or chmod gives it'
	run_says 126 "RUN: exit status 126 (not executable); '/plain.sh' is there, but $why" '/plain.sh'
	run_says 126 "cannot execute '/plain.sh': $why" '["/plain.sh"]'
	run_says 127 "'/dynamic' is there, but it needs the loader '/lib" '/dynamic'
	run_says 127 "cannot execute '/dynamic': it needs the loader '/lib" '["/dynamic"]'
	run_says 126 "cannot execute '/foreign': it is a program for a" '["/foreign"]'
	# an argument is not blamed
	run_says 127 'RUN: exit status 127 (command not found)' 'cat /plain.sh; exit 127'
	[[ "$stderr" != *'is there, but'* ]] || fail "$stderr"
	containerfile <<<'FROM scratch
RUN true'
	run -127 --separate-stderr mica build ctx
	[[ "$stderr" == *"RUN: cannot execute '/bin/sh': the image has no shell; write the command as"* ]] || fail "$stderr"
}

@test "values of options are checked before the first step" {
	local file=$'FROM busybox\nRUN echo must-not-run'
	says "option '--add-host': 'nowhere' is neither an IP address nor 'host-gateway'" --add-host=a:nowhere <<<"$file"
	says "option '--add-host': 'a b' is no name for a line of /etc/hosts" --add-host='a b:1.2.3.4' <<<"$file"
	says "option '--dns': 'server' is no IP address" --dns=server <<<"$file"
	says "option '--cap-add': unknown capability 'CAP_FOO'" --cap-add=CAP_FOO <<<"$file"
	says "option '--cap-drop': unknown capability 'foo'" --cap-drop=foo <<<"$file"
	says "option '--platform': 'a/b/c/d': a platform is" --platform=a/b/c/d <<<"$file"
}

@test "an empty Containerfile is named with its context, a step that fails with its text" {
	mkdir -p "$D/none"
	: >"$D/none/Dockerfile"
	run ! mica build "$D/none/Dockerfile"
	[[ $output == *"no contents in \"$D/none/Dockerfile\""* ]] || fail "$output"
	printf 'FROM busybox\nRUN \\\n  false\n' >"$D/none/Dockerfile"
	run -1 mica build "$D/none"
	grep -qE '^error building at STEP "RUN +false"$' <<<"$output" || fail "$output"
}

@test "what a failed RUN left: a shell in it, a working container, an image" {
	containerfile <<'EOF'
FROM busybox
ENV WHO=me
WORKDIR /w
RUN mkdir -m 1777 /shared && echo old >/shared/old
USER 12:13
RUN --mount=type=bind,target=/ctx rm -f /shared/old; echo new >/shared/new; test -e /ctx/src/main.c && exit 3
ENV WHO=later
EOF
	local build=(build --network=none --progress=plain) look='echo $(id -u):$(id -g) $PWD $WHO $(cat /shared/new)'
	run -3 mica "${build[@]}" --on-error=keep -t team/web ctx
	[[ $output == *"kept as working container web-failed: 'mica run -t web-failed sh' enters it"* ]] || fail "$output"
	run mica run --network=none web-failed sh -c "$look; ls /ctx"
	[[ $output == '12:13 /w me new'$'\n'"ls: /ctx: No such"* ]] || fail "$output"
	mica rm web-failed
	run -3 mica "${build[@]}" --force-rm=false -t team/web ctx
	mica rm web-failed
	ln -s "$MICA_BIN" buildah
	run -3 ./buildah --root "$MICA_ROOT" "${build[@]}" --layers -t team/web ctx
	run -3 ./buildah --root "$MICA_ROOT" "${build[@]}" --layers --force-rm ctx
	mica rm web-failed
	[ -z "$(mica containers -q)" ]

	run -3 mica "${build[@]}" --on-error=commit ctx
	mica run --rm --network=none "$(sed -n 's/^kept as image //p' <<<"$output")" sh -c "$look" | grep -qx '12:13 /w me new'

	# it is no result: the step runs again
	run -3 mica "${build[@]}" ctx
	[[ $output == *'STEP 6/7: RUN'*'exit status 3'* && $output != *kept* ]] || fail "$output"

	run -3 script -qec "'$MICA_BIN' --root '$MICA_ROOT' ${build[*]} --on-error=shell ctx" /dev/null <<<"$look; ls /ctx/src; >/shared/lost; exit 9"
	tr -d '\r' <<<"$output" >out
	grep -qx '12:13 /w me new' out || fail "$output"
	grep -qx 'main.c' out || fail "$output"
	grep -q 'Containerfile:6:1: RUN: exit status 3' out || fail "$output"
	run -125 mica "${build[@]}" --on-error=shell ctx </dev/null
	[[ $output == *"option '--on-error=shell' needs a terminal"* ]] || fail "$output"
	run -125 mica "${build[@]}" --on-error=panic ctx
	[[ $output == *"option '--on-error': 'panic' is not one of 'shell', 'keep', 'commit', 'end'"* ]] || fail "$output"
	mica rmi -a -f >/dev/null
	mica fsck
}
