#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Names that are exchanged without a pause (tests/tools/swap.c) while mica resolves, makes, mounts and removes them. Each race takes
# RACE_SECONDS: 2 at first, 1 beside sanitizers, which look at what a race leads to and not at who wins it, and 20 for certainty. A mica whose
# openat2 is told nothing of a root, and which writes output without a sandbox, loses each of them in 10 seconds.
load lib.bash

: "${RACE_SECONDS:=$([ -n "${MICA_SANITIZE:-}" ] && echo 1 || echo 2)}"

setup() {
	hostile_setup
	mkdir "$V/deep"
	cp "$V/marker" "$V/deep/"
	[ -z "${MICA_AS_USER:-}" ] || chown -R "$MICA_USER:" "$V"
}

teardown() {
	touch "$D/stop"
	off_guard
	[ -z "${merged:-}" ] || mica umount c >/dev/null || true
	test_teardown
}

# What happens in $V for a moment only is seen too.
on_guard() {
	"$MICA_TOOLS/guard" "$V" "$V/deep" >"$D/guard" 3>&- &
	guard=$!
	wait_for 10 test -s "$D/guard"
}

off_guard() {
	[ -z "${guard:-}" ] || kill "$guard" && wait "$guard" || true
	guard=
}

unseen() {
	[ "$(wc -l <"$D/guard")" = 1 ] || fail "outside: $(sort "$D/guard" | uniq -c)"
	[[ "$output" != *s3cret* ]] || fail "read from outside: $output"
}

# Whoever takes a name for what it was a moment ago is soon led outside: there is something to be won here, and the guard sees it.
naive() { # DIRECTORY
	local i
	for ((i = 0; i < 20000; i++)); do
		[ -L "$1" ] || { : >>"$1/deep/marker"; } 2>/dev/null || true
		((i % 64)) || ! grep -q opened "$D/guard" || break
	done
	wait_for 10 grep -q 'opened: marker' "$D/guard" || fail "the exchange leads nobody outside"
	off_guard
	on_guard
}

# A stranger's process on this machine exchanges A and B until `won` is called.
exchange() { # A B
	as_whom "$MICA_TOOLS/swap" "$1" "$2" "$D/stop" 600 >"$D/exchanges" 3>&- &
	swapper=$!
	on_guard
	naive "$1"
}

finish() { # WHAT ATTEMPTS: enough of both, and the marker as it was
	touch "$D/stop"
	wait "$swapper" || fail "nothing was exchanged"
	echo "# $1: $(cat "$D/exchanges"), $2 attempts" >&3
	[ "$(sed 's/ .*//' "$D/exchanges")" -ge 10000 ] || [ "$RACE_SECONDS" -lt 20 ] || fail "too few: $(cat "$D/exchanges")"
	[ "$2" -ge 3 ] || fail "only $2 attempts"
	off_guard
	output=
	mv "$V/deep" "$D/deep"
	untouched
	[ "$(cat "$D/deep/"*)" = s3cret ] || fail "written outside"
	mv "$D/deep" "$V/deep"
}

# The same from a RUN step in a cache mount that it shares: sub is a directory or a link.
exchange_in_cache() { # LINK
	mkdir -p attacker
	cp "$MICA_TOOLS/swap" attacker/
	cat >attacker/Containerfile <<-END
		FROM busybox
		COPY swap /swap
		RUN --mount=type=cache,id=race,target=/c rm -rf /c/* && mkdir -p /c/sub /c$V && ln -s $1 /c/link && touch /c/ready
		RUN --mount=type=cache,id=race,target=/c /swap /c/sub /c/link /c/stop 600; rm /c/stop
	END
	m build --no-cache --progress=plain --network=none attacker >"$D/attacker.log" 2>&1 3>&- &
	swapper=$!
	printf 'FROM busybox\nRUN --mount=type=cache,id=race,target=/c [ -e /c/ready ]\n' | containerfile
	wait_for "${RACE_PATIENCE:-30}" exchanging
	on_guard
}

exchanging() {
	m build -q --no-cache --network=none ctx >"$D/ready.log" 2>&1 && pgrep -f '^/swap /c/sub /c/link' >"$D/pids"
}

finish_in_cache() { # WHAT ATTEMPTS
	printf 'FROM busybox\nRUN --mount=type=cache,id=race,target=/c touch /c/stop\n' | containerfile
	m build -q --no-cache --network=none ctx >"$D/stop.log"
	wait "$swapper" || fail "$(cat "$D/attacker.log")"
	grep -oE '[0-9]+ exchanges' "$D/attacker.log" >"$D/exchanges"
	swapper=
	exchanges=$(sed 's/ .*//' "$D/exchanges")
	echo "# $1: $exchanges exchanges, $2 attempts" >&3
	[ "$exchanges" -ge 10000 ] || [ "$RACE_SECONDS" -lt 20 ] || fail "too few"
	[ "$2" -ge 3 ] || fail "only $2 attempts"
	off_guard
	output=
	mv "$V/deep" "$D/deep"
	untouched
	[ "$(cat "$D/deep/"*)" = s3cret ] || fail "written outside"
	mv "$D/deep" "$V/deep"
}

# What a build says is its own matter; what it must not do is to show, make or remove something outside.
attempts() { # COMMAND...: for RACE_SECONDS; sets tries
	local end=$((SECONDS + RACE_SECONDS))
	tries=0
	while [ $SECONDS -lt $end ] || [ $tries -lt 3 ]; do
		run "$@"
		unseen
		tries=$((tries + 1))
	done
}

links() { # the ways to say where $V is
	echo "$V" "../../../../../../../../../../../..$V"
}

# cve: CVE-2024-23651 CVE-2024-11218 CVE-2026-15788 CVE-2026-15789 CVE-2026-15791 CVE-2026-15792 CVE-2026-15793 buildkit@0c3bb3c7e
@test "the source of a cache mount" {
	for link in $(links); do
		exchange_in_cache "$link"
		{
			echo FROM busybox
			printf 'RUN'
			printf ' --mount=type=cache,id=race,source=sub,target=/v%d' $(seq 20)
			echo ' cat /v*/marker; for i in /v*; do echo x >$i/made; done; true'
		} | containerfile
		attempts m build --no-cache --progress=plain --network=none ctx
		finish_in_cache "source in a cache" $tries
	done
}

# cve: CVE-2024-45310 CVE-2021-30465 CVE-2024-23652
@test "the target of a mount inside of a cache mount" {
	for link in $(links); do
		exchange_in_cache "$link"
		{
			printf 'FROM busybox\nRUN mkdir -p %s\n' "$V"
			printf 'RUN --mount=type=cache,id=race,target=/c'
			printf ' --mount=type=tmpfs,target=/c/sub/new%d/er' $(seq 20)
			echo ' cat /c/sub/marker; true'
			printf 'RUN --mount=type=cache,id=race,target=/c'
			printf ' --mount=type=bind,target=/c/sub/file%d,source=Containerfile' $(seq 20)
			echo ' true'
		} | containerfile
		attempts m build --no-cache --progress=plain --network=none ctx
		finish_in_cache "target in a cache" $tries
	done
}

# cve: CVE-2018-15664
@test "a directory of the context, copied and mounted" {
	{
		echo FROM busybox
		printf 'COPY sub/deep /d/\nADD sub/deep/marker /e%d\n' $(seq 20)
		printf 'RUN'
		printf ' --mount=type=bind,source=sub/deep,target=/b%d' $(seq 20)
		echo ' cat /d/* /e* /b*/*; true'
	} | containerfile
	mkdir -p ctx/sub/deep
	echo own >ctx/sub/deep/marker
	for link in $(links); do
		ln -s "$link" ctx/link
		rm -f stop
		[ -z "${MICA_AS_USER:-}" ] || chown -hR micatest ctx
		exchange "$D/ctx/sub" "$D/ctx/link"
		attempts m build --no-cache --progress=plain --network=none ctx
		finish context $tries
		rm -rf ctx/sub ctx/link
		mkdir -p ctx/sub/deep
		echo own >ctx/sub/deep/marker
	done
}

# cve: CVE-2018-15664 CVE-2026-15788 CVE-2026-15789 CVE-2026-15791 CVE-2026-15792 CVE-2026-15793 buildkit@1a3268174
@test "a directory of the output" {
	mkdir -p ctx/sub/deep out
	touch ctx/sub/deep/file{1..20} ctx/sub/file
	printf 'FROM scratch\nCOPY sub /sub\n' | containerfile
	again() { # a link in the way of a directory is replaced, and then there is nothing left to exchange
		rm -rf out/sub out/link
		as_whom mkdir -p out/sub/deep
		as_whom ln -sT "$V" out/link # and not into what is still there
		m build --progress=plain --network=none -o "type=local,dest=$D/out" ctx
	}
	[ -z "${MICA_AS_USER:-}" ] || chown micatest out
	as_whom mkdir -p out/sub/deep
	as_whom ln -s "$V" out/link
	exchange "$D/out/sub" "$D/out/link"
	attempts again
	finish output $tries
}

# cve: CVE-2026-41568 CVE-2026-42306 CVE-2018-15664 CVE-2019-10152 CVE-2019-18466
@test "a container's files while it is used: kernel file systems, provided files, targets, directories, copies" {
	[ -z "${MICA_AS_USER:-}" ] || skip "what a user has mounted is seen by nobody but the user"
	m from --name c scratch >/dev/null
	merged=$(m mount c)
	busybox_rootfs "$merged" # all in the upper directory, where a directory can be renamed
	mkdir -p source "$merged/sub"
	echo new >source/new
	volumes=()
	for i in {1..20}; do volumes+=(-v "$D/source:/sub/deep/volume$i" -v "$D/source/new:/sub/deep/file$i"); done
	for name in dev proc sys etc sub; do
		mkdir -p "$merged/$name/deep"
		ln -s "$V" "$merged/link"
		rm -f stop
		exchange "$merged/$name" "$merged/link"
		tried=0
		if [ $name = sub ]; then
			attempts m run --network=none "${volumes[@]}" --workingdir /sub/deep/directory c sh -c 'cat /sub/deep/marker ../marker; echo x >/sub/deep/x; true'
			tried=$tries
			attempts m copy c source /sub/deep/copied
		else
			attempts m run --network=none c sh -c "cat /$name/marker; echo x >/$name/x; true"
		fi
		finish "container, $name" $((tries + tried))
		rm -rf "${merged:?}/link" "${merged:?}/$name" # a link goes itself
		mkdir "$merged/$name"
	done
}

# CVE-2019-5736, of whom another box is beside: a loader of the image's would say that it has no libraries for our program. At first as if the
# moment after it was looked at had been hit; with more time for races somebody tries to.
@test "the program in a volume is exchanged for ours" {
	local i loader
	loader=$(find /lib64/ld-linux* /lib/ld-linux* -maxdepth 0 2>/dev/null | head -n 1)
	[ -n "$loader" ] || skip "there is no loader that could be shown to the box"
	m from -q --name c busybox >/dev/null
	run -126 as_whom env LD_PRELOAD="$MICA_TOOLS/exchanged.so" "$MICA_BIN" run --network=none -v "$loader:$loader:ro" c /exchanged
	[[ $output != *libraries* ]] || fail "$output"
	[ "$RACE_SECONDS" -gt 2 ] || return 0
	as_whom mkdir "$D/volume"
	as_whom ln -s /bin/true "$D/volume/true"
	as_whom ln -s /proc/self/exe "$D/volume/ours"
	as_whom "$MICA_TOOLS/swap" "$D/volume/true" "$D/volume/ours" "$D/stop" 60 >"$D/exchanges" 3>&- &
	swapper=$!
	for ((i = 0; i < 10 * RACE_SECONDS; i++)); do
		run m run --network=none -v "$D/volume:/volume" -v "$loader:$loader:ro" c /volume/true
		[[ $status = 0 || $status = 126 ]] && [[ $output != *libraries* ]] || fail "$i: $status $output"
	done
	touch "$D/stop"
	wait "$swapper"
}
