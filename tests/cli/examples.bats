#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox debian
	# Most of the time goes into what apt does with the lists of all of Debian. Once is enough for that, in the test that says so: the same steps find
	# the same packages in a repository that has nothing else.
	cached packages make_packages
	local port
	port=$(free_port)
	busybox httpd -f -p "127.0.0.1:$port" -h "$MICA_CACHE/packages/archives" 3>&- &
	echo $! >"$T/packages.pid"
	disown
	mkdir "$T/sources"
	echo "deb [trusted=yes] http://127.0.0.1:$port ./" >"$T/sources/packages.list"
	export SOURCES=--volume=$T/sources:/etc/apt/sources.list.d:ro
}

# The packages that the examples install and the base has not, and their list.
make_packages() { # DIR
	local manifest layer deb apt
	mkdir -p "$1/lists/partial" "$1/archives/partial"
	manifest=$(jq -r '.manifests[0].digest' "$MICA_CACHE/debian/index.json")
	layer=$(jq -r '.layers[0].digest' "$MICA_CACHE/debian/blobs/sha256/${manifest#sha256:}")
	tar -xzf "$MICA_CACHE/debian/blobs/sha256/${layer#sha256:}" -O ./var/lib/dpkg/status >"$1/status"
	apt=(apt-get -qq -y -o "Dir::State::status=$1/status" -o "Dir::State::lists=$1/lists" -o "Dir::Cache=$1" -o "Dir::Cache::archives=$1/archives"
		-o APT::Update::Post-Invoke::=true -o APT::Sandbox::User=root -o Acquire::Languages=none)
	"${apt[@]}" update
	"${apt[@]}" install --download-only --no-install-recommends gcc gettext-base gosu libc6-dev libpython3-stdlib libreadline-dev lua5.4 nginx-light \
		python3-minimal redis-server tini
	for deb in "$1"/archives/*.deb; do
		dpkg-deb -f "$deb"
		printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${deb##*/}" "$(stat -c %s "$deb")" "$(sha "$deb")"
	done >"$1/archives/Packages"
	rm -r "$1/lists"
}

build() { # OPTION... DIRECTORY
	# shellcheck disable=SC2086 # one option or none
	mica build --network=host ${SOURCES:-} "$@"
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
}

teardown() {
	[ -z "${D:-}" ] || test_teardown
}

context() { # EXAMPLE: a copy, so that nothing is written into the sources
	cp -r "$TOP/Containerfile.examples/$1" ctx
}

# covers: from-scratch
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

# covers: from-stage
@test "c-multistage: the image holds the compiled program and nothing else" {
	[ -n "${MICA_SANITIZE:-}" ] || SOURCES= # the base's own: all of Debian
	context c-multistage
	build -t greet ctx
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
	build -t greet ctx
	[ "$(in_image greet)" = "good day, world, from user 65534" ]
	# A stage that only --target asks for.
	build --target=test -t greet-test ctx
	assert_clean_store
}

@test "web: nginx serves a page as an ordinary user until it is told to stop" {
	context web
	build -t web ctx
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
	build -t words ctx
	run bash -c 'echo the cat and the dog and a cow | "$MICA_BIN" --root "$MICA_ROOT" run -i --rm --network=none words --top 1'
	[ "$status" = 0 ]
	[ "$output" = "2 and" ]
	run in_image --entrypoint /usr/bin/id words
	[[ "$output" == "uid=1234(app) gid=1234(app)"* ]]
	assert_clean_store
}

@test "keyvalue: a server gives up root in its entrypoint and keeps its data" {
	context keyvalue
	build -t keyvalue ctx
	config=$(config_of keyvalue)
	[ "$(jq -c .config.Volumes <<<"$config")" = '{"/data":{}}' ]
	[ "$(jq -c .config.Healthcheck.Test <<<"$config")" = '["CMD-SHELL","redis-cli ping || exit 1"]' ]
	mount_image localhost/keyvalue:latest "$D/m"
	# What apt downloaded is in the cache mounts, and the container gave its own files back.
	[ -z "$(find "$D/m/var/lib/apt/lists" "$D/m/var/cache/apt" -name '*_Packages' -o -name '*.deb')" ]
	[ "$(stat -c %u:%g "$D/m/data")" = 999:999 ]
	umount "$D/m"

	port=$(free_port)
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=host keyvalue --port "$port" --bind 127.0.0.1 >log 2>&1 3>&- &
	pid=$!
	echo $pid >"$T/keyvalue.pid"
	wait_for 20 bash -c "exec 4<>/dev/tcp/127.0.0.1/$port"
	exec 4<>"/dev/tcp/127.0.0.1/$port"
	printf 'SET colour green\r\nGET colour\r\n' >&4
	read -r -t 10 first <&4
	read -r -t 10 second <&4
	read -r -t 10 third <&4
	exec 4>&-
	[ "${first%$'\r'} ${second%$'\r'} ${third%$'\r'}" = '+OK $5 green' ]
	kill -TERM "$pid"
	wait "$pid"
	grep -q 'ready to exit, bye bye' log
	[ "$(in_image keyvalue sh -c 'gosu keyvalue id -un')" = keyvalue ]

	# Another package list does not fetch again what the cache mount has.
	run build --no-cache -t keyvalue ctx
	[ "$status" = 0 ]
	[[ "$output" == *"Need to get 0 B/"* ]]
	assert_clean_store
}

# covers: copy-heredoc, syntax, from-arg
@test "proxy: the entrypoint makes the configuration from templates" {
	context proxy
	build -t proxy ctx
	port=$(free_port)
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=host -e PORT="$port" -e GREETING=salve proxy >log 2>&1 3>&- &
	pid=$!
	echo $pid >"$T/proxy.pid"
	wait_for 20 curl -sf -o page "http://127.0.0.1:$port/x"
	[ "$(cat page)" = "salve, you asked for /x" ]
	kill -QUIT "$pid"
	wait "$pid"
	run --separate-stderr build --build-arg DEBIAN_TAG=none -t proxy ctx
	assert_error 'debian:none'
	assert_clean_store
}

# covers: grammar
@test "calculator: what a step installs and removes again is not in the image" {
	context calculator
	build -t calculator ctx
	[ "$(echo '6 * 7' | "$MICA_BIN" --root "$MICA_ROOT" run -i --rm --network=none calculator 2>/dev/null)" = 42 ]
	[ "$(in_image calculator calculator -v)" = "calculator 1.0" ]
	run ! in_image calculator sh -c 'command -v gcc'
	in_image calculator sh -c 'dpkg -s libreadline8 >/dev/null'
	assert_clean_store
}

# covers: onbuild
@test "onbuild: an image made from a base runs the base's triggers" {
	context onbuild
	touch ctx/app/main.lua.orig
	build -t shop ctx
	[ "$(in_image shop apple pear apple)" = "production: 10" ]
	[ "$(in_image --entrypoint cat shop ../checked)" = "checked 2 scripts for production" ]
	[ "$(jq -r .config.User <<<"$(config_of shop)")" = daemon ]
	[ "$(jq -c .config.OnBuild <<<"$(config_of shop)")" = null ]

	# The base by itself, and another context that is built from it by name.
	build --target=base -t onbuild ctx
	[ "$(jq '.config.OnBuild | length' <<<"$(config_of onbuild)")" = 5 ]
	mkdir -p other/app
	echo 'print(arg[1], os.getenv("APP_ENV"))' >other/app/main.lua
	build --build-arg APP_ENV=test -t other -f - other <<<$'FROM localhost/onbuild\nENTRYPOINT ["lua5.4", "main.lua", "hi"]'
	[ "$(in_image other)" = $'hi\ttest' ]
	echo 'print(' >other/app/main.lua
	run build -t other -f - other <<<'FROM localhost/onbuild'
	[ "$status" = 1 ]
	[[ "$output" == *"luac5.4: main.lua:"* ]]
	assert_clean_store
}

# covers: arg-platform, from-platform, from-arg, run-heredoc, check
@test "worker: platform arguments choose, a secret is used and not kept, an init reaps" {
	context worker
	echo very-secret-token >token
	build --secret id=token,src=token -t worker ctx
	id=$(sha256sum <token | cut -c1-12)
	run in_image worker 3
	[ "$status" = 0 ]
	[ "$output" = "worker $id on $(uname -m)-linux-gnu did 3 jobs, init is tini" ]
	mica save -o worker.tar worker
	run ! grep -q very-secret-token worker.tar
	run ! grep -rqs very-secret-token "$MICA_ROOT"
	# Without the secret: the image says so; a platform that is not known is refused by the step.
	build --no-cache-filter registered -t worker ctx
	[ "$(in_image worker)" = "worker anonymous on $(uname -m)-linux-gnu did 1 jobs, init is tini" ]
	run build --build-arg TARGETARCH=vax --target=runtime ctx
	[ "$status" = 1 ]
	[[ "$output" == *"unsupported platform: linux/vax"* ]]
	assert_clean_store
}
