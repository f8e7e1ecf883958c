#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A registry that is busy, broken, wrong or malicious: server.py says what each repository's name does.
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
	forget_requests
}

teardown() {
	test_teardown
}

# --- what may pass ---

@test "a registry that is busy gets the time it asks for, in seconds or as a date, and the wait is told" {
	before=$SECONDS
	mica pull -q "$SRV/busy-seconds"
	mica pull "$SRV/busy-date" 2>err
	[ $((SECONDS - before)) -ge 2 ]
	grep -E "$SRV: too many requests \(status 429\); trying again in [0-9]+ s" err || fail "$(cat err)"
}

@test "each of many blobs that are asked for at once may be put off" {
	mica pull -q --retry 1 --retry-delay 10ms "$SRV/busy-many"
	[ "$(asked 'GET main /v2/busy-many/blobs/')" = 26 ]
	came_whole
}

@test "who asks for more time than anybody has is told to whom it may help" {
	before=$SECONDS
	refused "allows no more requests for the next 86400 s \(status 429\).*pull rate limit.*mica login $SRV.*mirror" pull -q "$SRV/busy-long"
	[ $((SECONDS - before)) -lt 5 ]
	[ "$(asked 'GET main /v2/busy-long/manifests')" = 1 ]
}

@test "errors that pass, connections that break and transfers that stall are tried again" {
	mica pull -q --retry-delay 10ms "$SRV/flaky"
	# as often as was asked for
	mica pull -q --retry-delay 1ms --retry 25 "$SRV/flaky-25"
	mica pull -q --retry-delay 10ms "$SRV/hangs-up"
	MICA_ROOT=$D/third mica pull -q --retry 0 --stall-timeout 1s "$SRV/drips" 2>drips &
	drips=$!
	MICA_ROOT=$D/fifth mica pull -q --retry 0 --stall-timeout 1s "$SRV/creeps" 2>creeps &
	creeps=$!
	MICA_ROOT=$D/sixth mica pull -q --retry 0 --stall-timeout 1s "$SRV/creeping-error" 2>error &
	error=$!
	export MICA_ROOT=$D/second
	# also on a connection that did well before: that is no registry that cannot be reached
	MICA_ROOT=$D/fourth mica pull -q --retry 0 --stall-timeout 1s "$SRV/mute/x" 2>mute &
	mute=$!
	mica pull -q --retry-delay 10ms --stall-timeout 1s "$SRV/stalls"
	grep -E 'GET main /v2/stalls/blobs/.* bytes=[1-9]' "$T/srv/log"
	came_whole
	! wait $drips || fail "it was pulled"
	grep "$SRV stopped sending (waited for 1 s)" drips
	! wait $mute || fail "it was pulled"
	grep "$SRV does not answer (waited for 1 s)" mute
	! wait $creeps || fail "it was pulled"
	grep "$SRV sends too slowly (waited for 3 s)" creeps
	! wait $error || fail "it was pulled"
	grep "$SRV sends too slowly (waited for 3 s)" error
	# the limit is what was said, not what it makes of an average
	for name in stalled muted; do
		wait_for 10 test -s "$T/srv/$name"
		[ "$(cat "$T/srv/$name")" -lt 5 ] || fail "$name: $(cat "$T/srv/$name") s"
	done
}

@test "a transfer goes on where it broke, also when the registry begins again or sends another range" {
	mica pull -q --retry-delay 10ms "$SRV/cut"
	[ "$(asked 'GET main /v2/cut/blobs/.* bytes=[1-9]')" = 2 ]
	MICA_ROOT=$D/second mica pull -q --retry-delay 10ms "$SRV/no-range"
	MICA_ROOT=$D/third mica pull -q --retry-delay 10ms "$SRV/other-range"
	# where nothing of it can be had alone it is sent as a whole, and what is there passed over
	MICA_ROOT=$D/fourth mica pull -q --retry-delay 10ms "$SRV/range-416"
	[ "$(asked 'GET main /v2/range-416/blobs/.* bytes=[1-9]')" = 1 ]
	for store in store second third fourth; do
		MICA_ROOT=$D/$store came_whole
	done
	export MICA_ROOT=$D/fifth
	refused 'content has digest sha256:[0-9a-f]*, the registry or the network corrupted it' pull -q --retry-delay 10ms "$SRV/changes"
}

@test "what would be answered the same again is not asked again" {
	refused "$SRV: it speaks plain HTTP where HTTPS is expected; '--tls-verify=false', or 'insecure = true'" \
		--debug pull -q --retry 3 --retry-delay 1ms --tls-verify=true "$SRV/good"
	[[ "$stderr" != *"trying again"* ]]
	export https_proxy=http://$SRV
	refused 'cannot reach refuses.test: the proxy answered with status 407, it wants a user and a password in its address' \
		pull -q --retry 3 --retry-delay 1ms refuses.test/x
	[ "$(asked '^CONNECT ')" = 1 ]
	refused 'cannot reach fails.test: the proxy answered with status 502$' pull -q --retry 3 --retry-delay 1ms fails.test/x
	[ "$(asked '^CONNECT ')" = 5 ]
}

@test "a name that DNS does not know is not looked up again, one that it cannot tell is" {
	echo 'nameserver 127.0.0.1' >resolv.conf
	in_dns() { # HOST: a pull from there, where names are looked up at a server of the test
		run --separate-stderr unshare -nm sh -c 'mount --bind resolv.conf /etc/resolv.conf && ip link set lo up && exec "$@"' - \
			python3 -B "$BATS_TEST_DIRNAME/dns.py" "$MICA_BIN" --root "$MICA_ROOT" pull --retry 2 --retry-delay 1ms "$1/x"
	}
	in_dns absent.test
	[[ "$stderr" == *"cannot reach absent.test: no such host: DNS does not know the name" && "$stderr" != *retrying* ]] || fail "$stderr"
	in_dns lost.test
	[[ "$stderr" == *"retrying in 1 ms (2/2)"*"cannot reach lost.test: its name cannot be looked up: DNS does not answer" ]] || fail "$stderr"
}

@test "a pull or push that is interrupted takes back at once what it has made" {
	for what in "pull $SRV/drips/x" "pull $SRV/mute/z" "push $SRV/good/x docker://$SRV/upload-mute/x"; do
		[ "${what%% *}" = pull ] || mica pull -q "$SRV/good/x" >/dev/null
		forget_requests
		# shellcheck disable=SC2086 # words
		"$MICA_BIN" --root "$MICA_ROOT" $what 2>err 3>&- &
		wait_for 10 grep -qE '/(drips/x/manifests|mute/z/blobs|upload-mute/x/blobs/uploads)/' "$T/srv/log"
		# a push makes nothing in the store
		[[ "$what" = push* || -n "$(ls -A "$MICA_ROOT/tmp")" ]] || fail "$what: $(cat "$T/srv/log" err)"
		kill -TERM $!
		wait $! && fail "$what: was done"
		[ $? = 143 ] && grep -q 'interrupted by SIGTERM' err || fail "$what: $(cat err)"
		[ -z "$(ls -A "$MICA_ROOT/tmp")" ] || fail "$what: left $(ls "$MICA_ROOT/tmp")"
	done
}

@test "each place that was tried is named, and one that cannot be reached is asked once" {
	dead=127.0.0.1:1
	cat >conf <<-END
		[[registry]]
		prefix = "corp.test"
		location = "$SRV/status-500"
		insecure = true
		[[registry.mirror]]
		location = "$dead"
		insecure = true
		[[registry.mirror]]
		location = "$SRV/status-403"
		insecure = true
	END
	refused "$dead: .*refused; $SRV: access denied.*; $SRV: $SRV answered with status 500" --registries-conf conf pull -q --retry 0 corp.test/x
	sed -i "s|$SRV/status-500|$SRV/good|" conf
	forget_requests
	mica --debug --registries-conf conf pull -q --retry 5 corp.test/x 2>err
	[ "$(grep -c "$dead.* trying the next place" err)" = 1 ] || fail "$(cat err)"
	# and the blobs come from where the manifest was
	[ "$(asked status-403)" = 1 ]
}

@test "a blob that may not be mounted from where it was is sent" {
	mica pull -q "$SRV/good/origin" >id
	mica push -q "$(cat id)" "docker://$SRV/upload-nomount/x"
	[ "$(asked 'POST main /v2/upload-nomount/x/blobs/uploads/\?mount=.*from=good%2Forigin')" = 2 ]
	[ "$(asked 'PUT main /upload/upload-nomount/x')" = 2 ]
	# nor asked for a token for both
	mica push -q --creds anna:secret "$(cat id)" "docker://$SRV/upload-picky/x"
	[ "$(asked 'GET main /token-picky.*upload-nomount')" -ge 1 ]
	[ "$(asked 'PUT main /upload/upload-picky/x')" = 2 ]
}

# --- floods ---

# cve: CVE-2023-2253 CVE-2017-11468 CVE-2022-29173
@test "headers, tokens, documents, blobs and lists without an end are cut off" {
	rm -f "$T/srv/flood"
	refused 'more than 65536 bytes of headers' pull -q --retry 0 "$SRV/headers-many"
	refused 'bytes of headers|eader' pull -q --retry 0 "$SRV/header-long"
	refused 'manifest is larger than 4194304 bytes' pull -q --retry 0 "$SRV/manifest-flood"
	refused 'cannot get a token: .*larger than' pull -q --retry 0 "$SRV/token-flood"
	refused 'sent more than the [0-9]+ bytes' pull -q --retry 0 "$SRV/blob-flood"
	refused 'lists more than 100000 entries' list-tags "$SRV/tags-flood"
	refused 'more than 500 pages' list-tags "$SRV/tags-forever"
	# what the kernel took in on the way is all that was sent of a gigabyte
	wait_for 10 test "$(wc -l <"$T/srv/flood")" = 5
	while read -r n; do
		[ "$n" -lt $((32 << 20)) ] || fail "$n bytes were taken"
	done <"$T/srv/flood"
}

# --- below the answers ---

certificate() { # NAME SUBJECT_ALT_NAME DAYS
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "certs/$1.key" -out csr 2>/dev/null
	openssl x509 -req -in csr -CA ca/ca.crt -CAkey ca.key -CAcreateserial -days "$3" -extfile <(echo "subjectAltName=$2") -out "certs/$1.pem" 2>/dev/null
}

authority() { # KEY CERTIFICATE
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$1" -out "$2" 2>/dev/null
}

port() { # NAME
	awk -v name="$1" '$1 == name { print $2 }' wire
}

start_wire() {
	mkdir ca certs
	authority ca.key ca/ca.crt
	authority certs/stranger.key certs/stranger.pem
	certificate server IP:127.0.0.1,DNS:reg.corp.test 2
	certificate other DNS:elsewhere.test 2
	certificate expired IP:127.0.0.1 -1
	python3 -B "$TOP/tests/registry/wire.py" "$T/layout" "$D" certs >wire.out 2>&1 3>&- &
	echo $! >"$T/${D##*/}.pid"
	disown
	wait_for 20 test -s wire || fail "$(cat wire.out)"
}

@test "new keys in the middle, another certificate, no room for an upload, and proxies that want to know who asks" {
	start_wire
	for keys in key-update renegotiates; do
		MICA_ROOT=$D/$keys mica pull -q --retry 0 --cert-dir ca "127.0.0.1:$(port $keys)/x" >"$keys.id" || fail "$keys"
	done
	cmp key-update.id renegotiates.id
	refused "127.0.0.1:$(port changes): TLS: .*unknown authority" pull -q --retry 3 --cert-dir ca "127.0.0.1:$(port changes)/x"
	# a small blob has been read whole when nothing of it has left
	mkdir tiny
	plain_tar tiny.tar tiny
	make_layout layout '{}' tiny.tar
	run --separate-stderr timeout 30 "$MICA_BIN" --root "$D/tiny.store" push -q --retry 0 --stall-timeout 1s --cert-dir ca \
		"$(MICA_ROOT=$D/tiny.store mica pull -q oci:layout)" "docker://127.0.0.1:$(port takes-nothing)/x"
	assert_error 'takes no more of what is sent \(waited for 1 s\)'
	# a proxy's certificate is one of the network, not of a registry
	export SSL_CERT_FILE=$D/ca/ca.crt
	for proxy in "https://anna:pro%20xy@127.0.0.1:$(port proxy-https)" "socks5h://anna:pro%20xy@127.0.0.1:$(port proxy-socks)"; do
		MICA_ROOT=$D/${proxy%%:*} https_proxy=$proxy mica --debug pull -q --retry 0 reg.corp.test/x 2>>err || fail "$(cat err)"
		https_proxy=${proxy/pro/no} refused 'cannot reach reg.corp.test: the proxy (answered with status 407, it wants|says: .*rejected)' --debug pull -q --retry 3 reg.corp.test/x
		[[ "$stderr" != *"trying again"* ]] || fail "$stderr"
		echo "$stderr" >>err
	done
	run ! grep -E "pro(%20| )xy|no(%20| )xy|anna|$(printf 'anna:pro xy' | base64)" err
	[ "$(sort -u proxied)" = "$(printf 'proxy-%s\n' 'https ' 'https reg.corp.test:443' 'socks ' 'socks reg.corp.test:443')" ]
}

@test "broken, endless and false frames, headers and certificates: one line each, in no time, no memory, and the next place is asked" {
	start_wire
	others='^(good|breaks|takes-nothing|changes|key-update|renegotiates|proxy-.*) '
	# what is packed once more is not unpacked, whatever it would become
	refused "manifest is not JSON: .* near '.x1f'" pull -q --cert-dir ca "127.0.0.1:$(port h1-encoded)/x"
	# each other fault is a mirror: the image comes from behind the last one
	printf '[[registry]]\nprefix = "corp.test"\nlocation = "127.0.0.1:%s"\n' "$(port good)" >conf
	grep -vE "$others" wire | while read -r _ port; do
		printf '[[registry.mirror]]\nlocation = "127.0.0.1:%s"\n' "$port"
	done >>conf
	# sanitizers take all of the address space
	limit=$([ -n "${MICA_SANITIZE:-}" ] && echo unlimited || echo 400000)
	before=$SECONDS
	(ulimit -v "$limit" && mica --debug --registries-conf conf pull -q --retry 0 --stall-timeout 1s --cert-dir ca corp.test/x 2>err) || fail "$(cat err)"
	[ $((SECONDS - before)) -lt 60 ]
	came_whole
	while read -r name port; do
		sed -i "s/127.0.0.1:$port/$name/g" err
	done <wire
	sed -n 's/.* us: \([^ :]*\): \(.*\); trying the next place$/\1 \2/p' err >told
	diff <(cut -d ' ' -f 1 told) <(grep -vE "$others" wire | cut -d ' ' -f 1)
	for pattern in 'h2-continuation .*CONTINUATION' 'h2-empty-continuation .*CONTINUATION' '(h2|h1)-informational .*more than 65536 bytes of headers' \
		'h2-data manifest is larger than 4194304 bytes' 'h2-half h2-half stopped sending \(waited for 1 s\)' 'h1-trailers .*more than 65536 bytes of headers' \
		'h1-cut .*closed with .* remaining' 'h1-drips .*\(waited for 1 s\)' 'tls-expired .*certificate has expired$' \
		"tls-other-name .*no alternative certificate subject name matches target host name '127.0.0.1'\$" 'tls-unknown .*signed by unknown authority' 'tls-old .*protocol version'; do
		grep -qE "^$pattern" told || fail "$pattern: $(cat told)"
	done
	# of headers and documents without an end no more came than what is on its way when a connection is closed; frames that say nothing end when they stall
	grep -E '^(h1-.*|h2-(data|informational|continuation|empty-continuation|references)) ' flood | while read -r name n; do
		[ "$n" -lt $((16 << 20)) ] || fail "$name: $n bytes were taken"
	done
	# nor is one of these asked again
	for fault in tls-expired tls-other-name tls-unknown tls-old tls-client; do
		run --separate-stderr mica --debug pull -q --retry 3 --retry-delay 1ms --cert-dir ca "127.0.0.1:$(port $fault)/x"
		[[ "$status" = 125 && "$stderr" != *"trying again"* ]] || fail "$fault: $stderr"
	done
	[[ "$stderr" == *"127.0.0.1:$(port tls-client): TLS: it wants a certificate of who asks: NAME.cert and NAME.key in ca" ]] || fail "$stderr"
	mkdir damaged
	sed '3s/^..../!!!!/' ca/ca.crt >damaged/ca.crt
	run --separate-stderr mica --debug pull -q --cert-dir damaged "127.0.0.1:$(port good)/x"
	assert_error "'damaged/ca.crt' is no certificate, or a damaged one"
	[[ "$stderr" != *"trying again"* ]]
	# what ends a stream or a connection in the middle is a break like any other
	mica pull -q --retry 3 --retry-delay 10ms --cert-dir ca "127.0.0.1:$(port breaks)/x"
	came_whole
	# whatever this machine's OpenSSL allows
	printf 'openssl_conf = d\n[d]\nssl_conf = s\n[s]\nsystem_default = x\n[x]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n' >weak.cnf
	run --separate-stderr unshare -m sh -c 'mount --bind weak.cnf /etc/ssl/openssl.cnf && exec "$@"' - \
		"$MICA_BIN" --root "$MICA_ROOT" pull -q --retry 0 --cert-dir ca "127.0.0.1:$(port tls-old)/x"
	assert_error 'protocol version'
}

# --- documents ---

# cve: GHSA-qq97-vm5h-rrhg CVE-2021-41190
@test "documents that are old, foreign or two things at once are refused by name" {
	refused "old format 'schema 1'" pull -q "$SRV/schema1"
	refused 'foreign layer' pull -q "$SRV/foreign"
	refused 'foreign layer|another place' pull -q "$SRV/urls"
	[ "$(asked ' other ')" = 0 ]
	refused "type|both|'manifests'" pull -q "$SRV/type-lies"
	refused "both|layers" pull -q "$SRV/both-kinds"
	refused 'duplicate|twice' pull -q "$SRV/twice"
	refused "'Layers' would be 'layers' to some readers" pull -q "$SRV/two-spellings"
	refused "layer 1: member '.*' would be 'size' to some readers" pull -q "$SRV/spelt-size"
	refused 'config' pull -q "$SRV/config-is-manifest"
}

@test "digests, sizes and counts of a document are what they must be" {
	refused 'digest' pull -q "$SRV/upper-digest"
	refused 'digest' pull -q "$SRV/other-algorithm"
	refused 'size' pull -q "$SRV/negative-size"
	refused 'size|number|too big|out of' pull -q "$SRV/huge-size"
	refused '1000|layers' pull -q "$SRV/many-layers"
	refused 'has 30[0-9]* and 30[0-9]* bytes' pull -q "$SRV/two-sizes"
	refused 'has digest|corrupted' pull -q "$SRV/index-of-others"
	refused 'nested' pull -q --all-platforms "$SRV/nested-8"
	refused 'nested' pull -q "$SRV/nested-1000"
	refused 'nested indexes name more than 10000 manifests' pull -q --all-platforms "$SRV/nested-3-200"
	refused 'cdcdcd.*(corrupted|another digest)' pull -q --all-platforms "$SRV/self"
	refused 'larger than 4194304 bytes' pull -q --retry 0 "$SRV/manifest-of-4194305"
	MICA_ROOT=$D/large mica pull -q "$SRV/manifest-of-4194304"
	refused 'manifest' pull -q --retry 0 "$SRV/length-lies"
	mica pull -q "$SRV/nested-2"
	came_whole
}

@test "what is named by sha512 is pulled, kept under its own name, checked, counted, pushed and swept" {
	mica pull -q "$SRV/sha512/x" >id
	read -r index manifest <"$T/srv/sha512"
	[ "$(wc -c <id)" = 129 ] # the config's
	mica pull -q "$SRV/sha512/x@$index"
	mica pull -q "$SRV/sha512/y@$manifest"
	run --separate-stderr mica pull -q "$SRV/sha512/x@${manifest%????}beef"
	assert_error 'corrupted'
	came_whole
	[ "$(find "$MICA_ROOT"/blobs/sha512 -type f | wc -l)" = 3 ] # no index, as only one of its manifests is wanted
	[ "$(mica du --json | jq '[.images[].size] | max')" -ge 600000 ] # the blob and the tree
	run mica inspect --format '{{.Docker.Config.Env}}' "sha512:$(cut -c 1-20 id)"
	[ "$output" = "[PATH=/bin]" ]
	# elsewhere, as it is
	mica push -q "$(cat id)" oci:layout:v1
	mica push -q "$(cat id)" "docker://$SRV/upload-512/x:v1"
	[ "$(asked 'PUT main /upload/upload-512/x\?digest=sha512:')" = 2 ]
	MICA_ROOT=$D/fourth mica pull -q "$SRV/upload-512/x@$manifest" | cmp - id
	forget_requests
	mica push -q "$(cat id)" "docker://$SRV/upload-512/x:v1"
	[ "$(asked '.')" = 1 ] # it is there, though the registry calls it by sha256
	MICA_ROOT=$D/second mica pull -q oci:layout:v1 >other
	MICA_ROOT=$D/third mica pull -q "$SRV/upload-512/x:v1" >>other
	[ "$(sort -u other)" = "$(cat id)" ]
	[ "$(find layout/blobs -type f | sed 's|.*/\(sha...\)/.*|\1|' | xargs)" = "sha512 sha512 sha512" ]
	# damage is found, and repaired by a pull
	layer=$(find "$MICA_ROOT/blobs/sha512" -size +100k)
	printf x | dd of="$layer" bs=1 seek=1000 conv=notrunc status=none
	run mica fsck --repair
	[[ "$output" = *"blob sha512:${layer##*/}: content has digest sha512:"* ]] || fail "$output"
	mica pull -q --policy=always "$SRV/sha512/x"
	came_whole
	containerfile <<-END
		FROM $SRV/sha512/x
		COPY Containerfile /
	END
	mica build -q -t on-top ctx
	came_whole
	mica rmi -a -f >/dev/null
	mica prune -a -f >/dev/null
	[ -z "$(find "$MICA_ROOT"/blobs "$MICA_ROOT"/layers -mindepth 2)" ]
}

# cve: CVE-2026-42575 CVE-2026-54174
@test "a blob under the right name with other bytes is refused" {
	refused 'digest|bytes' pull -q --retry 0 "$SRV/encoded"
	refused 'bytes' pull -q --retry 0 "$SRV/empty"
	refused 'corrupted' pull -q --retry 0 "$SRV/swapped"
	refused 'content has digest sha256:[0-9a-f]*, the registry or the network corrupted it' pull -q --retry 0 "$SRV/retouched"
	refused 'layer sha256:.*not found' pull -q "$SRV/missing"
	digest=$(jq -r '.manifests[0].digest' "$T/layout/index.json")
	refused "$digest.*corrupted" pull -q "$SRV/another@$digest"
	refused "$digest.*corrupted" pull -q "$SRV/another:tag@$digest"
	# of a mirror that is no reason to give up
	printf '[[registry]]\nprefix = "corp.test"\nlocation = "%s/good"\ninsecure = true\n[[registry.mirror]]\nlocation = "%s/another"\ninsecure = true\n' \
		"$SRV" "$SRV" >conf
	mica --debug --registries-conf conf pull -q "corp.test/x@$digest" 2>err
	grep -q 'registry sent a manifest of another digest; trying the next place' err
}

# cve: CVE-2026-50162 CVE-2026-50163 CVE-2021-21272 CVE-2025-62725
@test "no annotation becomes a path or a name" {
	mkdir -p a/b/c
	cd a/b/c
	mica pull -q "$SRV/titled"
	mica push -q "$SRV/titled" dir:d
	mica push -q "$SRV/titled" oci:o
	mica push -q "$SRV/titled" docker-archive:x.tar
	[ -z "$(find "$D" -name title -o -name ref -o -name compose)" ]
	[ "$(mica images -q | wc -l)" = 1 ]
}

@test "what a registry says is shown without what moves the cursor" {
	refused 'access denied \(registry says: as you \[2Jwish\)' pull -q "$SRV/status-403"
	refused 'not found' pull -q "$SRV/status-404"
	refused 'status 500 ' pull -q --retry 0 "$SRV/status-500"
	refused 'mica login' pull -q "$SRV/status-401"
	refused 'status 418' pull -q "$SRV/status-418"
}

@test "what a registry warns of is shown, once" {
	mica pull "$SRV/warns/x" 2>err
	[ "$(grep warns: err)" = "$SRV warns: Your \"plan\" ends\\x1b[2J soon" ] || fail "$(cat -v err)"
}

@test "a push is done when the registry has what was sent" {
	mica pull -q "$SRV/good/x" >id
	run --separate-stderr mica push -q "$(cat id)" "docker://$SRV/upload-another/x"
	assert_error 'sha256:[0-9a-f]* was sent, and the registry says that it has sha256:[0-9a-f]*: the registry or the network changed it'
	run --separate-stderr mica push -q "$(cat id)" "docker://$SRV/upload-changed/x"
	assert_error 'the registry says that it has sha256:abab'
	run --separate-stderr mica push -q "$(cat id)" "docker://$SRV/upload-moved/x"
	assert_error 'answered with status 308'
	[ "$(asked 'good/x/.*upload-moved')" = 0 ]
	run --separate-stderr mica push -q "$(cat id)" "docker://$SRV/upload-claims/x"
	assert_error 'accepted an upload but named no location'
}

# --- lists ---

@test "a list of referrers that others write at the same time loses nobody's entry" {
	artifact sbom application/vnd.tests.sbom "sha256:$(printf 'ab%.0s' {1..32})" 7
	mica push -q "$(mica pull -q oci:sbom)" "docker://$SRV/upload-races/a:sbom"
	[ "$(asked 'PUT main /v2/upload-races/a/manifests/sha256-')" = 3 ]
	[ "$(mica referrers "$SRV/upload-races/a@sha256:$(printf 'ab%.0s' {1..32})" | cut -d ' ' -f 2 | xargs)" = "application/vnd.another application/vnd.tests.sbom" ]
	# where the registry knows conditional requests, theirs is never replaced: not the first list, and not a later one
	mica push -q "$(mica pull -q oci:sbom)" "docker://$SRV/upload-matches/a:sbom"
	[ "$(asked 'PUT main /v2/upload-matches/a/manifests/sha256-')" = 3 ]
	[ "$(mica referrers "$SRV/upload-matches/a@sha256:$(printf 'ab%.0s' {1..32})" | cut -d ' ' -f 2 | xargs)" = \
		"application/vnd.another application/vnd.another application/vnd.tests.sbom" ]
	# no entries is not always an empty list
	[ -z "$(mica referrers "$SRV/upload-null/a@sha256:$(printf 'ab%.0s' {1..32})")" ]
	mica push -q "$(mica pull -q oci:sbom)" "docker://$SRV/upload-null/a:sbom"
	[ "$(mica referrers "$SRV/upload-null/a@sha256:$(printf 'ab%.0s' {1..32})" | wc -l)" = 1 ]
}

@test "lists come in pages, which are asked for at the registry alone" {
	[ "$(mica list-tags "$SRV/good" | wc -l)" = 9 ]
	[ "$(mica referrers "$SRV/good" | wc -l)" = 4 ]
	[ "$(mica referrers --artifact-type application/vnd.t1 "$SRV/good" | wc -l)" = 2 ]
	refused 'another host' list-tags "$SRV/tags-other"
	[ "$(asked ' other ')" = 0 ]
	refused 'holds what is no tag' list-tags "$SRV/tags-odd"
	refused 'holds what is no tag' pull -q --all-tags "$SRV/tags-odd"
	[ -z "$(mica list-tags "$SRV/tags-none")" ]
}

# --- policy ---

@test "policy.json says what may be pulled" {
	mkdir -p "$HOME/.config/containers"
	policy=$HOME/.config/containers/policy.json
	printf '{"default":[{"type":"reject"}],"transports":{"docker":{"%s/good":[{"type":"insecureAcceptAnything"}]}}}' "$SRV" >"$policy"
	refused "Source image rejected: Running image $SRV/flaky:latest is rejected by policy $policy" pull -q "$SRV/flaky"
	refused "is rejected by policy" pull -q "oci:$T/layout"
	mica pull -q "$SRV/good/x"
	echo '{"default":[{"type":"sigstoreSigned","keyPath":"/k"}]}' >other.json
	run --separate-stderr mica pull -q --signature-policy other.json "$SRV/good/y"
	assert_error "other.json wants a signature \('sigstoreSigned'\) of '$SRV/good/y:latest'"
	echo "FROM $SRV/good/z" >Containerfile
	run --separate-stderr mica build -q --signature-policy other.json .
	assert_error "other.json wants a signature"
	rm "$policy"
	[ "$(asked '/v2/(flaky|good/[yz])/')" = 0 ]
}
