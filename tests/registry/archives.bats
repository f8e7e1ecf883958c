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
	[ "$(mica load -q -i all.tar | sort)" = "$(printf 'Loaded image: r.test/x/%s\n' one:1 one:again two:1)" ]
	[ "$(mica images --format '{{.Name}}:{{.Tag}}' | sort | xargs)" = "r.test/x/one:1 r.test/x/one:again r.test/x/two:1" ]
	came_whole
	gzip <piped.tar | MICA_ROOT=$D/third mica load -q
	zstd -q all.tar
	[ "$(MICA_ROOT=$D/fourth mica load -q -i all.tar.zst | wc -l)" = 3 ]
	MICA_ROOT=$D/third mica exists r.test/x/two:1
	mica pull -q docker-archive:all.tar:@1
	run --separate-stderr mica pull -q docker-archive:all.tar
	assert_error 'holds 2 images; say which, as docker-archive:all.tar:NAME: @0 to @1, r.test/x/one:(1|again), r.test/x/two:1$'
	run --separate-stderr mica pull -q docker-archive:all.tar:@2
	assert_error "no image '@2' in 'all.tar'; there are: @0 to @1, r.test/x/one:.*, r.test/x/two:1$"
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
	mkdir list
	echo '["layout"]' >list/index.json
	push_there() {
		run --separate-stderr timeout 10 "$MICA_BIN" --root "$MICA_ROOT" push -q r.test/x/one:1 oci:list:one
	}
	push_there
	assert_error "index.json of 'list' is not an object\$"
	[ "$(ls -A list)" = index.json ]
	# nor into what is no layout that is known here, and nobody waits for it
	rm list/index.json
	mkfifo list/index.json
	push_there
	assert_error "'index.json' in 'list' is not a regular file\$"
	echo '{"imageLayoutVersion":"2.0.0"}' >list/oci-layout
	push_there
	assert_error "'list' is an OCI image layout of version '2.0.0', 1.0.0 is supported\$"
}

@test "a blob that is damaged in the store goes nowhere" {
	blob=$MICA_ROOT/blobs/sha256/$(jq -r '.layers[0].digest[7:]' "$T/one/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$T/one/index.json")")
	printf X | dd of="$blob" bs=1 seek=$(($(stat -c %s "$blob") - 1)) conv=notrunc status=none
	for place in oci:out/d:t dir:out/d oci-archive:out/a docker-archive:out/a; do
		mkdir out
		run --separate-stderr mica push -q r.test/x/one:1 "$place"
		assert_error "layer sha256:${blob##*/}: content has digest sha256:[0-9a-f]{64}, the store is damaged"
		[ -z "$(ls -A out)" ] || fail "$place: $(find out)"
		rm -r out
	done
}

@test "what is there is not written over, but by another image of the same kind and by save" {
	local image=r.test/x/one:1 other=r.test/x/two:1
	: >empty.tar
	mica push -q "$image" docker-archive:empty.tar
	cp empty.tar before
	run --separate-stderr mica push -q --compression-format zstd "$other" docker-archive:empty.tar
	assert_error "'empty.tar' is there already: docker-archive doesn't support modifying existing images"
	cmp empty.tar before
	# skopeo has the same rules
	run skopeo copy -q "oci:$T/two:latest" docker-archive:empty.tar
	[ "$status" != 0 ]
	mkdir mine waits
	echo precious >mine/thesis
	mkfifo waits/version
	for place in mine waits empty.tar/x empty.tar; do
		run --separate-stderr timeout 10 "$MICA_BIN" --root "$MICA_ROOT" push -q "$image" "dir:$place"
		assert_error "cannot push to dir:$place: "
	done
	[ "$(ls mine)" = thesis ]
	run skopeo copy -q "oci:$T/two:latest" dir:mine
	[ "$status" != 0 ]
	mica push -q "$image" dir:d
	mica push -q "$other" dir:d
	[ "$(find d -type f | wc -l)" = 5 ] # version, manifest.json, config and two layers: nothing of the other image
	MICA_ROOT=$D/second mica pull -q dir:d | cmp - two.id
	mica push -q "$image" oci-archive:a.tar
	mica push -q "$other" oci-archive:a.tar
	[ "$(skopeo inspect --config oci-archive:a.tar | jq -r '.config.Env[0]')" = A=2 ]
	# docker save replaces its file; a link to it stays, and so does what is no file
	ln -s empty.tar link
	mkfifo pipe
	cat pipe >piped &
	for images in "$image" "$other $image"; do
		# shellcheck disable=SC2086 # words
		mica save -q -o link $images
		[ -L link ]
		[ "$(tar -xOf empty.tar manifest.json | jq length)" = "$(wc -w <<<"$images")" ]
	done
	mica save -q -o pipe "$image"
	wait $!
	[ -p pipe ] && tar -tf piped >/dev/null
	run --separate-stderr mica save -q -o none/such.tar "$image"
	assert_error "'none'"
}

@test "a push to a place of the user's, or a load, that is killed leaves no part of an archive or a blob, and the next one goes well" {
	# where files can be without a name, as here, what is written has none until it is whole: killed there, it is gone
	for place in oci:out/d:t dir:out/d oci-archive:out/d docker-archive:out/d; do
		mkdir out
		run -137 strace -f -o trace -e trace=linkat -e inject=linkat:error=EIO:signal=KILL "$MICA_BIN" --root "$MICA_ROOT" push -q r.test/x/one:1 "$place"
		[ "$(find out -name '.tmp*' -o -type f -size +0 | sed 's|.*/||' | xargs)" = "$(sed -nE 's/^oci:.*/oci-layout/p; s/^dir:.*/version/p' <<<"$place")" ] || fail "$place: $(find out)"
		mica push -q r.test/x/one:1 "$place"
		MICA_ROOT=$D/second mica pull -q "$place" | cmp - one.id
		rm -r out
	done
	mkdir spool
	mica save -q r.test/x/one:1 >whole.tar
	mkfifo pipe
	TMPDIR=$D/spool "$MICA_BIN" --root "$D/third" load -q <pipe >/dev/null 2>&1 3>&- &
	pid=$!
	exec 7>pipe
	head -c 10240 whole.tar >&7
	begun() {
		find "/proc/$pid/fd" -lname "$D/spool/*" | grep -q .
	}
	wait_for 10 begun
	kill -9 "$pid"
	wait_gone "$pid"
	exec 7>&-
	[ -z "$(ls -A spool)" ]
	MICA_ROOT=$D/third mica load -q <whole.tar
}

@test "what a push cannot end with is told before it begins" {
	local image=r.test/x/one:1
	printf '[[registry]]\nlocation = "blocked.test"\nblocked = true\n' >conf
	rm "$MICA_ROOT/blobs/sha256/$(jq -r '.layers[0].digest[7:]' "$T/one/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$T/one/index.json")")" # whoever would begin says so
	refused_first() { # PATTERN COMMAND...
		local pattern=$1
		shift
		run --separate-stderr mica "$@"
		assert_error "$pattern"
		[[ $stderr != *"is not in the store"* ]]
	}
	for option in "" --compression-format=zstd; do
		# shellcheck disable=SC2086 # a word or none
		refused_first 'registry blocked.test is blocked' --registries-conf conf push -q $option "$image" blocked.test/x
		# shellcheck disable=SC2086
		refused_first "option '--digestfile': cannot write to 'none'" push -q $option --digestfile none/digest "$image" dir:d
	done
	[ ! -e d ]
	printf 'FROM scratch\nCOPY Containerfile /\nRUN false\n' >Containerfile
	refused_first 'registry blocked.test is blocked' --registries-conf conf build -q --push -t blocked.test/x .
}
