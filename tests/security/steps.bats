#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a step or a container is given, keeps and leaves behind.
load lib.bash

# cve: CVE-2022-24769 CVE-2022-29162 CVE-2022-27649 CVE-2022-27650 CVE-2022-27651 CVE-2021-20188 CVE-2018-10856 CVE-2016-8867
@test "no capability is inheritable or ambient, whatever mica has, and a user has none" {
	printf 'FROM busybox\nRUN grep ^Cap /proc/self/status\nUSER 1000\nRUN grep ^Cap /proc/self/status\n' | containerfile
	all=()
	[ -n "${MICA_AS_USER:-}" ] || all=(setpriv "--inh-caps=+chown,+net_raw,+sys_admin" "--ambient-caps=+chown,+net_raw,+sys_admin")
	run as_whom "${all[@]}" "$MICA_BIN" --root "$D/caps" build --no-cache --progress=plain --network=none ctx
	[ "$status" = 0 ] || fail "$output"
	for set in CapInh CapAmb; do
		[ "$(grep -c "$set:.0000000000000000" <<<"$output")" = 2 ] || fail "$output"
	done
	[ "$(grep -cE 'Cap(Prm|Eff):.0000000000000000' <<<"$output")" = 2 ] || fail "$output"
	for bounding in $(sed -n 's/.*CapBnd:\t*//p' <<<"$output"); do
		# dac_read_search net_admin sys_module sys_rawio sys_ptrace sys_admin sys_boot sys_time
		for forbidden in 2 12 16 17 19 21 22 25; do
			(((16#$bounding >> forbidden & 1) == 0)) || fail "capability $forbidden is allowed"
		done
	done
}

# cve: CVE-2022-36109 CVE-2022-2989 CVE-2022-2990 CVE-2023-25173
@test "the groups are those of the image's accounts, the primary one among them, and none of ours" {
	cat <<-'END' | containerfile
		FROM busybox
		RUN mkdir -m 0705 /negative && chgrp 1000 /negative
		USER app
		RUN echo "one: $(id -G)"
		USER 1000:1000
		RUN echo "two: $(id -G)"; ls /negative && echo LISTED; grep ^Groups: /proc/self/status
		USER 12:34
		RUN echo "three: $(id -G)"
		USER root
		RUN echo "four: $(id -G)"
	END
	more=()
	[ -n "${MICA_AS_USER:-}" ] || more=(setpriv --groups "4242,1000")
	run as_whom "${more[@]}" "$MICA_BIN" --root "$D/groups" build --no-cache --progress=plain --network=none ctx
	[ "$status" = 0 ] || fail "$output"
	for line in 'one: 1000 50' 'two: 1000' 'three: 34' 'four: 0'; do
		grep -qxE "$line" <<<"$output" || fail "not '$line': $output"
	done
	! grep -qxE 'LISTED' <<<"$output" || fail "$output"
	! grep -qw 4242 <<<"$output" || fail "$output" # an ID may have these digits in it
}

# cve: CVE-2020-14370 CVE-2026-57231
@test "the environment of a stage, a build or a container is not another's, nor is ours" {
	printf 'FROM busybox AS a\nARG A\nENV E=$A\nRUN true\nFROM busybox\nCOPY --from=a /etc/passwd /p\nRUN env\n' | containerfile
	m build --no-cache -q --network=none --build-arg A=s3cret -t t ctx >/dev/null
	printf 'FROM t\nRUN env\n' | containerfile
	build
	untouched
	m run --rm --network=none -e A=s3cret busybox true
	run m run --rm --network=none busybox env
	untouched
	mkdir tree
	evil_image imports '{"Env":["PATH=/bin","HOST_TOKEN","*","=x"]}'
	export USER_ENV="${USER_ENV:-} HOST_TOKEN=s3cret"
	HOST_TOKEN=s3cret run m run --rm --network=none imports /bin/busybox env
	untouched
}

# cve: CVE-2020-1726
@test "what an image has in the place of a volume does not go into a directory of this machine" {
	mkdir -p tree/v tree/v/sub
	echo image >tree/v/file
	evil_image evil '{"Env":["PATH=/bin"],"Volumes":{"/v":{},"/v/sub":{}}}'
	m pull -q evil >/dev/null
	for options in ro rw; do
		run m run --rm --network=none -v "$V:/v:$options" evil ls /v
		[ "$output" = marker ] || fail "$output"
		untouched
	done
}

# cve: CVE-2019-18837 CVE-2015-3629
@test "mount targets through links of the image" {
	mkdir tree
	ln -s "$V" tree/abs
	ln -s "../../../../../../../..$V" tree/rel
	ln -s rel tree/chain
	ln -s "/proc/self/root$V" tree/magic
	ln -s "/proc/1/cwd$V" tree/init
	evil_image evil '{"Env":["PATH=/bin"]}'
	for link in abs rel chain magic init; do
		printf 'FROM evil\nRUN --mount=type=tmpfs,target=/%s/dir/new cat /%s/marker; true\nRUN --mount=type=bind,target=/%s/file,source=Containerfile true\n' $link $link $link | containerfile
		build
		untouched
		run m run --rm --network=none -v "$D/ctx:/$link/volume" evil sh -c "cat /$link/marker; echo x >/$link/x"
		untouched
	done
}

# cve: CVE-2025-52565
@test "the terminal of a container is not at the end of the image's links" {
	for place in dev/console dev/tty dev/pts dev/ptmx; do
		rm -rf tree layout
		mkdir -p "tree/$(dirname $place)"
		ln -s "$V" "tree/$place"
		evil_image evil '{"Env":["PATH=/bin"]}'
		m pull -q evil >/dev/null
		store=()
		[ -n "${MICA_AS_USER:-}" ] || store=(--root "$MICA_ROOT")
		run as_whom python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' \
			"$MICA_BIN" "${store[@]}" run --rm --network=none -t evil sh -c 'for d in /dev /dev/console /dev/tty /dev/pts /dev/pts/0; do cat $d/marker; echo x >$d/x; done; echo x >/dev/console; ls /dev/pts'
		untouched
		[[ "$output" == *ptmx* ]] || fail "$place: $output"
	done
}

# cve: CVE-2021-20291 CVE-2021-29482 CVE-2025-58058
@test "a damaged archive is an error, at once" {
	head -c 400000 /dev/urandom >noise
	tar -cf noise.tar noise
	gzip -k noise.tar
	xz -k noise.tar
	bzip2 -1 -k noise.tar # several blocks
	for kind in gz xz bz2; do
		size=$(stat -c %s noise.tar.$kind)
		mkdir -p ctx
		head -c $((size / 2)) noise.tar.$kind >ctx/cut.tar
		cp noise.tar.$kind ctx/flipped.tar
		printf '\377\376\375\374\373\372\371\370' | dd of=ctx/flipped.tar bs=1 seek=$((size / 3 * 2)) conv=notrunc status=none
		for file in cut flipped; do
			printf 'FROM scratch\nADD %s.tar /\n' $file | containerfile
			start=$SECONDS
			build
			[ "$status" = 125 ] || fail "$kind, $file: $status: $output"
			[ $((SECONDS - start)) -lt 20 ] || fail "$kind, $file took too long"
		done
	done
	# of a layer
	mkdir tree
	cp noise tree/
	evil_image evil '{}'
	rm -rf layout
	make_layout layout '{}' evil.tar
	for blob in layout/blobs/sha256/*; do
		[ "$(stat -c %s "$blob")" -lt 100000 ] || printf '\377\376\375\374' | dd of="$blob" bs=1 seek=50000 conv=notrunc status=none
	done
	[ -z "${MICA_AS_USER:-}" ] || chmod -R a+rX layout
	run m pull -q "oci:$D/layout:latest"
	[ "$status" = 125 ] || fail "$output"
}

# cve: CVE-2024-29018
@test "a step without a network asks nobody for names, and neither do we for it" {
	unshare -n sh -c 'ip link set lo up; for a in $(sed -n "s/^nameserver //p" /etc/resolv.conf); do ip addr add $a/32 dev lo; done; exec python3 -c "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((\"0.0.0.0\", 53)); print(\"ready\", flush=True)
while True: print(s.recvfrom(4096)[0], flush=True)"' >asked 2>&1 3>&- &
	echo $! >"$T/asked.pid"
	wait_for 10 grep -q ready asked
	server=$!
	inside() { # COMMAND...: in the namespace of that server
		if [ -n "${MICA_AS_USER:-}" ]; then
			# shellcheck disable=SC2086 # a list of settings
			nsenter --net="/proc/$server/ns/net" setpriv --reuid "$MICA_USER" --regid "$MICA_USER" --init-groups env -i $USER_ENV "$@"
		else
			nsenter --net="/proc/$server/ns/net" "$@"
		fi
	}
	timeout 2 nsenter --net="/proc/$server/ns/net" busybox nslookup control.invalid 127.0.0.1 >/dev/null 2>&1 || true
	wait_for 10 grep -q control asked
	m pull -q busybox >/dev/null
	printf 'FROM busybox\nRUN timeout 2 nslookup stolen.invalid; timeout 2 nslookup stolen.invalid 127.0.0.1; for a in $(sed -n "s/^nameserver //p" /etc/resolv.conf); do timeout 2 nslookup stolen.invalid $a; done; true\n' | containerfile
	store=()
	[ -n "${MICA_AS_USER:-}" ] || store=(--root "$MICA_ROOT")
	run inside "$MICA_BIN" "${store[@]}" build --no-cache --progress=plain --network=none ctx
	[ "$status" = 0 ] || fail "$output"
	! grep stolen asked || fail "a name was asked for"
}

# cve: CVE-2024-24557
@test "an image is no cache, whatever its history says" {
	mkdir tree ctx
	echo good >ctx/x
	echo poison >tree/x
	plain_tar poison.tar tree
	for text in 'COPY x /x' '/bin/sh -c #(nop) COPY file:0 in /x' 'COPY x /x # buildkit'; do
		rm -rf layout
		make_layout layout '{}' poison.tar
		edit_config layout ".history[0].created_by = \"$text\""
		to_registry layout library/poison:latest
		m pull -q poison >/dev/null
		printf 'FROM scratch AS s\nCOPY x /x\nFROM busybox\nCOPY --from=s /x /y\nRUN cat /y\n' | containerfile
		for options in "" --cache-from=poison; do
			# shellcheck disable=SC2086 # none or one
			run m build --progress=plain --network=none $options ctx
			[[ "$output" != *poison$'\n'* ]] || fail "$text: $output"
		done
		run m build --no-cache --progress=plain --network=none ctx
		[[ "$output" == *good* ]] || fail "$output"
	done
}

# cve: CVE-2020-27534
@test "no temporary file has a name that can be foreseen" {
	mkdir -p in ctx
	echo x >in/f
	tar -czf ctx/a.tar.gz in
	printf 'FROM busybox\nADD a.tar.gz /\nCOPY Containerfile /\nRUN true\n' | containerfile
	chmod -R a+rX ctx
	if [ -n "${MICA_AS_USER:-}" ]; then
		# strace takes the power of newuidmap away: what the user has made anywhere else will do, but for what mktemp names, here and in other tests
		touch started
		build
		[ "$status" = 0 ]
		run bash -c 'find /tmp /var/tmp /dev/shm -maxdepth 2 -newer started -user "$1" -not -path "/tmp/tmp.*" 2>/dev/null' - "$MICA_USER"
		[ -z "$output" ] || fail "$output"
		return
	fi
	command -v strace >/dev/null || skip "strace is not installed"
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e trace=open,openat,creat,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat \
		"$MICA_BIN" --root "$MICA_ROOT" build -q --network=none ctx >/dev/null
	# by name from the top, to be made if missing, without insisting on making it
	run grep -E 'AT_FDCWD, "[^"]*", [^)]*O_CREAT' trace
	run grep -vE "O_EXCL|\"$MICA_ROOT|\"/dev/null\"| = -1 " <<<"$output"
	[ -z "$output" ] || fail "$output"
	run grep -E '(mkdir|mknod|symlink)(at)?\((AT_FDCWD, )?"(/tmp|/var/tmp)' trace
	run grep -v "\"$D/" <<<"$output"
	[ -z "$output" ] || fail "$output"
}

# cve: CVE-2019-13509
@test "secrets and passwords are in no log" {
	echo s3cret >secret
	printf 'FROM busybox\nRUN --mount=type=secret,id=s test -s /run/secrets/s\n' | containerfile
	run m --log-level=debug build --no-cache --progress=plain --network=none --secret=id=s,src=secret ctx
	[ "$status" = 0 ] || fail "$output"
	untouched
	run m --log-level=debug pull --creds=anna:s3cret "docker://$REG/library/busybox"
	untouched
	run m --log-level=debug login -u anna -p s3cret "$REG"
	untouched
}

# cve: CVE-2017-14992 CVE-2023-25153
@test "a layer of endless headers does not fill the memory" {
	python3 - <<-'END'
		import tarfile
		with open("pax.tar", "wb") as f:
		    i = tarfile.TarInfo("././@PaxHeader")
		    i.type, i.size = b"x", 30 << 20
		    f.write(i.tobuf(tarfile.USTAR_FORMAT))
		    f.write(b"31457280 comment=" + b"0" * ((30 << 20) - 17))
		    f.write(tarfile.TarInfo("file").tobuf())
		with open("padding.tar", "wb") as f:
		    f.write(tarfile.TarInfo("file").tobuf())
		    f.write(bytes(30 << 20))
		for name in "manifest.json", "index.json":
		    with open(name + ".archive", "wb") as f:
		        i = tarfile.TarInfo(name)
		        i.size = 30 << 20
		        f.write(i.tobuf(tarfile.USTAR_FORMAT) + b"[" + b" " * (i.size - 1) + bytes(1024))
	END
	largest() { # MICA ARGUMENT...: how much memory it took
		local store=()
		[ -n "${MICA_AS_USER:-}" ] || store=(--root "$MICA_ROOT")
		run as_whom python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$MICA_BIN" "${store[@]}" "$@"
		echo "# $*: $((output / 1024)) MiB" >&3
		[ -n "${MICA_SANITIZE:-}" ] || [ "$output" -lt 30000 ] || fail "$output KiB"
	}
	largest load -i "$D/manifest.json.archive"
	largest load -i "$D/index.json.archive"
	for tar in pax padding; do
		make_layout layout '{}' $tar.tar
		rm $tar.tar
		[ -z "${MICA_AS_USER:-}" ] || chmod -R a+rX layout
		largest pull -q "oci:$D/layout:latest"
		rm -r layout
	done
}

# cve: CVE-2024-36620
@test "an image without a history is a base" {
	mkdir tree
	evil_image old '{"Env":["PATH=/bin"]}'
	for history in null '[]' '[{}]' '[{"empty_layer":true}]'; do
		rm -rf layout
		make_layout layout '{"Env":["PATH=/bin"]}' evil.tar
		edit_config layout ".history = $history"
		to_registry layout library/old:latest
		printf 'FROM old\nENV a=b\nRUN ["/bin/true"]\n' | containerfile
		run m build --pull --network=none --progress=plain -t t ctx
		[ "$status" = 0 ] || [ "$status" = 125 ] || fail "$history: $status: $output"
	done
}

# cve: CVE-2026-24843 CVE-2026-24844 CVE-2026-25143 CVE-2026-25145
@test "names of files, directories and contexts are names, whatever is in them" {
	local name='$(touch ran);`touch ran`|touch ran&"'"'"'
-x'
	mkdir -p "ctx/$name" "$name"
	echo one >"ctx/$name/$name"
	echo two >"$name/f"
	tar -C "$name" -cf "ctx/$name.tar" f
	cat <<-'END' | containerfile
		FROM busybox
		COPY *touch*x /globbed
		ADD *.tar /added/
		COPY --from=other f /other
		RUN --mount=type=bind,from=other,target=/m cat /globbed/* /added/f /other /m/f
	END
	chmod -R a+rX ctx "$name"
	run m build --no-cache --progress=plain --network=none --build-context "other=$D/$name" ctx
	[ "$status" = 0 ] || fail "$output"
	[ "$(grep -cE ' ?(one|two)$' <<<"$output")" = 4 ] || fail "$output"
	[ -z "$(find "$D" -name ran)" ]
}

# --- what nobody has published ---

@test "the kernel that is shared, and in a namespace that is shared, processes, their files and sockets" {
	local options pid name limits keyrings
	mkdir ctx
	cp "$MICA_TOOLS/reach" ctx
	containerfile <<<$'FROM scratch\nCOPY reach /reach\n'
	m build -q --network=none -t reach ctx >/dev/null
	for options in --network=none "--init --network=none"; do
		run --separate-stderr m run --rm $options reach /reach
		[ "$output" = "done" ] || fail "$options: $output $stderr"
	done
	# the filter keeps keyrings from a step; without it, it has one of its own
	cp "$MICA_TOOLS/reach" keys
	keyrings=$(as_whom "$D/keys" keyring "$MICA_BIN" run --rm --network=none --security-opt seccomp=unconfined reach /reach keyring)
	[[ $keyrings =~ ^[1-9][0-9]*$'\n'[1-9][0-9]*$ && ${keyrings%$'\n'*} != "${keyrings#*$'\n'}" ]] || fail "$keyrings"
	[ "$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, 0, 0, 1))')" -ge 6 ] || return 0 # --pid=host is refused
	name=mica-test-$BASHPID
	as_whom python3 -uc 'import os, socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind("\0" + sys.argv[1]); s.listen(); print(os.getpid()); time.sleep(60)' \
		$name >listens 3>&- &
	wait_for 10 test -s listens
	VICTIM=$(cat listens) pid=$VICTIM
	limits=$(cat "/proc/$pid/limits")
	for options in --pid=host "--pid=host --init" --isolation=chroot; do
		run --separate-stderr m run --rm --network=host $options reach /reach "$pid" $name
		[ "$output" = "done" ] || fail "$options: $output $stderr"
	done
	# where nothing can be mounted, which takes root
	if [ -z "${MICA_AS_USER:-}" ]; then
		run --separate-stderr "$MICA_TOOLS/without" mount! "$MICA_BIN" run --rm --isolation=chroot reach /reach "$pid" $name
		[[ $output = "done" && $stderr == *"no mounts" ]] || fail "$output $stderr"
		# where devices open that are made in the root
		run --separate-stderr "$MICA_TOOLS/without" unshare! setpriv --bounding-set -sys_admin "$MICA_BIN" --root "$MICA_ROOT" run --rm --isolation=chroot reach /reach input </dev/null
		[ "$output" = "done" ] || fail "$output $stderr"
		# where none can be made, it is the one around, here of a /dev of our own
		# shellcheck disable=SC2016
		run -0 unshare -m sh -c 'mount -t tmpfs dev /dev && mknod -m 666 /dev/null c 1 3 && "$@" && stat -c "%a %u:%g" /dev/null' - "$MICA_TOOLS/without" mount! \
			setpriv --bounding-set -sys_admin,-mknod "$MICA_BIN" --root "$MICA_ROOT" run --rm --isolation=chroot reach /reach input 600
		[[ $output == *"666 0:0" ]] || fail "$output"
	fi
	[ "$(cat "/proc/$pid/limits")" = "$limits" ]
	kill "$pid"
	VICTIM=
}

# Init answers chown and stat there, and has more power than who asks: over mica, which may be seen.
@test "no file outside gets another owner, or shows its own, from a user's namespace that knows one user" {
	[ "$(id -u)" = 0 ] || skip "needs to hide a part of /proc"
	local see file=$D/home/own
	MICA_USER=64996
	user_env
	printf 'mount --bind /dev/null /proc/keys\n"$@"\n' >masked
	mkdir own
	cp "$MICA_TOOLS/reach" own
	printf 'FROM busybox\nCOPY reach /\n' >own/Containerfile
	local start box seen as="setpriv --reuid $MICA_USER --regid $MICA_USER --clear-groups env -i $USER_ENV $MICA_BIN --root $D/home/store"
	$as build -q -t own own
	for see in --pid=host --pid=private chroot; do
		[ $see != --pid=host ] || [ "$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, 0, 0, 1))')" -ge 6 ] || continue
		echo x >"$file"
		chown $MICA_USER "$file"
		chmod 4755 "$file"
		setfattr -n user.mica.owner -v 6:6 "$file" # only such a file would be told of
		start=(unshare -m sh masked) box=(--network=none "$see") seen=3
		if [ $see = chroot ]; then
			start=("$MICA_TOOLS/without" 'mount!,fsopen!,fsmount!,move_mount!,open_tree!') box=(--network=host) seen=-1
		fi
		# shellcheck disable=SC2016,SC2086 # for the shell inside; a list
		run --separate-stderr "${start[@]}" $as run --rm "${box[@]}" own sh -c 'cd / && touch own && chown 7:8 own &&
			{ [ "$2" = -1 ] || chown 5:5 /proc/self/cwd/own; } && [ "$(ls /proc | grep -c "^[0-9]")" -gt "$2" ] &&
			exec /reach owner "$1"' - "$file" $seen
		[ "$output" = "done" ] || fail "$see: $output $stderr"
		[ "$(stat -c %a "$file")" = 4755 ] || fail "$see"
		[ "$(getfattr -m - --only-values "$file" 2>/dev/null)" = 6:6 ]
	done
}

# Through a socket in a cache, or as here by whoever's processes these are: a layer that is known by its digest does not change.
@test "what is still open of a step's root when it is over does not change the layer" {
	local held pid from layer
	mkdir v
	[ -z "${MICA_AS_USER:-}" ] || chown "$MICA_USER:" v
	mkfifo v/over
	for held in '>>/proc/$1/root/own' '</proc/$1/root'; do
		from='FROM busybox\nRUN'
		[[ $held == '<'* ]] || from='FROM scratch\nRUN --mount=from=busybox,source=/bin,target=/bin'
		# shellcheck disable=SC2059
		printf "$from"' echo own >/own; touch /v/ready; while [ ! -e /v/go ]; do sleep .01; done\n' | containerfile
		m build --no-cache --progress=plain --network=none -v "$D/v:/v" -t t ctx >log 2>&1 3>&- &
		build=$!
		wait_for "${RACE_PATIENCE:-20}" test -e v/ready || fail "$(cat log)"
		pid=$(pgrep -nf '^/bin/sh -c echo own')
		as_whom bash -c "exec 7$held && touch v/go && read <v/over && ! : >/proc/self/fd/7/own && ! : >/proc/self/fd/7/more" - "$pid" >held 2>&1 3>&- &
		holder=$!
		status=0
		wait $build || status=$?
		echo >v/over
		wait $holder || [[ $held != '<'* ]] || fail "$(cat held)"
		if [[ $held == '<'* ]]; then
			[ $status = 0 ] || fail "$(cat log)"
			[[ "$(cat held)" == *"own: Read-only file system"*"more: Read-only file system"* ]] || fail "$(cat held)"
		else
			[ $status != 0 ] && grep -q "open for writing outside of it" log || fail "$(cat log)"
		fi
		rm v/go v/ready
	done
	layer=$(find "$D" -path '*/layers/*/own')
	[ "$(cat "$layer")" = own ] || fail "$(find "$D" -path '*/layers/*/own')"
	m fsck
}

# Nobody can close a copy: what was copied once more becomes the layer.
@test "what is still open of a step's root that is a copy does not change the layer" {
	mkdir v
	[ -z "${MICA_AS_USER:-}" ] || chown "$MICA_USER:" v
	mkfifo v/over
	printf 'FROM busybox\nRUN mkdir /dir; echo own >/own; ln /own /dir/own; touch /v/ready; while [ ! -e /v/go ]; do sleep .01; done\n' | containerfile
	m --storage-driver vfs build --no-cache --progress=plain --network=none -v "$D/v:/v" -t t ctx >log 2>&1 3>&- &
	build=$!
	wait_for "${RACE_PATIENCE:-20}" test -e v/ready || fail "$(cat log)"
	# shellcheck disable=SC2016
	as_whom bash -c 'exec 7</proc/$1/root 8</proc/$1/root/dir 9>>/proc/$1/root/own && touch v/go && read <v/over; echo HACKED >&9
		for at in 7/own 7/more 7/dir/more 8/own 8/more; do echo HACKED >>/proc/self/fd/$at; done' - "$(pgrep -nf '^/bin/sh -c mkdir /dir')" >held 2>&1 3>&- &
	holder=$!
	wait $build || fail "$(cat log)"
	echo >v/over
	wait $holder || true
	run m --storage-driver vfs run --rm --network=none t sh -c 'cat /own /dir/own; ls /dir /more'
	[ "$output" = $'own\nown\nls: /more: No such file or directory\n/dir:\nown' ] || fail "$output $(cat held)"
	[ -n "${MICA_PEER:-}" ] || m fsck
}

# cve: CVE-2018-6552
@test "what crashes in a step is not handled by the machine, and leaves no file in the layer" {
	ulimit -Sc "$(ulimit -Hc)"
	# whoever sets the limit believes that it is set: with 0 the handler would be started, too
	printf 'FROM busybox\nWORKDIR /w\nRUN ulimit -c 0 && ulimit -c unlimited && r=done; sh -c "kill -SEGV \\$\\$"; echo "status=$? $r=$(ls)="; grep core /proc/self/limits\n' | containerfile
	build
	grep -q '^status=139 done==$' <<<"$output" || fail "outside: $output"
	grep -q 'core file size  *1  *1  *bytes' <<<"$output" || fail "$output"
	# a limit that was asked for
	printf 'FROM busybox\nRUN grep core /proc/self/limits\n' | containerfile
	build --ulimit core=0
	grep -q 'core file size  *0  *0  *bytes' <<<"$output" || fail "$output"
}
