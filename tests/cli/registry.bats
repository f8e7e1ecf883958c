#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
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
	test_teardown
}

build_one() { # NAME [TEXT]
	containerfile <<-END
		FROM busybox
		RUN echo ${2:-$1} >/f
	END
	mica build -q --network=none -t "$1" ctx
}

@test "a push and a pull keep every byte" {
	build_one one
	mica push -q one "docker://$REG/tests/one:v1"
	digest=$(skopeo inspect --raw --tls-verify=false "docker://$REG/tests/one:v1" | sha256sum)
	[ "$(manifest_of one | sha256sum)" = "$digest" ]
	export MICA_ROOT=$D/second
	mica pull -q "$REG/tests/one:v1"
	[ "$(skopeo inspect --raw "oci:$MICA_ROOT:$REG/tests/one:v1" | sha256sum)" = "$digest" ]
	[ "$(in_image "$REG/tests/one:v1" cat /f)" = one ]
	mica push -q "$REG/tests/one:v1" "docker://$REG/tests/again:v1"
	[ "$(skopeo inspect --raw --tls-verify=false "docker://$REG/tests/again:v1" | sha256sum)" = "$digest" ]
	assert_clean_store
}

@test "blobs that are there are neither sent nor fetched again" {
	build_one two
	mica push -q two "docker://$REG/tests/two:v1"
	sent=$(requests registry 'PUT /v2/tests/two/blobs/uploads')
	mica push -q two "docker://$REG/tests/two:v2"
	[ "$(requests registry 'PUT /v2/tests/two/blobs/uploads')" = "$sent" ]

	export MICA_ROOT=$D/second
	mica pull -q busybox
	mica pull -q "$REG/tests/two:v1"
	base=$(skopeo inspect --raw "oci:$MICA_ROOT:docker.io/library/busybox:latest" | jq -r '.layers[0].digest')
	[ "$(requests registry "GET /v2/tests/two/blobs/$base")" = 0 ]
	got=$(requests registry 'GET /v2/tests/two/blobs/')
	mica pull -q "$REG/tests/two:v2"
	mica pull -q "$REG/tests/two:v1"
	[ "$(requests registry 'GET /v2/tests/two/blobs/')" = "$got" ]

	# a directory of blobs: filled by a pull and by a push alike, and asked before the registry
	mica push -q --blob-cache "$D/by-push/blobs" "$REG/tests/two:v1" "docker://$REG/tests/two:v3"
	export MICA_ROOT=$D/third
	mica pull -q --blob-cache "$D/by-pull" "$REG/tests/two:v1"
	[ "$(cd "$D/by-pull" && echo *)" = "$(cd "$D/by-push/blobs" && echo *)" ]
	[ "$(find "$D/by-pull" -name 'sha256:*' | wc -l)" = 4 ]
	for f in "$D"/by-pull/*; do
		name=${f##*/sha256:}
		[ "$(sha256sum <"$f")" = "${name%.config}  -" ]
	done
	export MICA_ROOT=$D/fourth
	got=$(requests registry 'GET /v2/tests/two/blobs/')
	mica from -q --blob-cache "$D/by-push/blobs" "$REG/tests/two:v1"
	[ "$(requests registry 'GET /v2/tests/two/blobs/')" = $((got + 1)) ] # the config
	[ "$(in_image "$REG/tests/two:v1" cat /f)" = two ]
	export MICA_ROOT=$D/fifth
	find "$D/by-pull" -type f -size +100k -exec dd if=/dev/zero of={} bs=1 seek=50000 count=9 conv=notrunc status=none \;
	run mica pull -q --blob-cache "$D/by-pull" "$REG/tests/two:v1"
	[ "$status" = 125 ]
	[[ $output == *'the blob cache is damaged: remove the file of that name'* ]]
}

@test "an image of many layers comes whole" {
	{
		echo FROM busybox
		for i in $(seq 30); do echo "RUN mkdir -p /n; echo $i >/n/l$i; head -c 300000 /dev/urandom >/n/r$i"; done
	} | containerfile
	mica build -q --network=none -t many ctx
	mica push -q many "docker://$REG/tests/many"
	sums=$(in_image many sh -c 'sha256sum /n/*')
	export MICA_ROOT=$D/second
	mica pull -q "$REG/tests/many"
	[ "$(in_image "$REG/tests/many" sh -c 'sha256sum /n/*')" = "$sums" ]
	assert_clean_store
}

@test "a push gives a registry what it has lost of an image" {
	containerfile <<<$'FROM busybox\nRUN echo lost >/lost'
	mica build -q --network=none -t lost ctx
	mica push -q lost "docker://$REG/tests/lost:1"
	layer=$(skopeo inspect --raw --tls-verify=false "docker://$REG/tests/lost:1" | jq -r '.layers[-1].digest | ltrimstr("sha256:")')
	rm -r "$T/registry/docker/registry/v2/blobs/sha256/${layer:0:2}/$layer"
	mica push -q lost "docker://$REG/tests/lost:2"
	MICA_ROOT=$D/second mica pull -q "$REG/tests/lost:2"
}

@test "by digest, and tag with digest" {
	digest=$(skopeo inspect --raw --tls-verify=false "docker://$REG/library/busybox" | sha256sum | cut -d ' ' -f 1)
	mica pull -q "busybox@sha256:$digest"
	mica pull -q "docker.io/library/busybox:latest@sha256:$digest"
	mica run --rm --network=none "busybox@sha256:$digest" true
	# the same digest is the same image: nobody is asked but on demand
	sum=$(wc -l <"$T/registry.log")
	mica pull -q --policy=missing "busybox@sha256:$digest"
	mica --offline pull -q --policy=always "busybox@sha256:$digest"
	printf 'FROM busybox:1@sha256:%s\n' "$digest" | containerfile
	mica build -q ctx
	# another repository does not have it because it is here
	printf 'FROM %s/tests/nowhere:1@sha256:%s\n' "$REG" "$digest" | containerfile
	mica --offline build -q ctx
	mica build -q --pull=never ctx
	[ "$(wc -l <"$T/registry.log")" = "$sum" ]
	for how in missing newer always; do
		run -125 --separate-stderr mica build -q --pull="$how" ctx
		assert_error 'nowhere.*not found'
	done
	sum=$(requests registry "HEAD /v2/library/busybox/manifests/sha256:$digest")
	mica pull -q --policy=always "busybox@sha256:$digest"
	[ "$(requests registry "HEAD /v2/library/busybox/manifests/sha256:$digest")" = $((sum + 1)) ]
	# HTTPS is tried where it does not speak it
	run -125 --separate-stderr mica pull -q --policy=always --tls-verify=true "$REG/library/busybox"
	assert_error "it speaks plain HTTP.*'--tls-verify=false', or 'insecure = true' for it in registries.conf"
	run -125 mica registry check --tls-verify=true "$REG"
	[[ $output == *'it speaks plain HTTP'* ]]
}

@test "basic authentication: login, pull, push, logout" {
	saved=$REG
	# anna's costs the registry less, which looks at it with each request
	printf '%s:%s\n' anna "$(perl -e 'print crypt("se:cret", q($2y$05$abcdefghijklmnopqrstuu))')" ours "$(mica passwd se:cret)" >htpasswd
	[ "$(mica passwd se:cret)" != "$(mica passwd se:cret)" ]
	run -125 --separate-stderr mica passwd "$(printf '%073d' 1)"
	assert_error 'a password has at most 72 bytes'
	start_registry auth REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=tests "REGISTRY_AUTH_HTPASSWD_PATH=$PWD/htpasswd"
	export REGISTRY_AUTH_FILE=$D/auth.json
	echo '{}' >auth.json
	printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REG" >>"$CONTAINERS_REGISTRIES_CONF"
	mica login --authfile ours.json -u ours -p se:cret "$REG"
	run -125 mica login --authfile ours.json -u ours -p se:cred "$REG"
	REG=$saved build_one one
	run --separate-stderr mica push -q one "docker://$REG/private/one"
	assert_error 'auth|denied|credentials|login|401'
	run --separate-stderr mica login -u anna -p wrong "$REG"
	[ "$status" = 125 ]
	[ ! -e auth.json ] || ! grep -q "$REG" auth.json
	echo -n se:cret | mica login -u anna --password-stdin "$REG"
	[ "$(stat -c %a auth.json)" = 600 ]
	[ "$(jq -r ".auths[\"$REG\"].auth" auth.json | base64 -d)" = anna:se:cret ]
	[ "$(mica login --get-login "$REG")" = anna ]
	[ "$(mica login "$REG" </dev/null)" = "Authenticating with existing credentials for $REG
Existing credentials are valid. Already logged in to $REG" ]
	jq --arg r "$REG" '.auths[$r].auth = "YW5uYTp3cm9uZw=="' auth.json >wrong.json
	run -125 --separate-stderr mica login --authfile wrong.json "$REG" </dev/null
	[ "${lines[1]}" = 'Existing credentials are invalid, please enter valid username and password' ]
	run -125 --separate-stderr mica login --get-login other.invalid
	assert_error 'not logged into other.invalid'
	run -125 --separate-stderr mica login -u x -p y --password-stdin "$REG"
	assert_error "Can't specify both --password-stdin and --password"
	mica push -q one "docker://$REG/private/one"
	MICA_ROOT=$D/second mica pull -q "$REG/private/one"
	mica logout "$REG"
	MICA_ROOT=$D/third run --separate-stderr mica pull -q "$REG/private/one"
	[ "$status" = 125 ]
	MICA_ROOT=$D/third mica pull -q --creds anna:se:cret "$REG/private/one"
	# what is said of a part of the registry is kept for that part, and goes with it; a link to the file stays one
	mkdir kept
	ln -s kept/auth.json link.json
	echo -n se:cret | mica login --authfile link.json -v -u anna --password-stdin "$REG/private" >said
	[[ "$(head -n 1 said)" == "Used:  "*kept/auth.json && "$(tail -n 1 said)" == "Login Succeeded!" ]] || fail "$(cat said)"
	[ -L link.json ] && [ "$(stat -c %a kept/auth.json)" = 600 ]
	[ "$(jq -r '.auths | keys[]' link.json)" = "$REG/private" ]
	MICA_ROOT=$D/fourth mica pull -q --authfile link.json "$REG/private/one"
	MICA_ROOT=$D/fourth run --separate-stderr mica pull -q --authfile link.json "$REG/public/one"
	assert_error 'mica login'
	run --separate-stderr mica logout --authfile link.json "$REG"
	assert_error "not logged into $REG"
	mica logout --authfile link.json "https://$REG/private" && fail "a URL means the registry"
	[ "$(mica logout --authfile link.json "$REG/private")" = "Removed login credentials for $REG/private" ]
	[ "$(jq -c .auths link.json)" = '{}' ] && [ -L link.json ]
	run --separate-stderr mica login --authfile link.json -u anna -p se:cret "$REG/private:tag"
	assert_error 'neither a registry nor one with a path'
	printf 'se:cret\0more' >password
	run --separate-stderr mica login --authfile link.json -u anna --password-stdin "$REG" <password
	assert_error 'a password has no NUL byte in it'
	mica login --authfile own.json --username anna --password se:cret "$REG"
	mica logout --authfile own.json --all
	[ "$(jq -c '.auths // {}' own.json)" = '{}' ]
	stop_registry auth
}

@test "mirrors are asked first, and the origin when they fail" {
	saved=$REG
	make_busybox "$D/layout"
	start_registry mirror
	mirror=$REG
	to_registry "$D/layout" library/busybox:latest
	dead=127.0.0.1:$(free_port)
	cat >conf <<-END
		[[registry]]
		prefix = "docker.io"
		location = "$saved"
		insecure = true
		[[registry.mirror]]
		location = "$dead"
		insecure = true
		[[registry.mirror]]
		location = "$mirror"
		insecure = true
	END
	export CONTAINERS_REGISTRIES_CONF=$D/conf
	before=$(requests registry 'GET /v2/library/busybox/blobs')
	mica pull -q docker.io/library/busybox:latest
	[ "$(requests mirror 'GET /v2/library/busybox/blobs')" -gt 0 ]
	[ "$(requests registry 'GET /v2/library/busybox/blobs')" = "$before" ]
	sed -i '1i unqualified-search-registries = ["docker.io/none", "docker.io/library"]' conf
	before=$(requests registry 'GET /v2/library/busybox/manifests')
	[ "$(mica manifest inspect busybox | jq '.layers | length')" = 1 ]
	[ "$(requests registry 'GET /v2/library/busybox/manifests')" = "$before" ]
	stop_registry mirror
	MICA_ROOT=$D/second mica pull -q docker.io/library/busybox:latest
	REG=$saved
}

# cve: CVE-2014-5277
# bats test_tags=user
@test "plain HTTP is used only where it is configured" {
	printf '[[registry]]\nlocation = "%s"\n' "$REG" >conf
	CONTAINERS_REGISTRIES_CONF=$D/conf run --separate-stderr mica pull -q "$REG/library/busybox"
	[ "$status" = 125 ]
	CONTAINERS_REGISTRIES_CONF=$D/conf mica pull -q --tls-verify=false "$REG/library/busybox"
}

# cve: CVE-2018-1000500
# bats test_tags=user
@test "HTTPS with an authority of one's own" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout key.pem -out cert.pem 2>/dev/null
	port=$(free_port)
	cat >tls.yml <<-END
		version: 0.1
		log: { level: error }
		storage: { filesystem: { rootdirectory: $T/registry } }
		http: { addr: 127.0.0.1:$port, tls: { certificate: $D/cert.pem, key: $D/key.pem, clientcas: [ $D/cert.pem ] } }
	END
	env -u REGISTRY_AUTH_FILE docker-registry serve tls.yml >tls.log 2>&1 3>&- &
	echo $! >"$T/tls.pid"
	wait_for 10 curl -sk --cert cert.pem --key key.pem -o /dev/null "https://127.0.0.1:$port/v2/"
	run --separate-stderr mica pull -q "127.0.0.1:$port/library/busybox"
	assert_error 'certificate'
	mkdir certs
	cp cert.pem certs/ca.crt
	run --separate-stderr mica pull -q --cert-dir "$D/certs" "127.0.0.1:$port/library/busybox"
	assert_error "TLS: it wants a certificate of who asks: NAME.cert and NAME.key in $D/certs\$"
	cp cert.pem certs/client.cert
	cp key.pem certs/client.key
	if [ -n "${MICA_AS_USER:-}" ]; then
		run --separate-stderr mica pull -q --cert-dir "$D/certs" "127.0.0.1:$port/library/busybox"
		assert_error "cannot read the client key '$D/certs/client.key': permission denied"
	fi
	chmod a+r certs/client.key
	mica pull -q --cert-dir "$D/certs" "127.0.0.1:$port/library/busybox"
	MICA_ROOT=$D/second mica pull -q --tls-verify=false --cert-dir "$D/certs" "127.0.0.1:$port/library/busybox"
	kill "$(cat "$T/tls.pid")"
	wait_gone "$(cat "$T/tls.pid")"
	rm "$T/tls.pid"
}

# cve: CVE-2019-10214
# bats test_tags=user
@test "the certificate of a token service is verified before it is told who we are" {
	for name in registry token; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=$name \
			-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout $name.pem -out $name.crt 2>/dev/null
	done
	mkdir certs
	cp registry.crt certs/ca.crt
	python3 -c 'import http.server, ssl, threading
class Token(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("TOLD", self.headers, flush=True)
class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Bearer realm=\"https://%s:%d/token\",service=\"s\"" % (self.headers["Host"].rsplit(":", 1)[0] if "same" in self.path else "localhost", tokens.server_address[1]))
        self.send_header("Content-Length", "0")
        self.end_headers()
def server(name, handler):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(name + ".crt", name + ".pem")
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    s.socket = c.wrap_socket(s.socket, server_side=True)
    return s
tokens, registry = server("token", Token), server("registry", Registry)
threading.Thread(target=tokens.serve_forever, daemon=True).start()
print("PORT", registry.server_address[1], flush=True)
registry.serve_forever()' >told 2>&1 3>&- &
	echo $! >"$T/told.pid"
	wait_for 10 grep -q PORT told
	port=$(sed -n 's/^PORT //p' told)
	printf '{"auths":{"127.0.0.1:%s":{"auth":"YW5uYTpzM2NyZXQ="}}}' "$port" >auth.json
	run --separate-stderr mica pull -q --cert-dir "$D/certs" --authfile auth.json "127.0.0.1:$port/same"
	assert_error 'token.*certificate'
	# a registry that may be anybody says nothing about other hosts
	printf '[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' "$port" >insecure.conf
	for conf in "$CONTAINERS_REGISTRIES_CONF" "$D/insecure.conf"; do
		run --separate-stderr mica --registries-conf "$conf" pull -q --tls-verify=false --authfile auth.json "127.0.0.1:$port/other"
		assert_error 'token.*certificate'
	done
	run --separate-stderr mica --registries-conf "$D/insecure.conf" pull -q --authfile auth.json "127.0.0.1:$port/other"
	assert_error 'token.*certificate'
	run ! grep TOLD told
	# its own host is as it is
	run -125 mica --registries-conf "$D/insecure.conf" pull -q --authfile auth.json "127.0.0.1:$port/same"
	grep -q 'TOLD.*' told
}

@test "two pulls of one image at the same time both succeed" {
	mica pull -q busybox 2>a.err 3>&- &
	one=$!
	mica pull -q busybox 2>b.err 3>&- &
	two=$!
	wait $one || fail "$(cat a.err)"
	wait $two || fail "$(cat b.err)"
	mica run --rm --network=none busybox true
	assert_clean_store
}

picky() { # starts the registry that is served from ./layout; its log is ./requests
	PICKY=$(free_port)
	python3 "$BATS_TEST_DIRNAME/../tools/picky-registry.py" layout "$PICKY" requests >picky.out 2>&1 3>&- &
	echo $! >"$T/picky.$PICKY.pid"
	printf '\n[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' "$PICKY" >>"$CONTAINERS_REGISTRIES_CONF"
	wait_for 10 answers "127.0.0.1:$PICKY"
}

# cve: CVE-2020-15157
# bats test_tags=user
@test "a token of its scope, a transfer that breaks, layers from elsewhere that see no credentials" {
	mkdir tree
	head -c 300000 /dev/urandom >tree/noise
	plain_tar l1.tar tree
	make_layout layout '{"Env":["PATH=/bin"]}' l1.tar
	picky
	mica login -u anna -p secret "127.0.0.1:$PICKY"
	: >requests
	# Its Docker-Content-Digest is of nothing: what counts is the digest of the bytes that came.
	mica pull -q "127.0.0.1:$PICKY/team"
	[ "$(skopeo inspect --raw "oci:$MICA_ROOT:127.0.0.1:$PICKY/team:latest" | sha256sum)" = "$(skopeo inspect --raw oci:layout | sha256sum)" ]
	grep -E "^GET $PICKY /token\?.*scope=repository(:|%3A)team(:|%3A)pull.* Basic -$" requests
	run ! grep other requests
	# the layer: half of it, and the rest from where it broke off; never with credentials
	elsewhere=$((PICKY + 1))
	grep -E "^GET $elsewhere /sha256:[0-9a-f]+ - -$" requests
	grep -E "^GET $elsewhere /sha256:[0-9a-f]+ - bytes=[1-9][0-9]*-$" requests
	[ "$(grep -c "^GET $elsewhere " requests)" = 2 ]
	mica fsck
}

# cve: CVE-2026-48978 CVE-2026-24845 CVE-2026-33540
# bats test_tags=user
@test "a token service of another owner is asked without credentials" {
	mkdir tree
	plain_tar l1.tar tree
	make_layout layout '{"Env":["PATH=/bin"]}' l1.tar
	picky
	mica login -u anna -p secret "127.0.0.1:$PICKY"
	grep -E "^GET $PICKY /token.* Basic " requests
	: >requests
	mica pull -q "127.0.0.1:$PICKY/plain" # its service is at localhost
	grep -E "^GET $PICKY /token.* - -$" requests
	run -125 mica pull -q "127.0.0.1:$PICKY/foreign"
	[[ "$output" == *"auth.example.invalid"* ]] || fail "$output"
	# who the password is kept from has not refused it, and has not verified it either
	printf '\n[[registry]]\nlocation = "localhost:%s"\ninsecure = true\n' "$PICKY" >>"$CONTAINERS_REGISTRIES_CONF"
	untold="no credentials are sent to its token service '127.0.0.1'.* of 'localhost:$PICKY'"
	run --separate-stderr mica pull -q --creds anna:secret "localhost:$PICKY/private"
	assert_error "$untold"
	run --separate-stderr mica login -u anna -p secret "localhost:$PICKY"
	assert_error "cannot log into localhost:$PICKY: .*$untold"
	run ! grep "localhost:$PICKY" "$REGISTRY_AUTH_FILE"
	run ! grep -E "Basic|anna" requests
	echo 'token-service = "127.0.0.1"' >>"$CONTAINERS_REGISTRIES_CONF"
	mica login -u anna -p secret "localhost:$PICKY"
	grep -E "^GET $PICKY /token.* Basic " requests
}

@test "--offline: a build whose base is here goes on, anything else says what it would have asked for" {
	mica pull -q busybox
	sum=$(wc -l <"$T/registry.log")
	containerfile <<-END
		FROM busybox
		RUN echo 1 >/f
	END
	mica --offline build -q --network=none -t one ctx
	[ "$(wc -l <"$T/registry.log")" = "$sum" ]
	run --separate-stderr mica --offline pull quay.io/some/thing:v1
	assert_error "'quay.io/some/thing:v1' would be asked for over the network"
	run --separate-stderr mica --offline push one "docker://$REG/tests/one"
	assert_error "'$REG/tests/one:latest' would be asked for"
	run --separate-stderr mica --offline login -u a -p b "$REG"
	assert_error "would be asked for"
	echo 'ADD http://www.invalid/file /' >>ctx/Containerfile
	run --separate-stderr mica --offline build --network=none ctx
	assert_error 'www.invalid/file.* would be asked for'
	export MICA_OFFLINE=1
	run --separate-stderr mica build https://www.invalid/some/repository.git
	assert_error 'www.invalid/some/repository.git.* would be asked for'
	run --separate-stderr mica build --pull=always ctx
	assert_error "busybox.* would be asked for"
	[ "$(wc -l <"$T/registry.log")" = "$sum" ]
}

@test "several processes that need the same image fetch each part of it once" {
	{
		echo FROM busybox
		for i in 1 2 3 4 5 6; do echo "RUN head -c 400000 /dev/urandom >/r$i"; done
	} | containerfile
	mica build -q --network=none -t many ctx
	mica push -q many "docker://$REG/tests/once"
	export MICA_ROOT=$D/second
	at_once() { # COMMAND...: three of them
		pids=()
		for i in 1 2 3; do
			"$@" >"out$i" 2>"err$i" 3>&- &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do
			wait "$pid" || fail "$(cat err*)"
		done
	}
	at_once mica pull -q "$REG/tests/once"
	for blob in $(skopeo inspect --raw "oci:$MICA_ROOT:$REG/tests/once:latest" | jq -r '.config.digest, .layers[].digest'); do
		[ "$(requests registry "GET /v2/tests/once/blobs/$blob")" = 1 ]
	done
	[ "$(requests registry 'GET /v2/tests/once/manifests/')" = 1 ]
	assert_clean_store
	# the same for builds; and who wants to know what the registry has now asks for no more than that
	containerfile <<<"FROM $REG/tests/once"
	export MICA_ROOT=$D/third
	at_once mica build -q --pull=always ctx
	[ "$(requests registry 'GET /v2/tests/once/manifests/')" = 2 ]
	[ "$(requests registry 'HEAD /v2/tests/once/manifests/latest')" -le 3 ] # one of the push
	# another image by now, which each of them hears of
	MICA_ROOT=$D/store mica push -q busybox "docker://$REG/tests/once"
	at_once mica build -q --pull=always ctx
	[ "$(requests registry 'GET /v2/tests/once/manifests/')" = 3 ]
}

@test "a manifest that is here is not fetched again, under whatever name" {
	build_one asked
	mica push -q asked "docker://$REG/tests/asked:v1"
	mica push -q busybox "docker://$REG/tests/asked:latest"
	mica rmi -f asked >/dev/null
	mica pull -q "$REG/tests/asked:v1"
	mica pull -q "$REG/tests/asked"
	# a tag that was moved to what another one names
	skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$REG/tests/asked:v1" "docker://$REG/tests/asked:latest"
	documents=$(requests registry 'GET /v2/tests/asked/manifests/')
	mica pull -q --policy=always "$REG/tests/asked"
	[ "$(mica images -q --no-trunc "$REG/tests/asked:latest")" = "$(mica images -q --no-trunc "$REG/tests/asked:v1")" ]
	# a name with a digest of what is here, and an image that lost a layer
	layer=$(skopeo inspect --raw "oci:$MICA_ROOT:$REG/tests/asked:v1" | jq -r '.layers[-1].digest')
	digest=$(skopeo inspect --raw "oci:$MICA_ROOT:$REG/tests/asked:v1" | sha256sum | cut -d ' ' -f 1)
	mica pull -q "$REG/tests/asked@sha256:$digest"
	rm -r "$MICA_ROOT/blobs/sha256/${layer#*:}" "$MICA_ROOT/layers"
	mkdir "$MICA_ROOT/layers"
	mica pull -q "$REG/tests/asked:v1"
	[ "$(requests registry 'GET /v2/tests/asked/manifests/')" = "$documents" ]
	mica fsck
}

@test "whoever waits for another process's layer goes on when that dies" {
	{
		echo FROM busybox
		echo "RUN head -c 30000000 /dev/urandom >/r"
	} | containerfile
	mica build -q --network=none -t big ctx
	mica push -q big "docker://$REG/tests/big"
	export MICA_ROOT=$D/second
	"$MICA_BIN" --root "$MICA_ROOT" pull -q "$REG/tests/big" >/dev/null 2>&1 3>&- &
	first=$!
	wait_for 10 test -e "$MICA_ROOT/fetch.lock"
	mica pull -q "$REG/tests/big" >out 2>err 3>&- &
	second=$!
	kill -KILL $first
	wait $first || true
	wait $second || fail "$(cat err)"
	mica pull -q "$REG/tests/big"
	assert_clean_store
}
