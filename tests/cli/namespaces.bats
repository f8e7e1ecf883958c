#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Namespaces that a step does not have for itself, and user namespaces that it has.
load lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mkdir -p ctx
	mica pull -q busybox
	landlock=$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')
}

teardown() {
	[ -z "${OUTSIDE:-}" ] || kill "$OUTSIDE" 2>/dev/null || true
	test_teardown
}

needs_landlock() {
	[ "$landlock" -ge 6 ] || skip "this kernel's Landlock does not keep processes from signalling others"
}

# What a step has is this machine's, or another than this machine's.
namespace() { # KIND OPTION...
	local kind=$1
	shift
	mica run --rm --network=none "$@" busybox readlink "/proc/self/ns/$kind"
}

@test "without a pid namespace: processes are seen, and those outside are neither signalled nor entered" {
	needs_landlock
	SECRET=visible sleep 300 3>&- &
	OUTSIDE=$!
	disown
	cat >inside <<-END
		set -e
		cannot() { if "\$@" >/dev/null 2>&1; then echo "it can: \$*"; exit 1; fi; }
		[ -d /proc/$OUTSIDE ]
		cannot kill -9 $OUTSIDE
		cannot kill -0 $OUTSIDE
		cannot ls /proc/$OUTSIDE/root/
		cannot ls /proc/$OUTSIDE/cwd/
		cannot cat /proc/$OUTSIDE/environ
		cannot kill -9 \$PPID
		sleep 300 &
		readlink /proc/\$!/exe
		kill -9 \$!
		echo inside
	END
	for user in 0 "$(id -u nobody)"; do
		# a process of the same user, who has no capability that the step has not
		run --separate-stderr mica run --rm --network=none --pid=host --user "$user" --cap-add SYS_PTRACE -v "$PWD/inside:/inside:ro" busybox sh /inside
		[ "$status" = 0 ] || fail "user $user: $output $stderr"
		[ "${lines[-1]}" = inside ]
		kill "$OUTSIDE"
		setpriv --reuid nobody --clear-groups sleep 300 3>&- &
		sed -i "s/$OUTSIDE/$!/g" inside
		OUTSIDE=$!
		disown
	done
}

# The processes that carry the mark in their arguments.
marked() { # MARK
	grep -lszE "^$1\$" /proc/[0-9]*/cmdline
}

none_marked() { # MARK
	! marked "$1" >/dev/null
}

@test "without a pid namespace: what a step leaves running ends with it, with ^C and with the death of mica" {
	needs_landlock
	mark=$((RANDOM + 100000))
	daemons="sleep $mark & (setsid sleep $mark &) ; sh -c '(trap \"\" TERM HUP INT; sleep $mark) & sleep $mark & kill -STOP \$!' &"
	mica run --rm --network=none --pid=host busybox sh -c "$daemons sleep 0.2"
	none_marked $mark || fail "left: $(marked $mark)"
	for signal in INT TERM KILL; do
		"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none --pid=host busybox sh -c "$daemons touch /dev/shm/up; wait" 3>&- </dev/null >log 2>&1 &
		pid=$!
		wait_for 10 marked $mark >/dev/null
		began=$(date +%s%N)
		kill -$signal $pid
		wait $pid || true
		wait_for 10 none_marked $mark || fail "$signal: left: $(marked $mark)"
		took=$((($(date +%s%N) - began) / 1000000))
		echo "# SIG$signal: $took ms" >&3
		[ $took -lt 5000 ]
	done
	mica images >/dev/null
	assert_clean_store
}

@test "a pid namespace that has a path is joined, whoever made it" {
	needs_landlock
	unshare --pid --fork --mount-proc --kill-child sleep 300 3>&- &
	OUTSIDE=$!
	disown
	wait_for 10 sh -c "pgrep -P $OUTSIDE >/dev/null"
	inner=$(pgrep -P $OUTSIDE)
	ns=$(readlink "/proc/$inner/ns/pid")
	[ "$ns" != "$(readlink /proc/self/ns/pid)" ]
	[ "$(namespace pid --pid="/proc/$inner/ns/pid")" = "$ns" ]
	[ "$(namespace pid --pid="ns:/proc/$inner/ns/pid")" = "$ns" ]
	[[ "$(mica run --rm --network=none --pid="/proc/$inner/ns/pid" busybox cat /proc/1/cmdline | tr '\0' ' ')" = "sleep 300 " ]]
	[ "$(namespace pid --pid=host)" = "$(readlink /proc/self/ns/pid)" ]
	[ "$(namespace pid --pid="/proc/$$/ns/pid")" = "$(readlink /proc/self/ns/pid)" ]
	[ "$(namespace pid --pid=container)" != "$(readlink /proc/self/ns/pid)" ]
	printf 'FROM busybox\nRUN (setsid sleep 300 &); readlink /proc/self/ns/pid >/ns\n' >ctx/Containerfile
	mica build -q --network=none --pid="/proc/$inner/ns/pid" -t t ctx >/dev/null
	[ "$(in_image t cat /ns)" = "$ns" ]
	[ "$(pgrep -c -P "$inner")" = 0 ]
	# the next command's children are born in ours again
	[ "$(namespace pid)" != "$ns" ]
	mica from -q --name c --pid=host busybox
	[ "$(mica run --network=none c readlink /proc/self/ns/pid)" = "$(readlink /proc/self/ns/pid)" ]
	[ "$(mica run --network=none --pid=private c readlink /proc/self/ns/pid)" != "$(readlink /proc/self/ns/pid)" ]
}

@test "a user's steps without a pid namespace signal none of that user's processes" {
	needs_landlock
	user_setup
	as_user sleep 300 3>&- &
	wait_for 10 pgrep -u "$MICA_USER" -x sleep >/dev/null
	OUTSIDE=$(pgrep -n -u "$MICA_USER" -x sleep)
	as_user "$MICA_BIN" --root "$D/s" pull -q busybox
	as_user "$MICA_BIN" --root "$D/s" run --rm --network=none --pid=host busybox sh -c "[ -d /proc/$OUTSIDE ] || exit 1; if kill -9 $OUTSIDE || ls /proc/$OUTSIDE/root/; then exit 2; fi; (setsid sleep 300.5 &)"
	[ -d "/proc/$OUTSIDE" ]
	[ "$(pgrep -c -u "$MICA_USER" -f 'sleep 300.5')" = 0 ]
}
