#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Encrypted layers, both ways with skopeo.
load lib.bash

setup_file() {
	file_setup registry busybox
	local key
	for key in one two; do
		openssl genrsa -out "$T/$key.pem" 1024 2>/dev/null
		openssl rsa -in "$T/$key.pem" -pubout -out "$T/$key.pub" 2>/dev/null
	done
	openssl rsa -in "$T/one.pem" -aes128 -passout pass:word -out "$T/locked.pem" 2>/dev/null
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mica pull -q busybox >/dev/null
	printf 'FROM busybox\nRUN echo secret text >/secret\n' >Containerfile
	mica build -q -t b . >/dev/null
}

teardown() {
	test_teardown
}

types() { # LAYOUT: of the layers
	jq -r '.layers[].mediaType' "$1/blobs/sha256/$(jq -r '.manifests[0].digest | sub("sha256:"; "")' "$1/index.json")" | xargs
}

@test "what mica encrypts skopeo decrypts, and the reverse" {
	id=$(mica images -q b)
	mica push -q --encryption-key "jwe:$T/one.pub" b oci:sealed:x
	types sealed | grep -qx 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted application/vnd.oci.image.layer.v1.tar+gzip+encrypted'
	run ! skopeo --insecure-policy copy -q --decryption-key "$T/two.pem" oci:sealed:x oci:wrong:x
	skopeo --insecure-policy copy -q --decryption-key "$T/one.pem" oci:sealed:x oci:opened:x
	[ "$(types opened)" = 'application/vnd.oci.image.layer.v1.tar+gzip application/vnd.oci.image.layer.v1.tar+gzip' ]
	mica push -q b oci:plain:x
	# what came out is what went in, to the byte
	for layer in $(jq -r '.layers[].digest | sub("sha256:"; "")' "plain/blobs/sha256/$(jq -r '.manifests[0].digest | sub("sha256:"; "")' plain/index.json)"); do
		cmp "plain/blobs/sha256/$layer" "opened/blobs/sha256/$layer"
		[ ! -e "sealed/blobs/sha256/$layer" ]
	done
	skopeo --insecure-policy copy -q --encryption-key "jwe:$T/one.pub" --encryption-key "jwe:$T/two.pub" oci:plain:x oci:theirs:x
	for key in one two; do
		export MICA_ROOT=$D/$key # which never saw any of it
		mica pull -q --decryption-key "$T/$key.pem" oci:theirs:x
		[ "$(mica images -q localhost/theirs:x)" = "$id" ]
		[ "$(in_image localhost/theirs:x cat /secret)" = 'secret text' ]
	done
	# several keys here, one of them with a password, one layer of two, by a registry
	mica pull -q oci:plain:x
	mica push -q --encryption-key "jwe:$T/one.pub" --encryption-key "jwe:$T/two.pub" --encrypt-layer -1 localhost/plain:x "$REG/sealed"
	skopeo inspect --raw --tls-verify=false "docker://$REG/sealed" | jq -e '[.layers[].mediaType | endswith("+encrypted")] == [false, true]'
	skopeo --insecure-policy copy -q --src-tls-verify=false --decryption-key "$T/two.pem" "docker://$REG/sealed" oci:again:x
	export MICA_ROOT=$D/three
	mica pull -q --decryption-key "$T/two.pem" --decryption-key "$T/locked.pem:pass=word" "$REG/sealed"
	[ "$(mica images -q "$REG/sealed")" = "$id" ]
	export MICA_ROOT=$D/four
	mica pull -q --decryption-key "$T/locked.pem:word" "$REG/sealed"
	assert_clean_store
	# the store is as if it had never been encrypted
	[ "$(grep -rl enc.keys "$MICA_ROOT/blobs" | wc -l)" = 0 ]
	mica push -q "$REG/sealed" oci:back:x
	diff <(ls plain/blobs/sha256) <(ls back/blobs/sha256)
}

@test "encrypted images are built on, committed and copied from, with a key" {
	c=$(mica from b)
	mica commit -q --encryption-key "jwe:$T/one.pub" "$c" "docker://$REG/committed"
	skopeo inspect --raw --tls-verify=false "docker://$REG/committed" | jq -e 'all(.layers[]; .mediaType | endswith("+encrypted"))'
	mica commit -q --encryption-key "jwe:$T/one.pub" --encrypt-layer 0 "$c" dir:sealed
	jq -e '[.layers[0, 1].mediaType | endswith("+encrypted")] == [true, false]' sealed/manifest.json
	export MICA_ROOT=$D/fresh
	c=$(mica from --decryption-key "$T/one.pem" "$REG/committed")
	[ "$(mica run "$c" cat /secret)" = 'secret text' ]
	export MICA_ROOT=$D/built
	printf 'FROM %s/committed\nRUN cat /secret\n' "$REG" >Containerfile
	mica build --decryption-key "$T/one.pem" -t t . 2>&1 | grep -q 'secret text'
	export MICA_ROOT=$D/copied
	c=$(mica from scratch)
	mica copy -q --decryption-key "$T/one.pem" --from "$REG/committed" "$c" /secret /
	mica pull -q --decryption-key "$T/one.pem" dir:sealed
	assert_clean_store
}

refuses() { # PATTERN WORD...
	local pattern=$1
	shift
	run -125 --separate-stderr mica "$@"
	assert_error "$pattern"
}

# cve: CVE-2022-24778
@test "without the key, with another, and of what was changed on the way, nothing comes out" {
	mica push -q --encryption-key "jwe:$T/one.pub" b oci:sealed:x
	mica push -q --encryption-key "jwe:$T/one.pub" b "$REG/sealed"
	plain=$(skopeo inspect "oci:$MICA_ROOT:localhost/b:latest" | jq -r '.Layers[1] | sub("sha256:"; "")')
	[ -e "$MICA_ROOT/blobs/sha256/$plain" ]
	export MICA_ROOT=$D/fresh # which never saw any of it
	for from in oci:sealed:x "$REG/sealed"; do
		refuses "is encrypted, so its content does not match config's DiffID: decrypting layer sha256:[0-9a-f]{64}: missing private key needed for decryption" pull -q "$from"
		refuses 'decrypting layer sha256:.* no suitable key unwrapper found or none of the private keys could be used for decryption: .* - JWE: No suitable private key' \
			pull -q --decryption-key "$T/two.pem" "$from"
	done
	refuses "the private key '.*locked.pem' needs another password" pull -q --decryption-key "$T/locked.pem:pass=no" oci:sealed:x
	refuses "the private key '.*locked.pem' needs a password" pull -q --decryption-key "$T/locked.pem" oci:sealed:x
	refuses 'is no private key in PEM' pull -q --decryption-key "$T/one.pub" oci:sealed:x
	manifest=sealed/blobs/sha256/$(jq -r '.manifests[0].digest | sub("sha256:"; "")' sealed/index.json)
	# a layer in which a bit was turned, first under its old digest, then under its own
	layer=$(jq -r '.layers[1].digest | sub("sha256:"; "")' "$manifest")
	cp -r sealed turned
	python3 - "turned/blobs/sha256/$layer" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(40)
    byte = f.read(1)[0] ^ 1
    f.seek(40)
    f.write(bytes([byte]))
END
	refuses 'content has digest' pull -q --decryption-key "$T/one.pem" oci:turned:x
	changed() { # OLD NEW: in the manifest, which gets its digest
		sed "s|$1|$2|" "$manifest" >new
		cp new "turned/blobs/sha256/$(sha new)"
		jq --arg d "sha256:$(sha new)" --argjson n "$(stat -c %s new)" '.manifests[0].digest = $d | .manifests[0].size = $n' sealed/index.json >turned/index.json
	}
	cp "turned/blobs/sha256/$layer" "turned/blobs/sha256/$(sha "turned/blobs/sha256/$layer")"
	changed "$layer" "$(sha "turned/blobs/sha256/$layer")"
	refuses 'not what was encrypted' pull -q --decryption-key "$T/one.pem" oci:turned:x
	# other options, no keys, another kind of keys
	changed 'enc.pubopts' 'enc.others'
	refuses 'are not base64' pull -q --decryption-key "$T/one.pem" oci:turned:x
	changed 'keys.jwe' 'keys.pgp'
	refuses 'no keys that are known here' pull -q --decryption-key "$T/one.pem" oci:turned:x
	[ "$(mica images -q | wc -l)" = 0 ]
	# nothing of it in the clear anywhere
	[ -z "$(find "$MICA_ROOT" -name secret -o -name "$plain")" ]
	[ -z "$(ls "$MICA_ROOT/tmp")" ]
	mica pull -q --decryption-key "$T/one.pem" oci:sealed:x
	[ -e "$MICA_ROOT/blobs/sha256/$plain" ]
	refuses "only 'jwe:FILE'" push --encryption-key "pgp:me" localhost/sealed:x "$REG/no"
	refuses 'is no public key in PEM' push --encryption-key "jwe:$T/one.pem" localhost/sealed:x "$REG/no"
	refuses 'is no layer of the image, which has 2' push --encryption-key "jwe:$T/one.pub" --encrypt-layer 2 localhost/sealed:x "$REG/no"
	refuses "needs an '--encryption-key'" push --encrypt-layer 0 localhost/sealed:x "$REG/no"
	refuses 'images in a store are not encrypted' push --encryption-key "jwe:$T/one.pub" localhost/sealed:x containers-storage:no
	openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
	openssl ec -in ec.pem -pubout -out ec.pub 2>/dev/null
	refuses 'is no RSA key' push --encryption-key jwe:ec.pub localhost/sealed:x "$REG/no"
	[ "$(requests registry /no/)" = 0 ]
}
