#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What takes how much room, and how it is given back.
load ../cli/lib.bash

setup_file() {
	file_setup busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mica tag "$(mica pull -q "oci:$MICA_CACHE/busybox")" localhost/base
}

teardown() {
	test_teardown
}

noise() { # NAME KIB: an image of one step that writes so much
	containerfile <<-END
		FROM localhost/base
		LABEL kind=$1
		RUN head -c ${2}k /dev/urandom >/$1
	END
	mica build -q --network=none -t "$1" ctx
}

disk() { # in bytes, as du(1) says it
	du -s --block-size=1 "$MICA_ROOT" | cut -f 1
}

within() { # PERCENT A B
	local d=$(($2 - $3))
	[ $((${d#-} * 100)) -le $(($1 * $3)) ] || fail "$2 and $3 differ by more than $1 %"
}

aged() { # DAYS FILE...: as if it was last used so long ago
	local days=$1
	shift
	touch -d "$days days ago" "$@"
}

@test "du adds up to the disk, in all lines and in each thing" {
	noise one 700
	noise two 900
	noise two 300 # the image before has no name now
	containerfile <<-END
		FROM localhost/base
		RUN --mount=type=cache,target=/c head -c 500k /dev/urandom >/c/x
	END
	mica build -q --network=none ctx
	# as some keep copies: what has another name outside takes no less for that
	cp -al "$MICA_ROOT" outside
	mica du --json >du.json
	within 1 "$(jq '.summary[] | select(.Type == "Total").SizeBytes' du.json)" "$(disk)"
	within 1 "$(jq '[.summary[] | select(.Type != "Total").SizeBytes] | add' du.json)" "$(disk)"
	[ "$(jq '.summary[] | select(.Type == "Images").TotalCount' du.json)" = "$(mica images --json | jq length)" ]
	[ "$(jq '.mounts[0].size >= 512000 and .mounts[0].id == "/c"' du.json)" = true ]
	# a thing's size is what it needs; what it shares with nobody is less
	[ "$(jq '[.images[], .cache[] | .size == .shared + .unique] | all' du.json)" = true ]
	# layers and blobs are all that the things need
	layers=$(jq '[.layers[], .blobs[] | .size] | add' du.json)
	within 1 "$layers" "$(du -sc --block-size=1 "$MICA_ROOT"/{layers,blobs}/* | tail -1 | cut -f 1)"
	mica du -v | grep -q 'IMAGE .*UNIQUE'
	mica system df --format '{{.Type}}' | grep -qx 'Build Cache'
}

@test "the unique bytes of an image are what its removal frees" {
	noise one 800
	mica prune -q 2>/dev/null || mica prune --build-cache >/dev/null
	unique=$(mica du --json | jq '.images[] | select(.name == "localhost/one:latest").unique')
	before=$(disk)
	mica rmi one >/dev/null
	within 5 $((before - $(disk))) "$unique"
}

@test "a dry run says what goes, and removes nothing" {
	noise one 300
	mica rmi one >/dev/null
	before=$(find "$MICA_ROOT" | sort)
	mica prune --build-cache --dry-run >said
	[ "$(find "$MICA_ROOT" | sort)" = "$before" ]
	mica prune --build-cache >removed
	diff <(grep -v reclaim said) <(grep -v reclaim removed)
	grep -q '^record ' removed
	grep -q '^layer ' removed
}

@test "prune --older-than leaves what was used since" {
	noise one 300
	noise two 300
	aged 3 "$MICA_ROOT"/cache/steps/*
	# the second one is used again, and remembered
	mica build -q --network=none -t two ctx
	mica rmi one two >/dev/null
	mica prune --build-cache --older-than 2d >said
	[ "$(grep -c '^record ' said)" = 1 ]
	mica build --network=none ctx 2>&1 | grep -qi cached
	# so is what a push has made anew, and what nothing needs otherwise does not count
	mica push -q --compression-format zstd base oci:zstd
	made=$(find "$MICA_ROOT/blobs" -type f -newer said)
	[ -n "$made" ]
	mica prune --build-cache --older-than 2d >/dev/null
	# shellcheck disable=SC2086
	ls $made >/dev/null
	now=$(mica du --json | jq '.summary[] | select(.Type == "Total").SizeBytes')
	mica prune --build-cache --max-size $((now - 1000)) --dry-run >said
	run ! grep -q '^record ' said
	# shellcheck disable=SC2086
	aged 3 $made
	mica prune --build-cache --older-than 2d >/dev/null
	# shellcheck disable=SC2086
	run ! ls $made
	mica prune --build-cache --older-than 0s >said
	[ "$(grep -c '^record ' said)" -ge 1 ]
	[ -z "$(ls "$MICA_ROOT/cache/steps")" ]
	assert_clean_store
}

@test "prune -a --older-than and --max-size go by the last use of an image" {
	noise one 300
	touch -d '70 seconds ago' "$MICA_ROOT"/blobs/sha256/* "$MICA_ROOT"/cache/steps/*
	noise two 300
	mica prune -a --dry-run --max-size $(($(mica du --json | jq '.summary[] | select(.Type == "Total").SizeBytes') - 100000)) >said
	[ "$(grep '^image ' said | tail -1)" = "image localhost/one:latest" ] || fail "$(cat said)"
	aged 9 "$MICA_ROOT"/blobs/sha256/* "$MICA_ROOT"/cache/steps/*
	mica run --rm --network=none one true
	mica prune -a --older-than 1w >/dev/null
	[ "$(mica images --format '{{.Name}}')" = localhost/one ]
	assert_clean_store
}

@test "prune --max-size and --min-free remove the least recently used, and no more than needed" {
	noise old 900
	noise new 900
	noise newer 900
	mica rmi old new newer >/dev/null
	mapfile -t records < <(ls -tr "$MICA_ROOT"/cache/steps/*)
	[ "${#records[@]}" = 3 ]
	aged 9 "${records[0]}"
	aged 5 "${records[1]}"
	now=$(mica du --json | jq '.summary[] | select(.Type == "Total").SizeBytes')
	mica prune --max-size $((now + 1000)) >said
	run ! grep -q '^record ' said
	mica prune --max-size $((now - 100000)) >said
	[ "$(grep '^record ' said)" = "record $(basename "${records[0]}")" ]
	[ -e "${records[1]}" ]
	free=$(($(df --output=avail -B1 "$MICA_ROOT" | tail -1) + 100000))
	mica prune --min-free $free >said
	[ "$(grep '^record ' said)" = "record $(basename "${records[1]}")" ]
	[ -e "${records[2]}" ]
	# what has a name stays, whatever it takes
	run ! grep warning <(mica prune --max-size 1g --min-free 1k 2>&1)
	mica prune --max-size 1k 2>said >/dev/null
	[ "$(grep -cE '^mica: warning: the limit is missed by [0-9.]+ MB: nothing else may go \(.* .--all. removes .* .--cache-mounts. ' said)" = 1 ] || fail "$(cat said)"
	[ ! -e "${records[2]}" ]
	[ "$(mica images --format '{{.Name}}')" = localhost/base ]
	assert_clean_store
}

@test "prune --filter: labels, dates, dangling" {
	noise one 100
	noise two 100
	mica tag one localhost/again
	mica prune -a --filter label=kind=two >said
	[ "$(grep '^image ' said)" = "image localhost/two:latest" ]
	mica prune -a --filter until=24h --filter label=kind=one | grep -q '^Total reclaimed space: 0 B'
	noise one 200
	mica prune --filter dangling=true >said
	[ "$(grep -c '^image ' said)" -le 1 ]
	mica prune -a --dry-run >said
	[ "$(grep -c '^image localhost' said)" = 3 ]
	mica prune -a --filter 'label!=kind' --filter until=2026-06-01T00:00:00Z >said
	[ "$(grep '^image ' said)" = "image localhost/base:latest" ]
	mica prune --filter dangling=false >/dev/null
	[ -z "$(mica images -q)" ]
	run --separate-stderr mica prune --filter colour=red
	assert_error "unknown filter 'colour=red'"
	run --separate-stderr mica prune --older-than yesterday
	assert_error "'yesterday' is no duration"
	assert_clean_store
}

@test "cache mounts are listed by their id, emptied, and pruned" {
	containerfile <<-END
		FROM localhost/base
		RUN --mount=type=cache,target=/c --mount=type=cache,id=other,target=/d head -c 300k /dev/urandom | tee /c/x >/d/x
	END
	mica build -q --network=none ctx
	mica cache ls --format '{{.ID}}' | sort >ids
	[ "$(cat ids)" = "$(printf '/c\nother')" ]
	# somebody uses the store: only its content goes
	(
		flock -s 8
		mica cache rm other
		mica cache ls --format '{{.SizeBytes}} {{.ID}}' | grep ' other$' | {
			read -r size _
			[ "$size" -lt 100000 ]
		}
	) 8<"$MICA_ROOT/gc.lock"
	mica cache rm other
	[ "$(mica cache ls --format '{{.ID}}')" = /c ]
	[ "$(find "$MICA_ROOT/mounts" -name '*.lock' | wc -l)" = 1 ]
	mica cache ls --format '{{.SizeBytes}} {{.ID}}' | grep ' /c$' | {
		read -r size _
		[ "$size" -ge 300000 ]
	}
	run --separate-stderr mica cache rm nothing
	assert_error "no cache mount 'nothing'"
	# in use: it stays
	(
		flock 9
		run --separate-stderr mica cache rm /c
		assert_error "a build uses the cache mount '/c'"
		# and keeps none of the others
		tar -C ctx -cf ctx.tar .
		for id in 0 a z; do mica cache import -i ctx.tar $id; done
		run --separate-stderr mica cache rm -a
		assert_error "a build uses the cache mount '/c'"
		[ "$(mica cache ls --format '{{.ID}}')" = /c ]
	) 9<"$(grep -l '^/c' "$MICA_ROOT"/mounts/*/id | sed 's/id$/0.lock/')"
	mica prune --cache-mounts --older-than 1h | grep -q 'space: 0 B'
	mica prune --cache-mounts >said
	[ "$(grep -c '^cache mount ' said)" = 1 ]
	[ -z "$(mica cache ls -q)" ]
	# an id that cannot be shown is not noted, and the name stands for it
	printf 'FROM localhost/base\nRUN --mount=type=cache,id=\033[31m,target=/c :\n' >ctx/Containerfile
	mica build -q --network=none ctx
	[ "$(mica cache ls --format '{{.ID}}')" = "$(basename "$MICA_ROOT"/mounts/*)" ]
	assert_clean_store
}

@test "a cache mount over its limit is emptied when its step is over" {
	mica cache limit /c 400k
	containerfile <<-END
		FROM localhost/base
		RUN --mount=type=cache,target=/c --mount=type=cache,target=/d head -c 300k /dev/urandom | tee /c/\$RANDOM\$RANDOM >/d/x
	END
	mica build -q --no-cache --network=none ctx
	[ "$(mica cache ls --format '{{.ID}} {{.Limit}}' | sort | tr -s ' ')" = $'/c 410 KB\n/d none' ]
	[ "$(mica cache ls --json | jq -c 'sort_by(.id) | map([.id, .limit, .size > 300000, (.name | length), .lastUsed > "20"])')" \
		= '[["/c",409600,true,64,true],["/d",0,true,64,true]]' ]
	mica build --no-cache --network=none ctx 2>said
	grep -qE "the cache mount '/c' took [0-9]+ bytes, its limit is 409600: emptied" said
	mica cache ls --format '{{.ID}} {{.SizeBytes}}' | awk '/^.c/ && $2 > 50000 { exit 1 } /^.d/ && $2 < 300000 { exit 1 }'
	mica cache limit /c none
	for i in 1 2; do mica build -q --no-cache --network=none ctx 2>said; done
	run ! grep emptied said
	[ "$(mica cache ls --format '{{.ID}} {{.SizeBytes}}' | awk '/^.c/ { print ($2 > 600000) }')" = 1 ]
	# of a step that by itself writes more than fits nothing else is left, and it is held while it writes
	mica cache limit /c 200k
	run -125 --separate-stderr mica build --no-cache --network=none ctx
	[[ "$stderr" == *"RUN: killed: it wrote "*" to the cache mount '/c', whose limit is 200 KiB: see 'mica cache limit'"* ]] || fail "$stderr"
	mica cache limit /e 8m
	printf 'FROM localhost/base\nRUN --mount=type=cache,id=/e,target=/c cat /dev/zero >/c/x\n' >endless
	run -125 --separate-stderr mica build --step-timeout=60s --network=none -f endless .
	[[ "$stderr" == *"RUN: killed: it wrote "*" to the cache mount '/e', whose limit is 8.0 MiB"* ]] || fail "$stderr"
	[[ "$stderr" =~ "the cache mount '/e' took "([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -lt 500000000 ]
	# run's as well
	mica cache limit /d 100k
	mica run --rm --network=none --mount type=cache,target=/d base true 2>said
	grep -q "the cache mount '/d' took .* emptied" said
	run --separate-stderr mica cache limit /c much
	assert_error "'much' is no size"
	assert_clean_store
}

@test "the content of a cache mount goes to another store and back" {
	containerfile <<-END
		FROM localhost/base
		RUN --mount=type=cache,target=/c mkdir /c/d && echo 1 >/c/d/f && echo 2 >/c/g && chown 5:6 /c/d/f && ln -s /etc/passwd /c/l && chmod 700 /c/d
	END
	mica build -q --network=none ctx
	mica cache export /c >c.tar
	mica cache export -o c2.tar "$(mica cache ls -q)"
	cmp c.tar c2.tar
	printf 'FROM localhost/base\nRUN --mount=type=cache,target=/c cd /c && stat -c "%%n %%a %%u:%%g %%F" g d d/f l >/seen && cat d/f g >>/seen\n' >ctx/Containerfile
	seen() {
		mica build -q --no-cache --network=none -t seen ctx >/dev/null
		in_image seen cat /seen
	}
	seen >there
	MICA_ADDITIONAL_STORES=$MICA_ROOT MICA_ROOT=$D/second
	export MICA_ADDITIONAL_STORES
	gzip <c.tar | mica cache import /c
	[ "$(mica cache ls --format '{{.ID}}')" = /c ]
	seen >here
	diff there here
	[ "$(wc -l <here)" = 6 ]
	# it is no layer: these are names like others
	mkdir -p named/d && : >named/.wh.a && : >named/d/.wh..wh..opq && : >named/d/f
	tar -C named -cf named.tar .
	MICA_ROOT=$D/third mica cache import -i named.tar names >/dev/null
	[ -n "${MICA_AS_USER:-}" ] || mknod "$(echo "$D/third/mounts/"*/0)/dev" c 1 3 # which no import takes
	MICA_ROOT=$D/third mica cache export names | tar -t | sort | diff - <(printf '%s\n' .wh.a d/ d/.wh..wh..opq d/f)
	# all or nothing
	mica cache limit /c 4k
	run --separate-stderr mica cache import -i c.tar /c
	assert_error "cannot import 'c.tar': it takes [0-9]+ bytes, and the limit of '/c' is 4096"
	mica cache limit /c none
	head -c 1500 c.tar >cut.tar
	run --separate-stderr mica cache import -i cut.tar /c
	assert_error "cannot import 'cut.tar'"
	run --separate-stderr mica cache import /c </dev/null
	assert_error "cannot import 'standard input': it is empty"
	before=$(mica cache ls -q)
	run --separate-stderr mica cache import -i cut.tar unknown
	assert_error "cannot import 'cut.tar'"
	[ "$(mica cache ls -q)" = "$before" ]
	mkdir evil
	mknod evil/dev c 1 3 && tar -cf dev.tar evil
	run --separate-stderr mica cache import -i dev.tar /c
	assert_error "cannot import 'dev.tar'"
	seen >here
	diff there here
	# in use
	exec 9<"$(echo "$MICA_ROOT"/mounts/*/0.lock)"
	flock 9
	run --separate-stderr mica cache export /c
	assert_error "a step uses the cache mount '/c'"
	run --separate-stderr mica cache import -i c.tar /c
	assert_error "a step uses the cache mount '/c'"
	exec 9<&-
	run --separate-stderr mica cache export nothing
	assert_error "no cache mount 'nothing'"
	assert_clean_store
}

@test "collection by itself: in the background, within its limits, never what is used" {
	noise old 900
	mica rmi old >/dev/null
	old=$(basename "$MICA_ROOT"/cache/steps/*)
	aged 9 "$MICA_ROOT/cache/steps/$old"
	export MICA_GC=max-size=1m
	# somebody looked less than an hour ago
	noise new 300
	[ -e "$MICA_ROOT/cache/steps/$old" ]
	aged 1 "$MICA_ROOT/collected"
	# a step is at work: nothing goes
	aged 9 "$MICA_ROOT/cache/steps/$old"
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none base sleep 60 3>&- &
	pid=$!
	wait_for 10 pgrep -P $pid >/dev/null
	noise new 301
	looked() { [ -z "$(find "$MICA_ROOT/collected" -mmin +5)" ]; }
	wait_for 10 looked
	[ -e "$MICA_ROOT/cache/steps/$old" ]
	kill $pid
	wait $pid || true
	aged 1 "$MICA_ROOT/collected"
	MICA_GC=off noise new 302
	[ -n "$(find "$MICA_ROOT/collected" -mmin +5)" ]
	noise new 302
	gone_record() { [ ! -e "$MICA_ROOT/cache/steps/$old" ]; }
	wait_for 10 gone_record
	# the records of this hour are there, whatever they take
	touch -d '5 minutes ago' "$MICA_ROOT"/cache/steps/*
	mica build --network=none ctx 2>&1 | grep -q '1 cached'
	[ "$(find "$MICA_ROOT/cache/steps" -type f -mmin -4 | wc -l)" = 1 ]
	MICA_GC=max-size=many run mica build -q --network=none ctx
	[[ "$output" == *"MICA_GC: 'max-size=many' is not"* ]]
	# in vain: it is not tried again each minute
	[ "$(stat -c %s "$MICA_ROOT/collected")" = 1 ]
	free() { flock -n "$MICA_ROOT/collected" true && flock -n "$MICA_ROOT/gc.lock" true; }
	wait_for 10 free
	assert_clean_store
}

@test "no name is lost when many processes give and take names at once" {
	pids=()
	for i in 1 2 3 4 5 6; do
		(
			for k in 1 2 3 4 5 6 7 8; do
				mica tag base "localhost/n$i:t$k"
				mica tag base "localhost/gone$i:t$k"
				mica rmi "localhost/gone$i:t$k" >/dev/null
			done
		) 2>"err$i" 3>&- &
		pids+=($!)
	done
	noise built 50
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "$(cat err*)"
	done
	[ "$(mica images --format '{{.Name}}:{{.Tag}}' | grep -c '^localhost/n[1-6]:t[1-8]$')" = 48 ]
	run ! grep -q gone <(mica images)
	mica images --format '{{.Name}}' | grep -qx localhost/built
	assert_clean_store
}
