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
	mica pull -q busybox >/dev/null
}

teardown() {
	test_teardown
}

# Each limit is exceeded: one line says which step, what it did and which option; nothing is left running, the store is sound.
ends() { # PATTERN OPTION...
	local pattern=$1
	shift
	run --separate-stderr timeout 60 "$MICA_BIN" --root "$MICA_ROOT" build --progress=none --network=none "$@" ctx
	assert_error "$pattern"
	mica images -q >/dev/null
	assert_clean_store
}

@test "a step that takes too long is ended, with what it started in the background" {
	nap="sleep 6$BASHPID"
	containerfile <<-END
		FROM busybox
		RUN trap "" TERM INT; (setsid $nap &); while :; do :; done
	END
	start=$SECONDS
	ends 'Containerfile:2:1: RUN: killed: it took longer than 0\.5 s \(--step-timeout\)' --step-timeout=500ms
	[ $((SECONDS - start)) -lt 10 ]
	run ! pgrep -f "^$nap"
	# a limit that is not reached changes nothing, not even the cache
	printf 'FROM busybox\nRUN true\n' >ctx/Containerfile
	mica build -q --network=none --step-timeout=1h --build-timeout=1h --disk-limit=1g ctx
	run --separate-stderr mica build --network=none ctx
	[[ "$stderr" == *"0 run, 1 cached"* ]]
}

@test "the time of a step begins anew with each of them, that of a build does not" {
	containerfile <<-'END'
		FROM busybox
		RUN sleep 1.0
		RUN sleep 1.01
		RUN sleep 1.02
		RUN sleep 1.03
	END
	mica build -q --no-cache --network=none --step-timeout=3500ms ctx
	ends '(Containerfile:[2-5]:1: RUN: )?the build took longer than 1\.5 s \(--build-timeout\)' --no-cache --build-timeout=1500ms
}

# A terabyte of zeros.
@test "the time of a step is that of storing its layer, too, and that of a build ends it in order" {
	printf 'FROM busybox\nRUN truncate -s 1000000000000 /huge\nRUN true\n' | containerfile
	ends 'Containerfile:2:1: RUN: cannot store its layer: it took longer than 0\.6 s \(--step-timeout\)' --step-timeout=600ms
	ends 'the build took longer than 0\.5 s \(--build-timeout\)' --build-timeout=500ms
	[ -z "$(ls "$MICA_ROOT/tmp")" ]
}

@test "the time of a build also runs while a registry does not answer" {
	port=$(free_port)
	python3 -c 'import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(5)
kept = []
while True: kept.append(s.accept())' "$port" 3>&- &
	echo $! >"$T/silent.pid"
	printf '\n[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' "$port" >>"$CONTAINERS_REGISTRIES_CONF"
	wait_for 10 listens "$port"
	printf 'FROM 127.0.0.1:%s/never\n' "$port" | containerfile
	ends 'the build took longer than 0\.2 s \(--build-timeout\)' --build-timeout=200ms
}

listens() { # PORT
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

@test "a step that fills the disk is ended, whatever it fills it with" {
	printf 'FROM busybox\nRUN while :; do cat /bin/busybox >>/big; done\n' | containerfile
	ends 'Containerfile:2:1: RUN: killed: it wrote [0-9.]+ [MG]iB, the limit of a step is 20.0 MiB \(--disk-limit\)' --disk-limit=20m
	printf 'FROM busybox\nRUN mkdir /d; i=0; while :; do i=$((i + 1)); mkdir -p /d/$i; cp /bin/busybox /d/$i/b; done\n' | containerfile
	ends 'Containerfile:2:1: RUN: killed: it wrote .* \(--disk-limit\)' --disk-limit=20m
	# it is over before the first look, and has written before that
	printf 'FROM busybox\nRUN head -c 3m /dev/zero >/big\n' | containerfile
	for _ in 1 2 3 4 5; do
		ends 'Containerfile:2:1: RUN: killed: it wrote [23]\.[0-9]* MiB, the limit of a step is 2.0 MiB \(--disk-limit\)' --disk-limit=2m
	done
	mica build -q --network=none --disk-limit=4m ctx
}

@test "what is removed while it is open fills the disk, and what is written to mounts that are discarded" {
	big='while :; do cat /bin/busybox; done'
	printf 'FROM busybox\nRUN exec 3>/big; rm /big; { %s; } >&3\n' "$big" | containerfile
	ends 'Containerfile:2:1: RUN: killed: it wrote [0-9.]+ [MG]iB, the limit of a step is 20.0 MiB \(--disk-limit\)' --disk-limit=20m --step-timeout=20s
	for where in target=/m from=busybox,target=/m from=scratch,target=/m; do
		printf 'FROM busybox\nRUN --mount=type=bind,rw,%s { %s; } >/m/big\n' "$where" "$big" | containerfile
		ends 'Containerfile:2:1: RUN: killed: it wrote .* \(--disk-limit\)' --disk-limit=20m --step-timeout=20s
	done
	printf 'FROM busybox\nRUN --mount=type=bind,rw,target=/m exec 3>/m/big; rm /m/big; { %s; } >&3\n' "$big" | containerfile
	ends 'Containerfile:2:1: RUN: killed: it wrote .* \(--disk-limit\)' --disk-limit=20m --step-timeout=20s
}

@test "so it does where the layers below are on another file system" {
	[ "$(id -u)" = 0 ] || skip "needs to mount a file system"
	mkdir lower
	mount -t tmpfs mica-test lower
	cp -a "$MICA_ROOT" lower/store
	printf '[storage]\n[storage.options]\nadditionalimagestores = ["%s"]\n' "$PWD/lower/store" >storage.conf
	local before=$MICA_ROOT out=""
	MICA_ROOT=$PWD/upper
	export CONTAINERS_STORAGE_CONF=$PWD/storage.conf
	for file in /big /etc/passwd /m/big; do # the second was below
		printf 'FROM busybox\nRUN --mount=type=bind,rw,from=busybox,target=/m exec 3>%s; rm %s; { while :; do cat /bin/busybox; done; } >&3\n' $file $file | containerfile
		out+=$(timeout 60 "$MICA_BIN" --root "$MICA_ROOT" build --progress=none --network=none --disk-limit=20m --step-timeout=20s ctx 2>&1 || true)$'\n'
	done
	unset CONTAINERS_STORAGE_CONF
	MICA_ROOT=$before
	umount lower
	[ "$(grep -cE 'Containerfile:2:1: RUN: killed: it wrote .* \(--disk-limit\)' <<<"$out")" = 3 ] || fail "$out"
}

@test "files count even when they are empty, and many writers at once are over the limit by little" {
	printf 'FROM busybox\nRUN mkdir /d; i=0; while :; do i=$((i + 1)); : >/d/$i; done\n' | containerfile
	ends 'Containerfile:2:1: RUN: killed: it wrote .*, the limit of a step is 1.0 MiB \(--disk-limit\)' --disk-limit=1m
	printf 'FROM busybox\nRUN for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=/f$i bs=1M count=400 2>/dev/null & done; wait\n' | containerfile
	ends 'killed: it wrote' --disk-limit=64m
	written=$(sed -n 's/.*it wrote \([0-9]*\)[.0-9]* MiB.*/\1/p' <<<"$stderr")
	echo "# 64 MiB, written $written" >&3
	[ "${written:-1024}" -lt 1024 ]
}

@test "the limit on the disk is one on what a step adds where layers are copied" {
	printf 'FROM busybox\nRUN head -c 1m /dev/zero >/a\nRUN head -c 3m /dev/zero >/big\n' | containerfile
	export STORAGE_DRIVER=copy
	ends 'Containerfile:3:1: RUN: killed: it wrote [23]\.[0-9]* MiB, the limit of a step is 2.0 MiB' --disk-limit=2m
	mica build -q --network=none --disk-limit=4m ctx
}

@test "a fork bomb and a memory hog are held by their limits" {
	grep -qw pids /proc/cgroups /sys/fs/cgroup/cgroup.controllers 2>/dev/null || skip "no pids controller"
	printf 'FROM busybox\nRUN b() { b | b & }; b; while :; do :; done\n' | containerfile
	ends 'Containerfile:2:1: RUN: killed: it took longer than 1 s' --pids-limit=50 --step-timeout=1s
}

@test "output without end neither fills the disk nor outlives the step's time" {
	printf 'FROM busybox\nRUN yes 0123456789012345678901234567890123456789012345678901234567890123456789\n' | containerfile
	ends 'Containerfile:2:1: RUN: killed: it took longer than 3 s' --step-timeout=3s
	log=$(sed -n 's/^.*complete log is in //p' <<<"$stderr")
	[ "$(stat -c %s "$log")" -le $((257 * 1024 * 1024)) ]
	run tail -n 1 "$log"
	[ "$(stat -c %s "$log")" -lt $((256 * 1024 * 1024)) ] || [ "$output" = "=== the log is full: what follows is not kept" ]
}

# Without the limits: gigabytes of memory, hours, or the end of the stack.
@test "a file that multiplies what it sets, or whose stages stand on one another, is refused at once" {
	big="A0=$(head -c 60000 /dev/zero | tr '\0' a)" refs=$(yes '${A0}' | head -n 16 | tr -d '\n')
	{ printf 'FROM busybox\nENV %s\nENV B=%s\n' "$big" "$refs" && seq -f 'ENV A%.0f=${B}' 2500; } | containerfile
	ends 'Containerfile:7:1: what is set is larger than 4194304 bytes'
	{ printf 'ARG %s\nARG B=%s\n' "$big" "$refs" && seq -f 'ARG A%.0f=${B}' 2500 && echo FROM busybox; } | containerfile
	ends 'Containerfile:19:1: ARGs before the first FROM: more than 10000 names or 16777216 bytes'
	{ printf 'FROM busybox\nARG %s\nARG B=%s\nLABEL ' "$big" "$refs" && seq -s ' ' -f 'A%.0f=${B}' 2500; } | containerfile
	ends 'Containerfile:4:[0-9]+: the instruction expands to more than 16777216 bytes'
	{ printf 'FROM busybox\nENV %s\nENV B=%s C=%s\n' "$big" "$refs" "$refs" && seq -f 'RUN true %.0f' 2500; } | containerfile
	ends 'Containerfile:[0-9]+:1: the variables, labels, ports and words of all steps take more than 268435456 bytes: each step has its own copy of what is set for it \([0-9]+ variables and arguments here\)'
	{ printf 'FROM busybox\nENV \\\n' && seq -f 'A%.0f=1 \' 10001; } | containerfile
	ends 'Containerfile:2:1: ENV: more than 10000 names'
	{ echo FROM busybox AS s0 && paste -d ' ' <(seq -f 'FROM s%.0f' 0 299) <(seq -f 'AS s%.0f' 300); } | containerfile
	ends 'more than 250 stages are built on one another'
	printf 'FROM busybox\nEXPOSE 0-65535/tcp 0-65535/udp\nEXPOSE 80 80/tcp 0-65535/sctp\n' | containerfile
	timeout 30 "$MICA_BIN" --root "$MICA_ROOT" build -q --network=none ctx
}

@test "a deep tree is a layer where the stack is limited" {
	{ echo FROM busybox && printf 'RUN mkdir -p '; printf '/d%.0s' {1..1000}; } | containerfile
	(ulimit -s 128 && mica build -q --network=none --storage-driver=copy ctx)
}

@test "limits that are no limits are refused" {
	printf 'FROM busybox\n' | containerfile
	for text in x 5 -1s 1ns; do
		for option in step-timeout build-timeout; do
			run --separate-stderr mica build --$option=$text ctx
			assert_error "option '--$option': '$text' is not a duration such as"
		done
	done
	ends "option '--disk-limit'" --disk-limit=much
}

@test "a limit of a user's processes that those outside have reached is told" {
	[ "$(id -u)" = 0 ] || skip "only root can be two users"
	local others=()
	for _ in 1 2; do
		setpriv --reuid 64991 --regid 64991 --clear-groups sleep 60 3>&- &
		others+=($!)
		wait_for 10 grep -qx sleep "/proc/$!/comm"
	done
	run --separate-stderr mica run --rm --network=none --user 64991 --ulimit nproc=1:1 busybox true
	kill "${others[@]}"
	[[ $status = 125 && $stderr == *"cannot execute 'true': there are more processes of user 64991, in the step and outside of it, than the ulimit 'nproc' allows"* ]] || fail "$status $stderr"
}
