#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a reader of the documentation would not expect, and what BuildKit does all the same.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	mkdir -p ctx
	echo a >ctx/a
}

teardown() {
	test_teardown
}

build() {
	run -0 --separate-stderr mica build --network=none -t t "$@" ctx
}

stat_of() { # FORMAT PATH
	mount_image t mnt
	stat -c "$1" "mnt/$2"
	umount mnt
}

config() { # JQ
	config_of t | jq -r ".config | $1"
}

@test "an owner that the image does not know is root, and a warning says so" {
	containerfile <<'END'
FROM busybox
COPY --chown=ghost a /user
COPY --chown=7:ghost a /group
COPY --chown=7: a /none
END
	build
	[[ "$output$stderr" == *"warning: Containerfile:2:6: ghost: no user 'ghost' in the image's /etc/passwd: 0:0 is taken"* ]]
	[ "$(stat_of %u:%g user)" = 0:0 ]
	[ "$(stat_of %u:%g group)" = 7:7 ]
	[ "$(stat_of %u:%g none)" = 7:0 ]
}

@test "without any files there is nobody to know" {
	containerfile <<'END'
FROM scratch
USER ghost
WORKDIR /w
END
	run --separate-stderr mica build -q -t t ctx
	assert_error "Containerfile:2:6: USER: no user 'ghost' in the image's /etc/passwd, for the WORKDIR in line 3;"
}

@test "WORKDIR makes the directory the user's, and a number is its group too" {
	containerfile <<'END'
FROM busybox
RUN echo joe:x:77:78::/:/bin/sh >>/etc/passwd
USER 5
WORKDIR /five
USER 5:6
WORKDIR /six
USER joe:ghost
WORKDIR /ghost
END
	build
	[ "$(stat_of %u:%g five)" = 5:5 ]
	[ "$(stat_of %u:%g six)" = 5:6 ]
	[ "$(stat_of %u:%g ghost)" = 77:78 ]
}

@test "a working directory behind a link to nothing is made where the link leads" {
	printf 'FROM busybox\nRUN mkdir /a && ln -s a/b /l\nWORKDIR /l/m\nRUN rm -r /a\nRUN pwd -P >/where\n' >ctx/Containerfile
	build
	[ "$(in_image t cat /where)" = /a/b/m ]
}

@test "WORKDIR keeps an absolute path as it is written" {
	containerfile <<'END'
FROM busybox
WORKDIR /left/../b//c/.
COPY a .
RUN pwd >/where
END
	build
	[ "$(config .WorkingDir)" = "/left/../b//c/." ]
	[ "$(stat_of %s b/c/a)" = 2 ]
	[ "$(stat_of %F left)" = directory ] # as runc makes it for RUN
	mount_image t mnt
	[ "$(cat mnt/where)" = /b/c ]
	umount mnt
}

@test "a stage called scratch is used where its name stands, and a trigger is kept to its last blank" {
	printf 'FROM busybox AS scratch\nONBUILD LABEL  a="b"  \nFROM scratch\nLABEL c=d\n' >ctx/Containerfile
	build
	[ "$(config '.Labels | keys | join(" ")')" = "a c" ]
	build --target scratch
	[ "$(config '.OnBuild[0]')" = 'LABEL  a="b"  ' ]
	printf 'FROM scratch AS scratch\nLABEL c=d\n' >ctx/Containerfile
	build
	[ "$(config .Labels.c)" = d ]
}

@test "TARGETSTAGE is the target, or the last stage's name, or 'default'" {
	containerfile <<'END'
FROM scratch AS One
ARG TARGETSTAGE
LABEL stage=$TARGETSTAGE
FROM scratch AS Two
ARG TARGETSTAGE
LABEL stage=$TARGETSTAGE
END
	build
	[ "$(config .Labels.stage)" = two ]
	build --target One
	[ "$(config .Labels.stage)" = One ]
	sed -i 's/ AS Two//' ctx/Containerfile
	build
	[ "$(config .Labels.stage)" = default ]
}

@test "flags that are empty are flags that are not there" {
	containerfile <<'END'
FROM --platform= busybox
HEALTHCHECK --interval= --retries= CMD true
END
	build
	[ "$(config .Healthcheck.Test[0])" = CMD-SHELL ]
	containerfile <<'END'
FROM busybox
HEALTHCHECK --interval=1s --retries=3 NONE
STOPSIGNAL 99
END
	build
	[ "$(config '.Healthcheck | keys | join(",")')" = Test ]
	[ "$(config .StopSignal)" = 99 ]
}

@test "a here-document is copied under the name of a file" {
	for name in a/b . ..; do
		printf 'FROM busybox\nCOPY <<"%s" /d/\nx\n%s\n' $name $name >ctx/Containerfile
		run --separate-stderr mica build -q -t t ctx
		assert_error "the heredoc's name '$name' cannot be the name of a file"
	done
	printf 'FROM busybox\nCOPY <<"/../x" /d/\nx\n/../x\n' >ctx/Containerfile
	build
	[ "$(stat_of %s d/x)" = 2 ]
}

@test "--exclude of an absolute path excludes nothing" {
	containerfile <<'END'
FROM busybox
COPY --exclude=/a a /x/
END
	build
	[ "$(stat_of %s x/a)" = 2 ]
}

@test "the owner of ADD is that of all that an archive holds, its mode is of nothing in it" {
	mkdir -p p/q
	echo f >p/q/f
	chmod 640 p/q/f
	tar -cf ctx/a.tar --owner=5 --group=6 p/q p/q/f
	containerfile <<'END'
FROM busybox
ADD --chown=7:8 --chmod=711 a.tar /z/
END
	build
	[ "$(stat_of %u:%g:%a z)" = 7:8:755 ]
	[ "$(stat_of %u:%g z/p)" = 0:0 ]
	[ "$(stat_of %u:%g z/p/q)" = 7:8 ]
	[ "$(stat_of %u:%g:%a z/p/q/f)" = 7:8:640 ]
}

@test "an archive may go through its own link to what is not there yet" {
	ln -s usr bin
	ln -s /etc/x abs
	mkdir up
	ln -s ../../../../usr up/up
	tar -cf ctx/a.tar bin abs up
	echo f >f
	tar -rf ctx/a.tar --transform='s,f,bin/f,' f
	tar -rf ctx/a.tar --transform='s,f,abs/f,' f
	tar -rf ctx/a.tar --transform='s,f,up/up/g,' f
	containerfile <<'END'
FROM busybox
ADD a.tar /z/
END
	build
	[ "$(in_image t cat /z/usr/f /z/etc/x/f /z/usr/g)" = $'f\nf\nf' ]
	[ "$(in_image t sh -c 'ls /usr /etc/x 2>&1 | grep -cx "[fg]"')" = 0 ]
}

@test "an archive's times before 1970 and after 2262 are 1970" {
	touch -d @-5 old
	tar -cf ctx/a.tar --format=pax old
	touch -d @32503680000 new 2>/dev/null
	tar -rf ctx/a.tar --format=pax --mtime=@32503680000 new
	containerfile <<'END'
FROM busybox
ADD a.tar /z/
END
	build
	[ "$(stat_of %Y z/old)" = 0 ]
	[ "$(stat_of %Y z/new)" = 0 ]
}

@test "a step sees the host name that it has in BuildKit" {
	containerfile <<'END'
FROM busybox
RUN { hostname; cat /etc/hosts; } >/o
END
	build
	[ "$(in_image t cat /o)" = $'buildkitsandbox\n127.0.0.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback' ]
}

@test "ARG takes its name as it is written, and WORKDIR of nothing stays" {
	containerfile <<'EOT'
FROM busybox
ARG b=two
ARG $b=3 "q"=4
LABEL l=[$two$q]
WORKDIR /a
WORKDIR $nothing
EOT
	build
	[ "$(config .Labels.l)" = "[]" ]
	[ "$(config .WorkingDir)" = /a ]
}

@test "--exclude has no variables, and --from needs one that is set" {
	echo x >'ctx/$x'
	containerfile <<'EOT'
FROM busybox
ARG x=a
COPY --exclude=$x . /d/
EOT
	build
	[ "$(in_image t ls /d)" = $'Containerfile\na' ]
	printf 'FROM busybox\nCOPY --from=$none a /\n' >ctx/Containerfile
	run --separate-stderr mica build -q -t t ctx
	assert_error "Containerfile:2:6: --from=.*: the variable has no value; give it one with ARG"
}

@test "a symbolic --chmod is for what is copied, an octal one also for directories on the way" {
	mkdir -m 700 ctx/d
	echo f >ctx/d/f
	chmod 4711 ctx/d/f
	containerfile <<'EOT'
FROM busybox
COPY --chmod=go=,u=rw d /sym/
COPY --chmod=7750 d /oct/
EOT
	build
	[ "$(stat_of %a sym)" = 755 ]
	[ "$(stat_of %a sym/f)" = 600 ]
	[ "$(stat_of %a oct)" = 750 ]
	[ "$(stat_of %a oct/f)" = 7750 ]
}

@test "--link with --chmod copies in place: what is there keeps its owner" {
	containerfile <<'EOT'
FROM busybox
RUN mkdir -m 711 /d && chown 3:4 /d && ln -s d /l
COPY --link --chmod=600 a /l/
EOT
	build
	[ "$(stat_of %u:%g:%a d)" = 3:4:711 ]
	[ "$(stat_of %a d/a)" = 600 ]
}

@test "a pattern may match nothing, but not in a directory that is not there" {
	mkdir ctx/d
	printf 'FROM busybox\nCOPY a no* /z/\n' >ctx/Containerfile
	build
	printf 'FROM busybox\nCOPY a nope/* /z/\n' >ctx/Containerfile
	run --separate-stderr mica build -q -t t ctx
	assert_error "COPY: no such file or directory: 'nope/' in the context"
	echo d >ctx/.dockerignore
	printf 'FROM busybox\nCOPY d/* /z/\n' >ctx/Containerfile
	run --separate-stderr mica build -q -t t ctx
	assert_error "COPY: 'd/' is excluded from the context by"
}
