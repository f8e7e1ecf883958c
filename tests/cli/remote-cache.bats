#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --cache-to and --cache-from.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	NAME=app$BATS_TEST_NUMBER
	export NAME
}

teardown() {
	test_teardown
}

sample() {
	mkdir -p ctx
	echo one >ctx/one
	containerfile <<'END'
FROM busybox AS made
RUN mkdir /made; cat /proc/sys/kernel/random/uuid >/made/n; : >/not-copied
FROM busybox
COPY one /one
RUN cat /proc/sys/kernel/random/uuid >/n
COPY --from=made /made /made
WORKDIR /somewhere
RUN true
END
}

build() { # STORE ARGUMENTS...: the image's digest to standard output, the summary to $D/said
	local root=$D/$1
	shift
	"$MICA_BIN" --root "$root" build --progress=plain --network=none -t t "$@" ctx 2>"$D/said" >/dev/null || {
		cat "$D/said" >&2
		return 1
	}
	"$MICA_BIN" --root "$root" inspect --format '{{.Digest}}' t
}

@test "another store executes nothing and makes the same image" {
	sample
	id=$(build a --cache-to "type=registry,ref=$REG/$NAME:cache,mode=max")
	[ "$(build b --cache-from "type=registry,ref=$REG/$NAME:cache")" = "$id" ]
	cat said
	grep -q ' 0 run, 6 cached' said
	"$MICA_BIN" --root "$D/b" run --rm --network=none t cat /made/n /n
	# again: what is only below a COPY --from is still only there
	[ "$(build b --cache-from "$REG/$NAME:cache")" = "$id" ]
	"$MICA_BIN" --root "$D/b" fsck
	"$MICA_BIN" --root "$D/a" fsck
}

@test "layers are fetched only for what runs, and for the image" {
	sample
	build a --cache-to "$REG/$NAME" # buildah's form
	sed -i 's/^RUN true/RUN cat \/n >\/copy/' ctx/Containerfile
	build b --cache-from "$REG/$NAME"
	grep -q ' 1 run, 5 cached' said
	# the first stage's layer is neither in the image nor below what ran
	layer=$(skopeo inspect --raw --tls-verify=false "docker://$REG/$NAME:mica-cache" | jq -r '.layers | length')
	[ "$layer" = 5 ]
	[ "$(find "$D/b/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 6 ]
	[ -z "$(find "$D/b/layers" -name not-copied)" ]
}

@test "a directory serves as well, and several exports add up" {
	sample
	id=$(build a --cache-to "type=local,dest=$D/dir")
	cp ctx/Containerfile saved
	printf 'FROM busybox\nRUN : >/other\n' >ctx/Containerfile
	other=$(build other --cache-to "type=local,dest=$D/dir")
	[ "$(build b --cache-from "type=local,src=$D/dir")" = "$other" ]
	grep -q ' 0 run, 1 cached' said
	cp saved ctx/Containerfile
	[ "$(build b --cache-from "type=local,src=$D/dir")" = "$id" ]
	grep -q ' 0 run, 6 cached' said
	# other tools read it
	skopeo inspect --raw "oci:$D/dir:mica-cache" | jq -e '.layers | length == 6'
	# compressed otherwise, and found by its digest
	build a --cache-to "type=local,dest=$D/zstd,compression=zstd,compression-level=3,force-compression=1,oci-mediatypes=true,ignore-error=0"
	skopeo inspect --raw "oci:$D/zstd:mica-cache" | jq -e '[.layers[].mediaType | endswith("+zstd")] | all and length == 5'
	digest=$(jq -r '.manifests[0].digest' "$D/zstd/index.json")
	build c --cache-from "type=local,src=$D/zstd,digest=$digest"
	grep -q ' 0 run, 6 cached' said
	"$MICA_BIN" --root "$D/c" fsck
}

@test "called buildah, stages are done in turn, and steps say where their records come from and go" {
	sample
	ln -s "$MICA_BIN" buildah
	b() { # OPTION...: to said
		./buildah --root "$D/b" build --network=none --layers -t t "$@" ctx >said
	}
	local place="local,dest=$D/dir" key='oci:/[^ ]*/dir:mica-cache:[0-9a-f]{64}' id='--> [0-9a-f]{12}'
	local run="\[1/2\] STEP 2/2: RUN mkdir [^
]*
"
	says() { # EXPRESSION
		[[ $(cat said) =~ $1 ]] || fail "$(cat said)"
	}
	b --cache-to "type=$place"
	says "$run--> Pushing cache $key
$id
\[2/2\] STEP 1/6: FROM busybox
\[2/2\] STEP 2/6: COPY one /one
"
	says "\[2/2\] COMMIT t
--> Pushing cache $key
"
	./buildah --root "$D/b" rmi -a -f >/dev/null
	b --cache-from "type=local,src=$D/dir" --cache-to "type=$place"
	says "$run--> Cache pulled from remote $key
$id
\[2/2\] STEP 1/6"
	# it is here now, and what is below a COPY --from, too
	b --cache-from "type=local,src=$D/dir"
	says "$run--> Using cache [0-9a-f]{64}
$id
\[2/2\] STEP 1/6"
	run ! grep -E 'Cache pulled|Pushing' said
}

@test "mode=min keeps what the image is made of" {
	sample
	build a --cache-to "type=local,dest=$D/dir,mode=min"
	build b --cache-from "type=local,src=$D/dir"
	cat said
	# the first stage runs again, and what is copied from it is another number
	grep -q ' 4 run, 2 cached' said
}

@test "what is not there, or is no cache, is said and not used" {
	sample
	build a --cache-from "$REG/$NAME:none" --cache-from "type=local,src=$D/none" --cache-from "$REG/library/busybox:latest"
	cat said
	grep -q "the cache docker://$REG/$NAME:none is not used" said
	grep -q "the cache oci:$D/none:mica-cache is not used" said
	grep -q 'it is not a cache that mica has written' said
	grep -q ' 6 run, 0 cached' said
}

@test "an image is not overwritten by a cache" {
	sample
	build a
	"$MICA_BIN" --root "$D/a" push -q t "docker://$REG/$NAME:latest"
	run build a --cache-to "$REG/$NAME:latest"
	[ "$status" != 0 ]
	[[ $output == *"cannot write the cache to docker://$REG/$NAME:latest"*"not overwritten"* ]]
	build a --cache-to "type=registry,ref=$REG/$NAME:latest,ignore-error=true"
	grep -q 'the cache was not written' said
	skopeo inspect --tls-verify=false "docker://$REG/$NAME:latest" >/dev/null
}

@test "a layer that is missing or damaged runs its step again" {
	sample
	build a --cache-to "type=local,dest=$D/dir"
	manifest=$(jq -r '.manifests[0].digest' dir/index.json)
	blob=$(jq -r '.layers[1].digest' "dir/blobs/sha256/${manifest#sha256:}")
	file=dir/blobs/sha256/${blob#sha256:}
	cp "$file" good
	for damage in 'rm $file' 'truncate -s 20 $file' 'dd if=/dev/urandom of=$file bs=1 count=9 seek=20 conv=notrunc status=none'; do
		cp good "$file"
		eval "$damage"
		build "b$((++n))" --cache-from "type=local,src=$D/dir"
		cat said
		grep -q "the cache oci:$D/dir:mica-cache is not used: .*${blob:7:12}" said
		run ! grep -q ' 0 run' said
		"$MICA_BIN" --root "$D/b$n" fsck
		"$MICA_BIN" --root "$D/b$n" run --rm --network=none t cat /made/n
	done
}

@test "a cache that says that a key gives another layer than it holds is found out" {
	sample
	build a --cache-to "type=local,dest=$D/dir"
	manifest=$(jq -r '.manifests[0].digest' dir/index.json)
	config=$(jq -r .config.digest "dir/blobs/sha256/${manifest#sha256:}")
	# all diff IDs are the first layer's
	jq -c '.records[0].diffId as $d | .records |= map(if .layer then .diffId = $d else . end)' "dir/blobs/sha256/${config#sha256:}" >doc
	read -r -a c <<<"$(put_blob dir doc)"
	jq -c --arg d "sha256:${c[0]}" --argjson s "${c[1]}" '.config.digest = $d | .config.size = $s' "dir/blobs/sha256/${manifest#sha256:}" >doc
	read -r -a m <<<"$(put_blob dir doc)"
	jq -c --arg d "sha256:${m[0]}" --argjson s "${m[1]}" '.manifests[0].digest = $d | .manifests[0].size = $s' dir/index.json >doc
	mv doc dir/index.json
	build b --cache-from "type=local,src=$D/dir"
	cat said
	grep -q "is not used: .*diff ID" said
	"$MICA_BIN" --root "$D/b" fsck
}

@test "other kinds of places are refused by name" {
	sample
	while IFS='|' read -r option said; do
		run mica build --network=none "$option" ctx
		[ "$status" = 125 ]
		echo "$output"
		[[ $output == *"$said"* ]]
	done <<-'END'
		--cache-to=type=gha|type=gha is not supported
		--cache-from=type=s3,bucket=b|type=s3 is not supported
		--cache-to=type=azblob|type=azblob is not supported
		--cache-to=type=inline|type=inline is not supported
		--cache-to=type=tape|type 'tape' is not one of 'registry', 'local'
		--cache-to=type=registry|type=registry needs ref=
		--cache-from=type=local,dest=x|type=local needs src=
		--cache-to=ref=x|there is no type=
		--cache-to=type=local,dest=x,mode=most|'mode=most' is not supported
		--cache-to=type=registry,ref=x,compression=estargz|'compression=estargz' is not one of
		--cache-to=type=registry,ref=x,compression-level=23|'compression-level=23' is not supported
		--cache-to=type=registry,ref=x,oci-mediatypes=false|'oci-mediatypes=false' is not supported
		--cache-from=type=registry,ref=x,registry.insecure=true|'registry.insecure=true' is not supported here: give --tls-verify=false
		--cache-from=a//b|--cache-from
	END
}
