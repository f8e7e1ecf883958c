#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# INCLUDE: fragments of Containerfiles. What the text alone tells: tests/data/parse.
load ../cli/lib.bash

setup_file() {
	file_setup
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mkdir -p ctx/sub lib
	# the example of mica-build(1)
	printf '%s\n' '# mica=include' 'INCLUDE versions.inc' 'INCLUDE --from=lib base.inc' 'FROM base' 'COPY --from=base /made /copied' 'INCLUDE sub/labels.inc' \
		>ctx/Containerfile
	echo 'ARG VERSION=1' >ctx/versions.inc
	printf '%s\n' 'FROM scratch AS base' 'ARG VERSION' 'COPY <<-END /made' '	$VERSION' '	END' 'INCLUDE more.inc' >lib/base.inc
	# shellcheck disable=SC2016 # escaped by the fragment's own escape character
	printf '%s\n' '# escape=`' 'ENV FROM_`' 'LIB=yes' >lib/more.inc
	echo 'LABEL version=0' >ctx/sub/labels.inc
}

teardown() {
	test_teardown
}

build() { # ARGUMENTS...
	mica build --build-context lib=lib "$@" ctx
}

fails() { # MESSAGE...: the lines that the build of ctx says, as patterns
	local line
	run -125 --separate-stderr build -q
	for line in "$@"; do
		# shellcheck disable=SC2053 # patterns
		[[ $stderr == $line ]] || fail "expected '$line', got: $stderr"
	done
}

# covers: include
@test "fragments take the place of their INCLUDE, with stages, arguments and here-documents" {
	printf '%s\n' '*.inc' sub >ctx/.containerignore # what is read is not copied
	build -q -o tree --build-arg VERSION=2
	[ "$(cat tree/copied)" = 2 ]
	run -0 build -t i
	[[ $output == *'COPY <<-END /made'*'INCLUDE'* ]] && fail "an INCLUDE is a step: $output"
	mica inspect -t image i >config
	grep -q '"FROM_LIB=yes"' config
	grep -q '"version": "0"' config
	run -0 mica history i
	[[ $output == *'LABEL version=0'*'COPY /made /copied'*'ENV FROM_LIB=yes'* ]]

	# a changed fragment is a changed instruction, said with its place
	echo 'LABEL other=1' >>ctx/sub/labels.inc
	run -0 build
	[[ $output == *', 0 run, 2 cached,'* || $output == *': 0 run, 2 cached'* ]]
	sed -i 's/copied/moved/' ctx/Containerfile
	echo 'COPY --from=base /made /again' >>ctx/sub/labels.inc
	run -0 build --explain-cache
	[[ $output == *$'\n'"sub/labels.inc:3: 'COPY --from=base /made /again' ran: "* ]]

	# checks and calls know the places too
	echo 'MAINTAINER me' >>lib/more.inc
	run -1 build --check
	[[ $output == *$'\nlib:more.inc:4:1: MaintainerDeprecated: '* ]]
	build --call=targets,format=json >targets
	python3 - targets <<-'END'
		import base64, json, sys
		d = json.load(open(sys.argv[1]))
		base, last = d["targets"]
		assert base["name"] == "base" and last["default"]
		assert base64.b64decode(d["sources"][base["location"]["sourceIndex"]]).startswith(b"FROM scratch AS base\n")
		assert "sourceIndex" not in last["location"]
	END
}

@test "what is wrong with a fragment, or with where it is, is told with all places" {
	printf '%s\n' 'CMD x' 'COYP a b' >ctx/sub/labels.inc
	fails 'mica: sub/labels.inc:2:1: unknown instruction '\''COYP'\'', did you mean COPY?'*'     = included from Containerfile:6:1'
	echo 'COPY nope /' >lib/more.inc
	printf '' >ctx/sub/labels.inc
	fails '*lib:more.inc:1:6: COPY: no such file*'$'\n''     = included from lib:base.inc:6:1, included from Containerfile:3:1'
	printf '%s\n' 'CMD x' >ctx/versions.inc
	fails 'mica: versions.inc:1:1: no FROM before CMD*included from Containerfile:2:1'
	printf '%s\n' '# mica=include' 'FROM scratch' 'INCLUDE versions.inc' 'RUN true' >ctx/other
	echo 'USER nobody-knows' >ctx/versions.inc
	run -125 --separate-stderr build -q -f ctx/other
	[[ $stderr == *'mica: versions.inc:1:6: USER: '*', for the RUN in line 4 of other'*'included from other:3:1'* ]] || fail "$stderr"
	rm ctx/versions.inc
	fails 'mica: Containerfile:2:9: INCLUDE: no such file or directory, looked for from the top of the build context*'
	ln -s /etc/passwd ctx/versions.inc
	fails 'mica: Containerfile:2:9: INCLUDE: *leads out of the context*'
	ln -sf ../../lib/base.inc ctx/versions.inc
	fails 'mica: Containerfile:2:9: INCLUDE: *leads out of the context*'
	rm ctx/versions.inc
	mkfifo ctx/versions.inc
	fails "mica: Containerfile:2:9: INCLUDE: 'versions.inc' is not a regular file*"
	run -125 mica build ctx
	rm ctx/versions.inc
	touch ctx/versions.inc
	run -125 mica build ctx
	[[ $output == "mica: Containerfile:3:9: INCLUDE --from=lib: no directory of that name; give one with --build-context lib=DIRECTORY"* ]]
	run -125 mica build --build-context lib=docker-image://scratch ctx
	[[ $output == *'INCLUDE --from=lib: no directory of that name'* ]]
	run -125 mica build - <ctx/Containerfile
	[[ $output == "mica: stdin:2:9: INCLUDE: no such file or directory, looked for from the top of the build context"* ]]
	sed -i 's/^# mica.*/# none/' ctx/Containerfile
	fails "mica: Containerfile:2:1: unknown instruction 'INCLUDE': it is mica's own; '# mica=include' as the first line of the file switches it on*"
}

@test "fragments are bounded: circles, depth, number, size" {
	local i
	: >ctx/versions.inc
	echo 'INCLUDE base.inc' >lib/more.inc
	fails "mica: lib:more.inc:1:9: INCLUDE goes round in a circle: lib:base.inc -> lib:more.inc -> lib:base.inc*"
	printf '%s\n' '# mica=include' 'INCLUDE Containerfile' >ctx/Containerfile
	fails 'mica: Containerfile:2:9: INCLUDE goes round in a circle: Containerfile -> Containerfile*'
	printf '%s\n' '# mica=include' 'FROM scratch' 'INCLUDE d1' >ctx/Containerfile
	for i in {1..16}; do
		echo "INCLUDE d$((i + 1))" >"ctx/d$i"
	done
	echo 'LABEL deep=17' >ctx/d17
	fails 'mica: d16:1:9: INCLUDE goes too deep: Containerfile -> d1 -> *'
	echo 'LABEL deep=16' >ctx/d16
	build -q
	for i in {1..9}; do
		printf 'INCLUDE d%s\n' $((i + 1)) $((i + 1)) >"ctx/d$i"
	done
	echo 'LABEL deep=10' >ctx/d10
	fails '*more than 256 fragments are included*'
	{
		echo 'LABEL x=1'
		yes '# comment' | head -c 3000000
	} >ctx/d1
	build -q
	echo 'INCLUDE d1' >>ctx/Containerfile
	fails "mica: Containerfile:4:9: INCLUDE: 'd1' is larger than *"
}
