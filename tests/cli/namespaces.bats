#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Namespaces that a step does not have for itself, and user namespaces that it has.
load lib.bash
load user.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	user_teardown
	file_teardown
}

setup() {
	test_setup
	mkdir -p ctx
	mica pull -q busybox
	landlock=$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')
}

teardown() {
	[ -z "${OUTSIDE:-}" ] || kill -9 "$OUTSIDE" 2>/dev/null || true
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

none_marked() { # MARK; grep's status tells of files that were gone, too
	[ -z "$(marked "$1")" ]
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

three_marked() { # MARK
	[ "$(marked "$1" | wc -l)" = 3 ]
}

@test "without a pid namespace: what its init, killed as well, has not ended is ended by the next command" {
	needs_landlock
	user_setup # who has no cgroup here
	as_user "$MICA_BIN" --root "$D/s" pull -q busybox
	for who in init both; do
		mark=$((RANDOM + 100000))
		containerfile <<<"FROM busybox
RUN sleep $mark & (setsid sleep $mark &); su app -c 'sleep $mark' & wait"
		as_user "$MICA_BIN" --root "$D/s" build --no-cache --network=none --pid=host "$D/ctx" >log 2>&1 3>&- </dev/null &
		pid=$!
		wait_for 10 three_marked $mark
		init=
		for file in $(marked $mark); do # one of them it has adopted
			parent=$(awk '/^PPid/ {print $2}' "${file%cmdline}status")
			[ "$(cat "/proc/$parent/comm")" != mica-init ] || init=$parent
		done
		victims=$init
		if [ $who = both ]; then # the one that runs the build, and the one that waits for it
			parent=$(awk '/^PPid/ {print $2}' "/proc/$init/status")
			victims="$init $parent $(awk '/^PPid/ {print $2}' "/proc/$parent/status")"
		fi
		# shellcheck disable=SC2086 # numbers
		kill -9 $victims
		wait $pid || true
		as_user "$MICA_BIN" --root "$D/s" run --rm --network=none busybox true
		none_marked $mark || fail "$who: left: $(ps ax -o user,pid,ppid,stat,args | grep "$mark")"
	done
	[ -z "$(ls -A s/tmp)" ] || fail "left: $(ls s/tmp)"
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

# --- user namespaces ---

MAPS="--userns-uid-map=0:300000:65536 --userns-gid-map=0:400000:65536"

needs_root() {
	[ "$(id -u)" = 0 ] || skip "only root maps other users"
}

@test "with mapped users a step is nobody on this machine, and its layers are those of one without" {
	needs_root
	mkdir ctx/files
	echo text >ctx/files/text
	cat >ctx/Containerfile <<-'END'
		FROM busybox
		RUN mkdir /d /d/sub && echo f >/d/f && chown -R 33:34 /d && chmod 700 /d && mkdir -m 700 /e && touch /e/f
		COPY --chown=5:6 files /files
		WORKDIR /work/here
		RUN id -u >/who && chown 7:8 /files/text && rm /d/f && mv /e/f /e/g && ln -s x /e/l && ln /e/g /e/h && mkfifo /e/p && chmod 4755 /e/g && rm -r /d/sub && mkdir /d/sub
		RUN --mount=type=cache,target=/deep/er/cache echo in >/deep/er/cache/file && stat -c %u:%g /deep/er/cache/file >/cached
		RUN --mount=type=cache,target=/deep/er/cache stat -c %u:%g /deep/er/cache/file >>/cached
		RUN --mount=type=secret,id=s,uid=3,gid=4,mode=0400 stat -c %u:%g:%a /run/secrets/s >/secret
		RUN --mount=type=bind,source=files,target=/b,rw echo more >/b/more && stat -c %u:%g /b/text /b/more >/bound
		RUN --mount=type=tmpfs,target=/t touch /t/x && stat -c %u:%g /t /t/x >/tmpfs
		USER 1000:1001
		RUN touch /tmp/mine && id -u >>/tmp/mine
	END
	echo hidden >secret
	export SOURCE_DATE_EPOCH=1000000000
	mica build -q --no-cache --network=none --rewrite-timestamp --secret id=s,src=secret -t plain ctx >/dev/null
	# shellcheck disable=SC2086 # a list of options
	mica build -q --no-cache --network=none --rewrite-timestamp --secret id=s,src=secret $MAPS -t mapped ctx >/dev/null
	[ "$(manifest_of plain | jq -c .layers)" = "$(manifest_of mapped | jq -c .layers)" ] ||
		fail "$(for i in plain mapped; do config_of $i | jq -r '.rootfs.diff_ids[]'; mica run --rm --network=none $i sh -c 'cat /cached /secret /bound /tmpfs; ls -lanR /d /e /files /tmp /work'; done)"
	[ "$(in_image mapped cat /cached /secret /bound /tmpfs /who | tr '\n' ' ')" = '0:0 0:0 3:4:400 0:0 0:0 0:0 0:0 0 ' ]
	assert_clean_store

	mark=$((RANDOM + 100000))
	# shellcheck disable=SC2086
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none $MAPS mapped sh -c "cat /proc/self/uid_map /proc/self/gid_map; exec sleep $mark" >maps 3>&- &
	wait_for 10 pgrep -xf "sleep $mark" >/dev/null
	OUTSIDE=$(pgrep -xf "sleep $mark")
	[ "$(awk '/^Uid/ {print $2, $3, $4, $5}' "/proc/$OUTSIDE/status")" = '301000 301000 301000 301000' ]
	[ "$(awk '/^Gid/ {print $2}' "/proc/$OUTSIDE/status")" = 401001 ]
	[ "$(tr -s ' ' <maps | tr '\n' ,)" = ' 0 300000 65536, 0 400000 65536,' ]
	kill -9 "$OUTSIDE"
	wait
}

@test "capabilities of a step with mapped users are worth nothing outside" {
	needs_root
	echo mine >file
	chmod 600 file
	# shellcheck disable=SC2086
	run mica run --rm --network=none $MAPS --cap-add all -v "$PWD:/v" busybox sh -c '
		cat /v/file && echo "it read a file of root"
		rm /v/file && echo "it removed one"
		echo 1 >/proc/sys/kernel/panic && echo "it set a sysctl"
		mount -t tmpfs x /tmp && echo "it mounted"
		umount /proc && echo "it unmounted"
		hostname other && echo "it set the host name"
		mknod /n c 1 1 && echo "it made a device"
		chown 70000 /tmp && echo "it gave a file to somebody who is not mapped"
		awk "/CapEff/ {print \$2}" /proc/self/status'
	[[ "$output" != *"it "* ]] || fail "$output"
	[ "$(cat file)" = mine ]
	[[ "${lines[-1]}" != 0000000000000000 ]]
	# shellcheck disable=SC2086
	[ "$(mica run --rm --network=none $MAPS --user 1000:50 --workdir /new busybox sh -c 'touch x && stat -c %u:%g .')" = 1000:50 ]
}

@test "a private user namespace, auto, one of a name, and one that has a path" {
	needs_root
	own=$(readlink /proc/self/ns/user)
	[ "$(namespace user)" = "$own" ]
	[ "$(namespace user --userns=host)" = "$own" ]
	for how in private container; do
		[ "$(namespace user --userns=$how)" != "$own" ] || fail $how
		[ "$(mica run --rm --network=none --userns=$how busybox sh -c 'touch /x && chown 5 /x && id -u')" = 0 ]
	done
	unshare --user sleep 300 3>&- &
	OUTSIDE=$!
	disown
	wait_for 10 grep -q sleep "/proc/$OUTSIDE/comm"
	echo 0 500000 1000 >"/proc/$OUTSIDE/uid_map"
	echo 0 600000 1000 >"/proc/$OUTSIDE/gid_map"
	path=/proc/$OUTSIDE/ns/user
	[ "$(namespace user --userns=$path)" = "$(readlink $path)" ]
	[ "$(namespace user --userns=ns:$path)" = "$(readlink $path)" ]
	[ "$(namespace user --userns=/proc/$$/ns/user)" = "$own" ]
	[ "$(mica run --rm --network=none --userns=$path busybox sh -c 'touch /x; chown 999:998 /x; stat -c %u:%g /x')" = 999:998 ]
	# subordinate IDs by name
	etc_file subuid root:1:5 somebody:200000:100 somebody:210000:50 containers:1000000:200000
	etc_file subgid somebody:220000:200 containers:2000000:200000
	etc="$ETC_MOUNT && exec \"$MICA_BIN\" --root $MICA_ROOT run --rm --network=none"
	run unshare --mount sh -c "$etc --userns-uid-map-user=somebody busybox cat /proc/self/uid_map /proc/self/gid_map"
	[ "$(tr -s ' ' <<<"$output" | tr '\n' ,)" = ' 0 200000 100, 100 210000 50, 0 220000 200,' ] || fail "$output"
	run unshare --mount sh -c "$etc --userns=auto busybox cat /proc/self/uid_map"
	read -r inside outside count <<<"$output"
	[ "$inside $count" = '0 65536' ]
	[ "$outside" -ge 1000000 ] && [ "$outside" -le 1134464 ]
	printf '[storage.options]\nroot-auto-userns-user = "somebody"\n[storage.options.overlay]\nsize = "1G"\n' >storage.conf
	run unshare --mount sh -c "export CONTAINERS_STORAGE_CONF=$PWD/storage.conf; $etc --userns=auto:size=100 busybox cat /proc/self/uid_map"
	[[ "$(tr -s ' ' <<<"$output")" == *"storage.conf: 'size' has no effect: "*$'\n 0 200000 100' ]] || fail "$output"
	run unshare --mount sh -c "$etc --userns=auto:size=500 busybox cat /proc/self/uid_map"
	[[ "$(tr -s ' ' <<<"$output")" == ' 0 1'??????' 500' ]]
	run -125 unshare --mount sh -c "$etc --userns=auto:size=300000 busybox true"
	[[ "$output" == *"has fewer IDs"* ]]
	run -125 unshare --mount sh -c "$etc --userns-uid-map-user=nobody-here busybox true"
	[[ "$output" == *"'/etc/subuid' has no line for 'nobody-here'"* ]]
}

@test "a working container keeps its map" {
	needs_root
	# shellcheck disable=SC2086
	mica from -q --name c --network=none $MAPS busybox
	echo text >text
	mica copy --chown 1:1 c text /text >/dev/null
	[ "$(mica run c stat -c %u:%g /text)" = 1:1 ]
	mica run c sh -c 'chown 2:3 /text; id >/id; mkdir /dir; chown 5 /dir'
	[ "$(mica run c cat /proc/self/uid_map | tr -s ' ')" = ' 0 300000 65536' ]
	mica commit -q c made >/dev/null
	[ "$(in_image made stat -c %u:%g /text /dir | tr '\n' ' ')" = '2:3 5:0 ' ]
	mica rm c >/dev/null
	assert_clean_store
}

@test "low ports and a network of its own, with mapped users" {
	needs_root
	# shellcheck disable=SC2086
	mica run --rm $MAPS busybox sh -c 'nc -l -p 80 </dev/null & for i in $(seq 100); do netstat -ltn | grep -q :80 && exit 0; sleep 0.02; done; exit 1'
}

@test "maps that cannot be are refused, with the reason" {
	refuse() { # PATTERN OPTION...
		local pattern=$1
		shift
		run -125 --separate-stderr mica run --rm --network=none "$@" busybox true
		assert_error "$pattern"
	}
	needs_root
	refuse "option '--userns-uid-map': '16' is not CONTAINER-ID:HOST-ID:SIZE" --userns-uid-map 16 --userns-gid-map 0:48:16
	refuse "option '--userns-gid-map': 'bogus' is not CONTAINER-ID" --userns-uid-map 0:32:16 --userns-gid-map bogus
	refuse "option '--userns-uid-map': '0:1:0' is not" --userns-uid-map 0:1:0
	refuse "--userns-gid-map can not be used without --userns-uid-map" --userns-gid-map 0:10000:65536
	refuse "option '--userns': 'host' has no other users" --userns=host --userns-uid-map 0:1:5
	refuse "option '--userns': 'x' is not one of" --userns=x
	refuse "option '--userns': cannot open '/nowhere'" --userns=/nowhere
	refuse "option '--userns': 'auto:uidmapping=0:0:1' is not supported" --userns=auto:uidmapping=0:0:1
	refuse "has no root" --userns-uid-map 1:100000:100
	refuse "fuse-overlayfs cannot map owners" --userns-uid-map 0:1:100000 --storage-driver fuse-overlayfs
	# a copy can
	[ "$(STORAGE_DRIVER=copy mica run --rm --network=none --userns-uid-map 0:100000:65536 busybox sh -c 'touch /x && chown 5:6 /x && stat -c %u:%g /x')" = 5:6 ]
}

@test "a user's steps are in that user's namespace already, and map nobody else" {
	user_setup
	as_user "$MICA_BIN" --root "$D/s" pull -q busybox
	for how in private auto host; do
		[ "$(as_user "$MICA_BIN" --root "$D/s" run --rm --network=none --userns=$how busybox readlink /proc/self/ns/user)" != "$(readlink /proc/self/ns/user)" ]
	done
	run -125 --separate-stderr as_user "$MICA_BIN" --root "$D/s" run --rm --network=none --userns-uid-map 0:1:1 busybox true
	assert_error "option '--userns-uid-map': '0:1:1' is not supported: only root can map other users"
	run -125 --separate-stderr as_user "$MICA_BIN" --root "$D/s" run --rm --network=none --uts=/proc/self/ns/uts busybox true
	assert_error "cannot join the namespace that '--uts' names, which root has to do: operation not permitted"
}

@test "containers.conf says which namespaces are whose, and options win" {
	needs_landlock
	for mode in host private; do
		printf '[containers]\ncgroupns = "%s"\nnetns = "%s"\npidns = "%s"\nipcns = "%s"\nutsns = "%s"\n' $mode $mode $mode $mode $mode >conf
		CONTAINERS_CONF=$PWD/conf mica from -q --name $mode busybox
		links='for kind in cgroup ipc net pid uts; do readlink /proc/self/ns/$kind; done'
		host=$(sh -c "$links")
		step=$(mica run $mode sh -c "$links")
		if [ $mode = host ]; then
			[ "$step" = "$host" ] || fail "$step, not $host"
			[ "$(CONTAINERS_CONF=$PWD/conf namespace pid)" = "$(readlink /proc/self/ns/pid)" ]
			[ "$(CONTAINERS_CONF=$PWD/conf namespace pid --pid=private)" != "$(readlink /proc/self/ns/pid)" ]
		else
			[ -z "$(comm -12 <(sort <<<"$step") <(sort <<<"$host"))" ] || fail "$step, and $host"
		fi
	done
	[ "$(id -u)" = 0 ] || return 0
	printf '[containers]\nuserns = "private"\n' >conf
	[ "$(CONTAINERS_CONF=$PWD/conf namespace user)" != "$(readlink /proc/self/ns/user)" ]
}

# What scripts expect of isolation 'chroot'; MICA: the command
chroot_is_whole() { # MICA...
	cat >"$D/inside" <<-'END'
		set -e
		[ "$(hostname) $(cat /proc/sys/kernel/hostname)" = 'its-own its-own' ]
		[ "$(readlink /proc/self/ns/net)" = "$1" ]
		[ "$(echo /proc/[0-9]* | wc -w)" -le 6 ]
		[ -d /sys/class/net/lo ] && ! mount -o remount,rw /sys 2>/dev/null
		for d in null zero full random urandom tty; do [ -c /dev/$d ]; done
		[ -c /dev/pts/ptmx ] && echo x >/dev/shm/x && echo x | cat /dev/fd/0 >/dev/null && echo gone >/dev/null
		[ ! -s /proc/kcore ] && grep -q '^Seccomp:.2$' /proc/self/status
		[ "$(cat /v/f)" = volume ] && ! touch /v/g 2>/dev/null && touch /tmpfs/x && echo x >/cache/x
		[ "$(stat -f -c %T /tmpfs)" = tmpfs ]
		[ "$(ulimit -n)" = 77 ]
		grep -q '10.9.8.7.*elsewhere' /etc/hosts && [ -s /etc/resolv.conf ]
		[ "$(df -k /dev/shm | awk 'END { print $2 }')" = 1024 ]
		(sh -c 'kill -TERM $$' || [ $? = 143 ]) 2>/dev/null
		[ "$(echo x >/dev/stdout)" = x ]
		echo said >&2
		kill -USR1 $$
	END
	mkdir -p "$D/vol"
	echo volume >"$D/vol/f"
	"$@" pull -q busybox
	run --separate-stderr "$@" run --rm --isolation=chroot --hostname its-own -v "$D/vol:/v:ro" --mount type=tmpfs,target=/tmpfs \
		--mount type=cache,target=/cache --ulimit nofile=77:77 --shm-size 1m --add-host elsewhere:10.9.8.7 -v "$D/inside:/inside:ro" \
		busybox sh /inside "$(readlink /proc/self/ns/net)"
	[ "$status $stderr" = "138 said" ] || fail "$status $stderr"
	printf 'FROM busybox\nRUN --mount=type=bind,target=/b --mount=type=secret,id=s --mount=type=tmpfs,target=/t cat /b/f /run/secrets/s /proc/self/comm\n' >"$D/file"
	"$@" build --isolation=chroot --no-cache --secret id=s,src="$D/vol/f" -f "$D/file" "$D/vol" >built 2>&1
	! grep -q warning built || fail "$(cat built)"
	[ "$("$@" info | jq -c '[.abilities.Isolation.Name, (.abilities.Missing | map(select(test("chroot"))))]')" = '["chroot",[]]' ]
	[[ "$(script -qec "${*@Q} run --rm --isolation=chroot -t busybox tty" /dev/null </dev/null)" == */dev/pts/0* ]]
}

@test "isolation 'chroot' where there are namespaces: the sandbox with the network of this machine, and not a word about it" {
	BUILDAH_ISOLATION=chroot chroot_is_whole "$MICA_BIN" --root "$MICA_ROOT"
	run -125 --separate-stderr mica run --rm --isolation=chroot --network=none busybox true
	[[ $stderr == *'cannot set --network other than host with --isolation chroot'* ]]
	run -125 --separate-stderr mica run --rm --isolation=chroot --network=/proc/self/ns/net busybox true
	[[ $stderr == *"isolation 'chroot' has the network of what is around it, and joins none"* ]]
	run --separate-stderr mica run --rm --isolation=chroot --network=private busybox true
	[[ $stderr == "mica: warning: isolation 'chroot': option '--network': 'private' has no effect: steps share the network with what is around them" ]]
	needs_root
	[ "$(mica run --rm --isolation=chroot --userns-uid-map 0:100000:1000 --userns-gid-map 0:100000:1000 busybox cat /proc/self/uid_map | tr -s ' ')" = ' 0 100000 1000' ]
}

@test "isolation 'chroot' of a user, with subordinate IDs and without" {
	local user
	needs_root
	user_setup
	for user in "$MICA_USER" 64996; do
		MICA_USER=$user user_env
		rm -rf "$D/vol"
		# shellcheck disable=SC2086 # a list of settings
		chroot_is_whole setpriv --reuid "$user" --regid "$user" --clear-groups env -i $USER_ENV BUILDAH_ISOLATION=chroot "$MICA_BIN"
	done
}

@test "where parts of /proc are hidden a user's steps see what is shown, and reach nobody in it" {
	local user as
	needs_root
	user_setup
	cat >masked <<-'END'
		mount --bind /dev/null /proc/keys
		exec "$@"
	END
	cp "$MICA_TOOLS/reach" reach
	cat >inside <<-'END'
		set -e
		touch /f && chown 7:8 /f && cd /tmp && touch g && chown -h 9:9 g && chown 5:5 /proc/self/cwd/g
		[ "$(su app -c 'id -u')" = 1000 ]
		[ -d "/proc/$1" ] && grep -q '^Name:.grep' /proc/self/status && [ ! -s /proc/keys ]
		! (echo 5 >/proc/self/oom_score_adj) 2>/dev/null
		exec /reach "$1" 2>/dev/null
	END
	for user in "$MICA_USER" 64996; do
		MICA_USER=$user user_env
		# shellcheck disable=SC2206 # a list of settings
		as=(setpriv --reuid "$user" --regid "$user" --clear-groups env -i $USER_ENV "MICA_ROOT=$D/of-$user")
		SECRET=visible "${as[@]}" sleep 300 3>&- &
		OUTSIDE=$!
		disown
		"${as[@]}" "$MICA_BIN" from -q --name c busybox
		run -0 --separate-stderr unshare -m sh masked "${as[@]}" "$MICA_BIN" run --init --network=none -v "$D/reach:/reach:ro" -v "$D/inside:/inside:ro" c sh /inside "$OUTSIDE"
		[ "$output" = "done" ] || fail "$user: $output $stderr"
		kill "$OUTSIDE"
		"${as[@]}" "$MICA_BIN" commit -q c t
		[ "$("${as[@]}" "$MICA_BIN" build -q --network=none -o type=tar,dest=- -f - "$D/home" <<<'FROM t' | tar --numeric-owner -tvf - | awk '$6 ~ /^(f|tmp\/g)$/ {print $6, $2}')" = $'f 7/8\ntmp/g 5/5' ]
		unshare -m sh masked "${as[@]}" "$MICA_BIN" info | jq -r '.abilities.Missing[]' | grep -q '^a /proc of their own: parts of the one around us are hidden'
		! "${as[@]}" "$MICA_BIN" info | jq -r '.abilities.Missing[]' | grep -q '^a /proc' || fail "nothing is hidden"
	done
}
