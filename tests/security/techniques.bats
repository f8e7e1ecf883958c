#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Published techniques against builders and runtimes.
load lib.bash

# cve: CVE-2026-41579 CVE-2026-47766 CVE-2026-88264 CVE-2026-88265 CVE-2023-28642 CVE-2023-27561 CVE-2019-19921 CVE-2025-52881 CVE-2025-31133
@test "links of the image in the places of /dev, /proc, /sys and what is in them" {
	for place in dev proc sys dev/null dev/console dev/ptmx dev/pts dev/shm dev/mqueue; do
		rm -rf tree layout
		mkdir -p "tree/$(dirname $place)"
		ln -s "$V" "tree/$place"
		evil_image evil '{"Env":["PATH=/bin"]}'
		m pull -q evil >/dev/null
		run m run --rm --network=none evil sh -c 'cat /dev/marker /proc/marker /sys/marker /dev/*/marker; echo x >/dev/x; true'
		untouched
	done
}

# cve: CVE-2025-24965 CVE-2024-9341 CVE-2025-9566 CVE-2024-7387
@test "links of the image in the places of files that are provided" {
	mkdir -p tree/etc tree/run
	for name in hosts resolv.conf hostname; do ln -s "$V/$name" tree/etc/$name; done
	ln -s "$V" tree/run/secrets
	evil_image evil '{"Env":["PATH=/bin"]}'
	echo value >secret
	printf 'FROM evil\nRUN --mount=type=secret,id=s true\nRUN --mount=type=secret,id=s,target=/run/secrets/../../etc/hosts true\n' | containerfile
	build --secret=id=s,src=secret
	untouched
}

# cve: CVE-2026-55686 CVE-2014-9356 CVE-2021-41089
@test "WORKDIR, COPY and ADD through links of the image" {
	mkdir tree
	ln -s "$V" tree/w
	ln -s "../../../../../../../..$V" tree/r
	ln -s "$V/marker" tree/f
	evil_image evil '{"Env":["PATH=/bin"]}'
	printf 'FROM evil\nWORKDIR /w/new\nWORKDIR /r/new\nWORKDIR /w/../../..%s/new\nCOPY --chmod=777 --chown=1000 x /w/\nCOPY --chmod=777 x /f\nADD x /r/y\nUSER 1000\nWORKDIR /w/other\n' "$V" | containerfile
	echo x >ctx/x
	mode=$(stat -c %a:%u "$V/marker")
	build
	untouched
	[ "$(stat -c %a:%u "$V/marker")" = "$mode" ]
}

# cve: CVE-2024-1753
@test "a bind mount whose source is a link of the image" {
	mkdir tree
	ln -s / tree/l
	ln -s "$V" tree/v
	evil_image evil '{"Env":["PATH=/bin"]}'
	printf 'FROM evil\nRUN --mount=type=bind,from=evil,source=/l,target=/m,rw cat /m%s/marker; echo x >/m%s/x; true\n' "$V" "$V" | containerfile
	build
	untouched
	printf 'FROM evil\nRUN --mount=type=bind,from=evil,source=/v,target=/m,rw cat /m/marker; echo x >/m/x; true\n' | containerfile
	build
	untouched
}

# cve: CVE-2022-23648 CVE-2019-16884 CVE-2015-3631
@test "volumes with dots, over links and over the kernel's files" {
	mkdir tree
	ln -s "$V" tree/v
	for volume in "/../../../../../../..$V" /v /v/new /proc /proc/self /sys; do
		rm -rf layout
		evil_image evil "{\"Env\":[\"PATH=/bin\"],\"Volumes\":{\"$volume\":{}}}"
		m pull -q evil >/dev/null
		run m run --rm --network=none evil sh -c "cat $volume/marker; echo x >$volume/x; grep -c proc /proc/mounts"
		untouched
	done
}

# cve: CVE-2024-21626 CVE-2015-3627
@test "no working directory leads to a descriptor of ours" {
	for dir in /proc/self/fd/{3..12} /proc/1/cwd /proc/1/root /proc/thread-self/cwd; do
		printf 'FROM busybox\nWORKDIR %s\nRUN cat ./../../../../../../../..%s/marker; ls /proc/self/fd\n' "$dir" "$V" | containerfile
		build
		untouched
	done
	# a directory that is all of what we are given
	for number in 3 11 64 255 1023; do
		printf 'FROM busybox\nRUN ls /proc/self/fd | tr "\\n" " "\nWORKDIR /proc/self/fd/%s\nRUN cat marker ../marker; pwd\n' $number | containerfile
		output=$(as_whom python3 -c 'import os, sys
v = os.open(sys.argv[1], os.O_RDONLY)
for n in range(3, 1024):
    os.dup2(v, n)
os.execv(sys.argv[2], sys.argv[2:])' "$V" "$MICA_BIN" --root "$D/fds" build --no-cache --progress=plain --network=none ctx 2>&1) || true
		untouched
		[[ "$output" == *"0 1 2 3 "$'\n'* || -n "${MICA_PEER:-}" ]] || fail "$output"
	done
}

# cve: CVE-2021-3602
@test "the environment and the arguments of our processes" {
	printf 'FROM busybox\nRUN cat /proc/*/environ /proc/*/cmdline /proc/1/task/*/environ 2>/dev/null; true\n' | containerfile
	export USER_ENV="${USER_ENV:-} HOST_TOKEN=s3cret"
	HOST_TOKEN=s3cret build
	untouched
	[[ "$output" != *HOST_TOKEN* ]]
	run m run --rm --init --network=none --add-host=s3cret:192.0.2.1 busybox sh -c 'cat /proc/*/environ /proc/*/cmdline /proc/1/task/*/environ 2>/dev/null; true'
	[[ "$output" == */proc/* ]] || fail "$output"
	untouched
}

# cve: CVE-2026-41567 CVE-2022-1227 CVE-2019-14271 CVE-2014-9357
@test "no program or library of the image is used outside of RUN" {
	mkdir -p tree/usr/bin tree/etc tree/lib
	for name in xz unxz unpigz pigz gzip zstd bzip2 tar nsenter newuidmap; do
		printf '#!/bin/sh\ntouch /used %s/used\n' "$V" >tree/usr/bin/$name
		chmod 755 tree/usr/bin/$name
	done
	echo 'passwd: evil' >tree/etc/nsswitch.conf
	echo 'root:x:0:0::/:/bin/sh' >tree/etc/passwd
	echo 'root:x:0:' >tree/etc/group
	printf '#!/bin/sh\ntouch %s/used\n' "$V" | tee tree/lib/libnss_evil.so.2 >tree/lib/libnss_files.so.2
	evil_image evil '{"Env":["PATH=/usr/bin:/bin"]}'
	mkdir -p ctx in
	echo unpacked >in/f
	for kind in J j z; do tar -c${kind}f ctx/$kind.tar in; done
	printf 'FROM evil\nADD --chown=root:root *.tar /x/\nUSER root\nRUN test ! -e /used && cat /x/in/f\n' | containerfile
	build
	[ "$status" = 0 ]
	[[ "$output" == *unpacked* ]]
	untouched
}

# cve: CVE-2024-9407 GHSA-7236-3392-c5c6
@test "values of flags are taken from lists, and nothing else is passed on" {
	for flag in --mount=type=bind,target=/m,bind-propagation=rslave,upperdir=/ '--mount=type=bind,target=/m,"bind-propagation=shared,lowerdir=/"' \
		--security=99 --security=insecure --network=ns:/proc/1/ns/net --network=99; do
		printf 'FROM busybox\nRUN %s echo must-not-run\n' "$flag" | containerfile
		build
		[ "$status" = 125 ] || fail "$flag: $output"
		untouched
	done
}

# cve: CVE-2026-30892 CVE-2026-46680 CVE-2024-40635 CVE-2016-3697 CVE-2016-8867
@test "a user's number is that number or an error, never root" {
	mkdir -p tree/etc
	printf '1000:x:0:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n' >tree/etc/passwd
	evil_image evil '{"Env":["PATH=/bin"]}'
	m pull -q evil >/dev/null
	for user in 1 01 +1 ' 1' 1: 1000 1000:1000 65534 4294967295 4294967296 2147483648 99999999999 -1 0x1; do
		run m run --rm --network=none "--user=$user" evil id -u
		[ "$status" = 125 ] || [ "$status" = 127 ] || [[ "$output" =~ ^[1-9][0-9]*$ ]] || fail "'$user': $output"
		[ "$output" != 0 ]
		run m run --rm --network=none "--user=$user" evil grep CapEff /proc/self/status
		[ "$status" != 0 ] || [[ "$output" == *0000000000000000 ]] || fail "'$user' has capabilities"
	done
}

# cve: CVE-2023-25809 GHSA-g54h-m393-cpwq CVE-2018-10892 CVE-2017-16539 GHSA-jq35-85cj-fj4p GHSA-7ww5-4wqc-m92c CVE-2015-3630
@test "kernel files, devices and cgroups that reach the host" {
	m pull -q busybox >/dev/null
	run m run --rm --network=none busybox sh -c '
		for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /sys/kernel/uevent_helper /proc/acpi/x /proc/scsi/scsi; do
			(echo x >$f) 2>/dev/null && echo "WROTE $f"; done
		for f in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $f/x 2>/dev/null && echo "MADE $f/x"; (echo x >$f/release_agent) 2>/dev/null && echo "WROTE $f"; done
		for d in /sys/devices/virtual/powercap /proc/acpi /proc/scsi /sys/firmware; do [ -z "$(ls -A $d 2>/dev/null)" ] || echo "SHOWN $d"; done
		for n in 8:0 254:0 253:0 7:0 1:1; do mknod /tmp/d b ${n%:*} ${n#*:} 2>/dev/null; head -c 1 /tmp/d >/dev/null 2>&1 && echo "READ $n"; rm -f /tmp/d; done
		mknod /tmp/k c 1 1 2>/dev/null; head -c 1 /tmp/k >/dev/null 2>&1 && echo "READ mem"
		mount -o remount,rw /sys 2>/dev/null && echo REMOUNTED; mount -t proc p /mnt 2>/dev/null && echo MOUNTED; echo done'
	[ "$output" = "done" ] || fail "$output"
}

# cve: CVE-2018-10892 CVE-2017-16539 GHSA-jq35-85cj-fj4p GHSA-7ww5-4wqc-m92c
@test "what runc, moby and podman hide of the kernel is hidden, and what they show read-only is so, each by a mount of its own" {
	m pull -q busybox >/dev/null
	run m run --rm --network=none busybox sh -c '
		for f in acpi asound interrupts kcore keys latency_stats sched_debug scsi timer_list timer_stats; do set -- "$@" /proc/$f; done
		for f in dev/block devices/virtual/powercap firmware fs/selinux; do set -- "$@" /sys/$f; done
		for f; do
			[ -e $f ] || continue
			grep -qF " $f " /proc/self/mountinfo || echo "NOT COVERED $f"
			if [ -d $f ]; then [ -z "$(ls -A $f)" ]; else [ -z "$(head -c 1 $f)" ]; fi || echo "SHOWN $f"; done
		for f in bus fs irq sys sysrq-trigger; do
			[ ! -e /proc/$f ] || grep -qE "^([^ ]+ ){4}/proc/$f ro," /proc/self/mountinfo || echo "WRITABLE $f"; done
		echo done'
	[ "$output" = "done" ] || fail "$output"
}

# In the others' sandboxes devices are nodes of their own; ours are the machine's.
@test "the modes, owners and attributes of the machine's devices are not the sandbox's to change" {
	m pull -q busybox >/dev/null
	devices="/dev/zero /dev/full /dev/random /dev/urandom /dev/tty"
	# null is everybody's, and may be touched meanwhile: that one by what comes of it, to the mode that it has
	before=$(stat -c '%n %a %u %g %z' $devices)
	# shellcheck disable=SC2016 # for the shell inside
	script='for d in /dev/null "$@" /dev/stdin; do chmod 666 $d && echo "MODE $d"; chown 0:0 $d && echo "OWNER $d"; touch $d && echo "TIME $d"; done 2>/dev/null
		for d in "$@"; do chmod 666 /proc/1/root$d && echo "MODE $d"; done 2>/dev/null; echo x >/dev/null && ! echo x >/dev/full && [ "$(head -c 1 /dev/zero | wc -c)" = 1 ] && echo works'
	# shellcheck disable=SC2086 # a list
	output=$(m run --rm --network=none busybox sh -c "$script" - $devices </dev/null 2>/dev/null)
	[ "$output" = works ] || fail "$output"
	# shellcheck disable=SC2086 # as above
	[ "$(m run --rm --network=none --device /dev/zero:/dev/mine busybox sh -c "$script; head -c 1 /dev/mine >/dev/null" - /dev/mine </dev/null 2>/dev/null)" = works ]
	printf 'FROM busybox\nRUN set -- %s; %s\n' "$devices" "$(tr '\n' ';' <<<"$script" | sed 's/;*$//')" | containerfile
	build
	[[ "$status" = 0 && "$output" != *"MODE /"* && "$output" != *"OWNER /"* && "$output" == *works* ]] || fail "$output"
	# shellcheck disable=SC2086
	[ "$(stat -c '%n %a %u %g %z' $devices)" = "$before" ]
}

@test "a device on standard input or output is the sandbox's own, too" {
	[ "$(id -u)" = 0 ] || skip "only root makes device nodes"
	m pull -q busybox >/dev/null
	mkdir nodes
	mount -t tmpfs mica-test nodes
	printf 'FROM busybox\nRUN chmod 600 /proc/self/fd/0; true\n' | containerfile
	local minor works=""
	for minor in 3 5 7 8 9; do
		mknod -m 666 nodes/$minor c 1 $minor
		m run -i --rm --network=none busybox sh -c 'for i in 0 1 2; do chmod 600 /proc/self/fd/$i; done; true' <nodes/$minor >nodes/$minor 2>nodes/$minor || true
		m build -q --stdin --no-cache --network=none ctx <nodes/$minor >/dev/null || true
	done
	works=$(m run -i --rm --network=none busybox head -c 3 <nodes/5 | wc -c) || true
	run stat -c %a nodes/*
	umount nodes
	[[ "${output//$'\n'/ } $works" = "666 666 666 666 666 3" ]] || fail "$output $works"
}

@test "our terminal is neither read nor changed where -t is not given, and a directory on standard input leads nowhere" {
	m pull -q busybox >/dev/null
	cat >each.sh <<-'END'
		for i in 0 1 2; do chmod 666 /proc/self/fd/$i; [ ! -t $i ] || echo TERMINAL; done
		head -n 1 <&2 || true
	END
	run as_whom script -qec "stat -Lc %a /dev/stdin; '$MICA_BIN' run -i --rm --network=none busybox sh -c '$(<each.sh)'; stat -Lc %a /dev/stdin" /dev/null <<<typed
	echo "$output"
	[[ $status = 0 && $output != *TERMINAL* && $output != *typed*typed* ]]
	mapfile -t lines < <(grep -oE '^[0-7]{3}' <<<"$output")
	[[ ${#lines[@]} = 2 && ${lines[0]} = "${lines[1]}" && ${lines[0]} != 666 ]]
	run m run -i --rm --network=none busybox ls /proc/self/fd/0/ <"$V"
	[[ $status != 0 && $output != *marker* ]] || fail "$output"
	printf 'FROM busybox\nRUN ! ls /proc/self/fd/0/\n' | containerfile
	run m build -q --stdin --no-cache --network=none ctx <"$V"
	[[ $output == *"cannot read the input of the command: Is a directory"* && $output != *marker* ]] || fail "$output"
}

# cve: CVE-2019-5736
@test "our program cannot be written or executed from inside" {
	before=$(sha256sum <"$MICA_BIN")
	m pull -q busybox >/dev/null
	run m run --rm --network=none busybox sh -c 'for i in $(seq 50); do for p in /proc/[0-9]*; do (echo x >>$p/exe) 2>/dev/null && [ $p != /proc/$$ ] && [ "$(readlink $p/exe)" != /bin/busybox ] && echo WROTE; done; done; true'
	[[ "$output" != *WROTE* ]] || fail "$output"
	mkdir tree
	printf '#!/proc/self/exe\n' >tree/start
	chmod 755 tree/start
	ln -s /proc/self/exe tree/self
	evil_image evil '{"Env":["PATH=/bin"]}'
	m pull -q evil >/dev/null
	for file in /start /self; do
		run m run --rm --network=none evil $file images
		[ "$status" != 0 ]
		# not even tried: it would fail for want of libraries
		[[ -n "${MICA_PEER:-}" || "$output" == *"cannot execute '$file': permission denied"* ]] || fail "$output"
	done
	[ "$(sha256sum <"$MICA_BIN")" = "$before" ]
}

# cve: CVE-2024-3056
@test "shared memory does not outlive its step" {
	cat <<-'END' | containerfile
		FROM busybox
		COPY reach /
		RUN echo s3 >/dev/shm/x && /reach shm 1000 && [ "$(wc -l </proc/sysvipc/shm)" = 2 ]
		RUN test ! -e /dev/shm/x && [ "$(wc -l </proc/sysvipc/shm)" = 1 ] && /reach shm 1000
	END
	cp "$MICA_TOOLS/reach" ctx
	build
	[ "$status" = 0 ] || fail "$output"
	grep -q 4711 /proc/sysvipc/shm && fail "it is the machine's"
	# it is the step's memory
	[ "$(m info --format '{{.abilities.Limits.memory}}')" = true ] || return 0
	for fill in '/reach shm 100000000' 'head -c 100000000 /dev/zero >/dev/shm/x'; do
		run m run --rm --network=none --memory 32m --memory-swap 32m --shm-size 200m t sh -c "$fill && echo FILLED"
		[[ "$output" == *"the memory limit of 32.0 MiB was reached"* && "$output" != *FILLED* ]] || fail "$fill: $output"
	done
}

# cve: CVE-2026-53488 CVE-2014-6408 CVE-2026-53492
@test "no label and no member of an image's config changes the sandbox" {
	mkdir tree
	evil_image evil "{\"Env\":[\"PATH=/bin\"],\"Labels\":{\"containerd.io/restart.loguri\":\"binary:///bin/touch?$V/x\",\"io.podman.annotations.privileged\":\"TRUE\",\"cdi.k8s.io/x\":\"vendor.com/d=all\",\"security.insecure\":\"true\"},\"Privileged\":true,\"CapAdd\":[\"ALL\"],\"Binds\":[\"$V:/v\"]}"
	m pull -q evil >/dev/null
	run m run --rm --network=none evil sh -c 'ls /v; cat /v/marker; grep -E "CapEff|Seccomp:" /proc/self/status'
	untouched
	[[ "$output" == *$'Seccomp:\t2'* && "$output" != *ffffffff* ]] || fail "$output"
}

# cve: CVE-2025-11395 CVE-2014-9358 CVE-2026-79699
@test "an archive of an image with paths for names" {
	mkdir a
	(cd a && plain_tar layer.tar . && echo '{}' >config.json)
	for names in '"Config":"../../../../../../../..'"$V"'/marker","Layers":["layer.tar"]' '"Config":"config.json","Layers":["../../../../../../..'"$V"'/marker"]' '"Config":"'"$V"'/marker","Layers":["'"$V"'/marker"]'; do
		echo "[{$names,\"RepoTags\":[\"../../x:latest\"]}]" >a/manifest.json
		ln -sf "$V/marker" a/repositories
		tar -C a -cf bad.tar .
		chmod 644 bad.tar
		run m load -i bad.tar
		[ "$status" = 125 ] || fail "$output"
		untouched
	done
}
