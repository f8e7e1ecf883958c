#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images from and to a docker daemon of this machine, which daemon.py plays.
load lib.bash

setup_file() {
	file_setup
	mkdir "$T/tree" "$T/daemon"
	head -c 3000000 /dev/urandom >"$T/tree/noise"
	plain_tar "$T/l1.tar" "$T/tree"
	make_layout "$T/layout" '{"Env":["A=1"]}' "$T/l1.tar"
	mkdir "$T/docker"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=daemon -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$T/docker/key.pem" -out "$T/docker/cert.pem" 2>/dev/null
	cp "$T/docker/cert.pem" "$T/docker/ca.pem" # of both sides
	python3 -B "$TOP/tests/registry/daemon.py" "$T/socket" "$T/daemon" "$T/docker/"{cert,key,ca}.pem >"$T/daemon.out" 2>&1 3>&- &
	echo $! >"$T/daemon.pid"
	disown
	wait_for 20 test -S "$T/socket" || fail "$(cat "$T/daemon.out")"
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	export DOCKER_HOST=unix://$T/socket
	rm -f "$T"/daemon/*
	mica pull -q "oci:$T/layout:latest" >id
	mica tag "$(cat id)" localhost/one:1
}

teardown() {
	test_teardown
}

@test "an image goes to docker and comes back as it was" {
	mica push -q localhost/one:1 docker-daemon:there/two
	[ "$(cat "$T/daemon/log")" = "POST whole /images/load?quiet=1 application/x-tar -" ]
	[ "$(tar -xOf "$T/daemon/loaded.tar" manifest.json | jq -c '.[0].RepoTags')" = '["docker.io/there/two:latest"]' ]
	mv "$T/daemon/loaded.tar" "$T/daemon/docker.io_there_two_latest.tar"
	export MICA_ROOT=$D/second
	mica pull -q docker-daemon:there/two >second.id
	cmp id second.id
	mica exists there/two
	[ "$(mica inspect --format '{{.OCIv1.Config.Env}}' there/two)" = "[A=1]" ]
	came_whole
	# what the network is forbidden is no matter of a socket
	mica --offline pull -q docker-daemon:there/two
	printf 'FROM docker-daemon:there/two\nENV B=2\n' >Containerfile
	mica build -q -t localhost/three . >three.id
	mica tag "$(cat three.id)" localhost/one:1
	[ "$(mica history --format '{{.CreatedBy}}' localhost/three | grep -c 'ENV B=2')" = 1 ]
}

@test "an image of docker has the name that it was asked by, and no other" {
	mica save -q -o "$T/daemon/docker.io_library_asked_1.tar" localhost/one:1
	cp "$T/daemon/docker.io_library_asked_1.tar" "$T/daemon/sha256_$(cat id).tar"
	export MICA_ROOT=$D/second
	mica pull -q docker-daemon:asked:1
	[ "$(mica images --format '{{.Name}}:{{.Tag}}')" = docker.io/library/asked:1 ]
	export MICA_ROOT=$D/third
	mica pull -q "docker-daemon:sha256:$(cat id)"
	[ "$(mica images --format '{{.Name}}')" = "<none>" ]
}

@test "build --load gives docker the image under all its names, where there is one" {
	printf 'FROM scratch\nCOPY Containerfile /\n' >Containerfile
	mica build -q --load -t localhost/four -t five:5 .
	[ "$(tar -xOf "$T/daemon/loaded.tar" manifest.json | jq -r '.[0].RepoTags | sort | join(" ")')" = "five:5 localhost/four:latest" ]
	mica build -q -t localhost/four .
	[ "$(grep -c . "$T/daemon/log")" = 1 ]
	DOCKER_HOST=unix://$D/none mica build -q --load -t localhost/four .
	[ "$(grep -c . "$T/daemon/log")" = 1 ]
	echo '{"error":"out of room","errorDetail":{"message":"out of room"}}' >"$T/daemon/fail"
	run --separate-stderr mica build -q --load -t localhost/four .
	assert_error "^mica: option '--load': docker says: out of room$"
}

@test "DOCKER_HOST may be elsewhere, with TLS or without" {
	read -r plain tls <"$T/socket.ports"
	export DOCKER_HOST=tcp://127.0.0.1:$plain
	mica push -q localhost/one:1 docker-daemon:there/two
	mv "$T/daemon/loaded.tar" "$T/daemon/docker.io_there_two_latest.tar"
	export MICA_ROOT=$D/second
	mica pull -q docker-daemon:there/two | cmp - id
	export DOCKER_HOST=tcp://127.0.0.1:$tls DOCKER_TLS_VERIFY=1
	run --separate-stderr mica pull -q docker-daemon:there/two
	assert_error "cannot reach 127.0.0.1:$tls: TLS: "
	DOCKER_CERT_PATH=$T/docker mica pull -q docker-daemon:there/two | cmp - id
	ln -s "$T/docker" "$HOME/.docker"
	DOCKER_TLS_VERIFY='' DOCKER_TLS=1 mica pull -q docker-daemon:there/two | cmp - id
	rm "$HOME/.docker"
	[ "$(grep -c . "$T/daemon/log")" = 4 ]
	run --separate-stderr mica --offline pull -q docker-daemon:there/two
	assert_error "would be asked for over the network"
}

@test "what docker refuses, breaks or does not have is told in one line, and nothing stays" {
	mica save -q -o "$T/daemon/docker.io_library_cut_latest.tar" localhost/one:1
	: >"$T/daemon/docker.io_library_cut_latest.cut"
	export MICA_ROOT=$D/second
	refused "docker says: No such image: docker.io/library/none:latest \[2J$" pull docker-daemon:none
	refused "cannot pull docker-daemon:cut: transfer from $T/socket failed: " pull docker-daemon:cut
	echo no archive >"$T/daemon/docker.io_library_text_latest.tar"
	refused "cannot pull docker-daemon:text: archive 'docker-daemon'" pull docker-daemon:text
	DOCKER_HOST=tcp://u:secret@127.0.0.1:1 refused "DOCKER_HOST is 'tcp://\*\*\*@127.0.0.1:1': URL holds user information" pull docker-daemon:x
	DOCKER_HOST=ssh://u@host refused "DOCKER_HOST is 'ssh://\*\*\*@host': unix:///PATH and tcp://HOST:PORT are supported" pull docker-daemon:x
	DOCKER_HOST=tcp://127.0.0.1:1 refused "cannot reach 127.0.0.1:1: connection refused" pull docker-daemon:x
	DOCKER_HOST=unix://$D/none refused "cannot reach $D/none: no such file or directory; no docker daemon listens there: start it, or set DOCKER_HOST$" pull docker-daemon:x
	refused "is no valid|not a valid|invalid" pull docker-daemon:../../x
	[ -z "$(ls -A "$MICA_ROOT/tmp")" ]
}

@test "a push that docker refuses ends; one that we give up never looks whole" {
	echo '{"message":"disk is full"}' >"$T/daemon/refuse"
	run --separate-stderr timeout 20 "$MICA_BIN" --root "$MICA_ROOT" push -q localhost/one:1 docker-daemon:two
	assert_error "^mica: cannot push to docker-daemon:two: .*docker says: disk is full$"
	rm "$T/daemon/refuse"
	echo '{"errorDetail":{"message":"bad layer"},"error":"bad layer"}' >"$T/daemon/fail"
	run --separate-stderr mica push -q localhost/one:1 docker-daemon:two
	assert_error "docker says: bad layer$"
	run --separate-stderr mica push -q localhost/one:1 "docker-daemon:two@sha256:$(sha id)"
	assert_error 'cannot push to a digest'
	# the layer is on its way when the config turns out to be gone
	: >"$T/daemon/log"
	rm "$MICA_ROOT/blobs/sha256/$(mica inspect --format '{{.FromImageID}}' localhost/one:1)"
	run --separate-stderr mica push -q localhost/one:1 docker-daemon:two
	assert_error 'is not in the store'
	wait_for 10 grep -q . "$T/daemon/log"
	[ "$(cat "$T/daemon/log")" = "POST broken" ]
}
