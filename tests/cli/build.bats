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
}

teardown() {
	test_teardown
}

# covers: config, command, healthcheck
@test "the settings of the image are those of the Containerfile" {
	containerfile <<-'END'
		FROM busybox
		ARG VERSION=1.2
		ENV A=1 B="two words" C=$VERSION
		LABEL one=1 two="the ${A}st" $nothing=unnamed
		WORKDIR /srv
		WORKDIR app
		USER app
		EXPOSE 80 53/udp +81-82 [::1]:90:91 1-2:95-96 97-98:99
		VOLUME /data
		STOPSIGNAL SIGINT
		SHELL ["/bin/sh", "-ec"]
		HEALTHCHECK --interval=5s --timeout=3s --start-period=1m --start-interval=250ms --retries=2 CMD true
		ONBUILD RUN echo later
		MAINTAINER someone
		ENTRYPOINT ["/bin/echo"]
		CMD ["hello", "you"]
	END
	mica build -q --network=none -t t ctx
	config=$(config_of t)
	is() { # JQ EXPECTED
		[ "$(/usr/bin/jq -cS "$1" <<<"$config")" = "$2" ] || fail "$1 is $(/usr/bin/jq -cS "$1" <<<"$config")"
	}
	is '.config.Env' '["PATH=/usr/bin:/bin","A=1","B=two words","C=1.2"]'
	is '.config.Labels.one' '"1"'
	is '.config.Labels.two' '"the 1st"'
	is '.config.Labels[""]' '"unnamed"' # as BuildKit has it
	is '.config.WorkingDir' '"/srv/app"'
	is '.config.User' '"app"'
	is '.config.ExposedPorts' '{"53/udp":{},"80/tcp":{},"81/tcp":{},"82/tcp":{},"91/tcp":{},"95/tcp":{},"96/tcp":{},"99/tcp":{}}'
	is '.config.Volumes' '{"/data":{}}'
	is '.config.StopSignal' '"SIGINT"'
	is '.config.Shell' '["/bin/sh","-ec"]'
	is '.config.Healthcheck.Test' '["CMD-SHELL","true"]'
	is '.config.Healthcheck.Interval' '5000000000'
	is '.config.Healthcheck.StartPeriod' '60000000000'
	is '.config.Healthcheck.StartInterval' '250000000'
	is '.config.OnBuild' '["RUN echo later"]'
	is '.author' '"someone"'
	is '.config.Entrypoint' '["/bin/echo"]'
	is '.config.Cmd' '["hello","you"]'
	is '.config.ArgsEscaped' true # as BuildKit, beside CMD
	is '.os' '"linux"'
	is '[.history[].created_by | select(startswith("ONBUILD"))]' '[]' # as BuildKit has it
	is '[.history[] | select(.empty_layer | not)] | length' "$(jq '.rootfs.diff_ids | length' <<<"$config")"
	[ "$(in_image t)" = "hello you" ]
}

@test "history has the words of BuildKit: with values, those of ARG before a command" {
	containerfile <<-'END'
		ARG G=global
		FROM busybox AS below
		ARG G
		ENV E=1
		ARG E=2 NONE
		RUN echo "$E" >/below
		FROM below
		ARG TWO="a b" SECRET
		ENV X=$TWO Y='$TWO' "Z"=c\ d
		ENV old a  b
		LABEL l=$G "m n"='$G'
		EXPOSE 90 80-81/UDP 9
		VOLUME ["/v $G", "/w"]
		USER u$E
		USER root
		WORKDIR /a/$G
		WORKDIR b
		STOPSIGNAL SIGKILL
		COPY --chown=$E:2 --chmod=755 --link  file ./$G
		COPY ["file", "two words", "/d/"]
		ADD <<ONE <<"TWO" /e/
		ONE
		TWO
		RUN ["/bin/sh", "-c", "echo $TWO >/f"]
		SHELL ["/bin/sh", "-e", "-c"]
		RUN <<EOF
		echo $G >/g
		EOF
		HEALTHCHECK --interval=1h30m --timeout=1500ms --retries=3 CMD ["a", "b c"]
		ENTRYPOINT echo "$G"
		CMD ["\"q\"", "\\\u0001\t", "\u00e9\u00a0"]
	END
	touch ctx/file "ctx/two words"
	mica build -q --network=none --build-arg-secret SECRET=hidden -t t ctx
	config_of t | jq -r '.history[1:][].created_by' >got
	cat >expected <<-'END'
		ARG G=global
		ENV E=1
		ARG E=2 NONE
		RUN |3 G=global E=2 NONE= /bin/sh -c echo "$E" >/below # buildkit
		ARG TWO=a b SECRET
		ENV X=a b Y=$TWO Z=c d
		ENV old=a  b
		LABEL l=global m n=$G
		EXPOSE [80/udp 81/udp 9/tcp 90/tcp]
		VOLUME [/v global /w]
		USER u1
		USER root
		WORKDIR /a/global
		WORKDIR /a/global/b
		STOPSIGNAL SIGKILL
		COPY --chown=1:2 --chmod=755 file ./global # buildkit
		COPY file two words /d/ # buildkit
		ADD <<ONE <<TWO /e/ # buildkit
		RUN |4 G=global E=1 NONE= TWO=a b /bin/sh -c echo $TWO >/f # buildkit
		SHELL [/bin/sh -e -c]
		RUN |4 G=global E=1 NONE= TWO=a b /bin/sh -e -c echo $G >/g
		 # buildkit
		HEALTHCHECK {Test:[CMD a b c] Interval:1h30m0s Timeout:1.5s StartPeriod:0s StartInterval:0s Retries:3}
		ENTRYPOINT ["/bin/sh" "-e" "-c" "echo \"$G\""]
		CMD ["\"q\"" "\\\x01\t" "é\u00a0"]
	END
	diff expected got
}

@test "an image for Windows has no PATH of ours, and its own shell" {
	containerfile <<<'FROM scratch
ENV A=$PATH
CMD run it'
	mica build -q --platform windows/amd64 -t t ctx
	[ "$(config_of t | jq -c '[.config.Env, .config.Cmd]')" = '[["A="],["cmd","/S","/C","run it"]]' ] || fail "$(config_of t)"
}

# covers: escape
@test "another escape character continues lines and quotes" {
	mkdir ctx
	printf '# escape=`\nFROM scratch\nLABEL a=x`\n  b=`"c:\\d`" `\n  # a comment\n  e=\\n\n' >ctx/Containerfile
	mica build -q --network=none -t t ctx
	[ "$(/usr/bin/jq -cS .config.Labels <<<"$(config_of t)")" = '{"a":"x","b":"\"c:\\d\"","e":"\\n"}' ]
}

# covers: from-image, from-transport
@test "FROM takes a tag, a digest, and images in layouts and archives" {
	mkdir ctx
	mica pull -q busybox
	digest=$(skopeo inspect --raw --tls-verify=false "docker://$REG/library/busybox" | sha256sum | cut -d ' ' -f 1)
	mica push -q busybox "oci:$D/layout"
	mica push -q busybox "oci-archive:$D/oci.tar"
	mica push -q busybox "docker-archive:$D/docker.tar"
	mica push -q busybox "dir:$D/dir"
	for from in busybox:latest docker.io/library/busybox "busybox@sha256:$digest" "busybox:latest@sha256:$digest" "oci:$D/layout" \
		"oci-archive:$D/oci.tar" "docker-archive:$D/docker.tar" "dir:$D/dir" containers-storage:docker.io/library/busybox:latest; do
		printf 'FROM %s\nCOPY Containerfile /c\n' "$from" >ctx/Containerfile
		mica build -q --network=none -t t ctx
		[ "$(in_image t head -1 /c)" = "FROM $from" ]
	done
	printf 'FROM busybox@sha256:%064d\n' 0 >ctx/Containerfile
	run --separate-stderr mica build --network=none -t t ctx
	assert_error 'Containerfile:1:6: .*sha256:0000'
	printf 'FROM scratch\nCOPY --from=containers-storage:nosuch /a /\n' >ctx/Containerfile
	run --separate-stderr mica build --pull=always -t t ctx
	assert_error "Containerfile:2:6: .*'nosuch': the store has no such image"
}

# covers: copy, copy-chown, copy-chmod, volume
@test "COPY puts files, directories and patterns where Docker puts them" {
	mkdir -p ctx/d/sub ctx/e
	echo a >ctx/a.txt
	echo b >ctx/b.txt
	echo c >ctx/d/sub/c
	ln -s sub ctx/d/link
	chmod 750 ctx/d/sub
	chmod 751 ctx/a.txt
	containerfile <<-'END'
		FROM busybox
		WORKDIR /w
		COPY a.txt renamed
		COPY a.txt into/
		COPY *.txt all/
		COPY d /copied
		COPY --chown=1:2 --chmod=600 b.txt /owned
		COPY --chown=app d /owned-dir
		COPY ["a.txt", "/with space/"]
		COPY e /empty
		VOLUME /vol
		RUN mkdir /vol && echo kept >/vol/f
	END
	mica build -q --network=none -t t ctx
	run in_image t sh -c 'cat renamed into/a.txt all/a.txt all/b.txt /copied/sub/c "/with space/a.txt"; cat /vol/f
		stat -c "%a %u:%g %n" /w/renamed /copied/sub /owned /owned-dir/sub/c /empty; readlink /copied/link'
	[ "$output" = "a
a
a
b
c
a
kept
751 0:0 /w/renamed
750 0:0 /copied/sub
600 1:2 /owned
644 1000:1000 /owned-dir/sub/c
755 0:0 /empty
sub" ]
}

# covers: add-archive
@test "ADD unpacks local archives and copies everything else" {
	mkdir -p ctx/x/y
	echo z >ctx/x/y/z
	tar -C ctx/x -czf ctx/one.tar.gz y
	tar -C ctx/x -cJf ctx/two.tar.xz y
	echo plain >ctx/plain.gz
	rm -r ctx/x
	containerfile <<-'END'
		FROM busybox
		ADD one.tar.gz /one/
		ADD two.tar.xz /two
		ADD plain.gz /plain.gz
		COPY one.tar.gz /kept.tar.gz
	END
	mica build -q --network=none -t t ctx
	[ "$(in_image t sh -c 'cat /one/y/z /two/y/z /plain.gz; gunzip -t /kept.tar.gz && echo kept')" = $'z\nz\nplain\nkept' ]
}

# covers: run, run-heredoc, shell, heredoc
@test "RUN takes shell form, exec form and here-documents, and SHELL" {
	mkdir ctx
	containerfile <<-'END'
		FROM busybox
		RUN echo shell $((1 + 1)) > /1
		RUN ["/bin/sh", "-c", "echo exec > /2"]
		RUN <<EOF
		set -e
		echo here > /3
		EOF
		RUN << EOF
		echo apart $((1 << 2)) >> /3
		EOF
		RUN <<-"EOF" cat > /4
			not $EXPANDED
		EOF
		RUN <<-EOF
		@#!/no/interpreter, as BuildKit looks for one before it takes tabs off
		@echo "tab $0" > /6
		EOF
		ENV FLAG=x
		SHELL ["/bin/sh", "-uc"]
		RUN echo "$0 $- $FLAG" > /5
		COPY <<one <<two /files/
		first $FLAG
		one
		second
		two
	END
	sed -i 's/^@/\t/' ctx/Containerfile
	mica build -q --network=none -t t ctx
	run in_image t sh -c 'cat /1 /2 /3 /4 /6; grep -c u /5; cat /files/one /files/two'
	[ "$output" = 'shell 2
exec
here
apart 4
not $EXPANDED
tab /bin/sh
1
first x
second' ]
}

# covers: from-stage, from-stage-twice, copy-from, copy-from-number
@test "stages are used by name, by number and as bases; those that are not needed are not built" {
	containerfile <<-'END'
		ARG TAG=latest
		FROM busybox:${TAG} AS base
		RUN echo base >/f
		FROM scratch AS one
		FROM base AS one
		RUN echo one >>/f
		FROM busybox AS never
		RUN exit 99
		FROM busybox
		COPY --from=one /f /by-name
		COPY --from=0 /f /by-number
		COPY --from=busybox:latest /etc/group /from-image
	END
	mica build -q --network=none -t t ctx
	[ "$(in_image t cat /by-name /by-number)" = $'base\none\nbase' ]
	in_image t grep -q staff /from-image
	run --separate-stderr mica build -q --network=none --target=never -t n ctx
	[ "$status" = 99 ]
}

# cve: CVE-2024-36623
# bats test_tags=user
@test "independent stages run at the same time" {
	# each waits for a sign of the other
	containerfile <<-'END'
		FROM busybox AS a
		RUN --mount=type=cache,id=signs,target=/signs touch /signs/a && timeout 20 sh -c 'until [ -e /signs/b ]; do sleep 0.05; done' && touch /a
		FROM busybox AS b
		RUN --mount=type=cache,id=signs,target=/signs touch /signs/b && timeout 20 sh -c 'until [ -e /signs/a ]; do sleep 0.05; done' && touch /b
		FROM busybox
		COPY --from=a /a /
		COPY --from=b /b /
	END
	mica build -q --network=none --jobs=2 -t t ctx
	in_image t test -e /a -a -e /b
}

# covers: expand, expand-posix, expand-pattern
@test "expansion has every operator" {
	containerfile <<-'END'
		FROM busybox
		ARG V=a.b.c E=
		ENV R1=${V:-no} R2=${NONE:-def} R3=${E:-empty} R4=${E-unset} R5=${V:+set} R6=${NONE:+set} R7=${V#*.} R8=${V##*.} \
		    R9=${V%.*} R10=${V%%.*} R11=${V/./-} R12=${V//./-} R13=\$V R14='$V' R15="\"$V\""
	END
	mica build -q --network=none -t t ctx
	run jq -r '.config.Env[]' <<<"$(config_of t)"
	[ "$output" = 'PATH=/usr/bin:/bin
R1=a.b.c
R2=def
R3=empty
R4=
R5=set
R6=
R7=b.c
R8=c
R9=a.b
R10=a
R11=a-b.c
R12=a-b-c
R13=$V
R14=$V
R15="a.b.c"' ]
	printf 'FROM busybox\nARG V\nENV X="${V:?is needed}"\n' >ctx/Containerfile
	run --separate-stderr mica build -q --network=none ctx
	assert_error 'is needed'
	[ -n "$(mica build -q --network=none --build-arg V=1 ctx)" ]
}

@test "a failing RUN passes its status on, shows its output and keeps the whole log" {
	containerfile <<-'END'
		FROM busybox
		RUN i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i + 1)); done; echo last words >&2; exit 42
	END
	run --separate-stderr mica build --network=none -t t ctx
	[ "$status" = 42 ]
	[[ "$stderr" == *"last words"* ]]
	log=$(grep -oE '/[^ ]*\.log' <<<"$stderr" | tail -1)
	[ -f "$log" ] || fail "no log file is named: $(tail -3 <<<"$stderr")"
	grep -q 'line 0$' "$log"
	grep -q 'line 2999$' "$log"
	run ! mica inspect t
	assert_clean_store
}

# covers: mistakes
@test "a mistake is shown with its line and what was meant, before anything runs" {
	containerfile <<-'END'
		FROM busybox
		RUN touch /ran-too-early; exit 7
		RUNN echo hello
	END
	run --separate-stderr mica build --network=none ctx
	[ "$status" = 125 ]
	[[ "$stderr" == *"Containerfile:3"* ]]
	[[ "$stderr" == *"RUNN echo hello"* ]]
	[[ "$stderr" == *"^"* ]]
	[[ "$stderr" == *"did you mean"*"RUN"* ]]

	printf 'FROM busybox\nCOPY --chmdo=600 a b\n' >ctx/Containerfile
	run --separate-stderr mica build --network=none ctx
	[ "$status" = 125 ]
	[[ "$stderr" == *"Containerfile:2"*"chmdo"* ]]
	[[ "$stderr" == *"chmod"* ]]
	assert_clean_store
}

# covers: ignore
@test "ignored files are not in the context, exceptions are" {
	mkdir -p ctx/keep ctx/drop
	touch ctx/keep/a ctx/keep/b.tmp ctx/drop/a ctx/drop/important ctx/secret
	printf 'secret\ndrop/*\n!drop/important\n**/*.tmp\n# comment\n' >ctx/.containerignore
	containerfile <<-'END'
		FROM busybox
		COPY . /c
	END
	mica build -q --network=none -t t ctx
	run in_image t sh -c 'cd /c && find . -type f | sort'
	[[ "$output" != *secret* && "$output" != *b.tmp* && "$output" != *drop/a* ]]
	[[ "$output" == *keep/a* && "$output" == *drop/important* ]]
	# the one of a Containerfile takes the place of the context's
	mv ctx/Containerfile ctx/own
	echo keep >ctx/own.dockerignore
	mica build -q --network=none -t t -f ctx/own ctx
	run in_image t sh -c 'cd /c && ls'
	[ "$output" = $'drop\nown\nown.dockerignore\nsecret' ]
}

# covers: files
@test "flags: -t several, --iidfile, -q, --label, -f several and from standard input" {
	mkdir ctx
	echo 'FROM busybox AS base' >ctx/one
	printf 'FROM base\nRUN echo two >/two\n' >ctx/two
	run --separate-stderr mica build -q --network=none -t a -t b:1 --label k=v --iidfile iid -f ctx/one -f ctx/two ctx
	[ "$status" = 0 ]
	[[ "$output" =~ ^(sha256:)?[0-9a-f]{64}$ ]]
	[ "$(cat iid)" = "sha256:${output#sha256:}" ]
	[ "$(in_image b:1 cat /two)" = two ]
	# a file without FROM goes on with the last stage; the first file cannot
	printf 'COPY one /one\nENV three=3\n' >ctx/three
	mica build -q --network=none -t further -f ctx/one -f ctx/two -f ctx/three ctx
	[ "$(in_image further cat /two /one)" = $'two\nFROM busybox AS base' ]
	run -125 --separate-stderr mica build -f ctx/three -f ctx/one ctx
	assert_error 'three:1:1: no build stage in current context: FROM must come before COPY'
	[ "$(config_of a | jq -r .config.Labels.k)" = v ]
	echo 'FROM busybox' | mica build -q -t c -f - ctx
	[ "$(config_of c | jq -r '.rootfs.diff_ids | length')" = 1 ]
}

@test "flags: Containerfile is preferred to Dockerfile, and either is found" {
	containerfile <<<'FROM busybox
LABEL from=Containerfile'
	printf 'FROM busybox\nLABEL from=Dockerfile\n' >ctx/Dockerfile
	mica build -q -t t ctx
	[ "$(config_of t | jq -r .config.Labels.from)" = Containerfile ]
	rm ctx/Containerfile
	mica build -q -t t ctx
	[ "$(config_of t | jq -r .config.Labels.from)" = Dockerfile ]
	rm ctx/Dockerfile
	run --separate-stderr mica build -q -t t ctx
	assert_error 'Containerfile'
}

@test "flags: --pull=never does not ask the registry, missing asks once, always asks each time" {
	containerfile <<<'FROM busybox'
	run --separate-stderr mica build -q --pull=never ctx
	assert_error 'busybox'
	mica build -q --pull=missing ctx
	before=$(requests registry .) heads=$(requests registry 'HEAD /v2/library/busybox/manifests/latest ')
	mica build -q --pull=missing ctx
	mica build -q --pull=never ctx
	[ "$(requests registry .)" = "$before" ]
	mica build -q --pull=always ctx # it is as it was: nothing is fetched
	[ "$(requests registry .)" = $((before + 1)) ]
	[ "$(requests registry 'HEAD /v2/library/busybox/manifests/latest ')" = $((heads + 1)) ]
}

@test "the same build gives the same digest in another store, later and elsewhere" {
	mkdir -p ctx/d
	echo a >ctx/d/a
	echo b >ctx/d/b
	ln ctx/d/a ctx/d/hard
	containerfile <<-'END'
		FROM busybox
		COPY d /d
		RUN mkdir /x && echo 1 >/x/1 && ln /x/1 /x/2 && mkfifo /x/fifo && chown 5:6 /x/1 && rm /bin/vi
		WORKDIR /made/by/workdir
		ENV A=b
	END
	export SOURCE_DATE_EPOCH=1700000000
	mica build -q --network=none -t t ctx
	first=$(manifest_of t | sha256sum)
	cp -a ctx other
	rm -r ctx
	find other -exec touch {} +
	export MICA_ROOT=$D/another
	(umask 077 && mica build -q --network=none -t t other)
	[ "$(manifest_of t | sha256sum)" = "$first" ]
	[ "$(config_of t | jq -r .created)" = 2023-11-14T22:13:20Z ]
	unset SOURCE_DATE_EPOCH
	export MICA_ROOT=$D/third
	mica build -q --network=none --timestamp 1700000000 -t t other
	[ "$(config_of t | jq -r .created)" = 2023-11-14T22:13:20Z ]
}

@test "a step that changes nothing has a layer without files, and what follows it runs as if it were not there" {
	containerfile <<'END'
FROM busybox
RUN true
WORKDIR /bin
COPY --chmod=600 f /f
COPY --chmod=600 f /f
ENV a=b
RUN --mount=type=cache,target=/ca echo x >/ca/x
COPY --link none/ /
# Nothing is mounted for them or left of them, and what /etc/hosts is mounted on has not changed /etc.
RUN set -- /tmp/store/tmp/*/work* && [ $# -le 2 ] && \
	root=$(sed -n 's/.* \/ \/ .* - overlay //p' /proc/self/mountinfo) && [ "$(echo "$root" | grep -o 'lowerdir+*=[^,]*' | tr : '\n' | wc -l)" -le 3 ] && \
	{ [ ! "$root" ] || [ ! /etc -nt /bin ]; }
WORKDIR /
END
	mkdir ctx/none
	touch -d @1485449953 ctx/f
	mica build -q --network=none -v "$D:/tmp:ro" -t t ctx
	[ "$(empty_layers t)" = '[true,true,false,true,true,true,true]' ] || fail "$(config_of t)"
	[ "$(config_of t | jq -c '[.history[1:][].empty_layer]')" = '[null,null,null,null,true,null,null,null,true]' ]
	# the very bytes of BuildKit's
	[ "$(manifest_of t | jq -r '.layers[2] | "\(.digest) \(.size)"')" = 'sha256:9addb4c7f3afa99b03f24f9e05cb87d274a63ae9ba30c94f02c75e85d133e9de 29' ]
	config_of t >first
	mica build -q --network=none -v "$D:/tmp:ro" -t t ctx
	config_of t | diff first -
	mica build -q --network=none -v "$D:/tmp:ro" --source-date-epoch 1000 -t dated ctx
	[ "$(empty_layers dated)" = '[true,true,false,true,true,true,true]' ]
	[ "$(in_image t stat -c %a /f)" = 600 ]
	mica fsck
	printf 'FROM busybox\nCOPY --chmod=600 f /f\nCOPY f /x\n' | containerfile
	mica build -q --network=none -t other ctx
	printf 'FROM t\nCOPY f /x\n' | containerfile
	mica build --network=none ctx 2>&1 | grep -q "0 run, 1 cached"
}

@test "in an image for Windows both slashes separate, on drive C: alone, and the config has backslashes" {
	containerfile <<'END'
# escape=`
FROM scratch AS below
WORKDIR C:\app
COPY f sub\g
FROM scratch
COPY --from=below c:app\sub\g \x\
WORKDIR c:/y
WORKDIR z\
COPY f .\
END
	echo x >ctx/f
	mica build -q --network=none --platform=windows/amd64 -t t ctx
	[ "$(config_of t | jq -r '.config.WorkingDir, .history[1].created_by')" = '\y\z
WORKDIR /y' ]
	mica build -q --network=none --platform=windows/amd64 -o out ctx
	[ "$(cd out && find . -type f | sort | xargs)" = './x/g ./y/z/f' ]
	printf 'FROM scratch\nWORKDIR D:/x\n' | containerfile
	run --separate-stderr mica build -q --platform=windows/amd64 ctx
	assert_error "Containerfile:2:9: WORKDIR: 'D:/x' is not on drive C:, the only one of an image"
}

@test "what is not supported is refused by name" {
	containerfile <<<'FROM busybox'
	run --separate-stderr mica build --no-such-flag ctx
	assert_error 'no-such-flag'
	run --separate-stderr mica no-such-command
	assert_error 'no-such-command'
}

@test "250 steps make 250 layers, and the last sees all of them" {
	mkdir ctx
	{
		echo 'FROM busybox'
		for i in $(seq 125); do
			echo "RUN echo $i >/r$i"
			echo "COPY f$i /c$i"
			echo "$i" >"ctx/f$i"
		done
		echo 'RUN ls -d /r* /c* | wc -l >/n && rm /r7'
	} | containerfile
	mica build -q --network=none -t t ctx
	[ "$(config_of t | jq '.rootfs.diff_ids | length')" = 252 ]
	# /root is one of them
	run in_image t sh -c 'cat /n /r125 /c125; ls /r7 2>/dev/null | wc -l'
	echo "$output"
	[ "$output" = $'251\n125\n125\n0' ]
	assert_clean_store
}

@test "deleted files and replaced directories are gone in the next layer" {
	containerfile <<-'END'
		FROM busybox
		RUN mkdir -p /d/sub /e && touch /d/sub/a /d/b /e/old
		RUN rm /d/b && rm -r /d/sub && mkdir /d/sub && touch /d/sub/new && rm -r /e && ln -s d /e
	END
	mica build -q --network=none -t t ctx
	[ "$(in_image t sh -c 'ls /d /d/sub; readlink /e')" = $'/d:\nsub\n\n/d/sub:\nnew\nd' ]
	layer=$(manifest_of t | jq -r '.layers[-1].digest')
	run tar -tzf "$MICA_ROOT/blobs/sha256/${layer#sha256:}"
	[[ "$output" == *"d/.wh.b"* ]]
}
