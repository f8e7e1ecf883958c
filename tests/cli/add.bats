#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
	mkdir -p "$T/www/dir"
	echo hello >"$T/www/hello.txt"
	echo named >"$T/www/a b.txt"
	touch -d @1485449953 "$T/www/hello.txt" "$T/www/a b.txt"
	mkdir -p "$T/in/top"
	echo f >"$T/in/top/f"
	tar -C "$T/in" -czf "$T/www/a.tar.gz" --owner=5 --group=6 top
	start_www
	start_repos
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mkdir -p ctx
	: >"$T/www.log"
}

teardown() {
	[ ! -e "$D/https.pids" ] || xargs kill <"$D/https.pids"
	test_teardown
}

build() {
	mica build -q --network=none -t t "$@" ctx >/dev/null
}

asked() { # PATTERN: how many requests
	grep -c -- "$1" "$T/www.log" || true
}

stat_of() { # FORMAT PATH
	mount_image t mnt
	stat -c "$1" "mnt/$2"
	umount mnt
}

# covers: add-url
@test "a URL's file gets its name, mode 0600 and the server's time" {
	containerfile <<END
FROM busybox
ADD $WWW/hello.txt /x/
ADD $WWW/a%20b.txt?q=1#frag /x/
ADD --chmod=755 --chown=3:4 $WWW/hello.txt /y
END
	build
	[ "$(in_image t cat /x/hello.txt "/x/a b.txt")" = "hello
named" ]
	[ "$(stat_of '%a %u:%g %Y' x/hello.txt)" = "600 0:0 1485449953" ]
	[ "$(stat_of '%a %u:%g' y)" = "755 3:4" ]
}

@test "the forms of a server's time, paths with dots and empty answers are taken as BuildKit takes them" {
	containerfile <<END
FROM busybox
ADD $WWW/dated/hello.txt?Wed,%2021%20Oct%202015%2007:28:00%20GMT /1
ADD $WWW/dated/hello.txt?Wednesday,%2021-Oct-15%2007:28:00%20GMT /2
ADD $WWW/dated/hello.txt?Wed%20Oct%2021%2007:28:00%202015 /3
ADD $WWW/dated/hello.txt?Wed,%2021%20Oct%202015%2007:28:00%20CET /4
ADD $WWW/a/../hello.txt $WWW/empty/none $WWW/empty/.. /5/
END
	build
	[ "$(in_image t stat -c '%Y %n' /1 /2 /3 /4)" = "$(printf '1445412480 /%s\n' 1 2 3)
0 /4" ]
	[ "$(in_image t sh -c 'cd /5; ls; cat *')" = "download
hello.txt
none
hello" ] || fail "$(in_image t ls -l /5)"
	[ "$(asked '/a/[.][.]/hello.txt')" -ge 1 ]
}

@test "a build from the cache asks once, and only whether something changed" {
	printf 'FROM busybox\nADD %s/hello.txt /x\n' "$WWW" >ctx/Containerfile
	build
	[ "$(asked 'GET /hello.txt 200')" = 1 ]
	: >"$T/www.log"
	printf 'ADD %s/hello.txt /y\n' "$WWW" >>ctx/Containerfile
	build --no-cache
	[ "$(asked GET)" -le 3 ]
	: >"$T/www.log"
	run -0 mica build --network=none -t t ctx
	[[ $output == *"0 run, 2 cached"* ]]
	[ "$(asked GET)" = 1 ]
	[ "$(asked 'GET /hello.txt 304')" = 1 ]
}

@test "a server without validators is asked in full, and its content decides" {
	printf 'FROM busybox\nADD %s/plain/hello.txt /x\n' "$WWW" >ctx/Containerfile
	build
	run -0 mica build --network=none -t t ctx
	[[ $output == *"0 run, 1 cached"* ]]
	[ "$(asked 'GET /plain/hello.txt 200')" = 2 ]
}

# covers: add-checksum
@test "--checksum spares every request of a cached build" {
	sum=$(sha256sum <"$T/www/hello.txt" | cut -d' ' -f1)
	printf 'FROM busybox\nADD --checksum=sha256:%s %s/hello.txt /x\n' "$sum" "$WWW" >ctx/Containerfile
	build
	: >"$T/www.log"
	build
	[ "$(asked GET)" = 0 ]
}

# covers: add-checksum
@test "content that --checksum does not fit is refused" {
	printf 'FROM busybox\nADD --checksum=sha256:%064d %s/hello.txt /x\n' 0 "$WWW" >ctx/Containerfile
	run -125 --separate-stderr mica build --network=none -t t ctx
	assert_error "but --checksum says sha256:0000"
	run -125 --separate-stderr mica build --network=none -t t ctx
}

# covers: add-unpack
@test "an archive from a URL is unpacked only with --unpack" {
	containerfile <<END
FROM busybox
ADD $WWW/a.tar.gz /x/
ADD --unpack=true $WWW/a.tar.gz /y/
ADD --unpack $WWW/hello.txt /z
END
	build
	[ "$(in_image t cat /y/top/f /z)" = "f
hello" ]
	[ "$(stat_of %F x/a.tar.gz)" = "regular file" ]
	[ "$(stat_of %u:%g y/top/f)" = 5:6 ]
}

# covers: add-unpack
@test "a local archive is not unpacked with --unpack=false" {
	cp "$T/www/a.tar.gz" ctx/
	printf 'FROM busybox\nADD --unpack=false a.tar.gz /x/\nADD a.tar.gz /y/\n' >ctx/Containerfile
	build
	[ "$(stat_of %F x/a.tar.gz)" = "regular file" ]
	[ "$(in_image t cat /y/top/f)" = f ]
}

@test "an archive whose checksum is wrong or missing is refused, a small one too" {
	tar -C "$T/in" -cf small.tar top
	head -c 2000000 /dev/urandom >"$T/in/large"
	tar -C "$T/in" -cf large.tar large top
	rm "$T/in/large"
	printf 'FROM busybox\nRUN echo must-not-run\nFROM scratch\nCOPY --from=0 /etc/passwd /\nADD *.gz /x/\n' >ctx/Containerfile
	local size
	for size in small large; do
		gzip -c $size.tar >ctx/a.tar.gz
		printf 'garbage' >>ctx/a.tar.gz # is none of the archive
		build
		gzip -c $size.tar | head -c -8 >ctx/a.tar.gz
		run -125 --separate-stderr mica build --network=none -t t ctx
		assert_error "cannot unpack 'a.tar.gz': gzip stream: is truncated"
		printf '12345678' >>ctx/a.tar.gz
		run -125 --separate-stderr mica build --network=none -t t ctx
		assert_error "Containerfile:5:5: ADD: cannot unpack 'a.tar.gz': gzip stream: checksum does not match"
		[[ "$output$stderr" != *must-not-run* ]] || fail "a step was run: $stderr"
	done
	# what lies beyond the first 16 MiB is found when it is unpacked
	truncate -s 20M "$T/in/large"
	tar -C "$T/in" -cf - large top | gzip | head -c -8 >ctx/a.tar.gz
	run -125 --separate-stderr mica build --network=none -t t ctx
	assert_error "Containerfile:5:5: ADD: cannot unpack 'a.tar.gz': gzip stream: is truncated"
	[[ "$output$stderr" == *must-not-run* ]]
}

@test "a URL that fails is named before anything runs" {
	containerfile <<END
FROM busybox
RUN touch /ran
ADD $WWW/missing /x
END
	run -125 --separate-stderr mica build --network=none -t t ctx
	assert_error "Containerfile:3:5: cannot fetch $WWW/missing: 127.0.0.1:.* answered with status 404"
	[[ $stderr != *"RUN touch"* ]]
	# in the words that scripts of buildah look for
	ln -s "$MICA_BIN" buildah
	run -125 --separate-stderr ./buildah --root "$MICA_ROOT" build -q ctx
	[[ $stderr == *"invalid response status 404"* ]]
	run -125 --separate-stderr ./buildah --root "$MICA_ROOT" add -q --checksum "sha256:$(printf %064d 0)" "$(mica from scratch)" "$WWW/hello.txt" /
	[[ $stderr == *"unexpected response digest for \"$WWW/hello.txt\": sha256:$(sha256sum <"$T/www/hello.txt" | cut -d' ' -f1), want sha256:0000"* ]]
}

@test "redirects are followed, but not for ever and not to other schemes" {
	printf 'FROM busybox\nADD %s/to/hello.txt /x/\n' "$WWW" >ctx/Containerfile
	build
	[ "$(in_image t cat /x/hello.txt)" = hello ]
	for bad in loop file; do
		printf 'FROM busybox\nADD %s/%s /x/\n' "$WWW" "$bad" >ctx/Containerfile
		run -125 --separate-stderr mica build --network=none -t t ctx
		assert_error "redirects"
	done
}

@test "a transfer that breaks off is begun anew" {
	printf 'FROM busybox\nADD %s/broken/hello.txt /x\n' "$WWW" >ctx/Containerfile
	build
	[ "$(in_image t cat /x)" = hello ]
}

@test "a URL that is none and --checksum of a local file are refused" {
	for bad in 'ADD http://u:p%0a@127.0.0.1/x /x' \
		'ADD --checksum=sha256:00 Containerfile /x' 'ADD --checksum=md5:00 http://127.0.0.1/x /x' 'COPY http://127.0.0.1/x /x'; do
		printf 'FROM busybox\n%s\n' "$bad" >ctx/Containerfile
		run -125 --separate-stderr mica build --network=none -t t ctx
		assert_error "Containerfile:2:"
	done
	printf 'FROM busybox\nADD --checksum=md5:00 http://127.0.0.1/x /x\n' >ctx/Containerfile
	run -125 --separate-stderr mica build --network=none ctx
	assert_error "Containerfile:2:5: --checksum: 'md5:00' is not a digest"
	printf 'FROM busybox\nADD https://u:secret@127.0.0.1:y/x https:///x /x\n' >ctx/Containerfile
	run -125 --separate-stderr mica build --network=none ctx
	assert_error "Containerfile:2:5: ADD https://\*\*\*@127.0.0.1:y/x: URL has no valid port"
	sed -i 's/https:[^ ]* //' ctx/Containerfile
	run -125 --separate-stderr mica build --network=none ctx
	assert_error "Containerfile:2:5: ADD https:///x: URL has no valid host"
}

# --- repositories ---

# $GIT: the URL of a repository that a plain web server offers; $COMMIT: of its first commit, tagged v1
make_repository() {
	git init -q -b main work
	mkdir -p work/docs
	echo readme >work/README
	echo doc >work/docs/doc
	ln -s /etc work/etc
	git -C work add -A
	git -C work -c user.name=n -c user.email=e commit -q -m one
	git -C work tag v1
	COMMIT=$(git -C work rev-parse HEAD)
	git -C work checkout -q -b dev
	echo dev >work/README
	git -C work -c user.name=n -c user.email=e commit -q -a -m two
	git -C work checkout -q main
	git clone -q --bare work "$T/repos/$BATS_TEST_NUMBER.git"
	git -C "$T/repos/$BATS_TEST_NUMBER.git" update-server-info
	GIT=http://127.0.0.1:$REPOS/$BATS_TEST_NUMBER.git
}

add_git() { # FLAGS AND URL
	printf 'FROM busybox\nADD %s /x/\n' "$*" >ctx/Containerfile
	build
}

# covers: add-git, add-git-query, add-git-checksum, add-git-dir
@test "ADD takes a branch, a tag or a commit of a repository, or a directory of it" {
	make_repository
	add_git "$GIT"
	[ "$(in_image t sh -c 'cat /x/README; ls -A /x')" = "readme
README
docs
etc" ]
	add_git "$GIT#dev"
	[ "$(in_image t cat /x/README)" = dev ]
	add_git "$GIT#v1:docs"
	[ "$(in_image t ls -A /x)" = doc ]
	add_git "$GIT?branch=dev&subdir=docs"
	[ "$(in_image t ls -A /x)" = doc ]
	add_git "--checksum=$COMMIT" "$GIT#v1"
	add_git "$GIT#$COMMIT"
	[ "$(in_image t cat /x/README)" = readme ]
	run -0 mica build --network=none -t t ctx
	[[ $output == *"0 run, 1 cached"* ]]
	# .git is there when it is asked for, or by who calls us buildah
	ln -s "$MICA_BIN" buildah
	printf 'FROM scratch\nADD --keep-git-dir=true %s /x/\n' "$GIT" >ctx/Containerfile
	mica build -q -o asked ctx
	printf 'FROM scratch\nADD %s /x/\n' "$GIT" >ctx/Containerfile
	./buildah --root "$MICA_ROOT" build -q -o called ctx
	[ "$(git -C asked/x remote get-url origin; git -C called/x remote get-url origin)" = "$GIT"$'\n'"$GIT" ]
	printf 'FROM scratch\nADD %s#none /x/\n' "$GIT" >ctx/Containerfile
	run -125 --separate-stderr mica build ctx
	assert_error "couldn't find remote ref none"
}

# covers: add-git
@test "ADD of a repository over ssh has the keys of --ssh default, with known hosts only" {
	make_repository
	ssh-keygen -q -t ed25519 -N '' -C "of this test" -f "$D/k"
	# in place of ssh a program that notes its options and keys and answers from the repository
	cat >"$D/ssh" <<-END
		#!/bin/sh
		echo "\$*" >"$D/words"
		ssh-add -l >>"$D/words" 2>&1
		for last; do :; done
		cd "$T/repos" && eval "\$last"
	END
	chmod +x "$D/ssh"
	printf 'FROM busybox\nADD git@host:%s.git /x/\n' "$BATS_TEST_NUMBER" >ctx/Containerfile
	local with=("$MICA_BIN" --root "$MICA_ROOT" build --network=none -t t)
	unset SSH_AUTH_SOCK
	run -0 unshare -m sh -c 'mount --bind "$0/ssh" /usr/bin/ssh && exec "$@"' "$D" "${with[@]}" --ssh "default=$D/k" ctx
	[ "$(in_image t cat /x/README)" = readme ]
	grep -q 'of this test' words
	grep -q -- '-oBatchMode=yes' words
	run -0 unshare -m sh -c 'mount --bind "$0/ssh" /usr/bin/ssh && exec "$@"' "$D" "${with[@]}" --no-cache ctx
	run -1 grep -q 'of this test' words
	# a Containerfile alone does not use the keys that its builder has, agent or files; he may
	eval "$(ssh-agent -s -a "$D/agent")" >/dev/null
	echo "$SSH_AGENT_PID" >"$T/agent.pid"
	ssh-add -q "$D/k"
	run -0 unshare -m sh -c 'mount --bind "$0/ssh" /usr/bin/ssh && exec "$@"' "$D" "${with[@]}" --no-cache ctx
	run -1 grep -q 'of this test' words
	grep -q -- '-oPubkeyAuthentication=no' words
	run -0 unshare -m sh -c 'mount --bind "$0/ssh" /usr/bin/ssh && exec "$@"' "$D" "${with[@]}" --no-cache --ssh default ctx
	grep -q 'of this test' words
	run -1 grep -q -- '-oPubkeyAuthentication=no' words
}

# CVE-2026-33748, CVE-2019-13139, CVE-2026-44517 and their kin
@test "no ref, host or directory of a repository's URL gets out of its place" {
	make_repository
	for bad in "$GIT#main:etc" "$GIT#main:.git" "$GIT#main:none" "$GIT#none" "$GIT#--upload-pack=touch$D/ran" "$GIT#a..b" \
		"--checksum=1234567 $GIT" "$GIT?nonsense=1" "ssh://-oProxyCommand=touch$D/ran/x.git" "git@-oProxyCommand=x:x.git" \
		"git@x@-oProxyCommand=touch:x.git" "git@x://y/z.git" "git@x/y.git" \
		"https://user:token@127.0.0.1/x.git"; do
		printf 'FROM busybox\nADD %s /x/\n' "$bad" >ctx/Containerfile
		run -125 --separate-stderr mica build --network=none -t t ctx
		assert_error "Containerfile:2:"
	done
	[ ! -e "$D/ran" ]
	add_git "$GIT#main:../../.."
	[ "$(in_image t cat /x/README)" = readme ]
}

# Two servers; HTTPS and OTHER are their ports.
start_https() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 \
		-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem 2>/dev/null
	cat cert.pem key.pem >both.pem
	export SSL_CERT_FILE=$D/cert.pem
	export SSL_CERT_DIR=$D/nothing # of the certificates of this machine each git would read all
	mkdir https other
	cp -r "$T/repos/$BATS_TEST_NUMBER.git" https/r.git
	cp -r https/r.git other/r.git
	for i in https other; do
		echo 'basic nobody' >$i/wanted
		python3 "$TOP/tests/tools/git-https.py" $i both.pem $i.port >$i.log 2>&1 3>&- &
		echo $! >>https.pids
		disown
		wait_for 10 test -s $i.port
	done
	HTTPS=$(cat https.port)
	OTHER=$(cat other.port)
}

# cve: CVE-2023-26054
# covers: add-git-auth
@test "secrets for a git server go to it alone, and over https" {
	make_repository
	start_https
	local token=s3cret-T0ken
	printf %s "$token" >token
	printf 'Bearer %s\n' "$token" >header
	basic=$(printf 'x-access-token:%s' "$token" | base64 -w0)
	echo "basic $basic" >https/wanted
	add_git "https://127.0.0.1:$HTTPS/r.git" && fail "no secret was needed"
	build() { mica build --progress=plain --network=none -t t "$@" ctx >>said 2>&1; }
	build --secret id=GIT_AUTH_TOKEN,src=token
	[ "$(in_image t cat /x/README)" = readme ]
	# of another host it is not the one
	build --no-cache --secret id=GIT_AUTH_TOKEN.127.0.0.2,src=token && fail "another host's secret"
	build --no-cache --secret "id=GIT_AUTH_TOKEN.127.0.0.1:$HTTPS,src=token" --secret id=GIT_AUTH_TOKEN,src=header
	# a header goes before a token; a context is fetched alike
	echo "Bearer $token" >https/wanted
	build --no-cache --secret id=GIT_AUTH_HEADER,src=header --secret id=GIT_AUTH_TOKEN,src=token
	printf 'FROM busybox\nCOPY README /\n' | mica build -q --network=none -t t --secret id=GIT_AUTH_HEADER,src=header -f - "https://127.0.0.1:$HTTPS/r.git"
	# not where a redirect leads, not without TLS
	echo "Bearer $token" >other/wanted
	add_git "https://127.0.0.1:$HTTPS/to/$OTHER/r.git" --secret id=GIT_AUTH_HEADER,src=header && fail "it followed"
	printf 'FROM busybox\nADD https://127.0.0.1:%s/to/%s/r.git /x/\n' "$HTTPS" "$OTHER" >ctx/Containerfile
	build --secret id=GIT_AUTH_HEADER,src=header && fail "it followed"
	[ ! -s other.log ]
	printf 'FROM busybox\nADD %s /x/\n' "$GIT" >ctx/Containerfile
	build --secret id=GIT_AUTH_HEADER,src=header
	printf 'one\ntwo\n' >header
	printf 'FROM busybox\nADD https://127.0.0.1:%s/r.git /x/\n' "$HTTPS" >ctx/Containerfile
	run --separate-stderr mica build --network=none --secret id=GIT_AUTH_HEADER,src=header ctx
	assert_error "the secret for the git server is not one line"
	grep -qrF -e "$token" -e "$basic" "$MICA_ROOT" said && fail "it is somewhere"
	return 0
}

# covers: add-url-user
@test "who logs in to a URL is told to its host alone, and to nobody else" {
	make_repository
	start_https
	echo hello >https/hello.txt
	echo "Basic $(printf 'me:p@ss' | base64 -w0)" | tee https/wanted >other/wanted
	mkdir ca
	cp cert.pem ca/ca.crt
	local site=https://me:p%40ss@127.0.0.1:$HTTPS
	printf 'FROM busybox\nADD %s/r.git /x/\nADD %s/hello.txt /x/\n' "$site" "$site" >ctx/Containerfile
	mica build --progress=plain --network=none --cert-dir ca -t t ctx >said 2>&1 || fail "$(<said)"
	[ "$(in_image t cat /x/README /x/hello.txt)" = $'readme\nhello' ]
	[[ $(mica history --no-trunc t) == *"ADD https://***@127.0.0.1:$HTTPS/r.git /x/"* ]] || fail "$(mica history --no-trunc t)"
	printf 'FROM busybox\nCOPY README /\n' | mica build -q --network=none -t t -f - "$site/r.git" >>said 2>&1 || fail "$(<said)"
	for what in r.git hello.txt; do
		printf 'FROM busybox\nADD %s/to/%s/%s /x/\n' "$site" "$OTHER" "$what" >ctx/Containerfile
		mica build --progress=plain --network=none --cert-dir ca ctx >>said 2>&1 && fail "it was taken along"
		run ! grep Basic other.log
	done
	run ! grep -F 'p%40ss' said
}

@test "hooks and modules of a repository cannot reach files of this machine" {
	git init -q -b main work
	printf '[submodule "m"]\n\tpath = m\n\turl = file://%s/work\n' "$D" >work/.gitmodules
	git -C work add -A
	git -C work update-index --add --cacheinfo 160000,1111111111111111111111111111111111111111,m
	git -C work -c user.name=n -c user.email=e commit -q -m one
	git clone -q --bare work "$T/repos/m.git"
	git -C "$T/repos/m.git" update-server-info
	printf 'FROM busybox\nADD http://127.0.0.1:%s/m.git /x/\n' "$REPOS" >ctx/Containerfile
	run -125 --separate-stderr mica build --network=none -t t ctx
	assert_error "git: .*(file|m)"
}

@test "--cert-dir and --tls-verify say whom ADD trusts, and a proxy that is not there is named" {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
		-keyout key.pem -out cert.pem 2>/dev/null
	mkdir certs served
	cp cert.pem certs/ca.crt
	echo content >served/file
	python3 - 3>&- <<'END' &
import http.server, os, ssl
os.chdir("served")
s = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain("../cert.pem", "../key.pem")
s.socket = c.wrap_socket(s.socket, server_side=True)
open("../port.new", "w").write(str(s.server_port))
os.rename("../port.new", "../port")
s.serve_forever()
END
	echo $! >>https.pids
	disown
	wait_for 10 test -s port
	printf 'FROM scratch\nADD https://127.0.0.1:%s/file /\n' "$(cat port)" >Containerfile
	run ! mica build -q --retry 0 -t t .
	[[ $output == *"x509: certificate signed by unknown authority"* ]]
	mica build -q --cert-dir certs -t t .
	mica build -q --cert-dir certs -o out .
	[ "$(cat out/file)" = content ]
	mica build -q --no-cache --tls-verify=false -t t .
	printf 'FROM scratch\nADD http://example.invalid/file /\n' >Containerfile
	http_proxy=http://user:secret@127.0.0.1:9 run ! mica build -q --retry 0 -t t .
	[[ $output == *"cannot reach example.invalid through 127.0.0.1:9: connection refused"* ]]
	[[ $output != *secret* ]]
}
