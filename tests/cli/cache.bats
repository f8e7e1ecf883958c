#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
}

teardown() {
	test_teardown
}

# Each step leaves a random number: it stays the same exactly as long as the step is not executed again.
sample() {
	mkdir -p ctx/dir/sub
	echo one >ctx/one
	echo two >ctx/two
	echo deep >ctx/dir/sub/deep
	containerfile <<'END'
FROM busybox
RUN cat /proc/sys/kernel/random/uuid >/n1
COPY one /one
RUN cat /proc/sys/kernel/random/uuid >/n2
ARG V=1
COPY two /two
COPY dir /dir
RUN echo $V; cat /proc/sys/kernel/random/uuid >/n3
END
}

numbers() {
	in_image t cat /n1 /n2 /n3
}

# Which of the three RUN steps the build executes again: "", "3", "2 3" ...
executed_by() { # BUILD ARGUMENTS...
	local before after i again=()
	before=$(numbers)
	mica build -q --network=none -t t "$@" ctx >/dev/null
	after=$(numbers)
	for i in 1 2 3; do
		[ "$(sed -n "${i}p" <<<"$before")" = "$(sed -n "${i}p" <<<"$after")" ] || again+=("$i")
	done
	echo "${again[*]}"
}

first_build() {
	sample
	mica build -q --network=none -t t "$@" ctx >/dev/null
}

@test "a second build executes nothing and names the same image" {
	first_build
	id=$(image_id t)
	[ "$(executed_by)" = "" ]
	[ "$(image_id t)" = "$id" ]
	assert_clean_store
}

@test "new times, and names that files have elsewhere, change nothing" {
	first_build
	ln ctx/dir/sub/deep elsewhere
	[ "$(executed_by)" = "" ]
	find ctx -exec touch -d '2001-01-01' {} +
	[ "$(executed_by)" = "" ]
	touch ctx/one
	[ "$(executed_by)" = "" ]
}

@test "a changed file re-runs the steps from its COPY on" {
	first_build
	echo changed >ctx/one
	[ "$(executed_by)" = "2 3" ]
	echo changed >ctx/two
	[ "$(executed_by)" = "3" ]
	[ "$(in_image t cat /one /two)" = $'changed\nchanged' ]
}

@test "a change that keeps size and time is seen" {
	first_build
	touch -r ctx/one stamp
	echo eno >ctx/one
	touch -r stamp ctx/one
	[ "$(executed_by)" = "2 3" ]
	[ "$(in_image t cat /one)" = eno ]
}

@test "a file that was replaced by rename is seen" {
	first_build
	echo new >ctx/fresh
	touch -r ctx/two ctx/fresh
	mv ctx/fresh ctx/two
	[ "$(executed_by)" = "3" ]
}

@test "an earlier state is found again" {
	first_build
	before=$(numbers)
	echo changed >ctx/one
	[ "$(executed_by)" = "2 3" ]
	echo one >ctx/one
	mica build -q --network=none -t t ctx
	[ "$(numbers)" = "$before" ]
}

@test "mode, name, added and removed files of a copied directory are inputs" {
	first_build
	chmod 700 ctx/dir/sub/deep
	[ "$(executed_by)" = "3" ]
	mv ctx/dir/sub/deep ctx/dir/sub/deeper
	[ "$(executed_by)" = "3" ]
	mkdir ctx/dir/empty
	[ "$(executed_by)" = "3" ]
	rmdir ctx/dir/empty
	ln -s deeper ctx/dir/sub/link
	[ "$(executed_by)" = "3" ]
	rm ctx/dir/sub/link
	mica build -q --network=none -t t ctx
	[ -z "$(in_image t sh -c 'ls -d /dir/sub/link 2>/dev/null || true')" ]
	cp ctx/dir/sub/deeper ctx/dir/same
	[ "$(executed_by)" = "3" ]
	ln -f ctx/dir/sub/deeper ctx/dir/same # two files that are one now
	[ "$(executed_by)" = "3" ]
	[ "$(in_image t stat -c %h /dir/same)" = 2 ]
}

@test "files that no step copies and files that are ignored are no inputs" {
	first_build
	echo x >ctx/unrelated
	[ "$(executed_by)" = "" ]
	echo 'dir/ignored*' >ctx/.dockerignore
	echo x >ctx/dir/ignored1
	[ "$(executed_by)" = "" ]
}

# covers: arg
@test "a changed ARG re-runs from its first use" {
	first_build
	[ "$(executed_by --build-arg V=2)" = "3" ]
	[ "$(executed_by --build-arg V=2)" = "" ]
	# back: found again, which the numbers show as a change from V=2
	[ "$(executed_by --build-arg V=1)" = "3" ]
}

@test "a build argument that the stage does not declare changes nothing" {
	first_build
	[ "$(executed_by --build-arg UNKNOWN=1)" = "" ]
}

@test "a changed instruction re-runs from there on" {
	first_build
	sed -i 's/COPY one/ENV A=1\nCOPY one/' ctx/Containerfile
	[ "$(executed_by)" = "2 3" ]
}

@test "comments, blank lines and the case of keywords change nothing" {
	first_build
	sed -i '2i # a comment\n' ctx/Containerfile
	sed -i 's/^COPY two/copy two/' ctx/Containerfile
	[ "$(executed_by)" = "" ]
}

@test "--no-cache executes everything, and what it made is used afterwards" {
	first_build
	[ "$(executed_by --no-cache)" = "1 2 3" ]
	[ "$(executed_by)" = "" ]
}

@test "a base image that moved on is built upon anew, when it is asked for" {
	mkdir ctx new
	echo two >ctx/two
	echo new >new/new
	plain_tar more.tar new
	make_layout more '{}' more.tar
	to_registry more library/moved:latest
	containerfile <<-'END'
		FROM moved
		COPY two /two
	END
	mica build -q --network=none -t m ctx
	first=$(image_id m)
	to_registry "$MICA_CACHE/busybox" library/moved:latest
	mica build -q --network=none -t m ctx
	[ "$(image_id m)" = "$first" ]
	mica build -q --pull=always --network=none -t m ctx
	[ "$(image_id m)" != "$first" ]
}

@test "an image name in COPY --from is an input by its content" {
	mkdir one
	echo 1 >one/file
	plain_tar one.tar one
	make_layout l1 '{}' one.tar
	to_registry l1 library/data:latest
	containerfile <<-'END'
		FROM busybox
		COPY --from=data /file /file
	END
	mica build -q --network=none -t t ctx
	echo 2 >one/file
	plain_tar one.tar one
	make_layout l2 '{}' one.tar
	to_registry l2 library/data:latest
	mica build -q --pull=always --network=none -t t ctx
	[ "$(in_image t cat /file)" = 2 ]
}

@test "a change in one stage re-runs the steps that copy from it, when the copied files differ" {
	mkdir ctx
	echo one >ctx/one
	containerfile <<-'END'
		FROM busybox AS a
		COPY one /one
		RUN wc -c </one >/size
		FROM busybox
		COPY --from=a /size /size
		RUN cat /proc/sys/kernel/random/uuid >/n1
	END
	mica build -q --network=none -t t ctx
	before=$(in_image t cat /n1)
	echo eno >ctx/one
	mica build -q --network=none -t t ctx
	[ "$(in_image t cat /n1)" = "$before" ]
	echo longer >ctx/one
	mica build -q --network=none -t t ctx
	[ "$(in_image t cat /n1)" != "$before" ]
}

@test "the cache goes with prune --all and the build works again" {
	first_build
	before=$(numbers)
	mica rmi -f t
	mica prune -a -f
	mica build -q --network=none -t t ctx
	[ "$(numbers)" != "$before" ]
	assert_clean_store
}

@test "two builds of the same file at the same time both succeed" {
	sample
	mica build -q --network=none -t a ctx >a 2>a.err 3>&- &
	one=$!
	mica build -q --network=none -t b ctx >b 2>b.err 3>&- &
	two=$!
	wait $one || fail "$(cat a.err)"
	wait $two || fail "$(cat b.err)"
	in_image a true
	in_image b true
	assert_clean_store
}

@test "a plain build says in buildah's words what each instruction is and what became of it" {
	printf 'ARG NAME=base\nFROM busybox AS base\nENV A=1\nRUN echo said\nCMD ["x"]\n' | containerfile
	run --separate-stderr mica build --network=none -t t ctx
	[ "$status" = 0 ] || fail "$stderr"
	[[ "$output" =~ ^[0-9a-f]{64}$ ]]
	[ "$(sed -E '/^(built |\[sha256:)/d; s/[0-9a-f]{12}( [0-9.]+s)?$/ID/' <<<"$stderr")" = 'STEP 1/4: FROM busybox AS base
Trying to pull docker.io/library/busybox:latest...
STEP 2/4: ENV A=1
STEP 3/4: RUN echo said
said
--> ID
STEP 4/4: CMD ["x"]
COMMIT t
--> ID
Successfully tagged localhost/t:latest' ] || fail "$stderr"

	printf 'FROM $NAME AS two\nCOPY --from=base /etc/passwd <<A <<B /\n  a\nA\nb\nc\nB\nFROM scratch\n' >>ctx/Containerfile
	run --separate-stderr mica build --network=none --target 1 -t t ctx
	[ "$(sed -E '/^built /d; s/ [0-9a-f]{64}$//; s/[0-9a-f]{12}( [0-9.]+s)?$/ID/' <<<"$stderr")" = '[1/2] STEP 1/4: FROM busybox AS base
[1/2] STEP 2/4: ENV A=1
[1/2] STEP 3/4: RUN echo said
[1/2] --> Using cache
[1/2] STEP 4/4: CMD ["x"]
[2/2] STEP 1/2: FROM base AS two
[2/2] STEP 2/2: COPY --from=base /etc/passwd <<A <<B / (a) (b...)
[2/2] --> ID
[2/2] COMMIT t
--> ID
Successfully tagged localhost/t:latest' ] || fail "$stderr"
	[ -z "$(mica build -q --network=none --target 1 -t t ctx 2>&1 >/dev/null)" ]

	# triggers are steps as well
	printf 'FROM busybox\nONBUILD ENV A=1\nONBUILD ENV B=2\n' | mica build -q -t localhost/triggers -f - ctx >/dev/null
	printf 'FROM localhost/triggers\nENV C=3\n' | containerfile
	run --separate-stderr mica build -t t ctx
	[[ $stderr == $'STEP 1/4: FROM localhost/triggers\nSTEP 2/4: ENV A=1\nSTEP 3/4: ENV B=2\nSTEP 4/4: ENV C=3\n'* ]] || fail "$stderr"
	# those of an image that is pulled first are not known before
	mica push -q localhost/triggers "oci:$D/triggers"
	printf 'FROM oci:%s\nENV C=3\n' "$D/triggers" | containerfile
	run --separate-stderr mica build -t t ctx
	[[ $stderr == *$'STEP 1/2: FROM oci:'*$'/triggers\n'*$'\n# Executing 2 build triggers: 4 steps in all\nSTEP 2/4: ENV A=1\n'* ]] || fail "$stderr"
}

@test "a plain build says which steps were cached, by the key that they had when they ran" {
	mkdir -p ctx
	echo a >ctx/a
	containerfile <<-'END'
		FROM busybox AS one
		RUN echo one >/one
		RUN true
		FROM busybox
		WORKDIR /w
		COPY --link a .
		RUN --mount=from=one,target=/m cat /m/one
		COPY --from=one /one .
		RUN echo two >/two
	END
	mica build --network=none -t t ctx 2>&1 | sed -nE 's/^(.*--> [0-9a-f]{12}) .*s$/\1/p' | sort >ran
	mica build --network=none -t t ctx 2>&1 | sed -nE 's/^(.*--> )Using cache ([0-9a-f]{12})[0-9a-f]{52}$/\1\2/p' | sort >cached
	[ "$(wc -l <ran)" = 7 ]
	diff ran cached
}

# Four lines that must be the same: what a stage made, and what its next step made of that.
one_of_a_kind() { # IMAGE FILE...
	[ "$(in_image "$1" cat "${@:2}" | sort -u | wc -l)" = 1 ]
}

@test "stages that begin alike share their steps, also while they run" {
	mkdir ctx
	containerfile <<-'END'
		FROM busybox AS a
		RUN cat /proc/sys/kernel/random/uuid >/x
		RUN cp /x /y
		FROM busybox AS b
		RUN cat /proc/sys/kernel/random/uuid >/x
		RUN cp /x /y
		FROM busybox
		COPY --from=a /x /y /a/
		COPY --from=b /x /y /b/
	END
	for _ in 1 2 3; do
		mica build -q --no-cache --network=none -t t ctx
		one_of_a_kind t /a/x /a/y /b/x /b/y
		mica build -q --network=none -t t ctx
		one_of_a_kind t /a/x /a/y /b/x /b/y
	done
}

@test "a layer is used again only on the layers that it was made on" {
	mkdir ctx
	containerfile <<-'END'
		FROM busybox AS a
		RUN cat /proc/sys/kernel/random/uuid >/x
		FROM a AS c
		RUN cp /x /y
		FROM busybox
		COPY --from=a /x /z
		COPY --from=c /x /y /
	END
	mica build -q --network=none -t t ctx
	one_of_a_kind t /x /y /z
	before=$(in_image t cat /x)
	mica build -q --network=none --no-cache-filter=a -t t ctx
	one_of_a_kind t /x /y /z
	[ "$(in_image t cat /x)" != "$before" ]
	mica build -q --network=none --no-cache --target a ctx
	mica build -q --network=none -t t ctx
	one_of_a_kind t /x /y /z
}

# cve: CVE-2024-36621
# bats test_tags=user
@test "builds at the same time never mix their layers" {
	mkdir ctx
	containerfile <<-'END'
		FROM busybox
		RUN cat /proc/sys/kernel/random/uuid >/x
		RUN cp /x /y
		RUN cp /y /z
	END
	for _ in 1 2 3; do
		mica build -q --no-cache --network=none -t a ctx 3>&- &
		one=$!
		mica build -q --no-cache --network=none -t b ctx 3>&- &
		two=$!
		wait $one
		wait $two
		mica build -q --network=none -t c ctx
		one_of_a_kind a /x /y /z
		one_of_a_kind b /x /y /z
		one_of_a_kind c /x /y /z
	done
}

@test "steps before the one that failed are cached" {
	mkdir ctx
	containerfile <<-'END'
		FROM busybox
		RUN cat /proc/sys/kernel/random/uuid >/x
		RUN false
	END
	run mica build --network=none ctx
	[ "$status" = 1 ]
	run mica build --network=none ctx
	[ "$status" = 1 ]
	[[ $output == *"uuid >/x"$'\n'"--> Using cache "* ]]
}

@test "what a command was shown while it changed answers nobody" {
	mkdir -p ctx
	echo one >ctx/f
	containerfile <<-'END'
		FROM busybox
		RUN --mount=target=/m : >/go; until grep -q two /m/f; do sleep 0.01; done; cp /m/f /f
	END
	mica build --network=none --step-timeout=60s -t t ctx >out 2>&1 &
	local build=$!
	# the step runs when its directory has /go
	until [ -n "$(find "$MICA_ROOT/tmp" -path '*/go' 2>/dev/null)" ]; do
		kill -0 "$build"
		sleep 0.01
	done
	echo two >ctx/f
	wait "$build"
	cat out
	grep -q 'files of the context changed while RUN was shown them: the step is not cached' out
	echo one >ctx/f
	run mica build --network=none --step-timeout=1s -t t ctx
	[ "$status" != 0 ]
}
