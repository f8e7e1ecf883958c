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

build() { # OPTIONS...: the test's context; what steps print is in $output
	run mica build --progress=plain --network=none "$@" ctx
	[ "$status" = 0 ] || fail "status $status: $output"
}

ran() { # N: of the last build
	grep -qE " $1 run, " <<<"$output" || fail "not $1 steps ran: $output"
}

refused() { # PATTERN [OPTION...]
	local pattern=$1
	shift
	run --separate-stderr mica build --progress=none --network=none "$@" ctx
	assert_error "$pattern"
	[[ $stderr != *"must not run"* ]] || fail "a step ran: $stderr"
}

# --- bind ---

# covers: mount-bind, mount-expand
@test "a bind mount shows the context, a part of it, or a file of it" {
	mkdir -p ctx/d/e
	echo a >ctx/a
	echo b >ctx/d/b
	echo s >'ctx/st*r'
	ln -s d/e/../b ctx/link
	containerfile <<-'END'
		FROM busybox
		WORKDIR /w
		ENV PART=d
		RUN --mount=target=/m --mount=type=bind,src=$PART,dst=rel --mount=source=/a,destination=/f \
			--mount=source=../../link,target=/l --mount=source=st*r,target=/s \
			cat /m/a rel/b /f /l /s >/o && ! touch /m/x 2>/dev/null && ! touch rel/x 2>/dev/null && ! echo x 2>/dev/null >/f
	END
	build -t t
	run in_image t sh -c 'tr -d "\n" </o; ls -d /m /f /l /s /w/rel 2>/dev/null; ls -A /w'
	[ "$output" = ababs ] || fail "$output"
}

@test "what is ignored is not in a bind mount, and what is in it belongs to root" {
	mkdir -p ctx/d/keep ctx/gone
	echo 1 >ctx/d/hidden
	echo 2 >ctx/d/keep/shown
	echo 3 >ctx/gone/x
	printf 'gone\nd/*\n!d/keep\n' >ctx/.dockerignore
	chown -R 1234:1235 ctx/d
	chmod 751 ctx/d/keep
	touch -d @1000000000 ctx/d/keep/shown ctx/d/keep
	containerfile <<-'END'
		FROM busybox
		RUN --mount=target=/m (cd /m && find . | sort; stat -c '%a %u:%g %Y' d/keep d/keep/shown) >/o
		RUN --mount=source=d/keep,target=/m (stat -c '%a %u:%g %Y' /m /m/shown) >>/o
		RUN --mount=source=d/keep/shown,target=/m stat -c '%u:%g %Y' /m >>/o
	END
	build -t t
	run in_image t cat /o
	[ "$output" = ".
./.dockerignore
./Containerfile
./d
./d/keep
./d/keep/shown
751 0:0 1000000000
644 0:0 1000000000
751 0:0 1000000000
644 0:0 1000000000
0:0 1000000000" ] || fail "$output"
}

@test "a bind mount shows no attribute that is not in the key" {
	mkdir -p ctx/d/e
	touch ctx/d/plain ctx/d/able ctx/d/e/x
	setcap cap_net_raw+ep ctx/d/able
	setfattr -n trusted.t -v 1 ctx/d/e
	containerfile <<-'END'
		FROM busybox
		RUN --mount=source=d/plain,target=/p --mount=source=d/able,target=/a --mount=source=d/e,target=/e stat -c %i /p /a /e/x >/o
	END
	build -t t
	# what has none is shown itself
	[ "$(in_image t head -n 1 /o)" = "$(stat -c %i ctx/d/plain)" ]
	run ! grep -Fx -e "$(stat -c %i ctx/d/able)" -e "$(stat -c %i ctx/d/e/x)" <(in_image t cat /o)
}

@test "what a step writes to a bind mount is gone after it" {
	mkdir -p ctx/d
	echo a >ctx/d/a
	containerfile <<-'END'
		FROM busybox AS s
		RUN mkdir /d && echo s >/d/f
		FROM busybox
		RUN --mount=target=/m,rw --mount=source=d/a,target=/f,rw --mount=from=s,source=d,target=/s,readwrite=true \
			echo x >/m/new && echo x >/f && rm /m/d/a /s/f && echo x >/s/g && mkdir /s/sub
		RUN --mount=target=/m --mount=from=s,source=d,target=/s cat /m/d/a /s/f >/o; ls /m /s >>/o
	END
	build -t t
	run in_image t cat /o
	[ "$output" = "a
s
/m:
Containerfile
d

/s:
f" ] || fail "$output"
	[ "$(cat ctx/d/a)" = a ]
	[ ! -e ctx/new ]
	assert_clean_store
}

# covers: mount-bind
@test "stages, images, named contexts and scratch can be mounted" {
	mkdir -p more
	echo named >more/n
	containerfile <<-'END'
		FROM busybox AS s
		RUN mkdir /d && echo stage >/d/f && ln -s /d /l
		FROM scratch AS nothing
		FROM busybox
		RUN --mount=from=s,source=/l,target=/m --mount=from=0,source=d/f,target=/f --mount=from=debian:stable,target=/i \
			--mount=from=more,target=/n --mount=from=scratch,target=/e --mount=from=nothing,target=/e2 \
			(cat /m/f /f /n/n; ls /i/etc/debian_version; ls -A /e /e2) >/o
	END
	build -t t --build-context more=more
	run in_image t cat /o
	[ "$output" = "stage
stage
named
/i/etc/debian_version
/e:

/e2:" ] || fail "$output"
}

@test "a step with a bind mount runs again when what it mounts has changed, and only then" {
	mkdir -p ctx/d
	echo 1 >ctx/d/f
	echo 1 >ctx/other
	containerfile <<-'END'
		FROM busybox AS s
		COPY other /other
		FROM busybox
		RUN --mount=source=d,target=/m cat /m/f
		RUN --mount=from=s,source=other,target=/m cat /m
	END
	build -t t
	ran 3
	touch ctx/d/f
	build -t t
	ran 0
	echo 2 >ctx/d/f
	build -t t
	ran 2
	echo 2 >ctx/other
	build -t t
	ran 2
	chmod 700 ctx/d/f
	build -t t
	ran 2
}

# --- cache ---

# covers: mount-cache
@test "a cache lives on from step to step and from build to build, and is in no image" {
	containerfile <<-'END'
		FROM busybox
		ARG N
		RUN --mount=type=cache,target=/c echo $N >>/c/f && cp /c/f /o
		RUN --mount=type=cache,id=/c,target=/elsewhere cat /elsewhere/f >/p
		RUN ls -A /c /elsewhere >/q 2>&1; true
	END
	build -t t --build-arg N=1
	build -t t --build-arg N=2
	run in_image t sh -c 'cat /o /p; ls -A / | grep -E "^(c|elsewhere)$"'
	[ "$output" = "1
2
1
2" ] || fail "$output"
	build -t t --build-arg N=2
	ran 0
}

# cve: CVE-2024-9675 CVE-2026-33747
# bats test_tags=user
@test "the id of a cache is no path, and no link in a cache leads out of it" {
	echo host >marker
	containerfile <<-END
		FROM busybox
		RUN --mount=type=cache,id=../../../x,target=/a echo 1 >/a/f
		RUN --mount=type=cache,id=/x/../..,target=/b --mount=type=cache,id=..,target=/c echo 2 >/b/f
		RUN --mount=type=cache,id=l,target=/c ln -sfn $D /c/abs && ln -sfn ../../../../../../../../$D /c/rel
		RUN --mount=type=cache,id=l,source=abs,target=/d cat /d/marker
	END
	run --separate-stderr mica build --progress=none --network=none ctx # CVE-2024-23651, CVE-2026-33747
	assert_error "cannot open 'abs' in the cache mount 'l': no such file or directory"
	run find "$MICA_ROOT/mounts" -mindepth 1 -maxdepth 1 -printf '%f\n'
	[ "${#lines[@]}" = 4 ]
	grep -vE '^[0-9a-f]{64}$' <<<"$output" && fail "a name that is no hash"
	sed -i 's/source=abs/source=..\/rel/' ctx/Containerfile
	run --separate-stderr mica build --progress=none --network=none ctx
	assert_error "cannot open 'rel' in the cache mount"
}

# cve: CVE-2024-23651 CVE-2024-11218
# bats test_tags=user
@test "a source in a cache that is being swapped for a link never shows the host" {
	echo host >marker
	{
		echo 'FROM busybox AS swap'
		echo "RUN --mount=type=cache,id=x,target=/c mkdir -p /c/d /c$D && ln -sfn d /c/sub && touch /c/ready"
		echo "RUN --mount=type=cache,id=x,target=/c i=0; while [ ! -e /c/stop ] && [ \$i -lt 100000 ]; do i=\$((i + 1)); ln -s $D /c/n && mv -T /c/n /c/sub; ln -s d /c/n && mv -T /c/n /c/sub; done; rm -f /c/stop"
		echo 'FROM busybox AS victim'
		echo "RUN --mount=type=cache,id=x,target=/c while [ ! -e /c/ready ]; do sleep 0.1; done"
		for i in $(seq 25); do
			echo "RUN --mount=type=cache,id=x,source=sub,target=/v [ $i -gt 0 ] && [ ! -e /v/marker ]"
		done
		echo "RUN --mount=type=cache,id=x,target=/c touch /c/stop"
		echo 'FROM busybox'
		echo 'COPY --from=swap /etc/passwd /a'
		echo 'COPY --from=victim /etc/passwd /b'
	} | containerfile
	build --jobs 2 # CVE-2024-23651
}

# covers: mount-cache
@test "a cache can start from files, with a mode and an owner" {
	containerfile <<-'END'
		FROM busybox AS s
		RUN mkdir -p /d/sub && echo seed >/d/f && ln /d/f /d/sub/g
		FROM busybox
		RUN --mount=type=cache,from=s,source=/d,target=/c cat /c/f /c/sub/g >/o && echo more >/c/h
		RUN --mount=type=cache,from=s,source=d,target=/c,id=/c cat /c/h >>/o
		RUN --mount=type=cache,target=/c,mode=0711,uid=5,gid=6 stat -c '%a %u:%g' /c >>/o; ls -A /c >>/o
		RUN --mount=type=cache,from=s,target=/c,mode=0750,uid=5 stat -c '%a %u:%g' /c >>/o; ls -A /c >>/o
		RUN --mount=type=cache,from=s,source=d,target=/c,mode=0711,uid=5 stat -c '%a %u:%g' /c >>/o; ls -A /c >>/o
		RUN --mount=type=cache,target=/c,ro ! touch /c/x 2>/dev/null
	END
	build -t t
	run in_image t cat /o
	[ "$output" = "seed
seed
more
711 5:6
750 5:0
755 0:0
f
h
sub" ] || fail "$output"
}

# covers: mount-cache
@test "a cache can start from a stage without files, where no path is" {
	containerfile <<-'END'
		FROM scratch AS empty
		FROM busybox
		RUN --mount=type=cache,from=empty,target=/c ls -A /c >/o; stat -c '%a %u:%g' /c >>/o; echo more >/c/h
		RUN --mount=type=cache,from=empty,target=/c,id=/c cat /c/h >>/o
	END
	build -t t
	run in_image t cat /o
	[ "$output" = "755 0:0
more" ] || fail "$output"
	containerfile <<-'END'
		FROM scratch AS empty
		FROM busybox
		RUN --mount=type=cache,from=empty,source=nope,target=/c true
	END
	refused "Containerfile:3:42: RUN: --mount: no such file or directory: '/nope' in the stage 'empty'"
}

# covers: mount-cache
@test "a locked cache has one user at a time, a private one is each user's own" {
	containerfile <<-'END'
		FROM busybox AS a
		RUN --mount=type=cache,id=l,target=/c,sharing=locked mkdir /c/busy && sleep 1 && rmdir /c/busy
		FROM busybox AS b
		RUN --mount=type=cache,id=l,target=/c,sharing=locked mkdir /c/busy && sleep 1 && rmdir /c/busy
		FROM busybox AS c
		RUN --mount=type=cache,id=p,target=/c,sharing=private mkdir /c/busy && sleep 1 && rmdir /c/busy
		FROM busybox AS d
		RUN --mount=type=cache,id=p,target=/c,sharing=private mkdir /c/busy && sleep 1 && rmdir /c/busy
		FROM busybox
		COPY --from=a /etc/passwd /a
		COPY --from=b /etc/passwd /b
		COPY --from=c /etc/passwd /c
		COPY --from=d /etc/passwd /d
	END
	build -t t --jobs 4
	# and so do two processes
	mica build -q --no-cache --network=none --target a ctx >/dev/null &
	mica build -q --no-cache --network=none --target b ctx >/dev/null
	wait $!
}

@test "two caches that are locked in either order do not lock each other out" {
	containerfile <<-'END'
		FROM busybox AS a
		RUN --mount=type=cache,id=1,target=/1,sharing=locked --mount=type=cache,id=2,target=/2,sharing=locked sleep 0.2
		RUN --mount=type=cache,id=1,target=/1,sharing=locked --mount=type=cache,id=2,target=/2,sharing=locked sleep 0.1
		FROM busybox AS b
		RUN --mount=type=cache,id=2,target=/1,sharing=locked --mount=type=cache,id=1,target=/2,sharing=locked sleep 0.1
		RUN --mount=type=cache,id=2,target=/1,sharing=locked --mount=type=cache,id=1,target=/2,sharing=locked --mount=type=cache,id=1,target=/3 sleep 0.1
		FROM busybox
		COPY --from=a /etc/passwd /a
		COPY --from=b /etc/passwd /b
	END
	run timeout 60 "$MICA_BIN" build -q --network=none --jobs 4 ctx
	[ "$status" = 0 ]
}

# --- tmpfs ---

# covers: mount-tmpfs, mount-tmpfs-up
@test "a tmpfs is empty, has the size that was asked for, and leaves nothing" {
	containerfile <<-'END'
		FROM busybox
		RUN --mount=type=tmpfs,target=/new/t,tmpfs-size=1m touch /new/t/x && ! dd if=/dev/zero of=/new/t/z bs=1M count=2 2>/dev/null
		RUN --mount=type=tmpfs,target=/etc,size=64k ls -A /etc >/o
		RUN --mount=type=tmpfs,target=/etc,tmpcopyup,noexec,nosuid,nodev sh -c 'head -c 4 /etc/passwd; rm /etc/group; grep -c " /etc tmpfs.*noexec" /proc/mounts' >/u
	END
	build -t t
	run in_image t sh -c 'cat /o; ls -d /new 2>/dev/null; cat /etc/passwd | head -n 1 | cut -d: -f1; cat /u; ls /etc/group'
	[ "$output" = $'root\nroot1\n/etc/group' ] || fail "$output"
}

# covers: mount-tmpfs-mode
@test "a tmpfs has the mode that was asked for" {
	printf 'FROM busybox\nRUN --mount=type=tmpfs,target=/t,tmpfs-mode=0710 --mount=type=tmpfs,target=/u stat -c %%a /t /u >/o\n' | containerfile
	build -t t
	[ "$(in_image t cat /o)" = $'710\n1777' ] || fail "$(in_image t cat /o)"
}

# --- secret ---

# covers: mount-secret
@test "a secret is a file or a variable of one step, and nowhere else" {
	echo hush-$$-file >secret
	export TOKEN=hush-$$-env
	containerfile <<-'END'
		FROM busybox
		WORKDIR /w
		RUN --mount=type=secret,id=s stat -c '%a %u:%g' /run/secrets/s >/o && wc -c </run/secrets/s >>/o
		RUN --mount=type=secret,id=s,target=rel,mode=0444,uid=7,gid=8 stat -c '%a %u:%g' /w/rel >>/o
		RUN --mount=type=secret,id=TOKEN,env=T --mount=type=secret,id=absent,env=NOT,target=/no/file --mount=type=secret,id=absent \
			echo ${#T} ${NOT-unset} >>/o; ls -d /no /run/secrets >>/o 2>&1; true
		RUN --mount=type=secret,target=/k/s cat /k/s | wc -c >>/o
		RUN ls -d /run/secrets /k >>/o 2>&1; ls -A /w >>/o
	END
	build -t t --secret id=s,src=secret --secret ' ID=TOKEN,type=file'
	run in_image t cat /o
	[ "$output" = "400 0:0
$(wc -c <secret)
444 7:8
${#TOKEN}
ls: /no: No such file or directory
ls: /run/secrets: No such file or directory
$(wc -c <secret)
ls: /run/secrets: No such file or directory
ls: /k: No such file or directory" ] || fail "$output"
	grep -rqF "hush-$$" "$MICA_ROOT" && fail "the secret is in the store"
	# the content is no reason to run again
	echo other >secret
	build -t t --secret id=s,src=secret --secret id=TOKEN,env=TOKEN
	ran 0
}

# covers: mount-secret
@test "a secret that a step leaves in a file is warned about or stops it, and is not printed then" {
	echo hush-hush-$$ >secret
	containerfile <<-'EOF'
		FROM busybox
		RUN --mount=type=secret,id=s mkdir -p /app && { printf 'key = '; cat /run/secrets/s; } >/app/rc && cat /run/secrets/s
	EOF
	build -t leak --secret id=s,src=secret
	[[ $output == *"Containerfile:2: RUN left the secret 's' in /app/rc, where whoever has the image can read it"* ]] || fail "$output"
	[[ $output == *hush-hush-$$* ]] || fail "$output"
	build -t leak --no-cache --secret id=s,src=secret,leak=allow
	[[ $output != *'left the secret'* ]] || fail "$output"
	# what is cached was not looked through for it
	build -t leak --secret id=s,src=secret,leak=allow
	run -125 mica build --progress=plain --network=none --secret id=s,src=secret,leak=fail ctx
	[[ $output == *"Containerfile:2:1: RUN: the step left the secret 's' in /app/rc: remove it in the same step"* ]] || fail "$output"
	[[ $output == *'***'* && $output != *hush-hush* ]] || fail "$output"
	run ! grep -q hush "$(sed -n 's/^.*complete log is in //p' <<<"$output")"
	refused "leak=no is not one of 'warn', 'allow', 'fail'" --secret id=s,src=secret,leak=no
}

@test "a secret build argument is a variable of RUN, and nowhere else; values of credentials are warned of" {
	containerfile <<-'EOF'
		FROM busybox AS base
		ARG NAME PASS_WORD=no
		FROM base
		RUN echo $NAME "=$PASS_WORD" ${#PASS_WORD} && echo ${#PASS_WORD} >/n
	EOF
	PASS_WORD=hush-hush-$$ build -t sec --build-arg NAME=me --build-arg-secret PASS_WORD
	[[ $output == *"me =***"* && $output != *hush-hush* && $output != *SecretsUsed* ]] || fail "$output"
	run in_image sec cat /n
	[ "$output" = $((10 + ${#$})) ] || fail "$output"
	run ! grep -rqF "hush-hush-$$" "$MICA_ROOT"
	PASS_WORD=hush-hush-$$ build -t sec --build-arg NAME=me --build-arg-secret PASS_WORD
	ran 0
	PASS_WORD=hush-hush-new build -t sec --build-arg NAME=me --build-arg-secret PASS_WORD
	ran 1
	refused "the variable 'PASS_WORD' is not set" --build-arg-secret PASS_WORD
	refused "'NAME' is given by --build-arg, too" --build-arg NAME=x --build-arg-secret NAME=y
	printf 'FROM busybox\nARG PW\nENV A=${PW:-x}\n' | containerfile
	refused "Containerfile:3:7: ENV cannot use '.PW': its value is secret" --build-arg-secret PW=x
	printf 'FROM busybox\nARG PW\nRUN echo $PW >/f\n' | containerfile
	refused "the step left the secret 'build-arg:PW' in /f" --build-arg-secret PW=hush-hush

	local token=ghp_0123456789abcdefghijABCDEFGHIJ012345
	printf 'FROM scratch\nARG G\nLABEL a b=%s\n' "$token" | containerfile
	build --build-arg G=$token --env K_TOKEN=x --label a=$token
	for what in '--build-arg G: it looks like a credential' '--env K_TOKEN: it looks' '--label a: it looks' '3:1: SecretValueInInstruction'; do
		[[ $output == *"$what"* ]] || fail "$what: $output"
	done
	run -1 mica build --check --build-arg G=$token ctx
	[[ $output == *LegacyKeyValueFormat*SecretValueInInstruction* && $output != *$token* ]] || fail "$output"
}

# covers: mount-secret
@test "what is wrong with a secret is told before anything runs" {
	containerfile <<-'END'
		FROM busybox
		RUN echo must not run
		RUN --mount=type=secret,id=s,required true
	END
	refused "Containerfile:3:28: secret required but no secret with id \"s\" found; give it with --secret id=s"
	refused "option '--secret': 'id=s,src=nope': cannot find the file 'nope'" --secret id=s,src=nope
	refused "option '--secret': .*no id=" --secret src=secret
	refused "'foo' is not one of 'id'" --secret id=s,foo=1
	truncate -s 501K big
	refused "secret 's': " --secret id=s,src=big
	# as docker has it, which says nothing of it
	printf 'FROM busybox\nRUN --mount=type=secret,id=s,required --mount=type=secret,id=t,env=T test -z "$(cat /run/secrets/s)" -a $T = v\n' | containerfile
	V=v build --secret id=s,env=NOT_THERE --secret id=t,src=big,env=V
	[[ $output == *"secret 's' is empty: the variable 'NOT_THERE' is not set"* ]] || fail "$output"
}

# --- ssh ---

ask_agent() { # REQUEST [BYTES]: a client in Perl prints the type of the answer and, of a list (11), how many keys it has
	cat <<-END
		perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un(\$ENV{SSH_AUTH_SOCK})) or die "connect: \$!"; \$m = pack("C", $1) . "${2-}"; syswrite(S, pack("N", length(\$m))); syswrite(S, \$m); sysread(S, \$b, 9) or exit(print "closed\n"); (\$l, \$t, \$n) = unpack "NCN", \$b; print "\$t", \$t == 12 ? " \$n" : "", "\n"'
	END
}

# covers: mount-ssh
@test "ssh mounts lead to the agent, for what concerns the agent: which keys there are, and signatures" {
	ssh-agent -D -a "$D/agent" >/dev/null 2>&1 3>&- &
	echo $! >"$T/agent.pid"
	wait_for 5 test -S "$D/agent"
	ssh-keygen -q -t ed25519 -N '' -f "$D/k"
	SSH_AUTH_SOCK=$D/agent ssh-add -q "$D/k"
	containerfile <<-END
		FROM debian:stable
		RUN --mount=type=ssh echo \$SSH_AUTH_SOCK >/o && $(ask_agent 11) >>/o && stat -c '%a %u:%g' \$SSH_AUTH_SOCK >>/o
		RUN --mount=type=ssh,id=other,target=/a/sock,mode=0666,uid=3,gid=4 stat -c '%a %u:%g' /a/sock >>/o
		RUN --mount=type=ssh,id=absent echo \${SSH_AUTH_SOCK-unset} >>/o && ls -A /run/buildkit /a >>/o 2>&1 || true
		USER nobody
		RUN --mount=type=ssh,mode=0666 $(ask_agent 11)
		RUN --mount=type=ssh,mode=0666 for i in 1 2; do $(ask_agent 19); $(ask_agent 22 x); $(ask_agent 20 "\\0\\0\\0\\1x\\0\\0\\0\\0"); done; echo "here: \$($(ask_agent 11))"
	END
	build -t t --ssh "default=$D/agent" --ssh "other=$D/agent"
	grep -q '^12 1$' <<<"$output" || fail "$output"
	[ "$(grep -cx 5 <<<"$output")" = 6 ] || fail "$output"
	grep -q 'here: 12 1$' <<<"$output" || fail "$output"
	SSH_AUTH_SOCK=$D/agent ssh-add -l
	run in_image t cat /o
	[ "$output" = "/run/buildkit/ssh_agent.0
12 1
600 0:0
666 3:4
/run/buildkit/ssh_agent.0
ls: cannot access '/run/buildkit': No such file or directory
ls: cannot access '/a': No such file or directory" ] || fail "$output"
	# raw: whatever listens there gets what the step sends
	containerfile <<-END
		FROM debian:stable
		RUN --mount=type=ssh $(ask_agent 19)
	END
	build --ssh "default=$D/agent,raw=true"
	grep -qx 6 <<<"$output" || fail "$output"
	! SSH_AUTH_SOCK=$D/agent ssh-add -l || fail "the key is still there"
	kill "$(cat "$T/agent.pid")"
	rm "$T/agent.pid"
}

no_agent_here() {
	local p
	for p in $(pgrep -x ssh-agent); do
		[ "$(readlink "/proc/$p/cwd")" != "$PWD" ] || return 1
	done
}

# covers: mount-ssh
@test "keys for ssh mounts are in an agent of the build's own, which ends with it" {
	ssh-keygen -q -t ed25519 -N '' -f "$D/k"
	ssh-keygen -q -t rsa -b 2048 -N '' -f "$D/k2"
	ssh-keygen -q -t ed25519 -N 'long enough' -f "$D/locked"
	chmod 644 "$D/k"
	echo no key >"$D/text"
	containerfile <<-END
		FROM debian:stable
		RUN --mount=type=ssh,id=x $(ask_agent 11)
		RUN --mount=type=ssh,id=x echo again: \$($(ask_agent 11))
	END
	unset SSH_AUTH_SOCK
	build --ssh "x=$D/k,$D/k2"
	grep -qx '12 2' <<<"$output" || fail "$output"
	grep -qx 'again: 12 2' <<<"$output" || fail "$output"
	no_agent_here || fail "an agent is left"
	echo "RUN --mount=type=ssh,id=x echo waits && sleep 100" >>ctx/Containerfile
	"$MICA_BIN" --root "$MICA_ROOT" build --network=none --ssh "x=$D/k" ctx >"$D/log" 2>&1 3>&- &
	wait_for 20 grep -q "^waits" "$D/log"
	! no_agent_here || fail "there is no agent while a step uses it"
	kill -9 $!
	wait_for 5 no_agent_here
	refused "Containerfile:2:5: ssh agent 'x': '$D/locked' is not a private key, or has a passphrase: add it to an agent" --ssh "x=$D/locked"
	refused "Containerfile:2:5: ssh agent 'x': '$D/text' is not a private key" --ssh "x=$D/text"
	refused "option '--ssh': 'x=$D/nothing': cannot find '$D/nothing'" --ssh "x=$D/nothing"
	refused "option '--ssh': 'x=$D': '$D' is neither the socket of an agent nor a file with a key" --ssh "x=$D"
	refused "option '--ssh': 'x=$D/k,raw=true': raw=true is for sockets" --ssh "x=$D/k,raw=true"
}

# covers: mount-ssh-env
@test "SSH_AUTH_SOCK is the place of the first agent, though there is none, unless ENV says so" {
	containerfile <<-'END'
		FROM busybox
		RUN --mount=type=ssh,target=/z --mount=type=ssh,target=/a echo $SSH_AUTH_SOCK >/o
		ENV SSH_AUTH_SOCK=/mine
		RUN --mount=type=ssh echo $SSH_AUTH_SOCK >>/o
	END
	build -t t
	[ "$(in_image t cat /o)" = $'/z\n/mine' ]
}

@test "an agent that is not there is told before anything runs" {
	containerfile <<-'END'
		FROM busybox
		RUN echo must not run
		RUN --mount=type=ssh,required true
	END
	unset SSH_AUTH_SOCK
	refused "Containerfile:3:5: ssh agent 'default': not found; give it with --ssh default"
	refused "option '--ssh': 'default': SSH_AUTH_SOCK is not set" --ssh default
}

# --- mistakes and attacks ---

@test "a wrong mount is told with its place before anything runs" {
	local mount column message
	mkdir -p ctx/hidden
	echo hidden >ctx/.dockerignore
	while IFS='|' read -r mount column message; do
		containerfile <<-END
			FROM busybox AS first
			RUN echo must not run
			RUN true && true
			RUN --mount=$mount true
			FROM busybox AS later
			COPY --from=first /etc/passwd /
		END
		refused "Containerfile:4:$column: $message"
	done <<-'END'
		type=tmpf,target=/t|13|--mount: unsupported mount type "tmpf" \(did you mean tmpfs\?\)
		type=cache,target=/c,sharing=foo|34|--mount: unsupported sharing value "foo"
		tagret=/t|13|--mount: unexpected key 'tagret' in 'tagret=/t' \(did you mean target\?\)
		target=/t,required|23|--mount: unexpected key 'required' for mount type 'bind'
		type=tmpfs,target=/|31|invalid mount target '/': give target=DIRECTORY
		type=tmpfs|5|invalid mount target '/': give target=DIRECTORY
		type=tmpfs,target=/x/../..|31|invalid mount target '/'
		type=tmpfs,target=/proc/self|31|invalid mount target '/proc/self'
		type=tmpfs,target=/dev|31|invalid mount target '/dev'
		source=nope,target=/t|20|--mount: no such file or directory: 'nope' in the context
		source=../../etc,target=/t|20|--mount: no such file or directory: '../../etc' in the context
		source=/etc,target=/t|20|--mount: no such file or directory: '/etc' in the context .* a path from '/' on begins in the context
		type=cache, target=/t|5|--mount: invalid field '' must be a key=value pair; no blank follows a comma
		source=hidden,target=/t|20|--mount: 'hidden' is excluded from the context by .dockerignore:1
		from=later,target=/t|18|cannot mount from stage 'later' to '/t': that stage has to come before
		from=$X,target=/t|13|--mount: 'from' doesn't support variable expansion
		target=${X:?none}|13|--mount: .*none
		type=ssh,source=x|29|ssh mounts have no source
		type=secret|5|--mount: invalid secret mount
	END
}

# cve: CVE-2024-23652
# bats test_tags=user
@test "what a step puts in the place of a mount point is left alone, and so is what it leads to" {
	mkdir victim
	touch victim/y
	containerfile <<-END
		FROM busybox
		RUN --mount=type=tmpfs,target=/x/y true
		RUN --mount=type=bind,target=/x/y umount /x/y 2>/dev/null; mv /x /moved 2>/dev/null; ln -s $D/victim /x 2>/dev/null; true
	END
	build -t t # CVE-2024-23652
	[ -e victim/y ]
}

@test "a source that is not in its stage or image is told when it is" {
	containerfile <<-'END'
		FROM busybox AS s
		FROM busybox
		RUN --mount=from=s,source=nope,target=/t true
	END
	run --separate-stderr mica build --progress=none --network=none ctx
	assert_error "Containerfile:3:27: RUN: --mount: no such file or directory: '/nope' in the stage 's'"
	containerfile <<-'END'
		FROM busybox AS s
		RUN mkdir /r && ln -s /none /r/dangling
		FROM busybox
		RUN --mount=from=s,source=/r/dangling,target=/t true
	END
	run --separate-stderr mica build --progress=none --network=none ctx
	assert_error "Containerfile:4:27: RUN: --mount: '/r/dangling' is a link to nothing: '/none' is not in the stage 's'"
	[[ $stderr != *"did you mean"* ]] || fail "$stderr"
}

# --- the other flags of RUN ---

# covers: run-security, run-network, run-device
@test "what is dangerous needs the user's word" {
	containerfile <<-'END'
		FROM busybox
		RUN echo must not run
		RUN --security=insecure grep CapEff /proc/self/status >/o; grep Seccomp: /proc/self/status >>/o; true
	END
	refused "Containerfile:3:5: RUN --security=insecure needs the user's consent: build with --allow security.insecure"
	build -t t --allow security.insecure
	run in_image t cat /o
	[[ $output == *"CapEff:	000001ff"* ]] || fail "$output"
	[[ $output == *"Seccomp:	0"* ]] || fail "$output"
	printf 'FROM busybox\nRUN echo must not run\nRUN --network=host true\n' >ctx/Containerfile
	refused "Containerfile:3:5: RUN --network=host needs the user's consent: build with --allow network.host"
	build --allow network.host
	printf 'FROM busybox\nRUN echo must not run\nRUN --device=x true\n' >ctx/Containerfile
	refused "Containerfile:3:5: RUN --device is not supported: .*use mica build --device=PATH"
	refused "option '--allow': 'all' is not one of" --allow all
}
