# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
load ../cli/lib.bash

# The registry of server.py at $SRV ($MAIN and $OTHER are its ports), with the image of $T/layout.
start_server() { # [CERT KEY CA]
	mkdir -p "$T/tree" "$T/srv"
	head -c 300000 /dev/urandom >"$T/tree/noise"
	plain_tar "$T/l1.tar" "$T/tree"
	make_layout "$T/layout" '{"Env":["PATH=/bin"]}' "$T/l1.tar"
	python3 "$TOP/tests/registry/server.py" "$T/layout" "$T/srv" "$@" >"$T/srv/out" 2>&1 3>&- &
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
