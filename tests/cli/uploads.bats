#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pushes over connections that break.
load ../cli/lib.bash

setup_file() {
	file_setup busybox
	UP=127.0.0.1:$(free_port)
	export UP
	python3 "$BATS_TEST_DIRNAME/../tools/breaking-registry.py" "${UP#*:}" "$T/up.log" >"$T/up.out" 2>&1 3>&- &
	echo $! >"$T/up.pid"
	disown
	wait_for 10 answers "$UP"
	printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$UP" >"$CONTAINERS_REGISTRIES_CONF"
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	: >"$T/up.log"
	mkdir tree
	head -c 300000 /dev/urandom >tree/noise
	plain_tar l1.tar tree
	make_layout layout '{"Env":["PATH=/bin"]}' l1.tar
	mica pull -q oci:layout >id
	layer=$(jq -r '.layers[0].digest' "layout/blobs/sha256/$(jq -r '.manifests[0].digest' layout/index.json | cut -d : -f 2)")
	size=$(stat -c %s "layout/blobs/sha256/${layer#*:}")
}

teardown() {
	test_teardown
}

came_whole() { # REPOSITORY: what was pushed can be pulled
	MICA_ROOT=$D/second mica pull -q "$UP/$1:v1"
	MICA_ROOT=$D/second mica fsck
}

@test "an upload that breaks goes on from the last byte that the registry has" {
	mica push -q "$(cat id)" "docker://$UP/resume:v1"
	half=$((size / 2))
	grep -Eq "^PUT /v2/resume/blobs/uploads/[^ ]* - $half$" "$T/up.log"
	grep -Eq "^PATCH /v2/resume/blobs/uploads/[^ ]* $half-$((size - 1)) " "$T/up.log"
	# the first PATCH broke too
	[ "$(grep -Ec "^PATCH .* [1-9][0-9]*-$((size - 1)) [1-9]" "$T/up.log")" = 2 ]
	[ "$(awk '/blobs\/uploads/ { n += $4 } END { print n }' "$T/up.log")" -lt $((size + 2000)) ]
	came_whole resume
}

@test "an upload that the registry has forgotten begins again" {
	mica push -q "$(cat id)" "docker://$UP/forget:v1"
	[ "$(grep -Ec '^POST /v2/forget/' "$T/up.log")" = 3 ] # config, layer, and the layer again
	run ! grep -q '^PATCH ' "$T/up.log"
	came_whole forget
}

@test "a break after the last byte is no second upload" {
	mica push -q "$(cat id)" "docker://$UP/late:v1"
	[ "$(grep -Ec "^PUT /v2/late/blobs/uploads/[^ ]* - $size$" "$T/up.log")" = 1 ]
	came_whole late
}

@test "a registry that is busy gets the time it asks for" {
	before=$SECONDS
	mica push -q "$(cat id)" "docker://$UP/busy:v1"
	[ $((SECONDS - before)) -ge 1 ]
	came_whole busy
}

@test "a token that expires in the middle of a push is replaced once" {
	mica push -q "$(cat id)" "docker://$UP/expires:v1"
	came_whole expires
}

@test "an upload that always breaks is given up after the tries that were asked for" {
	run --separate-stderr mica push -q --retry 2 "$(cat id)" "docker://$UP/always:v1"
	assert_error "layer $layer: "
	[ "$(grep -Ec '^(PUT|PATCH) /v2/always/blobs/uploads/.* [1-9][0-9]{3,}$' "$T/up.log")" = 3 ]
}

@test "a push of what is there is one request" {
	mica push -q "$(cat id)" "docker://$UP/same:v1"
	: >"$T/up.log"
	mica push -q "$(cat id)" "docker://$UP/same:v1"
	[ "$(cat "$T/up.log")" = "HEAD /v2/same/manifests/v1 - 0" ]
	: >"$T/up.log"
	# under another name the manifest is put, and nothing else is asked for
	mica push -q "$(cat id)" "docker://$UP/same:v2"
	[ "$(grep -c blobs "$T/up.log")" = 0 ]
	grep -q '^PUT /v2/same/manifests/v2 ' "$T/up.log"
}
