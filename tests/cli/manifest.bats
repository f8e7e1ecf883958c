#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# mica manifest: lists of images.
load lib

setup_file() {
	file_setup registry busybox peers
	make_images
}
teardown_file() { file_teardown; }
setup() { test_setup; }
teardown() { test_teardown; }

# docker.io/library/three: an index for amd64, arm64 and s390x; docker.io/library/one: an image for riscv64.
make_images() {
	mkdir "$T/three"
	printf 'FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Containerfile /\n' >"$T/three/Containerfile"
	"$MICA_BIN" --root "$T/made" build -q --platform linux/amd64,linux/arm64,linux/s390x -t three "$T/three"
	"$MICA_BIN" --root "$T/made" build -q --platform linux/riscv64 -t one "$T/three"
	"$MICA_BIN" --root "$T/made" push -q --all three "$REG/library/three"
	"$MICA_BIN" --root "$T/made" push -q one "$REG/library/one"
}

archs() { # LIST
	mica manifest inspect "$1" | jq -r '.manifests[].platform.architecture' | paste -sd ' '
}

digest_in() { # LIST ARCH
	mica manifest inspect "$1" | jq -r --arg a "$2" '.manifests[] | select(.platform.architecture == $a).digest'
}

build_for() { # ARCH NAME
	mica build -q --platform "linux/$1" -t "$2" "$T/three" >/dev/null
}

@test "create, add, remove: a list grows and shrinks" {
	run --separate-stderr mica manifest create list
	[ "$status" = 0 ]
	[[ $output =~ ^[0-9a-f]{64}$ ]]
	mica manifest inspect list | jq -e '.schemaVersion == 2 and .mediaType == "application/vnd.oci.image.index.v1+json" and .manifests == []'
	assert_clean_store
	build_for amd64 a
	build_for arm64 b
	run --separate-stderr mica manifest add list a
	[ "$status" = 0 ]
	[ "$output" = "$(sha <(skopeo inspect --raw "oci:$MICA_ROOT:localhost/list:latest")): $(digest_in list amd64)" ]
	mica manifest add localhost/list:latest b
	[ "$(archs list)" = 'amd64 arm64' ]
	[ "$(digest_in list arm64)" = "sha256:$(skopeo inspect --raw --override-arch arm64 "oci:$MICA_ROOT:localhost/b:latest" | sha256sum | cut -d ' ' -f 1)" ]
	# again changes nothing
	mica manifest add list b
	[ "$(archs list)" = 'amd64 arm64' ]
	digest=$(digest_in list amd64)
	run --separate-stderr mica manifest remove list "$digest"
	[[ $output =~ ^[0-9a-f]{64}:\ $digest$ ]]
	[ "$(archs list)" = arm64 ]
	mica manifest remove list b
	[ "$(archs list)" = '' ]
	run --separate-stderr mica manifest remove list "$digest"
	assert_error "has no image 'sha256:"
	# what the list was before is no image
	[[ $(mica images -a) != *'<none>'* ]]
	assert_clean_store
}

@test "a list has an ID from its beginning to its end, whatever is in it" {
	id=$(mica manifest create list)
	other=$(mica manifest create other)
	[ "$id" != "$other" ]
	build_for amd64 a
	build_for arm64 b
	mica manifest add "$id" a
	mica manifest add "sha256:$id" b
	mica manifest add "$other" b
	[ "$(archs list) | $(archs "$other")" = 'amd64 arm64 | arm64' ]
	[ "$(mica manifest create --amend list)" = "$id" ]
	mica manifest annotate --variant v8 "$id" b
	mica manifest remove "$id" a
	[ "$(archs "$id")" = arm64 ]
	mica manifest push -q "$id" "oci:$PWD/out:x"
	jq -e '.manifests[0].annotations | keys == ["org.opencontainers.image.ref.name"]' out/index.json
	mica tag "$id" second
	mica manifest rm "$id"
	run -1 mica manifest exists list
	mica rmi second "$other" a b
	run -1 mica manifest exists "$id"
	run -125 --separate-stderr mica manifest add "$id" a
	assert_error "$id: image not known"
	assert_clean_store
}

@test "create with images, --amend, --all and --annotation" {
	build_for amd64 a
	mica manifest create --annotation by=me list a docker://docker.io/library/one
	[ "$(archs list)" = 'amd64 riscv64' ]
	[ "$(mica manifest inspect list | jq -r .annotations.by)" = me ]
	run --separate-stderr mica manifest create list a
	assert_error "'localhost/list:latest': that name is already in use"
	mica manifest create --amend list docker.io/library/three
	host=$(dpkg --print-architecture)
	[ "$(archs list)" = "amd64 riscv64" ] || [ "$(archs list)" = "amd64 riscv64 $host" ]
	mica manifest create --amend --all list docker.io/library/three
	[ "$(archs list | tr ' ' '\n' | sort -u | paste -sd ' ')" = 'amd64 arm64 riscv64 s390x' ]
	# what was fetched for it has no name
	[ "$(mica images --format '{{.Repository}}' | sort | paste -sd ' ')" = 'localhost/a localhost/list' ]
	run --separate-stderr mica manifest create --amend a
	assert_error "'a' is an image, not a list"
	run --separate-stderr mica manifest create list2 docker.io/library/nothing
	assert_error 'docker.io/library/nothing'
	run -1 mica manifest exists list2
	assert_clean_store
}

@test "add from a registry: one platform, the one that is said, or all" {
	mica manifest create one >/dev/null
	mica manifest add one docker://docker.io/library/three
	[ "$(archs one)" = "$(dpkg --print-architecture)" ]
	mica manifest create other >/dev/null
	mica manifest add --arch s390x other docker://docker.io/library/three
	[ "$(archs other)" = s390x ]
	[ "$(skopeo inspect --raw --config --override-arch s390x "oci:$MICA_ROOT:localhost/other:latest" | jq -r .config.Labels.arch)" = s390x ]
	mica manifest create all >/dev/null
	run --separate-stderr mica manifest add --all all docker://docker.io/library/three
	[ "$status" = 0 ]
	[[ $output == *": sha256:$(skopeo inspect --raw --tls-verify=false "docker://$REG/library/three" | sha256sum | cut -d ' ' -f 1)" ]]
	[ "$(archs all)" = 'amd64 arm64 s390x' ]
	# an image that is for one platform only can be said to be for another
	mica manifest add --arch arm --variant v7 --os-version 1.2 --os-features f,g --features h --annotation k=v --annotation l=w all docker://docker.io/library/one
	mica manifest inspect all | /usr/bin/jq -c '.manifests[3] | [.platform, .annotations]' >got
	echo '[{"architecture":"arm","os":"linux","os.version":"1.2","os.features":["f","g"],"variant":"v7","features":["h"]},{"k":"v","l":"w"}]' | diff - got
	mica prune >/dev/null
	assert_clean_store
	run --separate-stderr mica manifest add nothere docker://docker.io/library/one
	assert_error nothere
	run --separate-stderr mica manifest add --artifact all x
	assert_error "cannot open 'x'"
	run --separate-stderr mica manifest add --artifact --artifact-annotation x all "$T/three/Containerfile"
	assert_error "'x' is not KEY=VALUE"
	run --separate-stderr mica manifest add --artifact --all all x
	assert_error "'--all' and '--artifact' exclude each other"
	run --separate-stderr mica manifest add all one x
	assert_error "one image at a time: 'x'"
}

layers_here() { # how many blobs of layers are in the store; the images of this file have one layer, and the same
	LC_ALL=C grep -laP '\A\x1f\x8b' "$MICA_ROOT"/blobs/sha256/* | wc -l
}

@test "layers stay in the registry until they are needed" {
	mica manifest create --all list docker://docker.io/library/three >/dev/null
	mica tag list other
	[ "$(layers_here)" = 0 ]
	assert_clean_store
	# its own repository has all of it
	mica manifest push -q list "docker://$REG/library/three:list"
	[ "$(layers_here)" = 0 ]
	mica manifest push -q other oci:out:x
	[ "$(layers_here)" = 1 ]
	skopeo copy -q --all oci:out:x dir:copy
	mica rmi -a -f >/dev/null
	mica manifest create list >/dev/null
	mica manifest add --arch s390x list docker://docker.io/library/three >/dev/null
	printf 'FROM list\n' | mica build -q --platform linux/s390x -t built -
	[ "$(layers_here)" = 1 ]
	mica from -q --name c scratch >/dev/null
	for using in 'from -q --name base list' 'save -o saved.tar list' 'push -q --compression-format zstd list oci:pushed:x' 'copy -q --from list c /Containerfile /copied'; do
		mica rmi -a -f >/dev/null
		mica manifest create --all list docker://docker.io/library/three >/dev/null
		read -r -a words <<<"$using"
		mica "${words[@]}" >/dev/null
		[ "$(layers_here)" = 1 ]
		[[ $using != from* ]] || mica rm base >/dev/null
	done
	mica rmi -a -f >/dev/null
	mica manifest create list docker://docker.io/library/one >/dev/null
	mica manifest push -q --compression-format zstd list oci:zstd:x
	assert_clean_store
}

@test "annotate changes what is said of an image, and nothing else" {
	mica manifest create --all list docker://docker.io/library/three >/dev/null
	digest=$(digest_in list arm64)
	mica manifest inspect list >before
	run --separate-stderr mica manifest annotate --variant v8 --os-version 7 --os-features x --features y --annotation a=1 list "$digest"
	[[ $output =~ ^[0-9a-f]{64}:\ $digest$ ]]
	mica manifest annotate --annotation b=2 list "$digest"
	mica manifest inspect list | jq -e '.manifests[1] | .platform.variant == "v8" and .platform."os.version" == "7" and
		.platform."os.features" == ["x"] and .platform.features == ["y"] and .annotations == {a: "1", b: "2"}'
	[ "$(mica manifest inspect list | jq -c '[.manifests[0, 2]]')" = "$(jq -c '[.manifests[0, 2]]' before)" ]
	run --separate-stderr mica manifest annotate --os x list sha256:0000000000000000000000000000000000000000000000000000000000000000
	assert_error 'has no image'
	run --separate-stderr mica manifest annotate --annotation novalue list "$digest"
	assert_error 'KEY=VALUE'
}

@test "push sends the list with its images, and --rm removes it" {
	mica manifest create --all list docker://docker.io/library/three docker://docker.io/library/one >/dev/null
	mica manifest inspect list >before
	mica manifest push -q --all --digestfile digest list "docker://$REG/pushed:1"
	skopeo inspect --raw --tls-verify=false "docker://$REG/pushed:1" >there
	[ "sha256:$(sha there)" = "$(cat digest)" ]
	[ "$(/usr/bin/jq -cS . there)" = "$(/usr/bin/jq -cS . before)" ]
	for arch in amd64 arm64 s390x riscv64; do
		skopeo copy -q --src-tls-verify=false --override-arch $arch "docker://$REG/pushed:1" "dir:$arch"
		[ "$(skopeo inspect --raw --config dir:$arch | jq -r .config.Labels.arch)" = $arch ]
	done
	mica pull -q --arch riscv64 "$REG/pushed:1"
	[ "$(skopeo inspect --raw --config "oci:$MICA_ROOT:$REG/pushed:1" | jq -r .architecture)" = riscv64 ]
	mica manifest push -q list oci:out:x
	skopeo copy -q --all oci:out:x dir:fromlayout
	# the list alone, when its images are there
	mica manifest push -q --all=false list "docker://$REG/pushed:2"
	run --separate-stderr mica manifest push -q --all=false list "docker://$REG/elsewhere:1"
	[ "$status" = 125 ]
	run --separate-stderr mica manifest push --all=false --format v2s2 list "docker://$REG/pushed:3"
	assert_error 'cannot be given another format'
	# in another form its images have other digests, with the same content
	run -0 --separate-stderr mica manifest push --format v2s2 --digestfile digest list "docker://$REG/pushed:3"
	[[ "$stderr" == *'Writing manifest list to image destination' ]]
	skopeo inspect --raw --tls-verify=false "docker://$REG/pushed:3" >there
	[ "sha256:$(sha there)" = "$(cat digest)" ]
	jq -e '.mediaType == "application/vnd.docker.distribution.manifest.list.v2+json" and ([.manifests[].mediaType] | unique) == ["application/vnd.docker.distribution.manifest.v2+json"]' there
	[ "$(jq -c '[.manifests[].platform.architecture]' there)" = "$(jq -c '[.manifests[].platform.architecture]' before)" ]
	[ "$(skopeo inspect --config --override-arch s390x --tls-verify=false "docker://$REG/pushed:3" | jq -r .config.Labels.arch)" = s390x ]
	mica manifest push -q --format oci --digestfile digest list dir:same
	cmp before <(mica manifest inspect list)
	[ "$(/usr/bin/jq -cS . same/manifest.json)" = "$(/usr/bin/jq -cS . before)" ]
	# a failure that may pass is tried again, and waited for
	begin=$(date +%s%N)
	run -125 --separate-stderr mica manifest push -q --retry 2 --retry-delay 300ms list "docker://127.0.0.1:1/x"
	[ $(($(date +%s%N) - begin)) -ge 600000000 ]
	run -125 --separate-stderr timeout 15 "$MICA_BIN" --root "$MICA_ROOT" manifest push -q --retry 30 --retry-delay 1ms list "docker://127.0.0.1:1/x"
	mica manifest push -q --rm list "docker://$REG/pushed:4"
	run -1 mica manifest exists list
	assert_clean_store
}

@test "exists and rm" {
	run -1 mica manifest exists list
	mica manifest create --all list docker://docker.io/library/three >/dev/null
	run -0 mica manifest exists list
	build_for amd64 image
	run --separate-stderr mica manifest exists image
	assert_error 'is an image, not a list'
	run --separate-stderr mica manifest rm image
	assert_error 'is an image, not a list'
	run --separate-stderr mica manifest inspect nothere
	assert_error 'nothere'
	mica tag list again
	run --separate-stderr mica manifest rm list
	[ "$output" = 'untagged: localhost/list:latest' ]
	[ "$(archs again)" = 'amd64 arm64 s390x' ]
	run --separate-stderr mica manifest rm again image
	[ "${lines[0]}" = 'untagged: localhost/again:latest' ]
	[[ ${lines[1]} =~ ^[0-9a-f]{64}$ ]]
	run -1 mica manifest exists again
	mica rmi image
	mica prune -a >/dev/null
	[ -z "$(ls "$MICA_ROOT/blobs/sha256")" ]
}

@test "a list is an image to the other commands" {
	id=$(mica manifest create --all list docker://docker.io/library/three)
	[ "$(mica images -q list | wc -l)" = 1 ]
	mica inspect list | jq -e '.OCIv1.architecture'
	[ "$(mica inspect --type manifest list)" = "$(mica manifest inspect list)" ]
	[ "$(mica inspect -t manifest -f '{{len .manifests}}' list)" = 3 ]
	# there is no image in it, or none for this machine: the list itself
	mica manifest create empty >/dev/null
	[ "$(mica inspect empty)" = "$(mica manifest inspect empty)" ]
	run -125 --separate-stderr mica inspect --type image empty
	assert_error 'does not exist for platform'
	mica manifest create foreign >/dev/null
	mica manifest add --arch s390x foreign docker://docker.io/library/three >/dev/null
	[ "$(mica inspect foreign)" = "$(mica manifest inspect foreign)" ]
	run -125 --separate-stderr mica inspect --type image foreign
	assert_error 'foreign: no image found in manifest list: it does not exist for platform linux/amd64$'
	mica build -q -t image "$T/three"
	run -125 --separate-stderr mica inspect --type manifest image
	assert_error "'image' is an image, not a list of images"
	# it is one that the registry has a list of, or is not
	run -125 --separate-stderr mica manifest inspect image
	assert_error "'image' is an image, not a list of images"
	mica pull -q docker.io/library/three >/dev/null
	[ "$(mica manifest inspect docker.io/library/three | jq -c '[.manifests[].platform.architecture]')" = '["amd64","arm64","s390x"]' ]
	ln -s "$MICA_BIN" buildah
	[ "$(./buildah --root "$MICA_ROOT" images -q --no-trunc list)" = "sha256:$id" ]
	[ "$(mica images -q --no-trunc list)" = "$(mica images --format '{{.Digest}}' list)" ]
	[ "$(mica inspect --type manifest "${id::12}")" = "$(mica manifest inspect list)" ]
	# as buildah: each of the images, where there are several
	printf 'FROM list\n' | ./buildah --root "$MICA_ROOT" build -q --manifest joined --platform linux/s390x,linux/arm64 - | sort >ids
	mica images -q --no-trunc -f dangling=true | cut -d : -f 2 | sort | diff ids -
	[ "$(wc -l <ids)" = 2 ]
	run -125 --separate-stderr ./buildah --root "$MICA_ROOT" manifest inspect localhost:1/none
	[[ $stderr == 'Error: reading image "docker://localhost:1/none": pinging container registry: '* ]] || fail "$stderr"
	[ "$(./buildah --root "$MICA_ROOT" prune -af | grep -v '^untagged: ' | grep -vxE '[0-9a-f]{64}')" = '' ]
	[ -z "$(mica images -q)" ]
	mica manifest create --all list docker://docker.io/library/three >/dev/null
	printf 'FROM list\n' | mica build -q --platform linux/s390x,linux/arm64 -t built -
	[ "$(mica manifest inspect built | jq -r '.manifests[].platform.architecture' | paste -sd ' ')" = 's390x arm64' ]
	mica rmi list
	assert_clean_store
}

@test "changes at the same time are all made" {
	mica manifest create list >/dev/null
	for arch in amd64 arm64 s390x riscv64 ppc64le; do
		build_for $arch $arch
	done
	for arch in amd64 arm64 s390x riscv64 ppc64le; do
		mica manifest add list $arch &
	done
	wait
	[ "$(archs list | tr ' ' '\n' | sort | paste -sd ' ')" = 'amd64 arm64 ppc64le riscv64 s390x' ]
	assert_clean_store
}

@test "build --manifest adds what was built to a list" {
	mica build -q --manifest list --platform linux/amd64 "$T/three"
	mica build -q --manifest list --platform linux/arm64,linux/s390x "$T/three"
	[ "$(archs list)" = 'amd64 arm64 s390x' ]
	[ "$(mica images -a --format '{{.Repository}}')" = localhost/list ]
	mica build -q --manifest list --platform linux/amd64 --label new=1 -t tagged "$T/three"
	[ "$(archs list)" = 'amd64 arm64 s390x amd64' ]
	[ "$(config_of tagged | jq -r .config.Labels.new)" = 1 ]
	run --separate-stderr mica build --manifest tagged "$T/three"
	assert_error "'tagged' is an image, not a list"
	assert_clean_store
}

@test "files are put into a list as an artifact, which is pushed, pulled and kept like an image" {
	mkdir dir && echo one >dir/a && echo '{"c":1}' >c && echo two >b
	build_for amd64 i
	mica manifest create list >/dev/null
	mica manifest add --artifact --artifact-type application/x-t --artifact-config c --artifact-config-type application/x-c \
		--artifact-layer-type text/x --artifact-annotation k=v --artifact-subject i --annotation e=f --os linux --arch arm64 list dir/a b
	run -0 --separate-stderr mica manifest add --artifact --artifact-exclude-titles list b
	mica manifest add list i
	[[ $output =~ ^[0-9a-f]{64}:\ sha256:[0-9a-f]{64}$ ]]
	mica manifest inspect list | jq -e '.manifests[0] | .artifactType == "application/x-t" and .annotations.e == "f" and .platform.architecture == "arm64"'
	made() { jq -c "$2" "$MICA_ROOT/blobs/sha256/$(mica manifest inspect list | jq -r ".manifests[$1].digest[7:]")"; }
	[ "$(made 0 '[.artifactType, .annotations, .config.mediaType, .subject.digest, (.layers | map([.mediaType, .size, .annotations["org.opencontainers.image.title"]]))]')" = \
		"[\"application/x-t\",{\"k\":\"v\"},\"application/x-c\",\"sha256:$(manifest_of i | sha256sum | cut -d ' ' -f 1)\",[[\"text/x\",4,\"a\"],[\"text/x\",4,\"b\"]]]" ]
	[ "$(made 1 '[.artifactType, .config.mediaType, .config.size, .layers[0].mediaType, .layers[0].annotations, .subject]')" = \
		'["application/vnd.unknown.artifact.v1","application/vnd.oci.empty.v1+json",2,"application/octet-stream",null,null]' ]
	mica prune >/dev/null
	assert_clean_store
	# with what the list is about, and beside its image the same in zstd
	run -0 --separate-stderr mica manifest annotate --subject i list
	[[ $output =~ ^[0-9a-f]{64}$ ]]
	[ "$(mica manifest inspect list | jq -r .subject.mediaType)" = application/vnd.oci.image.manifest.v1+json ]
	run -125 --separate-stderr mica manifest annotate --subject i list b
	assert_error 'name the list only'
	# an entry is found by a file that it has, titles or not
	mica manifest annotate --annotation g=h list dir/a
	echo other >afile
	run -125 --separate-stderr mica manifest annotate --annotation g=h list afile
	assert_error afile
	mica manifest add --artifact list afile >/dev/null
	run -0 --separate-stderr mica manifest remove list ./afile
	[ "$(mica manifest inspect list | jq -c '[.manifests[].annotations.g]')" = '["h",null,null]' ]
	printf '[engine]\nadd_compression = ["zstd:chunked"]\n' >conf
	CONTAINERS_CONF=$D/conf mica manifest push -q list "docker://$REG/artifact:1"
	[ "$(skopeo inspect --raw "docker://$REG/artifact:1" | jq -c '[.subject.size > 9, (.manifests | map([.artifactType, .annotations["io.github.containers.compression.zstd"]]))]')" = \
		'[true,[["application/x-t",null],["application/vnd.unknown.artifact.v1",null],[null,null],[null,"true"]]]' ]
	mica --root "$D/other" pull -q --all-platforms "$REG/artifact:1" >/dev/null
	# what is there already is not made again
	mica --root "$D/other" manifest push -q --add-compression zstd:chunked --add-compression zstd --add-compression gzip "$REG/artifact:1" "docker://$REG/artifact:2"
	cmp <(skopeo inspect --raw "docker://$REG/artifact:1") <(skopeo inspect --raw "docker://$REG/artifact:2")
	mica --root "$D/other" fsck
	run -125 --separate-stderr mica manifest push --add-compression xz list "docker://$REG/artifact:3"
	assert_error "'xz' is not one of 'gzip', 'zstd', 'zstd:chunked'"
	run -125 --separate-stderr mica manifest push --all=false --add-compression gzip list "docker://$REG/artifact:3"
	assert_error "cannot be combined with '--all=false'"
}

@test "help knows the family" {
	run --separate-stderr mica manifest
	[ "$status" = 0 ]
	[[ $output == *'mica manifest create'* ]]
	run --separate-stderr mica manifest add --help
	[[ $output == 'Usage: mica manifest add'* ]]
	run --separate-stderr mica help manifest push
	[[ $output == 'Usage: mica manifest push'* ]]
	run --separate-stderr mica manifest frobnicate
	assert_error "unknown command 'manifest frobnicate'"
	run --separate-stderr mica manifest add list
	assert_error "at least 2 arguments"
	# who calls us buildah reads what stands below its headings
	ln -s "$MICA_BIN" buildah
	below() { awk -v title="$1" 'found && !NF { exit } found { print $1 } $0 == title ":" { found = 1 }'; }
	[ "$(./buildah help manifest | below 'Available Commands' | paste -sd ' ')" = 'add annotate create exists inspect push remove rm' ]
	[[ $'\n'$(./buildah | below 'Available Commands')$'\n' == *$'\nlist-tags\n'*$'\nmanifest\n'* ]]
	[ "$(./buildah manifest add --help | below Usage -)" = $'buildah\nbuildah' ]
	run -0 --separate-stderr ./buildah manifest frobnicate
	[ "$output" = "$(./buildah manifest --help)" ]
	[ "$output" = "$(./buildah help manifest)" ]
	[[ $output == *$'\nUsage:\n  buildah manifest [command]\n\nExamples:\n  buildah manifest create'* && $output != *'mica '* ]]
	[[ $(./buildah from --help) == *$'\nUsage:\n  buildah from [flags] IMAGE\n\nExamples:\n  c=$(buildah from debian)\n  buildah run $c apt-get update\n'*$'\nFlags:\n  --cidfile='* ]]
	# what could not be pulled, in buildah's words
	run -125 --separate-stderr ./buildah --root "$MICA_ROOT" pull --retry 0 docker.io/no/such
	[[ $stderr == *'Error: initializing source docker://docker.io/no/such:latest: '* ]]
}

@test "the peer makes and reads the same lists" {
	mica manifest create --all list docker://docker.io/library/three docker://docker.io/library/one >/dev/null
	mica manifest push -q --all list "docker://$REG/peer:mica"
	buildah manifest create list >/dev/null
	buildah manifest add --all list "docker://$REG/peer:mica" >/dev/null
	what='[.manifests[] | [.digest, .size, .mediaType, .platform.architecture]] | sort'
	[ "$(buildah manifest inspect list | jq -c "$what")" = "$(mica manifest inspect list | jq -c "$what")" ]
	buildah manifest push -q --all list "docker://$REG/peer:buildah"
	mica manifest create --all back "docker://$REG/peer:buildah" >/dev/null
	[ "$(mica manifest inspect back | jq -c "$what")" = "$(mica manifest inspect list | jq -c "$what")" ]
}
