#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What mica promises, in the way of working that MICA_MODE names: root, subids, single, chroot (of which tests/cli/namespaces.bats has what is asked for),
# or chrooted, which is single and chroot at once: nobody may mount there.
# tests/tools/isolation-table.py makes the table of
# docs/isolation.md from the names of the tests and from the lines above them: "# single: why it is otherwise there".
load ../cli/lib.bash
load ../cli/user.bash

: "${MICA_MODE:=root}"

setup_file() {
	file_setup registry busybox
	owners_setup
}

teardown() {
	test_teardown
}

setup() {
	test_setup
	case $MICA_MODE in
	subids) user_setup ;;
	single | chrooted) # somebody whom no file knows
		MICA_USER=64997
		user_env
		;;
	esac
	network=none
	! is chroot || network=host
	mkdir ctx
}

teardown_file() {
	user_teardown
	file_teardown
}

m() {
	[ -z "${MICA_USER:-}" ] || chown -R "$MICA_USER:$MICA_USER" "$D/ctx"
	case $MICA_MODE in
	subids | single) umica "$@" ;;
	# root as in most containers, where a filter forbids namespaces, and devices do not open
	chroot) "$MICA_TOOLS/without" unshare! setpriv --bounding-set -sys_admin,-mknod "$MICA_BIN" --root "$MICA_ROOT" "$@" ;;
	chrooted) as_user "$MICA_TOOLS/without" 'mount!,fsopen!,fsmount!,move_mount!,open_tree!' "$MICA_BIN" "$@" ;;
	*) mica "$@" ;;
	esac
}

# A build without more network than it needs.
build() {
	m build -q --network=$network "$@" ctx
}

run_in() { # IMAGE COMMAND...
	m run --rm --network=$network "$@"
}

is() { # MODE...
	[[ " $* " == *" $MICA_MODE "* ]] || { [ "$MICA_MODE" = chrooted ] && [[ " $* " == *" chroot "* || " $* " == *" single "* ]]; }
}

# Owners and modes as they are in an image, whatever they look like from within.
listed() { # IMAGE PATH...
	local image=$1
	shift
	m build -q --network=$network -o type=tar,dest=- -f - "$D/ctx" <<<"FROM $image" | tar --numeric-owner -tvf - | awk '{print $6, $1, $2}' | sort >"$D/all"
	local path
	for path; do
		grep "^$path " "$D/all"
	done
}

# docker.io/library/owners: a layer with everything that a layer can say of a file.
owners_setup() {
	python3 - "$T/owners.tar" <<-'END'
		import sys, tarfile, io
		tar = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
		def add(name, type=tarfile.REGTYPE, uid=0, gid=0, mode=0o644, link="", data=b"", pax=None):
		    t = tarfile.TarInfo(name)
		    t.type, t.uid, t.gid, t.mode, t.linkname, t.size, t.mtime = type, uid, gid, mode, link, len(data), 1767225600
		    t.pax_headers = pax or {}
		    tar.addfile(t, io.BytesIO(data))
		add("o", tarfile.DIRTYPE, 1000, 50, 0o2775)
		add("o/f", uid=1000, gid=1000, mode=0o4755, data=b"x")
		add("o/hard", tarfile.LNKTYPE, 1000, 1000, 0o4755, "o/f")
		add("o/link", tarfile.SYMTYPE, 5, 6, 0o777, "f")
		add("o/fifo", tarfile.FIFOTYPE, 7, 8, 0o600)
		add("o/big", uid=65000, gid=60000, data=b"y")
		cap = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		add("o/cap", mode=0o755, data=b"z", pax={"SCHILY.xattr.security.capability": cap.decode("latin-1"), "SCHILY.xattr.user.own": "mine"})
		tar.close()
	END
	mkdir "$T/owners.rootfs"
	busybox_rootfs "$T/owners.rootfs"
	plain_tar "$T/base.tar" "$T/owners.rootfs"
	make_layout "$T/owners" '{"Env":["PATH=/usr/bin:/bin"],"Cmd":["sh"]}' "$T/base.tar" "$T/owners.tar"
	to_registry "$T/owners" library/owners:latest
	rm -r "$T/owners.rootfs" "$T/owners" "$T"/*.tar
}

@test "mica info says which way it is, and why not a better one" {
	local -A name=([root]=root [subids]=rootless [single]='rootless, one user' [chroot]=chroot [chrooted]=chroot)
	[ "$(m info --format '{{.abilities.Mode.Name}}')" = "${name[$MICA_MODE]}" ]
	local driver=overlay
	! is chroot || driver=copy
	[ "$(m info | jq -r .abilities.Snapshots.Driver)" = $driver ]
	m info --format text >info
	if is single && ! is chroot; then
		grep -q '^mode .*: user .64997. has no subordinate IDs.*usermod --add-subuids' info
		grep -q '^missing .*usermod --add-subuids' info
	fi
	grep -qE '^limits +cgroup [^:]+:.* ulimit disk timeouts$' info
	# a limit acts, or there is a reason why not, in every form
	m info >json
	jq -e '.abilities | .Missing as $missing | .Limits | .Reasons as $why | to_entries[] | select(.key | IN("Reason", "Reasons") | not)
		| (.value == true) != ($why[.key] != null and (["limits: " + .key + ": " + $why[.key]] - $missing == []))' json >acts
	[ "$(sort -u acts)" = true ]
	if is chroot; then
		grep -qE '^isolation  chroot: (user namespaces|.*mounts) are not allowed here' info
		grep -q "^missing .*isolation 'chroot' steps share processes" info
		grep -q '^network .*: steps have the network of what is around them$' info
	else
		grep -q '^isolation  oci$' info
	fi
	if is root; then
		# as containers.conf may have it
		printf '[engine]\nenv = ["BUILDAH_ISOLATION=chroot"]\n' >conf
		CONTAINERS_CONF="$D/conf" m info --format text | grep -q '^isolation  chroot: BUILDAH_ISOLATION$'
		BUILDAH_ISOLATION=cage m info --format text | grep -qF "isolation  none: BUILDAH_ISOLATION: 'cage' is not one of"
		[ "$(STORAGE_DRIVER=vfs m info --format '{{.abilities.Snapshots.Driver}} {{.abilities.Snapshots.Reason}}')" = 'copy STORAGE_DRIVER' ]
		! STORAGE_DRIVER=vfs m info --format text | grep '^missing .*overlayfs' || fail "what was said is not missing"
	fi
	grep -qE '^seccomp +(/usr/share/containers/seccomp.json|built in)$' info
	m info --format json | jq -e '.abilities.Missing, .host, .store' >/dev/null
}

@test "an image's owners, modes and links are those that it came with" {
	m pull -q owners
	[ "$(listed owners o/ o/f o/link o/fifo o/big)" = 'o/ drwxrwsr-x 1000/50
o/f -rwsr-xr-x 1000/1000
o/link lrwxrwxrwx 5/6
o/fifo prw------- 7/8
o/big -rw-r--r-- 65000/60000' ]
	grep -q '^o/hard hrwsr-xr-x' all
	m fsck
}

@test "an image goes to a registry and comes back the same" {
	m pull -q owners
	before=$(m images -q --no-trunc owners)
	m push -q owners "docker://$REG/$MICA_MODE/owners"
	m rmi owners
	m pull -q "$REG/$MICA_MODE/owners"
	[ "$(m images -q --no-trunc "$REG/$MICA_MODE/owners")" = "$before" ]
	m fsck
}

@test "COPY --chown gives files, directories and links their owner" {
	mkdir ctx/d && echo x >ctx/d/f && ln -s f ctx/d/l
	containerfile <<<$'FROM busybox\nCOPY --chown=app:50 d /d\nFROM busybox\nCOPY --from=0 /d /e'
	build -t t
	[ "$(listed t e/ e/f e/l)" = $'e/ drwxr-xr-x 0/0\ne/f -rw-r--r-- 1000/50\ne/l lrwxrwxrwx 1000/50' ]
}

@test "chown in RUN succeeds, and the layer has the owner" {
	containerfile <<-'END'
		FROM owners
		RUN touch /f && mkdir /d && ln -s f /l && chown 77:88 /f && chown app:staff /d && chown -h 5:6 /l && chown 0:0 /o/f
		RUN echo more >>/f && chown :99 /d && touch -h -d '2020-01-01 00:00:00' /l && [ "$(stat -c %Y /l)" = 1577836800 ]
	END
	build -t t
	[ "$(listed t f l o/f)" = 'f -rw-r--r-- 77/88
l lrwxrwxrwx 5/6
o/f -rwxr-xr-x 0/0' ]
	# busybox gives back the owner that it has seen
	[ "$(listed t d/)" = 'd/ drwxr-xr-x 1000/99' ]
	m fsck
}

@test "RUN sees who owns a file, and so does what copies it" {
	containerfile <<-'END'
		FROM owners
		RUN cp -a /o /copy && tar -cf - /o/f /o/big | tar -xf - -C /tmp && touch /new && ln /copy/f /second && mv /copy/big /moved && ln -s new /by
		RUN { stat -c '%n %u:%g' /o /o/f /o/link /o/fifo /second /moved /new /by; find / -xdev -user 7 -o -xdev -group 60000 | sort; } >/seen
	END
	build -t t
	[ "$(run_in t cat /seen | tr '\n' ' ')" = '/o 1000:50 /o/f 1000:1000 /o/link 5:6 /o/fifo 7:8 /second 1000:1000 /moved 65000:60000 /new 0:0 /by 0:0 /copy/fifo /moved /o/big /o/fifo /tmp/o/big ' ]
	[ "$(listed t copy/ copy/link copy/fifo tmp/o/f moved | awk '{print $3}' | tr '\n' ' ')" = '1000/50 5/6 7/8 1000/1000 65000/60000 ' ]
}

# single: it shows every file as root's, since it would be slow, fail for a shell that gets a signal, and never end in a file system that a step's own program serves
@test "stat(2) that follows links shows who owns a file, and where a step has /dev/fuse any does" {
	m pull -q owners
	is single && want=0:0 || want=1000:1000
	[ "$(run_in owners stat -Lc %u:%g /o/link)" = $want ]
	is chroot || [ "$(run_in -v "$D/ctx:/dev/fuse" owners stat -c %u:%g /o/f)" = $want ]
	is chroot || [ ! -w /dev/fuse ] || [ "$(run_in --device /dev/fuse:/dev/other owners stat -c %u:%g /o/f)" = $want ]
}

@test "USER is who it says, with its groups, and owns what it makes" {
	containerfile <<-'END'
		FROM busybox
		RUN touch /root-made
		USER app
		RUN id -u >/tmp/u; id -g >/tmp/g; id -G >/tmp/groups; mkdir /tmp/d; ln -s x /tmp/l; touch /tmp/d/x; stat -c %u:%g /root-made /tmp/d /tmp/d/x /tmp/l >/tmp/seen
		USER 1234:55
		RUN touch /tmp/numeric
	END
	build -t t
	[ "$(run_in t cat /tmp/u /tmp/g /tmp/seen | tr '\n' ' ')" = '1000 1000 0:0 1000:1000 1000:1000 1000:1000 ' ]
	[ "$(run_in t cat /tmp/groups | tr ' ' '\n' | sort -n | tr '\n' ' ')" = '50 1000 ' ]
	[ "$(listed t root-made tmp/u tmp/d/ tmp/l tmp/d/x tmp/numeric | awk '{print $3}' | tr '\n' ' ')" = '0/0 1000/1000 1000/1000 1000/1000 1000/1000 1234/55 ' ]
	# which fuse-overlayfs tells of no file when it was made
	[ "$MICA_MODE" != single ] || [ ! -w /dev/fuse ] ||
		[ "$(m --storage-driver fuse-overlayfs run --rm --network=none t sh -c 'touch /tmp/new; stat -c %u:%g /tmp/new /bin' | xargs)" = '1234:55 0:0' ]
}

@test "programs become another user, and their children are that one" {
	containerfile <<-'END'
		FROM busybox
		RUN su app -c 'id -u; sh -c "id -ru"' >/ids
	END
	build -t t
	[ "$(run_in t cat /ids)" = $'1000\n1000' ]
}

# single: the kernel knows one user, whose all files are
@test "who is not root cannot change root's files" {
	containerfile <<<$'FROM busybox\nUSER app\nRUN ! touch /bin/new'
	if is single; then
		! build -t t || fail "it can"
	else
		build -t t
	fi
}

@test "who is not root cannot give files away" {
	containerfile <<<$'FROM busybox\nUSER app\nRUN touch /tmp/x && ! chown 0 /tmp/x && chown app:staff /tmp/x'
	build -t t
	[ "$(listed t tmp/x)" = 'tmp/x -rw-r--r-- 1000/50' ]
}

# subids: only root of a machine may
# single: only root of a machine may
# chroot: it could be opened
@test "mknod makes devices in a layer" {
	containerfile <<<$'FROM busybox\nRUN mknod /n c 1 3'
	if is root; then
		build -t t
		[ "$(listed t n)" = 'n crw-r--r-- 0/0' ]
	else
		! build -t t || fail "it does"
	fi
}

@test "mkfifo works, and fifos have owners" {
	containerfile <<<$'FROM busybox\nRUN mkfifo /p && chown 9:9 /p'
	build -t t
	[ "$(listed t p)" = 'p prw-r--r-- 9/9' ]
}

@test "deleted files and replaced directories stay so" {
	containerfile <<-'END'
		FROM busybox
		RUN mkdir -p /d/sub && touch /d/sub/a /d/b
		RUN rm /d/b && rm -r /d/sub && mkdir /d/sub && touch /d/sub/new && rm /bin/vi
	END
	build -t t
	[ "$(run_in t sh -c 'find /d; ls /bin/vi 2>/dev/null | wc -l')" = $'/d\n/d/sub\n/d/sub/new\n0' ]
	m fsck
}

@test "an image has the digest that root's has" {
	export SOURCE_DATE_EPOCH=1700000000
	mkdir ctx/d && echo x >ctx/d/f && ln -s f ctx/d/l
	touch -d @1700000000 -h ctx/d/f ctx/d/l ctx/d
	containerfile <<-'END'
		FROM owners
		COPY --chown=app:staff d /d
		RUN touch -d @1600000000 /f /o/f && mkdir /e && chown 77:88 /f /e && touch -d @1600000000 /e
		RUN rm -r /o/big && chown 3:4 /d/f && mkdir -p /o/new/sub && touch /o/new/x /o/new/sub/x && chown -h 5 /o/new/x && chmod 2777 /o/new /o/new/sub && touch -d @1600000000 /o
		USER app
		RUN id >/tmp/id; touch /o/new/y /o/new/sub/y; touch -d @1600000000 /tmp/x; touch /tmp/y && chgrp staff /tmp/y
	END
	digest=$(build --rewrite-timestamp -t t)
	[ "$digest" = "$(BUILDAH_ISOLATION='' mica --root "$D/root-store" build -q --network=none --rewrite-timestamp -t t ctx)" ]
}

@test "a secret is there for one step and in no layer" {
	echo hush >ctx/s
	containerfile <<<$'FROM busybox\nRUN --mount=type=secret,id=s,uid=1000,mode=0440 cat /run/secrets/s >/seen; ls -n /run/secrets/s >/how\nRUN ! test -e /run/secrets'
	build -t t --secret id=s,src=ctx/s
	[ "$(run_in t cat /seen)" = hush ]
	[[ "$(run_in t cat /how)" == -r--r-----* ]]
	[ "$(grep -c secrets all 2>/dev/null || true)" != 1 ]
}

# chroot: refused, nothing can be mounted
@test "cache, bind and tmpfs mounts" {
	echo data >ctx/f
	containerfile <<<$'FROM busybox\nRUN --mount=type=cache,target=/c --mount=type=bind,source=f,target=/b --mount=type=tmpfs,target=/t cat /b >/c/kept; touch /t/x; cp /c/kept /seen'
	mkdir vol
	echo volume >vol/f
	if is chroot; then
		build -t t 2>refused && fail "it does"
		grep -q "Containerfile:2:34: isolation 'chroot' has no mounts, so there is none on '/b'" refused
		m pull -q busybox
		! run_in -v "$D/vol:/v:ro" busybox true || fail "it has volumes"
		return
	fi
	build -t t
	[ "$(run_in t cat /seen)" = data ]
	[ "$(run_in -v "$D/vol:/v:ro" t cat /v/f)" = volume ]
}

# chroot: null is a file and the others are missing, where none can be made
@test "the usual devices are there, and are in no layer" {
	if is chroot; then
		containerfile <<<$'FROM busybox\nRUN echo x >/dev/null && find /dev -type f >/seen; ls /dev >>/seen'
		build -t t
		[ "$(run_in t cat /seen)" = $'/dev/null\nnull' ]
		listed t etc/passwd
		! grep -E '^dev/[^ ]' all || fail "they are"
		return
	fi
	containerfile <<-'END'
		FROM busybox
		RUN for d in null zero full random urandom tty; do test -c /dev/$d && stat -c '%a %t:%T' /dev/$d; done >/seen; \
			head -c 3 /dev/zero | wc -c >>/seen; ! (echo x >/dev/full) 2>/dev/null && echo gone >/dev/null && echo x >/dev/shm/x && test ! -s /dev/null
	END
	build -t t
	[ "$(run_in t cat /seen)" = "$(printf '666 1:%s\n' 3 5 7 8 9)"$'\n666 5:0\n3' ]
	listed t etc/passwd
	! grep -E '^dev/[^ ]' all || fail "they are"
}

# chroot: refused, the network is that of what is around it
@test "without a network there is a loopback interface and nothing else" {
	m pull -q busybox
	if is chroot; then
		run --separate-stderr m run --rm --network=none busybox true
		[ "$status" = 125 ]
		[[ "$stderr" == *"cannot take the network away"* ]]
	else
		[ "$(m run --rm --network=none busybox ip -o link | awk '{print $2}')" = lo: ]
		m run --rm --network=none busybox sh -c 'ip addr show lo | grep -q "inet 127.0.0.1"'
	fi
}

# chroot: the network is that of what is around it
@test "a network of its own" {
	[ -c /dev/net/tun ] || skip "no /dev/net/tun on this machine: a user-mode network needs it"
	[ "$(stat -c %a /dev/net/tun)" != 600 ] || chmod 666 /dev/net/tun
	m pull -q busybox
	if is chroot; then
		m run --rm --network=private busybox true
	else
		[ "$(m run --rm --network=private busybox ls /sys/class/net | grep -cv '^lo$')" = 1 ]
	fi
}

@test "the host's network" {
	m pull -q busybox
	printf 'reached\n' >answer
	python3 -u -c 'import http.server; s = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler); print(s.server_port, flush=True); s.handle_request()' >port 2>/dev/null 3>&- &
	wait_for 10 test -s port
	[ "$(m run --rm --network=host busybox wget -qO- "http://127.0.0.1:$(cat port)/answer")" = reached ]
}

@test "/etc/hosts and /etc/resolv.conf are the step's, and in no layer" {
	containerfile <<<$'FROM busybox\nRUN grep -q "10.9.8.7.*elsewhere" /etc/hosts && test -e /etc/resolv.conf'
	build --add-host elsewhere:10.9.8.7 -t t
	listed t etc/passwd
	! grep -E '^etc/(hosts|resolv.conf) ' all || fail "they are"
	# and one that the image has is as it was
	containerfile <<<$'FROM busybox\nCOPY hosts /etc/hosts\nRUN grep -q elsewhere /etc/hosts'
	echo own >ctx/hosts
	build --add-host elsewhere:10.9.8.7 -t u
	m run --rm --network=$network --no-hosts u cat /etc/hosts >hosts.is
	[ "$(cat hosts.is)" = own ]
}

# chroot: it is an empty directory
@test "/proc is there, and shows the step's processes only" {
	m pull -q busybox
	if is chroot; then
		[ -z "$(run_in busybox ls /proc)" ]
	else
		[ "$(run_in busybox sh -c 'echo /proc/[0-9]* | wc -w')" -le 3 ]
	fi
}

@test "a step signals nobody outside of it" {
	[ "$MICA_MODE" != chroot ] || [ "$(landlock_abi)" -ge 6 ] || skip "this kernel's Landlock does not know signals (Linux 6.12)"
	m pull -q busybox
	local as=()
	[ -z "${MICA_USER:-}" ] || as=(setpriv --reuid "$MICA_USER" --regid "$MICA_USER" --clear-groups)
	"${as[@]}" sleep 60 3>&- &
	pid=$!
	run run_in busybox kill -9 $pid
	kill -0 $pid
	kill -9 $pid
}

landlock_abi() {
	python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, 0, 0, 1))'
}

@test "what a step leaves running ends with it" {
	m pull -q busybox
	seconds=$((RANDOM + 100000))
	run_in busybox sh -c "sleep $seconds & (setsid sh -c 'trap \"\" TERM HUP; sleep $seconds' &); true"
	wait_for 5 nobody_sleeps $seconds
}

nobody_sleeps() {
	! pgrep -f "^sleep $1" >/dev/null
}

@test "a command that is killed leaves nothing running, and after one that only reads nothing at all" {
	m pull -q busybox
	seconds=$((RANDOM + 100000))
	m run --rm --network=$network busybox sh -c "setsid sleep $seconds & echo up; sleep $seconds" >up 2>/dev/null 3>&- &
	wait_for 10 grep -q up up
	pkill -9 -f "^$MICA_BIN.*sleep $seconds" || true
	wait_for 5 nobody_sleeps $seconds
	store=$D/home/.local/share/mica
	[ -n "${MICA_USER:-}" ] || store=$MICA_ROOT
	[ -n "$(ls -A "$store/tmp")" ]
	m images -q
	[ -z "$(ls -A "$store/tmp")" ]
}

@test "the status of a command is mica's" {
	m pull -q busybox
	run run_in busybox sh -c 'exit 7'
	[ "$status" = 7 ]
	run run_in busybox sh -c 'sh -c "kill -TERM \$\$"; exit $?'
	[ "$status" = 143 ]
	run -127 run_in busybox nothing-of-this-name
}

# chroot: ulimits do; there is no /dev/shm, and its size is refused
@test "a ulimit and the size of /dev/shm hold" {
	m pull -q busybox
	[ "$(run_in --ulimit nofile=77:77 busybox sh -c 'ulimit -n')" = 77 ]
	[ "$(run_in --ulimit fsize=4096:4096 busybox sh -c '(head -c 4097 /bin/busybox >/x); stat -c %s /x' 2>/dev/null)" = 4096 ]
	if is chroot; then
		run -125 --separate-stderr run_in --shm-size 1m busybox true
		[[ $stderr == *"isolation 'chroot' has no mounts, so '--shm-size' would hold nothing"* ]]
		return
	fi
	[ "$(run_in --shm-size 1m busybox sh -c 'head -c 1048577 /dev/zero >/dev/shm/x; stat -c %s /dev/shm/x' 2>/dev/null)" = 1048576 ]
}

@test "capabilities that lead out are not there, and system calls are filtered" {
	m pull -q busybox
	run run_in busybox mount -t tmpfs none /tmp
	[ "$status" != 0 ]
	run run_in busybox unshare -m true
	[ "$status" != 0 ]
	is chroot || run_in busybox grep -q '^Seccomp:.2' /proc/self/status
	! is chroot || ! run_in busybox chroot / true || fail "chroot is allowed"
}

# cve: CVE-2021-20188 CVE-2018-10856
@test "who is not root has no capability, as USER and as --user" {
	# a file of one's own that nobody may read: with CAP_DAC_OVERRIDE one can. In a chroot there is no /proc to look at.
	local without='touch /tmp/f && chmod 0 /tmp/f && ! cat /tmp/f && ! sh -c "cat /tmp/f"' sets=true
	is chroot || sets='[ "$(grep -E "^Cap(Inh|Prm|Eff|Amb)" /proc/self/status | cut -f 2 | uniq)" = 0000000000000000 ]'
	containerfile <<<$'FROM busybox\nUSER app\nRUN '"$sets && $without"$'\nRUN ["sh", "-c", "! cat /tmp/f"]'
	build -t t
	run_in --user 1234:5 t sh -c "cd /tmp && mkdir d && chmod 0 d && ! ls d && $sets"
	run_in --user 1234 --cap-add dac_override t sh -c "mkdir /tmp/d && chmod 0 /tmp/d && ! ls /tmp/d"
}

@test "a working container keeps what is done in it, and is committed" {
	m from -q --name c owners
	m run --network=$network c -- sh -c 'echo x >/new && chown 12:13 /new'
	m run --network=$network --user app c -- touch /tmp/mine
	m copy -q --chown 14:15 c ctx /ctx
	m commit -q --rm c made
	[ "$(listed made new tmp/mine ctx/ o/f)" = 'new -rw-r--r-- 12/13
tmp/mine -rw-r--r-- 1000/1000
ctx/ drwxr-xr-x 14/15
o/f -rwsr-xr-x 1000/1000' ]
	m fsck
}

@test "layers that are made one keep their owners" {
	containerfile <<<$'FROM owners\nRUN touch /f && chown 77:88 /f'
	build --squash-all -t t
	[ "$(listed t f o/f o/link)" = $'f -rw-r--r-- 77/88\no/f -rwsr-xr-x 1000/1000\no/link lrwxrwxrwx 5/6' ]
	m fsck
}

@test "snapshots that are copies give the same layers" {
	containerfile <<<$'FROM owners\nRUN chown 3:4 /o/big && rm /o/link && chown 5:8 /o/fifo && touch /f && chown 6:7 /f'
	m --storage-driver=copy build -q --network=$network -t t ctx
	[ "$(listed t f o/big o/f o/fifo)" = 'f -rw-r--r-- 6/7
o/big -rw-r--r-- 3/4
o/f -rwsr-xr-x 1000/1000
o/fifo prw------- 5/8' ]
	m fsck
}
