#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Places that are files: archives of several images, and what peers make of them.
load lib.bash

setup_file() {
	file_setup
	mkdir "$T/a" "$T/b"
	head -c 100000 /dev/urandom >"$T/a/shared"
	head -c 1000 /dev/urandom >"$T/b/own"
	plain_tar "$T/a.tar" "$T/a"
	plain_tar "$T/b.tar" "$T/b"
	make_layout "$T/one" '{"Env":["A=1"]}' "$T/a.tar"
	make_layout "$T/two" '{"Env":["A=2"]}' "$T/a.tar" "$T/b.tar"
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	for name in one two; do
		mica pull -q "oci:$T/$name:latest" >$name.id
		mica tag "$(cat $name.id)" "r.test/x/$name:1"
	done
	mica tag r.test/x/one:1 r.test/x/one:again
}

teardown() {
	test_teardown
}

@test "several images go into one docker-archive, and all of them come out" {
	mica save -q -o all.tar r.test/x/one:1 r.test/x/two:1 r.test/x/one:again
	[ "$(tar -tf all.tar | sort | uniq -d | wc -l)" = 0 ]
	[ "$(tar -xOf all.tar manifest.json | jq length)" = 2 ]
	[ "$(tar -xOf all.tar manifest.json | jq -r '.[0].RepoTags | sort | join(" ")')" = "r.test/x/one:1 r.test/x/one:again" ]
	[ "$(skopeo inspect --config "docker-archive:all.tar:r.test/x/two:1" | jq -r '.config.Env[0]')" = A=2 ]
	mica save -q -m r.test/x/one:1 r.test/x/two:1 >piped.tar
	export MICA_ROOT=$D/second
	[ "$(mica load -q -i all.tar | sort)" = "$(printf 'Loaded image: r.test/x/%s:1\n' one two)" ]
	[ "$(mica images --format '{{.Name}}:{{.Tag}}' | sort | xargs)" = "r.test/x/one:1 r.test/x/one:again r.test/x/two:1" ]
	came_whole
	MICA_ROOT=$D/third mica load -q <piped.tar
	MICA_ROOT=$D/third mica exists r.test/x/two:1
	mica pull -q docker-archive:all.tar:@1
	run --separate-stderr mica pull -q docker-archive:all.tar
	assert_error 'holds 2 images'
	run --separate-stderr mica pull -q docker-archive:all.tar:@2
	assert_error "no image '@2'"
	run --separate-stderr mica save -q --format oci-archive -o x.tar r.test/x/one:1 r.test/x/two:1
	assert_error 'several images'
}

@test "all images of a layout are loaded" {
	mica push -q r.test/x/one:1 oci:both:r.test/x/one:1
	mica push -q r.test/x/two:1 oci:both:r.test/x/two:1
	tar -C both -cf both.tar .
	export MICA_ROOT=$D/second
	[ "$(mica load -q -i both.tar | wc -l)" = 2 ]
	MICA_ROOT=$D/third mica load -q -i both
	MICA_ROOT=$D/third mica exists r.test/x/two:1
	[ "$(mica images --format '{{.Name}}' | sort | xargs)" = "r.test/x/one r.test/x/two" ]
	came_whole
}

@test "a place without a path is refused, whatever policy.json is there" {
	for place in oci: oci::x docker-archive::x dir:; do
		run --separate-stderr mica pull -q "$place"
		[ "$status" = 125 ] || fail "$place: $status"
	done
}

@test "a push into a directory that fails takes back what it had made, and nothing that was there" {
	local config
	mkdir -p here/kept
	mica push -q r.test/x/one:1 oci:layout:one
	find layout | sort >before
	config=$(mica inspect --format '{{.FromImageID}}' r.test/x/two:1)
	rm "$MICA_ROOT/blobs/sha256/$config"
	for place in oci:layout:two oci:here/kept/new/layout:x dir:here/kept/dir; do
		run --separate-stderr mica push -q r.test/x/two:1 "$place"
		assert_error 'is not in the store'
	done
	find layout | sort | cmp - before
	[ "$(find here -printf '%p ')" = "here here/kept " ]
}
