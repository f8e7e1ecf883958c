#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# images and what changes the list: every option of images, rmi, tag and untag by what it does.
load lib.bash

setup_file() {
	file_setup busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
}

teardown() {
	test_teardown
}

many() { # N
	mica images >/dev/null # makes the store
	"$TOP/tests/tools/many-images.py" "$MICA_ROOT" "$1"
}

# A configuration of its own for each image, so that each has an ID of its own.
image() { # NAME [CREATED [LABELS_JSON]]
	local config='{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
	local dir=$D/layout
	rm -rf "$dir"
	mkdir -p "$dir/blobs/sha256"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	jq -c --arg c "${2:-}" --argjson l "${3:-{\}}" --arg n "$1" \
		'. + {author: $n, config: {Labels: $l}} + (if $c == "" then {} else {created: $c} end)' <<<"$config" >"$dir/doc"
	put_manifest "$dir" "$(put_blob "$dir" "$dir/doc")" '[]'
	mica pull -q "oci:$dir:latest" >"$D/id"
	mica tag "$(cat "$D/id")" "$1"
	mica untag "$(cat "$D/id")" layout
}

layer_blob() { # NAME: the file of its first layer
	manifest_of "$1" | jq -r --arg b "$MICA_ROOT/blobs/sha256/" '$b + (.layers[0].digest | ltrimstr("sha256:"))'
}

names() {
	mica images --noheading --format '{{.Name}}:{{.Tag}}' "$@" | LC_ALL=C sort | tr '\n' ' '
}

@test "a list comes from the summaries, and is the same without them" {
	many 200
	mica images --json >first
	[ -s "$MICA_ROOT/cache/images" ]
	mica images --json >second
	cmp first second
	mv "$MICA_ROOT/blobs" "$MICA_ROOT/away"
	mica images --json >third # no document is read
	mv "$MICA_ROOT/away" "$MICA_ROOT/blobs"
	cmp first third
	rm "$MICA_ROOT/cache/images"
	mica images --json >fourth
	cmp first fourth
	[ "$(jq length first)" = 200 ]
}

@test "damaged summaries are made anew" {
	many 20
	mica images --json >first
	for at in 3 20 30 100 1000 5000; do
		printf '\377' | dd of="$MICA_ROOT/cache/images" bs=1 seek=$at conv=notrunc status=none
		mica images --json >again
		cmp first again
	done
	for size in 0 10 40 999; do
		truncate -s $size "$MICA_ROOT/cache/images"
		mica images --json >again
		cmp first again
	done
}

@test "summaries follow what is tagged, untagged and removed" {
	many 30
	mica images >/dev/null
	mica tag image-7 other
	[ "$(mica images -q other)" = "$(mica images -q image-7)" ]
	mica untag image-7 image-7
	run ! mica images image-7
	mica rmi image-8 >/dev/null
	[ "$(mica images -q | wc -l)" = 29 ]
	[ "$(mica images --noheading | wc -l)" = 29 ]
	mica rmi other >/dev/null
	[ "$(mica images -q | wc -l)" = 28 ]
}

@test "an ID that may be several images lists them with their names" {
	many 400
	prefix=$(mica images -q --no-trunc | cut -c 8-10 | sort | uniq -d | head -n 1)
	run --separate-stderr mica inspect --type image "$prefix"
	assert_error "'$prefix' is ambiguous: [0-9]+ images match: ${prefix}[0-9a-f]{13} \(localhost/image-[0-9]+:latest\), "
	id=$(mica images -q image-9)
	[ "$(mica inspect --type image --format '{{.FromImage}}' "$id")" = localhost/image-9:latest ]
}

@test "an ID that two manifests have is one image, and its named one" {
	id=$(mica pull -q "oci:$MICA_CACHE/busybox:latest")
	name=$(mica images --noheading --format '{{.Name}}:{{.Tag}}')
	mica save -q -o i.tar busybox # layers as they are, so another manifest
	mica untag busybox "$name"
	mica load -q -i i.tar
	[ "$(mica images --no-trunc --format '{{.ID}}' | grep -cx "sha256:$id")" = 2 ]
	[ "$(mica images -a -q --no-trunc)" = "sha256:$id" ]
	[ "$(mica inspect --type image --format '{{.FromImage}}' "$id")" = "$name" ]
	mica run --rm --network=none "$id" true
}

@test "images: newest first; --quiet, --digests, --no-trunc, --noheading, --history, --json" {
	image a 2026-01-01T00:00:00Z
	image b 2026-02-01T00:00:00Z
	[ "$(mica images | head -n 1 | tr -s ' ')" = "REPOSITORY TAG IMAGE ID CREATED SIZE" ]
	[ "$(mica images | awk 'NR > 1 { print $1 ":" $2 }' | tr '\n' ' ')" = "localhost/b:latest localhost/a:latest " ]
	[ "$(mica images -n | wc -l)" = 2 ]
	[[ $(mica images -q a) =~ ^[0-9a-f]{12}$ ]]
	[[ $(mica images -q --no-trunc a) =~ ^sha256:[0-9a-f]{64}$ ]]
	mica tag a c
	[ "$(mica images -q | wc -l)" = 2 ]
	mica images --json >json
	[ "$(jq -r '.[1].names | join(" ")' json)" = "localhost/a:latest localhost/c:latest" ]
	[ "$(jq -r '.[0].createdatraw' json)" = 2026-02-01T00:00:00Z ]
	[ "$(/usr/bin/jq -r '.[0] | keys_unsorted | join(" ")' json)" = "id names digest createdat size created createdatraw readonly history" ]
	# the digest of a name is no part of its tag
	digest=$(jq -r '.[1].digest' json)
	sed -i "s|localhost/c:latest|localhost:5000/c:1.2@$digest|" "$MICA_ROOT/index.json"
	[ "$(mica images -n | awk '/5000/ { print $1, $2 }')" = "localhost:5000/c 1.2" ]
	[ "$(mica images --format '{{.Name}} {{.Tag}}' | grep 5000 | tr -s ' ')" = "localhost:5000/c 1.2" ]
	[ "$(mica images --digests | head -n 1 | tr -s ' ')" = "REPOSITORY TAG DIGEST IMAGE ID CREATED SIZE" ]
	[[ $(mica images --digests -n b | tr -s ' ') =~ ^localhost/b\ latest\ sha256:[0-9a-f]{64}\ [0-9a-f]{12}\  ]]
	[ "$(mica images -q --json)" = "$(mica images --json)" ]
	run -125 --separate-stderr mica images -q --format x
	assert_error "'--quiet' cannot be combined with '--format'"
	# the names that an image has lost, and has
	mica tag b a
	mica untag b b
	[[ "$(mica images -n --format '{{.Name}}|{{.History}}')" == 'localhost/a|localhost/layout:latest, localhost/b:latest, localhost/a:latest
localhost:5000/c|localhost/layout:latest, localhost/a:latest, localhost:5000/c:1.2@sha256:'* ]] || fail "$(mica images --history)"
	mica images --history | tr -s ' ' >table
	[ "$(head -n 1 table)" = "REPOSITORY TAG IMAGE ID CREATED SIZE HISTORY" ]
	grep -qE ' [0-9]+ B localhost/layout:latest, localhost/b:latest, localhost/a:latest$' table
	run -125 --separate-stderr mica images nothing
	assert_error 'nothing: image not known'
}

@test "images: one that does not say when it was created" {
	image a
	[ "$(mica images --format '{{.CreatedAt}}|{{.Created}}|{{.CreatedAtRaw}}')" = '<unknown>|0|' ]
	[ "$(mica images --json | jq -r '.[0].createdat')" = '<unknown>' ]
	image b 1970-01-01T00:00:00Z
	[[ $(mica images --format '{{.CreatedAt}}' b) == *" years ago" ]]
}

@test "images --filter: each one by what it lets pass" {
	image a 2026-01-01T00:00:00Z '{"k":"v","x":"1"}'
	image b 2026-02-01T00:00:00Z '{"k":"w"}'
	image quay.io/me/c:1.2 2026-03-01T00:00:00Z
	image d 2026-04-01T00:00:00Z
	mica untag d
	[ "$(names --filter dangling=true)" = "<none>:<none> " ]
	[ "$(names --filter dangling=false)" = "localhost/a:latest localhost/b:latest quay.io/me/c:1.2 " ]
	[ "$(names -f label=k)" = "localhost/a:latest localhost/b:latest " ]
	[ "$(names -f label=k=v)" = "localhost/a:latest " ]
	[ "$(names -f label=k -f label=x=1)" = "localhost/a:latest " ]
	[ "$(names -f label=k,label=x=1)" = "localhost/a:latest " ]
	[ "$(names -f 'label!=k' -f dangling=false)" = "quay.io/me/c:1.2 " ]
	[ "$(names -f before=b)" = "localhost/a:latest " ]
	[ "$(names -f since=b -f dangling=false)" = "quay.io/me/c:1.2 " ]
	[ "$(names -f after=b -f dangling=false)" = "quay.io/me/c:1.2 " ]
	[ "$(names -f until=2026-01-15T00:00:00Z)" = "localhost/a:latest " ]
	[ "$(names -f "id=$(mica images -q b)")" = "localhost/b:latest " ]
	[ "$(names -f reference=a)" = "localhost/a:latest " ]
	[ "$(names -f 'reference=*/me/*')" = "quay.io/me/c:1.2 " ]
	[ "$(names -f reference=c)" = "quay.io/me/c:1.2 " ]
	[ "$(names -f 'reference=*/c')" = "quay.io/me/c:1.2 " ]
	[ "$(names -f "reference=quay.io/me/c:1.2@$(mica images --format '{{.Digest}}' c)")" = "quay.io/me/c:1.2 " ]
	[ "$(names -f reference=c:1.2 -f reference=b)" = "localhost/b:latest quay.io/me/c:1.2 " ]
	[ "$(names -f readonly=true)" = "" ]
	[ "$(names -f intermediate=true)" = "" ]
	[ "$(names -f intermediate=false -f readonly=false -f reference=a)" = "localhost/a:latest " ]
	mica from --name w --quiet a >/dev/null
	[ "$(names -f containers=true)" = "localhost/a:latest " ]
	[ "$(names -f containers=false -f dangling=false)" = "localhost/b:latest quay.io/me/c:1.2 " ]
	mica manifest create list a >/dev/null
	[ "$(names -f manifest=true)" = "localhost/list:latest " ]
	[ "$(names -a b)" = "localhost/b:latest " ]
	run -125 --separate-stderr mica images -f colour=red
	assert_error "unknown filter 'colour', known are: after, before, "
	run -125 --separate-stderr mica images -f dangling=perhaps
	assert_error "filter 'dangling': 'perhaps' is not 'true' or 'false'"
	run -125 --separate-stderr mica images -f dangling
	assert_error 'invalid image filter "dangling": must be in the format "filter=value or filter!=value"'
	run -125 --separate-stderr mica images -f until=soon
	assert_error "filter 'until': 'soon' is no duration"
}

@test "images --format: buildah's fields, docker's fields, tables" {
	image quay.io/me/c:1.2 2026-03-01T00:00:00Z '{"k":"v"}'
	[ "$(mica images --format '{{.Name}} {{.Tag}}' | tr -s ' ')" = "quay.io/me/c 1.2" ]
	[ "$(mica images --format '{{.Repository}}:{{.Tag}}')" = "quay.io/me/c:1.2" ]
	[ "$(mica images --format '{{.CreatedAtRaw}}' | tr -s ' ')" = "2026-03-01 00:00:00 +0000 UTC" ]
	[ "$(mica images --format '{{.CreatedAtRaw.Unix}} {{.CreatedAtRaw.Format "Jan 2, 2006"}}' | tr -s ' ')" = "1772323200 Mar 1, 2026" ]
	[ "$(mica inspect --type image --format '{{.OCIv1.Created.Year}} {{.OCIv1.Created.Format "2006-01-02"}}' c:1.2)" = "2026 2026-03-01" ]
	[ "$(mica images --format '{{index .Labels "k"}}')" = v ]
	[ "$(mica images --format '{{.Names}} {{len .RepoTags}} {{.Dangling}} {{.IsManifestList}} {{.SharedSize}}' | tr -s ' ')" = '[quay.io/me/c:1.2] 1 false false N/A' ]
	[ "$(mica version --format '{{.Version}} {{.Client.Version}} {{.Server.Os}}')" = "$(mica version --json | jq -r '[.version, .version, "linux"] | join(" ")')" ]
	[ "$(mica version --format json)" = "$(mica version --json)" ]
	[ "$(mica images --format 'table {{.Repository}} {{.ID}}' | head -n 1 | tr -s ' ')" = "REPOSITORY IMAGE ID" ]
	[ "$(mica images --noheading --format 'table {{.Repository}}')" = quay.io/me/c ]
	[ "$(mica images --format json | jq -r .Repository)" = quay.io/me/c ]
	run -125 --separate-stderr mica images --format '{{.Nmae}}'
	assert_error "there is no field 'Nmae' here, known are: .*Name"
}

@test "what images say of themselves does not move the cursor of a terminal, and is whole in a pipe" {
	esc=$(printf 'a\033]52;c;cm0=\007\302\233b')
	mica from -q --name c scratch
	mica config --label "x=$esc" --author "$esc" c
	: >"$esc"
	mica copy -q c "$esc" / >/dev/null
	mica commit -q c loud
	for what in 'inspect --format "{{index .Config.Labels \"x\"}} {{.Author}}"' inspect 'history --format json' diff; do
		run -0 script -qec "'$MICA_BIN' --root '$MICA_ROOT' $what loud" /dev/null
		[[ "$output" != *[$'\033\007']* && "$output" != *$'\302\233'* ]]
	done
	[ "$(mica inspect --format '{{index .Config.Labels "x"}}' loud)" = "$esc" ]
	[ "$(mica diff loud)" = "A /$esc" ]
}

@test "images --sort, --format table, and names of other tools for what is asked" {
	printf 'FROM scratch\nLABEL a=1\n' | mica build -q --timestamp 100 -t z.example/b:1 -t a.example/c:2 -
	printf 'FROM scratch\nENV LONGER_THAN_THE_OTHER=1\n' | mica build -q --timestamp 50 -t m.example/a:3 -
	while read -r key order; do
		[ "$(mica images --sort "$key" --noheading --format '{{.Name}}:{{.Tag}}' | tr '\n' ' ')" = "$order " ] ||
			fail "$key: $(mica images --sort "$key")"
	done <<-'END'
		created z.example/b:1 a.example/c:2 m.example/a:3
		repository a.example/c:2 m.example/a:3 z.example/b:1
		tag z.example/b:1 a.example/c:2 m.example/a:3
		size z.example/b:1 a.example/c:2 m.example/a:3
	END
	[ "$(mica images -q --sort repository | wc -l)" = 2 ]
	[ "$(mica images --json --sort id | jq -r '.[].id')" = "$(mica images --json | jq -r '.[].id' | sort)" ]
	run -125 --separate-stderr mica images --sort age
	assert_error "option '--sort': 'age' is not one of 'created', 'id', 'repository', 'size', 'tag'"
	cmp <(mica images --format table) <(mica images)
	# and nothing, as of a variable that is not set
	cmp <(mica images --format '') <(mica images)
	cmp <(mica inspect --format '' b:1) <(mica inspect b:1)
	cmp <(mica version --format '') <(mica version)
	mica info --format '' | jq -e .host.os >/dev/null
	cmp <(mica history --format table b:1) <(mica history b:1)
	[ "$(mica history --format '{{.CreatedAt}}' b:1 | sort -u)" = 1970-01-01T00:01:40Z ]
	mica from -q --name c scratch
	cmp <(mica ps --format table) <(mica ps)
	[ "$(mica inspect --size --format '{{.Os}}' b:1)" = linux ]
	[[ "$(mica tree b:1)" == *'Tags:     [z.example/b:1 a.example/c:2]'* ]]
	: >one
	for made in 'one z.example/b:1' 'two one' 'three one'; do
		read -r name base <<<"$made"
		printf 'FROM %s\nLABEL is=%s\nCOPY one /%s\n' "$base" "$name" "$name" | mica build -q -t "$name" -f - . >/dev/null
	done
	mica tree --whatrequires one | sed -n 's/ ID: [0-9a-f]\{12\} Size: [^T]*//p' >got
	diff - got <<-'END'
		└──Top Layer of: [localhost/one:latest]
		    ├──Top Layer of: [localhost/two:latest]
		    └──Top Layer of: [localhost/three:latest]
	END
	mica rmi three two one
	mica save -q -o a.tar --format docker-archive z.example/b:1 a.example/c:2
	[ "$(mica load -q -i a.tar)" = $'Loaded image: z.example/b:1\nLoaded image: a.example/c:2' ]
	mica save -q -o dd --format docker-dir b:1
	[[ "$(mica load -q -i dd)" == 'Loaded image: sha256:'* ]]
	mica from -q --name base z.example/b:1
	[ "$(mica system df --format '{{.Type}} {{.Total}} {{printf "%s%d" .Active .Active}}' | head -n 2)" = $'Images 2 11\nContainers 2 00' ]
	mica rm base
	[ "$(mica rmi --ignore --no-prune nothere m.example/a:3 | head -n 1)" = 'untagged: m.example/a:3' ]
	run -125 mica rmi nothere
}

@test "tag and untag: several names, all names, and names of other images" {
	image a
	image b
	mica tag a x y:2 quay.io/z
	[ "$(names)" = "localhost/a:latest localhost/b:latest localhost/x:latest localhost/y:2 quay.io/z:latest " ]
	mica untag a x quay.io/z
	[ "$(names)" = "localhost/a:latest localhost/b:latest localhost/y:2 " ]
	run -125 --separate-stderr mica untag a b
	assert_error "b: tag not known"
	mica untag a
	[ "$(names)" = "<none>:<none> localhost/b:latest " ]
	run -125 --separate-stderr mica tag nothing c
	assert_error "nothing: image not known"
	run -125 --separate-stderr mica tag b "c@sha256:$(printf '%064d' 0)"
	assert_error "a tag cannot be a digest"
}

@test "rmi: a name, the last name, an ID, --force, --prune, --all" {
	image a
	image b
	image c
	mica tag a a2
	[ "$(mica rmi a2)" = "untagged: localhost/a2:latest" ]
	id=$(mica images -q --no-trunc b | cut -d : -f 2)
	[ "$(mica rmi "${id:0:9}")" = "untagged: localhost/b:latest
$id" ]
	mica tag a a2
	id=$(mica images -q a)
	run -125 --separate-stderr mica rmi "$id"
	assert_error "unable to delete image '$id' by ID with more than one tag"
	mica rmi -f "$id" >/dev/null
	[ "$(names)" = "localhost/c:latest " ]
	mica from --name w --quiet c >/dev/null
	run -125 --separate-stderr mica rmi c
	assert_error "image is in use by a container: 'w'"
	mica rmi --force c >/dev/null
	[ -z "$(mica containers -q)" ]
	image d
	image e
	mica untag d
	mica rmi --prune >/dev/null
	[ "$(names)" = "localhost/e:latest " ]
	mica rmi --all >/dev/null
	[ -z "$(mica images -q)" ]
	run -125 --separate-stderr mica rmi --all x
	assert_error 'when using the --all switch'
	run -125 --separate-stderr mica rmi
	assert_error 'image name or ID must be specified'
	run -125 --separate-stderr mica rmi x y
	# shellcheck disable=SC2154 # set by run
	[ "$(grep -c 'image not known\|no image' <<<"$stderr")" = 2 ]
	assert_clean_store
}

@test "history: --format, --json, --no-trunc, --quiet, --human" {
	mica pull -q "oci:$MICA_CACHE/busybox:latest" >/dev/null
	mica history busybox | head -n 1 | tr -s ' ' | grep -qE '^(ID|IMAGE) CREATED CREATED BY SIZE COMMENT$'
	mica history busybox | grep -q 'made by a test'
	[[ $(mica history -q busybox | head -n 1) =~ ^[0-9a-f]{12}$ ]]
	[[ $(mica history -q --no-trunc busybox | head -n 1) =~ ^(sha256:)?[0-9a-f]{64}$ ]]
	[ "$(mica history --format '{{.CreatedBy}}' busybox)" = 'made by a test' ]
	mica history --json busybox | jq -e '.[0]' >/dev/null
	[ "$(mica history --human=false --format '{{.Size}}' busybox)" = "$(gunzip -c <"$(layer_blob busybox)" | wc -c)" ]
}

@test "sizes are those without compression, whatever that is" {
	mkdir ctx
	head -c 3000000 /dev/zero >ctx/f
	printf 'FROM scratch\nCOPY f /\n' >Containerfile
	mica build -q -t gzip -o type=image,name=zstd,compression=zstd -o type=image,name=none,compression=uncompressed -f Containerfile ctx
	local bytes
	bytes=$(wc -c <"$(layer_blob none)")
	for name in none gzip zstd; do
		[ "$(mica history --human=false --format '{{.Size}}' $name)" = "$bytes" ]
		[ "$(mica images --noheading --format '{{.Size}}' $name)" = '3 MB' ]
		[ "$(mica inspect --format '{{gt .Size '"$bytes"'}} {{lt .Size 3010000}}' $name)" = 'true true' ]
		mica tree $name | grep -q '^└── ID: [0-9a-f]* Size: 3 MB '
	done
	[ "$(wc -c <"$(layer_blob zstd)")" -lt 10000 ]
	rm -r "$MICA_ROOT/cache" # zstd does not tell
	[ "$(mica images --noheading --format '{{.Size}}' gzip)" = '3 MB' ]
}

steps() { # [OPTION...]: IDs of intermediate images
	mica images -a -q --no-trunc -f intermediate=true "$@" | sort
}

@test "--layers keeps an image for each instruction, until what was built with it goes" {
	mica pull -q "oci:$MICA_CACHE/busybox" >/dev/null
	mica tag "$(mica images -q)" busybox
	containerfile <<-'X'
		FROM busybox AS one
		RUN echo 1 >/one
		ENV A=1
		FROM busybox
		RUN mkdir /hello
		EXPOSE 80
		COPY --from=one /one /one
		LABEL x=y
	X
	mica build -q -t plain ctx
	[ -z "$(steps)" ]
	mica build -q --layers --layer-label kept=yes -t a ctx
	[ "$(steps | wc -l)" -eq 5 ]
	[ "$(names -f dangling=true)" = "" ]
	[ "$(names -a | grep -o '<none>:<none>' | wc -l)" -eq 5 ]
	[ "$(mica images -a -q -f intermediate=false | sort)" = "$(mica images -q | sort)" ]
	[ "$(config_of a | jq -c .config.Labels)" = '{"x":"y"}' ]
	mica fsck
	BUILDAH_LAYERS=true mica build -q --layer-label kept=yes -t b ctx
	[ "$(steps | wc -l)" -eq 5 ] # the same
	local id first
	first=$(steps | while read -r id; do
		[ "$(mica inspect --format '{{len .OCIv1.RootFS.DiffIDs}} {{.OCIv1.Config.Env}}' "$id" | grep -c '^2 .*A=1')" = 0 ] || echo "$id"
	done)
	[ "$(mica inspect --format '{{.OCIv1.Config.Labels.kept}}' "$first")" = yes ]
	[[ $(mica history "$first") == *"ENV A=1"* ]]
	mica from --name w "$first" >/dev/null
	[ "$(mica run w cat /one)" = 1 ]
	mica rm w >/dev/null
	mica prune >/dev/null # it is not dangling
	mica rmi --prune
	[ "$(steps | wc -l)" -eq 5 ]
	mica rmi "$first"
	[ "$(steps | wc -l)" -eq 4 ]
	mica build -q --layers --layer-label kept=yes -t a ctx
	mica tag "$first" named
	[ "$(steps | wc -l)" -eq 4 ] # it is an image of its own now
	mica untag named
	[ "$(mica images -q --no-trunc -f dangling=true)" = "$first" ]
	mica rmi a b plain
	[ -z "$(steps)" ]
	[ "$(mica images -q --no-trunc -f dangling=true)" = "$first" ]
	mica rmi "$first"
	assert_clean_store
}

@test "a prune of the step cache takes intermediate images; those of another image stay" {
	mica pull -q "oci:$MICA_CACHE/busybox" >/dev/null
	mica tag "$(mica images -q)" busybox
	containerfile <<-'X'
		FROM busybox
		RUN echo 1 >/one
		RUN echo 2 >/two
	X
	mica build -q --layers -t a ctx
	[ "$(steps | wc -l)" -eq 1 ]
	mica prune --build-cache --dry-run | grep -q '^image sha256:'
	[ "$(steps | wc -l)" -eq 1 ]
	mica prune --build-cache --filter until=24h >/dev/null
	[ "$(steps | wc -l)" -eq 1 ]
	mica du --format '{{.Type}} {{.Total}}' | grep -q '^Images 2$'
	mica prune --build-cache >/dev/null
	[ -z "$(steps)" ]
	mica run a cat /one /two
	# another result of the same steps needs them, too
	mica build -q --layers -t a ctx
	mica build -q --layers --label more=1 -t b ctx
	mica rmi a
	[ "$(steps | wc -l)" -eq 1 ]
	mica rmi -a
	[ -z "$(steps)" ]
	assert_clean_store
}

@test "called buildah, a step is the image that a build of no more makes, prune leaves it, and rmi tells of it" {
	b() { ./buildah --root "$MICA_ROOT" "$@"; }
	ln -s "$MICA_BIN" buildah
	printf 'FROM scratch\nLABEL a=b\n' | b build -q -t base -
	printf 'FROM base\nCOPY Containerfile /one\n' >one
	containerfile <<-'X'
		FROM base
		COPY Containerfile /one
		COPY Containerfile /two
	X
	one=$(b build -q --layers -f one ctx)
	b build -q --layers -t two ctx
	[ "$(b images -a -q | wc -l)" = 3 ]
	b rmi "$one"
	two=$(b build -q --layers -t two ctx)
	[ "$(steps)" = "sha256:$one" ]
	[ -z "$(b prune)" ]
	[ "$(steps)" = "sha256:$one" ]
	[ "$(b rmi two)" = "untagged: localhost/two:latest"$'\n'"$two"$'\n'"$one" ]
	# what joins a list is an image of its own, and has its steps
	two=$(b build -q --layers --manifest list ctx)
	one=$(steps)
	[ "$(b images --noheading | cut -d ' ' -f 1 | sort | tr '\n' ' ')" = '<none> localhost/base localhost/list ' ]
	b manifest rm list
	[ "$(b rmi "$two")" = "$two"$'\n'"${one#sha256:}" ]
	# a step and what a build makes of no more are one manifest
	b build -q --layers --rm=false -t two ctx
	b build -q --layers -f one ctx
	[ "$(b images -a --noheading | wc -l)" = 3 ]
	# containers of them, the last included
	[ "$(b containers --format '{{.ContainerName}}' | sort | tr '\n' ' ')" = 'two-working-container two-working-container-1 ' ]
	# and is as old as it was said to be
	b build -q --no-cache --layers --timestamp 100 -t two ctx
	run -0 b build --layers --cache-ttl 1h -t two ctx
	[[ "$output" == *'STEP 3/3'* && "$output" != *'Using cache'* ]]
}

@test "image prune -a --filter until: what has no date stays; buildah's prune tells names, then IDs" {
	image undated
	image old 2026-01-01T00:00:00Z
	mica image prune -a --filter until=2026-06-01T00:00:00Z >/dev/null
	[ "$(names)" = "localhost/undated:latest " ]
	image old 2026-01-01T00:00:00Z
	mica tag old older
	mica untag undated
	ln -s "$MICA_BIN" buildah
	{ mica images -q --no-trunc old && mica images -q --no-trunc -f dangling=true; } | sed 's/^sha256://' | sort >ids
	./buildah --root "$MICA_ROOT" prune -af >said
	[ "$(head -n 2 said | sort | tr '\n' ' ')" = "untagged: localhost/old:latest untagged: localhost/older:latest " ]
	tail -n +3 said | sort | cmp - ids
	[ "$(wc -l <ids)" -eq 2 ]
}

@test "called buildah, a container that is not known is not asked for in registries" {
	ln -s "$MICA_BIN" buildah
	run -125 --separate-stderr ./buildah --root "$MICA_ROOT" run nosuch ls
	[ "$stderr" = "Error: 'nosuch': container not known" ]
	run -125 --separate-stderr ./buildah --root "$MICA_ROOT" from --pull-never nosuch
	[ "$stderr" = "Error: nosuch: image not known" ]
	run -125 --separate-stderr ./buildah --root "$MICA_ROOT" exec c ls
	[[ "$stderr" == *"'buildah run CONTAINER COMMAND'"* ]]
}
