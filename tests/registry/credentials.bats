#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where credentials go, and where they do not: server.py, plain, as a proxy that stands for any host, and with TLS that wants a client's certificate.
load lib.bash

setup_file() {
	file_setup
	start_server
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	export REGISTRY_AUTH_FILE=$D/auth.json
	echo '{}' >auth.json
	chmod 600 auth.json
	forget_requests
}

built() { # the ID of an image to push
	mica pull -q "oci:$T/layout:latest"
}

teardown() {
	rm -f "$T/srv/login"
	test_teardown
}

keep_login() { # KEY
	jq -cn --arg k "$1" '{auths: {($k): {auth: ("anna:secret" | @base64)}}}' >auth.json
	chmod 600 auth.json
}

# Everything the server was asked, without what may be told to its main origin.
leaked() {
	grep -vE '^[A-Z]+ main ' "$T/srv/log" | grep -E 'Basic|Bearer|refresh-me'
}

# The same registry by the name reg.corp.test, and any other host: all through a proxy.
through_proxy() {
	export http_proxy=http://$SRV
	printf '[[registry]]\nlocation = "reg.corp.test"\ninsecure = true\n' >conf
	export CONTAINERS_REGISTRIES_CONF=$D/conf
}

# --- who we are ---

@test "Basic, Bearer and identity tokens, from a file, an option or nobody" {
	keep_login "$SRV"
	mica pull -q "$SRV/basic/x"
	MICA_ROOT=$D/token mica pull -q "$SRV/token/x"
	# the scope is what is needed, not what the registry would like
	[ "$(asked 'GET main /token\?.*scope=repository%3Atoken%2Fx%3Apull Basic=')" = 1 ]
	[ "$(asked 'Bearer=Trepository:token/x:pull')" -ge 2 ] # manifest, config and layer
	run ! grep 'repository:all' "$T/srv/log"
	echo '{"auths":{"'"$SRV"'":{"identitytoken":"refresh-me"}}}' >auth.json
	mica pull -q "$SRV/identity/x"
	[ "$(asked 'POST main /token - ')" = 1 ]
	run ! grep 'refresh-me' "$T/srv/log"
	echo '{}' >auth.json
	MICA_ROOT=$D/second mica pull -q --creds anna:secret "$SRV/basic/y"
	# they are the registry's, not its mirrors'
	cat >mirrored <<-END
		[[registry]]
		prefix = "corp.test"
		location = "$SRV/basic"
		insecure = true
		[[registry.mirror]]
		location = "127.0.0.1:$OTHER/basic"
		insecure = true
	END
	MICA_ROOT=$D/third mica --registries-conf mirrored pull -q --creds anna:secret corp.test/x
	[ "$(asked '^GET other /v2/basic/x/')" -ge 1 ]
	[ "$(asked '^GET other .* Basic')" = 0 ]
	mica pull -q "$SRV/token/nobody"
	[ "$(asked 'GET main /token\?.*nobody%3Apull -')" = 1 ]
	run --separate-stderr mica pull -q "$SRV/basic/z"
	assert_error "authentication required.*mica login $SRV"
	run --separate-stderr mica pull -q --creds anna:wrong "$SRV/token/z"
	assert_error 'token service refuses the credentials'
}

@test "credentials that others can read are warned about to those who can change it" {
	local warning="others can read the credentials in '$D/auth.json': 'chmod 600' it"
	keep_login "$SRV"
	mica pull "$SRV/basic/a" 2>said
	run ! grep 'others can read' said
	chmod 644 auth.json
	mica pull "$SRV/basic/b" 2>said
	[ "$(grep -cF "$warning" said)" = 1 ] || fail "$(cat said)"
	mica registry check "$SRV/basic/b" | grep -q "anna of $D/auth.json, which others can read"
	# nobody asked for them
	mica pull "$SRV/x/a" 2>said
	run ! grep 'others can read' said
	[ "$(id -u)" = 0 ] || return 0
	mount --bind auth.json auth.json
	mount -o remount,bind,ro auth.json
	MICA_ROOT=$D/second mica pull "$SRV/basic/b" 2>said || { umount auth.json && fail "$(cat said)"; }
	umount auth.json
	run ! grep 'others can read' said
}

@test "the key of the longest path counts" {
	jq -cn --arg s "$SRV" '{auths: {($s): {auth: ("anna:wrong" | @base64)}, ($s + "/basic"): {auth: ("anna:secret" | @base64)},
		($s + "/basic/other"): {auth: ("anna:wrong" | @base64)}}}' >auth.json
	mica pull -q "$SRV/basic/x/y"
	run --separate-stderr mica pull -q "$SRV/basic/other/x"
	assert_error 'authentication required'
	ln -s "$MICA_BIN" buildah
	run --separate-stderr ./buildah pull -q "$SRV/basic/other/x"
	[[ "$stderr" == *"authentication required; try \`buildah login $SRV\`"* ]] || fail "$stderr"
}

@test "login keeps only what the registry took, for its owner's eyes" {
	: >"$T/srv/login"
	rm auth.json
	run --separate-stderr mica login -u anna -p wrong "$SRV"
	assert_error 'logging into "[^"]+": invalid username/password'
	[ ! -e auth.json ]
	echo '{"auths":null}' >auth.json
	umask 000
	mica login -u anna -p secret "$SRV"
	[ "$(stat -c %a auth.json)" = 600 ]
	mica pull -q "$SRV/basic/x"
}

@test "what is typed for a password is not shown, and ^C gives the terminal back" {
	: >"$T/srv/login"
	python3 "$TOP/tests/registry/typed.py" 'secret\n' "$MICA_BIN" login -u anna "$SRV" >shown
	[ "$(tr -d '\r' <shown | xargs)" = "Password: Login Succeeded! echo 0" ] || fail "$(cat shown)"
	[ "$(jq -r '.auths[].auth' auth.json | base64 -d)" = anna:secret ]
	rm auth.json
	# both before either is asked for
	printf 'anna\nsecret\n' | script -qec "'$MICA_BIN' login '$SRV'" /dev/null >shown
	grep -q 'Login Succeeded' shown || fail "$(cat shown)"
	rm auth.json
	python3 "$TOP/tests/registry/typed.py" 'sec\x03' "$MICA_BIN" login -u anna "$SRV" >shown
	tr -d '\r' <shown | xargs | grep -qE '^Password: mica: login was cancelled echo 1[0-9]+$' || fail "$(cat shown)"
	[ ! -e auth.json ]
	[ "$(asked secret)" = 0 ]
	# as buildah --creds asks for what it does not say
	echo '{}' >auth.json
	chmod 600 auth.json
	python3 "$TOP/tests/registry/typed.py" 'secret\n' "$MICA_BIN" pull -q --creds anna "$SRV/basic/typed" >shown
	tr -d '\r' <shown | xargs | grep -qE '^Password: [0-9a-f]{64} echo 0$' || fail "$(cat shown)"
	run -125 --separate-stderr mica pull -q --creds anna "$SRV/basic/x" </dev/null
	assert_error "option '--creds': no terminal to ask for 'Password': write --creds USER:PASSWORD"
	timeout 20 python3 "$TOP/tests/registry/typed.py" -TERM "$MICA_BIN" login -u anna "$SRV" >shown
	[ "$(tr -d '\r' <shown | xargs)" = "Password: mica: interrupted by SIGTERM echo 143" ] || fail "$(cat shown)"
}

@test "registry check tells where settings come from, and what each place answers" {
	: >"$T/srv/login"
	keep_login "$SRV"
	mkdir -p "$HOME/.config/containers/certs.d/127.0.0.1:1"
	cat >conf <<-END
		[[registry]]
		location = "$SRV"
		insecure = true
		[[registry.mirror]]
		location = "127.0.0.1:1"
	END
	export CONTAINERS_REGISTRIES_CONF=$D/conf
	mica registry check "$SRV/team" >told
	rm -r "$HOME/.config/containers/certs.d"
	sed -E 's/ +/ /g' told | diff - <(
		cat <<-END
			configuration: $D/conf
			127.0.0.1:1/team (mirror)
			 connection HTTPS, certificate verified
			 certificates $HOME/.config/containers/certs.d/127.0.0.1:1
			 credentials none
			 answer cannot reach 127.0.0.1:1: connection refused
			$SRV/team
			 connection plain HTTP, as it is configured insecure
			 certificates the system's
			 credentials anna of $D/auth.json
			 answer good
		END
	)
	[ "$(asked '^GET main /v2/ Bearer')" = 1 ]
	[ "$(mica registry check --json "$SRV" | jq -c 'map(.reached)')" = '[false,true]' ]
	echo '{"auths":{"'"$SRV"'":{"auth":"'"$(printf anna:wrong | base64)"'"}}}' >auth.json
	run --separate-stderr mica registry check "$SRV"
	assert_error "'$SRV' cannot be used as it is configured"
	[[ "$output" == *"answer        "*"refuses the credentials"* ]]
	run ! grep -F -e secret -e wrong told
	sed -i 's/insecure = true/blocked = true/' conf
	run --separate-stderr mica registry check "$SRV"
	assert_error 'is blocked'
}

# --- helpers ---

helper() { # NAME: from standard input; in a directory of PATH that only we know, and named by NAME.json
	mkdir -p bin
	{
		echo '#!/bin/sh'
		cat
	} >"bin/docker-credential-$1"
	chmod 755 "bin/docker-credential-$1"
	jq -cn --arg s "$SRV" --arg h "$1" '{credHelpers: {($s): $h}}' >"$1.json"
	export REGISTRY_AUTH_FILE=$D/$1.json
}

# cve: CVE-2019-1020014
@test "helpers are asked within limits, know the user's environment, and are nobody when they fail" {
	export PATH=$PATH:$D/bin CLOUD_ACCOUNT=secret
	helper stays <<-'END'
		echo '{"Username":"anna","Secret":"secret"}'
		exec sleep 100 >&-
	END
	mica pull -q "$SRV/basic/stays" 2>stays &
	stays=$!
	helper hangs <<<'sleep 100 & echo $! >left; wait'
	mica pull -q "$SRV/basic/hangs" 2>hangs &
	hangs=$!
	# nor longer than somebody waits for it
	helper asked <<<'sleep 100 & echo $! >asked; wait'
	"$MICA_BIN" --root "$MICA_ROOT" pull -q "$SRV/basic/asked" 2>/dev/null 3>&- &
	wait_for 10 test -s asked
	kill $!
	wait_gone "$(cat asked)"
	rm asked
	"$MICA_BIN" logout "$SRV" 2>/dev/null 3>&- &
	wait_for 10 test -s asked
	kill $!
	wait_gone "$(cat asked)"
	! gone $stays || fail "it was waited for"
	helper cloud <<-'END'
		[ "$1" = get ] && server=$(cat) && echo '{"ServerURL":"'"$server"'","Username":"anna","Secret":"'"$CLOUD_ACCOUNT"'"}'
	END
	mica pull -q "$SRV/basic/x"
	helper store <<<'sleep 100 >/dev/null 2>&1 & echo $! >kept; [ "$1" != erase ] || cat >erased'
	echo '{"credsStore": "store"}' >store.json
	mica logout "$SRV"
	[ "$(cat erased)" = "$SRV" ]
	wait_gone "$(cat kept)"
	helper noisy <<<'exec yes "not json"'
	run --separate-stderr mica pull -q "$SRV/basic/noisy"
	assert_error 'docker-credential-noisy printed more than 65536 bytes'
	helper mute <<<'exit 0'
	run --separate-stderr mica pull -q "$SRV/basic/mute"
	assert_error 'docker-credential-mute gave no user name'
	# its reason is shown as one short line, from where it was said; what looks like the secret itself is not
	helper fails <<<'printf "no session:\n\033[2Jrun \"cloud login\"\n"; yes noise | head -c 100000 >&2; exit 3'
	run --separate-stderr mica pull -q "$SRV/basic/fails"
	assert_error "docker-credential-fails get' failed with status 3: no session: \[2Jrun \"cloud login\"\$"
	helper fails <<<'printf "{\"Username\":\"anna\",\"Secret\":\"hunter2\"}"; yes x | head -c 1000 >&2; echo "the vault is sealed" >&2; exit 4'
	run --separate-stderr mica pull -q "$SRV/basic/fails"
	assert_error "failed with status 4: \.\.\. [ x]{200,}x the vault is sealed\$"
	[[ "$stderr" != *hunter2* ]]
	helper fails <<<'tr -d "{}\"" | sed "s/Secret/x/"; exit 5'
	: >"$T/srv/login"
	run --separate-stderr mica login -u anna -p secret "$SRV"
	rm "$T/srv/login"
	assert_error "docker-credential-fails cannot keep the credentials\$"
	helper none <<<'echo "credentials not found in native keychain"; exit 1'
	run --separate-stderr mica pull -q "$SRV/basic/none"
	assert_error 'authentication required'
	jq -cn --arg s "$SRV" '{credHelpers: {($s): "../../bin/cloud"}}' >none.json
	run --separate-stderr mica pull -q "$SRV/basic/path"
	assert_error "is not a name of a credential helper"
	! wait $stays || fail "it was waited for"
	grep 'did not answer within 10 s' stays
	! wait $hangs || fail "it was waited for"
	grep 'did not answer within 10 s' hangs
	wait_gone "$(cat left)"
	# nobody's name was told for theirs
	run ! grep -E 'basic/(stays|hangs|noisy|mute|fails|none|path) Basic' "$T/srv/log"
}

@test "a helper is asked once, and again when what it said is refused later" {
	export PATH=$PATH:$D/bin
	helper once <<<'echo "$1" >>calls; echo "{\"Username\":\"anna\",\"Secret\":\"$([ "$(wc -l <calls)" = 1 ] && echo secret || echo fresh)\"}"'
	for repo in basic/x token/x; do
		rm -f calls
		MICA_ROOT=$D/${repo%/x} mica pull -q "$SRV/$repo"
		[ "$(cat calls)" = get ] || fail "$repo: $(cat calls)"
	done
	# nor for each image of a build
	rm calls
	printf 'FROM %s/basic/a AS a\nFROM %s/token/b\nCOPY --from=a /noise /a\n' "$SRV" "$SRV" | containerfile
	MICA_ROOT=$D/build mica build -q ctx
	[ "$(cat calls)" = get ] || fail "build: $(cat calls)"
	# the password of the registry, and that of its token service
	for repo in basic-turn/x token-turn/x; do
		rm -f calls
		MICA_ROOT=$D/${repo%/x} mica pull -q "$SRV/$repo"
		[ "$(xargs <calls)" = "get get" ] || fail "$repo: $(cat calls)"
	done
	# what it does not keep is not asked for again either
	helper none <<<'echo "$1" >>calls; echo "credentials not found in native keychain"; exit 1'
	rm calls
	mica pull -q "$SRV/token/x"
	[ "$(cat calls)" = get ]
}

@test "registries.conf lists helpers: the first that knows is taken, the first that can keeps, and logout asks all" {
	export PATH=$PATH:$D/bin VAULT=$D/vault
	printf '%s\n' 'credential-helpers = ["broken", "none", "vault", "containers-auth.json"]' "$(cat "$T/registries.conf")" >conf
	export CONTAINERS_REGISTRIES_CONF=$D/conf
	: >"$T/srv/login"
	helper broken <<<'echo "broken $1" >>calls; exit 3'
	helper none <<<'echo "none $1" >>calls; [ "$1" != list ] || exec echo "{}"; echo "credentials not found in native keychain"; exit 1'
	helper vault <<-'END'
		echo "vault $1" >>calls
		case $1 in
		store) cat >"$VAULT" ;;
		get) cat "$VAULT" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
		list) jq '{(.ServerURL): .Username}' "$VAULT" ;;
		erase) rm "$VAULT" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
		esac
	END
	export REGISTRY_AUTH_FILE=$D/auth.json
	mica login -v -u anna -p secret "$SRV" >said
	grep -q "^Used:  credential helper: vault" said || fail "$(cat said)"
	[ "$(cat auth.json)" = '{}' ]
	mica login -u anna -p secret "$SRV/team" # no helper's business
	[ "$(jq -c '.auths | keys' auth.json)" = "[\"$SRV/team\"]" ]
	: >calls
	mica pull -q "$SRV/token/x"
	[ "$(xargs <calls)" = "broken get none get vault get" ]
	mica registry check "$SRV" | grep -q "anna of credential helper: vault"
	# who fails does not matter where another one knows, and is told where nobody does
	run --separate-stderr mica logout "$SRV"
	assert_error "credential helper 'docker-credential-broken erase' failed with status 3"
	[ ! -e "$VAULT" ]
	run --separate-stderr mica pull -q "$SRV/basic/x"
	assert_error "credential helper 'docker-credential-broken get' failed with status 3"
	sed -i 's/"broken", //' conf
	mica login -u anna -p secret --compat-auth-file docker.json "$SRV" # docker does not know of them
	[ "$(jq -c '.auths | keys' docker.json)" = "[\"$SRV\"]" ]
	mica login -u anna -p secret "$SRV"
	mica logout -a
	[ ! -e "$VAULT" ]
	[ "$(jq -c .auths auth.json)" = '{}' ]
	run --separate-stderr mica logout "$SRV"
	assert_error "not logged into $SRV"
}

not_run() { # PATTERN
	run --separate-stderr mica logout "$SRV"
	assert_error "helper 'docker-credential-mine' is not run: $1"
	[ ! -e ran ] || fail "it ran all the same"
}

@test "a helper that others can change is not run" {
	local path mode
	export PATH=$PATH:$D/bin
	helper mine <<<': >ran'
	for path in "$D/bin" "$D/bin/docker-credential-mine"; do
		chgrp 12 "$path"
		for mode in 757 775; do
			chmod $mode "$path"
			not_run "others can write to '$path', mode 0$mode, group 12 \\(chmod go-w it"
		done
		chmod 755 "$path"
		chown 65534 "$path"
		not_run "'$path' belongs to user 65534, neither to root nor to you \\(chown it"
		chown 0:0 "$path"
		chmod 775 "$path"
	done
	mica logout "$SRV"
	[ -e ran ]
}

# --- where credentials do not go ---

# cve: GHSA-vh4v-2xq2-g5cg CVE-2020-15157
@test "a redirect to another origin carries nothing, and one that leads nowhere good is refused" {
	keep_login "$SRV"
	mica pull -q "$SRV/redirect-other"
	[ "$(asked '^GET other /elsewhere/.* - -$')" = 1 ]
	# who comes back from there is nobody still
	MICA_ROOT=$D/back mica pull -q "$SRV/redirect-back"
	[ "$(asked '^GET main /elsewhere/.* - -$')" = 1 ]
	# an address that was good for one request: the registry is asked for another
	MICA_ROOT=$D/once mica pull -q --retry-delay 10ms "$SRV/redirect-once"
	[ "$(asked '^GET main /v2/redirect-once/blobs/.* Basic=')" = 3 ] # the config, and the layer twice
	[ "$(asked '^GET other /elsewhere/[^ ]*/2 - bytes=[1-9]')" = 1 ]
	export MICA_ROOT=$D/second
	refused 'redirects more than 5 times' pull -q "$SRV/redirect-loop"
	refused 'neither http nor https' pull -q "$SRV/redirect-file"
	refused 'user information' pull -q "$SRV/redirect-user"
	refused 'must be escaped' pull -q "$SRV/redirect-break"
	refused 'layer sha256:' pull -q --retry 0 "$SRV/redirect-empty"
	run ! leaked
}

# cve: CVE-2026-50151
@test "an upload that is sent to another origin carries nothing" {
	keep_login "$SRV"
	for fault in upload-other upload-network; do
		mica push -q "$(built)" "docker://$SRV/$fault/x:v1"
		[ "$(asked "^PUT other /upload/$fault/x\?digest=.* - -$")" = 2 ]
	done
	for fault in upload-relative upload-query; do
		mica push -q "$(built)" "docker://$SRV/$fault/x:v1"
		[ "$(asked "^PUT main /upload/$fault/x\?.*digest=")" = 2 ]
	done
	# it asks who we are, which is not answered, and is no question of the registry's
	run --separate-stderr mica push -q "$(built)" "docker://$SRV/upload-nosy/x:v1"
	assert_error 'authentication required|status 401'
	[ "$(asked '/v2/upload-nosy/.* Basic')" = 0 ]
	for fault in upload-user upload-file upload-none; do
		run --separate-stderr mica push -q "$(built)" "docker://$SRV/$fault/x:v1"
		assert_error 'location|user information|neither http nor https'
		[ "$(wc -l <<<"$stderr")" = 1 ] || fail "not quiet: $stderr"
	done
	run ! leaked
}

# cve: CVE-2026-48978 CVE-2026-24845 CVE-2026-33540 CVE-2020-15157
@test "a token service, a storage and an upload of other owners are asked by nobody" {
	keep_login reg.corp.test
	through_proxy
	mica pull -q reg.corp.test/realm-ours
	[ "$(asked '^GET auth.corp.test /token\?.* Basic=')" = 1 ]
	forget_requests
	mica pull -q reg.corp.test/realm-theirs
	[ "$(asked '^GET auth.evil.test /token\?.* - -$')" = 1 ]
	# the token of theirs goes to the registry alone
	MICA_ROOT=$D/second mica pull -q reg.corp.test/redirect-theirs
	[ "$(asked '^GET cdn.evil.test /elsewhere/.* - -$')" = 1 ]
	mica push -q "$(built)" docker://reg.corp.test/upload-theirs/x
	[ "$(asked '^PUT store.evil.test /upload/.* - -$')" = 2 ]
	run ! grep -E '^[A-Z]+ [^ ]*evil.test .*(Basic|Bearer)' "$T/srv/log"
}

# cve: CVE-2026-33990
@test "a registry elsewhere cannot send us to this machine or to the services of its network" {
	keep_login reg.corp.test
	through_proxy
	refused_here() {
		run --separate-stderr mica pull -q "reg.corp.test/$1"
		assert_error 'on this machine'
	}
	refused_here realm-here
	refused_here realm-metadata
	run --separate-stderr mica push -q "$(built)" docker://reg.corp.test/upload-here/x
	assert_error 'sends the upload to .* on this machine'
	export MICA_ROOT=$D/second
	refused_here redirect-here
	refused_here redirect-metadata
	[ "$(asked '^GET (main|169.254.169.254) ')" = 0 ]
}

# cve: CVE-2026-33990
@test "nor by a name that leads here" {
	[ "$(id -u)" = 0 ] || skip "makes networks"
	cat >sends.py <<-'END'
		import http.server, sys
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        print(self.path, file=open(sys.argv[1], "a"))
		        self.send_response(200 if self.path in ("/v2/", "/secret") else 307)
		        self.send_header("Location", "http://inside.test:5000/secret")
		        self.end_headers()
		    do_HEAD = do_GET
		http.server.HTTPServer(("0.0.0.0", 5000), Handler).serve_forever()
	END
	printf '192.0.2.1 corp.test\n127.0.0.1 inside.test near.test\n' >hosts
	printf '[[registry]]\nlocation = "%s.test:5000"\ninsecure = true\n' corp near >conf
	cat >network.sh <<-'END'
		mount --bind hosts /etc/hosts && ip link set lo up || exit
		python3 sends.py here & here=$!
		unshare -n python3 sends.py there & there=$!
		until [ "$(readlink /proc/$there/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
		ip link add v0 type veth peer name v1 netns $there && ip addr add 192.0.2.2/24 dev v0 && ip link set v0 up &&
			nsenter -t $there -n sh -c 'ip addr add 192.0.2.1/24 dev v1 && ip link set v1 up'
		until curl -s -o ready http://192.0.2.1:5000/v2/ && curl -s -o ready http://127.0.0.1:5000/v2/; do sleep 0.05; done
		: >here
		"$@" pull --retry 0 corp.test:5000/x 2>refused
		echo $? $(grep -c secret here) >>refused
		"$@" pull --retry 0 near.test:5000/x 2>followed
		grep -c secret here >>followed
		kill $here $there
	END
	unshare -nm timeout 60 sh network.sh "$MICA_BIN" --root "$MICA_ROOT" --registries-conf conf 3>&- || fail "$(cat refused followed)"
	grep "'inside.test:5000', which the registry names, is on this machine, which is refused" refused || fail "$(cat refused)"
	[ "$(tail -1 refused)" = '125 0' ]
	# one that is here itself may name others
	[ "$(tail -1 followed)" -ge 1 ] || fail "$(cat followed)"
}

@test "the address of a token service and its answer are taken only when they are what they must be" {
	keep_login "$SRV"
	refused_token() {
		run --separate-stderr mica pull -q --retry 0 "$SRV/$1"
		assert_error "$2"
	}
	refused_token realm-file 'neither http nor https'
	refused_token realm-user 'user information'
	refused_token realm-long 'too long|longer'
	refused_token header-break 'without an end'
	refused_token token-break 'no usable token'
	refused_token token-html 'token'
	refused_token token-loop 'cannot get a token'
	refused_token token-number "cannot get a token: .*'token'"
	refused_token token-expiry "cannot get a token: .*'expires_in'"
	mica pull -q "$SRV/token-past/x"
	[ "$(asked '^GET main /token-past')" = 1 ]
	run ! grep -i injected "$T/srv/log"
}

# cve: CVE-2024-36127
@test "nothing that is secret is in what is shown" {
	keep_login "$SRV"
	mica --debug pull -q "$SRV/token/debug" 2>err
	mica --debug pull -q --creds anna:secret "$SRV/basic/debug" 2>>err
	run --separate-stderr mica pull -q "http://anna:secret@$SRV/basic/x"
	echo "$stderr" >>err
	# nor what goes to a proxy, whatever it is
	for proxy in http://anna:secret@127.0.0.1:1 https://anna:secret@127.0.0.1:1 socks5h://anna:secret@127.0.0.1:1 ftp://anna:secret@127.0.0.1:1; do
		run --separate-stderr env all_proxy="$proxy" "$MICA_BIN" --root "$MICA_ROOT" --debug pull -q --retry 0 reg.corp.test/x
		echo "$stderr" >>err
	done
	[ "$(grep -c '^mica: .*cannot reach reg.corp.test through 127.0.0.1:1: connection refused' err)" = 3 ]
	grep -q '^mica: .*reg.corp.test: the address of the proxy is of no kind that is known' err
	run ! grep -E "$(printf anna:secret | base64)|Trepository|anna:secret" err
}

# --- proxies ---

@test "what NO_PROXY names and this machine are asked without the proxy" {
	through_proxy
	printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$SRV" >>conf
	mica pull -q reg.corp.test/good
	[ "$(asked '^GET reg.corp.test ')" -gt 0 ]
	forget_requests
	mica pull -q "$SRV/good"
	[ "$(asked '^GET main ')" -gt 0 ]
	for exception in .corp.test corp.test '*.corp.test' reg.corp.test:80 'x, reg.corp.test'; do
		run --separate-stderr env NO_PROXY="$exception" "$MICA_BIN" --root "$MICA_ROOT" pull -q --retry 0 --policy=always reg.corp.test/good
		assert_error 'cannot reach reg.corp.test'
	done
	unset http_proxy
	HTTP_PROXY=http://$SRV mica pull -q --policy=always reg.corp.test/other
}

# --- TLS ---

certificate() { # NAME SUBJECT EXTENSION
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile <(echo "$3") -out "$1.pem" 2>/dev/null
}

# cve: CVE-2018-1000500 CVE-2018-12608
@test "TLS: an authority and a client's certificate of certs.d are for their host and port" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem 2>/dev/null
	certificate server elsewhere subjectAltName=IP:127.0.0.1
	certificate client someone extendedKeyUsage=clientAuth
	mkdir own
	plain=$(cat "$T/srv.pid")
	T=$D/own start_server server.pem server.key ca.pem
	mv own/srv.pid "$T/tls.pid"
	[ "$(cat "$T/srv.pid")" = "$plain" ]
	certs=$HOME/.config/containers/certs.d
	run --separate-stderr mica pull -q "$SRV/good"
	assert_error "belongs in /etc/containers/certs.d/$SRV/ca.crt or $certs/$SRV/ca.crt"
	mkdir -p "$certs/$SRV" "$certs/127.0.0.1:1"
	run --separate-stderr mica pull -q "$SRV/good"
	assert_error "unknown authority; .* belongs in $certs/$SRV/ca.crt"
	cp ca.pem "$certs/127.0.0.1:1/ca.crt"
	run --separate-stderr mica pull -q "$SRV/good"
	assert_error 'certificate'
	cp ca.pem "$certs/$SRV/ca.crt"
	run --separate-stderr mica pull -q --retry 0 "$SRV/good"
	assert_error "cannot pull $SRV/good"
	cp client.pem "$certs/$SRV/client.cert"
	run --separate-stderr mica pull -q "$SRV/good"
	assert_error "has no key"
	cp client.key "$certs/$SRV/client.key"
	mv "$certs/$SRV/client.cert" kept
	run --separate-stderr mica pull -q "$SRV/good"
	assert_error "has no certificate"
	mv kept "$certs/$SRV/client.cert"
	mica pull -q "$SRV/good"
	# a good certificate of another name is none
	for where in "localhost:$MAIN/good --cert-dir $certs/$SRV" "localhost:$MAIN/good"; do
		[ "$where" != "${where% *}" ] || cp -r "$certs/$SRV" "$certs/localhost:$MAIN"
		# shellcheck disable=SC2086 # words
		MICA_ROOT=$D/name run --separate-stderr mica pull -q $where
		assert_error 'TLS: .*(certificate|subject)'
	done
	MICA_ROOT=$D/second mica pull -q --cert-dir "$certs/$SRV" --tls-verify=true "$SRV/good/again"
	# not from https to http
	keep_login "$SRV"
	MICA_ROOT=$D/third
	refused 'from https to http' pull -q "$SRV/redirect-plain"
	refused 'from https to http' pull -q "$SRV/redirect-other"
	refused 'token' pull -q "$SRV/realm-plain"
	[ "$(asked ' other .*token')" = 0 ]
	rm -r "$certs"
}
