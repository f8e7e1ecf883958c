#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mkdir -p ctx/app/src/deep ctx/app/doc
	echo a >ctx/app/a.txt
	echo b >ctx/app/b.md
	echo s >ctx/app/src/s.txt
	echo d >ctx/app/src/deep/d.txt
	echo k >ctx/app/src/deep/k.md
	echo r >ctx/app/doc/r.md
	chmod 711 ctx/app/src
}

teardown() {
	test_teardown
}

build() {
	mica build -q --network=none -t t "$@" ctx >/dev/null
}

files_of() { # DIRECTORY of the image t: the files below it
	mount_image t mnt
	(cd "mnt/$1" && find . -type f | sort)
	umount mnt
}

stat_of() { # FORMAT PATH
	mount_image t mnt
	stat -c "$1" "mnt/$2"
	umount mnt
}

@test "of one name a here-document is copied last, wherever it stands" {
	containerfile <<'END'
FROM busybox
COPY <<one app/a.txt <<two /x
first
one
second
two
COPY <<b.md app/ /y/
here
b.md
END
	build
	[ "$(in_image t cat /x /y/b.md)" = "second
here" ]
}

# covers: copy-exclude
@test "what --exclude names is left out, and what an exception names is not" {
	containerfile <<'END'
FROM busybox
COPY --exclude=**/*.md --exclude=!**/k.md app /x/
ADD --exclude=src app /y/
COPY --exclude=* app /z/
END
	build
	[ "$(files_of x)" = "./a.txt
./src/deep/d.txt
./src/deep/k.md
./src/s.txt" ]
	[ "$(files_of y)" = "./a.txt
./b.md
./doc/r.md" ]
	[ "$(files_of z)" = "" ]
}

@test "a file that --exclude leaves out is no input of the step" {
	containerfile <<'END'
FROM busybox
COPY --exclude=**/*.md app /x/
END
	build
	echo changed >ctx/app/b.md
	run -0 mica build --network=none -t t ctx
	[[ $output == *"0 run, 1 cached"* ]]
	echo changed >ctx/app/a.txt
	run -0 mica build --network=none -t t ctx
	[[ $output == *"1 run, 0 cached"* ]]
}

@test "an excluded file need not be readable" {
	ln -s /nowhere ctx/app/dangling.md
	mkfifo ctx/app/fifo.md
	containerfile <<'END'
FROM busybox
COPY --exclude=**/*.md app /x/
END
	build
	[ "$(files_of x)" = "./a.txt
./src/deep/d.txt
./src/s.txt" ]
}

# covers: copy-parents
@test "--parents keeps the directories of a source, with their modes" {
	containerfile <<'END'
FROM busybox
COPY --parents app/src/deep/d.txt /x/
COPY --parents --chown=3:4 app/doc /y/
END
	build
	[ "$(files_of x)" = "./app/src/deep/d.txt" ]
	[ "$(stat_of '%a' x/app/src)" = 711 ]
	[ "$(stat_of '%u:%g' y/app/doc/r.md)" = 3:4 ]
	[ "$(stat_of '%u:%g' y/app)" = 3:4 ]
}

# covers: copy-parents
@test "--parents keeps only what stands behind the pivot" {
	containerfile <<'END'
FROM busybox
COPY --parents app/./src/**/*.txt /x/
COPY --parents ./app/s*/./deep/d.txt /y/
END
	build
	[ "$(files_of x)" = "./src/deep/d.txt
./src/s.txt" ]
	[ "$(files_of y)" = "./deep/d.txt" ]
}

@test "a new name below --parents makes another image" {
	containerfile <<'END'
FROM busybox
COPY --parents app/*/r.md /x/
END
	build
	mv ctx/app/doc ctx/app/docs
	build
	[ "$(files_of x)" = "./app/docs/r.md" ]
}

@test "a source of --parents that is not there is named before anything runs" {
	containerfile <<'END'
FROM busybox
RUN touch /ran
COPY --parents app/none/x /x/
END
	run -125 --separate-stderr mica build --network=none -t t ctx
	assert_error "Containerfile:3:16: COPY: no such file or directory: 'app/none/x' in the context"
	[[ $stderr != *"RUN touch"* ]]
}

# covers: copy-link
@test "a --link layer is taken from the cache whatever is below it" {
	containerfile <<'END'
FROM busybox
ARG V
RUN echo $V >/v
COPY --link app /x/
END
	build --build-arg V=1
	run -0 mica build --network=none --build-arg V=2 -t t ctx
	[[ $output == *"1 run, 1 cached"* ]]
	[ "$(in_image t cat /v /x/a.txt)" = "2
a" ]
}

@test "a --link layer of the same files is the same layer, with the directories that it makes" {
	printf 'FROM scratch\nCOPY --link app/a.txt app/b.md /new/deep/\n' >ctx/Containerfile
	build
	first=$(config_of t | jq -c .rootfs)
	mica build -q --no-cache -t t ctx
	[ "$(config_of t | jq -c .rootfs)" = "$first" ]
	for d in new new/deep; do
		[ "$(stat_of %Y $d)" = "$(stat -c %Y ctx/app/a.txt ctx/app/b.md | sort -n | tail -n 1)" ]
	done
}

@test "--link puts a directory in the place of a symbolic link" {
	containerfile <<'END'
FROM busybox
RUN mkdir /r && ln -s r /l && ln -s r /m
COPY --link app/a.txt /l/
COPY app/a.txt /m/
COPY --link=false app/b.md /m/
END
	build
	[ "$(stat_of %F l)" = directory ]
	[ "$(stat_of %F m)" = "symbolic link" ]
	[ "$(files_of r)" = "./a.txt
./b.md" ]
}

# covers: copy-chown
@test "--link with a user's name finds it in the image" {
	containerfile <<'END'
FROM busybox
RUN echo joe:x:77:78::/:/bin/sh >>/etc/passwd
COPY --link --chown=joe app /x/
END
	build
	[ "$(stat_of '%u:%g' x/a.txt)" = 77:78 ]
}

# covers: copy-chmod-symbolic
@test "--chmod takes symbolic modes, for each kind of file its own" {
	containerfile <<'END'
FROM busybox
COPY --chmod=u=rwX,go=rX app /x/
COPY --chmod=4711 app/a.txt /y
END
	chmod 600 ctx/app/a.txt
	build
	[ "$(stat_of %a x/a.txt)" = 644 ]
	[ "$(stat_of %a x/src)" = 755 ]
	[ "$(stat_of %a y)" = 4711 ]
}

@test "a pattern or mode that is not well formed is refused with its place" {
	for bad in '--exclude=[a' '--chmod=rwx' '--chmod=10000'; do
		printf 'FROM busybox\nCOPY %s app /x\n' "$bad" >ctx/Containerfile
		run -125 --separate-stderr mica build --network=none -t t ctx
		assert_error "Containerfile:2:6: "
	done
}

@test "a pattern may match nothing only in a directory that is taken from" {
	for lines in 'COPY app/*.no /x/' 'COPY app/*/no /x/' 'ADD app/a.txt/* /x/' 'COPY --exclude=b.md app/*.no Containerfile /x/' \
		'RUN --mount=target=/m,source=Containerfile true\nCOPY app/*.no /x/' 'COPY --from=0 /nowhere/* /x/'; do
		printf "FROM busybox\nFROM busybox\n$lines\n" | containerfile
		run --separate-stderr mica build -q --network=none -t t ctx
		assert_error "Containerfile:"
	done
	for lines in 'COPY *.no /x/' 'COPY app/*.no /x/\nCOPY app/a.txt /x/' 'COPY app/*.no /x/\nCOPY . /y/' 'COPY app/src/*.no app/*/s.txt /x/' \
		'COPY app/*.no /x/\nRUN --mount=target=/m true' 'COPY --from=0 /root/*.no /x/' 'COPY --from=0 /* /x/'; do
		printf "FROM busybox\nRUN mkdir -p /root\nFROM busybox\n$lines\n" | containerfile
		build
	done
}

@test "scratch is a source with nothing in it" {
	containerfile <<'END'
FROM scratch AS empty
FROM busybox
COPY --from=scratch / /one
COPY --from=empty . /two/
COPY --from=scratch * /three/
END
	build
	build --no-cache
	mount_image t mnt
	[ -d mnt/one ] && [ -d mnt/two ] && [ ! -e mnt/three ]
	umount mnt
	printf 'FROM busybox\nCOPY --from=scratch /x /one\n' | containerfile
	run --separate-stderr mica build -q --network=none -t t ctx
	assert_error "no such file or directory: '/x' in the source"
}

@test "what no signed number of 32 bits is, --chown takes for a name that nobody has" {
	containerfile <<'END'
FROM busybox
COPY --chown=4294967295 app/a.txt /a
COPY --chown=7:2147483648 app/a.txt /b
COPY --chown=2147483647:+8 app/a.txt /c
ADD --checksum= app/a.txt /d
COPY app/a.txt app/b.md /e
END
	run -0 mica build --network=none -t t ctx
	[[ $output == *"mica: warning: Containerfile:6:1: COPY: '/e' is no directory: of several files the last one is left there"* ]] || fail "$output"
	[[ $output == *"mica: warning: Containerfile:3:6: 7:2147483648: no group '2147483648'"*": 7:7 is taken, as BuildKit does"* ]] || fail "$output"
	mount_image t mnt
	[ "$(cd mnt && stat -c %u:%g a b c | xargs)" = "0:0 7:7 2147483647:8" ]
	umount mnt
}

@test "what is there already as it is copied is not in the layer, and its directory keeps its time" {
	touch -d @1485449953 ctx/app/a.txt ctx/app/src
	touch -d @1400000000 ctx/app/src/deep
	printf 'FROM busybox\nCOPY app/src /to\nCOPY app/src/s.txt /to/\nCOPY app/src/deep /to/deep\nCOPY --chown=1 app/src/s.txt /to/\n' | containerfile
	build
	# the last one alone has changed something
	[ "$(empty_layers t)" = '[false,true,true,false]' ] || fail "$(config_of t)"
	[ "$(stat_of '%u' to/s.txt)" = 1 ]
	[ "$(stat_of '%Y' to/deep)" = 1400000000 ]
}

@test "capabilities of files come from archives and stages, not from the context" {
	setcap() { # FILE
		setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 "$1" 2>/dev/null
	}
	echo one >ctx/a
	cp ctx/a kept
	setcap ctx/a && setcap kept || skip "file capabilities cannot be set here"
	tar --xattrs --xattrs-include='*' -cf ctx/a.tar kept
	printf 'FROM scratch AS made\nADD a.tar /\nFROM scratch\nCOPY a /\nCOPY app /app\nCOPY --from=made /kept /\n' | containerfile
	setcap ctx/app/a.txt
	build
	mount_image t mnt
	[ "$(cd mnt && getfattr -dm- a app/a.txt kept 2>/dev/null | grep -c '^security.capability')" = 1 ]
	getfattr -n security.capability mnt/kept >/dev/null
	umount mnt
	# so they are no input
	setfattr -x security.capability ctx/a
	setfattr -x security.capability ctx/app/a.txt
	run -0 mica build --network=none -t t ctx
	[[ $output == *"0 run, 4 cached"* ]] || fail "$output"
}

# covers: copy-links
@test "files of several names and extended attributes are copied as they are" {
	mkdir -p ctx/d
	echo one >ctx/d/a
	ln ctx/d/a ctx/d/b
	python3 -c 'import os; os.setxattr("ctx/d/a", "user.note", b"kept")' 2>/dev/null || skip "no user attributes on this file system"
	printf 'FROM busybox AS made\nRUN mkdir /m && echo two >/m/c && ln /m/c /m/e\nFROM scratch\nCOPY d /d\nADD d/a /alone\nCOPY --from=made /m /m\n' | containerfile
	build
	mount_image t mnt
	[ "$(stat -c %h mnt/d/a)-$(stat -c %i mnt/d/a)" = "2-$(stat -c %i mnt/d/b)" ]
	[ "$(stat -c %h mnt/m/c)-$(stat -c %i mnt/m/c)" = "2-$(stat -c %i mnt/m/e)" ]
	[ "$(python3 -c 'import os; print(os.getxattr("mnt/d/b", "user.note"), os.getxattr("mnt/alone", "user.note"))')" = "b'kept' b'kept'" ]
	umount mnt
}
