#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every tar of tests/tools/hostile-tars.py as a layer, an archive of images, a cache and the source of ADD: refused with one line, or unpacked
# inside; nothing outside changes, nothing hangs, no memory runs away, and the store is sound.
load ../cli/lib.bash

setup_file() {
	file_setup
	mkdir -m 755 "$T/victim"
	echo untouched >"$T/victim/f"
	chmod 640 "$T/victim/f"
	touch -d 2020-01-01 "$T/victim/f" "$T/victim"
	python3 "$TOP/tests/tools/hostile-tars.py" "$T/tars" "$T/victim"
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	listing >before
	mica images >/dev/null
	# sanitizers take all of the address space
	[ -n "${MICA_SANITIZE:-}" ] || ulimit -v 1000000
}

teardown() {
	test_teardown
}

listing() {
	find "$T/victim" -printf '%p %y %m %U:%G %s %T@ %C@ %n\n'
	cat "$T/victim/f"
}

# COMMAND for each tar, {} being its name: how many were taken and how many refused. What receives a layer is the same for all: of the others
# every STEPth is looked at, all with HOSTILE_TARS=all.
each() { # STEP COMMAND...
	local name step=$1 n=0 taken=0 refused=0 before
	before=$(<before)
	shift
	[ "${HOSTILE_TARS:-}" != all ] || step=1
	for name in "$T"/tars/*.tar; do
		n=$((n + 1))
		[ $((n % step)) = 0 ] || continue
		name=${name##*/}
		name=${name%.tar}
		run --separate-stderr timeout 60 "$MICA_BIN" --root "$MICA_ROOT" "${@//\{\}/$name}"
		case $status in
		0) taken=$((taken + 1)) ;;
		125)
			refused=$((refused + 1))
			[ "$(grep '^mica: ' <<<"$stderr" | grep -vc '^mica: warning: ')" = 1 ] || fail "$name: not one line: $stderr"
			;;
		*) fail "$name: status $status: $stderr" ;;
		esac
		[ "$(listing)" = "$before" ] || fail "$name: changed outside: $(listing | diff before -)"
	done
	unset stderr
	echo "# $taken unpacked inside, $refused refused" >&3
	[ $taken -gt 5 ] && [ $refused -gt 5 ]
	assert_clean_store
}

@test "as the layer of an image" {
	each 1 pull -q "oci:$T/tars/{}.oci:latest"
	# what was unpacked is what its diff ID says
	mica prune -a >/dev/null
	[ -z "$(ls "$MICA_ROOT/layers")" ]
}

@test "as the layer of docker's archive" {
	each 4 load -q -i "$T/tars/{}.docker"
}

@test "as the content of a cache mount" {
	each 3 cache import -i "$T/tars/{}.tar" c
}

@test "as what ADD unpacks" {
	for name in "$T"/tars/*.tar; do
		name=$(basename "$name" .tar)
		printf 'FROM scratch\nADD %s.tar /x/\nADD %s.tar /x/\n' "$name" "$name" >"$T/tars/$name.file"
	done
	each 2 build -q -f "$T/tars/{}.file" "$T/tars"
}

@test "a layer that unpacks to far more than was fetched is refused; one of zeros never is" {
	mkdir a zeros
	tr '\0' A </dev/zero | head -c 8M >a/f
	truncate -s 32M zeros/f
	plain_tar a.tar a
	make_layout bomb '{}' a.tar
	mica pull -q oci:bomb
	mica rmi -a
	run --separate-stderr mica pull -q --layer-ratio=100 oci:bomb
	assert_error 'layer sha256:[0-9a-f]*: [0-9]+ bytes unpack to more than 100 times as many \(--layer-ratio\)$'
	assert_clean_store
	# an archive around it, or one that ADD or import unpacks, is no other way in
	tar -C bomb -czf bomb.tgz .
	tar -C a -cf - f | tee a.tar | gzip >a.tgz
	xz -k a.tar
	printf 'FROM scratch\nADD a.tgz /\n' >Containerfile
	for what in "pull --layer-ratio=100 oci-archive:a.tgz" "load --layer-ratio=100 -i bomb.tgz" "import --layer-ratio=100 a.tgz" "import --layer-ratio=100 a.tar.xz" \
		"build --layer-ratio=100 ." "build --layer-ratio=100 - <a.tgz"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr mica ${what%<*} < <([ "${what#*<}" = "$what" ] || cat a.tgz)
		assert_error '[0-9]+ bytes unpack to more than 100 times as many \(--layer-ratio\)'
	done
	assert_clean_store
	mica import -q --layer-ratio=0 a.tgz
	mica rmi -a
	mica pull -q --layer-ratio=0 oci:bomb
	plain_tar zeros.tar zeros
	make_layout sparse '{}' zeros.tar
	mica pull -q --layer-ratio=100 oci:sparse
	[ "$(du -s "$MICA_ROOT/layers" | cut -f 1)" -lt 20000 ]
}
