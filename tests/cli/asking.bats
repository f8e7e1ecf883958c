#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The options that all commands have which ask a registry, on each of these commands.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox gate
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	n=0
}

teardown() {
	test_teardown
}

# Sets GATE: HTTPS with a password, in front of the registry.
gate_setup() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
		-addext 'subjectAltName=IP:127.0.0.1' -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
	mkdir "$T/certs"
	cp "$T/cert.pem" "$T/certs/ca.crt"
	python3 "$TOP/tests/tools/gate.py" "$REG" "$T/cert.pem" "$T/key.pem" "$T/gate.port" >"$T/gate.log" 2>&1 3>&- &
	echo $! >"$T/gate.pid"
	disown
	wait_for 10 test -s "$T/gate.port"
	GATE=127.0.0.1:$(cat "$T/gate.port")
	export GATE
	printf '{"auths": {"%s": {"auth": "%s"}}}' "$GATE" "$(printf a:secret | base64)" >"$T/known.json"
}

# A store with what the commands start from.
prepare() {
	mica from -q --name c scratch
	cp -a "$MICA_ROOT" fresh
	mica pull -q busybox
	mica manifest create list busybox
	mica manifest push -q list "docker://$REG/tests/list"
}

# Does what COMMAND is there for once, at $HOST (default: the gate), with a name of the image that it does not know yet.
ask() { # COMMAND OPTION...
	local command=$1 host=${HOST:-$GATE} image
	shift
	[ -z "${fresh:-}" ] || {
		cp -a "$D/fresh" "$D/fresh$n"
		local MICA_ROOT=$D/fresh$n
	}
	image=$host/${REPOSITORY:-any/$n}
	case $command in
	add | copy) mica "$command" "$@" --from "$image" c /etc/passwd "/$n" ;;
	build)
		echo "FROM $image" >"file.$n"
		mica build "$@" -f "file.$n" .
		;;
	commit) mica commit "$@" c "docker://$host/tests/commit" ;;
	from) mica from "$@" "$image" ;;
	list-tags | referrers | pull) mica "$command" "$@" "$image" ;;
	delete-image) mica delete-image "$@" "$image:latest" ;;
	login) mica login --authfile "$D/login.json" --username a --password secret "$@" "$host" ;;
	manifest-add) mica manifest-add "$@" list "docker://$image" ;;
	manifest-create) mica manifest-create "$@" "new$n" "docker://$image" ;;
	manifest-inspect) mica manifest-inspect "$@" "docker://$host/tests/list" ;;
	manifest-push) mica manifest-push "$@" list "docker://$host/tests/list:2" ;;
	push) mica push "$@" busybox "docker://$host/tests/push" ;;
	registry-check) mica registry-check "$@" "$host" ;;
	run) mica run "$@" --network none "$image" true ;;
	*) fail "no such row: $command" ;;
	esac
}

# Both set `said`, which is what went to both streams.
works() { # COMMAND OPTION...
	n=$((n + 1))
	said=$(ask "$@" 2>&1 </dev/null) || fail "$*: $said"
}

fails() { # PATTERN COMMAND OPTION...
	local status=0
	n=$((n + 1))
	said=$(ask "${@:2}" 2>&1 </dev/null) || status=$?
	[ $status = 125 ] && grep -qE "$1" <<<"$said" || fail "not '$1' of $*: $status $said"
}

# What an option of a row is checked by. The debug log tells of each wait.
check() { # COMMAND OPTION
	local busy=(--tls-verify=false --creds "busy-$1-$RANDOM:secret" --retry-delay 7ms)
	case $2 in
	--authfile) fails 'mica login' "$1" --cert-dir "$T/certs" ;;
	--creds) works "$1" --cert-dir "$T/certs" --creds a:secret ;;
	--cert-dir) fails certificate "$1" "${who[@]}" ;;
	--tls-verify) works "$1" "${who[@]}" --tls-verify=false ;;
	--retry)
		n=$((n + 1))
		said=$(MICA_DEBUG=1 ask "$1" "${busy[@]}" --retry 0 2>&1 </dev/null) || true
		[[ "$said" == *503* && "$said" != *"trying again"* ]] || fail "$*: $said"
		;;
	--retry-delay)
		MICA_DEBUG=1 works "$1" "${busy[@]}" --retry 1
		[ "$(grep -c 'trying again in 7 ms' <<<"$said")" = 1 ] || fail "$*: $said"
		;;
	--stall-timeout) # all of them at once
		n=$((n + 1))
		ask "$1" --tls-verify=false --creds stall:secret --stall-timeout 1s "${once[@]}" </dev/null >"stalled.$1" 2>&1 3>&- &
		stalled[$1]=$!
		;;
	--layer-ratio) HOST=$REG REPOSITORY=tests/bomb fails 'more than 100 times' "$1" --layer-ratio 100 ;;
	--signature-policy) HOST=$REG REPOSITORY=library/busybox fails policy "$1" --signature-policy "$D/policy.json" ;;
	--decryption-key)
		HOST=$REG REPOSITORY=tests/sealed fails 'decryption-key|encrypted' "$1"
		HOST=$REG REPOSITORY=tests/sealed works "$1" --decryption-key "$D/key.pem"
		;;
	--blob-cache)
		HOST=$REG REPOSITORY=library/busybox works "$1" --blob-cache "$D/blobs/$1"
		[ -n "$(find "$D/blobs/$1" -name 'sha256:*')" ] || fail "$*"
		;;
	*) fail "no check of $2" ;;
	esac
}

# Every command of the row with every option of it.
row() { # COMMAND... OPTION...
	trap - DEBUG # bats would look at every line of it, which takes as long as the commands
	local commands=() options=() word
	for word in "$@"; do
		case $word in -*) options+=("$word") ;; *) commands+=("$word") ;; esac
	done
	for word in "${commands[@]}"; do
		for option in "${options[@]}"; do
			check "$word" "$option"
		done
	done
}

@test "which password, whose certificates, how often, and how long a registry is waited for" {
	local -A stalled
	local who=(--authfile "$T/known.json") once=(--retry 0) command status
	prepare
	row build commit delete-image from list-tags manifest-add manifest-create manifest-inspect manifest-push pull push referrers run add copy \
		--authfile --creds --cert-dir --tls-verify --retry --retry-delay --stall-timeout
	once=()
	row registry-check --authfile --creds --cert-dir --tls-verify --stall-timeout
	who=()
	row login --cert-dir --tls-verify
	works login --verbose --cert-dir "$T/certs"
	[[ "$said" == "Used:  $D/login.json"* ]] && grep -q "$GATE" login.json
	mica logout -a --authfile login.json
	run ! grep -q "$GATE" login.json
	for command in "${!stalled[@]}"; do
		status=0
		wait "${stalled[$command]}" || status=$?
		[ $status = 125 ] && grep -q '1 s\b' "stalled.$command" || fail "$command: $(cat "stalled.$command")"
	done
}

# Stores in which nothing of an image is known, for each command that has to fetch it.
@test "what is fetched: how large it may become, which policy lets it in, which key opens it, where its blobs are kept" {
	prepare
	openssl genrsa -out key.pem 1024 2>/dev/null
	openssl rsa -in key.pem -pubout -out key.pub 2>/dev/null
	mica push -q --encryption-key jwe:key.pub busybox "docker://$REG/tests/sealed"
	mkdir -p bomb/etc
	yes | head -c 3M >bomb/etc/passwd
	plain_tar bomb.tar bomb
	make_layout "$D/layout" '{}' bomb.tar
	to_registry "$D/layout" tests/bomb:latest
	echo '{"default": [{"type": "reject"}]}' >policy.json
	row commit manifest-push push --blob-cache
	fresh=yes
	row build from pull --blob-cache
	row add build copy from pull --decryption-key
	row add build copy from manifest-create pull --signature-policy
	mica --root fresh manifest create list
	row manifest-add --signature-policy
	row add build copy from pull run --layer-ratio
}
