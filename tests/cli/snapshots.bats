#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One image, whatever makes the layers below a step visible.
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
	export SOURCE_DATE_EPOCH=1700000000
}

teardown() {
	test_teardown
}

# What a step can do to what lies below it, but for what fuse-overlayfs 1.10 does wrong: a file is seen again that was renamed over another one
# and removed, fifos cannot be changed, and for a user a file that is copied up loses its set-user-ID bit.
sample() {
	mkdir ctx
	echo text >ctx/file
	cat >ctx/Containerfile <<'EOF'
FROM busybox AS base
RUN mkdir -p /a/b/c /keep /dir/sub && echo one >/a/b/one && echo two >/a/b/c/two && touch -d "2001-01-01 00:00:00" /a/b/one && \
    mkfifo /a/fifo && ln -s b /a/link && chmod 640 /a/b/c/two && echo x >/dir/sub/x

FROM base AS changed
RUN echo more >>/a/b/one; rm -rf /a/b/c; mkdir /a/b/c; echo new >/a/b/c/new
RUN rm /a/link; mkdir /a/link; rm -r /a/b; echo file >/a/b; mv /keep /moved; mv /dir/sub/x /dir/sub/y
RUN mkdir /q; chown 5:6 /q; chmod 700 /moved; cp -a /bin/busybox /bin/copy; mknod /q/null c 1 3
COPY --chown=3:4 file /q/
RUN cp -a /dir /saved; rm -r /dir; mkdir -p /dir/sub/new; cp -a /saved/sub/y /dir/sub/; rm -r /saved
COPY --link file /linked/file
RUN touch -h -d "2002-02-02 00:00:00" /a/b; chmod u+s /bin/copy; rm -rf /dir; mkdir /dir

FROM base AS untouched
# Opened for writing, copied up, and the same as before.
RUN (exec 3<>/a/b/c/two); : >>/a/b/one; chmod 755 /keep

FROM base AS linked
RUN ln /a/b/one /a/b/hard; ln /a/b/one /a/b/third; ln /bin/busybox /bin/another
RUN chown -R 5:5 /a/b; echo more >>/a/b/third
RUN echo again >>/a/b/one; rm /a/b/hard; ln /bin/another /bin/further; chmod 700 /bin/further

FROM changed
COPY --from=untouched /a /from
COPY --from=linked /a /bin/further /linked/
RUN --mount=from=changed,target=/m,rw echo gone >/m/q/file && test "$(cat /m/q/file)" = gone
RUN --mount=from=untouched,source=/a,target=/m test -e /m/b/one
EOF
}

layers_of() { # IMAGE
	mica inspect --type image "$1" | jq -c .OCIv1.rootfs.diff_ids
}

@test "overlay, fuse-overlayfs and copy give the same image" {
	[ -r /dev/fuse ] || skip "there is no /dev/fuse"
	sample
	for driver in overlay fuse-overlayfs copy; do
		export STORAGE_DRIVER=$driver MICA_ROOT=$D/$driver
		mica build -q --rewrite-timestamp --network=none -t t ctx >"$driver.id"
		layers_of t >"$driver.layers"
		assert_clean_store
		unset STORAGE_DRIVER
	done
	# They end a moment after their mounts are gone.
	wait_for 10 bash -c '! pgrep -f "^fuse-overlayfs.*$D"'
	cmp overlay.layers fuse-overlayfs.layers
	cmp overlay.layers copy.layers
	cmp overlay.id fuse-overlayfs.id
	cmp overlay.id copy.id
}

@test "a store on overlayfs, as a container's own root is, keeps whiteouts too" {
	[ "$(id -u)" = 0 ] || skip "needs to mount overlayfs"
	sample
	mica build -q --rewrite-timestamp --network=none -t t ctx >there.id
	mica push -q t oci:layout:t
	mkdir lower upper work merged
	mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work mica-test merged
	MICA_ROOT=$D/merged/store
	mica build -q --rewrite-timestamp --network=none -t t ctx >here.id
	cmp there.id here.id
	mica fsck
	# and as they come from elsewhere
	MICA_ROOT=$D/merged/second
	mica pull -q oci:layout:t
	in_image layout:t sh -c '[ ! -e /dir/sub ] && [ ! -e /a/link/one ] && [ -f /a/b ]'
	mica fsck
	whiteout=$(find merged/second/layers -size 0 -type f -perm 600 | head -1)
	[ -n "$whiteout" ]
	setfattr -x user.overlay.whiteout "$whiteout"
	run -1 mica fsck
	[[ "$output" == *"is of another type"* ]] || fail "$output"
	run --separate-stderr mica --storage-driver overlay run --rm --network=none layout:t true
	assert_error "the store is on overlayfs, where layers can only be copied"
	umount merged
}

@test "what a working container was changed to twice is the same with each driver" {
	for STORAGE_DRIVER in overlay copy; do
		export STORAGE_DRIVER MICA_ROOT=$D/$STORAGE_DRIVER
		mica from --name c busybox >/dev/null
		mica run c sh -c 'echo 1 >/k; echo 2 >>/etc/passwd; mkdir -p /d/e; echo 3 >/d/f; ln /d/f /d/g; rm /bin/wget; rm -r /var/lib; echo 4 >/q; touch /bin/less'
		mica run c sh -c 'rm -r /k /d/e; rm /etc/passwd; rm /q; mkdir /q; echo 5 >/q/r; mkdir /var/lib; echo 6 >/var/lib/n; echo 7 >/bin/wget'
		mica run c sh -c 'rm -r /q; echo 8 >/q; rm -r /var; echo 9 >/var; rm /bin/wget; touch /etc/passwd'
		mica run c sh -c 'rm /var; mkdir -p /var/lib/z /bin/sub'
		(cd "$MICA_ROOT"/containers/*/upper && find . -not -path './etc/*' -printf '%p %y %s %n\n' | sed '/ d /s/ [0-9]* [0-9]*$//' | sort) >"$STORAGE_DRIVER.list"
		mica fsck
	done
	cmp overlay.list copy.list || fail "$(diff overlay.list copy.list)"
	grep -q '^./bin/wget c' copy.list
}

@test "what a step leaves as it was is not in its layer" {
	sample
	mica build -q --network=none --target=untouched -t t ctx
	[ "$(mica history --format '{{.CreatedBy}} {{.Size}}' t | head -1)" != "" ]
	# The step's layer has nothing in it.
	mica build -q --network=none --target=base -t b ctx
	[ "$(layers_of t)" = "$(layers_of b | jq -c ". + [\"$EMPTY_LAYER\"]")" ]
	# A name that came and went does not change a directory, not even its time.
	printf 'FROM localhost/b\nRUN touch /keep/x && rm /keep/x && echo 1 >/dir/sub/x\n' | mica build -q --network=none -t c -f - ctx
	layer=$(manifest_of c | jq -r '.layers[-1].digest')
	[ "$(tar tf "$MICA_ROOT/blobs/sha256/${layer#sha256:}" | sort | xargs)" = "dir/ dir/sub/ dir/sub/x" ]
	printf 'FROM localhost/b\nRUN mkdir /n /n/m /a/n; rmdir /keep; mkdir /keep; cp -a /dir /d; rm -r /dir; mkdir -p /dir/sub; cp -a /d/sub/x /dir/sub; rm -r /d\n' | mica build -q --network=none -t n -f - ctx
	layer=$(manifest_of n | jq -r '.layers[-1].digest')
	# Nor one that was made again as it was.
	[ "$(tar tf "$MICA_ROOT/blobs/sha256/${layer#sha256:}" | sort | xargs)" = "a/ a/n/ n/ n/m/" ]
	printf 'FROM localhost/b\nRUN rm -r /dir; mkdir /dir /dir/new; rm -r /a; mkdir -m 700 /a; touch /a/fifo\n' | mica build -q --network=none -t n -f - ctx
	layer=$(manifest_of n | jq -r '.layers[-1].digest')
	[ "$(tar tf "$MICA_ROOT/blobs/sha256/${layer#sha256:}" | sort | xargs)" = "a/ a/.wh.b a/.wh.link a/fifo dir/ dir/.wh.sub dir/new/" ]
}

@test "run and its volumes work on a copy" {
	export STORAGE_DRIVER=copy
	printf 'FROM busybox\nRUN mkdir /there\nVOLUME /data /there\n' | mica build -q --network=none -t v -f - .
	run in_image v sh -c 'echo 1 >/data/x; ls -d /data /there; id -u'
	[ "$status" = 0 ]
	[ "${lines[*]}" = "/data /there 0" ]
	run in_image v ls /data/x
	[ "$status" = 1 ]
	assert_clean_store
	[ "$(mica info --format '{{.store.GraphDriverName}}')" = copy ]
}

@test "what is written to a mounted container stays, by whatever driver, and is committed" {
	local drivers=(overlay copy) driver mnt
	[ ! -r /dev/fuse ] || drivers+=(fuse-overlayfs)
	for driver in "${drivers[@]}"; do
		export STORAGE_DRIVER=$driver
		mica from -q --name c busybox
		mnt=$(mica mount c)
		echo 1 >"$mnt/new"
		rm "$mnt/bin/ls"
		mica commit -q c mounted # while it is
		[ "$(mica diff c | sort | xargs)" = "A /new C /bin D /bin/ls" ]
		echo 2 >"$mnt/new"
		mkdir "$mnt/dir"
		mica run --network=none c sh -c 'echo 3 >/dir/run; rm /bin/cat'
		mica commit -q c mounted2
		mica umount c
		[ "$(mica diff c | grep -c '/new\|/bin/ls')" = 2 ]
		# a mount namespace that is gone then, but for who serves it
		unshare -m sh -c 'echo 3 >"$("$0" --root "$1" mount c)/new"' "$MICA_BIN" "$MICA_ROOT"
		mnt=$(mica mount c)
		echo more >>"$mnt/new"
		# nobody umounts it
		umount "$mnt"
		[ "$(mica run --network=none c sh -c 'cat /new; [ -e /bin/ls ] || echo gone' | xargs)" = "3 more gone" ]
		mica commit -q --rm c "$driver"
	done
	[ "$(layers_of overlay)" != "$(layers_of mounted)" ]
	assert_clean_store
}

@test "nobody else has to wait for the programs of fuse-overlayfs that a command starts" {
	containerfile <<-'EOF'
		FROM busybox AS a
		RUN touch /a /b
		FROM busybox
		RUN touch /c
		WORKDIR /d
		COPY --from=a /a /
		RUN --mount=from=a,target=/m ls /m/b
	EOF
	cat >reap.py <<-'EOF'
		import ctypes, glob, os, subprocess, sys
		ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
		subprocess.run(sys.argv[1:], check=True)
		stats = [open(f).read().split() for f in glob.glob(f"/proc/self/task/*/children")]
		print("left:", [open(f"/proc/{p}/comm").read().strip() for s in stats for p in s])
	EOF
	c=$(mica from busybox)
	while read -r -a words; do
		run python3 reap.py "$MICA_BIN" --storage-driver fuse-overlayfs "${words[@]}"
		[[ $status = 0 && $output == *"left: []"* ]] || fail "${words[*]}: $output"
	done <<-END
		build -q --network=none --no-cache ctx
		run --network=none $c touch /x
		copy $c reap.py /y
		copy --from busybox $c /etc/passwd /z
		commit -q $c image
		export -o $D/out.tar $c
		run --rm --network=none busybox true
	END
}

@test "a signal ends a build that waits for fuse-overlayfs, as long as somebody has a file of the step open" {
	[ -r /dev/fuse ] || skip "there is no /dev/fuse"
	mkdir v
	mkfifo v/over
	containerfile <<<$'FROM busybox\nRUN touch /v/ready; while [ ! -e /v/go ]; do sleep 0.02; done'
	"$MICA_BIN" --root "$MICA_ROOT" --storage-driver fuse-overlayfs build -q --network=none -v "$D/v:/v" ctx >log 2>&1 3>&- &
	build=$!
	wait_for 20 test -e v/ready || fail "$(cat log)"
	step=$(pgrep -nf '^/bin/sh -c touch /v/ready')
	timeout 40 bash -c 'exec 7<"/proc/$1/root" && touch v/go && read <v/over' - "$step" 3>&- &
	holder=$!
	wait_for 10 bash -c '[ "$(ps -o comm= --ppid "$1")" = fuse-overlayfs ]' - $build # all others have ended
	kill $build
	wait_for 10 gone $build || fail "it goes on"
	status=0
	wait $build || status=$?
	echo >v/over
	wait $holder
	[ $status = 143 ] || fail "$status: $(cat log)"
	wait_for 10 bash -c '! pgrep -f "^fuse-overlayfs.*$D"'
	assert_clean_store
}

@test "no layer is made of a step whose fuse-overlayfs was killed, however it ended" {
	[ -r /dev/fuse ] || skip "there is no /dev/fuse"
	mkdir v
	mkfifo v/go
	for end in true false; do
		rm -f v/ready
		containerfile <<<$'FROM busybox\nRUN exec 3<>/v/go && echo >/v/ready && read x <&3; '$end
		"$MICA_BIN" --root "$MICA_ROOT" --storage-driver fuse-overlayfs build -q --network=none -v "$D/v:/v" ctx >log 2>&1 3>&- &
		wait_for 20 test -e v/ready || fail "$(cat log)"
		pkill -KILL -P $! -x fuse-overlayfs
		echo >v/go
		status=0
		wait $! || status=$?
		[ $status = 125 ] && grep -q '^mica: .*:2:1: RUN: fuse-overlayfs.* was killed by SIGKILL' log || fail "$status: $(cat log)"
	done
	assert_clean_store
}

@test "a driver that is not known is refused" {
	run --separate-stderr mica --storage-driver zfs images
	assert_error "'zfs' is not one of"
}

@test "a user gets root's image with each driver" {
	user_setup
	sample
	sed -i '/mknod/s/; mknod .*//' ctx/Containerfile # a user may not make devices
	mica build -q --rewrite-timestamp --network=none -t t ctx >root.id
	chmod -R a+rX ctx
	[ ! -e /dev/fuse ] || chmod 666 /dev/fuse
	umask 077
	for driver in overlay fuse-overlayfs copy; do
		[ "$driver" != fuse-overlayfs ] || [ -e /dev/fuse ] || continue
		umica --storage-driver "$driver" --root "$D/home/$driver" build -q --rewrite-timestamp --network=none --jobs=1 -t t ctx >"$D/$driver.id"
		cmp root.id "$driver.id"
	done
}
