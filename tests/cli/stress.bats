#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many processes on one store: for STRESS_SECONDS, 5 at first.
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

# What may be said when others remove what one names.
expected() {
	grep -vE "^mica: (there is no image '(noise|localhost/(built|other)[0-9](:latest)?)' in the store|[^ ]*: image not known)$" |
		grep -vE "^other processes use the store: some space is freed when they end$"
}

work() { # NUMBER: until the time is over, whatever comes; names given go to given.N, what it says to said.N
	local k=0 end=$((SECONDS + ${STRESS_SECONDS:-5})) ctx=ctx$1
	mkdir "$ctx"
	while [ $SECONDS -lt $end ]; do
		k=$((k + 1))
		case $((RANDOM % 12)) in
		0 | 1)
			printf 'FROM busybox\nRUN echo %s >/f\nRUN head -c 100000 /dev/urandom >/r\n' $((RANDOM % 4)) >"$ctx/Containerfile"
			mica build -q --network=none -t "localhost/built$((RANDOM % 4))" "$ctx" >/dev/null && echo build
			;;
		2) mica pull -q noise >/dev/null && echo pull ;;
		3 | 4) mica tag busybox "localhost/n$1:t$k" && echo "localhost/n$1:t$k" >>"given.$1" ;;
		5) mica rmi "localhost/built$((RANDOM % 4))" >/dev/null && echo rmi ;;
		6) mica rmi -f noise >/dev/null && echo rmi ;;
		7) mica prune --build-cache >/dev/null && echo prune ;;
		8) mica fsck >"fsck.$1" || { [ $? = 125 ] || cp "fsck.$1" "wrong.$1"; } ;;
		9) [ "$(mica run --rm --network=none busybox echo well)" = well ] && echo run ;;
		10) mica images >/dev/null && mica du >/dev/null ;;
		11) mica tag "localhost/built$((RANDOM % 4))" "localhost/other$((RANDOM % 4))" && echo tag ;;
		esac
	done >"done.$1" 2>"said.$1"
}

@test "eight processes at once lose no name, leave a sound store, and say nothing strange" {
	local i pids=()
	mica pull -q busybox
	mkdir tree
	head -c 300000 /dev/urandom >tree/noise
	plain_tar l1.tar tree
	make_layout layout '{"Env":["PATH=/bin"]}' l1.tar
	to_registry layout library/noise:latest
	for i in 1 2 3 4 5 6 7 8; do
		work $i 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	echo "# $(cat done.* | sort | uniq -c | tr -s ' \n' ' ')$(cat given.* | wc -l) tags" >&3
	! cat wrong.* 2>/dev/null || fail "fsck found something"
	cat said.* | expected >strange || true
	[ ! -s strange ] || fail "$(sort strange | uniq -c)"
	mica images --format '{{.Name}}:{{.Tag}}' | tr -d ' ' >names
	sort given.* | while read -r name; do
		grep -qx "$name" names || fail "$name is lost"
	done
	mica prune --build-cache >/dev/null
	assert_clean_store
	for name in $(mica images -q | sort -u); do
		[ "$(in_image "$name" echo well 2>&1)" = well ] || [[ "$(mica inspect --type image "$name")" == *noise* ]] || fail "$name does not run"
	done
}

@test "builds that need the same base at once fetch it once" {
	local i pids=() blob
	mkdir tree
	busybox_rootfs tree
	head -c 3000000 /dev/urandom >tree/noise
	plain_tar l1.tar tree
	make_layout layout '{"Env":["PATH=/bin"]}' l1.tar
	to_registry layout library/base:latest
	for i in 1 2 3 4; do
		mkdir c$i
		printf 'FROM base\nRUN echo %s >/f\n' $i >c$i/Containerfile
	done
	mica images >/dev/null
	for i in 1 2 3 4; do
		mica build -q --network=none -t t$i c$i >out$i 2>&1 3>&- &
		pids+=($!)
	done
	for i in 1 2 3 4; do
		wait "${pids[$((i - 1))]}" || fail "$(cat out$i)"
		[ "$(in_image t$i cat /f)" = $i ]
	done
	blob=$(skopeo inspect --raw oci:layout:latest | jq -r '.layers[0].digest')
	[ "$(requests registry "GET /v2/library/base/blobs/$blob")" = 1 ]
	assert_clean_store
}
