#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where a build's result goes, and the form that it has there. skopeo, umoci and tar read what is written.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
}

teardown() {
	! mountpoint -q "$D/full" || umount "$D/full"
	test_teardown
}

# Owners, modes, hard and symbolic links, an attribute, something removed and replaced, all of it in several layers.
sample() {
	mkdir -p ctx
	echo one >ctx/one
	containerfile <<-'END'
		FROM busybox AS base
		RUN mkdir -m 750 /d && echo a >/d/a && ln /d/a /d/twin && ln -s a /d/link && echo gone >/d/gone && chown 7:8 /d/a && chmod 4755 /d/twin && touch /d/root && chmod 6755 /d/root && chmod 3750 /d
		RUN rm /d/gone /bin/vi && echo b >/d/b && mkfifo /d/fifo
		RUN rm -r /usr/bin && mkdir /usr/bin && echo new >/usr/bin/new
		COPY --chown=3:4 one /srv/one
		RUN mkdir /temp && echo x >/temp/x
		RUN rm -r /temp
	END
}

# The files of an image, by another program: "umoci unpack" of a layout.
unpacked() { # LAYOUT:TAG DIR
	umoci unpack --image "$1" "$2"
	tree_list "$2/rootfs"
}

build() {
	mica build -q "$@" ctx
}

# The names of what was built.
built() {
	mica images --format '{{.Name}}:{{.Tag}}' | grep -v docker.io/library/busybox
}

# skopeo passes over manifests of Docker's types in a layout.
top_manifest() { # LAYOUT [NAME]
	cat "$1/blobs/sha256/$(jq -r --arg n "${2:-}" '.manifests[] | select($n == "" or .annotations."org.opencontainers.image.ref.name" == $n)
		| .digest[7:]' "$1/index.json")"
}

@test "a directory gets the files, the user owns them, and no image is kept" {
	sample
	run --separate-stderr build -o out
	[ "$status" = 0 ]
	[ "$output" = "" ]
	[ -z "$(built)" ]
	[ "$(cat out/d/a out/d/link out/srv/one out/usr/bin/new)" = $'a\na\none\nnew' ]
	[ ! -e out/d/gone ] && [ ! -e out/bin/vi ] && [ ! -e out/usr/bin/old ] && [ ! -e out/temp ]
	# what was daemon's is ours, and does not make us of whoever executes it; nobody else gets there
	[ "$(stat -c '%h %a %U' out/d/a)" = "2 755 $(id -un)" ]
	[ "$(stat -c '%a %F' out out/d out/d/fifo out/d/root)" = $'700 directory\n3750 directory\n644 fifo\n6755 regular empty file' ]
	[ out/d/a -ef out/d/twin ]
	build -t t
	mount_image t m
	[ "$(stat -c %Y m/d/a m/d m/srv/one)" = "$(stat -c %Y out/d/a out/d out/srv/one)" ]
	(cd m && find . | sort) >want
	umount m
	(cd out && find . | sort) >have
	cmp want have
}

@test "a directory that is there is merged into, and links in it lead nowhere else" {
	sample
	mkdir -p out/d out/srv outside
	echo stays >out/d/own
	echo old >out/d/a
	chmod 777 out/d
	ln out/d/a out/d/other
	ln -s "$D/outside" out/usr
	ln -s "$D/outside/file" out/srv/one
	echo outside >outside/file
	build -o type=local,dest=out
	[ "$(cat out/d/own out/d/a out/d/other)" = $'stays\na\nold' ]
	[ "$(stat -c %a out/d)" = 3750 ]
	[ ! -L out/usr ] && [ ! -L out/srv/one ]
	[ "$(ls outside)" = file ] && [ "$(cat outside/file)" = outside ]
}

@test "a tar has the owners, is the same each time and has the layers' removals done" {
	sample
	build --output type=tar,dest=one.tar
	build -o - >two.tar
	cmp one.tar two.tar
	build -o type=tar | cmp one.tar -
	tar --numeric-owner -tvf one.tar >list
	grep -qE '^-rwsr-xr-x 7/8 .* d/a$' list
	grep -qE '^h.* d/twin link to d/a$' list
	grep -qE '^-rw-r--r-- 3/4 .* srv/one$' list
	[ "$(grep -cE '\.wh\.|d/gone|bin/vi$| temp/' list)" = 0 ]
	[ "$(tar -tf one.tar)" = "$(tar -tf one.tar | LC_ALL=C sort)" ]
	echo old >one.tar
	build --output type=tar,dest=one.tar
	cmp one.tar two.tar
}

@test "with a source date epoch all files of a tree have its time" {
	sample
	SOURCE_DATE_EPOCH=1000000000 build -o type=tar,dest=t.tar -o out
	[ "$(tar --full-time -tvf t.tar | awk '{ print $4 }' | sort -u)" = 2001-09-09 ]
	[ "$(find out -mindepth 1 ! -newermt @1000000000 | wc -l)" = "$(find out -mindepth 1 | wc -l)" ]
}

@test "an OCI layout as a tar and as a directory is read by skopeo and umoci" {
	sample
	build -o type=oci,dest=o.tar,name=example.com/a:v1,name=b -o type=oci,dest=o,tar=false,name=b
	[ -z "$(built)" ]
	tar -xOf o.tar index.json | jq -r '.manifests[].annotations | to_entries[] | .value' | sort >names
	[ "$(cat names)" = $'example.com/a:v1\nlatest\nlocalhost/b:latest\nv1' ]
	[ "$(skopeo inspect --raw oci-archive:o.tar:v1)" = "$(skopeo inspect --raw oci:o:latest)" ]
	build -t t -o type=tar,dest=t.tar
	mkdir want
	tar -C want -xpf t.tar
	tree_list want >want.list
	unpacked o:latest bundle >have.list
	diff want.list have.list
	mica load -i o.tar 2>/dev/null || mica pull -q oci-archive:o.tar:example.com/a:v1
	mica inspect --type image example.com/a:v1 >/dev/null
}

@test "a layout that is there keeps its other images" {
	sample
	build -o type=oci,dest=o,tar=false,name=a:1
	build --label x=y -o type=oci,dest=o,tar=false,name=a:2
	build --label x=z -o type=oci,dest=o,tar=false,name=a:2
	[ "$(jq '.manifests | length' o/index.json)" = 2 ]
	[ "$(skopeo inspect oci:o:2 | jq -r .Labels.x)" = z ]
	[ "$(skopeo inspect oci:o:1 | jq -r .Labels)" = null ]
}

@test "options of an empty variable are not there; keys of outputs are read as BuildKit reads them" {
	sample
	build -t e --iidfile= --metadata-file= --output= --secret= --ssh= --add-host= --cache-from= --cache-to= --build-context= --annotation=
	[ "$(built)" = localhost/e:latest ]
	build -o 'TYPE=local, Dest=there'
	[ -e there ]
}

@test "a docker archive has all names, and standard output takes it" {
	sample
	build -t one -t example.com/two:v2 -o type=docker,dest=- >d.tar
	[ "$(tar -xOf d.tar manifest.json | jq -rc '.[0].RepoTags')" = '["one:latest","example.com/two:v2"]' ]
	[ "$(skopeo inspect docker-archive:d.tar:example.com/two:v2 | jq '.Layers | length')" = 7 ]
	[ "$(built | sort)" = $'example.com/two:v2\nlocalhost/one:latest' ]
	# the same file is an image layout
	[ "$(tar -xOf d.tar index.json | jq -c '.manifests[].annotations | [.["io.containerd.image.name"], .["org.opencontainers.image.ref.name"]]')" = \
		$'["docker.io/library/one:latest","latest"]\n["example.com/two:v2","v2"]' ]
	[ "$(skopeo inspect oci-archive:d.tar:v2 | jq '.Layers | length')" = 7 ]
	mica --root "$D/other" pull -q oci-archive:d.tar:v2 >id
	[ "$(cat id)" = "$(mica inspect --format '{{.FromImageID}}' example.com/two:v2)" ]
	build -t localhost/one -o type=docker,dest=- >d.tar
	[ "$(tar -xOf d.tar manifest.json | jq -rc '.[0].RepoTags')" = '["localhost/one:latest"]' ]
}

@test "several outputs come from one build, and only one may have standard output" {
	sample
	build -t all -o out -o type=tar,dest=t.tar -o type=oci,dest=o.tar -o type=docker,dest=d.tar -o type=image,name=other
	[ -d out/bin ] && [ -s t.tar ] && [ -s o.tar ] && [ -s d.tar ]
	mica inspect --type image other all >/dev/null
	run --separate-stderr build -o - -o type=oci
	assert_error 'only one can go to standard output'
}

@test "layers are compressed as an output wants them" {
	sample
	build -t plain
	build -o type=oci,dest=z,tar=false,compression=zstd -o type=oci,dest=u,tar=false,compression=uncompressed,force-compression=true \
		-o type=oci,dest=g,tar=false,compression=gzip,compression-level=9,force-compression=true
	[ "$(skopeo inspect --raw oci:z | jq -r '.layers[].mediaType' | sort | uniq -c | awk '{ print $1, $2 }')" = "$(
		printf '%s\n' '1 application/vnd.oci.image.layer.v1.tar+gzip' '6 application/vnd.oci.image.layer.v1.tar+zstd'
	)" ]
	[ "$(skopeo inspect --raw oci:u | jq -r '.layers[].mediaType' | sort -u)" = application/vnd.oci.image.layer.v1.tar ]
	[ "$(skopeo inspect --raw oci:g | jq -r '.layers[].mediaType' | sort -u)" = application/vnd.oci.image.layer.v1.tar+gzip ]
	for kind in z u g; do
		[ "$(skopeo inspect --raw --config oci:$kind | jq -c .rootfs)" = "$(config_of plain | jq -c .rootfs)" ]
	done
	[ "$(skopeo inspect --raw oci:u | jq -r '.layers[].digest')" = "$(config_of plain | jq -r '.rootfs.diff_ids[]')" ]
	skopeo copy -q oci:z dir:z.dir
}

@test "a tag with a transport is written there in buildah's form, and is no name in the store" {
	mkdir ctx
	echo one >ctx/one
	containerfile <<<$'FROM busybox\nCOPY one /'
	build -t "oci:$D/layout:v1" -t "dir:$D/dir" -t "docker-archive:$D/a.tar" --iidfile id
	[ -z "$(built)" ]
	grep -q '^sha256:' id
	[ -s a.tar ]
	# not compressed: a blob of the layout is a layer's tar
	top_manifest layout v1 >m
	[ "$(jq -r '.layers[].mediaType' m | sort -u)" = application/vnd.oci.image.layer.v1.tar ]
	tar tf "layout/blobs/sha256/$(jq -r '.layers[-1].digest[7:]' m)" | grep -qx one
	[ "$(jq -r '.annotations."org.opencontainers.image.created"' m)" = "$(jq -r .created "layout/blobs/sha256/$(jq -r '.config.digest[7:]' m)")" ]
	# the other names are in the store, and its layers stay compressed
	build -D=false --created-annotation=false --format docker -t "oci:$D/second:v1" -t containers-storage:there
	[ "$(built)" = localhost/there:latest ]
	[ "$(top_manifest second v1 | jq -r '.layers[-1].mediaType')" = application/vnd.oci.image.layer.v1.tar+gzip ] # whatever the store has
	run -0 top_manifest second v1
	[[ $output != *annotations* ]]
	run ! mica build -q -t oci: ctx
	[[ $output == *"option '--tag': 'oci:' names nothing after its transport"* ]]
}

@test "--push sends every tag, registry outputs their names, and a push by digest no tag" {
	sample
	run --separate-stderr build -t "$REG/out/one:a" -t "$REG/out/one:b" --push --metadata-file m.json
	[ "$status" = 0 ]
	[ "$(skopeo inspect --tls-verify=false "docker://$REG/out/one:a" | jq -r .Digest)" = "$(jq -r '."containerimage.digest"' m.json)" ]
	[ "$(skopeo inspect --tls-verify=false "docker://$REG/out/one:b" | jq '.Layers | length')" = 7 ]
	build -o "type=registry,name=$REG/out/two:x" -o "type=image,push=true,store=false,\"name=$REG/out/three:x,$REG/out/four:x\""
	skopeo inspect --tls-verify=false "docker://$REG/out/two:x" >/dev/null
	skopeo inspect --tls-verify=false "docker://$REG/out/three:x" >/dev/null
	skopeo inspect --tls-verify=false "docker://$REG/out/four:x" >/dev/null
	mica inspect --type image "$REG/out/two:x" >/dev/null
	run mica inspect --type image "$REG/out/three:x"
	[ "$status" = 125 ]
	build -o "type=image,name=$REG/out/five,push-by-digest=true,name-canonical=true,push=true" --metadata-file m.json
	[ "$(jq -r '."image.name"' m.json)" = "$REG/out/five" ]
	skopeo inspect --raw --tls-verify=false "docker://$REG/out/five@$(jq -r '."containerimage.digest"' m.json)" >/dev/null
	run skopeo inspect --raw --tls-verify=false "docker://$REG/out/five:latest"
	[ "$status" != 0 ]
	run --separate-stderr build -t 127.0.0.1:1/x --push --retry 0
	assert_error 'cannot push to 127.0.0.1:1/x'
	run --separate-stderr build --push
	assert_error "'--push' needs a '--tag'"
}

@test "the metadata file and the ID file say what was made, and are not left by a build that fails" {
	sample
	build -t m --metadata-file m.json --iidfile id
	[ "$(jq -r '."containerimage.config.digest"' m.json)" = "$(image_id m)" ]
	[ "$(cat id)" = "$(image_id m)" ]
	[ "$(jq -r '."image.name"' m.json)" = localhost/m:latest ]
	[ "$(jq -r '."containerimage.descriptor".digest' m.json)" = "sha256:$(manifest_of m | sha256sum | cut -d ' ' -f 1)" ]
	[ "$(jq -r '."containerimage.descriptor".platform.os' m.json)" = linux ]
	[ "$(jq -r 'keys[]' m.json)" = $'containerimage.config.digest\ncontainerimage.descriptor\ncontainerimage.digest\nimage.name' ]
	containerfile <<-'END'
		FROM busybox
		RUN exit 3
	END
	run build -t m --metadata-file m.json --iidfile id
	[ "$status" = 3 ]
	[ ! -e m.json ] && [ ! -e id ]
}

@test "--squash makes one layer of what is new, with the same tree and the same history" {
	sample
	build -t plain
	run --separate-stderr mica build --squash -t squashed ctx
	[ "$status" = 0 ]
	[[ $stderr == *' 0 run, '* ]]
	[ "$(manifest_of plain | jq '.layers | length')" = 7 ]
	[ "$(manifest_of squashed | jq '.layers | length')" = 2 ]
	[ "$(manifest_of squashed | jq -c '.layers[0]')" = "$(manifest_of plain | jq -c '.layers[0]')" ]
	[ "$(config_of squashed | jq -c '[.history[].created_by]')" = "$(config_of plain | jq -c '[.history[].created_by]')" ]
	[ "$(config_of squashed | jq '[.history[] | select(.empty_layer | not)] | length')" = 2 ]
	for kind in plain squashed; do
		in_image "$kind" true # unpacks it
		mount_image "$kind" "m.$kind"
		tree_list "m.$kind" >"$kind.list"
		skopeo copy -q "oci:$MICA_ROOT:localhost/$kind:latest" "oci:l:$kind"
		unpacked "l:$kind" "b.$kind" >"$kind.umoci"
		umount "m.$kind"
	done
	diff plain.list squashed.list
	diff plain.umoci squashed.umoci
	mkdir layer
	tar -tf "$MICA_ROOT/blobs/sha256/$(manifest_of squashed | jq -r '.layers[1].digest[7:]')" >names
	[ "$(grep -F .wh. names)" = $'bin/.wh.vi' ]
	assert_clean_store
	id=$(image_id squashed)
	build --squash -t squashed
	[ "$(image_id squashed)" = "$id" ]
}

links_of() { # IMAGE
	printf 'FROM %s\nRUN find / -xdev -type f ! -name links | sort | xargs stat -c "%%h %%n" >/links\n' "$1" |
		mica build -q --network=none --no-cache -t on-it - >/dev/null
	in_image on-it cat /links
}

@test "--squash-all makes one layer of everything" {
	sample
	build -t plain
	links_of plain >links
	build --squash-all -t flat
	[ "$(manifest_of flat | jq '.layers | length')" = 1 ]
	[ "$(config_of flat | jq '.history | length')" = 1 ]
	tar -tf "$MICA_ROOT/blobs/sha256/$(manifest_of flat | jq -r '.layers[0].digest[7:]')" >names
	[ "$(grep -cF .wh. names)" = 0 ]
	mica build -q -t plain -o type=tar,dest=plain.tar ctx
	mica build -q --squash-all -t flat -o type=tar,dest=flat.tar ctx
	cmp plain.tar flat.tar
	[ "$(mica run --rm flat cat /d/b)" = b ]
	containerfile <<-'END'
		FROM flat
		COPY one /two
	END
	build -t on-it
	[ "$(manifest_of on-it | jq '.layers | length')" = 2 ]
	# a command counts the names that a file has in the image, not in the store
	links_of plain | diff links -
	links_of flat | diff links -
	assert_clean_store
}

@test "a squash of steps that leave nothing has one layer without files" {
	containerfile <<-'END'
		FROM busybox
		RUN echo x >/x
		RUN rm /x
		LABEL a=b
	END
	build --squash -t none
	[ "$(config_of none | jq -r '.rootfs.diff_ids[1:][]')" = "$EMPTY_LAYER" ]
	[ "$(config_of none | jq -c '[.history[1:][] | .empty_layer]')" = '[true,null,true]' ]
}

@test "--squash with a source date epoch is the same image another time" {
	sample
	SOURCE_DATE_EPOCH=1700000000 build --squash -t a
	SOURCE_DATE_EPOCH=1700000000 build --squash --no-cache -t b
	[ "$(image_id a)" = "$(image_id b)" ]
}

@test "--omit-history leaves it out" {
	sample
	build --omit-history -t t
	[ "$(config_of t | jq .history)" = null ]
	mica history t
	printf 'FROM t\nLABEL a=b\n' | mica build -q -t on-it -
	[ "$(config_of on-it | jq '.history | length')" = 1 ]
}

@test "docker's format has its media types and no annotations" {
	sample
	build --format docker --annotation a=b -t t
	[ "$(top_manifest "$MICA_ROOT" localhost/t:latest | jq -r '.mediaType, .config.mediaType, .layers[0].mediaType, .annotations')" = "$(
		printf '%s\n' application/vnd.docker.distribution.manifest.v2+json application/vnd.docker.container.image.v1+json \
			application/vnd.docker.image.rootfs.diff.tar.gzip null
	)" ]
	BUILDAH_FORMAT=docker build -t env
	[ "$(top_manifest "$MICA_ROOT" localhost/env:latest | jq -r .mediaType)" = application/vnd.docker.distribution.manifest.v2+json ]
	BUILDAH_FORMAT=docker build --format oci -t oci -o type=oci,dest=d,tar=false,oci-mediatypes=false
	[ "$(manifest_of oci | jq -r .mediaType)" = application/vnd.oci.image.manifest.v1+json ]
	[ "$(top_manifest d | jq -r .config.mediaType)" = application/vnd.docker.container.image.v1+json ]
	run --separate-stderr build --format v2
	assert_error "'v2' is not one of 'oci', 'docker'"
	run -125 --separate-stderr mica build -o 'type=oci,dest=a"b' ctx
	assert_error "option '--output' is invalid: 'type=oci,dest=a\"b': bare \" in non-quoted-field"
}

@test "annotations go to the manifest that they are for" {
	sample
	build --annotation plain=1 --annotation 'manifest:m=2' --annotation "manifest[linux/$(dpkg --print-architecture)]:p=3" \
		--annotation 'manifest[linux/s390x]:no=4' --annotation bare --created-annotation -t t
	[ "$(manifest_of t | jq -c '.annotations | del(."org.opencontainers.image.created")')" = '{"bare":"","m":"2","p":"3","plain":"1"}' ]
	[ "$(manifest_of t | jq -r '.annotations."org.opencontainers.image.created"')" = "$(config_of t | jq -r .created)" ]
	build -o 'type=oci,dest=o,tar=false,annotation.k=v,annotation-manifest.l=w'
	[ "$(skopeo inspect --raw oci:o | jq -c .annotations)" = '{"k":"v","l":"w"}' ]
	# known before anything runs
	printf 'FROM busybox\nRUN echo must-not-run\n' >ctx/never
	for o in --annotation=index:a=b --output=type=oci,dest=never.tar,annotation-index.a=b; do
		run -125 --separate-stderr mica build --network=none --progress=plain --no-cache -f ctx/never "$o" ctx
		assert_error "'a' is for an index"
		[[ $stderr != *must-not-run* ]] || fail "a step was run: $stderr"
	done
	run --separate-stderr build --annotation nonsense:a=b
	assert_error "'nonsense' is not one of 'manifest', 'index'"
}

@test "labels and annotations of the base image are taken over, or not" {
	printf 'FROM busybox\nLABEL base=1\n' | mica build -q -t base --annotation from=base --annotation un=set -
	printf 'FROM base\nLABEL own=2\n' >f
	mica build -q -f f -t plain "$D"
	[ "$(config_of plain | jq -c .config.Labels)" = '{"base":"1","own":"2"}' ]
	[ "$(manifest_of plain | jq -c .annotations)" = null ]
	mica build -q -f f -t other --inherit-labels=false --inherit-annotations --unsetannotation un "$D"
	[ "$(config_of other | jq -c .config.Labels)" = '{"own":"2"}' ]
	[ "$(manifest_of other | jq -c .annotations)" = '{"from":"base"}' ]
	# who names one wants the others
	mica build -q -f f -t other --unsetannotation un "$D"
	[ "$(manifest_of other | jq -c .annotations)" = '{"from":"base"}' ]
	mica build -q -f f -t other --inherit-annotations=false --unsetannotation un "$D"
	[ "$(manifest_of other | jq -c .annotations)" = null ]
}

# The one document in a store's or layout's blobs that is a statement about an image.
statement() { # BLOBS
	grep -l predicateType "$1"/* | xargs cat
}

@test "provenance goes with an image when it is asked for, in the form of docker buildx" {
	mkdir ctx
	echo verysecret >secret
	containerfile <<-END
		FROM busybox AS unused
		RUN false
		FROM quay.io/base
		ARG A
		ADD http://$REG/v2/ /v2
		RUN --mount=type=secret,id=s [ "\$A" = arg ]
	END
	mica tag "$(mica pull -q busybox)" quay.io/base
	build=(build --network=none --build-arg A=arg --label l=m --secret "id=s,src=secret")
	"${build[@]}" --provenance=mode=min,builder-id=me --metadata-file meta -t "$REG/attested" --push
	curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$REG/v2/attested/manifests/latest" >index
	image=$(jq -r '.manifests[0].digest' index)
	jq -e --arg image "$image" '.manifests[0].platform.os == "linux" and (.manifests | length) == 2 and (.manifests[1] |
		.platform == {architecture: "unknown", os: "unknown"} and
		.annotations == {"vnd.docker.reference.digest": $image, "vnd.docker.reference.type": "attestation-manifest"})' index
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REG/v2/attested/manifests/$(jq -r '.manifests[1].digest' index)" >manifest
	jq -e '.layers[0].mediaType == "application/vnd.in-toto+json" and
		.layers[0].annotations."in-toto.io/predicate-type" == "https://slsa.dev/provenance/v0.2"' manifest
	curl -sf "http://$REG/v2/attested/blobs/$(jq -r '.layers[0].digest' manifest)" >statement
	jq -e --arg image "${image#*:}" --arg reg "$REG" --arg added "$(printf '{}' | sha256sum | cut -c 1-64)" '
		.subject == [{name: "pkg:docker/\($reg)/attested@latest?platform=linux%2Famd64", digest: {sha256: $image}}] and
		.predicateType == "https://slsa.dev/provenance/v0.2" and (.predicate | .builder.id == "me" and
		([.materials[].uri] == ["pkg:docker/quay.io/base@latest?platform=linux%2Famd64", "http://\($reg)/v2/"]) and
		.materials[1].digest.sha256 == $added and .invocation.configSource.entryPoint == "Containerfile" and
		.invocation.parameters == {frontend: "dockerfile.v0", args: {"force-network-mode": "none"}, locals: [{name: "context"}, {name: "dockerfile"}]} and
		.metadata.completeness == {parameters: false, environment: true, materials: false})' statement
	jq -e --slurpfile s statement '."buildx.build.provenance" == $s[0].predicate' meta
	# the image is the one that it is without
	"${build[@]}" --build-arg P=http://me:verysecret@proxy/ --attest=type=provenance,version=v1 -o type=oci,dest=out,tar=false
	[ "$(jq -r '.manifests[0].digest' out/index.json)" != "$image" ] && [ -e "out/blobs/sha256/${image#*:}" ]
	statement out/blobs/sha256 | jq -e '.subject == [] and .predicateType == "https://slsa.dev/provenance/v1" and
		.predicate.buildDefinition.externalParameters.request == {frontend: "dockerfile.v0",
			args: {"build-arg:A": "arg", "build-arg:P": "http://*************@proxy/", "force-network-mode": "none", "label:l": "m"}, secrets: [{id: "s", optional: true}],
			locals: [{name: "context"}, {name: "dockerfile"}]} and
		(.predicate.runDetails.metadata | .buildkit_completeness.request and
			(.buildkit_metadata.source.infos[0].data | @base64d | test("RUN --mount=type=secret")))'
	run -1 grep -r verysecret out
	mica rmi -a -f >/dev/null
	mica pull -q "$REG/attested"
	in_image "$REG/attested" cat /v2
	assert_clean_store
}

@test "attestations are of both platforms, and no others than those that are asked for" {
	mkdir ctx
	printf 'FROM scratch\nCOPY Containerfile /\n' >ctx/Containerfile
	build --platform=linux/amd64,linux/arm64 --provenance=true -o type=oci,dest=out,tar=false
	top_manifest out | jq -e '[.manifests[].platform.architecture] == ["amd64", "arm64", "unknown", "unknown"] and
		([.manifests[2:][].annotations."vnd.docker.reference.digest"] == [.manifests[:2][].digest])'
	build --provenance=false --sbom=false --attest type=sbom,disabled=true --attest type=provenance,disabled=true -t t
	[ "$(jq -r '.manifests[0].mediaType' "$MICA_ROOT/index.json")" = application/vnd.oci.image.manifest.v1+json ]
	while IFS='|' read -r options wanted; do
		# shellcheck disable=SC2086
		run --separate-stderr build $options
		assert_error "$wanted"
	done <<-'END'
		--sbom=generator=x,y=z|option '--sbom': 'y=z' is not one of 'generator=IMAGE'
		--attest=type=sbom --pull=never|the generator of '--sbom': .*docker/buildkit-syft-scanner:stable-1
		--sbom=true -o out|no room for '--sbom'
		--attest=x|'x' is neither
		--provenance=mode=all|option '--provenance': mode: 'all' is not 'min' or 'max'
		--provenance=mode=min,x=y|'x' is not one of 'mode'
		--attest=type=provenance,version=v2|version: 'v2' is not
		--provenance=true -o out|no room for '--provenance'
		--provenance=true -o type=docker,dest=out.tar|no room for '--provenance'
		--provenance=true --format=docker|an image in docker's format cannot
		--provenance=true --manifest=m|cannot be combined with '--manifest'
		--cw=type=snp|option '--cw' is not supported
		--encrypt=key|option '--encrypt' is not supported
	END
}

@test "what makes no sense is refused before anything is built, by name" {
	containerfile <<-'END'
		FROM busybox
		RUN touch /ran
	END
	mkdir dir
	touch file
	while read -r output message; do
		run --separate-stderr build -o "$output"
		assert_error "$message"
		[[ $stderr != *ran* ]]
	done <<-'END'
		type=oci,dest=x,colour=red 'colour' is not known for 'type=oci'
		type=local,dest=x,compression=gzip 'compression' has no meaning for 'type=local'
		type=floppy,dest=x 'type=floppy' is not one of
		type=tar,dest=dir 'dir' is a directory
		type=local,dest=file 'file' is not a directory
		type=local needs 'dest=DIRECTORY'
		type=local,dest=- needs 'dest=DIRECTORY'
		type=tar,dest=none/t.tar cannot write to 'none'
		type=image,dest=x an image has a 'name'
		type=image,push=true a push needs 'name=
		type=oci,dest=x,compression=bzip2 'compression=bzip2' is not one of
		type=oci,dest=x,compression-level=x 'compression-level=x' is not a number
		type=oci,dest=x,tar=maybe neither true nor false
		type=oci,dest=x,name=UPPER option '--output'
		type=oci,dest is not KEY=VALUE
	END
	run --separate-stderr script -qec "'$MICA_BIN' --root '$MICA_ROOT' build -o - ctx" /dev/null
	[[ $output == *'refusing to write an archive to a terminal'* ]]
	# a build that would write nothing, whatever is thought of its output
	printf 'FROM busybox\nRUN false\n' | containerfile
	run --separate-stderr build -o type=local,dest=/
	assert_error 'in the root directory would replace those of this machine'
}

@test "an output that cannot be written leaves no name and no file" {
	sample
	mkdir -p ro full
	mount -t tmpfs -o size=64k full full || skip "only root can make a small file system"
	run --separate-stderr build -t t -o type=tar,dest=full/t.tar
	assert_error "output 'type=tar,dest=full/t.tar'"
	# what an archive takes is known before it is begun
	for type in oci docker; do
		run --separate-stderr build -t t -o "type=$type,dest=full/new.tar"
		assert_error "output 'type=$type,dest=full/new.tar': there is no room for it: no space left on device [(][0-9]+ bytes are free in 'full', at least [0-9]{7} are needed[)]\$"
	done
	# a directory that was not there is not left half full; what was there is its user's
	run --separate-stderr build -t t -o type=local,dest=full/out
	assert_error "output 'type=local,dest=full/out'.* no space left.* [(]([0-9]|[1-9][0-9]{,3}) bytes are free in 'full/out', at least [0-9]+ are needed[)]"
	[ -z "$(ls -A full)" ]
	echo own >full/own
	run --separate-stderr build -t t -o full
	assert_error "output 'full'.* no space left.* [(][0-9]+ bytes are free in 'full', at least [0-9]+ are needed[)]"
	[ "$(cat full/own)" = own ]
	umount full
	[ -z "$(built)" ]
	assert_clean_store
}

@test "several platforms: a directory each, one index, and annotations of it" {
	mkdir ctx
	echo x >ctx/x
	containerfile <<-'END'
		FROM scratch
		ARG TARGETARCH
		COPY x /$TARGETARCH
		COPY x /two
	END
	local both='--platform=linux/amd64,linux/arm64'
	build "$both" --squash --annotation index:i=1 --annotation 'manifest[linux/arm64]:a=2' --annotation manifest-descriptor:d=3 \
		-o out -o type=tar,dest=t.tar -o type=local,dest=one,platform-split=false -o type=oci,dest=o,tar=false,name=x:y --metadata-file m.json
	[ "$(cd out && find . -type f | sort)" = $'./linux_amd64/amd64\n./linux_amd64/two\n./linux_arm64/arm64\n./linux_arm64/two' ]
	[ "$(tar -tf t.tar)" = $'linux_amd64/\nlinux_amd64/amd64\nlinux_amd64/two\nlinux_arm64/\nlinux_arm64/arm64\nlinux_arm64/two' ]
	[ "$(ls one)" = $'amd64\narm64\ntwo' ]
	top_manifest o y >index
	[ "$(jq -c .annotations index)" = '{"i":"1"}' ]
	[ "$(jq -c '[.manifests[].annotations]' index)" = '[{"d":"3"},{"d":"3"}]' ]
	for arch in amd64 arm64; do
		skopeo inspect --raw --override-arch "$arch" "oci:o:y" >/dev/null
		file=o/blobs/sha256/$(jq -r --arg a $arch '.manifests[] | select(.platform.architecture == $a) | .digest[7:]' index)
		[ "$(jq '.layers | length' "$file")" = 1 ]
		jq -r .annotations.a "$file"
	done >annotations
	[ "$(cat annotations)" = $'null\n2' ]
	[ "$(jq -r '."containerimage.digest"[7:]' m.json)" = "$(sha index)" ]
	[ "$(jq -r '."containerimage.config.digest"' m.json)" = null ]
	build "$both" -o type=docker,name=x,oci-mediatypes=false
	[ "$(top_manifest "$MICA_ROOT" localhost/x:latest | jq -r '.mediaType, .manifests[0].mediaType')" = "$(
		printf '%s\n' application/vnd.docker.distribution.manifest.list.v2+json application/vnd.docker.distribution.manifest.v2+json
	)" ]
	run --separate-stderr build "$both" -o early -o type=docker,dest=d.tar
	assert_error 'a docker-archive holds images of one platform'
	[ ! -e d.tar ] && [ ! -e early ] || fail "built before it was refused: $stderr"
	build -o type=local,dest=single,platform-split=true
	[ -e "single/linux_$(dpkg --print-architecture)/two" ]
}

@test "outputs and squashed layers are the same without the kernel's overlay" {
	sample
	build -t plain -o type=tar,dest=plain.tar
	build -t plain --squash -o type=oci,dest=plain,tar=false,name=a:b
	for driver in fuse-overlayfs copy; do
		[ $driver = copy ] || command -v fuse-overlayfs >/dev/null || continue
		STORAGE_DRIVER=$driver build -o type=tar,dest=$driver.tar
		cmp plain.tar $driver.tar
		STORAGE_DRIVER=$driver build --squash -o type=oci,dest=$driver,tar=false,name=a:b
		cmp plain/index.json $driver/index.json
	done
}
