#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --explain-cache, --cache-ttl, and what else belongs to the keys.
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

sample() {
	mkdir -p ctx/dir
	echo one >ctx/one
	echo two >ctx/dir/two
	ln -s one ctx/link
	containerfile <<'END'
FROM busybox
ARG V=1
COPY . /src
RUN echo $V >/v
END
	explained
}

digits_of() { # FILE
	sha256sum <"$1" | cut -c1-12
}

explained() { # BUILD ARGUMENTS...: what it says goes to standard output
	mica build -q --network=none --explain-cache -t t "$@" ctx 3>&1 >/dev/null 2>&3
}

@test "a cached build has nothing to explain" {
	sample >first
	grep -q "'COPY . /src' ran: there is no earlier build of this stage" first
	[ -z "$(explained)" ]
}

@test "each file that differs is named, with its attribute" {
	sample
	local was
	was=$(digits_of ctx/one)
	echo more >>ctx/one
	chmod 600 ctx/dir/two
	ln -snf dir ctx/link
	: >ctx/new
	explained >out
	cat out
	grep -qxF "Containerfile:3: 'COPY . /src' ran: file 'one': content sha256:$was -> sha256:$(digits_of ctx/one)" out
	grep -qxF "Containerfile:3: 'COPY . /src' ran: file 'dir/two': mode 644 -> 600" out
	grep -qxF "Containerfile:3: 'COPY . /src' ran: file 'link': target 'one' -> 'dir'" out
	grep -qxF "Containerfile:3: 'COPY . /src' ran: file 'new': added" out
	grep -qE "'RUN echo \\\$V >/v' ran: what it runs on: 'COPY \. /src' made other files \([0-9a-f]{12} -> [0-9a-f]{12}\)$" out
	[ "$(grep -c "COPY . /src' ran" out)" = 4 ]
	setfattr -n user.note -v 1 ctx/one
	explained >out
	grep -qxF "Containerfile:3: 'COPY . /src' ran: file 'one': extended attribute user.note added" out
	setfattr -n user.note -v 2 ctx/one
	setfattr -n user.also -v 2 ctx/one
	explained >out
	grep -qxF "Containerfile:3: 'COPY . /src' ran: file 'one': extended attribute user.also added, extended attribute user.note changed" out
	setfattr -x user.note ctx/one
	explained >out
	grep -qxF "Containerfile:3: 'COPY . /src' ran: file 'one': extended attribute user.note removed" out
	echo more >>ctx/one
	explained | grep -qF "file 'one': content sha256:"
	rm ctx/one
	mv ctx/new ctx/one
	explained >out
	grep -qF "file 'new': removed" out
}

@test "many files are summed up, and names cannot write to the terminal" {
	sample
	for i in $(seq 30); do echo "$i" >"ctx/many$i"; done
	: >ctx/$'a\e[31m'
	explained >out
	[ "$(grep -c "file '" out)" = 10 ]
	grep -q 'and 21 more files' out
	run ! grep -q $'\e' out
	grep -qF "file 'a\\x1b[31m': added" out
}

@test "an edit that was taken back compares with the build between" {
	mkdir ctx
	echo Containerfile >ctx/.containerignore
	sample
	cp ctx/one saved
	echo more >>ctx/one
	explained
	cp saved ctx/one
	[ -z "$(explained)" ]
	chmod 755 ctx/one
	explained >out
	cat out
	grep -qF "file 'one': mode 644 -> 755" out
	run ! grep -qF "content" out
	# what comes out of the cache with other files has not run, and is the reason all the same
	chmod 644 ctx/one
	sed -i 's/RUN /&: ; /' ctx/Containerfile
	explained >out
	cat out
	grep -q "ran: what it runs on: 'COPY . /src' made other files" out
}

@test "build arguments, instructions and the base are named" {
	sample
	explained --build-arg V=2 >out
	cat out
	[ "$(cat out)" = "Containerfile:4: 'RUN echo \$V >/v' ran: build argument V: '1' -> '2'" ]
	explained --build-arg V=3 --env Q=1 >out
	explained --build-arg V=3 >out
	grep -qF "variable Q: '1' -> not set" out
	run ! grep -qF "argument Q" out
	sed -i 's/RUN echo/RUN : ; echo/' ctx/Containerfile
	explained --build-arg V=2 >out
	grep -qF "command 3: 'echo \$V >/v' -> ': ; echo \$V >/v'" out
	sed -i 's/COPY . /COPY --chown=1:1 . /' ctx/Containerfile
	explained --build-arg V=2 >out
	grep -qF "chown: not set -> '1:1'" out
	printf 'FROM busybox\nRUN : >/moved\n' >moved.cf
	mica build -q --network=none -t busybox -f moved.cf ctx
	sed -i 's/FROM busybox/FROM localhost\/busybox/' ctx/Containerfile
	explained --build-arg V=2 >out
	cat out
	grep -qE "base image localhost/busybox: sha256:[0-9a-f]{12} -> sha256:[0-9a-f]{12}" out
}

@test "a line more or less is told as that, and what follows by what it runs on" {
	mkdir -p ctx/m
	echo one >ctx/m/one
	containerfile <<'END'
FROM busybox
RUN echo first >/first
WORKDIR /w
RUN echo last >/last
FROM busybox
COPY --from=0 /first /first
RUN --mount=from=0,target=/m cat /m/last >/last
END
	explained >/dev/null
	sed -i '2i RUN echo new >/new' ctx/Containerfile
	explained >out
	cat out
	sed -E 's/[0-9a-f]{12}/N/g' out >lines
	grep -qxF "Containerfile:2: 'RUN echo new >/new' ran: a new instruction" lines
	grep -qxF "Containerfile:3: 'RUN echo first >/first' ran: what it runs on: 'RUN echo new >/new' is a new instruction before it (N -> N)" lines
	grep -qxF "Containerfile:5: 'RUN echo last >/last' ran: what it runs on: 'WORKDIR /w' made other files (N -> N)" lines
	# what it takes from the stage is the same; the tree that the other one is shown is not
	run ! grep -q COPY out
	grep -qxF "Containerfile:8: 'RUN --mount=from=0,target=/m cat /m/last >/last' ran: files of /m changed (N -> N)" lines
	mica prune --all --force >/dev/null
	explained >/dev/null
	sed -i '2d' ctx/Containerfile
	explained >out
	cat out
	sed -E 's/[0-9a-f]{12}/N/g' out >lines
	grep -qxF "Containerfile:2: 'RUN echo first >/first' ran: what it runs on: 'RUN echo new >/new' is not before it any more (N -> N)" lines
	# one more stage: the last one is still the same
	sed -i '1i FROM busybox\nRUN echo other >/other' ctx/Containerfile
	sed -i 's/--from=0/--from=1/; s/from=0,/from=1,/; s/first >.first/& # edited/' ctx/Containerfile
	explained >out
	cat out
	grep -qF "RUN --mount=from=1,target=/m cat /m/last >/last' ran: files of /m" out
}

@test "values of what looks like a credential are not told, digests of other inputs are" {
	mkdir -p ctx
	containerfile <<'END'
FROM busybox
ARG API_TOKEN
RUN <<EOF
#!/bin/sh
echo one >/one
EOF
END
	explained --build-arg API_TOKEN=hunter2 2>/dev/null >/dev/null
	sed -i 's/one/two/g' ctx/Containerfile
	explained --build-arg API_TOKEN=hunter3 >out
	cat out
	grep -qF "ran: build argument API_TOKEN: *** -> ***" out
	run ! grep -q hunter out
	grep -qE "ran: script: sha256:[0-9a-f]{12} -> sha256:[0-9a-f]{12}$" out
	echo '{"defaultAction": "SCMP_ACT_ALLOW"}' >profile
	explained --security-opt seccomp=profile >/dev/null
	echo '{"defaultAction": "SCMP_ACT_LOG"}' >profile
	explained --security-opt seccomp=profile | grep -qE "seccomp profile: sha256:[0-9a-f]{12} -> sha256:"
}

@test "a failed step is explained, and is compared with the last one that went well" {
	sample
	sed -i 's/RUN echo/RUN false \&\& echo/' ctx/Containerfile
	run explained
	[[ $output == *"'RUN false && echo \$V >/v' ran: command 3: 'echo \$V >/v' -> 'false && echo \$V >/v'"* ]]
	sed -i 's/RUN false \&\& echo/RUN true \&\& echo/' ctx/Containerfile
	explained >out
	grep -qF "command 3: 'echo \$V >/v' -> 'true && echo \$V >/v'" out
}

@test "what was asked for is said: --no-cache, --no-cache-filter, --cache-ttl" {
	sample
	explained --no-cache | grep -qF "'COPY . /src' ran: --no-cache"
	sed -i 's/FROM busybox/FROM busybox AS here/' ctx/Containerfile
	explained >/dev/null
	explained --no-cache-filter here | grep -qF -- "--no-cache-filter names its stage"
	[ -z "$(explained --cache-ttl 1h)" ]
	explained --cache-ttl 1ns | grep -qF "its record is older than --cache-ttl allows"
	explained --cache-ttl 0 | grep -qF -- "--no-cache"
	run mica build --cache-ttl soon ctx
	[ "$status" = 125 ]
	[[ $output == *"option '--cache-ttl': 'soon' is not a duration"* ]]
}

@test "files of mounts and of other stages are compared too" {
	mkdir -p ctx/m
	echo one >ctx/m/one
	containerfile <<'END'
FROM busybox AS made
COPY m /made
FROM busybox
RUN --mount=source=m,target=/m cat /m/one >/seen
COPY --from=made /made /copy
END
	explained
	echo other >ctx/m/one
	explained >out
	cat out
	grep -qF "Containerfile:4: 'RUN --mount=source=m,target=/m cat /m/one >/seen' ran: file 'm/one': content sha256:" out
	grep -qF "Containerfile:5: 'COPY --from=made /made /copy' ran: file 'made/one': content sha256:" out
}

@test "a secret is an input only when it is asked for, and its value is never shown" {
	mkdir -p ctx
	containerfile <<'END'
FROM busybox
RUN --mount=type=secret,id=s cat /run/secrets/s | wc -c >/n
END
	printf hunter2 >s
	explained --secret id=s,src=s
	printf hunter345 >s
	[ -z "$(explained --secret id=s,src=s)" ]
	explained --secret id=s,src=s,cache=digest
	[ "$(in_image t cat /n)" = 9 ]
	[ -z "$(explained --secret id=s,src=s,cache=digest)" ]
	printf hunter6789 >s
	explained --secret id=s,src=s,cache=digest >out
	cat out
	grep -qF "ran: the content of secret s changed" out
	run ! grep -q hunter out
	run ! grep -rqF "$(sha256sum <s | cut -c1-64)" out
	run mica build --secret id=s,src=s,cache=yes ctx
	[ "$status" = 125 ]
	[[ $output == *"cache=yes: 'digest' is what there is"* ]]
}

# What the user says about the sandbox and what a file of the image can show of it.
@test "options that a step can see are inputs, others are not" {
	mkdir -p ctx
	containerfile <<'END'
FROM busybox
RUN ulimit -n >/seen; df -k /dev/shm >>/seen; cat /etc/hosts /proc/self/status >>/seen || :
END
	explained
	local option
	for option in --ulimit=nofile=512 --shm-size=32m --add-host=one:10.0.0.1 --cap-drop=CAP_KILL --ipc=host \
		--security-opt=no-new-privileges; do
		explained "$option" >out
		cat out
		[ "$(wc -l <out)" = 1 ]
		[ -z "$(explained "$option")" ]
		explained >/dev/null
	done
	grep -q "no new privileges: not set -> '1'" out
	for option in --dns=10.0.0.1 --dns-search=example.org --memory=512m --cpu-shares=100 --pids-limit=500 --label=a=b --annotation=a=b --jobs=1; do
		[ -z "$(explained "$option")" ]
	done
	mica build -q --network=host --explain-cache -t t ctx 2>&1 | grep -qF "network: 'none' -> 'host'"
	# the same sandbox, unless there is none
	[ -z "$(mica build -q --isolation=chroot --explain-cache -t t ctx 2>&1 >/dev/null)" ]
	"$MICA_TOOLS/without" mount! "$MICA_BIN" --root "$MICA_ROOT" build -q --network=host --isolation=chroot --explain-cache -t t ctx 2>&1 |
		grep -qF "isolation: not set -> 'chroot'"
}

@test "what a step read from standard input answers nobody else" {
	mkdir -p ctx
	containerfile <<'END'
FROM busybox
RUN cat >/read
END
	explained --stdin <<<one >/dev/null
	explained --stdin <<<two | grep -qF -- "--stdin: what it reads there is not known before"
	[ "$(in_image t cat /read)" = two ]
	explained >/dev/null
	[ -z "$(in_image t cat /read)" ]
}

@test "the time that files are given is no input" {
	sample
	[ -z "$(explained --timestamp 1000000000)" ]
	id=$(image_id t)
	[ -z "$(explained --timestamp 1100000000)" ]
	[ "$(image_id t)" != "$id" ]
	[ -z "$(explained --timestamp 1000000000)" ]
	[ "$(image_id t)" = "$id" ]
}

@test "notes go with the records, and the store stays sound" {
	sample
	[ -n "$(ls "$MICA_ROOT/cache/stages")" ]
	[ -n "$(ls "$MICA_ROOT/cache/lists")" ]
	mica prune --force >/dev/null
	[ -n "$(ls "$MICA_ROOT/cache/stages")" ]
	[ -n "$(ls "$MICA_ROOT/cache/lists")" ]
	: >"$MICA_ROOT/cache/lists/$(ls "$MICA_ROOT/cache/lists")" # a torn one explains less
	echo more >>ctx/one
	explained | grep -qF "'COPY . /src' ran: files changed"
	assert_clean_store
	mica prune --all --force >/dev/null
	[ -z "$(find "$MICA_ROOT/cache/stages" "$MICA_ROOT/cache/lists" -type f)" ]
}
