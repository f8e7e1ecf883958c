#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a scanner says is in an image: --sbom and its kin, of build and of commit.
load lib

setup_file() {
	file_setup busybox
	export MICA_ROOT=$T/store # all tests have one: the scanner is made once
	mica tag "$(mica pull -q "oci:$MICA_CACHE/busybox")" localhost/busybox
	mkdir "$T/scanner" "$T/ctx"
	# scan DIRECTORY OUTPUT: each file below opt/ is a package "NAME-VERSION"
	cat >"$T/scanner/scan" <<-'END'
		#!/bin/sh
		cd "$1/opt" || exit 3
		for f in *; do printf '%s\n' "$f"; done | awk -F- -v to="${3:-components}" 'BEGIN { printf "{\"of\":\"it\",\"%s\":[", to }
			to == "components" { printf "%s{\"name\":\"%s\",\"version\":\"%s\",\"purl\":\"pkg:x/%s@%s\"}", s, $1, $2, $1, $2 }
			to == "packages" { printf "%s{\"name\":\"%s\",\"versionInfo\":\"%s\",\"externalRefs\":[{\"referenceCategory\":\"PACKAGE-MANAGER\",\"referenceType\":\"purl\",\"referenceLocator\":\"pkg:y/%s\"}]}", s, $1, $2, $1 }
			{ s = "," } END { printf "]}" }' >"$2"
		echo scanned "$1"
	END
	chmod 755 "$T/scanner/scan"
	printf 'FROM busybox\nCOPY scan /scan\nUSER 1000\n' >"$T/scanner/Containerfile"
	mica build -q -t scanner "$T/scanner"
	mkdir "$T/ctx/opt" "$T/more"
	cp -r "$T/ctx/opt" "$T/more"
	: >"$T/ctx/opt/base-1"
	: >"$T/ctx/opt/own-2"
	: >"$T/more/opt/more-3"
	printf 'FROM busybox\nRUN mkdir /opt; touch /opt/base-1 /opt/lib-5\n' >"$T/ctx/Containerfile"
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	MICA_ROOT=$T/store
	merge="merge-cyclonedx-by-component-name-and-version"
	scanner=(--sbom-scanner-image=scanner '--sbom-scanner-command=/scan {ROOTFS} {OUTPUT}' '--sbom-scanner-command=/scan {CONTEXT} {OUTPUT}')
}

teardown() {
	test_teardown
}

@test "build: image and contexts are scanned, and what is found goes into files and into the image" {
	umask 027
	build=(mica build --network=none "--sbom-merge-strategy=$merge" --build-context "more=$T/more" "${scanner[@]}" --sbom-output=sbom --sbom-purl-output=purls)
	"${build[@]}" --sbom-image-output=/sbom/of/it.json --sbom-image-purl-output=root/purls.json -t made "$T/ctx" 2>log
	grep -q 'scanned /.rootfs$' log
	# the first document is what the others are merged into; a package counts once
	jq -e '.of == "it" and [.components[] | .name] == ["base", "lib", "own", "more"]' sbom
	[ "$(cat purls)" = '{"image_contents":{"dependencies":["pkg:x/base@1","pkg:x/lib@5","pkg:x/more@3","pkg:x/own@2"]}}' ]
	[ "$(stat -c %a sbom)" = 640 ]
	c=$(mica from -q made)
	mica run "$c" sh -c 'cat /sbom/of/it.json /root/purls.json; stat -c "%a %u" /root/purls.json; ls -d /.[a-z]* | wc -l' >in
	cmp in <(cat sbom purls; printf '644 0\n0\n')
	[ "$(manifest_of made | jq '.layers | length')" = 3 ]
	config_of made | jq -e '.history[-1].created_by | test("ADD dir:[0-9a-f]{64} in /$")'
	# the steps are cached as ever; without files for the image it is what it would be without a scanner
	"${build[@]}" -t plain "$T/ctx" 2>&1 | grep -q '1 cached'
	mica build -q --network=none -t unscanned "$T/ctx"
	[ "$(image_id plain)" = "$(image_id unscanned)" ]
	assert_clean_store
}

@test "commit: SPDX, without a context, squashed into the one layer" {
	c=$(mica from -q busybox)
	mica run --network=none "$c" sh -c 'mkdir /opt; touch /opt/a-1 /opt/b-2'
	mica commit -q --squash --pull=never --sbom=syft --sbom-scanner-image=scanner --sbom-merge-strategy=merge-spdx-by-package-name-and-versioninfo \
		'--sbom-scanner-command=/scan {ROOTFS} {OUTPUT} packages' '--sbom-scanner-command=/scan {CONTEXT} {OUTPUT} packages' \
		--sbom-image-output=/sbom.json --sbom-output=sbom --sbom-image-purl-output=/purls --sbom-purl-output=purls "$c" committed
	[ "$(manifest_of committed | jq '.layers | length')" = 1 ]
	[ "$(cat purls)" = '{"image_contents":{"dependencies":["pkg:y/a","pkg:y/b"]}}' ]
	jq -e '[.packages[].versionInfo] == ["1", "2"]' sbom
	cmp <(in_image committed cat /sbom.json /purls) <(cat sbom purls)
}

# A scanner whose command is the one given; with a context that is only read.
scan() { # COMMAND: root's
	mica build -q --network=none --sbom-scanner-image=busybox "--sbom-scanner-command=$1" --sbom-output=out -t "made-$BATS_TEST_NUMBER" "$T/ctx"
}

@test "a scanner may do no more than a RUN, and sees the image and the context read-only" {
	scan 'for d in {ROOTFS} {CONTEXT}; do touch $d/x && exit 1; done; ls -d /.[a-z]* >{OUTPUT}; grep -e CapEff -e NoNew -e Seccomp: /proc/self/status >>{OUTPUT}'
	grep -e CapEff -e NoNew -e Seccomp: <(printf 'FROM busybox\nRUN grep -e CapEff -e NoNew -e Seccomp: /proc/self/status >/tmp/s\n' |
		mica build -q --network=none -o - - | tar -xO tmp/s) >status
	cmp out <(printf '/.context0\n/.rootfs\n/.scans\n'; cat status)
	[ ! -e "$T/ctx/x" ]
}

@test "what a scanner leaves is read as a file of its own or not at all" {
	local row
	while IFS='|' read -r row wanted; do
		run --separate-stderr scan "$row"
		assert_error "$wanted"
		[ ! -e out ]
	done <<-'END'
		ln -s ../../../../etc/passwd {OUTPUT}; : {ROOTFS}|has not written its \{OUTPUT\}
		mkfifo {OUTPUT}; : {ROOTFS}|not a regular file
		mkdir {OUTPUT}; : {ROOTFS}|is not a file but a directory
		truncate -s 100M {OUTPUT}; : {ROOTFS}|larger than
		echo lost {ROOTFS} {OUTPUT} >&2; exit 7|exit status 7
		/no/such/scanner {ROOTFS} {OUTPUT}|/no/such/scanner
	END
	run --separate-stderr mica build -q --network=none --sbom-scanner-image=scanner "--sbom-merge-strategy=$merge" \
		"--sbom-scanner-command=echo '[]' >{OUTPUT}; : {ROOTFS}" --sbom-output=out -t "made-$BATS_TEST_NUMBER" "$T/ctx"
	assert_error 'document 1 of the scanner is not an object'
	run -1 mica exists "made-$BATS_TEST_NUMBER"
}

@test "what cannot be scanned is refused before anything is built" {
	cd "$T/ctx"
	refused() { # PATTERN OPTION...
		run --separate-stderr mica build --network=none "${@:2}"
		assert_error "$1"
		[[ $stderr != *RUN* ]]
	}
	refused "option '--sbom': 'x' is not one of 'syft'" --sbom=x --sbom-output=out
	refused "'x' is not one of 'cat'" --sbom-merge-strategy=x --sbom-output=out
	refused "option '--sbom-output': .*/no/such" "${scanner[@]}" --sbom-merge-strategy=cat --sbom-output=/no/such/file
	refused "option '--sbom-scanner-image': .*ghcr.io/anchore/syft" --pull=never --sbom-output=out
	printf 'FROM scratch\nCOPY scan /\n' >"$D/none"
	refused "option '--sbom-output': one file cannot tell of the images for 2 platforms" --platform linux/amd64,linux/arm64 \
		-f "$D/none" "$T/scanner" "${scanner[@]}" --sbom-merge-strategy=cat --sbom-output=out
}

# A generator of BuildKit's protocol, that writes what the build argument says for each file below opt/.
generator() { # TEXT NAME [MORE]
	mkdir -p gen
	printf '%s' "$1" >gen/text
	printf '%s\n' '#!/bin/sh' 'cd "$BUILDKIT_SCAN_SOURCE/opt" || exit 3' '[ ! -e "$BUILDKIT_SCAN_SOURCE_EXTRAS" ] || exit 4' \
		'sed "s/OPT/$(echo *)/" /text >"$BUILDKIT_SCAN_DESTINATION/it.spdx.json"' "${3:-}" >gen/gen
	chmod 755 gen/gen
	printf 'FROM busybox\nCOPY gen text /\nENTRYPOINT ["/gen"]\nUSER 1000\n' >gen/Containerfile
	mica build -q -t "$2" gen
}

@test "a generator's bill of materials lies beside the image, as docker buildx has it" {
	statement='{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","subject":[{"name":"lie"}],"predicate":{"name":"OPT"}}'
	generator "$statement" generator
	mica build -q --network=none --sbom=generator=generator --provenance=mode=min -t beside -o type=oci,dest=out,tar=false "$T/ctx"
	blob() { cat "out/blobs/sha256/$(jq -r "$1 | .[7:]")"; }
	blob '.manifests[0].digest' <out/index.json | blob '.manifests[1].digest' >attested
	jq -e '[.layers[].annotations."in-toto.io/predicate-type"] == ["https://spdx.dev/Document", "https://slsa.dev/provenance/v0.2"]' attested
	blob '.layers[0].digest' <attested |
		jq -e '.predicate == {name: "base-1 lib-5"} and [.subject[].name] == ["pkg:docker/localhost/beside@latest?platform=linux%2Famd64"]'
	assert_clean_store
	for bad in '{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"other","predicate":{}}' '{"predicateType":"https://spdx.dev/Document","predicate":{}}'; do
		generator "$bad" bad
		run --separate-stderr mica build -q --network=none --attest=type=sbom,generator=bad "$T/ctx"
		assert_error "what the generator wrote: 'it.spdx.json' is n"
	done
	generator "$statement" bad 'truncate -s 64M "$BUILDKIT_SCAN_DESTINATION/more"'
	run --separate-stderr mica build -q --network=none --sbom=generator=bad "$T/ctx"
	assert_error "the generator wrote more than 64 MiB"
}
