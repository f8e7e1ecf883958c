#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Build contexts that are not directories here: repositories, archives and Containerfiles behind URLs and on standard input.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
	mkdir -p "$T/www"
	start_www
	start_repos
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mkdir -p src/dir
	printf 'FROM busybox\nCOPY . /x/\n' >src/Containerfile
	echo one >src/one
	echo two >src/dir/two
	echo hidden >src/hidden
	echo hidden >src/.dockerignore
	touch -d @1485449953 src/one src/dir/two src/dir src
	rm -f "$T"/www/*
}

teardown() {
	test_teardown
}

build() { # ARGUMENTS...
	mica build -q --network=none -t t "$@" >/dev/null
}

# The files of $D/src are those of the context, .dockerignore, Containerfile and what is ignored counted.
assert_taken() {
	[ "$(in_image t find /x -type f | sort)" = "/x/.dockerignore
/x/Containerfile
/x/dir/two
/x/hidden
/x/one" ] || fail "$(in_image t find /x)"
	[ "$(in_image t cat /x/one /x/dir/two)" = "one
two" ]
}

assert_nothing_left() {
	[ -z "$(ls -A "$MICA_ROOT/tmp")" ] || fail "left in tmp: $(ls -AR "$MICA_ROOT/tmp")"
	[ -z "$(ls -A "$TMPDIR")" ] || fail "left in \$TMPDIR: $(ls -AR "$TMPDIR")"
}

make_repository() { # sets GIT, COMMIT; of $D/src
	git -C src init -q -b main
	git -C src add -A
	GIT_COMMITTER_DATE='@1700000000 +0000' git -C src -c user.name=n -c user.email=e commit -q -m one
	git -C src tag v1
	COMMIT=$(git -C src rev-parse HEAD)
	publish_repository
}

publish_repository() {
	rm -rf "$T/repos/$BATS_TEST_NUMBER.git"
	git clone -q --bare src "$T/repos/$BATS_TEST_NUMBER.git"
	git -C "$T/repos/$BATS_TEST_NUMBER.git" update-server-info
	GIT=http://127.0.0.1:$REPOS/$BATS_TEST_NUMBER.git
}

commit() {
	git -C src add -A
	git -C src -c user.name=n -c user.email=e commit -q -m more
}

# --- archives ---

@test "an archive on standard input is a context, whatever its compression" {
	tar -C src -cf ctx.tar .
	gzip -k ctx.tar
	bzip2 -k ctx.tar
	xz -k ctx.tar
	zstd -q -k ctx.tar
	for file in ctx.tar ctx.tar.gz ctx.tar.bz2 ctx.tar.xz ctx.tar.zst; do
		build - <"$file"
		assert_taken
		mica rmi t >/dev/null
	done
	# a pipe, and names without "./"
	tar -C src -c Containerfile .dockerignore one dir hidden | build -
	assert_taken
	assert_nothing_left
}

@test "an archive behind a URL is a context, whatever its compression" {
	tar -C src -cf "$T/www/ctx.tar" .
	gzip -k "$T/www/ctx.tar"
	xz -k "$T/www/ctx.tar"
	zstd -q -k "$T/www/ctx.tar"
	for file in ctx.tar ctx.tar.gz ctx.tar.xz to/ctx.tar.zst; do
		build "$WWW/$file"
		assert_taken
		mica rmi t >/dev/null
	done
	assert_nothing_left
}

@test "where a context came from does not matter for the cache, nor for the image" {
	# ignore files are for directories here alone, and owners are root's
	rm src/.dockerignore
	make_repository
	rm -rf src/.git
	tar -C src --owner=0 --group=0 -cf "$T/www/ctx.tar" .
	build src
	for where in "$WWW/ctx.tar" "$GIT"; do
		run -0 mica build --network=none -t t "$where"
		[[ $output == *"0 run, 1 cached"* ]] || fail "$where: $output"
	done
	run -0 mica build --network=none -t t - <"$T/www/ctx.tar"
	[[ $output == *"0 run, 1 cached"* ]]
	run -125 --separate-stderr mica build "$T/www/ctx.tar"
	assert_error "the context '.*/ctx.tar' is an archive: unpack it, or build it with 'mica build - <.*/ctx.tar'"
	export SOURCE_DATE_EPOCH=1
	mica build -q --no-cache --network=none "$WWW/ctx.tar" >a
	sleep 1.1
	mica build -q --no-cache --network=none - <"$T/www/ctx.tar" >b
	cmp a b
	mica build -q --no-cache --network=none "$GIT" >a
	mica build -q --no-cache --network=none "$GIT#v1" >b
	cmp a b
}

@test "an archive's owners count, and its ignore files do not" {
	cat >src/Containerfile <<-END
		FROM busybox
		COPY . /x/
		COPY --chown=8:9 one /y/
		RUN --mount=target=/m stat -c '%u:%g %n' /m/one /m/dir >/mounted
		FROM scratch AS other
		COPY . /
	END
	echo one >src/Containerfile.dockerignore
	tar -C src --owner=7 --group=8 -cf ctx.tar .
	build --target 0 - <ctx.tar
	owners='7:8 /x/one
7:8 /x/dir
7:8 /x/dir/two
7:8 /x/hidden
8:9 /y/one'
	[ "$(in_image t stat -c '%u:%g %n' /x/one /x/dir /x/dir/two /x/hidden /y/one)" = "$owners" ] || fail "$(in_image t stat -c '%u:%g %n' /x/*)"
	[ "$(in_image t cat /mounted)" = "7:8 /m/one
7:8 /m/dir" ]
	# other owners are another input
	tar -C src --owner=6 --group=8 -cf ctx.tar .
	build --target 0 - <ctx.tar
	[ "$(in_image t stat -c %u:%g /x/one /y/one)" = "6:8
8:9" ]
	cp src/.dockerignore rules
	build --target 0 --ignorefile rules - <ctx.tar
	in_image t test ! -e /x/hidden
	# of a named one, too
	cp ctx.tar "$T/www/ctx.tar"
	printf 'FROM other\nFROM busybox\nCOPY --from=other . /x/\nCOPY --from=0 one /y/\n' >Containerfile
	build --build-context "other=$WWW/ctx.tar" -f Containerfile src
	[ "$(in_image t stat -c %u:%g /x/one /x/hidden /y/one)" = "6:8
6:8
6:8" ]
}

@test "-f names a file in the archive first, then one here" {
	printf 'FROM busybox\nCOPY one /other\n' >src/dir/Other
	tar -C src -cf "$T/www/ctx.tar" .
	build -f dir/Other "$WWW/ctx.tar"
	in_image t test -e /other
	echo broken >Containerfile
	build -f Containerfile "$WWW/ctx.tar"
	in_image t test -e /x/dir/Other
	printf 'FROM busybox\nCOPY one /local\n' >Local
	build -f Local "$WWW/ctx.tar"
	in_image t test -e /local
	printf 'FROM busybox\nCOPY one /piped\n' | build -f - "$WWW/ctx.tar"
	in_image t test -e /piped
	run -125 --separate-stderr mica build -f ../../../../../../etc/passwd.none "$WWW/ctx.tar"
	assert_error "no such file here or in the context"
	run -125 --separate-stderr mica build -f - - <"$T/www/ctx.tar"
	assert_error "cannot both be standard input"
}

# --- Containerfiles ---

@test "text on standard input or behind a URL is a Containerfile with an empty context" {
	printf 'FROM busybox\nRUN echo ran >/x\n' >"$T/www/Containerfile"
	build "$WWW/Containerfile"
	[ "$(in_image t cat /x)" = ran ]
	mica rmi t >/dev/null
	build - <"$T/www/Containerfile"
	[ "$(in_image t cat /x)" = ran ]
	printf 'FROM busybox\nCOPY x /x\n' >"$T/www/Containerfile"
	run -125 --separate-stderr mica build --network=none "$WWW/Containerfile"
	assert_error "Containerfile:2:6: COPY: there is no build context to copy 'x' from: only a Containerfile was given"
	# BuildKit's: nothing on standard input, the text itself behind a URL
	printf 'FROM busybox\nCOPY . /x/\nCOPY n* /y/\nRUN --mount=target=/m ls -A /m >/listed\n' >"$T/www/Containerfile"
	build - <"$T/www/Containerfile"
	[ -z "$(in_image t sh -c 'ls -A /x; cat /listed')" ]
	touch -d @1485449953 "$T/www/Containerfile"
	build "$WWW/Containerfile"
	[ "$(in_image t stat -c '%a %Y %n' /x/context)" = '600 1485449953 /x/context' ]
	[ "$(in_image t cat /x/context /listed)" = "$(cat "$T/www/Containerfile" <(echo context))" ]
	run -125 --separate-stderr mica build --network=none -f x - <"$T/www/Containerfile"
	assert_error "'-' is a Containerfile: it cannot be combined with -f"
}

@test "-f takes a URL" {
	printf 'FROM busybox\nCOPY one /elsewhere\n' >"$T/www/Containerfile"
	build -f "$WWW/Containerfile" src
	[ "$(in_image t cat /elsewhere)" = one ]
	run -125 --separate-stderr mica build -f "$WWW/none" src
	assert_error "answered with status 404"
	head -c 17000000 /dev/zero >"$T/www/big"
	run -125 --separate-stderr mica build -f "$WWW/big" src
	assert_error "more than the 16777216 bytes"
}

@test "what is neither an archive nor text is refused" {
	: >empty
	run -125 --separate-stderr mica build - <empty
	assert_error "the build context '-': nothing was written to standard input"
	printf 'FROM busybox\n\0' >zero
	run -125 --separate-stderr mica build - <zero
	assert_error "neither a tar archive nor a Containerfile"
	tar -C src -c . | head -c 3000 | gzip >"$T/www/short.tar.gz"
	run -125 --separate-stderr mica build "$WWW/short.tar.gz"
	assert_error "the build context '$WWW/short.tar.gz': "
	run -125 --separate-stderr mica build "$WWW/none.tar"
	assert_error "answered with status 404"
	assert_nothing_left
}

# --- hostile archives ---

hostile() { # PYTHON: entries of an archive, t is the TarFile, f(NAME, TYPE, LINK, SIZE) an entry
	python3 - "$D/bad.tar" <<-END
		import io, sys, tarfile
		def f(name, type=tarfile.REGTYPE, link="", body=b"x"):
		    e = tarfile.TarInfo(name)
		    e.type, e.linkname, e.size, e.mode = type, link, len(body) if type == tarfile.REGTYPE else 0, 0o644
		    t.addfile(e, io.BytesIO(body))
		with tarfile.open(sys.argv[1], "w", format=tarfile.GNU_FORMAT) as t:
		    f("Containerfile", body=b"FROM busybox\nCOPY . /x/\n")
		    $1
	END
}

refused() { # PATTERN
	run -125 --separate-stderr mica build --network=none -t t - <bad.tar
	assert_error "the build context '-': .*$1"
	cp bad.tar "$T/www/bad.tar"
	run -125 --separate-stderr mica build --network=none -t t "$WWW/bad.tar"
	assert_error "$1"
	[ ! -e "$D/escaped" ] && [ ! -e "$MICA_ROOT/escaped" ] && [ ! -e "$MICA_ROOT/tmp/escaped" ]
	assert_nothing_left
}

# bats test_tags=user
@test "CVE-2020-10696 CVE-2026-28406: no name of an archive leaves the context" {
	hostile 'f("../escaped")'
	refused "'../escaped' leaves the root"
	hostile 'f("a/../../escaped")'
	refused "leaves the root"
	hostile 'f("hard", tarfile.LNKTYPE, "../../../../etc/passwd")'
	refused "leaves the root"
	hostile 'f("hard", tarfile.LNKTYPE, "/etc/passwd")'
	refused "not in the archive's root"
	# an absolute name is one inside
	hostile "f('$D/escaped')"
	build - <bad.tar
	in_image t test -e "/x$D/escaped"
	[ ! -e "$D/escaped" ]
}

# bats test_tags=user
@test "CVE-2026-44517 CVE-2026-79705: links of an archive lead nowhere outside" {
	echo secret >secret
	# through a link that the archive made
	hostile "f('out', tarfile.SYMTYPE, '$D'); f('out/escaped')"
	run mica build --network=none -t t - <bad.tar
	[ ! -e "$D/escaped" ]
	hostile "f('file', tarfile.SYMTYPE, '$D/secret')"
	build - <bad.tar
	[ "$(in_image t readlink /x/file)" = "$D/secret" ]
	for link in Containerfile .dockerignore; do
		python3 -c "
import sys, tarfile
with tarfile.open('bad.tar', 'w') as t:
    if '$link' != 'Containerfile':
        t.add('src/Containerfile', 'Containerfile')
    e = tarfile.TarInfo('$link'); e.type, e.linkname = tarfile.SYMTYPE, '$D/secret'; t.addfile(e)"
		run --separate-stderr mica build --network=none -t t - <bad.tar
		[[ $stderr != *"secret"*"secret"* ]]
		# no ignore file of an archive is read
		[ "$link" = .dockerignore ] || assert_error "leads out of the context"
		[ "$link" = Containerfile ] || [ "$status" = 0 ]
	done
	assert_nothing_left
}

# cve: CVE-2026-25122 CVE-2026-25140
# bats test_tags=user
@test "an archive with devices or endless content is refused" {
	hostile 'f("disk", tarfile.BLKTYPE)'
	refused "'disk' is a device"
	hostile 'f("zero", tarfile.CHRTYPE)'
	refused "'zero' is a device"
	truncate -s 70G src/sparse
	tar -C src -S -cf bad.tar .
	refused "is larger than 68719476736 bytes"
}

# --- repositories ---

@test "a repository is a context: branch, tag, commit, directory, query" {
	make_repository
	build --metadata-file meta --provenance=mode=min "$GIT#main"
	jq -e --arg git "$GIT#main" --arg commit "$COMMIT" '."buildx.build.provenance" | .materials[0] == {uri: $git, digest: {sha1: $commit}} and
		.invocation.configSource == .materials[0] + {entryPoint: "Containerfile"} and (.invocation.parameters | has("locals") | not)' meta
	build "$GIT"
	assert_taken
	in_image t test ! -e /x/.git
	printf 'FROM busybox\nCOPY two /two\n' >src/dir/Containerfile
	commit
	publish_repository
	build "$GIT#main:dir"
	[ "$(in_image t cat /two)" = two ]
	build "$GIT?branch=main&subdir=dir"
	[ "$(in_image t cat /two)" = two ]
	run -125 --separate-stderr mica build "$GIT#v1:dir"
	assert_error "cannot find Containerfile or Dockerfile in "
	build "$GIT#$COMMIT"
	build "$GIT?tag=v1&checksum=${COMMIT:0:12}"
	assert_taken
	run -125 --separate-stderr mica build "$GIT?tag=v1&checksum=0000000"
	assert_error "but the checksum says"
	run -125 --separate-stderr mica build "$GIT?submodules=maybe"
	assert_error "neither true nor false"
	ln -s "$MICA_BIN" buildah
	run -125 --separate-stderr ./buildah --root "$MICA_ROOT" build git:///x
	[[ "$stderr" == *'failed while performing "git fetch": the URL has no host'* ]] || fail "$stderr"
	run -125 --separate-stderr mica build git://127.0.0.1:1/x
	assert_error "git: unable to connect to 127.0.0.1: Connection refused"
	assert_nothing_left
}

@test "BUILDKIT_CONTEXT_KEEP_GIT_DIR keeps .git in the context, and so it is for who calls us buildah" {
	make_repository
	ln -s "$MICA_BIN" buildah
	taken() { # PROGRAM DIRECTORY ARGUMENTS...
		"$1" --root "$MICA_ROOT" build -q --network=none -o "$2" "${@:3}" >/dev/null
	}
	taken mica argument --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$GIT"
	taken mica query "$GIT?keep-git-dir=true"
	taken ./buildah called "$GIT"
	for d in argument query called; do
		[ "$(git -C "$d/x" remote get-url origin)" = "$GIT" ]
	done
	taken ./buildah not --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=0 "$GIT"
	[ -e not/x/one ] && [ ! -e not/x/.git ]
}

@test "SOURCE_DATE_EPOCH=context is the time of the commit" {
	printf 'FROM busybox\nARG SOURCE_DATE_EPOCH\nRUN echo $SOURCE_DATE_EPOCH >/epoch\n' >src/Containerfile
	make_repository
	build --build-arg SOURCE_DATE_EPOCH=context "$GIT"
	[ "$(in_image t cat /epoch)" = 1700000000 ]
	[ "$(config_of t | jq -r .created)" = 2023-11-14T22:13:20Z ]
}

# bats test_tags=user
@test "CVE-2026-33748: a directory of a repository leads nowhere outside" {
	echo host >"$D/host"
	ln -s "$D" src/out
	ln -s / src/root
	make_repository
	for bad in "$GIT#main:out" "$GIT#main:out/.." "$GIT#main:.git" "$GIT#main:../../.." "$GIT?subdir=out"; do
		run --separate-stderr mica build --network=none -t t "$bad"
		[ "$status" = 125 ] || ! in_image t cat /x/host
	done
	run -125 --separate-stderr mica build --network=none -t t "$GIT#main:out"
	assert_error "no directory 'out' in the repository"
}

# bats test_tags=user
@test "CVE-2026-44517: Containerfile and ignore file of a repository are its own" {
	echo secret >"$D/secret"
	for link in Containerfile .dockerignore; do
		rm -rf src/.git
		mv src/Containerfile kept
		[ "$link" = Containerfile ] || cp kept src/Containerfile
		ln -sf "$D/secret" "src/$link"
		make_repository
		run --separate-stderr mica build --network=none -t t "$GIT"
		# no ignore file of a repository is read
		[ "$link" = .dockerignore ] || assert_error "leads out of the context"
		[ "$link" = Containerfile ] || [ "$status" = 0 ]
		rm "src/$link"
		cp kept src/Containerfile
	done
}

# cve: CVE-2026-15788 CVE-2026-15789 CVE-2026-15791 CVE-2026-15792 CVE-2026-15793 CVE-2024-3817 CVE-2025-8959 CVE-2026-4660 CVE-2025-21613 CVE-2026-45570
# bats test_tags=user
# cve: CVE-2025-21613 CVE-2026-45570 buildkit@f83dedd8d
@test "CVE-2019-13139 CVE-2026-41506: no part of a repository's URL is an option" {
	make_repository
	for bad in "$GIT#--upload-pack=touch$D/ran" "$GIT#-x" "ssh://-oProxyCommand=touch$D/ran/x.git" "git@-oProxyCommand=x:x.git" \
		"git://-x/y.git" "$GIT?ref=--upload-pack=x" "file://$D/src/.git" "ext::sh -c touch% $D/ran"; do
		run -125 --separate-stderr mica build --network=none -t t "$bad"
		[ "$(grep -c '^mica: ' <<<"$stderr")" = 1 ]
	done
	# what the server says that the first branch is
	hostile=$T/repos/$BATS_TEST_NUMBER.git
	git -C "$hostile" update-ref "refs/heads/--upload-pack=touch" "$COMMIT"
	echo 'ref: refs/heads/--upload-pack=touch' >"$hostile/HEAD"
	git -C "$hostile" update-server-info
	run --separate-stderr mica build --network=none -t t "$GIT"
	[ "$status" = 0 ] || [ "$status" = 125 ]
	[ ! -e "$D/ran" ]
}

# bats test_tags=user
@test "CVE-2026-24843: no name of a file or of a context becomes a command" {
	mkdir -p "ctx/odd" "a;touch ran"
	touch 'ctx/odd/$(touch ran)' 'ctx/odd/;touch ran' "ctx/odd/\`touch ran\`" $'ctx/odd/a\ntouch ran' 'ctx/odd/-rf' "a;touch ran/f"
	printf 'FROM scratch\nCOPY odd/* /o/\nCOPY ["odd/$(touch ran)", "odd/;touch ran", "/p/"]\nCOPY --from=n f /\n' >ctx/Containerfile
	mica build -q --network=none -t odd --build-context "n=./a;touch ran" ctx
	[ -z "$(find "$D" -name ran)" ]
}

# cve: CVE-2024-36127
# bats test_tags=user
@test "CVE-2023-26054: credentials of a URL are shown nowhere" {
	make_repository
	# a server that wants to know nobody
	run -0 --separate-stderr mica build --network=none -t t "${GIT/127/user:token@127}"
	[[ $output$stderr$(config_of t) != *token* ]] || fail "$output$stderr"
	for bad in "${GIT/127/user:token@127}x" "$WWW/x?key=token" "${WWW/127/user:token@127}/x.tar" "ssh://user:token@127.0.0.1/x.git"; do
		run -125 --separate-stderr mica build --network=none -t t "$bad"
		[[ $stderr == *"mica: "* && $stderr != *token* ]] || fail "$stderr"
	done
	tar -C src -cf "$T/www/ctx.tar" .
	run -0 mica build --network=none -t t "$WWW/ctx.tar?key=token"
	[[ $output != *token* ]] || fail "$output"
	[[ $(config_of t; manifest_of t) != *token* ]]
	run ! grep -r token "$MICA_ROOT/cache"
	run -125 --separate-stderr mica build --network=none --build-context "x=${WWW/127/user:token@127}/x.tar" -t t src
	[[ $stderr != *token* ]] || fail "$stderr"
}

# bats test_tags=user
@test "CVE-2022-39253: a repository's objects are not links to files of this machine" {
	make_repository
	echo secret >"$D/secret"
	git -C src hash-object -w --stdin <"$D/secret" >id
	object=src/.git/objects/$(cut -c 1-2 id)/$(cut -c 3- id)
	rm -f "$object"
	ln -s "$D/secret" "$object"
	run -125 --separate-stderr mica build --network=none -t t "file://$D/src/.git"
	run -125 --separate-stderr mica build --network=none -t t "$D/src/.git#main"
	[[ $stderr != *secret* ]]
}

# cve: CVE-2026-71556
# bats test_tags=user
# cve: CVE-2026-45571 CVE-2026-71556 CVE-2026-71557
@test "CVE-2018-11235 CVE-2024-32002 CVE-2023-49569: modules of a repository run and reach nothing" {
	printf '[submodule "../../evil"]\n\tpath = m\n\turl = file://%s/src\n' "$D" >src/.gitmodules
	make_repository
	git -C src update-index --add --cacheinfo "160000,$COMMIT,m"
	git -C src -c user.name=n -c user.email=e commit -q -m module
	publish_repository
	run --separate-stderr mica build --network=none -t t "$GIT"
	[ ! -e "$D/evil" ] && [ ! -e "$MICA_ROOT/evil" ]
	# names that are paths
	printf '%s refs/heads/../../../evil\n%s refs/heads/.git/config\n' "$COMMIT" "$COMMIT" | tee -a "$T/repos/$BATS_TEST_NUMBER.git/info/refs" >>"$T/repos/$BATS_TEST_NUMBER.git/packed-refs"
	for ref in "" "#../../evil" "#refs/heads/../../../evil"; do
		run --separate-stderr mica build --network=none -t t "$GIT$ref"
		[ -z "$(find "$D" "$T/store" "$MICA_ROOT" -name evil 2>/dev/null)" ] || fail "$ref: it is there"
	done
	publish_repository
	build "$GIT?submodules=false"
	assert_nothing_left
}

@test "a repository is also reached by git://, and what is around us has no say in how" {
	make_repository
	port=$(free_port)
	git daemon --listen=127.0.0.1 --port="$port" --base-path="$T/repos" --export-all "$T/repos" 3>&- &
	pid=$!
	echo "$pid" >"$T/daemon.pid"
	disown
	wait_for 10 git ls-remote "git://127.0.0.1:$port/$BATS_TEST_NUMBER.git" >/dev/null 2>&1
	# as the .git of a directory that somebody else has packed
	printf '#!/bin/sh\ntouch "%s/ran"\n' "$D" >proxy
	chmod +x proxy
	git init -q .
	git config core.gitProxy "$D/proxy"
	build "git://127.0.0.1:$port/$BATS_TEST_NUMBER.git#v1"
	[ ! -e ran ]
	assert_taken
}

# --- named contexts ---

@test "named contexts come from archives and repositories too" {
	make_repository
	tar -C src -czf "$T/www/ctx.tgz" .
	mkdir -p ctx
	printf 'FROM busybox\nCOPY --from=other . /x/\n' >ctx/Containerfile
	build --build-context "other=$WWW/ctx.tgz" ctx
	in_image t test -e /x/hidden
	[ "$(in_image t cat /x/dir/two)" = two ]
	run -0 mica build --network=none --build-context "other=$GIT#v1" -t t ctx
	[ "$(in_image t cat /x/dir/two)" = two ]
	printf 'FROM other\nCOPY --from=busybox /bin/busybox /b\n' >ctx/Containerfile
	build --build-context "other=$GIT" ctx
	echo text >"$T/www/text"
	run -125 --separate-stderr mica build --build-context "other=$WWW/text" ctx
	assert_error "--build-context=other: .*is not a tar archive"
	run -125 --separate-stderr mica build --build-context other=target:base ctx
	assert_error "targets of a bake file are not supported"
	assert_nothing_left
}

# bats test_tags=user
@test "CVE-2025-4953: what RUN writes into a bind of the context is gone, and nobody else reads the copy" {
	printf 'FROM busybox\nRUN --mount=type=bind,target=/m,rw echo new >/m/new && echo changed >/m/one\nCOPY . /x/\n' >src/Containerfile
	tar -C src -cf ctx.tar .
	build - <ctx.tar
	[ "$(in_image t cat /x/one)" = one ]
	in_image t test ! -e /x/new
	[ "$(stat -c %a "$MICA_ROOT")" = 700 ]
	[ "$(cat src/one)" = one ]
}
