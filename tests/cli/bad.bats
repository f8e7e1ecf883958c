#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	# what a failed build may leave: the base image that it pulled, complete and named
	mica pull -q busybox
}

teardown() {
	if mountpoint -q "$D/small"; then umount "$D/small"; fi
	test_teardown
}

bounded() { # ARGUMENT...
	if [ -n "${MICA_AS_USER:-}" ]; then
		as_user_here timeout 60 "$MICA_BIN" --root "$MICA_ROOT" "$@"
	else
		timeout 60 "$MICA_BIN" --root "$MICA_ROOT" "$@"
	fi
}

# A failed command names the reason in one line, exits with 125 and leaves nothing behind.
refused() { # PATTERN COMMAND...
	local pattern=$1
	shift
	mkdir -p "$D/names"
	mica images -q | sort >"$D/names/before"
	# 60 s: an input may be refused, but not by hanging
	run --separate-stderr bounded "$@"
	assert_error "$pattern"
	mica images -q | sort | diff "$D/names/before" - || fail "an image was named"
	assert_clean_store
}

faulty_setup_once() {
	[ ! -e "$T/faulty.pid" ] || {
		FAULTY=127.0.0.1:$(cat "$T/faulty.port")
		return
	}
	local port
	port=$(free_port)
	mkdir "$T/ftree"
	head -c 300000 /dev/urandom >"$T/ftree/noise"
	mkdir -p "$T/ftree/bin"
	cp "$(command -v busybox)" "$T/ftree/bin/busybox"
	plain_tar "$T/ftree.tar" "$T/ftree"
	make_layout "$T/faulty" '{"Env":["PATH=/bin"]}' "$T/ftree.tar"
	python3 "$TOP/tests/tools/faulty-registry.py" "$T/faulty" "$port" >"$T/faulty.log" 2>&1 3>&- &
	echo $! >"$T/faulty.pid"
	echo "$port" >"$T/faulty.port"
	FAULTY=127.0.0.1:$port
	wait_for 10 answers "$FAULTY"
	printf '\n[[registry]]\nlocation = "%s"\ninsecure = true\n' "$FAULTY" >>"$CONTAINERS_REGISTRIES_CONF"
}

# An image whose one layer is this tar, pulled from the registry by a build's FROM and by pull.
refused_layer() { # PATTERN TAR
	make_layout layout '{"Env":["PATH=/bin"]}' "$2"
	to_registry layout "library/evil$BATS_TEST_NUMBER:latest"
	rm -r layout
	refused "$1" pull -q "evil$BATS_TEST_NUMBER"
}

@test "an unknown instruction" {
	containerfile <<<'FROM busybox
FORM busybox'
	run --separate-stderr mica build ctx
	[ "$status" = 125 ]
	[[ "$stderr" == *"Containerfile:2"*FORM* ]]
	assert_clean_store
}

@test "an empty Containerfile, none, a directory, and one that is not text" {
	containerfile </dev/null
	refused 'Containerfile' build ctx
	rm ctx/Containerfile
	refused 'Containerfile' build ctx
	mkdir ctx/Containerfile
	refused 'Containerfile' build ctx
	rmdir ctx/Containerfile
	head -c 100000 /dev/zero >ctx/Containerfile
	run --separate-stderr mica build ctx
	[ "$status" = 125 ]
	refused 'no-such-context' build no-such-context
}

@test "a COPY source that is missing, and one outside of the context" {
	containerfile <<<'FROM busybox
COPY missing-file /x'
	refused 'missing-file' build -q ctx
	echo secret >outside
	for source in ../outside /../outside ../../../../../../../../../etc/passwd; do
		containerfile <<<"FROM busybox
COPY $source /x"
		refused '(outside|passwd)' build -q ctx
	done
	ln -s ../outside ctx/link
	ln -s "$D/outside" ctx/abslink
	ln -s .. ctx/up
	for source in link abslink up/outside; do
		containerfile <<<"FROM busybox
COPY $source /x
RUN test ! -f /x || ! grep -q secret /x"
		# Docker resolves links inside the context: what they lead to is missing there, or the link itself is copied.
		run --separate-stderr mica build -q --network=none ctx
		[ "$status" = 125 ] || [ "$status" = 0 ] || fail "$source: $stderr"
	done
	assert_clean_store
}

@test "a COPY destination cannot leave the image" {
	mkdir -p ctx victim
	echo data >ctx/f
	containerfile <<END
FROM busybox
RUN ln -s $D/victim /out && ln -s ../../../../../../../../../../../../..$D/victim /up
COPY f /out/f
COPY f /up/f
COPY f ../../../../../../../../../..$D/victim/g
WORKDIR /out/w
ADD f /out/h
END
	mica build -q --network=none -t t ctx
	[ -z "$(ls -A victim)" ] || fail "$(ls -la victim)"
	# inside the image the same path was made
	[ "$(in_image t cat "$D/victim/f")" = data ]
}

@test "an image that does not exist, and a registry that does not" {
	containerfile <<<'FROM no-such-image:ever'
	refused 'no-such-image' build -q ctx
	refused 'no-such-image' pull -q no-such-image
	refused 'no-such-image' run --rm no-such-image true
	port=$(free_port)
	printf '\n[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' "$port" >"$D/conf"
	CONTAINERS_REGISTRIES_CONF=$D/conf refused "127.0.0.1:$port" pull -q --retry-delay=1ms "127.0.0.1:$port/x"
	CONTAINERS_REGISTRIES_CONF=$D/conf refused "does-not-exist.invalid" pull -q "does-not-exist.invalid/x"
	for name in UPPER/case 'a b' 'x@sha256:123' 'x:' '../x' '-x' "$(printf 'x%.0s' $(seq 300))"; do
		run --separate-stderr mica pull -q -- "$name"
		[ "$status" = 125 ] || fail "'$name' gives $status"
	done
	assert_clean_store
}

# cve: CVE-2021-41190 CVE-2020-1702 CVE-2021-21285
# bats test_tags=user
@test "a manifest that is not JSON, is cut, too large, too deep or two things at once" {
	faulty_setup_once
	mica pull -q "$FAULTY/good"
	for fault in not-json half-json deep-json two-kinds; do
		refused "$FAULTY/$fault" pull -q "$FAULTY/$fault"
	done
	refused '(4 ?MiB|4194304|too large|limit|larger)' pull -q "$FAULTY/huge-manifest"
}

# cve: CVE-2024-3727 CVE-2026-42575 CVE-2026-54174
# bats test_tags=user
@test "a digest that does not match, wherever it stands" {
	faulty_setup_once
	for fault in corrupt corrupt-early wrong-size wrong-diff-id bad-digest-name; do
		refused 'digest|size|sha256|gzip|corrupt' pull -q "$FAULTY/$fault"
	done
	refused 'digest|sha256' pull -q "$FAULTY/good@sha256:$(printf '1%.0s' $(seq 64))"
}

@test "a blob that is cut short or does not end" {
	faulty_setup_once
	for fault in short short-length endless; do
		refused 'size|bytes|closed|short|end|digest|length|transfer' pull -q "$FAULTY/$fault"
	done
	refused '500|storage is on fire' pull -q "$FAULTY/slow-error"
}

@test "a layer that is a cut tar, and one that is no tar" {
	mkdir tree
	head -c 100000 /dev/urandom >tree/f
	plain_tar good.tar tree
	head -c 50000 good.tar >cut.tar
	refused_layer 'tar|truncated|archive|layer' cut.tar
	head -c 100000 /dev/urandom >noise.tar
	refused_layer 'tar|archive|layer' noise.tar
}

# cve: CVE-2026-17106 CVE-2014-6407 CVE-2026-79699 CVE-2021-32760 CVE-2026-25121 CVE-2026-42574
# bats test_tags=user
@test "layers that try to write outside" {
	echo untouched >"$T/victim"
	python3 - "$T/victim" <<-'END'
		import io, sys, tarfile
		victim = sys.argv[1]
		def tar(name, *entries):
		    with tarfile.open(name, "w", format=tarfile.PAX_FORMAT) as t:
		        for kind, path, rest in entries:
		            i = tarfile.TarInfo(path)
		            i.type = kind
		            if kind == tarfile.REGTYPE:
		                i.size = len(rest)
		                t.addfile(i, io.BytesIO(rest))
		            else:
		                i.linkname = rest or ""
		                i.mode = 0o755
		                t.addfile(i)
		F, D, S, L = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
		up = "../" * 20
		tar("dotdot.tar", (F, up + victim[1:], b"overwritten"))
		tar("absolute.tar", (F, victim, b"overwritten"))
		tar("symlink.tar", (S, "a", victim.rsplit("/", 1)[0]), (F, "a/victim", b"overwritten"))
		tar("upsymlink.tar", (S, "a", up + victim[1:].rsplit("/", 1)[0]), (F, "a/victim", b"overwritten"))
		tar("hardlink.tar", (L, "h", victim), (F, "h", b"overwritten"))
		tar("uphardlink.tar", (L, "h", up + victim[1:]), (F, "h", b"overwritten"))
		tar("linkthrough.tar", (S, "a", victim), (L, "h", "a"), (F, "h", b"overwritten"))
		tar("whiteout.tar", (S, "a", victim.rsplit("/", 1)[0]), (F, "a/.wh.victim", b""))
		tar("whiteup.tar", (F, up + victim[1:].rsplit("/", 1)[0] + "/.wh.victim", b""))
		tar("whdots.tar", (F, "d/.wh...", b""), (F, "x/.wh..", b""))
	END
	n=0
	for tar in *.tar; do
		n=$((n + 1))
		make_layout layout '{"Env":["PATH=/bin"]}' "$tar"
		to_registry layout "library/escape$n:latest"
		rm -r layout
		# Refused, or kept inside the image's own root: both are right. Outside nothing changes.
		run --separate-stderr mica pull -q "escape$n"
		[ "$status" = 0 ] || [ "$status" = 125 ] || fail "$tar: $status: $stderr"
		[ "$(cat "$T/victim")" = untouched ] || fail "$tar reached outside"
		[ "$(stat -c %h-%a "$T/victim")" = 1-644 ] || fail "$tar linked to the outside, or changed a mode there"
	done
	assert_clean_store
}

@test "a full disk" {
	mkdir "$D/small"
	mount -t tmpfs -o size=12m,mode=700 small "$D/small"
	export MICA_ROOT=$D/small/store
	mica pull -q busybox
	containerfile <<-'END'
		FROM busybox
		RUN head -c 30m /dev/zero >/big
	END
	run --separate-stderr mica build --network=none -t t ctx
	[ "$status" = 1 ]
	[[ "$stderr" == *"RUN: exit status 1; the disk of the store is full ("*" bytes are free, at least "*" are needed: so much it had written)"* ]]
	assert_clean_store
	mkdir ctx2
	head -c 30000000 /dev/urandom >ctx2/big
	printf 'FROM busybox\nCOPY big /\n' >ctx2/Containerfile
	refused 'no space left' build -q -t t ctx2
	# what was there still works, and there is room again
	mica run --rm --network=none busybox true
	printf 'FROM busybox\nRUN echo fits >/f\n' >ctx/Containerfile
	mica build -q --network=none -t t ctx
	[ "$(in_image t cat /f)" = fits ]
}

@test "a disk that fills up during a pull" {
	mkdir tree
	head -c 20000000 /dev/urandom >tree/noise
	plain_tar big.tar tree
	make_layout layout '{}' big.tar
	to_registry layout library/large:latest
	mkdir "$D/small"
	mount -t tmpfs -o size=8m,mode=700 small "$D/small"
	export MICA_ROOT=$D/small/store
	refused 'no space left' pull -q large
}

@test "a store that cannot be written, and one that is not a directory" {
	touch file
	MICA_ROOT=$D/file run --separate-stderr mica images
	assert_error 'file'
}

# A context may be somebody else's (CVE-2022-4122): its files must not name files of the host.
# cve: CVE-2022-4122 CVE-2022-4123
# bats test_tags=user
@test "a Containerfile that is a link out of the context is refused, and nothing of its target is shown" {
	printf 'secret-of-the-host x\n' >"$D/secret"
	mkdir "$D/ctx"
	for how in "" "-f $D/ctx/Dockerfile" "-f Dockerfile"; do
		ln -sfn "$D/secret" "$D/ctx/Dockerfile"
		# shellcheck disable=SC2086
		refused "'Dockerfile' is a link that leads out of the context" build $how "$D/ctx"
		[[ "$stderr$output" != *secret-of* ]]
	done
	rm "$D/ctx/Dockerfile"
	mkdir "$D/elsewhere"
	cp "$D/secret" "$D/elsewhere/Dockerfile"
	ln -s "$D/elsewhere" "$D/ctx/sub"
	refused 'sub/Dockerfile' build -f "$D/ctx/sub/Dockerfile" "$D/ctx"
	[[ "$stderr$output" != *secret-of* ]]
	# inside the context a link is followed
	printf 'FROM busybox\nLABEL a=b\n' >"$D/ctx/Dockerfile.web"
	ln -s Dockerfile.web "$D/ctx/Dockerfile"
	mica build -q "$D/ctx"
	# and what the user names outside of it is as good as a file
	ln -s ctx/Dockerfile.web "$D/mine"
	mica build -q -f "$D/mine" "$D/ctx"
	cd "$D/ctx/" && mica build -q -f ../mine .
}

# cve: buildkit@9cdf64294
@test "a Containerfile that is a FIFO in the context is refused at once" {
	mkdir "$D/ctx"
	mkfifo "$D/ctx/Containerfile"
	refused "'Containerfile' is not a regular file" build "$D/ctx"
}

@test "an ignore file that is a link to nothing in the context is refused" {
	mkdir "$D/ctx"
	printf 'FROM busybox\nCOPY . /x\n' >"$D/ctx/Containerfile"
	echo key >"$D/outside"
	for name in .dockerignore .containerignore Containerfile.dockerignore; do
		ln -s ../outside "$D/ctx/$name"
		refused "'$name' is a link that leads out of the context" build "$D/ctx"
		rm "$D/ctx/$name"
	done
}

@test "an --iidfile that cannot be written is refused before anything is built" {
	mkdir "$D/ctx"
	printf 'FROM busybox\nRUN echo ran >/x\n' >"$D/ctx/Containerfile"
	refused "option '--iidfile': cannot write to '$D/none'" build --iidfile "$D/none/id" -t made "$D/ctx"
	[[ "$stderr" != *RUN* ]]
}

@test "an --authfile that is missing or malformed is refused" {
	refused "option '--authfile'" pull --authfile "$D/none" busybox:other
	echo '[' >"$D/auth"
	refused "option '--authfile'" pull --authfile "$D/auth" busybox:other
}

@test "an option that is not there is refused in plain words" {
	mkdir hooks
	echo '{}' >hooks/h.json
	refused "option '--hooks-dir': 'hooks/h.json': hooks of an OCI runtime are not run" build --hooks-dir hooks "$D"
}
