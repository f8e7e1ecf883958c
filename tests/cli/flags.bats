#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The options of build that docker, buildah and podman know.
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

build() {
	mica build -q --network=none -t t "$@" ctx >/dev/null
}

refused() { # PATTERN ARGUMENTS...
	local pattern=$1
	shift
	run -125 --separate-stderr mica build --network=none "$@" ctx
	assert_error "$pattern"
}

@test "every option of docker buildx build, buildah build and podman build is known" {
	missing=
	for name in $(cat "$TOP"/tests/data/flags/* | sort -u); do
		for given in "--$name=x" "--$name"; do
			run mica build "$given"
			[[ $output != *"unknown option"* ]] || missing+=" $name"
		done
	done
	[ -z "$missing" ] || fail "not known:$missing"
}

@test "--from takes the place of what the first FROM names" {
	printf 'FROM nothing:here\nRUN echo yes >/x\n' >ctx/Containerfile
	build --from busybox
	[ "$(in_image t cat /x)" = yes ]
	printf 'FROM nothing AS a\nRUN echo yes >/x\nFROM a\nCOPY --from=a /x /y\n' >ctx/Containerfile
	build --from=docker.io/library/busybox
	[ "$(in_image t cat /y)" = yes ]
}

@test "--env is seen by steps and kept, ENV wins, --unsetenv and --unsetlabel take out" {
	printf 'FROM busybox\nENV B=file\nLABEL l=1 m=2\nRUN echo $A $B $C >/x\n' >ctx/Containerfile
	export C=outer
	build --env A=given --env B=given --env C --env NOT_SET_ANYWHERE --unsetlabel l
	[ "$(in_image t cat /x)" = "given file outer" ]
	[ "$(config_of t | jq -r '.config.Env[]' | grep -v PATH | sort | tr '\n' ' ')" = "A=given B=file C=outer " ]
	[ "$(config_of t | jq -c .config.Labels)" = '{"m":"2"}' ]
	build --env A=given --unsetenv A --unsetenv B
	[ "$(config_of t | jq -r '.config.Env[]' | grep -v PATH)" = "" ]
	printf 'FROM busybox\nRUN echo $A >/x\n' >ctx/Containerfile
	build --env A=one
	build --env A=two
	[ "$(in_image t cat /x)" = two ]
}

@test "--build-arg-file gives arguments, --build-arg wins" {
	printf '# comment\n\nA=one two\nB=b\r\nC\n' >args
	printf 'FROM busybox\nARG A\nARG B\nARG C\nRUN echo "$A,$B,$C" >/x\n' >ctx/Containerfile
	C='env' build --build-arg-file args
	[ "$(in_image t cat /x)" = "one two,b,env" ]
	build --build-arg-file args --build-arg B=x
	[ "$(in_image t cat /x)" = "one two,x," ]
	echo '=x' >args
	refused "args:1: no name" --build-arg-file args
	refused "cannot open 'none'" --build-arg-file none
}

@test "--volume shows a directory of this machine to steps only" {
	mkdir host
	echo in >host/in
	printf 'FROM busybox\nRUN cat /v/in >/x; echo out >/v/out || echo ro >>/x\n' >ctx/Containerfile
	build -v "$D/host:/v"
	[ "$(in_image t cat /x)" = in ]
	[ "$(cat host/out)" = out ]
	in_image t test ! -e /v
	rm host/out
	build --volume host:/v:ro,z
	[ "$(in_image t cat /x)" = "in
ro" ]
	[ ! -e host/out ]
	refused "is not DIRECTORY:/TARGET" -v host
	refused "cannot open 'none'" -v none:/v
	refused "'O' is not one of" -v host:/v:O
}

@test "--http-proxy passes the variables on, and only then" {
	printf 'FROM busybox\nRUN echo "[$http_proxy]" >/x\n' >ctx/Containerfile
	export http_proxy=http://proxy.invalid:1 no_proxy=127.0.0.1
	build
	[ "$(in_image t cat /x)" = "[]" ]
	build --no-cache --http-proxy
	[ "$(in_image t cat /x)" = "[http://proxy.invalid:1]" ]
	[[ $(config_of t) != *proxy.invalid* ]]
}

@test "--stdin, --no-hosts, --add-host with several names" {
	printf 'FROM busybox\nRUN cat >/x\n' >ctx/Containerfile
	echo typed | build --stdin
	[ "$(in_image t cat /x)" = typed ]
	printf 'FROM busybox\nRUN cat /etc/hosts >/x\n' >ctx/Containerfile
	build --add-host 'a;b:10.0.0.1' --add-host c=::2
	[ "$(in_image t grep -c -e '10.0.0.1.a$' -e '10.0.0.1.b$' -e '::2.c$' /x)" = 3 ]
	printf 'FROM busybox\nRUN test ! -s /etc/hosts\n' >ctx/Containerfile
	build --no-hosts
	refused "host-gateway" --add-host x:host-gateway
	build --ulimit host
}

@test "isolation and namespaces: what happens anyway is accepted, the rest refused by name" {
	printf 'FROM busybox\nRUN true\n' >ctx/Containerfile
	build --isolation=oci --ipc=private --pid=private --uts=private --cgroupns=private --userns=host --skip-unused-stages=true
	BUILDAH_ISOLATION=rootless build
	refused "option '--isolation': 'chroot' is not supported" --isolation=chroot
	refused "option '--isolation': 'x' is not one of" --isolation=x
	refused "option '--pid': 'host' is not supported" --pid=host
	refused "option '--userns': 'auto' is not supported" --userns=auto
	refused "option '--skip-unused-stages'" --skip-unused-stages=false
	for name in cgroup-parent cpp-flag decryption-key device group-add hooks-dir logfile logsplit source-policy-file userns-uid-map; do
		refused "option '--$name' is not supported: " "--$name=x"
	done
}
