#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whatever happens to mica or to one of its processes: it ends soon, and after the next command no process, mount, cgroup or temporary
# directory is left. END_MOMENTS of each command and of each kind of end, 2 at first.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mica pull -q busybox
	# daemons, of which one will not end, one has no parent and one no session
	printf 'FROM busybox\nRUN sh -c "trap : TERM INT HUP; while :; do sleep 0.1; done" & (setsid sleep 500 &) ; sh -c "sleep 501 &" & (sleep 502 & kill -STOP $!); echo 1 >/1; sleep 0.2\nRUN echo 2 >/2; sleep 0.1\nCOPY Containerfile /\n' | containerfile
	mkdir noise
	head -c 8000000 /dev/urandom >noise/noise
	plain_tar noise.tar noise
	make_layout layout '{}' noise.tar
	to_registry layout library/noise:latest
	rm -rf layout noise noise.tar
}

teardown() {
	[ -z "${CGROUP:-}" ] || rmdir "$CGROUP" || fail "left: $(find "$CGROUP" -mindepth 1 -type d)"
	test_teardown
}

# A cgroup of our own: what mica makes is below it.
own_cgroup() {
	local top
	for top in /sys/fs/cgroup /sys/fs/cgroup/unified; do
		[ -w $top/cgroup.procs ] && [ -e $top/cgroup.controllers ] && CGROUP=$top/test-$BASHPID && mkdir "$CGROUP" && return
	done
	CGROUP=
}

ends() { # HOW LENGTH_MS COMMAND...: at moments in the first LENGTH_MS
	local how=$1 length=$2
	shift 2
	for _ in $(seq "${END_MOMENTS:-2}"); do
		(
			[ -z "${CGROUP:-}" ] || echo $BASHPID >"$CGROUP/cgroup.procs"
			exec unshare --pid --mount --fork --mount-proc "$TOP/tests/tools/ends.py" "$how" "$(printf '0.%03d' $((RANDOM % length)))" \
				"$MICA_ROOT" "$D/took" "$MICA_BIN" "$@"
		) >problem 2>&1 3>&- || fail "$* ($how): $(cat problem)"
		[ -z "${CGROUP:-}" ] || [ -z "$(find "$CGROUP" -mindepth 1 -type d)" ] || fail "$how: cgroups are left: $(find "$CGROUP" -mindepth 1)"
	done
}

each_command() { # HOW
	own_cgroup
	ends "$1" 700 "$MICA_BIN" --root "$MICA_ROOT" build --no-cache --network=none ctx
	ends "$1" 900 "$MICA_BIN" --root "$MICA_ROOT" build --no-cache ctx
	ends "$1" 300 "$MICA_BIN" --root "$MICA_ROOT" run --rm busybox sh -c 'trap "" TERM; (setsid sleep 500 &) ; sleep 0.2'
	ends "$1" 200 sh -c "\"$MICA_BIN\" --root '$MICA_ROOT' rmi noise >/dev/null 2>&1; exec \"$MICA_BIN\" --root '$MICA_ROOT' pull noise"
	mica from --name c busybox >/dev/null
	mica run --network=none c sh -c 'head -c 5000000 /dev/urandom >/r'
	ends "$1" 200 "$MICA_BIN" --root "$MICA_ROOT" commit c kept
	mica rm c >/dev/null
	if command -v fuse-overlayfs >/dev/null && [ -e /dev/fuse ]; then
		ends "$1" 900 env STORAGE_DRIVER=fuse-overlayfs "$MICA_BIN" --root "$MICA_ROOT" build --no-cache --network=none ctx
	fi
	echo "# $1: at most $(sort -n took | tail -n 1) ms" >&3
	assert_clean_store
}

@test "one ctrl-c at any moment" {
	each_command interrupt
}

@test "two of them" {
	each_command twice
}

@test "SIGKILL" {
	each_command kill
}

@test "SIGKILL of any one of its processes and helpers" {
	each_command helper
}

# In version 1 alone a step without limits has no cgroup: the pid namespace, which dies with mica, has to do.
@test "SIGKILL where a step has no cgroup" {
	! grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts || skip "this machine has version 2 alone"
	END_MOMENTS=$((${END_MOMENTS:-2} * 2)) ends kill 700 unshare --mount sh -c "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$MICA_BIN\" --root '$MICA_ROOT' build --no-cache --network=none ctx"
}
