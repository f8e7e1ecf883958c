#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# guest.sh SCENARIO: runs the tests of a scenario, prints TAP.
#	root        processes live in the root cgroup, as in a machine without a service manager
#	delegated   in a cgroup namespace whose root holds processes, as in a container
# guest.sh case NAME: one test, in a shell that ends at the first failure.

export MICA_ROOT=${MICA_ROOT:-/ext4/store}
CGROUPS=/sys/fs/cgroup

# --- what the tests use ---

fail() {
	echo "$*"
	exit 1
}

expect() { # WANTED GOT
	[ "$1" = "$2" ] || fail "wanted '$1', got '$2'"
}

has() { # PATTERN FILE
	grep -qE -- "$1" "$2" || {
		echo "no '$1' in:"
		cat "$2"
		exit 1
	}
}

status_of() { # COMMAND...: output in out and err
	status=0
	"$@" >out 2>err || status=$?
}

containerfile() {
	mkdir -p ctx
	cat >ctx/Containerfile
}

build() {
	mica build --network=none "$@"
}

run() {
	mica run --rm --network=none "$@"
}

our_cgroups() {
	find $CGROUPS -type d -name 'mica-*'
}

wait_for() { # COMMAND...
	i=0
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 150 ] || fail "never: $*"
		usleep 100000
	done
}

running() { # COMMAND LINE: its pid
	ps -o pid,args | sed -n "s/^ *\([0-9]*\) $1\$/\1/p" | grep .
}

not_running() {
	! running "$1"
}

nothing_left() {
	expect '' "$(our_cgroups)"
	expect '' "$(grep -F mica /proc/mounts || true)"
	expect '' "$(grep -F " $MICA_ROOT" /proc/self/mountinfo || true)"
	expect '' "$(ls -A "$MICA_ROOT/tmp" 2>/dev/null || true)"
}

# --- the tests ---

case_info() {
	mica version
	mica info >out
	has '"CgroupVersion": "v2"' out
	has '"kernel": "[0-9]' out
	case $(uname -r) in
	5.* | 6.[0-4].*) has 'overlay \(mount\(2\), volatile\)' out ;;
	*) has 'lowerdir\+' out ;;
	esac
	sed -n 's/^ *\("\(kernel\|Snapshot Method\|Backing Filesystem\)".*\)/# \1/p' out >/dev/ttyS1
}

case_base() {
	mkdir -p ctx/bin ctx/etc ctx/tmp
	cp -a /bin/. ctx/bin/
	cp /etc/passwd /etc/group ctx/etc/
	containerfile <<-'END'
		FROM scratch
		COPY bin /bin
		COPY etc /etc
		COPY --chmod=1777 tmp /tmp
		ENV PATH=/bin
		CMD ["sh"]
	END
	build -q -t base ctx
	mica push -q base oci:/base:latest
	mica rmi base
	mica pull -q oci:/base:latest
	mica tag "$(mica images -q | head -n 1)" base
	expect hello "$(run base echo hello)"
	nothing_left
}

case_no_registry() {
	status_of mica pull -q 127.0.0.1:1/nothing
	expect 125 "$status"
	has '^mica: .*127.0.0.1:1' err
}

stages() {
	mkdir -p ctx
	echo data >ctx/f
	containerfile <<-'END'
		FROM base AS one
		COPY f /d/f
		RUN mkdir -p /d/sub && touch /d/sub/a /d/b && ln /d/b /d/hard && chown 7:8 /d/b
		RUN rm /d/sub/a && rm -r /d/sub && mkdir /d/sub && touch /d/sub/new
		RUN rm /bin/vi && echo two >>/d/f
		FROM base
		COPY --from=one /d /copied
		RUN cat /copied/f >/seen
	END
}

case_build() {
	stages
	build -t t ctx >out 2>&1
	expect "$(printf 'data\ntwo\ndata\ntwo')" "$(run t cat /copied/f /seen)"
	expect "$(printf '/copied\n/copied/b\n/copied/f\n/copied/hard\n/copied/sub\n/copied/sub/new')" "$(run t sh -c 'find /copied | sort')"
	expect '7:8 2' "$(run t stat -c '%u:%g %h' /copied/hard)"
	build -q --target one -t one ctx
	expect 0 "$(run one sh -c 'ls /bin | grep -cx vi || true')"
	expect "$(printf '/d/sub\n/d/sub/new')" "$(run one find /d/sub)"
	nothing_left
}

case_cached() {
	stages
	before=$(build -q -t t ctx)
	build -t t ctx >out 2>&1
	expect "$before" "$(build -q -t t ctx)"
	has 'cached' out
	! grep -qE '(RUN|COPY).* [0-9.]+ ?s$' out
}

layers() { # NUMBER
	mkdir -p ctx
	{
		echo "FROM base"
		i=1
		while [ $i -le "$1" ]; do
			echo "$i" >"ctx/f$i"
			echo "COPY f$i /f$i"
			i=$((i + 1))
		done
		echo "RUN cat /f1 /f$1 >/sum && rm /f2 && mkdir /f2"
	} >ctx/Containerfile
	build -q -t many ctx
	expect "$(printf '1\n%s' "$1")" "$(run many cat /sum)"
	expect $(($1 - 1)) "$(run many sh -c 'find / -maxdepth 1 -type f -name "f[0-9]*" | wc -l')"
	expect '' "$(run many ls /f2)"
	nothing_left
}

case_layers_60() {
	layers 60
}

case_layers_260() {
	layers 260
}

case_status() {
	status_of run base sh -c 'exit 37'
	expect 37 "$status"
	status_of run --init base sh -c 'kill -9 $$'
	expect 137 "$status"
	containerfile <<-'END'
		FROM base
		RUN exit 4
	END
	status_of build ctx
	has '^mica: .*RUN.*exit status 4' err
}

case_memory() {
	containerfile <<-'END'
		FROM base
		RUN tail -c 300m /dev/zero | wc -c
	END
	status_of build --memory 64m ctx
	[ "$status" != 0 ]
	case $(uname -r) in
	5.1[0-8].*) has 'killed: out of memory, limit 64\.0 MiB$' err ;; # what the peak was is told since 5.19
	*) has 'killed: out of memory, limit 64\.0 MiB, peak 6[0-9]\.[0-9] MiB' err ;;
	esac
	status_of run --memory 64m base sh -c 'tail -c 300m /dev/zero | wc -c'
	expect 137 "$status"
	status_of run --memory 64m base true
	expect 0 "$status"
	nothing_left
}

# Of swap as much as was said, and none where both numbers are one.
case_swap() {
	dd if=/dev/zero of=/ext4/swap bs=1M count=128 2>/dev/null
	chmod 600 /ext4/swap
	mkswap /ext4/swap >/dev/null
	swapon /ext4/swap
	hold='dd if=/dev/zero of=/dev/null bs=44M count=1 2>/dev/null && echo held'
	expect held "$(run --memory 32m --memory-swap 100m base sh -c "$hold")"
	for both in 32m 36m; do
		status_of run --memory 32m --memory-swap $both base sh -c "$hold"
		expect 137 "$status"
	done
	swapoff /ext4/swap
	rm /ext4/swap
	nothing_left
}

# CVE-2018-6552. Who sets his limit has it no more than others.
case_core() {
	printf '#!/bin/sh\necho started >>/ext4/handled\n' >/ext4/handler
	chmod +x /ext4/handler
	echo '|/ext4/handler' >/proc/sys/kernel/core_pattern
	status_of run base sh -c 'ulimit -c 0 && ulimit -c unlimited || exit 1; sh -c "kill -SEGV \$\$"; exit $?'
	expect 139 "$status"
	[ ! -e /ext4/handled ] || fail "the handler of the machine was started"
	status_of run --ulimit core=-1 base sh -c 'sh -c "kill -SEGV \$\$"; exit $?'
	expect 139 "$status"
	wait_for grep started /ext4/handled
	echo core >/proc/sys/kernel/core_pattern
	rm /ext4/handle*
}

case_pids() {
	containerfile <<-'END'
		FROM base
		RUN bomb() { bomb | bomb & }; bomb; i=0; while [ $i -lt 40 ]; do sleep 1 & i=$((i+1)); done; exit 3
	END
	status_of build --pids-limit 20 ctx
	[ "$status" != 0 ]
	has 'the limit on processes was reached' err
	expect fine "$(run --pids-limit 50 base sh -c 'for i in $(seq 30); do sleep 0.1 & done; wait; echo fine')"
	nothing_left
}

# The limits as the kernel has them, read from outside.
case_limits_seen() {
	mica run --rm --network=none --memory 48m --memory-swap 64m --cpu-period 50000 --cpu-quota 10000 --pids-limit 33 --cpuset-cpus 1 base sleep 4321 &
	mica=$!
	wait_for running 'sleep 4321'
	dir=$(our_cgroups)
	expect 1 "$(echo "$dir" | wc -l)"
	expect '10000 50000' "$(cat "$dir/cpu.max")"
	expect $((48 << 20)) "$(cat "$dir/memory.max")"
	[ ! -e "$dir/memory.swap.max" ] || expect $((16 << 20)) "$(cat "$dir/memory.swap.max")"
	expect 33 "$(cat "$dir/pids.max")"
	expect 1 "$(cat "$dir/cpuset.cpus")"
	# the command and everything of its sandbox is in there
	grep -qx "$(running 'sleep 4321')" "$dir/cgroup.procs"
	kill -TERM $mica
	wait $mica || true
	wait_for not_running 'sleep 4321'
	nothing_left
}

case_shares() {
	mica run --rm --network=none --cpu-shares 1024 base sleep 4322 &
	mica=$!
	wait_for running 'sleep 4322'
	expect 39 "$(cat "$(our_cgroups)/cpu.weight")"
	kill -TERM $mica
	wait $mica || true
	nothing_left
}

# Service managers give a session no more controllers than they need themselves.
case_session() {
	mkdir -p $CGROUPS/session.slice/one.scope
	echo '-cpuset' >$CGROUPS/cgroup.subtree_control
	echo '+memory +pids' >$CGROUPS/cgroup.subtree_control
	echo '+memory +pids' >$CGROUPS/session.slice/cgroup.subtree_control
	echo $$ >$CGROUPS/session.slice/one.scope/cgroup.procs
	expect 'memory pids' "$(cat $CGROUPS/session.slice/one.scope/cgroup.controllers)"
	# The kernel would let pids be handed on by a cgroup with processes, but to threads only.
	expect 30 "$(run --pids-limit 30 base cat /sys/fs/cgroup/pids.max)"
	expect "$(printf '0\n%s' $((64 << 20)))" \
		"$(run --memory 64m --cpuset-cpus 0 base cat /sys/fs/cgroup/cpuset.cpus /sys/fs/cgroup/memory.max)"
	expect domain "$(cat $CGROUPS/session.slice/one.scope/cgroup.type)"
	nothing_left
}

case_cpu() {
	# A second of the clock at a fifth of a processor.
	run --cpu-period 50000 --cpu-quota 10000 base sh -c 'timeout 2 sh -c "while :; do :; done"; times' >out || true
	tail -n 1 out | grep -qE '^0m0\.[0-7]' || fail "$(cat out)"
	nothing_left
}

# What version 2 asks a program of ours.
case_devices() {
	for rights in r w; do
		got=$(run --cap-add syslog --device "/dev/kmsg:/dev/k:$rights" base sh -c \
			'{ (: </dev/k) && echo r; (: >/dev/k) && echo w; (: <>/dev/ptmx) && head -c 1 /dev/zero >/dev/null && echo .; } 2>/dev/null')
		expect "$(printf '%s\n.' $rights)" "$got"
	done
	nothing_left
}

# A profile of the kernel's own module, beside what the sandbox does.
case_apparmor() {
	expect Y "$(cat /sys/module/apparmor/parameters/enabled)"
	mount -t securityfs securityfs /sys/kernel/security
	cat >profile <<-'END'
		profile mica-test flags=(attach_disconnected,mediate_deleted) {
			file,
			capability,
			deny /secret r,
		}
	END
	apparmor_parser -K -r profile
	umount /sys/kernel/security
	containerfile <<-'END'
		FROM base
		RUN echo x >/secret; { cat /proc/self/attr/current; cat /secret || echo denied; } >/profile
	END
	build -q --security-opt apparmor=mica-test -t confined ctx
	expect "$(printf 'mica-test (enforce)\ndenied\nunconfined')" "$(run confined cat /profile /proc/self/attr/current)"
	status_of run --security-opt apparmor=none-of-these base true
	has "^mica: .*AppArmor profile 'none-of-these' is not loaded" err
	# CVE-2019-5736: whether a profile says something of our program or not, it does not run in there
	LD_PRELOAD=/unit/exchanged.so status_of run --security-opt apparmor=mica-test -v /lib:/lib -v /lib64:/lib64 base /exchanged --version
	expect 126: "$status:$(cat out err)"
}

label() { # OPTION...: what a step is called
	run "$@" base sh -c "tr -d '\\0' </proc/self/attr/current"
}

# A small policy of our own (selinux.sh), under which a step may touch what is labelled for it.
case_selinux() {
	mount -t selinuxfs selinuxfs /sys/fs/selinux
	dd if=/selinux.policy of=/sys/fs/selinux/load bs=4M 2>/dev/null
	echo 1 >/sys/fs/selinux/enforce
	pair='s0:c[0-9]+,c[0-9]+$'
	label >one
	has "^system_u:system_r:container_t:$pair" one
	[ "$(cat one)" != "$(label)" ]
	echo typed >in
	expect typed "$(run -i base cat <in)"
	# each step can write where it may, and all that is mounted for it
	containerfile <<-'END'
		FROM base
		COPY f /f
		RUN --mount=type=cache,target=/c --mount=type=bind,target=/ctx --mount=type=bind,from=base,source=/bin,target=/b --mount=type=tmpfs,target=/t \
			echo x >>/c/f && cat /c/f /ctx/f /f >/seen && touch /t/x /dev/shm/x /dev/x /tmp/x && ls /b/sh && tr -d '\000' </proc/self/attr/current >/label
	END
	echo file >ctx/f
	build -q -t labelled ctx
	build -q --no-cache -t labelled ctx
	expect "$(printf 'x\nx\nfile\nfile')" "$(run labelled cat /seen)"
	run labelled cat /label >one
	has "^system_u:system_r:container_t:$pair" one
	# the user's files keep their labels, unless they are to be changed
	mkdir -p /ext4/vol /ext4/own
	echo secret | tee /ext4/vol/f >/ext4/own/f
	status_of run -v /ext4/vol:/v base cat /v/f
	has 'Permission denied' err
	expect secret "$(run -v /ext4/vol:/v:O base cat /v/f)"
	expect secret "$(run --mount type=bind,source=/ext4/vol,target=/v,relabel=shared base cat /v/f)"
	expect secret "$(run -v /ext4/vol:/v base cat /v/f)"
	expect secret "$(run -v /ext4/own:/v:Z base cat /v/f)"
	status_of run -v /ext4/own:/v base cat /v/f
	has 'Permission denied' err
	expect secret "$(run -v /ext4/own:/v:z base cat /v/f)"
	status_of run -v /bin:/v:z base true
	has "option 'z': '/bin' is not labelled for a step" err
	expect system_u:system_r:other_t:s0:c5 "$(label --security-opt label=type:other_t --security-opt label=level:s0:c5)"
	expect system_u:system_r:kernel_t:s0 "$(label --security-opt label=disable)"
	expect x "$(run --security-opt label=filetype:other_file_t --security-opt label=type:other_t base sh -c 'echo x >/x; cat /x')"
	expect x "$(mica --storage-driver copy run --rm --network=none base sh -c 'echo x >/x; cat /x')"
	expect x "$(run --isolation=chroot --network=host base sh -c 'echo x >/x; cat /x')"
	status_of run --security-opt label=type:nowhere_t base true
	expect 125 "$status"
	has "^mica: .*has no label 'system_u:system_r:nowhere_t:" err
	status_of run --security-opt label=type:locked_t base true
	expect 125 "$status"
	has "^mica: .*does not let mica start a process as 'system_u:system_r:locked_t:" err
	mkdir -p /ext4/app
	chown 1000:1000 /ext4/app
	as_user app mica --root /ext4/app/store pull -q oci:/base:latest
	as_user app mica --root /ext4/app/store run --rm --network=none "$(as_user app mica --root /ext4/app/store images -q)" \
		sh -c 'touch /dev/x /x; cat /proc/self/attr/current' >one
	has "^system_u:system_r:container_t:s0:c" one
	echo 0 >/sys/fs/selinux/enforce
	umount /sys/fs/selinux
	expect system_u:system_r:kernel_t:s0 "$(label)"
	nothing_left
}

case_inside() {
	run --memory 64m base sh -c 'cat /proc/self/cgroup; ls /sys/fs/cgroup; mkdir /sys/fs/cgroup/x 2>&1 || echo refused' >out 2>&1
	has '^0::/$' out
	has '^cgroup.procs$' out
	has '^refused$' out
	has '^memory.max$' out
}

case_killed() {
	containerfile <<-'END'
		FROM base
		RUN echo first >/first
		RUN echo second >/second; sleep 4323
	END
	mica build --network=none --memory 100m --pids-limit 100 -t t ctx >out 2>&1 &
	mica=$!
	wait_for running 'sleep 4323'
	[ -n "$(our_cgroups)" ]
	kill -9 $mica
	wait $mica || true
	wait_for not_running 'sleep 4323'
	mica images >/dev/null
	run base true
	nothing_left
	mica build --network=none ctx >out 2>&1 &
	mica=$!
	wait_for running 'sleep 4323'
	# without limits too
	grep -qx "$(running 'sleep 4323')" "$(our_cgroups)/cgroup.procs"
	kill -INT $mica
	wait $mica || true
	not_running 'sleep 4323'
	nothing_left
}

# tmpfs of this kernel knows no user.* attributes: deleted directories need trusted.* there.
case_tmpfs() {
	export MICA_ROOT=/tmp/store
	mica pull -q oci:/base:latest
	mica tag "$(mica images -q | head -n 1)" base
	stages
	build -q --target one -t one ctx
	expect "$(printf '/d/sub\n/d/sub/new')" "$(run one find /d/sub)"
	# the same through a push and a pull: the opaque directory is made by mica, not by the kernel
	mica push -q one oci:/tmp/one:latest
	export MICA_ROOT=/tmp/store2
	mica pull -q oci:/tmp/one:latest
	expect "$(printf '/d/sub\n/d/sub/new')" "$(run "$(mica images -q | head -n 1)" find /d/sub)"
	nothing_left
	rm -r /tmp/store /tmp/store2 /tmp/one
}

as_user() { # NAME COMMAND...
	name=$1
	shift
	/usr/bin/setpriv --reuid "$name" --regid "$name" --init-groups env HOME="/ext4/$name" XDG_RUNTIME_DIR="/ext4/$name" "$@"
}

case_rootless() {
	unset MICA_ROOT
	mkdir -p /ext4/app
	stages
	chown -R 1000:1000 /ext4/app ctx
	as_user app mica pull -q oci:/base:latest
	as_user app mica tag "$(as_user app mica images -q | head -n 1)" base
	as_user app mica build --network=none -q --target one -t one ctx
	expect "$(printf '/d/sub\n/d/sub/new')" "$(as_user app mica run --rm --network=none one find /d/sub)"
	expect '7:8' "$(as_user app mica run --rm --network=none one stat -c %u:%g /d/b)"
	# Not a word about limits that cannot be had: refused in one line.
	status_of as_user app mica run --rm --network=none --memory 64m base true
	expect 125 "$status"
	has '^mica: .*--memory.*Delegate' err
	status_of as_user app mica run --rm --network=none --device /dev/null:r base true
	expect 125 "$status"
	has '^mica: --device: .*not writable' err
	# Where neither user.* nor trusted.* can be had, the step is not even tried.
	mkdir /tmp/app
	chown 1000:1000 /tmp/app
	as_user app mica --root /tmp/app pull -q oci:/base:latest
	status_of as_user app mica --root /tmp/app build --network=none --target one ctx
	case $(uname -r) in
	5.* | 6.[0-5].*) has 'the store is on tmpfs, which keeps no attributes for overlayfs on this kernel' err ;;
	esac
	rm -r /tmp/app
}

# What systemd does with Delegate=yes: a subtree of the user's own, the processes in a leaf of it.
case_rootless_limits() {
	unset MICA_ROOT
	mkdir -p $CGROUPS/user/session
	echo '+cpu +cpuset +memory +pids' >$CGROUPS/cgroup.subtree_control
	for d in $CGROUPS/user $CGROUPS/user/session; do
		chown 1000:1000 $d $d/cgroup.procs $d/cgroup.subtree_control
	done
	echo $$ >$CGROUPS/user/session/cgroup.procs
	containerfile <<-'END'
		FROM base
		RUN tail -c 300m /dev/zero | wc -c
	END
	chown -R 1000:1000 ctx
	status_of as_user app mica build --network=none --memory 64m --pids-limit 50 ctx
	has 'killed: out of memory, limit 64\.0 MiB' err
	expect '' "$(our_cgroups)"
	# one processor, and a fifth of it
	as_user app mica run --rm --network=none --cpuset-cpus 1 --cpu-period 50000 --cpu-quota 10000 base sh -c \
		'grep Cpus_allowed_list: /proc/self/status; timeout 1 sh -c "while :; do :; done"; times' >out || true
	expect 'Cpus_allowed_list:	1' "$(head -n 1 out)"
	tail -n 1 out | grep -qE '^0m0\.[0-4]' || fail "$(cat out)"
	# beside somebody else who wants all of that processor
	taskset 2 sh -c 'while :; do :; done' &
	hog=$!
	as_user app mica run --rm --network=none --cpuset-cpus 1 --cpu-shares 262144 base sh -c \
		'cat /sys/fs/cgroup/cpu.weight; timeout 1 sh -c "while :; do :; done"; times' >out || true
	kill $hog
	expect 10000 "$(head -n 1 out)"
	tail -n 1 out | grep -qE '^0m(0\.[7-9]|[1-9])' || fail "$(cat out)"
	status_of as_user app mica run --rm --network=none --cpuset-cpus 1,7 base true
	expect 125 "$status"
	has "^mica: --cpuset-cpus: '1,7': what can be used here is '0-1', or some of it" err
	expect '' "$(our_cgroups)"
	as_user app mica fsck # after case_rootless, too
	echo 0 >$CGROUPS/cgroup.procs
}

case_single() {
	unset MICA_ROOT
	mkdir -p /ext4/single
	chown 1001:1001 /ext4/single
	status_of as_user single mica pull -q oci:/base:latest
	[ "$status" = 0 ] || has '^mica: .*subuid' err
}

case_unit_cgroup() {
	/unit/cgroup
}

# In a container: the root of the cgroup namespace is not the root of the hierarchy, and it holds processes.
case_namespace_root() {
	grep -qx '0::/' /proc/self/cgroup
	[ -e $CGROUPS/cgroup.type ] # only a cgroup that is not the real root has it
}

case_fsck() {
	mica fsck
	mica prune -a -f >/dev/null
	nothing_left
}

# --- the scenarios ---

one() { # NAME TITLE
	number=$((number + 1))
	rm -rf /tmp/case
	mkdir -m 755 /tmp/case
	started=$(date +%s)
	if (cd /tmp/case && timeout 120 sh -eu /guest.sh case "$1") </dev/null >/tmp/case.log 2>&1; then
		echo "ok $number - $2 # $(($(date +%s) - started)) s"
	else
		echo "not ok $number - $2"
		sed 's/^/# /' /tmp/case.log
		killall -9 mica sleep 2>/dev/null
	fi
}

limits() {
	one memory "the memory limit kills, and the message names the limit and the peak"
	one pids "the limit on processes holds and is reported"
	one limits_seen "the limits are in the cgroup, which has the whole sandbox in it"
	one shares "shares become a weight"
	one cpu "the limit on processor time holds"
	one inside "the command sees its own cgroup, read-only"
	one killed "nothing is left of a killed mica after the next command"
}

number=0
case $1 in
case)
	"case_$2"
	exit
	;;
root)
	one info "info names the kernel's way to mount and cgroup version 2"
	one base "an image goes to an OCI layout and comes back"
	one no_registry "a registry that is not there is an error in one line"
	one build "a build with several stages"
	one cached "the second build is taken from the cache"
	one status "the status of commands"
	limits
	one swap "the limit on swap holds"
	one core "what handles core dumps of the machine is not started for a step"
	one devices "a device is only read, or only written"
	if [ -e /usr/bin/apparmor_parser ]; then
		one apparmor "a profile confines the command"
	else
		number=$((number + 1))
		echo "ok $number - a profile confines the command # skip apparmor_parser is not beside the kernel: remove it from out/cache"
	fi
	one session "a session without a controller gets it from further up"
	one tmpfs "directories are replaced on a tmpfs without user.* attributes"
	one rootless "a user builds with subordinate IDs"
	one rootless_limits "a user has limits in a delegated cgroup"
	one single "a user without subordinate IDs is told so"
	[ ! -e /unit/cgroup ] || one unit_cgroup "unit tests of the cgroups"
	one fsck "the store is whole at the end"
	;;
delegated)
	# As a container manager does it: controllers for a child, which holds the processes and is the root of their namespace.
	if [ ! -e /sys/fs/cgroup/box ]; then
		echo '+cpu +cpuset +memory +pids' >$CGROUPS/cgroup.subtree_control
		mkdir $CGROUPS/box
		echo $$ >$CGROUPS/box/cgroup.procs
		umount $CGROUPS
		exec /usr/bin/unshare -C -m sh -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec sh /guest.sh inside'
	fi
	;;
inside)
	one namespace_root "the root of the cgroup namespace holds processes"
	one base "an image goes to an OCI layout and comes back"
	limits
	if [ -e /selinux.policy ]; then
		one selinux "a label confines the command, and what is shown to it is labelled"
	else
		number=$((number + 1))
		echo "ok $number - a label confines the command # skip secilc is not installed"
	fi
	one layers_60 "60 layers"
	one layers_260 "260 layers"
	one fsck "the store is whole at the end"
	;;
esac
echo "1..$number"
