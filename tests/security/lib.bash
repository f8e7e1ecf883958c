# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For attacks from a hostile image, Containerfile, context or RUN: $V is a directory of the host that must be neither changed nor read. With
# MICA_AS_USER=1 all of it is done by an ordinary user, who could write to $V.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	hostile_setup
}

hostile_setup() {
	test_setup
	V=$D/victim
	mkdir "$V"
	echo s3cret >"$V/marker"
	[ -z "${MICA_AS_USER:-}" ] || chown -R "$MICA_USER:" "$V"
}

teardown() {
	[ -z "${VICTIM:-}" ] || kill "$VICTIM" || true
	# a peer may leave mounts behind
	[ -z "${MICA_PEER:-}" ] || awk -v d="$D/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | xargs -r umount -l
	test_teardown
}

m() {
	if [ -n "${MICA_AS_USER:-}" ]; then umica "$@"; else mica "$@"; fi
}

# Whoever runs mica runs this.
as_whom() { # COMMAND...
	if [ -n "${MICA_AS_USER:-}" ]; then as_user "$@"; else "$@"; fi
}

build() { # [OPTION...]: the status is the caller's matter
	run m build --no-cache --progress=plain --network=none -t t "$@" ctx
}

untouched() {
	[ "$(ls -A "$V")" = marker ] || fail "made outside: $(ls -A "$V")"
	[ "$(cat "$V/marker")" = s3cret ] || fail "written outside"
	[[ "$output" != *s3cret* ]] || fail "read from outside: $output"
}

evil_image() { # NAME CONFIG: from ./tree, with a shell
	mkdir -p tree/bin
	cp "$(command -v busybox)" tree/bin/busybox
	for applet in sh cat ls touch true id grep; do ln -sf busybox "tree/bin/$applet"; done
	plain_tar evil.tar tree
	make_layout layout "$2" evil.tar
	to_registry layout "library/$1:latest"
}

edit_config() { # LAYOUT JQ: of the one image in it
	local dir=$1 manifest config
	manifest=$(jq -r '.manifests[0].digest' "$dir/index.json")
	config=$(jq -r .config.digest "$dir/blobs/sha256/${manifest#sha256:}")
	jq -c "$2" "$dir/blobs/sha256/${config#sha256:}" >"$dir/doc.new"
	put_manifest "$dir" "$(put_blob "$dir" "$dir/doc.new")" "$(jq -c .layers "$dir/blobs/sha256/${manifest#sha256:}")"
}
