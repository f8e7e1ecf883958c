#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox debian
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

context() { # EXAMPLE: a copy, so that nothing is written into the sources
	cp -r "$TOP/Containerfile.examples/$1" ctx
}

@test "hello: a static program from scratch says what it sees" {
	context hello
	cp "$(command -v busybox)" ctx/busybox
	mica build -t hello ctx
	run in_image hello
	[ "$status" = 0 ]
	[[ "$output" == *"Hello from inside an image"* ]]
	[[ "$output" == *"user            0:0"* ]]
	[[ "$output" == *"filtered"* ]]
	assert_clean_store
}

@test "c-multistage: the image holds the compiled program and nothing else" {
	context c-multistage
	mica build --network=host -t greet ctx
	run in_image greet
	[ "$status" = 0 ]
	[ "$output" = "hello, world, from user 65534" ]
	run in_image greet you "and me"
	[ "${lines[1]}" = "hello, and me, from user 65534" ]
	mount_image localhost/greet:latest "$D/m"
	run tree_list "$D/m"
	umount "$D/m"
	[ "${#lines[@]}" = 1 ]
	[[ "${lines[0]}" == "b'greet' 100755 0:0 "* ]]

	# Everything up to COPY is cached; a changed source costs one compilation.
	sed -i 's/hello, %s/good day, %s/' ctx/greet.c
	mica build --network=none -t greet ctx
	[ "$(in_image greet)" = "good day, world, from user 65534" ]
	# A stage that only --target asks for.
	mica build --network=none --target=test -t greet-test ctx
	assert_clean_store
}

@test "web: nginx serves a page as an ordinary user until it is told to stop" {
	context web
	mica build --network=host -t web ctx
	config=$(config_of web)
	[ "$(jq -r .config.User <<<"$config")" = www-data ]
	[ "$(jq -r .config.StopSignal <<<"$config")" = SIGQUIT ]
	[ "$(jq -c .config.ExposedPorts <<<"$config")" = '{"8080/tcp":{}}' ]
	[ "$(jq -c .config.Healthcheck.Test <<<"$config")" = '["CMD","/usr/sbin/nginx","-t","-q"]' ]
	[ "$(jq -c .config.Entrypoint <<<"$config")" = '["/usr/sbin/nginx"]' ]

	port=$(free_port)
	sed "s/8080/$port/" ctx/nginx.conf >nginx.conf
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=host -v "$PWD/nginx.conf:/etc/nginx/nginx.conf:ro" web 3>&- &
	pid=$!
	echo $pid >"$T/web.pid"
	wait_for 20 curl -sf -o page "http://127.0.0.1:$port/"
	grep -q 'served by nginx as an ordinary user' page
	kill -TERM "$pid"
	wait "$pid" || [ $? = 143 ]
	run ! curl -sf "http://127.0.0.1:$port/"
	assert_clean_store
}

@test "python-app: arguments, environment and standard input reach the script" {
	context python-app
	mica build --network=host -t words ctx
	run bash -c 'echo the cat and the dog and a cow | "$MICA_BIN" --root "$MICA_ROOT" run -i --rm --network=none words --top 1'
	[ "$status" = 0 ]
	[ "$output" = "2 and" ]
	run in_image --entrypoint /usr/bin/id words
	[[ "$output" == "uid=1234(app) gid=1234(app)"* ]]
	assert_clean_store
}
