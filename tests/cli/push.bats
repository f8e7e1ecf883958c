#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# push and manifest push in another form, what they write beside it, and lists of registries.
load lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mica pull -q busybox >/dev/null
	mica tag busybox b
}

teardown() {
	test_teardown
}

there() { # NAME: the manifest in the registry
	skopeo inspect --raw --tls-verify=false "docker://$REG/$1"
}

layer_types() { # NAME
	there "$1" | jq -r '.layers[].mediaType' | sort -u
}

@test "push --compression-format, --compression-level, --disable-compression: the layers change, the store's do not" {
	before=$(mica inspect --type image --format '{{.Digest}}' b)
	mica push -q --compression-format zstd b "$REG/zstd"
	[ "$(layer_types zstd)" = application/vnd.oci.image.layer.v1.tar+zstd ]
	mica push -q --compression-format zstd:chunked --compression-level 19 --force-compression b "$REG/zstd19"
	# a table of its files, compressed, is where the annotations say, and the blob ends with the same in binary
	there zstd19 >with
	there zstd >without
	key=io.github.containers.zstd-chunked.manifest
	IFS=' :' read -r digest at size plain kind < <(jq -r ".layers[0] | [.digest, .annotations[\"$key-position\"]] | join(\" \")" with | sed 's/^sha256://')
	curl -s "http://$REG/v2/zstd19/blobs/sha256:$digest" >blob
	[ "$(tail -c +$((at + 1)) blob | head -c "$size" | sha256sum | cut -c -64)" = "$(jq -r ".layers[0].annotations[\"$key-checksum\"][7:]" with)" ]
	[ "$(tail -c 64 blob | od -An -t u8 -w32 -N 32 | xargs)" = "$at $size $plain $kind" ]
	[ "$(tail -c 8 blob)" = GNUlInUx ]
	[ "$(jq '.layers[0].annotations' without)" = null ]
	[ "$(jq '.layers[0].size' with)" -lt "$(jq '.layers[0].size' without)" ]
	mica push -q -D b "$REG/plain"
	[ "$(layer_types plain)" = application/vnd.oci.image.layer.v1.tar ]
	mica push -q --compression-level 9 b "$REG/gzip9"
	[ "$(layer_types gzip9)" = application/vnd.oci.image.layer.v1.tar+gzip ]
	mica push -q --compression-format gzip --format v2s2 b "$REG/docker"
	[ "$(there docker | jq -r .mediaType)" = application/vnd.docker.distribution.manifest.v2+json ]
	[ "$(layer_types docker)" = application/vnd.docker.image.rootfs.diff.tar.gzip ]
	# to where a layout's readers look for OCI's documents, unless it is said
	mica pull -q "$REG/docker" >/dev/null
	mica push -q "$REG/docker" oci:layout
	mica push -q --compression-level 1 --format v2s2 "$REG/docker" oci:said
	mica save -q --format oci-archive -o saved.tar "$REG/docker"
	mkdir saved && tar -xf saved.tar -C saved
	for what in layout saved said; do
		jq -r '.mediaType, .config.mediaType, .layers[0].mediaType' "$what/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' $what/index.json)"
	done | cut -d. -f 2 >types
	[ "$(xargs <types)" = 'oci oci oci oci oci oci docker docker docker' ]
	# Docker's format has no zstd: who asks for both is told, who asks for zstd alone gets the other format
	mica pull -q "$REG/zstd19" >/dev/null
	for what in "--compression-format zstd b" "$REG/zstd19"; do
		# shellcheck disable=SC2086 # words
		run -125 --separate-stderr mica push -q --format v2s2 $what "$REG/none"
		assert_error 'zstd compression is not supported for docker images'
	done
	mica push -q --compression-format zstd:chunked "$REG/zstd19" "$REG/same"
	cmp <(there same) with
	mica push -q --compression-format gzip "$REG/zstd19" "$REG/other"
	[ "$(there other | jq '.layers[0].annotations')" = null ]
	mica untag "$REG/zstd19"
	mica push -q --compression-format zstd "$REG/docker" "docker://$REG/docker:zstd"
	[ "$(there docker:zstd | jq -r .mediaType)" = application/vnd.oci.image.manifest.v1+json ]
	[ "$(layer_types docker:zstd)" = application/vnd.oci.image.layer.v1.tar+zstd ]
	mica untag "$REG/docker"
	[ "$(mica inspect --type image --format '{{.Digest}}' b)" = "$before" ]
	# what was sent is the same image
	mica pull -q "$REG/zstd" >/dev/null
	[ "$(mica images -q "$REG/zstd")" = "$(mica images -q b)" ]
	[ "$(in_image "$REG/zstd" echo works)" = works ]
	assert_clean_store
}

@test "push: compressions and formats that are not" {
	for bad in '--compression-format=lzma|is not one of .gzip., .zstd.' '--compression-format=xz|is not supported' \
		'--compression-level=10|is not a level of gzip, 0 to 9' '--format=v2s1|registries no longer take it' '--format=v9|is not one of'; do
		run -125 --separate-stderr mica push "${bad%%|*}" b "$REG/bad"
		assert_error "${bad#*|}"
	done
	run -125 --separate-stderr mica push -D --compression-format gzip b "$REG/bad"
	assert_error "cannot be combined"
	run -125 --separate-stderr mica push "$(mica images -q b)"
	assert_error "is an ID: say where to push it to"
}

@test "push --digestfile, --quiet, --rm, --all; of a manifest list" {
	mica push --digestfile df b "$REG/one" 2>out
	[ "$(cat df)" = "sha256:$(there one | sha256sum | cut -d ' ' -f 1)" ]
	[ -s out ]
	[ -z "$(mica push -q --remove-signatures --signature-policy /x b "$REG/one" 2>&1)" ]
	mica manifest create list b >/dev/null
	mica push -q list "$REG/image"
	there image | jq -e .layers >/dev/null
	mica push -q --all list "$REG/all"
	there all | jq -e '.manifests | length == 1' >/dev/null
	mica push -q --all --rm list "$REG/all"
	run -1 mica manifest exists list
	mica images -q b
}

@test "manifest push: compression and format of every image, --all=false, --digestfile, --rm" {
	mica manifest create list b >/dev/null
	mica manifest push -q --digestfile df --compression-format zstd list "$REG/list"
	[ "$(cat df)" = "sha256:$(there list | sha256sum | cut -d ' ' -f 1)" ]
	digest=$(there list | jq -r '.manifests[0].digest')
	[ "$(layer_types "list@$digest")" = application/vnd.oci.image.layer.v1.tar+zstd ]
	[ "$(there list | jq -r '.manifests[0].platform.os')" = linux ]
	mica manifest push -q --all=false --rm list "docker://$REG/list:again" || true
	mica manifest create list2 b >/dev/null
	mica manifest push -q --rm list2 "$REG/list2"
	run -1 mica manifest exists list2
}

@test "manifest inspect reads a registry's list when the store has none" {
	mica manifest create list b >/dev/null
	mica manifest push -q list "$REG/shown:1"
	mica manifest rm list >/dev/null
	mica manifest inspect --tls-verify=false --authfile "$REGISTRY_AUTH_FILE" "docker://$REG/shown:1" >a
	there shown:1 | jq --indent 4 . >b
	cmp <(/usr/bin/jq -S . a) <(/usr/bin/jq -S . b)
	run -125 --separate-stderr mica manifest inspect "$REG/nothing:1"
	assert_error "cannot read the manifest of $REG/nothing:1"
}

@test "manifest annotate --index: the list's own annotations" {
	mica manifest create list b >/dev/null
	mica manifest annotate --index --annotation k=v list >/dev/null
	[ "$(mica manifest inspect list | jq -r .annotations.k)" = v ]
	run -125 --separate-stderr mica manifest annotate --index --arch arm64 list
	assert_error "'--index' goes with '--annotation' and '--subject' only"
	run -125 --separate-stderr mica manifest annotate --index list b
	assert_error "with '--index' or '--subject' name the list only"
	run -125 --separate-stderr mica manifest annotate list
	assert_error "name the list and an image of it"
	run -125 --separate-stderr mica manifest annotate --subject b list b
	assert_error "name the list only"
	run -125 --separate-stderr mica manifest add --artifact-type=x list b
	assert_error "say what '--artifact' makes"
}

@test "login with DOCKER_CONFIG; login and logout --compat-auth-file" {
	printf 'anna:%s\n' "$(perl -e 'print crypt("secret", q($2y$05$abcdefghijklmnopqrstuu))')" >htpasswd
	start_registry auth REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=tests "REGISTRY_AUTH_HTPASSWD_PATH=$PWD/htpasswd"
	echo -n secret | env -u REGISTRY_AUTH_FILE DOCKER_CONFIG=. "$MICA_BIN" login --tls-verify=false -u anna --password-stdin "$REG"
	jq -e --arg r "$REG" '.auths[$r].auth' config.json
	mica logout --compat-auth-file config.json "$REG"
	run ! jq -e --arg r "$REG" '.auths[$r].auth' config.json
	mica login --compat-auth-file docker.json --tls-verify=false -u anna -p secret "$REG"
	jq -e --arg r "$REG" '.auths[$r].auth' docker.json
	run -125 --separate-stderr mica login --authfile a --compat-auth-file b "$REG"
	assert_error "options for paths to the credential file and to the Docker-compatible credential file can not be set simultaneously"
	run -125 --separate-stderr mica logout --authfile nosuch "$REG"
	assert_error 'credential file is not accessible: stat nosuch: no such file or directory'
}

@test "DOCKER_CONFIG: its config.json is what login writes, and all that is read" {
	mkdir -p docker "$HOME/.docker"
	unset REGISTRY_AUTH_FILE
	echo '{"auths":{"r.example":{"auth":"bWU6YQ=="}},"detachKeys":"x"}' >docker/config.json
	cp docker/config.json "$HOME/.docker"
	[ "$(mica logout r.example)" = "Not logged into r.example with current tool. Existing credentials are in $HOME/.docker/config.json: \
remove them with 'docker logout', or with '--authfile'" ]
	run -125 --separate-stderr env DOCKER_CONFIG=none "$MICA_BIN" login --get-login r.example
	assert_error 'not logged into r.example'
	export DOCKER_CONFIG=docker
	[ "$(mica login --get-login r.example)" = me ]
	mica logout r.example
	jq -e '.auths == {} and .detachKeys == "x"' docker/config.json
	rm -r "$HOME/.docker"
}
