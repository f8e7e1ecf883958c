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

# SIGKILL at any moment: what is named stays whole, and the next command cleans up what is not.
start() { # ARGUMENTS...: in the background, pid in $pid
	"$MICA_BIN" --root "$MICA_ROOT" "$@" >out 2>err 3>&- &
	pid=$!
	echo "$pid" >"$T/started.$pid.pid"
	disown 2>/dev/null || true # it may be over already
}

# Nothing of the killed command is left once another command has run: no process, cgroup, mount or unnamed directory.
assert_swept() {
	mica images >/dev/null
	containerfile <<-'END'
		FROM busybox
		RUN true
	END
	mica build -q --network=none ctx >/dev/null
	if [ -e cgroups ]; then
		while read -r dir; do
			[ ! -d "$dir" ] || fail "$dir is left"
		done <cgroups
	fi
	assert_clean_store
}

@test "during a RUN step" {
	mica pull -q busybox
	nap="sleep 8$BASHPID" # no other test's
	containerfile <<-END
		FROM busybox
		RUN echo first >/first
		RUN echo second >/second; $nap
	END
	start build --network=none -t t ctx
	wait_for 20 pgrep -f "^$nap"
	# Without limits the step has a cgroup too, where version 2 is ours to write to.
	cgroups_of "$(pgrep -f "^$nap" | head -1)" | grep mica >cgroups || true
	if [ -w /sys/fs/cgroup/cgroup.procs ] || [ -w /sys/fs/cgroup/unified/cgroup.procs ]; then
		[ -s cgroups ]
	fi
	kill -9 "$pid"
	wait_for 10 not_running "^$nap"
	assert_swept
	# The steps that were complete are still cached, the rest is done now.
	printf 'FROM busybox\nRUN echo first >/first\nRUN echo second >/second\n' >ctx/Containerfile
	mica build -q --network=none -t t ctx
	[ "$(in_image t cat /first /second)" = $'first\nsecond' ]
	assert_clean_store
}

not_running() { # PATTERN
	! pgrep -f "$1" >/dev/null
}

@test "no helper outlives a build with a private network that was killed at any moment" {
	mica pull -q busybox
	containerfile <<-'END'
		FROM busybox
		RUN true
		RUN echo 1 >/1
	END
	for i in $(seq 40); do
		# a session of its own, so that its helpers can be told when their parent is gone
		setsid "$MICA_BIN" --root "$MICA_ROOT" build --no-cache ctx >out 2>err 3>&- &
		pid=$!
		disown
		sleep "0.$(printf %03d $((i * 10 % 400)))"
		kill -9 "$pid" 2>/dev/null || true
		wait_for 10 session_gone "$pid" || fail "left of round $i: $(ps -o pid,ppid,args -s "$pid")"
	done
	wait_for 10 store_unused || fail "still open: $(store_users)"
	mica prune -f >prune.out 2>&1
	run ! grep "other processes" prune.out
}

@test "the maker of a private network dies with its parent" {
	command -v strace >/dev/null || skip "strace is not installed"
	mica pull -q busybox
	containerfile <<-'END'
		FROM busybox
		RUN true
	END
	# It is held up in the moment in which it has the namespace and its parent has not.
	strace -f -qq -o trace -e trace=unshare -e inject=unshare:delay_enter=2000000 \
		"$MICA_BIN" --root "$MICA_ROOT" build --no-cache ctx >out 2>err 3>&- &
	tracer=$!
	disown
	wait_for 20 grep -q NEWNET trace
	helper=$(awk '/NEWNET/ { print $1; exit }' trace)
	echo "$helper" >"$T/helper.pid"
	pkill -9 -P "$tracer"
	wait_gone "$helper" || fail "still open: $(store_users)"
	wait_gone "$tracer"
}

session_gone() { # SESSION
	[ -z "$(ps -o stat= -s "$1" | grep -v '^Z')" ]
}

store_users() { # the processes that hold a file of the store
	find /proc/[0-9]*/fd -lname "$MICA_ROOT/*" 2>/dev/null || true
}

store_unused() {
	[ -z "$(store_users)" ]
}

@test "the helpers of a killed pull are gone" {
	faulty=$(free_port)
	# A registry that takes the connection and never answers.
	python3 -c 'import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(5)
kept = []
while True: kept.append(s.accept())' "$faulty" 3>&- &
	echo $! >"$T/silent.pid"
	printf '\n[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' "$faulty" >>"$CONTAINERS_REGISTRIES_CONF"
	wait_for 10 listens "$faulty"
	start pull -q "127.0.0.1:$faulty/never"
	wait_for 10 children_of "$pid"
	children=$(pgrep -P "$pid")
	kill -9 "$pid"
	for child in $children; do
		wait_gone "$child" || fail "$child outlives its parent: $(tr '\0' ' ' <"/proc/$child/cmdline")"
	done
}

listens() { # PORT
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

children_of() { # PID
	pgrep -P "$1" >/dev/null
}

@test "ctrl-c during a build ends it at once and cleans up" {
	nap="sleep 7$BASHPID"
	containerfile <<-END
		FROM busybox
		RUN $nap
	END
	start build --network=none -t t ctx
	wait_for 20 pgrep -f "^$nap"
	kill -INT "$pid"
	wait_gone "$pid"
	run ! pgrep -f "^$nap"
	[ -z "$(ls -A "$MICA_ROOT/tmp")" ]
	assert_swept
}

# --- at any moment ---

# In bytes, as files are long: how many blocks they have depends on when the file system places them. Without what is noted of the context's
# files, once these are old enough for it to be true: that goes by the clock; and of where each push took the blobs, which is some lines each.
disk() {
	du -s --block-size=1 --apparent-size --exclude="$MICA_ROOT/cache/stat" --exclude="$MICA_ROOT/origins" "$MICA_ROOT" | cut -f 1
}

# Is as much there as was at first, but for a few small files? What the killed process had is free when its last helper is gone.
takes() { # BYTES...
	local now bytes
	now=$(disk)
	for bytes in "$@"; do
		[ $((now - bytes)) -gt 40000 ] || [ $((bytes - now)) -gt 40000 ] || return 0
	done
	mica tag kept kept >/dev/null
	return 1
}

# KILL_MOMENTS of each command, 8 at first. Killed anywhere in its run: fsck finds nothing, what else had a name is whole, the command succeeds
# when it is repeated, and then the disk holds what it holds without all this. PREPARE makes what the command works on; @ in a word is the
# number of the moment. `--or-not`: half of the times another command comes next, after which the disk holds what it held before, or all.
killed_anywhere() { # [--or-not] NAME PREPARE COMMAND...
	local name prepare i began length before after or_not=
	[ "$1" != --or-not ] || { or_not=1 && shift; }
	name=$1 prepare=$2
	shift 2
	$prepare
	before=$(disk)
	began=$(date +%s%3N)
	mica "${@//@/0}" >out 2>&1
	length=$(($(date +%s%3N) - began + 1))
	after=$(disk)
	for i in $(seq "${KILL_MOMENTS:-8}"); do
		$prepare
		start "${@//@/$i}"
		sleep "$(printf '%d.%03d' $((RANDOM % length / 1000)) $((RANDOM % length % 1000)))"
		kill -9 "$pid" 2>/dev/null || true
		wait_gone "$pid"
		mica fsck >fsck.out 2>&1 || fail "$name, moment $i: $(cat fsck.out)"
		[ "$(in_image kept cat /f)" = 1 ] || fail "$name, moment $i: the image beside it is gone"
		if [ "$or_not" ] && [ $((i % 2)) = 0 ]; then
			mica tag kept kept
			wait_for 10 takes "$before" "$after" || fail "$name, moment $i: $(disk) bytes, before it $before, after it $after"
		fi
		mica "${@//@/$i}" >out 2>&1 || [ "$name" = rmi ] || fail "$name, moment $i, repeated: $(cat out)"
		wait_for 10 takes "$after" || fail "$name, moment $i, repeated: $(disk) bytes instead of $after"
		[ -z "$(ls -A "$MICA_ROOT/tmp")" ] || fail "$name, moment $i, repeated: left in tmp: $(ls -A "$MICA_ROOT/tmp")"
	done
	echo "# $name: killed $i times within $length ms" >&3
}

kept() { # an image that is never touched
	containerfile <<-'END'
		FROM busybox
		RUN echo 1 >/f
	END
	mica build -q --network=none -t kept ctx
	mica prune --build-cache >/dev/null
	head -c 2000000 /dev/urandom >ctx/noise
	for i in $(seq 200); do echo "$i" >"ctx/f$i"; done
	printf 'FROM busybox\nCOPY f* noise /ctx/\nRUN cp -r /ctx /ctx2\nRUN rm -r /ctx; sha256sum /ctx2/* >/sum\n' >ctx/Containerfile
}

nothing() {
	mica rmi -f another >/dev/null 2>&1 || true
	mica prune --build-cache >/dev/null
}

another() {
	nothing
	mica build -q --network=none -t another ctx >/dev/null
}

@test "at many moments of a build" {
	mica pull -q busybox
	kept
	killed_anywhere build nothing build -q --network=none -t another ctx
	[ "$(in_image another sh -c 'ls /ctx2 | wc -l')" = 201 ]
	assert_clean_store
}

@test "at many moments of a pull" {
	mica pull -q busybox
	kept
	mkdir tree
	for i in 1 2 3 4; do
		head -c 1000000 /dev/urandom >"tree/noise$i"
		plain_tar "l$i.tar" tree
		rm "tree/noise$i"
	done
	make_layout layout '{"Env":["PATH=/bin"]}' l1.tar l2.tar l3.tar l4.tar
	to_registry layout library/noise:latest
	rm -r layout
	forgotten() {
		mica rmi -f noise >/dev/null 2>&1 || true
	}
	killed_anywhere --or-not pull forgotten pull -q noise
	[ "$(skopeo inspect --raw "oci:$MICA_ROOT:docker.io/library/noise:latest" | jq '.layers | length')" = 4 ]
	assert_clean_store
}

@test "at many moments of a push" {
	mica pull -q busybox
	kept
	another
	killed_anywhere push true push -q another "docker://$REG/kill/@"
	assert_clean_store
}

@test "at many moments of a commit" {
	mica pull -q busybox
	kept
	mica from --name c busybox
	mica copy -q c ctx /ctx >/dev/null
	killed_anywhere --or-not commit nothing commit -q c another
	assert_clean_store
}

@test "at many moments of an rmi, a prune and a tag" {
	mica pull -q busybox
	kept
	killed_anywhere rmi another rmi -f another
	unnamed() {
		another
		mica untag another
	}
	killed_anywhere prune unnamed prune --build-cache
	another
	killed_anywhere tag true tag another again
	assert_clean_store
}
