#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# With SOURCE_DATE_EPOCH the digest of an image is the same whatever cannot be in it.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	[ ! -e "$T/user-made" ] || userdel micarepro 2>/dev/null
	file_teardown
}

setup() {
	test_setup
	export SOURCE_DATE_EPOCH=1700000000
	sample
}

teardown() {
	test_teardown
}

# Something of everything that makes layers, in stages that run side by side.
sample() {
	mkdir -p ctx/dir/sub
	echo one >ctx/one
	echo two >ctx/dir/two
	echo three >ctx/dir/sub/three
	chmod 755 ctx ctx/dir ctx/dir/sub
	chmod 644 ctx/one ctx/dir/two ctx/dir/sub/three
	ln -s one ctx/link
	ln ctx/one ctx/hard
	tar -C ctx --sort=name --owner=5 --group=6 --mtime=@1000000000 -czf archive.tgz dir
	mv archive.tgz ctx/
	containerfile <<'END'
FROM busybox AS left
RUN mkdir -p /left/a && echo left >/left/a/f && ln /left/a/f /left/a/g && umask >/left/umask && \
    hostname >/left/host && env | sort >/left/env && cat /etc/hosts >/left/hosts
WORKDIR /made/here
FROM busybox AS right
COPY --chown=app . /right
RUN mkfifo /right/fifo && chmod 4711 /right/one && rm /bin/vi
FROM busybox
COPY --link dir /dir
ADD --chown=7:8 archive.tgz /unpacked/
COPY --from=left --parents /left /
COPY --from=right /right /right
COPY --chmod=u=rwX,go= <<EOF /inline/file
text
EOF
RUN --mount=type=cache,target=/c --mount=from=left,target=/m --mount=type=tmpfs,target=/t touch /c/x /t/y && ls /m/left >/listed
RUN rm -rf /right/dir && mkdir /right/dir && : >/right/dir/new
USER app
RUN id >/tmp/id
WORKDIR /home/app/w
END
	chmod 644 ctx/Containerfile
}

digest() { # STORE ARGUMENTS...: of a build
	local root=$D/$1
	shift
	"$MICA_BIN" --root "$root" build -q --network=none -t t "$@" ctx >/dev/null
	"$MICA_BIN" --root "$root" inspect --format '{{.Digest}}' t
	"$MICA_BIN" --root "$root" fsck >/dev/null
}

# cve: CVE-2025-53945 CVE-2025-54059
# bats test_tags=user
@test "whatever our umask is" {
	want=$(digest a)
	for mask in 000 077 027; do
		(umask $mask && digest "b$mask") >got
		[ "$(cat got)" = "$want" ]
	done
}

@test "whatever the number of jobs, and without the cache" {
	want=$(digest a --jobs=1)
	[ "$(digest b --jobs=4)" = "$want" ]
	[ "$(digest b --jobs=2 --no-cache)" = "$want" ]
	[ "$(digest b --jobs=2)" = "$want" ]
}

@test "an hour later, from files with other times in another place, in another time zone, on another machine" {
	want=$(digest a)
	# written in another order, with another first name of the file that has two
	mkdir -p else/where
	tar -C ctx --no-recursion -cf - -T <(cd ctx && find . | sort -r) | tar -C else/where -xpf -
	find else/where -exec touch -h -d '2030-03-03' {} +
	mv ctx before
	ln -s else/where ctx
	[ "$(TZ=Asia/Tokyo LC_ALL=C LANG=tr_TR.UTF-8 digest b)" = "$want" ]
	local machine=()
	export -f digest
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
	[ $(($(LD_PRELOAD=$MICA_TOOLS/later.so date +%s) - $(date +%s))) -gt 3500 ]
	[ "$(id -u)" != 0 ] || machine=(unshare --uts)
	LD_PRELOAD=$MICA_TOOLS/later.so "${machine[@]}" bash -c '[ $# = 0 ] || hostname elsewhere; digest deeper/store --jobs=4' - "${machine[@]}" >got
	[ "$(cat got)" = "$want" ]
	# and with a cache that was filled at the other time
	LD_PRELOAD=$MICA_TOOLS/later.so digest a >got
	[ "$(cat got)" = "$want" ]
}

@test "after builds of something else, with and without the epoch" {
	want=$(digest a)
	unset SOURCE_DATE_EPOCH
	digest b
	digest b --timestamp=1500000000
	export SOURCE_DATE_EPOCH=1700000000
	[ "$(digest b)" = "$want" ]
}

steps() { # STORE ARGUMENTS...: how many are carried out
	local root=$D/$1
	shift
	"$MICA_BIN" --root "$root" build --progress=plain --network=none -t t "$@" ctx 2>&1 >/dev/null | sed -n 's/^built .*: \([0-9]*\) run, .*/\1/p'
}

@test "another epoch carries no step out again, and gives what it gives in an empty store" {
	[ "$(steps a)" -gt 5 ]
	for epoch in --source-date-epoch=1600000000 --timestamp=1600000000 --source-date-epoch=1750000000; do
		[ "$(steps a "$epoch")" = 0 ]
		[ "$(digest a "$epoch")" = "$(digest "b$epoch" "$epoch")" ]
	done
	unset SOURCE_DATE_EPOCH
	[ "$(steps a)" = 0 ]
	digest a >now
	# what the first build has left out is made once, with the times of then
	[ "$(digest a)" = "$(cat now)" ]
	[ "$(mica --root "$D/a" run --network=none t find /left/a/f -mmin -60)" = /left/a/f ]
}

@test "a layer is compressed once, whether there is an epoch or not" {
	containerfile <<'END'
FROM busybox
RUN echo one >/one
COPY one /copied
WORKDIR /w
END
	blobs() { find "$D/$1/blobs" -type f | wc -l; }
	digest a >/dev/null
	first=$(blobs a)
	(unset SOURCE_DATE_EPOCH && digest b >/dev/null)
	[ "$(blobs b)" = "$first" ]
	# three layers, config and manifest of another image
	(unset SOURCE_DATE_EPOCH && digest a >/dev/null)
	[ "$(blobs a)" = $((first + 5)) ]
	# a layer that is only a tree is verified too
	digest c >/dev/null
	mica --root "$D/c" fsck
	find "$D/c/layers" -name copied -exec touch -d 2020-02-02 {} +
	[ "$(mica --root "$D/c" fsck 2>&1 | grep -c 'is not what the step made')" = 1 ]
	mica --root "$D/c" fsck --repair >/dev/null 2>&1 || true
	mica --root "$D/c" fsck
	[ "$(steps c)" -gt 0 ]
}

@test "as root and as a user" {
	[ "$(id -u)" = 0 ] || skip "only root can be somebody else"
	command -v newuidmap >/dev/null || skip "newuidmap is not there"
	want=$(digest a)
	if ! id -u micarepro >/dev/null 2>&1; then
		useradd --no-create-home --shell /bin/bash micarepro
		: >"$T/user-made"
	fi
	mkdir home run
	chown -R micarepro: "$D"
	for mask in 022 077; do
		# other users of the machine's, too
		usermod --del-subuids 1-99999999 --del-subgids 1-99999999 micarepro
		usermod --add-subuids "8${mask}00-$((8${mask}00 + 65535))" --add-subgids "8${mask}00-$((8${mask}00 + 65535))" micarepro
		# shellcheck disable=SC2016 # for the other shell
		(umask $mask && setpriv --reuid micarepro --regid micarepro --init-groups env HOME="$D/home" XDG_RUNTIME_DIR="$D/run" \
			REGISTRY_AUTH_FILE="$D/auth.json" mask=$mask bash -c '
			echo "{}" >"$REGISTRY_AUTH_FILE"
			"$MICA_BIN" --root "$D/user$mask" build -q --network=none -t t ctx >/dev/null &&
			"$MICA_BIN" --root "$D/user$mask" inspect --format "{{.Digest}}" t') >got
		cat got
		[ "$(cat got)" = "$want" ]
	done
}
