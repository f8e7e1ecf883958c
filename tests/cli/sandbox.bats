#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox debian
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

base() {
	mica pull -q busybox >/dev/null
}

box() { # [OPTION...] COMMAND...
	mica run --rm "$@"
}

# covers: run-network
@test "a command has its own processes, host name, IPC, and the network it is given" {
	base
	run box --network=none busybox sh -c 'ls -d /proc/[0-9]* | wc -l; ls /sys/class/net'
	[ "$status" = 0 ]
	[ "${lines[0]}" -le 5 ]
	[ "${lines[1]}" = lo ]
	[ "$(box --network=host busybox ls /sys/class/net | sort)" = "$(ls /sys/class/net | sort)" ]
	for ns in pid ipc uts mnt cgroup; do
		[ "$(box --network=host busybox readlink /proc/self/ns/$ns)" != "$(readlink /proc/self/ns/$ns)" ] || fail "the $ns namespace is shared"
	done
	[ "$(box --network=host busybox readlink /proc/self/ns/net)" = "$(readlink /proc/self/ns/net)" ]
	[ "$(box --network=none busybox readlink /proc/self/ns/net)" != "$(readlink /proc/self/ns/net)" ]
}

other_netns() { # PID
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

@test "a private network reaches the outside and is not the host's" {
	[ -c /dev/net/tun ] || skip "no /dev/net/tun on this machine: a user-mode network needs it"
	base
	[ "$(box --network=private busybox readlink /proc/self/ns/net)" != "$(readlink /proc/self/ns/net)" ]
	# A neighbour that only the host can reach: a network namespace at the other end of a cable.
	[ "$(id -u)" = 0 ] || skip "only root can lay the cable to a neighbour"
	echo "hello from outside" >page
	unshare -n sleep 300 3>&- &
	neighbour=$!
	echo $neighbour >"$T/neighbour.pid"
	wait_for 5 other_netns $neighbour
	ip link add micatest0 type veth peer name micatest1 netns $neighbour
	ip addr add 198.51.100.1/24 dev micatest0
	ip link set micatest0 up
	nsenter -t $neighbour -n sh -c 'ip addr add 198.51.100.2/24 dev micatest1 && ip link set micatest1 up && exec python3 -m http.server -b 198.51.100.2 80' >/dev/null 2>&1 3>&- &
	echo $! >"$T/page.pid"
	wait_for 10 curl -sf -o /dev/null http://198.51.100.2/page
	# a static busybox cannot resolve, not even an address: bash can connect
	mica pull -q debian:stable
	run box --network=private debian:stable timeout 10 bash -c 'exec 3<>/dev/tcp/198.51.100.2/80; printf "GET /page HTTP/1.0\r\n\r\n" >&3; tail -n 1 <&3'
	kill "$(cat "$T/page.pid")" $neighbour
	ip link del micatest0 2>/dev/null || true
	[ "${lines[-1]}" = "hello from outside" ]
}

@test "a private network is connected by the program and in the way that --network says" {
	[ -c /dev/net/tun ] || skip "no /dev/net/tun on this machine: a user-mode network needs it"
	base
	local show='ip -o addr | sed -n "s/.* inet \([0-9./]*\).*/\1/p" | tail -1; ip link | grep -o "mtu [0-9]*" | tail -1; cat /etc/resolv.conf; grep host.containers /etc/hosts'
	mica from -q --name c busybox
	if command -v slirp4netns >/dev/null; then
		printf '[engine]\nnetwork_cmd_options = ["mtu=2000"]\n' >conf
		[ "$(CONTAINERS_CONF=$PWD/conf mica run --network=slirp4netns:cidr=192.168.7.0/24,allow_host_loopback=true c sh -c "$show")" = '192.168.7.100/24
mtu 2000
nameserver 192.168.7.3
192.168.7.2	host.containers.internal' ]
	fi
	if command -v pasta >/dev/null; then
		printf '[network]\npasta_options = ["--ipv4-only", "-a", "10.9.8.6", "-m", "1400"]\n' >conf
		[ "$(CONTAINERS_CONF=$PWD/conf mica run --network=pasta:-n,24,-g,10.9.8.1,--dns-forward,10.9.8.3 c sh -c "$show")" = '10.9.8.6/24
mtu 1400
nameserver 10.9.8.3' ]
		[ "$(mica run --network=pasta:--ipv4-only,-a,10.9.8.7,-n,24,-g,10.9.8.1,--dns-forward,10.9.8.3,-m,1500 c sh -c "$show")" = '10.9.8.7/24
mtu 1500
nameserver 10.9.8.3' ]
		run box --network=pasta:--nonsense busybox true
		[[ "$output" == *"pasta could not connect the private network; does it know what '--network' gives it?"* ]]
	fi
}

@test "where there is no /dev/net/tun, it is said what to do" {
	[ "$(id -u)" = 0 ] && [ -d /dev/net ] || skip "only root can hide /dev/net, and where it is"
	base
	run unshare -m sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh "$MICA_BIN" --root "$MICA_ROOT" run --rm busybox true
	[ "$status" = 125 ]
	[[ $output == *"mica: "*"a private network needs '/dev/net/tun', which cannot be opened (no such file or directory): say '--network=host', or let it be opened" ]] ||
		fail "$output"
}

# cve: CVE-2022-24769 CVE-2022-29162 CVE-2022-27649 CVE-2022-27650 CVE-2022-27651 CVE-2021-20188 CVE-2018-10856
# bats test_tags=user
@test "capabilities are the usual ones, none is inheritable or ambient, and system calls are filtered" {
	base
	run box --network=none busybox grep -E '^(Cap|Seccomp:)' /proc/self/status
	[[ "$output" == *$'CapInh:\t0000000000000000'* ]]
	[[ "$output" == *$'CapAmb:\t0000000000000000'* ]]
	[[ "$output" == *$'Seccomp:\t2'* ]]
	bounding=$((16#$(sed -n 's/^CapBnd:\t//p' <<<"$output")))
	# dac_read_search net_admin sys_module sys_rawio sys_ptrace sys_admin sys_boot sys_time
	for forbidden in 2 12 16 17 19 21 22 25; do
		(((bounding >> forbidden & 1) == 0)) || fail "capability $forbidden is allowed"
	done
	run box --network=none -u app busybox grep CapEff /proc/self/status
	[[ "$output" == *$'CapEff:\t0000000000000000'* ]]
	run ! box --network=none busybox mount -t tmpfs none /tmp
}

@test "no descriptor of ours is inherited and the session is its own" {
	base
	exec 7<"$TOP/README.md"
	run box --network=none busybox sh -c 'ls /proc/self/fd | tr "\n" " "'
	exec 7<&-
	[[ "$output" =~ ^0\ 1\ 2\ 3\ ?$ ]] || fail "$output"
	run box --network=none busybox sh -c 'cut -d " " -f 6 /proc/self/stat'
	[ "$output" != 0 ]
	# nor is what new files may be
	[ "$(umask 077 && mica run --rm --network=none busybox sh -c umask)" = 0022 ]
}

@test "a filter that traps what a step needs before its command ends it: nothing is left out, and nobody waits for ever" {
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["capset"], "action": "SCMP_ACT_TRAP"}]}' >traps.json
	printf 'FROM busybox\nRUN true\n' | containerfile
	run timeout -s KILL 30 "$MICA_BIN" --root "$MICA_ROOT" build -q --network=none --security-opt "seccomp=$PWD/traps.json" ctx
	[ "$status" = 137 ] && [[ "$output" == *'137'* ]] || fail "$status: $output"
}

@test "kernel files that tell about or change the host are hidden or read-only" {
	base
	for path in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug; do
		[ -e "$path" ] || continue
		[ "$(box --network=none busybox sh -c "head -c 10 $path 2>/dev/null | wc -c")" = 0 ] || fail "$path can be read"
	done
	run ! box --network=none busybox sh -c 'echo 1 >/proc/sys/kernel/panic'
	run ! box --network=none busybox sh -c 'echo b >/proc/sysrq-trigger'
	run ! box --network=none busybox sh -c 'mkdir /sys/fs/cgroup/x'
	# version 1 is shown where limits are, and as buildah has it
	ln -s "$MICA_BIN" buildah
	./buildah --root "$MICA_ROOT" from -q --name seen busybox
	./buildah --root "$MICA_ROOT" run --network=none seen sh -c 'cd /sys/fs/cgroup && ls && ! mkdir x memory/x 2>/dev/null' >seen
	grep -q cpu seen && grep -q memory seen || fail "$(cat seen)"
	run box --network=none busybox sh -c 'ls /dev | tr "\n" " "'
	for device in null zero full random urandom tty; do
		[[ " $output" == *" $device "* ]] || fail "/dev/$device is missing"
	done
	[[ "$output" != *vda* && "$output" != *kmsg* && "$output" != *loop* ]]
}

@test "what the sandbox provides does not end up in the image" {
	containerfile <<-'END'
		FROM busybox
		RUN cat /etc/hosts /etc/resolv.conf >/dev/null; touch /dev/shm/x; hostname; echo kept >/kept
	END
	mica build -q --network=host -t t ctx
	layer=$(manifest_of t | jq -r '.layers[-1].digest')
	run tar -tzf "$MICA_ROOT/blobs/sha256/${layer#sha256:}"
	[ "$output" = kept ] || [ "$output" = ./kept ] || fail "$output"
}

@test "the memory limit kills, and the message names the limit and the peak" {
	containerfile <<-'END'
		FROM busybox
		RUN tail -c 300m /dev/zero | wc -c
	END
	run --separate-stderr mica build --network=none --memory 64m ctx
	[ "$status" != 0 ]
	grep -qiE 'memory' <<<"$stderr"
	grep -qE '64(\.0)? ?(MiB|MB|M|m)' <<<"$stderr" || fail "$stderr"
	grep -qi 'peak' <<<"$stderr" || fail "$stderr"
	run box --network=none --memory 64m busybox true
	[ "$status" = 0 ]
	assert_clean_store
}

@test "the limit on processes holds" {
	base
	run box --network=none --pids-limit 12 busybox sh -c 'for i in $(seq 30); do sleep 2 & done; wait'
	[[ "$output" == *"an't fork"* ]] || [[ "$output" == *"temporarily unavailable"* ]]
	run box --network=none --pids-limit 100 busybox sh -c 'for i in $(seq 30); do sleep 0.1 & done; wait; echo fine'
	[ "$output" = fine ]
}

@test "the limit on processor time holds" {
	base
	# Two seconds of the clock at a fifth of a processor: `times` shows the children's share in its last line.
	run box --network=none --cpu-period 50000 --cpu-quota 10000 busybox sh -c 'timeout 2 sh -c "while :; do :; done"; times'
	[[ "${lines[-1]}" =~ ^0m0\.[0-7] ]] || fail "$output"
}

@test "the processors of --cpuset-cpus are all that there are, and the weight of --cpu-shares counts" {
	base
	one=$(grep Cpus_allowed_list: /proc/self/status | cut -f 2 | grep -oE '^[0-9]+')
	run box --network=none --cpuset-cpus "$one" busybox sh -c 'grep Cpus_allowed_list: /proc/self/status; nproc'
	[ "${lines[*]}" = "Cpus_allowed_list:	$one 1" ] || fail "$output"
	for wrong in 4000 "$one,999" "$one-"; do
		run -125 --separate-stderr mica run --rm --network=none --cpuset-cpus "$wrong" busybox true
		assert_error "--cpuset-cpus: '$wrong': what can be used here is '${one}[-,0-9]*', or some of it"
	done
	# on one processor: who weighs little beside another one gets little of two seconds
	mkdir -m 777 seen
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none --cpuset-cpus "$one" --cpu-shares 65536 -v "$PWD/seen:/seen" busybox \
		sh -c 'touch /seen/busy; timeout 60 sh -c "while [ ! -e /seen/done ]; do :; done"' 3>&- &
	wait_for 30 test -e seen/busy
	run box --network=none --cpuset-cpus "$one" --cpu-shares 1024 busybox sh -c 'timeout 2 sh -c "while :; do :; done"; times'
	touch seen/done
	wait
	[[ "${lines[-1]}" =~ ^0m0\.[0-5] ]] || fail "$output"
}

@test "the limit of memory with swap is set beside that of memory" {
	base
	run box --network=none --memory 64m --memory-swap 96m busybox sh -c 'cd /sys/fs/cgroup; cat memory/memory.memsw.limit_in_bytes 2>/dev/null || cat memory.swap.max'
	if [ "$status" = 125 ]; then
		[[ "$output" == *"swap"* ]] || fail "$output" # not counted by this kernel: refused, and said so
	else
		[ "$output" = 100663296 ] || [ "$output" = 33554432 ] || fail "$output"
	fi
	run box --network=none --memory 64m --memory-swap 32m busybox true
	[ "$status" = 125 ]
	[[ "$output" == *"--memory-swap"* ]]
}

@test "no cgroup and no process is left behind" {
	base
	nap="sleep 6$BASHPID" # no other test's
	mkdir seen
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none --memory 32m --pids-limit 20 -v "$PWD/seen:/seen:ro" busybox \
		sh -c "$nap & while [ ! -e /seen/done ]; do sleep 0.02; done" 3>&- &
	pid=$!
	wait_for 10 pgrep -f "^$nap\$"
	cgroups_of "$(pgrep -f "^$nap\$" | head -1)" | grep mica >cgroups || fail "the command is in no cgroup of its own"
	touch seen/done
	wait $pid
	while read -r dir; do
		[ ! -d "$dir" ] || fail "$dir is left"
	done <cgroups
	run ! pgrep -f "^$nap\$"
}

@test "run: status, environment, directory, user and volumes" {
	base
	# also where whoever starts us ignores the end of children
	run env --ignore-signal=CHLD "$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none busybox sh -c 'exit 37'
	[ "$status" = 37 ]
	run box --network=none --init busybox sh -c 'kill -9 $$'
	[ "$status" = 137 ]
	run -127 --separate-stderr box --network=none busybox no-such-program
	[[ "$stderr" == *no-such-program* ]]
	[ "$(box --network=none -e A=1 -e 'B=two words' busybox sh -c 'echo $A $B')" = "1 two words" ]
	[ "$(box --network=none -w /tmp/new/dir busybox pwd)" = /tmp/new/dir ]
	[ "$(box --network=none -u app busybox sh -c "id -u; id -g; id -G")" = $'1000\n1000\n1000 50' ]
	[ "$(box --network=none -u 77:88 busybox sh -c 'id -u; id -g; id -G')" = $'77\n88\n88' ]
	mkdir v
	echo data >v/f
	[ "$(box --network=none -v "$PWD/v:/mnt/v" busybox sh -c 'cat /mnt/v/f; echo more >/mnt/v/g')" = data ]
	[ "$(cat v/g)" = more ]
	run ! box --network=none -v "$PWD/v:/mnt/v:ro" busybox touch /mnt/v/h
	[ "$(echo typed | box -i --network=none busybox cat)" = typed ]
	assert_clean_store
}

@test "run: files that its input and output are redirected to cannot be opened once more" {
	base
	echo secret >in
	printf 'old\n' >log
	# both outputs go one way, in their order; what the log had is not to be read, the input not to be written
	box --network=none -i busybox sh -c 'echo HACKED >/proc/self/fd/0; : >/proc/self/fd/1; test -f /dev/stdin || test -f /dev/stdout || echo none
		for i in 1 2 3; do echo out $i; echo err $i >&2; done' <in >>log 2>&1
	[ "$(cat in)" = secret ]
	[ "$(cat log)" = $'old\nnone\nout 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3' ] || fail "$(cat log)"
	box --network=none -i busybox cat <in >out 2>err
	cmp in out
	[ ! -s err ]
	# any user may open them by name, as pipes
	box --network=none -i --user 1000 busybox sh -c 'cat /dev/stdin >/dev/stdout' <in >out
	cmp in out
	# an input that cannot be read is no empty one
	run -125 --separate-stderr box --network=none -i busybox cat 0>out
	[ "$stderr" = "mica: cannot read the input of the command: Bad file descriptor" ]
}

@test "run: nothing of it stays in the image" {
	base
	box --network=none busybox sh -c 'echo x >/changed; rm /bin/vi'
	run ! box --network=none busybox cat /changed
	box --network=none busybox ls /bin/vi
	assert_clean_store
}

@test "run: a signal to mica reaches the command" {
	base
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none busybox \
		sh -c 'trap "echo got it; exit 9" TERM; echo ready; while :; do sleep 0.1; done' >out 3>&- &
	pid=$!
	wait_for 10 grep -q ready out
	kill -TERM $pid
	code=0
	wait $pid || code=$?
	[ "$code" = 9 ]
	grep -q 'got it' out
}

@test "run: a signal ends a command that has no handler for it, one that ignores it goes on, and who insists ends it" {
	base
	for init in "" --init; do
		rm -f out # "ready" is this command's
		# shellcheck disable=SC2086 # none or one
		"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none $init busybox sh -c 'echo ready; exec sleep 1000' >out 3>&- &
		pid=$!
		wait_for 10 grep -q ready out
		kill -TERM $pid
		code=0
		wait $pid || code=$?
		[ "$code" = 143 ]
	done
	rm out
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none busybox \
		sh -c 'trap "" TERM; trap "exit 5" USR1; echo ready; while :; do sleep 0.1; done' >out 3>&- &
	pid=$!
	wait_for 10 grep -q ready out
	kill -TERM $pid
	kill -USR1 $pid
	code=0
	wait $pid || code=$?
	[ "$code" = 5 ]
	rm out
	nap="sleep 7$BASHPID"
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none busybox sh -c "trap '' INT TERM; (setsid $nap &); echo ready; $nap; sleep 1000" >out 3>&- &
	pid=$!
	wait_for 10 grep -q ready out
	asked=0
	while kill -TERM $pid 2>/dev/null && [ $asked -lt 100 ]; do # several may arrive as one
		asked=$((asked + 1))
		sleep 0.1
		kill -INT $pid 2>/dev/null || true
	done
	code=0
	wait $pid || code=$?
	[[ "$code" =~ ^(137|130|143)$ ]] # the latter if it was asked again while mica ended
	run ! pgrep -f "^$nap"
}

@test "run: the command is process 1, unless an init is asked for" {
	base
	[ "$(box --network=none busybox sh -c 'echo $$')" = 1 ]
	[ "$(box --network=none --init busybox sh -c 'cat /proc/1/comm')" = mica-init ]
	# as process 1 of any namespace, and as any other process
	[ "$(box --network=none busybox sh -c 'kill -TERM $$; sh -c "kill -TERM \$\$"; echo $?')" = 143 ]
	run -143 box --network=none --init busybox sh -c 'kill -TERM $$; echo on'
	# What watches over it is not in its sight.
	run ! box --network=none busybox sh -c 'cat /proc/[0-9]*/comm | grep mica'
}

@test "run: -t gives a terminal and takes it back" {
	base
	run script -qec "'$MICA_BIN' --root '$MICA_ROOT' run -it --rm --network=none busybox sh -c 'test -t 0 && test -t 1 && tty'" /dev/null
	[ "$status" = 0 ]
	[[ "$output" == */dev/* ]]
}

@test "run: who types ctrl-c again and again ends a command that ignores it, but no shell at its prompt, and nobody has to read" {
	base
	cat >type.py <<-'END'
		import fcntl, os, pty, select, signal, subprocess, sys

		def typed(args, steps, insists, statuses):
		    pid, fd = pty.fork()
		    if pid == 0:
		        os.execv(sys.argv[1], sys.argv[1:] + args)
		    seen, more = b"", 0
		    try:
		        for expected, keys in steps:
		            while expected not in seen:
		                assert select.select([fd], [], [], 30)[0], (args, seen)
		                seen += os.read(fd, 1000)
		            seen = seen.split(expected, 1)[1]
		            os.write(fd, keys)
		        while True:
		            if select.select([fd], [], [], 0.1 if insists else 30)[0]:
		                os.read(fd, 1000)
		            else:  # several that come at once may be taken for one
		                assert insists and more < 100, args
		                more += os.write(fd, b"\3")
		    except OSError:
		        pass
		    got = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
		    assert got in statuses, (args, got)

		ignores = ["busybox", "sh", "-c", 'trap "" INT TERM; echo ready; exec sleep 1000']
		typed(["-it", *ignores], [(b"ready", b"\3")], True, [137, 130])
		typed(["-t", *ignores], [(b"ready", b"\3")], True, [137, 130, -2])
		typed(["-it", "busybox", "sh"], [(b"# ", b"\3")] * 5 + [(b"# ", b"exit 7\n")], False, [7])
		# a full pipe
		p = subprocess.Popen(sys.argv[1:] + ["-t", "busybox", "yes"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
		fcntl.fcntl(p.stdout, fcntl.F_SETPIPE_SZ, 4096)
		assert select.select([p.stdout], [], [], 30)[0]
		for _ in range(100):  # the first ends the command, the next one who waits for a reader
		    p.send_signal(signal.SIGTERM)
		    try:
		        assert p.wait(0.1) in (143, -15), p.returncode
		        break
		    except subprocess.TimeoutExpired:
		        pass
		else:
		    p.kill()
		    assert False, "it waits for a reader, and hears nothing"
	END
	timeout 100 python3 type.py "$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none
}

@test "run: a terminal that everybody has closed is waited for by nobody, however much was typed and is not read" {
	base
	mkdir seen
	cat >full.py <<-'END'
		import fcntl, os, subprocess, sys, time

		def wait_for(what):
		    for _ in range(600):
		        if what():
		            return
		        time.sleep(0.05)
		    p.kill()
		    sys.exit("never: " + what.__name__)

		def ran():
		    with open(f"/proc/{p.pid}/schedstat") as f:
		        return f.read()

		def sleeps():
		    before = ran()
		    time.sleep(0.1)
		    return ran() == before

		def types():
		    try:
		        return os.write(p.stdin.fileno(), bytes(b"x" * 4096)) < 0
		    except BlockingIOError:
		        return sleeps()

		def closed():
		    return os.path.exists("seen/closed")

		script = "stty raw -echo; echo ready; until [ -e /v/full ]; do usleep 10000; done; head -c 12000 /dev/zero; exec <&- >&- 2>&-; : >/v/closed; exec sleep 1000"
		p = subprocess.Popen(sys.argv[1:] + ["-it", "-v", os.path.abspath("seen") + ":/v", "busybox", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
		for pipe in p.stdin, p.stdout:
		    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
		os.set_blocking(p.stdin.fileno(), False)
		assert os.read(p.stdout.fileno(), 5) == b"ready"
		wait_for(types)
		open("seen/full", "w").close()
		wait_for(closed)
		wait_for(sleeps)
		p.terminate()
		assert len(p.stdout.read()) >= 12000
		p.wait()
	END
	python3 full.py "$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none
}

@test "run: a command that leaves processes behind ends" {
	base
	run timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none busybox sh -c "sleep 5$BASHPID & echo started"
	[ "$status" = 0 ]
	run ! pgrep -f "^sleep 5$BASHPID\$"
}

@test "where mounts are shared, as systemd has them, mica works, and nothing that a step mounts is seen outside" {
	[ "$(id -u)" = 0 ] || skip "only root can share mounts"
	base
	mkdir -p a/y b
	echo b >b/f
	network=none # what the machine has, to see that its mounts stay as well
	[ ! -c /dev/net/tun ] || ! command -v slirp4netns >/dev/null || network=slirp4netns
	unshare -m bash -e <<-END
		# what other tests have mounted goes here, too, when they remove its place
		awk 'index(\$5, "${T%.*}.") == 1 && index(\$5 "/", "$T/") != 1 {print \$5}' /proc/self/mountinfo | xargs -r umount -l 2>/dev/null || true
		mount --make-rshared /
		cut -d ' ' -f 5 /proc/self/mountinfo >before
		"$MICA_BIN" --root new pull -q "oci:$MICA_CACHE/busybox" >/dev/null
		[ "\$("$MICA_BIN" --root "$MICA_ROOT" run --rm --network=$network -v "$D/a:/x" -v "$D/b:/x/y" busybox ls /x/y)" = f ]
		[ -z "\$(ls a/y)" ]
		cut -d ' ' -f 5 /proc/self/mountinfo | diff before -
		"$MICA_BIN" --root "$MICA_ROOT" --storage-driver=vfs run --rm --network=none busybox true
	END
}

@test "links where mount points go do not lead out of the image" {
	mkdir -p tree/etc tree/bin victim
	cp "$(command -v busybox)" tree/bin/busybox
	ln -s "$D/victim" tree/proc
	ln -s "$D/victim" tree/dev
	ln -s "$D/victim" tree/sys
	ln -s "$D/victim/hosts" tree/etc/hosts
	ln -s "$D/victim/resolv.conf" tree/etc/resolv.conf
	plain_tar evil.tar tree
	make_layout evil '{"Env":["PATH=/bin"]}' evil.tar
	to_registry evil library/evil:latest
	mica pull -q evil
	mica run --rm --network=none evil busybox true || true
	mica run --rm --network=none -v "$D/tree/bin:/proc/x" evil busybox true || true
	[ -z "$(ls -A victim)" ] || fail "$(ls -la victim)"
}

@test "run: a VOLUME that the image does not have is a directory that can be written" {
	printf 'FROM busybox\nRUN mkdir -p -m 700 /has && echo kept >/has/f\nVOLUME ["/y/z", "/has"]\n' >Containerfile
	mica build -q -t volumes .
	run -0 mica run volumes sh -c 'stat -c "%a %u" /y/z && echo a >/y/z/f && cat /y/z/f /has/f && stat -c %a /has'
	[ "$output" = $'755 0\na\nkept\n700' ]
}
