# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
load ../cli/lib.bash

# The registry of server.py at $SRV ($MAIN and $OTHER are its ports), with the image of $T/layout.
start_server() { # [CERT KEY CA]
	mkdir -p "$T/tree" "$T/srv"
	head -c 300000 /dev/urandom >"$T/tree/noise"
	plain_tar "$T/l1.tar" "$T/tree"
	make_layout "$T/layout" '{"Env":["PATH=/bin"]}' "$T/l1.tar"
	python3 -B "$TOP/tests/registry/server.py" "$T/layout" "$T/srv" "$@" >"$T/srv/out" 2>&1 3>&- &
	echo $! >"$T/srv.pid"
	disown
	wait_for 20 test -s "$T/srv/ports" || fail "$(cat "$T/srv/out")"
	read -r MAIN OTHER <"$T/srv/ports"
	SRV=127.0.0.1:$MAIN
	export MAIN OTHER SRV
	printf '[[registry]]\nlocation = "%s"\ninsecure = %s\n' "$SRV" "$([ $# = 0 ] && echo true || echo false)" >>"$CONTAINERS_REGISTRIES_CONF"
}

forget_requests() {
	: >"$T/srv/log"
}

asked() { # PATTERN: how many requests match it
	grep -cE -- "$1" "$T/srv/log" || true
}

# What the registry of the test serves under a faulty name is refused in one line, and nothing of it stays.
refused() { # PATTERN COMMAND...
	local pattern=$1
	shift
	run --separate-stderr timeout 30 "$MICA_BIN" --root "$MICA_ROOT" "$@"
	assert_error "$pattern"
	[ -z "$(mica images -q)" ] || fail "an image was named by: $*"
}

# The layer is whole: everything in the store is what its digest says.
came_whole() {
	mica fsck >fsck.out || fail "$(cat fsck.out)"
}

# An OCI layout of an artifact that has the manifest DIGEST SIZE for its subject.
artifact() { # DIR TYPE DIGEST SIZE
	mkdir -p "$1/blobs/sha256"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
	printf '{}' >"$1/doc"
	put_blob "$1" "$1/doc" >/dev/null
	jq -cn --arg t "$2" --arg d "$3" --argjson s "$4" --arg e "sha256:$(printf '{}' | sha256sum | cut -d ' ' -f 1)" \
		'{mediaType: "application/vnd.oci.empty.v1+json", digest: $e, size: 2} as $empty | {schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json", artifactType: $t, config: $empty, layers: [$empty],
		subject: {mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s}, annotations: {note: "by a test"}}' >"$1/doc"
	read -r -a made <<<"$(put_blob "$1" "$1/doc")"
	jq -cn --arg d "sha256:${made[0]}" --argjson s "${made[1]}" \
		'{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s}]}' >"$1/index.json"
}
