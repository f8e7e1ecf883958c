#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Signatures of images: made with gpg, kept beside registries and in the store, and what skopeo and policy.json say about them.
load lib.bash

setup_file() {
	file_setup registry busybox
	export GNUPGHOME=$T/gpg
	mkdir -m 0700 "$GNUPGHOME"
	local who
	for who in amanda bob; do
		gpg --batch --quiet --passphrase '' --quick-gen-key "$who@localhost" ed25519 sign never 3>&-
		gpg --armor --export "$who@localhost" >"$T/$who.asc"
	done
	# agents are the user's, and stay; this one does not
	gpgconf --kill gpg-agent
}

teardown_file() {
	gpgconf --kill gpg-agent || true
	file_teardown
}

setup() {
	test_setup
	mica pull -q busybox >/dev/null
	mica tag busybox b
	# where signatures of the registry are written to and read from
	mkdir -p "$HOME/.config/containers/registries.d"
	printf 'docker:\n  %s:\n    lookaside-staging: file://%s\n    lookaside: file://%s\n' "$REG" "$D/staging" "$D/staging" \
		>"$HOME/.config/containers/registries.d/here.yaml"
}

teardown() {
	test_teardown
}

policy() { # KEYFILE [SIGNED_IDENTITY]: writes policy.json
	printf '{"default":[{"type":"reject"}],"transports":{"docker":{"%s":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"%s"%s}]},
		"dir":{"":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"%s","signedIdentity":{"type":"exactRepository","dockerRepository":"localhost/signed"}}]}}}' \
		"$REG" "$1" "${2:+,\"signedIdentity\":$2}" "$1" >policy.json
}

there() { # NAME KEYFILE: skopeo takes it, for its signature
	policy "$2"
	skopeo --registries.d "$HOME/.config/containers/registries.d" --policy policy.json copy -q --src-tls-verify=false "docker://$REG/$1" "dir:$D/copy-$1"
}

signatures() { # NAME: how many lie beside the registry
	find "$D/staging" -path "*/$1@sha256=*/signature-*" | wc -l
}

@test "push, build, commit and manifest push --sign-by: skopeo accepts what was signed, by this key" {
	mica push -q --sign-by amanda@localhost b "$REG/pushed"
	digest=$(mica inspect --type image --format '{{.Digest}}' b)
	[ -s "$D/staging/pushed@sha256=${digest#sha256:}/signature-1" ]
	there pushed "$T/amanda.asc"
	run ! there pushed "$T/bob.asc"
	# once more, of what is there already, by another key
	mica push -q --sign-by bob@localhost b "$REG/pushed"
	[ "$(signatures pushed)" = 1 ]
	there pushed "$T/bob.asc"
	echo "FROM b" >Containerfile
	mica build -q --sign-by amanda@localhost -t "docker://$REG/built" .
	there built "$T/amanda.asc"
	mica build -q --sign-by amanda@localhost --push -t "$REG/both" .
	[ "$(signatures both)" = 1 ]
	c=$(mica from b)
	mica commit -q --sign-by amanda@localhost "$c" "docker://$REG/committed"
	there committed "$T/amanda.asc"
	mica manifest create list b >/dev/null
	mica manifest push -q --all --sign-by amanda@localhost list "docker://$REG/list"
	[ "$(signatures list)" = 2 ]
}

@test "images are signed in the store, and a push takes signatures along or leaves them out" {
	c=$(mica from b)
	mica commit -q --sign-by amanda@localhost "$c" signed
	mica push -q signed "dir:$D/out"
	gpg --batch -q --decrypt out/signature-1 2>err | jq -e --arg d "sha256:$(sha256sum <out/manifest.json | cut -d ' ' -f 1)" \
		'.critical == {type: "atomic container signature", image: {"docker-manifest-digest": $d}, identity: {"docker-reference": "localhost/signed:latest"}}
		and .optional.creator == "mica"'
	grep -q 'Good signature from "amanda@localhost"' err
	skopeo standalone-verify out/manifest.json localhost/signed:latest "$(gpg --list-keys --with-colons amanda@localhost | awk -F: '/^fpr/ { print $10; exit }')" out/signature-1
	# an image that is not signed has not the signature of what was there before
	mica push -q --remove-signatures signed "dir:$D/out"
	[ ! -e out/signature-1 ]
	mica push -q signed "$REG/carried"
	[ "$(signatures carried)" = 1 ]
	printf 'FROM scratch\nCOPY Containerfile /\n' >Containerfile
	mica build -q --sign-by amanda@localhost --platform linux/amd64,linux/arm64 -t list .
	mica manifest push -q --remove-signatures list "$REG/bare"
	mica manifest push -q list "$REG/listed"
	[ "$(signatures bare) $(signatures listed)" = '0 1' ]
	echo 'FROM b' >Containerfile
	mica build -q --sign-by bob@localhost -t one -t two .
	mica push -q two "dir:$D/two"
	gpg --batch -q --decrypt two/signature-1 2>/dev/null | jq -e '.critical.identity["docker-reference"] == "localhost/one:latest"'
	mica save -o saved.tar signed
	mica push -q --sign-by amanda@localhost b containers-storage:here
	mica push -q here "dir:$D/here"
	[ -s here/signature-1 ]
	assert_clean_store
}

@test "signing is refused with one line where it cannot be done" {
	run -125 --separate-stderr mica push --sign-by amanda@localhost b "dir:$D/out"
	assert_error 'Cannot determine canonical Docker reference'
	run -125 --separate-stderr mica push --sign-by amanda@localhost b "oci:$D/out"
	assert_error 'Cannot determine canonical Docker reference'
	run -125 --separate-stderr mica push --sign-by nobody@localhost b "$REG/nobody"
	assert_error "cannot sign with the key 'nobody@localhost'"
	[ "$(requests registry /nobody/)" = 0 ]
	run -125 --separate-stderr mica push --sign-by=--version b "$REG/nobody"
	assert_error "'--version' is no key"
	echo 'FROM b' >Containerfile
	run -125 --separate-stderr mica build -q --sign-by amanda@localhost .
	assert_error "give it one with '--tag'"
	run -125 --separate-stderr mica build -q --sign-by amanda@localhost -o out .
	assert_error 'no output goes to the store or to a registry'
	mica commit -q --sign-by amanda@localhost "$(mica from b)" signed
	run -125 --separate-stderr mica push signed "oci:$D/out"
	assert_error "give '--remove-signatures'"
	local how
	for how in --format=v2s2 --compression-format=zstd --encryption-key=jwe:/none; do
		run -125 --separate-stderr mica push "$how" signed "$REG/other"
		assert_error "give '--remove-signatures'"
	done
	mica push -q --compression-format zstd --remove-signatures signed "$REG/other"
	printf 'docker:\n  %s:\n    lookaside: https://127.0.0.1:1/\n' "$REG" >"$HOME/.config/containers/registries.d/here.yaml"
	run -125 --separate-stderr mica push --sign-by amanda@localhost b "$REG/web"
	assert_error "give the registry a 'lookaside-staging'"
	printf 'docker: [' >"$HOME/.config/containers/registries.d/here.yaml"
	run -125 --separate-stderr mica push --sign-by amanda@localhost b "$REG/web"
	assert_error 'here.yaml:[12]: '
}

rejected() { # PATTERN WORD...: a pull that the policy refuses
	local pattern=$1
	shift
	run -125 --separate-stderr mica pull -q --policy always --signature-policy policy.json "$@"
	assert_error "$pattern"
}

@test "what policy.json wants signed is taken with a good signature by one of its keys, and not else" {
	policy "$T/amanda.asc"
	mica push -q b "$REG/none"
	rejected "Source image rejected: A signature was required, but no signature exists" "$REG/none"
	# from here and by skopeo
	mica push -q --sign-by amanda@localhost b "$REG/ours"
	skopeo --registries.d "$HOME/.config/containers/registries.d" copy -q --dest-tls-verify=false --sign-by amanda@localhost \
		--src-tls-verify=false "docker://$REG/none" "docker://$REG/theirs"
	mica rmi -af >/dev/null
	for name in ours "theirs@$(there_digest theirs)"; do
		mica pull -q --policy always --signature-policy policy.json "$REG/$name"
	done
	printf 'FROM %s/ours\n' "$REG" >Containerfile
	mica build -q --pull-always --signature-policy policy.json .
	mica from -q --pull-always --signature-policy policy.json "$REG/ours"
	# the user's keyring has bob's key, the policy has not
	policy "$T/bob.asc"
	rejected "None of the signatures were accepted, reasons: gpg says ERRSIG" "$REG/ours"
	run -125 --separate-stderr mica build -q --pull-always --signature-policy policy.json .
	assert_error 'Source image rejected'
	mica rmi -af >/dev/null
	mica from -q --name c scratch >/dev/null
	mica manifest create list >/dev/null
	for words in "copy --from $REG/ours c /bin /bin" "add --from $REG/ours c /bin /bin" "manifest add list docker://$REG/ours" \
		"manifest create other docker://$REG/ours"; do
		read -ra words <<<"${words/ / --signature-policy policy.json }"
		[ "${words[0]}" != manifest ] || words=(manifest "${words[3]}" "${words[@]:1:2}" "${words[@]:4}")
		run -125 --separate-stderr mica "${words[@]}"
		assert_error 'Source image rejected'
	done
	mica rm -a >/dev/null
	# either of two
	sed -i "s|\"keyPath\":\"[^\"]*\"|\"keyPaths\":[\"$T/bob.asc\",\"$T/amanda.asc\"]|g" policy.json
	mica pull -q --policy always --signature-policy policy.json "$REG/ours"
	sed -i "s|\"keyPaths\":\[[^]]*\]|\"keyData\":\"$(gpg --export amanda@localhost | base64 -w 0)\"|g" policy.json
	mica pull -q --policy always --signature-policy policy.json "$REG/ours"
	echo nothing >none.asc
	policy "$D/none.asc"
	rejected 'none.asc: no public keys' "$REG/ours"
	policy "$D/missing.asc"
	rejected 'missing.asc' "$REG/ours"
	assert_clean_store
}

there_digest() { # NAME
	skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REG/$1"
}

@test "a signature is for one manifest and one name, and nothing that was done to it makes it another" {
	mica push -q --sign-by amanda@localhost b "$REG/good"
	policy "$T/amanda.asc"
	dir=$D/staging/good@sha256=$(there_digest good | cut -d : -f 2)
	[ -s "$dir/signature-1" ]
	# under another name
	mica push -q b "$REG/other"
	cp -r "$dir" "$D/staging/other@${dir##*@}"
	rejected "it is for another name, '$REG/good:latest'" "$REG/other"
	policy "$T/amanda.asc" '{"type":"remapIdentity","prefix":"'"$REG/other"'","signedPrefix":"'"$REG/good"'"}'
	mica pull -q --policy always --signature-policy policy.json "$REG/other"
	policy "$T/amanda.asc"
	# of another manifest
	echo 'FROM b
LABEL a=b' >Containerfile
	mica build -q -t c .
	mica push -q c "$REG/good"
	mkdir "$D/staging/good@sha256=$(there_digest good | cut -d : -f 2)"
	cp "$dir/signature-1" "$D/staging/good@sha256=$(there_digest good | cut -d : -f 2)/"
	rejected 'it is of another manifest' "$REG/good"
	# the first is bad, the second good
	mica push -q b "$REG/good"
	mv "$dir/signature-1" hidden
	gpg --batch -q --decrypt hidden >payload 2>/dev/null
	local how
	for how in 'cat payload' 'head -c 100 hidden' 'gpg --batch -q --local-user bob@localhost --output - --sign payload' \
		'head -c 300000 /dev/zero' 'gpg --batch -q --local-user amanda@localhost --local-user bob@localhost --output - --sign payload' \
		'gpg --batch -q --symmetric --pinentry-mode loopback --passphrase x --output - payload'; do
		$how >"$dir/signature-1"
		rejected 'rejected: None of the signatures|larger than' "$REG/good"
	done
	mv hidden "$dir/signature-2"
	cp payload "$dir/signature-1"
	mica pull -q --policy always --signature-policy policy.json "$REG/good"
	[ -z "$(ls "$MICA_ROOT/tmp")" ]
}

# cve: CVE-2024-23332
@test "signatures lie in directories, on web servers, or nowhere" {
	c=$(mica from b)
	mica commit -q --sign-by amanda@localhost "$c" signed
	mica push -q signed "dir:$D/out"
	policy "$T/amanda.asc"
	mica pull -q --policy always --signature-policy policy.json "dir:$D/out"
	sed -i 's|localhost/signed|localhost/else|' policy.json
	rejected "it is for another name" "dir:$D/out"
	mica push -q --remove-signatures signed "oci:$D/layout"
	sed -i 's|"dir"|"oci"|' policy.json
	rejected "A signature was required, but no signature exists" "oci:$D/layout"
	mica push -q --sign-by amanda@localhost b "$REG/web"
	start_repos
	cp -r staging/. "$T/repos"
	printf 'docker:\n  %s:\n    lookaside: %s\n' "$REG" "http://127.0.0.1:$REPOS" >"$HOME/.config/containers/registries.d/here.yaml"
	mica pull -q --policy always --signature-policy policy.json "$REG/web"
	mica push -q b "$REG/elsewhere"
	rejected "A signature was required, but no signature exists" "$REG/elsewhere"
	# a list without an end has one, and one that is none of ours is no reason not to look further
	for i in $(seq 2 140); do
		echo nothing >"$(echo "$T"/repos/web@*)/signature-$i"
	done
	mica pull -q --policy always --signature-policy policy.json "$REG/web"
	[ "$(grep -c 'signature-128 ' "$T/repos.log")" = 1 ]
	[ "$(grep -c 'signature-129 ' "$T/repos.log")" = 0 ]
	head -c 300000 /dev/zero >"$(echo "$T"/repos/web@*/signature-1)"
	rejected "cannot read signatures" "$REG/web"
}
