#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Working containers: from, run, copy, add, config, commit, containers, mount, umount, unshare, rename, rm, inspect.

load lib

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
	[ ! -e "$MICA_ROOT" ] || mica umount --all >/dev/null
	test_teardown
}

# The config document of a working container.
container_config() { # CONTAINER JQ_FILTER
	mica inspect --type container "$1" | jq -c ".OCIv1$2"
}

@test "a container is made, run in, and becomes an image" {
	c=$(mica from -q busybox)
	[ "$c" = busybox-working-container ]
	mica run "$c" -- sh -c 'echo text > /file; rm -r /var/lib'
	[ "$(mica run "$c" cat /file)" = text ]
	id=$(mica commit -q "$c" made)
	[[ $id =~ ^[0-9a-f]{64}$ ]]
	[ "$(image_id made)" = "sha256:$id" ]
	[ "$(in_image made cat /file)" = text ]
	in_image made sh -c '[ ! -e /var/lib ] && [ -e /var ]'
	mica rm "$c" | grep -Ex '[0-9a-f]{64}'
	[ -z "$(ls -A "$MICA_ROOT/containers")" ]
	assert_clean_store
}

@test "names are the image's, with numbers, or as one says" {
	[ "$(mica from -q busybox)" = busybox-working-container ]
	[ "$(mica from -q busybox)" = busybox-working-container-1 ]
	[ "$(mica from scratch)" = working-container ]
	[ "$(mica from scratch)" = working-container-1 ]
	[ "$(mica from --name own scratch)" = own ]
	run --separate-stderr mica from --name own scratch
	assert_error "'own' is already in use by container [0-9a-f]{64}"
	run --separate-stderr mica from --name a/b scratch
	assert_error "'a/b' is no name"
	mica rm busybox-working-container >/dev/null
	[ "$(mica from -q busybox)" = busybox-working-container ]
}

@test "a container is found by name, ID and the beginning of one" {
	mica from --cidfile cid --name x scratch
	id=$(cat cid)
	[ "$(mica containers -q)" = "$id" ]
	mica config --author a "$id"
	mica config --author b "${id:0:8}"
	[ "$(container_config x .author)" = '"b"' ]
	run --separate-stderr mica config --author c nobody
	assert_error 'container not known'
	run --separate-stderr mica run nobody:x true
	[ "$status" = 125 ]
}

@test "run passes the status, standard input and the environment" {
	mica from -q --name c busybox
	run mica run c -- sh -c 'exit 7'
	[ "$status" = 7 ]
	[ "$(echo in | mica run c cat)" = in ]
	mica config --env A=1 --user app --workingdir /tmp c
	[ "$(mica run -e B=2 c -- sh -c 'echo $A $B $(id -u) $PWD')" = "1 2 1000 /tmp" ]
	[ "$(mica run --user root --workingdir /var c -- sh -c 'echo $(id -u) $PWD')" = "0 /var" ]
	[ "$(mica run c hostname)" = "$(mica containers --format '{{.ContainerID}}' | cut -c -12)" ]
	[ "$(mica run --hostname h c hostname)" = h ]
	run mica run c
	[ "$status" = 125 ]
	run -127 mica run c nosuchprogram
}

@test "the entry point and the default command are not run" {
	mica from -q --name c busybox
	mica config --entrypoint '["/bin/false"]' --cmd nothing c
	mica run c true
}

@test "what from says holds for each run, and run may say something else" {
	mkdir vol
	echo seen >vol/f
	mica from -q --name c --volume "$PWD/vol:/vol:ro" --ulimit nofile=100:100 --add-host there:1.2.3.4 --network none busybox
	[ "$(mica run c cat /vol/f)" = seen ]
	run mica run c touch /vol/g
	[ "$status" != 0 ]
	[ "$(mica run c -- sh -c 'ulimit -n')" = 100 ]
	[ "$(mica run --ulimit nofile=50:50 c -- sh -c 'ulimit -n')" = 50 ]
	mica run c grep there /etc/hosts
	[ "$(mica run c -- sh -c 'ls /sys/class/net')" = lo ]
}

@test "a mount of run is there for that run alone" {
	mkdir dir
	echo seen >dir/f
	mica from -q --name c busybox
	[ "$(mica run --mount "type=bind,source=$PWD/dir,target=/d,ro" c cat /d/f)" = seen ]
	[ "$(mica run --contextdir "$PWD" --mount type=bind,src=dir,target=/d c cat /d/f)" = seen ]
	mica run --mount type=tmpfs,target=/t,tmpfs-size=1m c -- sh -c 'grep -q " /t tmpfs" /proc/mounts && echo >/t/x'
	mica run c -- sh -c '[ ! -e /d ] && [ ! -e /t ]'
	run --separate-stderr mica run --mount type=cache,target=/c c true
	assert_error "type 'cache'"
}
