#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The same scripts by buildah and by mica, in the manner of buildah's tutorials: standard output, exit status, the config and the files
# of what is made are the same.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox peers
	# buildah's runtime must be able to raise its limits here
	printf '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]\n[engine]\nruntime = "runc"\n' >"$CONTAINERS_CONF"
}

teardown_file() {
	command buildah --root "$T/b" --runroot "$T/br" --storage-driver vfs rm --all >/dev/null 2>&1 || true
	umount -R "$T"/b/vfs 2>/dev/null || true
	file_teardown
}

setup() {
	test_setup
	mkdir -p "$D/b" "$D/m"
}

teardown() {
	mica umount --all >/dev/null 2>&1 || true
	[ ! -e "$T/b" ] || oracle rm --all >/dev/null 2>&1 || true
	test_teardown
}

oracle() {
	command buildah --registries-conf "$CONTAINERS_REGISTRIES_CONF" --root "$T/b" --runroot "$T/br" --storage-driver vfs "$@"
}

subject() {
	mica "$@"
}

# What differs from one run to the next: IDs, digests, times, and where things are mounted.
normalise() {
	sed -E 's/[0-9a-f]{64}/ID/g; s/\b[0-9a-f]{12}\b/SHORT/g; s#/[^ "]*/(vfs/dir/ID|containers/ID/merged)#MOUNT#g; s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g'
}

# Runs the script (standard input) as `b` of each; their standard output and status must be the same. Then the container c, if there is
# one still, is compared: config and files. What buildah made of it is kept: this script, these helpers, this buildah and this image
# give the same each time, and most of the time goes into it. `anew`: the test looks at buildah's image afterwards.
same() { # [anew]
	local who known
	cat >"$D/script"
	known=$MICA_CACHE/buildah-scripts/$(command buildah --version | cat - "$D/script" "$BATS_TEST_FILENAME" "$TOP/tests/cli/lib.bash" \
		"$MICA_CACHE/busybox/index.json" | sha256sum | cut -c 1-40)
	asked=
	[ "${1:-}" = anew ] || [ ! -e "$known" ] || cp "$known"/* "$D"
	for who in oracle subject; do
		[ ! -e "$D/$who.state" ] || continue
		[ "$who" = subject ] || asked=1
		mkdir -p "$D/$who"
		(
			cd "$D/$who" || exit
			mkdir -p ctx/sub
			echo a >ctx/a.txt && echo b >ctx/b.txt && echo s >ctx/sub/s && chmod 640 ctx/a.txt
			tar -cf ctx.tar --owner=0 --group=0 -C ctx sub
			b() {
				local status=0 out
				out=$($who "$@" 2>>"$D/$who.err") || status=$?
				# with or without a line end
				[ -z "$out" ] || echo "$out"
				echo "status $status"
			}
			export base=docker.io/library/busybox:latest
			. "$D/script"
		) 2>>"$D/$who.err" | normalise >"$D/$who.out"
		state "$who" >"$D/$who.state"
	done
	diff "$D/oracle.out" "$D/subject.out" || {
		head -n 5 "$D/oracle.err" "$D/subject.err"
		return 1
	}
	diff "$D/oracle.state" "$D/subject.state"
	[ -n "$asked" ] || return 0
	rm -rf "$known.new.$$"
	mkdir -p "$known.new.$$"
	cp "$D/oracle.out" "$D/oracle.state" "$known.new.$$"
	mv -T "$known.new.$$" "$known" 2>/dev/null || rm -r "$known.new.$$" # somebody else was faster
}

# An image that a script has made is not there for the next one.
forget() { # NAME
	[ -z "$asked" ] || oracle rmi -f "$1" >/dev/null
}

# Config and files of the container c, then it is removed; mount points and files that only a runtime makes are left out.
# ArgsEscaped is BuildKit's: an image built under our own name has it. What is from scratch says nothing of where it
# works in buildah 1.28, and / in 1.43.
state() { # oracle|subject
	local merged
	merged=$($1 mount c 2>/dev/null) || return 0
	$1 inspect --type container c | /usr/bin/jq -S '.OCIv1 | del(.created, .rootfs, .history, .config.ArgsEscaped,
		.config.Labels."io.buildah.version")
		| if .config.Labels == {} then del(.config.Labels) else . end
		| if .config.WorkingDir == "/" then del(.config.WorkingDir) else . end' | normalise
	(cd "$merged" && find . -path ./proc -prune -o -path ./sys -prune -o -path ./dev -prune -o -path ./run -prune -o \
		! -path ./vol ! -path ./other ! -path ./etc ! -path ./etc/hosts ! -path ./etc/resolv.conf ! -path ./etc/hostname ! -path . -printf '%p %y %m %U:%G %l\n' | sort)
	$1 rm c >/dev/null
}

@test "from, run and the status of commands" {
	same <<-'END'
		b from -q --name c $base
		b run c -- sh -c 'echo out; echo made >/made; exit 3'
		b run c cat /made
		b run c
		b run nobody true
		echo in | b run c cat
		b run --user app --workingdir /tmp c -- sh -c 'id -u; pwd; echo $HOME'
		b run -e X=1 --env PATH=/bin c -- sh -c 'echo $X $PATH'
		b run --hostname h c hostname
	END
}

@test "names of containers" {
	same <<-'END'
		b from scratch
		b from scratch
		b from --name c scratch
		b from --name c scratch
		b containers -q
		b containers --format '{{.ContainerName}} {{.ImageName}}'
		b rename working-container other
		b rename nobody x
		b rename c other
		b containers
		b containers -n
		b containers --json
		b rm other working-container-1
		b rm nobody
		b rm
	END
}

@test "an empty list" {
	same <<-'END'
		b containers
		b containers -q
		b containers --json
		b rm --all
		b mount
		b umount --all
		b umount
	END
}

@test "files are copied" {
	same <<-'END'
		b from -q --name c $base
		b copy c ctx/a.txt
		b copy c ctx/a.txt /x/
		b copy c ctx/a.txt ctx/b.txt /y
		b copy c ctx /z
		b copy c ctx /z2/
		b copy c 'ctx/*.txt' /glob/
		b copy -q c ctx/a.txt /named
		b copy c nosuch /
		b copy c 'ctx/*.nosuch' /
		b copy c
		b copy --chown 5:6 --chmod 600 c ctx/a.txt /own
		b copy --chown app:staff c ctx /owndir
		b run c cat /x/a.txt
	END
}

@test "archives are added" {
	same <<-'END'
		b from -q --name c $base
		b add c ctx.tar /un
		b copy c ctx.tar /kept/
		b add -q c ctx/a.txt /plain
		b add c
	END
}

@test "copies into the working directory" {
	same <<-'END'
		b from --name c scratch
		b config --workingdir /srv/app c
		b copy c ctx/a.txt
		b copy c ctx/a.txt sub/
		b copy c ctx/b.txt renamed
		b copy c ctx .
	END
}

@test "copies from a container" {
	same <<-'END'
		b from -q --name one $base
		b run one -- sh -c 'echo one >/one'
		b from --name c scratch
		b copy --from one c /one /two
		b copy --from one c /bin/busybox /bin/
		b rm one
	END
}

@test "settings" {
	same <<-'END'
		b from --name c scratch
		b config --env A=1 --env B=2 --label l=1 --label m=2 --port 80 --port 81/udp --volume /v c
		b config --user app --workingdir /wd --author me --stop-signal TERM c
		b config --arch arm64 --variant v8 --os linux --os-version 1 --os-feature f c
		b config --annotation x=y c
		b config --created-by cb --history-comment hc c
		b config nobody
		b config
	END
}

@test "settings are removed" {
	same <<-'END'
		b from --name c scratch
		b config --env A=1 --env B=2 --label l=1 --label m=2 --port 80 --port 81 --volume /v --volume /w c
		b config --env A- --label l- --port 80- --volume /v- c
		b config --user app c
		b config --user '' --workingdir '' c
	END
}

@test "commands and entry points" {
	same <<-'END'
		b from --name c scratch
		b config --cmd 'echo hello world' c
		b inspect --format '{{.OCIv1.Config.Cmd}}' c
		b config --entrypoint '["/e","x y"]' c
		b inspect --format '{{.OCIv1.Config.Entrypoint}}' c
		b config --cmd '["a","b c"]' --entrypoint 'sh -c x' c
		b inspect --format '{{.OCIv1.Config.Cmd}} {{.OCIv1.Config.Entrypoint}}' c
		b config --cmd "a 'b c'" c
		b inspect --format '{{len .OCIv1.Config.Cmd}}' c
	END
}

@test "an image is made of a container, and a container of the image" {
	same anew <<-'END'
		b from -q --name one $base
		b run one -- sh -c 'mkdir /srv && echo content >/srv/file && rm /etc/group'
		b config --cmd 'cat /srv/file' --label made=1 one
		b commit -q one made
		b rm one
		b from -q made
		b containers --format '{{.ContainerName}} {{.ImageName}}'
		b run made-working-container cat /srv/file
		b from -q --name c made
		b rm made-working-container
		b inspect --type image --format '{{.OCIv1.Config.Cmd}}' made
		b inspect --format '{{.FromImage}}' c
	END
	[ "$(oracle inspect --type image made | jq '.OCIv1.history | map([.created_by, .comment])')" = \
		"$(mica inspect --type image made | jq '.OCIv1.history | map([.created_by, .comment])')" ] || {
		oracle inspect --type image made | jq '.OCIv1.history'
		mica inspect --type image made | jq '.OCIv1.history'
		return 1
	}
	forget made
}

@test "history" {
	same anew <<-'END'
		b from -q --name one $base
		b run --add-history one -- echo words
		b copy --add-history one ctx/a.txt /a
		b copy --add-history one ctx /d
		b config --add-history --env A=1 --user app --cmd 'x y' --port 80 --workingdir /w one
		b config --created-by 'by hand' one
		b commit -q --rm one history
	END
	[ "$(oracle inspect --type image history | jq '.OCIv1.history | map([.created_by, .empty_layer])' | normalise)" = \
		"$(mica inspect --type image history | jq '.OCIv1.history | map([.created_by, .empty_layer])' | normalise)" ] || {
		diff <(oracle inspect --type image history | jq '.OCIv1.history' | normalise) <(mica inspect --type image history | jq '.OCIv1.history' | normalise)
		return 1
	}
	oracle rmi history >/dev/null
}

@test "docker's format" {
	same anew <<-'END'
		b from -q --name one $base
		b config --hostname h --domainname d --comment text --onbuild 'RUN x' --shell '/bin/bash -c' --healthcheck 'CMD a b' --healthcheck-interval 10s one
		b commit -q --rm --format docker one dock
		b inspect --type image --format '{{.Docker.Config.OnBuild}} {{.Docker.Config.Shell}} {{.Docker.Config.Healthcheck.Test}}' dock
	END
	[ "$(mica inspect --type image dock | jq -r .Manifest | jq -r .mediaType)" = "$(oracle inspect --type image dock | jq -r .Manifest | jq -r .mediaType)" ]
	oracle rmi dock >/dev/null
}

@test "mounts" {
	same <<-'END'
		b from -q --name c $base
		merged=$($who mount c)
		echo outside >"$merged/outside"
		b mount
		b run c cat /outside
		b run c -- sh -c 'echo inside >/inside'
		cat "$merged/inside"
		b mount c
		b mount --json
		b umount c
		b mount nobody
		b umount nobody
	END
}

@test "several mounts" {
	same <<-'END'
		b from --name one scratch
		b from --name two scratch
		b mount one two
		b umount --all
		b rm one two
	END
}

@test "squashed" {
	same <<-'END'
		b from -q --name one $base
		b run one touch /f
		b commit -q --squash --rm one squashed
		b from -q --name c squashed
		b inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}}' squashed
	END
	forget squashed
}

@test "an ID in a file" {
	same <<-'END'
		b from --cidfile cid --name c scratch
		wc -c <cid
		b config --label by=id "$(cat cid)"
		b commit -q --iidfile iid c
		wc -c <iid
		cut -c -7 iid
	END
}

@test "a file system from nothing" {
	same <<-'END'
		b from --name c scratch
		merged=$($who mount c)
		mkdir -p "$merged/bin"
		cp /bin/busybox "$merged/bin/sh"
		b umount c
		b run c /bin/sh -c 'echo from nothing'
		b config --cmd /bin/sh c
		b commit -q c nothing
		b rmi nothing
	END
}

@test "an image that is in use" {
	same <<-'END'
		b from -q --name one $base
		b commit -q one used
		b from -q --name c used
		b rmi used
		b rm one
	END
	forget used
}

@test "an archive is written and read" {
	same <<-'END'
		b from -q --name one $base
		b run one touch /f
		b commit -q one docker-archive:$PWD/archive:localhost/kept:tag
		b from -q --name c docker-archive:$PWD/archive
		b run c ls /f
		b rm one
	END
}

@test "volumes of from hold for each run" {
	same <<-'END'
		b from -q --name c --volume "$PWD/ctx:/vol:ro" $base
		b run c cat /vol/a.txt
		b run c -- sh -c 'echo x >/vol/a.txt'
		b run --volume "$PWD/ctx/sub:/other" c cat /other/s
		b run c ls /other/s
	END
}

@test "inspect" {
	same <<-'END'
		b from -q --name c $base
		b inspect --format '{{.Container}} {{.ContainerID}} {{.FromImageID}} {{.Type}}' c
		b inspect --format '{{.OCIv1.Config.Env}}' c
		b inspect --format '{{.Isolation}} {{.ConfigureNetwork}} {{.Capabilities}} {{.IDMappingOptions.HostUIDMapping}} {{.Devices}} {{.ProcessLabel}}' c
		b inspect --type image --format '{{.Container}}|{{.MountPoint}}|{{.Isolation}}|{{.ConfigureNetwork}}|{{.Capabilities}}|{{len .NamespaceOptions}}' $base
		b from -q --name caps --cap-add sys_admin --cap-drop kill,CAP_CHOWN $base
		b inspect --format '{{.Capabilities}}' caps
		b rm caps >/dev/null
		b inspect --type container nobody
		b inspect nobody
		b inspect
	END
}

@test "variables for one script" {
	same <<-'END'
		b from -q --name c $base
		b unshare --help >/dev/null
		b config --env PATH=/opt:/bin --env HOME=/somewhere c
		b run c -- sh -c 'echo $PATH $HOME'
	END
}

@test "settings of one container are not those of another" {
	same <<-'END'
		b from --name one scratch
		b config --env A=1 --label l=1 one
		b commit -q one first
		b from --name c first
		b config --env 'B=$A/${A}x' --label l=2 c
		b inspect --format '{{.OCIv1.Config.Env}} {{index .OCIv1.Config.Labels "l"}}' c
		b inspect --type image --format '{{.OCIv1.Config.Env}}' first
		b rm one
	END
	forget first
}

@test "several are removed, and some are not there" {
	same <<-'END'
		b from --name one scratch
		b from --name two scratch
		b rm nobody one nothing two
		b containers -q
		b rm -a
		b rm -a one
	END
}

@test "images: made, named, listed, removed" {
	same <<-'END'
		b from --name one scratch
		b commit -q one img:1
		b tag img:1 img:2 other
		b images -q --noheading img:1
		b rmi img:1 img:2
		b rmi nosuch
		b rmi -f other
		b images --format '{{.Name}}' other
		b rm one
	END
}

@test "an image by its ID" {
	same <<-'END'
		b from --name one scratch
		id=$($who commit -q one)
		b from --name c $id
		b inspect --format '{{.FromImage}}' c
		b tag $id named
		b images --format '{{.Name}}' named
		b rm one c
		b rmi named
	END
}

@test "an image with a digest" {
	same <<-'END'
		b pull -q $base
		digest=$($who inspect --type image --format '{{.FromImageDigest}}' $base)
		b from --name c docker.io/library/busybox@$digest
		b run c true
	END
}

@test "an image that is not there" {
	same <<-'END'
		b from --pull-never docker.io/library/nosuch
		b from --pull-never nosuch:tag
		b from docker.io/library/nosuch
		b pull -q docker.io/library/nosuch
		b push nosuch dir:x
		b tag nosuch x
		b inspect --type image nosuch
	END
}

@test "an image goes to a directory and comes from it" {
	same <<-'END'
		b from --name one scratch
		b copy one ctx/a.txt /a
		b commit -q one dir:$PWD/d
		ls d | grep -c '^[0-9a-f]*$'
		b from --name c dir:$PWD/d
		b rm one
	END
}

@test "an image goes to an OCI layout and comes from it" {
	same <<-'END'
		b from --name one scratch
		b copy one ctx /d
		b commit -q one oci:o:t
		ls o
		b from --name c oci:o:t
		b rm one
	END
}

@test "a build, and a container of what it made" {
	same <<-'END'
		printf 'FROM %s\nCOPY a.txt /a\nRUN echo run >/r\nENV A=1\nLABEL l=v\nUSER app\nWORKDIR /w\nCMD ["x"]\n' $base >ctx/Containerfile
		$who build -q -t built ctx >/dev/null
		b from --name c built
		b run c -- sh -c 'cat /a /r; echo $A $PWD; id -u'
		b inspect --format '{{.OCIv1.Config.Cmd}} {{.OCIv1.Config.WorkingDir}} {{.OCIv1.Config.User}}' c
	END
	forget built
}

@test "a build that fails" {
	same <<-'END'
		printf 'FROM %s\nRUN exit 7\n' $base >ctx/Containerfile
		$who build -q ctx >/dev/null
		echo $?
		echo 'COPY nosuch /' >ctx/Containerfile.2
		b build -q -f ctx/Containerfile.2 ctx
		b build -q -f nosuch ctx
		b bud -q nosuch
	END
}

@test "build arguments and targets" {
	same <<-'END'
		printf 'FROM %s AS one\nWORKDIR /w\nARG V=1\nRUN echo $V >/v\nFROM one AS two\nRUN echo two >>/v\n' $base >ctx/Dockerfile
		$who build -q --build-arg V=2 --target one -t t ctx >/dev/null
		b from -q --name c t
		b run c cat /v
	END
	forget t
}

@test "a container is committed twice" {
	same <<-'END'
		b from -q --name c $base
		b run c touch /1
		b commit -q c twice
		b run c touch /2
		b commit -q c twice
		b inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}}' twice
	END
	forget twice
}

@test "a file that was there is changed, removed and made anew" {
	same <<-'END'
		b from -q --name one $base
		b run one -- sh -c 'rm -r /etc && mkdir /etc && echo n >/etc/new && chmod 700 /tmp && ln -s x /link && rm /bin/vi'
		b commit -q one changed
		b from -q --name c changed
		b run c -- sh -c 'ls /etc; readlink /link; stat -c %a /tmp'
		b rm one
	END
	forget changed
}

@test "users by name and number" {
	same <<-'END'
		b from -q --name c $base
		b run --user 5 c id -u
		b run --user 5:6 c -- sh -c 'id -u; id -g'
		b run --user app:staff c -- sh -c 'id -un; id -gn'
		b run --user nosuch c id
		b config --user 1234 c
		b run c id -u
	END
}

@test "the working directory" {
	same <<-'END'
		b from -q --name c $base
		b config --workingdir /made/by/config c
		b run c pwd
		b run --workingdir /tmp c pwd
		b config --workingdir /etc c
		b run c -- sh -c 'ls passwd'
	END
}

@test "what a command says, and where" {
	same <<-'END'
		b from -q --name c $base
		$who run c -- sh -c 'echo out; echo err >&2' 2>/dev/null
		$who run c -- sh -c 'echo out; echo err >&2' 2>&1 >/dev/null
		b run c -- sh -c 'kill -9 $$'
		b run c -- sh -c 'kill -TERM $$; sleep 5'
		printf 'a\nb' | b run c wc -l
	END
}

@test "links and special names are copied" {
	same <<-'END'
		ln -s a.txt ctx/link
		ln -s sub ctx/dirlink
		echo x >'ctx/with blank'
		chmod 4755 ctx/b.txt
		b from --name c scratch
		b copy c ctx /all
		b copy c ctx/link /followed
		b copy c 'ctx/with blank' /
		b copy c ctx/b.txt /suid
	END
}

@test "copies that fail leave nothing" {
	same <<-'END'
		b from --name c scratch
		b copy c ctx/a.txt nosuch /x
		b copy --from nobody:nosuch c /a /b
		b copy --chown nosuch c ctx/a.txt /x
		b copy nobody ctx/a.txt /x
	END
}

@test "a context directory and what it ignores" {
	same <<-'END'
		echo '*.txt' >ignore
		b from --name c scratch
		b copy --contextdir "$PWD/ctx" c "$PWD/ctx/a.txt" /one
		b copy --contextdir "$PWD/ctx" --ignorefile ignore c "$PWD/ctx" /two
		b copy --ignorefile ignore c ctx /three
	END
}

@test "triggers of an image are carried out in a new container" {
	same <<-'END'
		b from -q --name t --format docker $base
		b config --onbuild 'ENV A=b' --onbuild 'COPY ctx/a.txt ctx/sub /copied/' --onbuild 'LABEL l=1' \
			--onbuild 'USER app' --onbuild 'STOPSIGNAL USR1' --onbuild 'VOLUME /v' --onbuild 'EXPOSE 80/tcp' t
		b commit -q --format docker t trigger >/dev/null
		b rm t >/dev/null
		b from -q --name c trigger
		b inspect --format '{{.Docker.Config.OnBuild}}' c
	END
}

@test "a list of images" {
	same <<-'END'
		b from -q --name one $base
		b commit -q one part
		b rm one
		b manifest create list
		b manifest exists list
		b manifest exists part
		b manifest exists nobody
		b manifest create list
		b manifest add list part
		b manifest add list nobody
		digest=$($who manifest inspect list | jq -r '.manifests[0].digest')
		b manifest annotate --arch arm64 --variant v8 --os linux list $digest
		# buildah's is Docker's list, mica's OCI's index
		$who manifest inspect list | /usr/bin/jq -S 'del(.mediaType, .manifests[].size)'
		b manifest push list dir:list 2>/dev/null
		jq -r '.manifests[0].platform.architecture' list/manifest.json
		b manifest remove list $digest
		$who manifest inspect list | jq '.manifests | length'
		b manifest rm list
		b manifest rm list
		b rmi part
	END
}

@test "who is logged in, and which version this is" {
	same <<-'END'
		export REGISTRY_AUTH_FILE=$PWD/auth.json
		echo '{}' >auth.json
		b login --get-login registry.example.com
		b logout registry.example.com
		b logout --all
		b logout
		$who version | grep -c '^Version: '
		b info --format '{{.host.arch}} {{.host.os}}'
		b images nobody
		b pull -q localhost/nobody
		b push -q nobody
	END
}
