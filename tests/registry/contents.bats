#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a repository holds: its tags, what refers to its images, and deleting; against Debian's registry, which has no interface for referrers.
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
}

teardown() {
	test_teardown
}

@test "tags are listed, pulled and pushed all at once" {
	for tag in one two three; do
		mica tag busybox "$REG/tags/many:$tag"
	done
	mica push -q --all-tags "$REG/tags/many"
	[ "$(mica list-tags "$REG/tags/many" | sort | xargs)" = "one three two" ]
	[ "$(mica list-tags --json "docker://$REG/tags/many" | jq -r '.Repository, (.Tags | sort | join(" "))' | xargs)" = "$REG/tags/many one three two" ]
	mica push -q -a "$REG/tags/many" "docker://$REG/tags/again"
	# what other tools keep beside images is no image
	curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' -d '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}' \
		"http://$REG/v2/tags/again/manifests/sha256-$(printf '0%.0s' {1..64})"
	export MICA_ROOT=$D/second
	[ "$(mica pull -q --all-tags "$REG/tags/again" | sort -u | wc -l)" = 1 ]
	[ "$(mica images --format '{{.Tag}}' | sort | xargs)" = "one three two" ]
	run --separate-stderr mica pull --all-tags "$REG/tags/again:one"
	assert_error 'has a tag or digest'
	run --separate-stderr mica push --all-tags "$REG/tags/nothing"
	assert_error "no tag of '$REG/tags/nothing'"
	run --separate-stderr mica list-tags "$REG/tags/nothing"
	assert_error 'not found'
}

@test "a push of what is built here under several tags takes the short name" {
	mica tag busybox localhost/web:1
	mica tag busybox localhost/web:2
	mica push -q --all-tags web "$REG/short/web"
	[ "$(mica list-tags "$REG/short/web" | sort | xargs)" = "1 2" ]
}

@test "a push by digest gives no name, and sends nothing but what has the digest" {
	mica push -q --digestfile digest busybox "docker://$REG/digest/first:v1"
	: >"$T/registry.log"
	run --separate-stderr mica push -q busybox "docker://$REG/digest/x@sha256:$(printf 'ab%.0s' {1..32})"
	assert_error "what is pushed has the digest $(cat digest), not sha256:(ab){32}: name a tag"
	[ ! -s "$T/registry.log" ]
	mica push -q busybox "docker://$REG/digest/x@$(cat digest)"
	MICA_ROOT=$D/second mica pull -q "$REG/digest/x@$(cat digest)"
	run --separate-stderr mica list-tags "$REG/digest/x"
	[ -z "$output" ]
	mica push -q busybox "docker://$REG/digest/x:v2@$(cat digest)"
	[ "$(mica list-tags "$REG/digest/x")" = v2 ]
}

@test "delete takes the manifest and all its tags, and wants a complete name" {
	mica push -q busybox "docker://$REG/tests/gone:a"
	mica push -q busybox "docker://$REG/tests/gone:b"
	mica push -q busybox "docker://$REG/tests/stays:a"
	digest=$(mica delete-image "docker://$REG/tests/gone:a")
	[[ "$digest" =~ ^sha256:[0-9a-f]{64}$ ]]
	run --separate-stderr mica pull --policy=always "$REG/tests/gone:b"
	assert_error 'not found'
	mica pull -q --policy=always "$REG/tests/stays:a"
	run --separate-stderr mica delete-image "$REG/tests/gone:a"
	assert_error 'cannot delete .*not found'
	run --separate-stderr mica delete-image busybox:latest
	assert_error 'name what is to be deleted in full'
	run --separate-stderr mica delete-image "$REG/tests/stays"
	assert_error 'name what is to be deleted in full'
}

@test "artifacts that refer to an image are listed under its tag where there is no interface for it" {
	mica push -q --digestfile digest busybox "docker://$REG/tests/subject:v1"
	size=$(skopeo inspect --raw --tls-verify=false "docker://$REG/tests/subject:v1" | wc -c)
	[ -z "$(mica referrers "$REG/tests/subject:v1")" ]
	for type in application/vnd.tests.sbom application/vnd.tests.signature; do
		artifact "${type##*.}" "$type" "$(cat digest)" "$size"
		mica push -q "$(mica pull -q "oci:${type##*.}")" "docker://$REG/tests/subject:${type##*.}"
	done
	mica referrers "$REG/tests/subject:v1" | sort >list
	[ "$(cut -d ' ' -f 2 list | sort | xargs)" = "application/vnd.tests.sbom application/vnd.tests.signature" ]
	[ "$(mica referrers --artifact-type application/vnd.tests.sbom "$REG/tests/subject@$(cat digest)" | wc -l)" = 1 ]
	[ "$(mica referrers --json "$REG/tests/subject:v1" | jq -r '.manifests[0].annotations.note')" = "by a test" ]
	# the same once more adds nothing
	mica push -q "$(mica pull -q oci:sbom)" "docker://$REG/tests/subject:other"
	[ "$(mica referrers "$REG/tests/subject:v1" | wc -l)" = 2 ]
	# what is deleted is not in the list any more, and what refers to nothing needs none
	mica delete-image "$REG/tests/subject:signature" >/dev/null
	[ "$(mica referrers "$REG/tests/subject:v1" | cut -d ' ' -f 2)" = application/vnd.tests.sbom ]
	before=$(requests registry 'PUT /v2/tests/subject/manifests/sha256-')
	mica delete-image "$REG/tests/subject@$(cat digest)" >/dev/null
	[ "$(requests registry 'PUT /v2/tests/subject/manifests/sha256-')" = "$before" ]
}

@test "what another repository of the registry has is mounted, by the name that it was really pulled under" {
	containerfile <<<'FROM busybox
RUN echo mine >/f'
	mica build -q --network=none -t mine ctx
	layer=$(skopeo inspect --raw --tls-verify=false "docker://$REG/library/busybox" | jq -r '.layers[0].digest')
	mica rmi busybox >/dev/null # the notes do not need the name
	mica push -q mine "docker://$REG/mounts/one:v1"
	[ "$(requests registry "POST /v2/mounts/one/blobs/uploads/\?mount=$layer&from=library%2Fbusybox")" = 1 ]
	[ "$(requests registry 'PUT /v2/mounts/one/blobs/uploads')" = 2 ] # its own layer and the config
	mica push -q mine "docker://$REG/mounts/two:v1"
	[ "$(requests registry 'PUT /v2/mounts/two/blobs/uploads')" = 0 ]
	MICA_ROOT=$D/second mica pull -q "$REG/mounts/two:v1"
}

@test "over HTTP/2 all documents and small blobs share one connection; large ones have their own" {
	port=$(free_port)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=proxy -addext subjectAltName=IP:127.0.0.1 \
		-keyout key.pem -out cert.pem 2>/dev/null
	# shellcheck disable=SC2016 # its variables
	nghttpx --conf=/dev/null -n1 "-f127.0.0.1,$port" "-b127.0.0.1,${REG#*:}" --accesslog-file="$D/h2.log" \
		--accesslog-format='$remote_port $alpn $request' key.pem cert.pem >nghttpx.out 2>&1 3>&- &
	echo $! >"$T/nghttpx.pid"
	disown
	wait_for 10 curl -sk -o /dev/null "https://127.0.0.1:$port/v2/" || fail "$(cat nghttpx.out)"
	mkdir certs small large
	cp cert.pem certs/ca.crt
	for i in 1 2 3 4 5; do
		head -c "${i}0000" /dev/urandom >small/f
		plain_tar "$i.tar" small
	done
	head -c 2M /dev/urandom >large/f
	plain_tar large.tar large
	connections() { # PROTOCOL: how many there were, and of how many requests
		echo "$(grep " $1 " h2.log | cut -d ' ' -f 1 | sort -u | wc -l) $(grep -c " $1 " h2.log)"
	}
	expect() { # H2 HTTP/1.1 COMMAND...: with so many connections and requests
		: >h2.log
		mica "${@:3}" >made
		[ "$(connections h2)" = "$1" ] && [ "$(connections http/1.1)" = "$2" ] || fail "$*: $(cat h2.log)"
	}
	make_layout layout '{}' [1-5].tar
	mica pull -q oci:layout >id
	expect "1 21" "0 0" push -q --cert-dir certs "$(cat id)" "docker://127.0.0.1:$port/h2/x:v1" # three of the manifest, three of each blob
	# what the registry has is one round trip, whichever way
	expect "1 1" "0 0" push -q --cert-dir certs "$(cat id)" "docker://127.0.0.1:$port/h2/x:v1"
	expect "1 3" "0 0" push -q --cert-dir certs "$(cat id)" "docker://127.0.0.1:$port/h2/x:again" # it has no such name yet
	mica rmi -a >/dev/null
	expect "1 7" "0 0" pull -q --cert-dir certs "127.0.0.1:$port/h2/x:v1"
	cmp id made
	expect "1 1" "0 0" pull -q --policy=always --cert-dir certs "127.0.0.1:$port/h2/x:v1"
	# what servers do to such a connection: a request is asked again, on another one if need be
	python3 -B "$TOP/tests/registry/h2.py" cert.pem key.pem "$port" "$D" >h2.out 2>&1 3>&- &
	echo $! >"$T/h2.pid"
	disown
	wait_for 10 test -s h2.port || fail "$(cat h2.out)"
	mica rmi -a >/dev/null
	mica pull -q --retry-delay 1ms --cert-dir certs "127.0.0.1:$(cat h2.port)/h2/x:v1" 2>said || fail "$(cat said h2.faults)"
	[ "$(xargs <h2.faults)" = "refused misdirected away broken" ] || fail "$(cat h2.faults said h2.out)"
	came_whole
	make_layout layout '{}' large.tar
	mica pull -q oci:layout >id
	expect "1 8" "1 1" push -q --cert-dir certs "$(cat id)" "docker://127.0.0.1:$port/h2/x:v2"
	mica rmi -a >/dev/null
	expect "1 2" "1 1" pull -q --cert-dir certs "127.0.0.1:$port/h2/x:v2"
	came_whole
}
