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
	mkdir -p ctx other/sub
	echo one >other/one
	echo two >other/sub/two
	echo hidden >other/hidden
	echo hidden >other/.dockerignore
}

teardown() {
	test_teardown
}

build() {
	mica build -q --network=none -t t "$@" ctx >/dev/null
}

# covers: copy-from
@test "COPY --from reads a directory that was named, with its own ignore rules" {
	containerfile <<'END'
FROM busybox
COPY --from=other . /x/
END
	build --build-context other=other
	[ "$(in_image t ls /x)" = "one
sub" ]
	run -0 mica build --network=none --build-context other=other -t t ctx
	[[ $output == *"0 run, 1 cached"* ]]
	echo changed >other/hidden
	run -0 mica build --network=none --build-context other=other -t t ctx
	[[ $output == *"0 run, 1 cached"* ]]
	echo changed >other/one
	build --build-context other=other
	[ "$(in_image t cat /x/one)" = changed ]
}

@test "of a named directory each instruction is sent what it names" {
	printf 'FROM busybox\nRUN --mount=from=other,target=/m true\nCOPY --from=other one/* /x/\nCOPY --from=other . /y/\n' | containerfile
	run -125 --separate-stderr mica build --network=none -t t --build-context other=other ctx
	assert_error "Containerfile:3:19: COPY: nothing in the context matches 'one/\*', and nothing else is taken from 'one' by it"
}

@test "a file that was named is all that its context has" {
	printf 'FROM busybox\nCOPY --from=one . /x/\nCOPY --from=one newest /y\nRUN --mount=from=one,target=/m ls -A /m >/z\n' | containerfile
	ln -s one other/newest
	chmod 751 other/one
	touch -d @1000000000 other/one
	build --build-context one=other/newest
	[ "$(in_image t sh -c 'ls /x; cat /x/newest /y /z; stat -c "%a %Y" /y')" = "$(printf '%s\n' newest one one newest '751 1000000000')" ]
	run -0 mica build --network=none --build-context one=other/newest ctx
	[[ $output == *"0 run, 4 cached"* ]] || fail "$output"
	mkfifo fifo
	run -125 --separate-stderr mica build --build-context one=fifo ctx
	assert_error "--build-context=one: 'fifo' is neither a directory nor a regular file"
}

@test "a named directory stands for the stage of that name" {
	containerfile <<'END'
FROM busybox AS other
RUN exit 1
FROM busybox
COPY --from=other /one /x
END
	build --build-context other=other
	[ "$(in_image t cat /x)" = one ]
}

@test "a stage can be built on a named directory, and mount one" {
	containerfile <<'END'
FROM other AS base
FROM busybox
COPY --from=base / /x/
RUN --mount=from=other,target=/m cat /m/sub/two >/y
END
	build --build-context other=other
	[ "$(in_image t cat /x/one /y)" = "one
two" ]
}

@test "an image takes the place of another under all of its names" {
	containerfile <<'END'
FROM docker.io/library/nothing:latest
RUN echo ran >/x
END
	mica pull -q busybox >/dev/null
	build --build-context nothing=docker-image://busybox
	[ "$(in_image t cat /x)" = ran ]
	build --build-context nothing:latest=container-image://docker.io/library/busybox:latest
	printf 'FROM busybox\nCOPY --from=nothing /bin/busybox /x\n' >ctx/Containerfile
	build --build-context nothing=docker-image://busybox
}

@test "a tag of its own is another name" {
	printf 'FROM busybox\n' >ctx/Containerfile
	build --build-context busybox:other=docker-image://scratch
	[ "$(in_image t echo yes)" = yes ]
}

@test "the triggers of an image that stands for a stage do not run" {
	printf 'FROM busybox\nONBUILD COPY nowhere /\n' | mica build -q -t localhost/triggers -f - ctx >/dev/null
	printf 'FROM busybox AS base\nRUN exit 1\nFROM base\nENV on=base\n' | containerfile
	build --build-context base=docker-image://localhost/triggers
	config_of t | jq -e '.config | (.Env | contains(["on=base"])) and (.OnBuild | not)'
	printf 'FROM other\n' | containerfile
	run -125 --separate-stderr mica build --build-context other=docker-image://localhost/triggers ctx
	assert_error "ONBUILD.*no such file or directory: 'nowhere'"
}

@test "an OCI layout is an image" {
	mica pull -q busybox >/dev/null
	mica push -q busybox "oci:$D/layout" >/dev/null
	mica push -q busybox "oci:$D/layout:v1" >/dev/null
	jq -e '.manifests | length == 1' layout/index.json
	printf 'FROM base\nRUN echo yes >/x\n' >ctx/Containerfile
	build --build-context "base=oci-layout://$D/layout:v1"
	[ "$(in_image t cat /x)" = yes ]
	build --build-context "base=oci:$D/layout:v1"
	digest=$(jq -r '.manifests[0].digest' layout/index.json)
	build --build-context "base=oci-layout://$D/layout@$digest"
	build --build-context "base=oci-layout://$D/layout:other@$digest"
	run -125 --separate-stderr mica build -t t --build-context "base=oci-layout://$D/layout@sha256:$(printf %064d 0)" ctx
	assert_error "no image '@sha256:0000"
	mica push -q busybox "dir:$D/dir" >/dev/null
	build --build-context "base=dir:$D/dir"
	build --build-context base=containers-storage:busybox
	run -125 --separate-stderr mica push t "oci:$D/new@$digest"
	assert_error "a digest is no name to write"
}

@test "docker-image://scratch is nothing at all" {
	printf 'FROM base\nCOPY Containerfile /x\n' >ctx/Containerfile
	build --build-context base=docker-image://scratch
	[ "$(config_of t | jq '.rootfs.diff_ids | length')" = 1 ]
}

@test "what cannot be a context is refused before the build" {
	printf 'FROM busybox\n' >ctx/Containerfile
	run -125 --separate-stderr mica build -t t --build-context x=nowhere ctx
	assert_error "--build-context=x: cannot open 'nowhere'"
	run -125 --separate-stderr mica build -t t --build-context x=oci-layout://nowhere:v1 ctx
	assert_error "--build-context=x: cannot open 'nowhere'"
	run -125 --separate-stderr mica build -t t --build-context x=oci-layout://ctx:v1 ctx
	assert_error "--build-context=x: 'ctx' is not an OCI image layout: it has no 'oci-layout'"
	run -125 --separate-stderr mica build -t t --build-context x ctx
	assert_error "--build-context=x: expected NAME="
}

@test "a context's name is never a path" {
	mkdir -p secret
	echo host >secret/file
	printf 'FROM busybox\nCOPY --from=../secret file /x\n' >ctx/Containerfile
	run -125 --separate-stderr mica build --network=none -t t --build-context ok=other ctx
	ln -s ../secret other/link
	printf 'FROM busybox\nCOPY --from=ok link/file /x\n' >ctx/Containerfile
	run -125 --separate-stderr mica build --network=none -t t --build-context ok=other ctx
	assert_error "no such file or directory: 'link/file'"
}
