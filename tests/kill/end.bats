#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whatever happens to mica or to one of its processes: it ends soon, and after the next command no process, mount, cgroup or temporary
# directory is left. END_MOMENTS of each command and of each kind of end, 2 at first.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	user_teardown
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

ends() { # HOW LENGTH_MS COMMAND...: at moments in the first LENGTH_MS, or that long after END_FROM
	local how=$1 length=$2
	shift 2
	for _ in $(seq "${END_MOMENTS:-2}"); do
		(
			[ -z "${CGROUP:-}" ] || echo $BASHPID >"$CGROUP/cgroup.procs"
			exec unshare --pid --mount --fork --mount-proc "$TOP/tests/tools/ends.py" "$how" "$(printf '0.%03d' $((${END_FROM:-0} + RANDOM % length)))" \
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

# Nothing is waited for there, but a terabyte is read.
@test "ctrl-c while a large context is read" {
	mkdir huge
	truncate -s 1T huge/file
	printf 'FROM busybox\nCOPY file /\n' >huge/Containerfile
	END_MOMENTS=1 END_FROM=600 ends interrupt 300 "$MICA_BIN" --root "$MICA_ROOT" build --network=none huge
	grep -q 'interrupted by SIGINT' took.out
}

# The failed build waits for a terabyte to be stored, its user does not.
@test "ctrl-c where a step has failed and another's layer is being stored" {
	printf 'FROM busybox AS a\nRUN truncate -s 1000000000000 /huge\nFROM busybox AS b\nRUN sleep 0.3; false\nFROM busybox\nCOPY --from=a /bin/sh /a\nCOPY --from=b /bin/sh /b\n' | containerfile
	for how in interrupt terminal; do
		END_FAILED=1 END_MOMENTS=1 END_FROM=800 ends $how 100 "$MICA_BIN" --root "$MICA_ROOT" build --network=none --no-cache ctx
		grep -q 'RUN: exit status 1' took.out
	done
}

@test "a terminal that hangs up ends it, and under nohup does not; ctrl-\\ does" {
	for _ in $(seq 20); do echo "RUN sleep 0.05"; done >>ctx/Containerfile
	for how in nohup hup quit; do
		rm -f log
		(
			signals=(--default-signal=HUP --default-signal=QUIT) # a shell cannot take back what was ignored when it began
			[ $how != nohup ] || signals=(--ignore-signal=HUP)
			exec env "${signals[@]}" setsid "$MICA_BIN" --root "$MICA_ROOT" build --no-cache --network=none -t kept ctx >log 2>&1 3>&-
		) &
		wait_for 20 grep -q 'STEP 4/' log
		kill "-$([ $how = quit ] && echo QUIT || echo HUP)" -- -$!
		local status=0
		wait $! || status=$?
		[[ " nohup:0 hup:129 quit:131 " == *" $how:$status "* ]] || fail "$how: $status: $(cat log)"
		[ -z "$(ls "$MICA_ROOT/tmp")" ] || fail "$how: left: $(ls "$MICA_ROOT/tmp")"
	done
	mica exists kept
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

# In version 1 alone, and where no cgroup can be written to, the user and pid namespaces have to do.
@test "SIGINT, SIGKILL and SIGKILL of a helper, of a user's command" {
	user_setup
	local root=$D/user-store
	mkdir "$D/bin"
	# with what ends.py says to the sanitizers
	cat >"$D/bin/mica" <<-END
		#!/bin/sh
		cd "$D" && exec setpriv --reuid $MICA_USER --regid $MICA_USER --init-groups env -i $USER_ENV \${ASAN_OPTIONS+"ASAN_OPTIONS=\$ASAN_OPTIONS"} "$MICA_BIN" "\$@"
	END
	chmod +x "$D/bin/mica"
	as_user "$MICA_BIN" --root "$root" pull -q busybox
	for how in interrupt kill helper helper; do
		MICA_BIN=$D/bin/mica MICA_ROOT=$root ends $how 700 "$D/bin/mica" --root "$root" build --no-cache --network=none ctx
		MICA_BIN=$D/bin/mica MICA_ROOT=$root ends $how 900 "$D/bin/mica" --root "$root" build --no-cache ctx
	done
	as_user "$MICA_BIN" --root "$root" fsck
}

@test "SIGINT, SIGKILL and SIGKILL of a helper, where steps share this machine's processes" {
	[ "$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')" -ge 6 ] || skip "this kernel's Landlock does not keep processes from signalling others"
	own_cgroup
	for how in interrupt kill; do
		ends $how 700 "$MICA_BIN" --root "$MICA_ROOT" build --pid=host --no-cache --network=none ctx
	done
	# of a helper that is init: what it had adopted is found by its cgroup
	[ -z "$CGROUP" ] || END_MOMENTS=4 ends helper 700 "$MICA_BIN" --root "$MICA_ROOT" build --pid=host --no-cache --network=none ctx
	assert_clean_store
}

# In version 1 alone a step without limits has no cgroup: the pid namespace, which dies with mica, has to do.
@test "SIGKILL where a step has no cgroup" {
	! grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts || skip "this machine has version 2 alone"
	END_MOMENTS=$((${END_MOMENTS:-2} * 2)) ends kill 700 unshare --mount sh -c "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$MICA_BIN\" --root '$MICA_ROOT' build --no-cache --network=none ctx"
}

@test "the cgroup of somebody whose store is gone goes with the next step of another store" {
	own_cgroup
	[ -n "$CGROUP" ] || skip "no cgroup of version 2 that we may divide"
	local gone=$CGROUP/mica-0123456789abcdef new=$CGROUP/mica-0123456789abcde0 used=$CGROUP/mica-0123456789abcde1
	mkdir "$gone" "$new" "$used"
	(cd / && exec sleep 30 3>&-) &
	local pid=$!
	echo $pid >"$used/cgroup.procs"
	touch -d '2 days' "$gone" # by a clock that was wrong
	touch -d '2 minutes ago' "$new" "$used"
	exec 7<"$new" # its maker lives
	flock -s 7
	(echo $BASHPID >"$CGROUP/cgroup.procs" && exec "$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none busybox true 7<&-)
	[ ! -e "$gone" ]
	[ -e "$new" ]
	[ -e "$used" ]
	exec 7<&-
	kill -9 $pid
	wait $pid || true
	rmdir "$new" "$used"
}
