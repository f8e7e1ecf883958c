#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Working containers: from, run, copy, add, config, commit, containers, mount, umount, unshare, rename, rm, inspect.

load lib

setup_file() {
	file_setup registry busybox
	# what the network is concerns other tests, and each private one starts a program
	export CONTAINERS_CONF=$T/containers.conf
	printf '[containers]\nnetns = "none"\n' >"$CONTAINERS_CONF"
}
teardown_file() {
	file_teardown
}
setup() {
	test_setup
}
teardown() {
	[ ! -e "$MICA_ROOT" ] || mica umount --all >/dev/null
	test_teardown
}

# The config document of a working container.
container_config() { # CONTAINER JQ_FILTER
	mica inspect --type container "$1" | jq -c ".OCIv1$2"
}

@test "a container is made, run in, and becomes an image" {
	c=$(mica from -q busybox)
	[ "$c" = busybox-working-container ]
	mica run "$c" -- sh -c 'echo text > /file; rm -r /var/lib'
	[ "$(mica run "$c" cat /file)" = text ]
	id=$(mica commit -q "$c" made)
	[[ $id =~ ^[0-9a-f]{64}$ ]]
	[ "$(image_id made)" = "sha256:$id" ]
	[ "$(in_image made cat /file)" = text ]
	in_image made sh -c '[ ! -e /var/lib ] && [ -e /var ]'
	mica rm "$c" | grep -Ex '[0-9a-f]{64}'
	[ -z "$(ls -A "$MICA_ROOT/containers")" ]
	assert_clean_store
}

# cve: crun@1.28
@test "names are the image's, with numbers, or as one says" {
	[ "$(mica from -q busybox)" = busybox-working-container ]
	[ "$(mica from -q busybox)" = busybox-working-container-1 ]
	[ "$(mica from scratch)" = working-container ]
	[ "$(mica from scratch)" = working-container-1 ]
	[ "$(mica from --name own scratch)" = own ]
	run --separate-stderr mica from --name own scratch
	assert_error "'own' is already in use by container [0-9a-f]{64}"
	for name in a/b ../x .. -x "a b"; do
		run --separate-stderr mica from "--name=$name" scratch
		assert_error "'.*' is no name"
	done
	mica rm busybox-working-container >/dev/null
	[ "$(mica from -q busybox)" = busybox-working-container ]
	[ "$(mica from -q --suffix other busybox)" = busybox-other ]
	[ "$(mica from --arch armhf --name empty scratch)" = empty ]
	[ "$(mica inspect --format '{{.Docker.Architecture}} {{.Docker.Variant}} {{.Isolation}}' empty)" = 'arm v7 oci' ]
	[ "$(mica inspect empty | jq -c '[.Docker.config.Env, .OCIv1.config.WorkingDir]')" = '[null,"/"]' ]
	mica from -q --isolation chroot --name inside scratch
	[ "$(mica inspect --format '{{.Isolation}}' inside)" = chroot ]
	mica commit -q empty "oci-archive:$T/unnamed.tar"
	[ "$(mica from -q "oci-archive:$T/unnamed.tar")" = oci-archive-working-container ]
}

@test "what leaves for a file is not compressed, and Docker's format says of which container it is" {
	mica from --name c scratch
	echo text >file
	mica copy -q --timestamp 60 c file /file
	mica commit -q c "dir:$PWD/plain"
	[ "$(jq -r '.layers[0].mediaType' plain/manifest.json)" = application/vnd.oci.image.layer.v1.tar ]
	layer=$(jq -r '.layers[0].digest | ltrimstr("sha256:")' plain/manifest.json)
	[ "$(tar -tvf "plain/$layer" --utc --full-time | awk '$NF == "file" {print $4, $5}')" = '1970-01-01 00:01:00' ]
	mica commit -q -D=false c "dir:$PWD/packed"
	[ "$(jq -r '.layers[0].mediaType' packed/manifest.json)" = application/vnd.oci.image.layer.v1.tar+gzip ]
	mica config --comment words --hostname host c 2>/dev/null
	mica commit -q --format docker c t
	[ "$(mica inspect --type image --format '{{.Docker.Container}} {{.Docker.Comment}} {{.Docker.Config.Hostname}}' t)" = \
		"$(mica inspect --format '{{.ContainerID}}' c) words host" ]
	touch -d @99 reference
	mica commit -q --reference-time reference c t
	[ "$(mica inspect --type image --format '{{.Created}}' t)" = 1970-01-01T00:01:39Z ]
	mica commit -q --format docker --timestamp 0 c t
	[ -z "$(mica inspect --type image --format '{{.Docker.Container}}' t)" ]
}

@test "commit --format docker names the image that the container was made from" {
	mica pull -q docker.io/library/busybox >/dev/null
	mica from --name c busybox
	mica commit -q --format docker c t
	[ "$(mica inspect --type image --format '{{.Docker.Parent}}' t)" = "sha256:$(mica inspect --format '{{.FromImageID}}' c)" ]
	mica from --name d t
	mica commit -q d u
	[ -z "$(mica inspect --type image --format '{{.Docker.Parent}}' u)" ]
	mica from --name e scratch
	mica commit -q --format docker e v
	[ -z "$(mica inspect --type image --format '{{.Docker.Parent}}' v)" ]
}

@test "inspect prints as buildah does: structs, the config as JSON" {
	mica pull -q docker.io/library/busybox >/dev/null
	[ "$(mica inspect --format '{{.OCIv1.Config}}' busybox)" = \
		'{ map[] [PATH=/usr/bin:/bin] [] [sh] map[]  map[]  false}' ] || fail "$(mica inspect --format '{{.OCIv1.Config}}' busybox)"
	[ "$(mica inspect --format '{{.Config}}' busybox | jq -r .architecture)" = "$(mica inspect --format '{{.Architecture}}' busybox)" ]
	[ "$(mica inspect --format '{{.Config.Env}}' busybox)" = '[PATH=/usr/bin:/bin]' ]
	mica inspect --format json busybox | jq -e '.Config | has("") | not'
	ln -s "$MICA_BIN" buildah
	./buildah --root "$MICA_ROOT" inspect --type image busybox | jq -e '.Config | fromjson | .config.Cmd == ["sh"]'
	printf 'FROM busybox\nLABEL a=1\n' | mica build -q --timestamp 40 -t dated -
	[[ "$(mica inspect --format '{{.History}}' dated)" == *'{1970-01-01 00:00:40 +0000 UTC '*' true}]' ]]
	printf 'FROM busybox\nEXPOSE 80\nVOLUME /v\nHEALTHCHECK --interval=90s --retries=2 CMD true\n' | mica build -q --format docker --timestamp 40 -t checked -
	while IFS='|' read -r template printed; do
		[ "$(mica inspect --format "$template" checked)" = "$printed" ] || fail "$template: $(mica inspect --format "$template" checked)"
	done <<-'END'
		{{range $p, $x := .Config.ExposedPorts}}{{$p}}:{{$x}}{{end}} {{printf "%v" .Config.Volumes}}|80/tcp:{} map[/v:{}]
		{{.Config.Healthcheck}} {{.Config.Healthcheck.Timeout}}|{[CMD-SHELL true] 1m30s 0s 0s 0s 2} 0s
		{{json .Config.Healthcheck}}|{"Test":["CMD-SHELL","true"],"Interval":90000000000,"Retries":2}
		{{.OCIv1.Created}} {{json .Docker.Created}} {{.Created}}|1970-01-01 00:00:40 +0000 UTC "1970-01-01T00:00:40Z" 1970-01-01T00:00:40Z
		{{range .OCIv1.History}}{{.EmptyLayer}},{{.Comment}};{{end}}{{json (index .OCIv1.History 0)}}|false,;true,mica;true,mica;true,mica;{"created":"2026-01-01T00:00:00Z","created_by":"made by a test"}
		{{.Comment}} {{eq .VirtualSize .Size}} {{.ManifestType}}|mica true application/vnd.docker.distribution.manifest.v2+json
		{{if .OCIv1.Created}}{{index .NamespaceOptions 0}}{{end}} {{.Docker.Size}} {{printf "%T" .Config.Env}}|{cgroup false } 0 []string
	END
	[ "$(mica inspect --format '{{.Config.Healthcheck}} {{len .RootFS}}' busybox)" = '<nil> 2' ]
	[ "$(mica inspect --format '{{.OCIv1.Created.Year}}' checked)" = 1970 ]
	run -125 mica inspect --format '{{.OCIv1.Created.Yeer}}' busybox
}

@test "a build by a program that is called buildah is what buildah makes of the file" {
	ln -s "$MICA_BIN" buildah
	b() {
		run -"$1" ./buildah --root "$MICA_ROOT" build "${@:2}"
	}
	mkdir -p c/sub c/other
	touch c/x c/sub/a1 c/other/a2
	chmod 6750 c/other/a2
	printf '*\n!x\n!other\n!*/a1\n' >c/.dockerignore
	printf 'FROM busybox\nARG no\nARG SOURCE_DATE_EPOCH\nSHELL ["/bin/sh", "-ec"]\nHEALTHCHECK CMD x\nONBUILD RUN x\nVOLUME /v/w /u\nRUN chmod 0710 /v/w\nCOPY no* x /in/\nCOPY --chown=0 . /all/\nCOPY --chmod=640 x /new/\n' >c/f
	b 0 -t t -f c/f c
	[[ "$output" == *'level=warning msg="missing \"no\" build argument. Try adding \"--build-arg no=<VALUE>\" to the command line"'* ]]
	[[ "$output" != *'missing'*SOURCE_DATE_EPOCH* ]]
	[[ "$output" == *'level=warning msg="SHELL is not supported for OCI image format, [/bin/sh -ec] will be ignored.'* ]]
	[ "$(mica run t -- sh -c 'stat -c %a /v/w /u /all/other/a2 /new /new/x | tr "\n" " "; cd /all; ls *')" = "710 755 750 755 640 x

other:
a2" ]
	[[ "$output" == *'HEALTHCHECK is not supported for OCI image format and will be ignored.'*'ONBUILD is not supported for OCI image format, RUN x will'* ]]
	config_of t | jq -e '.config | has("Healthcheck") or has("OnBuild") or has("Shell") | not'
	[ "$(mica inspect --format '{{index .ImageAnnotations "org.opencontainers.image.base.name"}} {{index .ImageAnnotations "org.opencontainers.image.base.digest"}}' t)" = \
		"docker.io/library/busybox:latest $(mica inspect --format '{{.FromImageDigest}}' busybox)" ]
	printf 'FROM busybox\nENV PATH=/bin A=1\nRUN hostname; grep /dev/shm /proc/mounts; cat /etc/hostname; . /run/.containerenv; echo $engine $rootless\nRUN --network=none cat /etc/hosts /etc/hostname || true' >f
	b 0 -t dated -f f --timestamp 1 --format docker --platform / .
	[[ "$output" == *$'\nsandbox\nshm /dev/shm tmpfs '*$'\nsandbox\nbuildah-1.'*' 0'*"can't open '/etc/hosts'"*$'\nsandbox\n'* ]] || fail "$output"
	b 1 --no-hostname -q -f - . <<<$'FROM busybox\nrun\tcat /etc/hostname'
	[[ "$output" == *$'Error: building at STEP "RUN\tcat /etc/hostname"'* ]] || fail "$output"
	[[ "$(mica inspect --format '{{.Docker.Config.Hostname}} {{.OCIv1.Config.Env}}{{range .OCIv1.History}}|{{.Comment}}{{end}}' dated)" == \
		'sandbox [PATH=/bin A=1]|'*'|FROM docker.io/library/busybox:latest|mica|mica' ]]
	printf 'FROM dated\nENV PATH=/usr/bin:/bin\n' >f
	printf 'FROM busybox\nRUN --network=host true\n' >host
	b 0 -q -f host .
	b 0 -t dated -f f --platform linux/amd64/v3 .
	[ "$(mica inspect --format '{{.OCIv1.Config.Env}}' dated)" = '[A=1 PATH=/usr/bin:/bin]' ]
	[[ "$output" == *'image platform (linux/amd64) does not match the expected platform (linux/amd64/v3)'* ]]
	printf 'FROM busybox AS own\nRUN echo mine\nCOPY --from=own x /y\nRUN --mount=type=cache,from=c,target=/c rm /c/x; cat /y\nRUN --mount=type=cache,from=c,target=/c rm /c/x' >f
	echo of the context >c/x
	b 0 -f f --build-context own=c --build-context c=c .
	[[ "$output" == *mine*'of the context'* ]]
	printf 'FROM busybox AS own\nRUN touch /x\nFROM busybox\nCOPY --from=0 x /y\nRUN cat /y' >f
	b 0 -f f --build-context own=c .
	[[ "$output" == *'of the context'* ]]
	printf 'FROM busybox\n' >f
	b 0 -t same -f f .
	[ "$(mica inspect --format '{{.FromImageDigest}}' same)" = "$(mica inspect --format '{{.FromImageDigest}}' busybox)" ]
	# each has an ID of its own, by which it is found
	printf 'FROM busybox\nARG A\nENV A=b\nRUN :\n' >run
	for more in 'f --annotation a=b' 'f --unsetannotation=org.opencontainers.image.created' 'run --layers' 'run --layers --annotation a=b' \
		'run --layers --inherit-annotations=false --created-annotation=false'; do
		b 0 --iidfile id -q --build-arg A=1 -f $more .
		mica inspect --type image --format '{{.FromImageID}} {{len .ImageAnnotations}}{{range $i, $h := .OCIv1.History}} {{$h.CreatedBy}}{{end}}' "$(cat id)"
	done >ids
	[ "$(cut -d ' ' -f 1 ids | sort -u | wc -l)" = 5 ]
	sed -E 's/^[^ ]* ([0-9]+).* ((ARG|[^ ]*sh\|).*)/\1 \2/' ids | diff - <(cat <<-'END'
		4 /bin/sh|annotation=a=b
		2 /bin/sh|unsetAnnotation=org.opencontainers.image.created
		3 ARG A ENV A=b RUN |1 A=b /bin/sh -c : # buildkit
		4 ARG A ENV A=b RUN |1 A=b /bin/sh -c : # buildkit|annotation=a=b
		0 ARG A ENV A=b RUN |1 A=b /bin/sh -c : # buildkit|inheritAnnotations=false
	END
	)
	b 0 --iidfile again -q --layers --build-arg A=2 -f run --inherit-annotations=false --created-annotation=false .
	cmp id again
	printf 'FROM scratch\nLABEL a=b\n' >f
	b 0 -q -t variant -f f --platform linux/arm64/v8 .
	[ "$(mica inspect --format '{{.OCIv1.Architecture}} {{.OCIv1.Variant}} {{.OCIv1.Created.Year}}' variant)" = "arm64 v8 $(date -u +%Y)" ]
	[ "$(mica inspect --format '{{.OCIv1.Platform}}' variant)" = '{arm64 linux  [] v8}' ]
	b 0 -q -t plain -f f --platform linux/arm64 .
	printf 'FROM plain\nLABEL c=d\n' >f
	b 0 -q -t derived -f f --platform linux/arm64/v8 .
	[ "$(mica inspect --format '{{.OCIv1.Variant}}' derived)" = '' ]
	# what is here under the name is taken, and what is unpacked keeps its owners
	printf 'FROM variant\nADD --chown=3:4 a.tar c/x /\n' >f
	tar -cf a.tar --owner 7 --group 8 c/sub
	b 0 -q -t other -f f .
	[ "$(mica inspect --format '{{.OCIv1.Architecture}}' other)" = arm64 ]
	./buildah --root "$MICA_ROOT" from -q --name other other
	./buildah --root "$MICA_ROOT" add --chown 5:6 other a.tar c/x /added/
	[ "$(mica export other | tar -tv --numeric-owner | grep -E '(a1|x)$' | awk '{ print $2, $6 }' | sort)" = '3/4 x
5/6 added/x
7/8 added/c/sub/a1
7/8 c/sub/a1' ]
	printf '# escape=|\n' >odd
	b 125 -f f -f odd .
	[[ "$output" == *"odd:1:10: parsing additional Dockerfile odd: invalid ESCAPE '|'"* ]] || fail "$output"
	b 125 -f odd .
	[[ "$output" == *"odd:1:10: parsing main Dockerfile: odd: invalid ESCAPE '|'"* ]] || fail "$output"
	while IFS='|' read -r line want; do
		printf 'FROM busybox AS a/b\n%s\n' "$line" >f
		b "${want%%:*}" -f f --retry 2 --retry-delay 1ms --pull=never c
		[[ "$output" == *"${want#*:}"* ]] || fail "$line: $output"
	done <<-'END'
		ADD http://127.0.0.1:1/x /|125:; retrying in 1 ms (1/2)
		RUN|2:building at STEP "RUN": 
		COPY no* /in/|125:building at STEP "COPY no* /in/": f:2:6: COPY: no items matching glob "no*" copied: no such file or directory
		RUN --mount=type=bind,from=,target=/t true|125:points to an empty value
		FROM localhost/nosuch|125:creating build container: localhost/nosuch: 
		COPY sub /|125:building at STEP "COPY sub /": no items matching glob "sub" copied (1 filtered out using /
		COPY --chown=$u:$u x /|125:looking up UID/GID for ":": can't find uid for user
		COPY --chown x /|125:COPY only supports the --chmod=<permissions> --chown=<uid:gid>
		ADD --checksum x /|125:ADD only supports the --chmod=<permissions>, --chown=<uid:gid>, and --checksum=<checksum>
	END
}

@test "what is copied with --link is a layer of its own, when the container is committed" {
	mkdir -p d/sub
	echo data | tee x >d/sub/f
	tar -cf a.tar -C d sub
	mica from -q --name c busybox
	mica run c -- sh -c 'echo own >/x; adduser -D -u 71 linker 2>/dev/null || echo "linker:x:71:71::/:/bin/sh" >>/etc/passwd'
	mica copy -q --link --chown linker c x /
	mica add --link c a.tar /un/packed/
	run ! mica copy --link c nosuch /
	for option in '' --link; do
		run -125 --separate-stderr mica copy $option --chown nobody-here c x /
		assert_error "--chown=nobody-here: no user 'nobody-here'"
	done
	[ "$(mica run c -- sh -c 'cat /x; ls -d /un 2>/dev/null || echo none')" = $'own\nnone' ]
	echo more >"more"
	mica commit -q --add-file "$PWD/more:/more" c linked
	mica inspect --format '{{json .OCIv1}}' linked >j
	[ "$(jq '.rootfs.diff_ids | length' j)" = $(($(mica inspect --format '{{json .OCIv1}}' busybox | jq '.rootfs.diff_ids | length') + 4)) ]
	[ "$(jq -r '[.history[] | select(.empty_layer | not)] | .[-3:] | map(.created_by | sub("[0-9a-f]{64}"; "H")) | join("|")' j)" = \
		'/bin/sh -c #(nop) COPY --link file:H in /|/bin/sh -c #(nop) ADD --link file:H in /un/packed/|/bin/sh -c #(nop) ADD files' ]
	[ "$(mica run linked -- sh -c 'cat /x /un/packed/sub/f /more; stat -c %u /x')" = $'data\ndata\nmore\n71' ]
	mica commit -q --squash c flat
	[ "$(mica run flat -- cat /x /un/packed/sub/f)" = $'data\ndata' ]
	[ "$(mica inspect --format '{{json .OCIv1}}' flat | jq '.rootfs.diff_ids | length')" = 1 ]
	# what is empty is in templates, but not in their JSON
	[ "$(mica inspect --format '{{json .OCIv1}}
{{json .Docker}}' flat)" = "$(mica inspect flat | /usr/bin/jq -c '.OCIv1, .Docker')" ]
	[ "$(mica inspect --format '{{.Docker.Config}}' flat)" = '{   false false false map[] false false false [PATH=/usr/bin:/bin] [sh] <nil> false  map[]  [] false  [] map[]  <nil> []}' ]
	[ "$(mica inspect --format '{{.OCIv1.Config.Entrypoint}}{{.OCIv1.Config.Volumes}}{{.OCIv1.Author}}{{.OCIv1.Config.Healthcheck}}' flat)" = '[]map[]<nil>' ]
}

@test "a run shows how this machine is called, and can be named like its container" {
	ln -s "$MICA_BIN" buildah
	mica from -q --name My_c.1 busybox
	printf '[containers]\ncontainer_name_as_hostname = true\n' >conf
	[ "$(mica run My_c.1 hostname)" = "$(mica containers --format '{{.ContainerID}}' | cut -c 1-12)" ]
	[ "$(CONTAINERS_CONF=$PWD/conf mica run My_c.1 hostname)" = Myc.1 ]
	[ "$(mica run --hostname own My_c.1 grep -w own /etc/hosts)" = $'127.0.0.1\town' ]
	[ "$(mica run --network host My_c.1 -- grep internal /etc/hosts)" = $'127.0.0.1\thost.containers.internal\n127.0.0.1\thost.docker.internal' ]
	[ "$(mica run --network none My_c.1 -- grep -c internal /etc/hosts)" = 0 ]
	[ "$(mica run --network host --add-host host.docker.internal:10.1.2.3 My_c.1 -- grep internal /etc/hosts | sort)" = \
		$'10.1.2.3\thost.docker.internal\n127.0.0.1\thost.containers.internal' ]
	# names of buildah's may have colons; what it shows to be written to is not written
	./buildah --root "$MICA_ROOT" from -q --name :c: busybox
	[ "$(CONTAINERS_CONF=$PWD/conf ./buildah --root "$MICA_ROOT" run :c: hostname)" = c ]
	run ! mica from --name :d: busybox
	mkdir -m 0751 d
	echo a >d/f
	./buildah --root "$MICA_ROOT" run --mount "type=bind,src=$PWD/d,dst=/d,rw" --mount "type=bind,src=$PWD/d/f,dst=/f,rw" :c: -- \
		sh -ec 'touch /d/new; echo b >>/d/f; echo c >>/f; [ "$(stat -c %a /d) $(cat /f)" = "751 a
c" ]'
	[ "$(cat d/*)" = a ]
}

@test "a program that is called buildah says and refuses what buildah does" {
	ln -s "$MICA_BIN" buildah
	printf 'FROM scratch\nLABEL a=1\n' >f
	label() { mica inspect --format '{{index .OCIv1.Config.Labels "io.buildah.version"}}' "$1"; }
	./buildah --root "$MICA_ROOT" build -q -t l -f f .
	version=$(./buildah --version)
	[ "$(label l)" = "$(cut -d ' ' -f 3 <<<"$version")" ]
	./buildah --root "$MICA_ROOT" build -q -t l --identity-label=false -f f .
	[ -z "$(label l)" ]
	./buildah --root "$MICA_ROOT" build -q -t l --unsetlabel io.buildah.version -f f .
	[ -z "$(label l)" ]
	./buildah --root "$MICA_ROOT" build -q -t l --timestamp 0 -f f .
	[ -z "$(label l)" ]
	SOURCE_DATE_EPOCH=0 ./buildah --root "$MICA_ROOT" commit -q "$(mica from scratch)" l
	[ -z "$(label l)" ]
	mica from -q --name dated scratch
	mica copy -q dated f /
	for option in '' --rewrite-timestamp; do
		id=$(SOURCE_DATE_EPOCH=0 ./buildah --root "$MICA_ROOT" commit -q $option dated "dir:o$option")
		[ "$id" = "$(jq -r '.config.digest[7:]' "o$option/manifest.json")" ]
		tar -tvf "o$option/$(jq -r '.layers[0].digest[7:]' "o$option/manifest.json")" >>"times"
	done
	[ "$(grep -c ' 1970-01-01 ' times) $(wc -l <"times")" = '1 2' ]
	mica build -q -t l --identity-label --label io.buildah.version=own -f f .
	[ "$(label l)" = own ]
	mica build -q -t l -f f .
	[ -z "$(label l)" ]
	export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=oci
	b() {
		run -"$1" --separate-stderr ./buildah --root "$MICA_ROOT" "${@:2}"
	}
	b 125 rename nosuch other
	[ "$stderr" = "Error: 'nosuch': container not known" ]
	b 1 unshare ./none
	[ "$stderr" = "Error: cannot run './none': no such file or directory" ]
	b 0 push -q --cert-dir ./none l oci:there
	b 125 rm one two
	[ "$stderr" = $'removing container "one": container not known\nError: removing container "two": container not known' ]
	for line in 'add c -q /f' 'commit c -q' 'config c -q' 'copy c f --quiet' 'from scratch -q' 'images i -q' 'inspect c -q' \
		'mount c -q' 'prune x -q' 'pull i -q' 'push i i -q' 'rm c -q' 'rmi i -q' 'umount c -q'; do
		b 125 $line
		[[ "$stderr" =~ ^'Error: no options (-'(q|-quiet)') can be specified after the image or container name'$ ]] || fail "$line: $stderr"
	done
	b 125 rmi one two
	[ "$stderr" = $'Error: 2 errors occurred:\n\t* one: image not known\n\t* two: image not known' ]
	b 125 images one two
	[ "$stderr" = "Error: 'buildah images' requires at most 1 argument" ]
	# bud is buildah's way by whatever name, but for how the program is called
	run -125 --separate-stderr mica bud . -t t
	[[ "$stderr" == "Error: 'mica build' "*'accepts at most 1 arg(s), received 3'* ]]
	run -125 --separate-stderr ./buildah manifest create
	[ "$stderr" = "Error: 'buildah manifest create' wants at least 1 argument. See 'buildah manifest create --help'" ]
	[[ $version =~ ^'buildah version 1.'[0-9]+\.[0-9]+' (image-spec ' ]]
	[ "$(./buildah version --json | jq -r '[.version, .gitCommit, .goVersion, .cniSpec, .libcniVersion, .imageVersion, .built] | join(",")')" = \
		"$(cut -d ' ' -f 3 <<<"$version"),,,,,,Thu Jan  1 00:00:00 1970" ]
	b 125 add --retry 1 --retry-delay 1ms "$(mica from scratch)" http://127.0.0.1:1/x /
	[[ "$stderr" == *'retrying in 1 ms (1/1)'* ]]
	printf 'FROM busybox\nRUN echo out; echo err >&2\n' >f
	b 0 build -t l -f f .
	[[ "$output" =~ ^$'STEP 1/2: FROM busybox\nSTEP 2/2: RUN echo out; echo err >&2\nout\nCOMMIT l\n--> '[0-9a-f]{12}$'\nSuccessfully tagged localhost/l:latest\n'[0-9a-f]{64}$ ]] ||
		fail "$output"
	[[ "$stderr" == *$'\nerr\n'*'Writing manifest to image destination'* && "$stderr" != *STEP* ]] || fail "$stderr"
	# in one file they have their order
	run -0 ./buildah --root "$MICA_ROOT" build -f f .
	[[ "$output" == *$'\nout\nerr\nCOMMIT'* ]] || fail "$output"
	# as with buildah the ID is in one place: the log, the file for it, else standard output
	b 0 build -f f --logfile log .
	[[ -z "$output" && $(<log) =~ $'\nSTEP 2/2: RUN '.*$'\nerr\n'.*$'\n'[0-9a-f]{64}$ ]] || fail "$output"
	b 0 build -q -f f --logfile log .
	[[ -z "$output" && $(<log) =~ ^[0-9a-f]{64}$ ]] || fail "$output"
	run -0 --separate-stderr mica bud -f f --iidfile iid .
	[[ "$output" == *$'\nout\n'* && "$stderr" != *STEP* && "$output" != *'--> '* && "$output" != *"$(cut -d: -f2 iid)"* ]] || fail "$output"
	./buildah --root "$MICA_ROOT" build -f f -o - . 2>stderr | tar -t >/dev/null
	grep -x out stderr
	b 0 build -q -f f -o type=local,dest=files .
	[[ "$(./buildah --root "$MICA_ROOT" images -qf dangling=true --no-trunc)" == *"$output"* && $output =~ ^[0-9a-f]{64}$ && -d files/bin ]] || fail "$output"
	b 125 from --userns-uid-map 16 scratch
	[ "$stderr" = 'Error: initializing ID mappings: userns-uid-map setting is malformed expected ["uint32:uint32:uint32"]: ["16"]' ]
	b 125 pull --authfile nosuch busybox
	[ "$stderr" = "Error: credential file is not accessible: stat nosuch: no such file or directory (option '--authfile')" ]
	b 0 config --cmd one dated
	b 0 config --cmd two --entrypoint '["/e"]' dated
	[ "$stderr" = 'level=warning msg="cmd \"one\" exists and will be passed to entrypoint as a parameter"' ]
	export REGISTRY_AUTH_FILE=/nosuch
	b 0 manifest create list
	for words in 'pull oci:nosuch' 'push l oci:there' 'from scratch' 'commit dated here' 'manifest push list oci:there' 'build -f f .'; do
		# shellcheck disable=SC2086
		b 125 $words
		[ "$stderr" = 'Error: credential file is not accessible: stat /nosuch: no such file or directory (REGISTRY_AUTH_FILE)' ] || fail "$words: $stderr"
	done
	b 0 manifest inspect list
	b 0 images --format '{{.Size}} {{.CreatedAtRaw}}' -f reference=list
	[[ "$output" =~ ^'88 B '\ *20[0-9]+- ]] || fail "$output"
	REGISTRY_AUTH_FILE=$T/auth.json
	for option in dns dns-option dns-search; do
		b 125 build "--$option=example.com" --network=none .
		[ "$stderr" = "Error: the --$option option cannot be used with --network=none" ]
	done
	# neither steps nor their layers are kept, and a squashed image is one layer
	printf 'FROM busybox\nRUN date +%%N >/one\nRUN date +%%N >/two\n' >Containerfile
	b 0 build -q -t once .
	once=$output
	b 0 build -t twice .
	[[ "$output" != *'Using cache'* && "$stderr" == *$'Writing manifest to image destination\n'* ]]
	[ "$(grep -c '^-->' <<<"$output")" = 1 ]
	[ "${lines[-1]}" != "$once" ]
	b 0 inspect --format '{{len .Docker.RootFS.DiffIDs}}' "$once"
	[ "$output" = 2 ]
	BUILDAH_LAYERS=true b 0 build -q -t once .
	once=$output
	b 0 build -q --squash .
	b 0 inspect --format '{{len .Docker.RootFS.DiffIDs}}' "$output"
	[ "$output" = 1 ]
	# which leaves the cache as it is
	b 0 build -q --layers .
	[ "$output" = "$once" ]
	# a name that was built here is not looked for elsewhere
	b 125 pull --retry 0 --policy=always once
	[[ "$stderr" == 'Trying to pull localhost/once:latest...'* ]]
	b 125 from --retry 0 --pull once
	[[ "$stderr" == 'Getting image source signatures'* ]]
	# pruning takes the caches of RUN, too
	printf 'FROM busybox\nRUN --mount=type=cache,target=/c mkdir /c/made\n' >Containerfile
	for _ in 1 2; do
		b 0 build -q .
		b 0 prune
	done
	echo FROM nosuch >Containerfile
	b 125 build --pull=false .
	[[ "$stderr" == *'nosuch: image not known'* ]]
	# mica takes options anywhere
	mica from --name c busybox -q
	mica commit -q c c_image
	b 1 run c nosuch
	[ "$stderr" = "Error: cannot execute 'nosuch': not found in PATH" ]
	b 125 run --user nosuch c true
	[ "$stderr" = "Error: unknown user error: no user 'nosuch' in the image's /etc/passwd" ]
	mkdir etc
	ln -s /etc/passwd etc/passwd
	tar -cf loop.tar etc
	mica from --name loop -q scratch
	mica add -q loop loop.tar /
	b 125 run --user nosuch loop true
	[[ "$stderr" == "Error: unknown user error: "* ]]
	b 125 run --network bogus c true
	[[ "$stderr" == *'unable to find network with name or ID bogus: network not found'* ]]
	b 0 push c_image "dir:$PWD/copied"
	[[ "$stderr" == *'Copying blob sha256:'*'Writing manifest to image destination'* ]]
	b 0 run c grep engine /run/.containerenv
	[[ "$output" == 'engine="buildah-1.'* ]]
}

@test "an image that is not there is told by the words that scripts look for, and an ID is never pulled" {
	: >"$T/registry.log"
	run --separate-stderr mica from --pull-never nosuch
	assert_error '^mica: nosuch: image not known'
	run --separate-stderr mica from "sha256:$(printf '%064d' 1)"
	assert_error '0001: image not known'
	run --separate-stderr mica commit --authfile /nosuch nobody
	assert_error "'nobody': container not known"
	mica from --name c scratch
	run --separate-stderr mica commit --authfile /nosuch c here
	assert_error 'credential file is not accessible: stat /nosuch: no such file or directory'
	[ ! -s "$T/registry.log" ]
	mica commit c "dir:$PWD/somewhere" 2>stderr
	grep -x 'Writing manifest to image destination' stderr
	[ "$(mica from "dir:$PWD/somewhere")" = dir-working-container ]
	mica config --author me c
	[ "$(mica inspect --type container --format '{{.Docker.Author}}{{.Docker.Container}}' c)" = me ]
}

@test "global options may stand behind the command, as scripts for buildah have them" {
	"$MICA_BIN" from --root "$MICA_ROOT" --storage-driver=vfs --name c scratch
	[ "$("$MICA_BIN" containers --root="$MICA_ROOT" --format '{{.ContainerName}}')" = c ]
	mkdir ctx
	echo file >ctx/file
	printf 'FROM scratch\nCOPY file /\n' >ctx/Named
	"$MICA_BIN" build --root "$MICA_ROOT" -q -t named ctx/Named
	(cd ctx && mica build -q -t named Named)
	run --separate-stderr mica containers --log-level nosuch
	assert_error 'not a valid logrus Level: "nosuch"'
	run --separate-stderr mica containers --rootdir x
	assert_error "unknown option '--rootdir'"
}

@test "a container is found by name, ID and the beginning of one" {
	mica from --cidfile cid --name x scratch
	id=$(cat cid)
	[ "$(mica containers -q)" = "$id" ]
	mica config --author a "$id"
	mica config --author b "${id:0:8}"
	[ "$(container_config x .author)" = '"b"' ]
	run --separate-stderr mica config --author c nobody
	assert_error 'container not known'
	run --separate-stderr mica run nobody:x true
	[ "$status" = 125 ]
	for i in {01..12}; do
		cp -r "$MICA_ROOT/containers/$id" "$MICA_ROOT/containers/$(printf 'abcdef%s%056d' "$i" 0)"
	done
	run -125 --separate-stderr mica rm abcdef1
	assert_error "'abcdef1' is ambiguous: the IDs of 3 working containers begin with it: abcdef100000 \(x\), abcdef110000 \(x\), abcdef120000 \(x\)$"
	run -125 --separate-stderr mica inspect abcdef
	assert_error "'abcdef' is ambiguous: the IDs of 12 working containers begin with it: abcdef010000 \(x\), .*, abcdef100000 \(x\), and 2 more$"
}

@test "run passes the status, standard input and the environment" {
	unset CONTAINERS_CONF # isolation 'chroot' takes no network away
	mica from -q --name c busybox
	run mica run c -- sh -c 'exit 7'
	[ "$status" = 7 ]
	[ "$(echo in | mica run c cat)" = in ]
	# it has a terminal where all three are one: what is said to be elsewhere goes there
	script -qec "'$MICA_BIN' --root '$MICA_ROOT' run c sh -c 'test -t 1 || echo err >&2' 2>errors" /dev/null </dev/null
	[ "$(<errors)" = err ]
	[[ "$(script -qec "'$MICA_BIN' --root '$MICA_ROOT' run c tty" /dev/null </dev/null)" == */dev/pts/* ]]
	mica config --env A=1 --user app --workingdir /tmp c
	[ "$(mica run -e B=2 c -- sh -c 'echo $A $B $(id -u) $PWD')" = "1 2 1000 /tmp" ]
	[ "$(ONE_A=1 ONE_B=2 mica run -e 'ONE_*' -e 'NONE_*' c -- sh -c 'echo $ONE_A$ONE_B')" = 12 ]
	mica from -q --name unproxied --http-proxy=false busybox
	proxies='echo $http_proxy $NO_PROXY'
	[ "$(http_proxy=one NO_PROXY=two mica run c sh -c "$proxies")" = "one two" ]
	[ -z "$(http_proxy=one NO_PROXY=two mica run --http-proxy=false c sh -c "$proxies")" ]
	[ -z "$(http_proxy=one NO_PROXY=two mica run unproxied sh -c "$proxies")" ]
	mica rm unproxied
	mica config --env 'A=${A}:$PATH:$none' c
	[ "$(mica run c -- sh -c 'echo $A')" = "1:/usr/bin:/bin:" ]
	[ "$(mica run --user root --workingdir /var c -- sh -c 'echo $(id -u) $PWD')" = "0 /var" ]
	for isolation in oci chroot; do
		[ "$(mica run --isolation $isolation --user 1000:50 --workingdir "/new/$isolation" c -- sh -c 'echo >f; stat -c %u:%g . ..' | xargs)" = "1000:50 1000:50" ]
		mica run --user root c rm -r /new
	done
	[ "$(mica run c hostname)" = "$(mica containers --format '{{.ContainerID}}' | cut -c -12)" ]
	[ "$(mica run --hostname h c hostname)" = h ]
	run mica run c
	[ "$status" = 125 ]
	run -127 mica run c nosuchprogram
	for isolation in oci chroot; do
		run -125 --separate-stderr mica run --isolation $isolation --user nobody c true
		grep -qx "mica: no user 'nobody' in the image's /etc/passwd" <<<"$stderr"
	done
	# an empty name is none, as with buildah
	c=$(mica from --quiet --name '' scratch)
	[[ "$c" == *working-container ]]
}

@test "the entry point and the default command are not run" {
	mica from -q --name c busybox
	mica config --entrypoint '["/bin/false"]' --cmd nothing c
	mica run c true
}

@test "what from says holds for each run, and run may say something else" {
	mkdir vol
	echo seen >vol/f
	mica from -q --name c --volume "$PWD/vol:/vol:ro" --ulimit nofile=100:100 --add-host there:1.2.3.4 --network none --ipc host busybox
	[ "$(mica inspect --format '{{.ConfigureNetwork}} {{index .NamespaceOptions 1}} {{index .NamespaceOptions 3}} {{index .NamespaceOptions 5}}' c)" = \
		'NetworkDisabled {ipc true } {network false } {user true }' ]
	[ "$(mica run c cat /vol/f)" = seen ]
	run mica run c touch /vol/g
	[ "$status" != 0 ]
	[ "$(mica run c -- sh -c 'ulimit -n')" = 100 ]
	[ "$(mica run --ulimit nofile=50:50 c -- sh -c 'ulimit -n')" = 50 ]
	mica run c grep there /etc/hosts
	mica from -q --name caps --cap-add sys_admin,CAP_SYS_TIME --cap-drop kill busybox
	effective() { mica run "$@" grep CapEff /proc/self/status | cut -f 2; }
	[ $((0x$(effective caps) & 0x2200020)) = $((0x2200000)) ]
	[ $((0x$(effective --cap-drop CAP_SYS_TIME --cap-add kill caps) & 0x2200020)) = $((0x200020)) ]
	[ $((0x$(effective --cap-drop ALL caps))) = 0 ]
	[ "$(mica run c -- sh -c 'ls /sys/class/net')" = lo ]
}

@test "a mount of run is there for that run alone" {
	mkdir dir
	echo seen >dir/f
	mica from -q --name c busybox
	[ "$(mica run --mount "type=bind,source=$PWD/dir,target=/d,ro" c cat /d/f)" = seen ]
	[ "$(mica run --contextdir "$PWD" --mount type=bind,src=dir,target=/d --mount type=bind,dst=/e c cat /d/f /e/dir/f)" = $'seen\nseen' ]
	run -125 --separate-stderr mica run --mount type=bind,src=,dst=/e c true
	assert_error "the bind on '/e' has no source"
	mica run --mount type=tmpfs,target=/t,tmpfs-size=1m c -- sh -c 'grep -q " /t tmpfs" /proc/mounts && echo >/t/x'
	mica run c -- sh -c '[ ! -e /d ] && [ ! -e /t ]'
	[ "$(mica run --mount type=bind,from=busybox,src=etc,target=/e c head -c 4 /e/passwd)" = root ]
	run ! mica run --mount type=bind,from=busybox,src=etc,target=/e c touch /e/new
	mica run --mount type=tmpfs,target=/t,tmpfs-mode=0700 c -- sh -c '[ "$(stat -c %a /t)" = 700 ]'
	# what is shown of this machine is read-only unless one says otherwise, as buildah has it
	run ! mica run --mount "type=bind,source=$PWD/dir,target=/d" c touch /d/new
	mica run --mount "type=bind,source=$PWD/dir,target=/d,rw" c touch /d/new
	mica run c -- sh -c 'mkdir -m 750 /up /up/d && ln -s f /up/l && echo was >/up/f && chown -h 3:4 /up /up/l /up/f && chmod 640 /up/f'
	seen=$(mica run c -- stat -c %u:%g:%a /up /up/f /up/l)
	mica run --mount type=tmpfs,target=/up,tmpcopyup,noexec c -- sh -c 'stat -c %u:%g:%a /up /up/f /up/l; cat /up/l; rm -r /up/d; grep " /up " /proc/mounts' >out
	[[ "$(cat out)" == "$seen"$'\nwas\ntmpfs '*noexec* ]] || fail "$(cat out)"
	run ! mica run --mount type=tmpfs,target=/up,tmpcopyup,ro c touch /up/f
	mica run c -- sh -c 'test -d /up/d && rm -r /up'
	run --separate-stderr mica run --mount type=secret,target=/c c true
	assert_error "type 'secret'"
	run --separate-stderr mica run --mount type=tmpfs,target=/c,tmpfs-mode=9 c true
	assert_error "'9' is not an octal mode"
	[ -z "$(ls -A "$MICA_ROOT"/containers/*/upper)" ]
}

@test "a cache mount of run is that of RUN, and is there again" {
	mica from -q --name c busybox
	mica run --mount type=cache,target=/m,mode=0750,uid=5 c -- sh -c '[ "$(stat -c %a:%u /m)" = 750:5 ]'
	mica run --mount type=cache,target=/c c -- sh -c 'mkdir /c/sub && echo kept >/c/sub/f'
	[ "$(mica run --mount type=cache,target=/c,src=sub c cat /c/f)" = kept ]
	[ "$(mica run --mount type=cache,id=/c,target=/other,sharing=locked c cat /other/sub/f)" = kept ]
	containerfile <<-'END'
		FROM busybox
		RUN --mount=type=cache,target=/c cat /c/sub/f >/f
	END
	mica build -q -t t ctx
	[ "$(in_image t cat /f)" = kept ]
	run --separate-stderr mica run --mount type=cache,target=/c,sharing=no c true
	assert_error "'sharing=no' is not one of"
}

@test "a volume as an overlay: changes are thrown away, or lie where one says" {
	mkdir -p 'l:ow' up work
	echo low >l:ow/f
	mica from -q --name c -v "$PWD/l\:ow:/v:O" busybox
	[ "$(mica run c -- sh -c 'echo new >/v/g && cat /v/f /v/g')" = "low
new" ]
	[ "$(mica run c ls /v)" = f ]
	mica run -v "$PWD/l\:ow:/k:O,upperdir=$PWD/up,workdir=$PWD/work" c -- sh -c 'echo kept >/k/g'
	[ "$(cat up/g)" = kept ]
	[ "$(mica run -v "$PWD/l\\:ow:/k:O,upperdir=$PWD/up,workdir=$PWD/work" c cat /k/g)" = kept ]
	[ "$(ls l:ow)" = f ]
	mica run -v "$PWD/up:/v:rw,rshared,z" c test -e /v/g
	run --separate-stderr mica run -v "$PWD/up:/k:upperdir=$PWD/up" c true
	assert_error "are for 'O'"
	[[ "$(mica run -v "$PWD/up:/k:noexec,nosuid,nodev,cached" c grep ' /k ' /proc/mounts)" == *nosuid,nodev,noexec* ]]
	run --separate-stderr mica run -v "$PWD/up:/k:exe" c true
	assert_error "'exe' is not one of"
}

@test "a volume with U becomes the user's, and never all of /usr" {
	[ "$(id -u)" = 0 ] || skip "gives files away, which takes root"
	mkdir -p dir/sub
	touch dir/sub/f outside && ln -s ../outside dir/link
	mica from -q --name c -v "$PWD/dir:/v:U" busybox
	mica run --user app c touch /v/sub/new
	[ "$(stat -c %u:%g dir dir/sub dir/sub/f dir/sub/new dir/link outside | sort | uniq -c | tr -s ' \n' ' ')" = ' 1 0:0 5 1000:1000 ' ]
	mica run --mount "type=bind,source=$PWD/dir/sub/f,target=/f,U" --user 7:8 c true
	[ "$(stat -c %u:%g dir/sub/f)" = 7:8 ]
	mica run --network none -v "$PWD/dir:/o:O,U" --user 9 busybox touch /o/sub/x
	[ "$(stat -c %u dir/sub)" = 7 ] # of the run before
	run --separate-stderr mica run -v /usr/:/v:U c true
	assert_error "option 'U': '/usr' is not given to anybody else"
	run --separate-stderr mica run --mount type=bind,src=/etc,target=/v,U c true
	assert_error "option 'U': '/etc' is not given"
}

@test "a command finds out where it runs" {
	mica from -q --name c busybox
	[ "$(mica run --hostname h c cat /etc/hostname)" = h ]
	run ! mica run --no-hostname c cat /etc/hostname
	mica run --net container c grep -w c /etc/hosts
	[ "$(mica run --dns 192.0.2.1 --dns-search example.org --dns-option ndots:3 c sort /etc/resolv.conf | grep -v '^nameserver ::')" = $'nameserver 192.0.2.1\noptions ndots:3\nsearch example.org' ]
	run ! mica run --dns none c cat /etc/resolv.conf
	run --separate-stderr mica from --dns none --dns-search example.org busybox
	assert_error "'none' cannot be combined"
	[ "$(mica run c -- sh -c '. /run/.containerenv && echo $name $image $rootless')" = "c docker.io/library/busybox:latest 0" ]
	[ "$(mica run c -- sh -c '. /run/.containerenv && echo $id')" = "$(mica inspect --type container --format '{{.ContainerID}}' c)" ]
	[ -z "$(ls -A "$MICA_ROOT"/containers/*/upper)" ]
}

@test "from carries out the triggers of the image, with the container alone on standard output" {
	mkdir ctx && echo c >ctx/b && printf '#!/bin/sh\n' >ctx/x
	mica from -q --name c busybox
	mica config --onbuild 'RUN echo told; echo "$0" >/ran' --onbuild 'ENV A=b' --onbuild 'COPY --chmod=600 ctx/$A /copied' --onbuild 'LABEL l=$A' \
		--onbuild 'ADD ["ctx/x", "/y"]' --onbuild 'HEALTHCHECK CMD true' --onbuild 'USER app' --onbuild 'RUN ["id", "-u"]' c
	mica commit -q c trigger
	run -0 --separate-stderr mica from --name d trigger
	[ "$output" = d ]
	[ "$stderr" = "STEP 1: RUN echo told; echo \"\$0\" >/ran
told
STEP 2: ENV A=b
STEP 3: COPY --chmod=600 ctx/\$A /copied
STEP 4: LABEL l=\$A
STEP 5: ADD [\"ctx/x\", \"/y\"]
STEP 6: HEALTHCHECK CMD true
mica: warning: ONBUILD HEALTHCHECK CMD true: from leaves it out
STEP 7: USER app
STEP 8: RUN [\"id\", \"-u\"]
1000" ] || fail "$stderr"
	[ "$(mica run --user 0 d -- sh -c 'cat /ran /copied; stat -c %a /copied; ls /y; echo $A')" = $'/bin/sh\nc\n600\n/y\nb' ]
	[ "$(mica inspect --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Labels.l}} {{len .Docker.Config.OnBuild}}' d)" = 'app b 0' ]
	mica config --onbuild 'RUN exit 3' c
	mica commit -q c trigger
	run -3 --separate-stderr mica from -q trigger
	[ "$stderr" = "mica: warning: ONBUILD HEALTHCHECK CMD true: from leaves it out
mica: ONBUILD RUN exit 3: the command ended with status 3" ] || fail "$stderr"
	[ -z "$output" ]
}

# --- copy and add ---

@test "copy takes files, directories and patterns, and prints a digest" {
	mkdir -p ctx/sub
	echo a >ctx/a.txt && echo b >ctx/b.txt && echo s >ctx/sub/s
	mica from --name c scratch
	[[ $(mica copy c ctx/a.txt) =~ ^[0-9a-f]{64}$ ]]
	[ -z "$(mica copy -q c ctx/a.txt /named)" ]
	mica copy -q c ctx/a.txt ctx/b.txt /two
	mica copy -q c ctx /all
	mica copy -q c 'ctx/*.txt' "$PWD/ctx/sub" /glob
	mica config --workingdir /wd c
	mica copy -q c ctx/a.txt here
	merged=$(mica mount c)
	[ "$(cd "$merged" && find . -type f | sort | tr '\n' ' ')" = \
		"./a.txt ./all/a.txt ./all/b.txt ./all/sub/s ./glob/a.txt ./glob/b.txt ./glob/s ./named ./two/a.txt ./two/b.txt ./wd/here " ]
	mica umount c >/dev/null
	[ "$(mica copy c ctx/a.txt /1)" = "$(mica copy c ctx/a.txt /2)" ]
	[ "$(mica copy c ctx/a.txt /1)" != "$(mica copy c ctx/b.txt /2)" ]
	run --separate-stderr mica copy c nosuch /
	assert_error "cannot copy '/.*/nosuch': no such file or directory"
	run --separate-stderr mica copy c 'ctx/*.none' /
	assert_error "cannot copy .*none': no such file"
	run --separate-stderr mica copy c
	assert_error 'src must be specified'
}

@test "copy gives owner and mode, root's unless one says otherwise" {
	echo x >f
	chown 1234:1234 f
	chmod 640 f
	mica from -q --name c busybox
	mica copy -q c f /plain
	mica copy -q --chown app:staff --chmod 600 c f /own
	mica copy -q --chown 5:6 --chmod u=rwx,go= c f /numbers
	[ "$(mica run c stat -c '%n %u:%g %a' /plain /own /numbers | tr '\n' ' ')" = "/plain 0:0 640 /own 1000:50 600 /numbers 5:6 700 " ]
	run --separate-stderr mica copy --chmod nine c f /
	assert_error "'--chmod': 'nine'"
}

@test "copy from a context leaves out what it is told to, and cannot leave it" {
	mkdir -p ctx/sub
	echo a >ctx/a && echo b >ctx/b && echo l >ctx/sub/x.log && echo k >ctx/sub/keep
	ln -s /etc/passwd ctx/out
	printf '%s\n' '*.log' '**/*.log' b >ignore
	mica from --name c scratch
	mica copy -q --contextdir ctx --ignorefile ignore c . /i
	mica copy -q --contextdir ctx --exclude sub --exclude out c . /e
	# from where they are looked for
	mica copy -q --contextdir ctx --exclude sub/x.log c sub /from-context
	mica copy -q --exclude x.log c ctx/sub /from-source
	ln -sf "$MICA_BIN" buildah
	./buildah --root "$MICA_ROOT" copy -q --exclude x.log --exclude '**/sub/keep' c ctx/sub /from-root
	mica copy -q --contextdir ctx --parents c sub/keep /p
	merged=$(mica mount c)
	[ "$(cd "$merged" && find . -type f | sort | tr '\n' ' ')" = "./e/a ./e/b ./from-context/keep ./from-root/x.log ./from-source/keep ./i/a ./i/sub/keep ./p/sub/keep " ]
	mica umount c >/dev/null
	run --separate-stderr mica copy --contextdir ctx c ../outside /
	assert_error "cannot copy '../outside' in ctx: no such file or directory"
	run mica copy --contextdir ctx c out /
	[ "$status" = 125 ]
	run -0 --separate-stderr mica copy -q --contextdir ctx c '[ab]' /last
	[ "$stderr" = "mica: warning: '/last' is no directory: of several files the last one is left there; end it with '/'" ] || fail "$stderr"
	run --separate-stderr mica copy --ignorefile ignore c ctx /
	assert_error "requires that you specify a context dir"
}

@test "copy from a context knows its ignore file, and where it is on this machine" {
	mkdir -p ctx/sub
	echo 1 >ctx/one
	echo 2 >ctx/sub/two
	mica from --name c scratch
	mica copy -q --contextdir ctx c "$PWD/ctx/sub" /abs
	echo sub >ctx/.containerignore
	echo one >ctx/.dockerignore
	mica copy -q --contextdir ctx c / /all
	echo two >other
	mica copy -q --contextdir ctx --ignorefile other c . /other
	merged=$(mica mount c)
	[ "$(cd "$merged" && find . -type f | sort | tr '\n' ' ')" = "./abs/two ./all/.containerignore ./all/.dockerignore ./all/one ./other/.containerignore ./other/.dockerignore ./other/one ./other/sub/two " ]
	mica umount c
}

@test "copy from a container and from an image" {
	mica from -q --name one busybox
	mica run one -- sh -c 'echo one > /made && chown app /made'
	mica from --name two scratch
	mica copy -q --from one two /made /from-container
	mica copy -q --from busybox two /etc/passwd /from-image
	mica copy -q --from one one /made /again
	mica copy -q --from one --chown 7:8 two /made /given
	mica copy -q --from busybox --contextdir etc two passwd /etc/group /context/
	run -125 --separate-stderr mica copy --from busybox --contextdir nowhere two passwd /x
	assert_error "cannot open the context directory '/nowhere': no such file or directory"
	merged=$(mica mount two)
	[ "$(cat "$merged/from-container")" = one ]
	# the owner comes along, as with COPY --from
	[ "$(stat -c %u:%g "$merged/from-container" "$merged/from-image" "$merged/given" | xargs)" = '1000:0 0:0 7:8' ]
	grep -q app "$merged/from-image"
	[ "$(cd "$merged/context" && echo *)" = "group passwd" ]
	[ "$(mica run one cat /again)" = one ]
}

@test "add unpacks archives and fetches URLs" {
	mkdir -p "$T/www"
	echo fetched >"$T/www/page"
	start_www
	mkdir -p in/dir
	echo f >in/dir/f
	tar -czf a.tar.gz -C in dir
	mica from --name c scratch
	mica add -q c a.tar.gz /un
	mica copy -q c a.tar.gz /kept/
	mica add -q c "$WWW/page" /web/
	mica add -q --checksum "sha256:$(sha "$T/www/page")" c "$WWW/page" /sum
	merged=$(mica mount c)
	[ "$(cat "$merged/un/dir/f" "$merged/web/page" "$merged/sum" | tr '\n' ' ')" = "f fetched fetched " ]
	[ -e "$merged/kept/a.tar.gz" ]
	mica umount c >/dev/null
	run --separate-stderr mica add --checksum "sha256:$(sha a.tar.gz)" c "$WWW/page" /bad
	assert_error 'content is sha256:'
	run --separate-stderr mica add --checksum "sha256:$(sha a.tar.gz)" c a.tar.gz /bad
	assert_error 'not supported for local sources'
	kill "$(cat "$T/www.pid")" && rm "$T/www.pid"
}

@test "add over a directory leaves whiteouts only of what the image has" {
	mkdir -p d/sub
	touch d/a d/sub/x own
	tar -cf one.tar d
	rm -r d && echo file >d
	tar -cf two.tar d
	rm d && mkdir d && touch d/b
	tar -rf two.tar d
	mica from --name base scratch
	mica add -q base one.tar /image
	mica commit -q base base >/dev/null
	mica from -q --name c base
	mica copy -q c own /image/d/sub/
	mica copy -q c own /image/d/
	mica copy -q c own /new/d
	mica add -q c one.tar /new
	mica add -q c two.tar /new
	mica add -q c two.tar /image
	mica commit -q c dir:o >/dev/null
	[ "$(tar -tf "o/$(jq -r ".layers[1].digest[7:]" o/manifest.json)" | grep -v '/$' | xargs)" = \
		'image/d/.wh.a image/d/.wh.sub image/d/b new/d/b' ]
	merged=$(mica mount c)
	[ "$(cd "$merged" && find image new | sort | xargs)" = 'image image/d image/d/b new new/d new/d/b' ]
	rm -r "$merged/new"
}

# --- config ---

@test "config sets everything, and takes it away again" {
	mica from --name c scratch
	mica config --env A=1 --env B=2 --label l=1 --label m=2 --port 80 --port 81/udp --volume /v --volume /w \
		--env A=1 --user app --workingdir /wd --author me --stop-signal TERM --annotation x=y --annotation z=z --arch arm64 --variant v8 \
		--os-version 1 --os-feature f --os-feature g --onbuild 'RUN x' --shell '/bin/bash -c' c
	[ "$(container_config c '| [.author, .architecture, .variant, ."os.version", ."os.features"]')" = '["me","arm64","v8","1",["f","g"]]' ]
	[ "$(container_config c '.config | [.Env, .Labels, (.ExposedPorts | keys), (.Volumes | keys)]')" = \
		'[["B=2","A=1"],{"l":"1","m":"2"},["80","81/udp"],["/v","/w"]]' ]
	[ "$(container_config c '.config | [.User, .WorkingDir, .StopSignal, .OnBuild, .Shell]')" = '["app","/wd","TERM",["RUN x"],["/bin/bash","-c"]]' ]
	[ "$(mica inspect c | jq -c .ImageAnnotations)" = '{"x":"y","z":"z"}' ]
	mica config --env A- --label l- --port 80- --volume /v- --user '' --annotation x- --unsetlabel m --unsetannotation z --os-feature f- c
	[ "$(container_config c '.config | [.Env, .Labels, (.ExposedPorts | keys), (.Volumes | keys), .User]')" = '[["B=2"],null,["81/udp"],["/w"],null]' ]
	[ "$(container_config c '."os.features"')" = '["g"]' ]
	mica config --env - --port - --volume - --onbuild '' c
	[ "$(container_config c '.config | [.Env, .ExposedPorts, .Volumes, .OnBuild]')" = '[null,null,null,["RUN x"]]' ]
	run --separate-stderr env -u NOT_SET "$MICA_BIN" --root "$MICA_ROOT" config --env NOT_SET c
	assert_error 'no value given'
	FROM_HERE=1 mica config --env FROM_HERE c
	[ "$(container_config c .config.Env)" = '["FROM_HERE=1"]' ]
}

@test "config splits commands as buildah does" {
	mica from --name c scratch
	mica config --cmd "a 'b c' d\\ e" --entrypoint '["/e", "x y"]' c
	[ "$(container_config c '.config | [.Cmd, .Entrypoint]')" = '[["a","b c","d e"],["/e","x y"]]' ]
	mica config --cmd '["l", "m n"]' --entrypoint 'sh -c x' c
	[ "$(container_config c '.config | [.Cmd, .Entrypoint]')" = '[["l","m n"],["/bin/sh","-c","sh -c x"]]' ]
	mica config --cmd '' --entrypoint '' c
	[ "$(container_config c '.config | [.Cmd, .Entrypoint]')" = '[null,null]' ]
	mica config --os-feature a --os-feature - --os-feature b --os-feature bc --os-feature b- --os-version 1.0 c
	[ "$(mica inspect --format '{{.Docker.OSFeatures}} {{.OCIv1.OSVersion}}' c)" = '[bc] 1.0' ]
	mica config --healthcheck 'CMD a b' --healthcheck-interval 10s --healthcheck-retries 5 c
	[ "$(mica inspect --type container c | /usr/bin/jq -c .OCIv1.config.Healthcheck)" = '{"Test":["CMD","a","b"],"Interval":10000000000,"Timeout":30000000000,"Retries":5}' ]
	mica config --healthcheck 'CMD a' --healthcheck-start-interval 3s --healthcheck-timeout 4s c
	[ "$(container_config c '.config.Healthcheck | [.StartInterval, .Timeout, .Interval, .Retries]')" = '[3000000000,4000000000,10000000000,5]' ]
	mica config --healthcheck 'CMD-SHELL curl -f x || exit 1' --healthcheck-start-period 1m c
	[ "$(container_config c .config.Healthcheck.Test)" = '["CMD-SHELL","curl -f x || exit 1"]' ]
	run --separate-stderr mica config --cmd "a 'b" c
	assert_error 'a quote is not closed'
	run --separate-stderr mica config --healthcheck x --healthcheck-interval soon c
	assert_error 'time: invalid duration "soon", wanted is one such as'
}

@test "history is added when one asks, in the words of buildah" {
	echo x >f
	mica from -q --name c busybox
	mica run --add-history c -- echo some words >/dev/null
	mica copy --add-history c f / >/dev/null
	BUILDAH_HISTORY=true mica config --env A=1 --label l=2 c
	mica config --env B=1 c
	mica config --created-by 'all of it' --history-comment 'by hand' --author me c
	mica commit -q c made >/dev/null
	config_of made | jq -r '.history[1:][] | "\(.created_by) \(.empty_layer)"' | sed -E 's/[0-9a-f]{64}/HEX/' >got
	diff got - <<-'END'
		/bin/sh -c echo some words true
		/bin/sh -c #(nop) COPY file:HEX true
		/bin/sh -c #(nop) ENV A=1 true
		/bin/sh -c #(nop) LABEL l=2 true
		all of it null
	END
	[ "$(config_of made | jq -r '.history[1,-1] | "\(.author) \(.comment)"')" = $'null FROM docker.io/library/busybox:latest\nme by hand' ]
}

# --- commit ---

@test "commit writes the forms that it is asked for" {
	mica from -q --name c busybox
	mica run c touch /f
	mica config --hostname h --comment 'a comment' --env A=1 c 2>warned
	mica config --shell '/bin/sh -e' --onbuild 'RUN x' --healthcheck 'CMD x' c 2>>warned
	[ "$(grep -o '[A-Z]* is not supported for OCI image format' warned | cut -d ' ' -f 1 | paste -sd ' ')" = 'COMMENT HOSTNAME' ]
	mica commit -q c kept >/dev/null
	config_of kept | jq -e '.history[-1].created_by == "/bin/sh -e"'
	config_of kept | jq -e '.config | .Healthcheck.Test == ["CMD", "x"] and .OnBuild == ["RUN x"] and .Shell == ["/bin/sh", "-e"]'
	ln -sf "$MICA_BIN" buildah
	./buildah --root "$MICA_ROOT" config --shell '/bin/sh -e' --onbuild 'RUN x' --healthcheck 'CMD x' c 2>warned
	[ "$(grep -o '[A-Z]* is not supported for OCI image format' warned | cut -d ' ' -f 1 | paste -sd ' ')" = 'HEALTHCHECK ONBUILD SHELL' ]
	echo '{"Shell": ["/bin/sh"], "OnBuild": ["RUN y"]}' >config.json
	./buildah --root "$MICA_ROOT" commit -q --config config.json c kept >/dev/null
	config_of kept | jq -e '.config | has("Healthcheck") or has("OnBuild") or has("Shell") | not'
	mica config --shell '' --onbuild '' --healthcheck '' c 2>warned
	[ ! -s warned ]
	[ "$(./buildah --root "$MICA_ROOT" inspect --format '{{.Container}}' c | wc -l)" = 0 ]
	[ "$(mica inspect --format '{{.Container}}' c | wc -l)" = 1 ]
	mica commit -q c plain >/dev/null
	[ "$(manifest_of plain | jq -r '.layers | length')" = 2 ]
	[ "$(manifest_of plain | jq -r '.annotations."org.opencontainers.image.base.name"')" = docker.io/library/busybox:latest ]
	config_of plain | jq -e '.comment == null and .config.Hostname == null'
	mica commit -q --squash c squashed >/dev/null
	[ "$(manifest_of squashed | jq -r '.layers | length')" = 1 ]
	in_image squashed ls /f /bin/sh >/dev/null
	mica commit -q --format docker --unsetenv A c docker >/dev/null
	[ "$(mica inspect --type image docker | jq -r .Manifest | jq -r .mediaType)" = application/vnd.docker.distribution.manifest.v2+json ]
	[ "$(mica inspect --type image docker | jq -r '.OCIv1.comment, .OCIv1.config.Hostname, (.OCIv1.config.Env | join(" "))' | tr '\n' ' ')" = "a comment h PATH=/usr/bin:/bin " ]
	mica commit -q -D --omit-history --annotation k=v c bare >/dev/null
	[ "$(manifest_of bare | jq -r '.layers[-1].mediaType, .annotations.k' | tr '\n' ' ')" = "application/vnd.oci.image.layer.v1.tar v " ]
	config_of bare | jq -e '.history == null'
	[ -z "$(mica commit -q --iidfile iid --manifest list c in-list)" ]
	[ "$(cat iid)" = "$(image_id in-list)" ]
	mica manifest inspect list | jq -e '.manifests | length == 1'
	mica commit -q c >/dev/null
	mica images | grep -q '<none>'
	assert_clean_store
}

@test "commit changes the image's config, and not the container's" {
	mica from -q --name c busybox
	mica config --env A=1 --label l=1 --annotation a=1 --annotation b=2 --workingdir /w c
	echo '{"Env":["B=2"],"Cmd":["from","file"],"User":"app","Labels":{"m":"2"},"ExposedPorts":{"80/tcp":{}}}' >config.json
	mica commit -q --config config.json --change 'CMD ["/bin/x", "y z"]' -c 'ENTRYPOINT run it' --change 'ENV C=$A$B D="x y"' \
		--change 'LABEL l=3' --change 'WORKDIR sub' --change 'EXPOSE 90 91/udp' --change 'VOLUME /v' --change 'STOPSIGNAL 9' \
		--change 'ONBUILD RUN x' --unsetannotation a --unsetenv A --author me --message why -p --pause=false c t
	[ "$(config_of t | jq -r '"\(.author) \(.history[-1].comment)"')" = 'me why FROM docker.io/library/busybox:latest' ]
	[ "$(config_of t | /usr/bin/jq -Sc .config)" = '{"Cmd":["/bin/x","y z"],"Entrypoint":["/bin/sh","-c","run it"],"Env":["PATH=/usr/bin:/bin","B=2","C=2","D=x y"],"ExposedPorts":{"80/tcp":{},"90/tcp":{},"91/udp":{}},"Labels":{"l":"3","m":"2"},"OnBuild":["RUN x"],"StopSignal":"9","User":"app","Volumes":{"/v":{}},"WorkingDir":"/w/sub"}' ] || fail "$(config_of t)"
	[ "$(manifest_of t | jq -c '.annotations | [.a, .b]')" = '[null,"2"]' ]
	[ "$(mica inspect --type container --format '{{.OCIv1.Config.Cmd}} {{.OCIv1.Config.WorkingDir}}{{.OCIv1.Author}}{{.ImageHistoryComment}}' c)" = "[sh] /w" ]
	mica commit -q --identity-label c t
	[ "$(mica inspect --format '{{index .OCIv1.Config.Labels "io.buildah.version"}} {{.OCIv1.Config.Labels.l}}' t)" = "$("$MICA_BIN" --version | cut -d ' ' -f 3) 1" ]
	mica commit -q --omit-timestamp c t
	[ "$(manifest_of t | jq -r '.annotations."org.opencontainers.image.created"')" = 1970-01-01T00:00:00Z ]
	for without in --created-annotation=false --unsetannotation=org.opencontainers.image.created; do
		mica commit -q "$without" c t
		[ "$(manifest_of t | jq -r '.annotations."org.opencontainers.image.created"')" = null ]
	done
	run --separate-stderr mica commit --timestamp 1 --source-date-epoch 2 c t
	assert_error "'--timestamp' cannot be combined with '--source-date-epoch'"
	run --separate-stderr mica commit --change 'RUN x' c t
	assert_error "RUN is not one of CMD"
	run --separate-stderr mica commit --change 'NOSUCH x' c t
	assert_error "option '--change'.*NOSUCH"
	echo '{"Env":3}' >config.json
	run --separate-stderr mica commit --config config.json c t
	assert_error "option '--config'"
}

@test "commit adds files on top, and the container does not have them" {
	echo one >one
	echo two >two
	chmod 640 two
	ln -s one link
	mica from -q --name c busybox
	mica run c -- sh -c 'echo c >/c; chmod 1777 /tmp'
	mica commit -q --add-file one:/tmp/x --add-file "$PWD/two:/new/dir/two" --add-file one:/c c t
	[ "$(in_image t sh -c 'cat /tmp/x /new/dir/two /c; stat -c %a:%u /tmp /new/dir/two')" = "one
two
one
1777:0
640:0" ]
	[ "$(config_of t | jq '.rootfs.diff_ids | length')" = 3 ]
	[ "$(config_of t | jq '[.history[] | select(.empty_layer | not)] | length')" = 3 ]
	[ "$(mica run c -- sh -c 'cat /c; ls /tmp')" = c ]
	mica commit -q --squash --add-file link:/l c t
	[ "$(in_image t cat /l /c)" = "one
c" ]
	run --separate-stderr mica commit --add-file nosuch:/x c t
	assert_error "cannot open 'nosuch'"
	run --separate-stderr mica commit --add-file "$PWD:/x" c t
	assert_error "is not a file"
	assert_clean_store
}

@test "the same content with the same time is the same image" {
	mica from -q --name c busybox
	mica run c touch /f
	one=$(mica commit -q --timestamp 1000 c)
	mica run c touch /f
	[ "$(mica commit -q --timestamp 1000 c)" = "$one" ]
	[ "$(SOURCE_DATE_EPOCH=1000 mica commit -q c)" = "$one" ]
	[ "$(mica commit -q --source-date-epoch 1001 c)" != "$one" ]
}

@test "commit to a registry and to a layout leaves nothing in the store" {
	mica from -q --name c busybox
	mica run c touch /f
	[ -z "$(mica commit -q c "docker://$REG/pushed:1")" ]
	[ -z "$(mica commit -q --rm c "oci:$PWD/layout:made")" ]
	[ "$(mica images -q | wc -l)" = 1 ]
	skopeo inspect --tls-verify=false "docker://$REG/pushed:1" | jq -e '.Layers | length == 2'
	skopeo inspect "oci:layout:made" | jq -e '.Layers | length == 2'
	[ -z "$(mica containers -q)" ]
	mica prune >/dev/null
	assert_clean_store
}

# --- mount ---

@test "a mount shows and takes changes until it ends" {
	mica from -q --name c busybox
	[ "$(mica mount --json)" = null ]
	merged=$(mica mount c)
	[ -x "$merged/bin/busybox" ]
	[ "$(mica mount)" = "c $merged" ]
	[ "$(mica mount --json | jq -r '.[0].container, .[0].mountPoint' | tr '\n' ' ')" = "c $merged " ]
	[ "$(mica mount --notruncate)" = "c $merged" ]
	[ "$(mica inspect --format '{{.MountPoint}}' c)" = "$merged" ]
	echo outside >"$merged/outside"
	[ "$(mica run c cat /outside)" = outside ]
	mica run c -- sh -c 'echo inside > /inside; rm /etc/group'
	[ "$(cat "$merged/inside")" = inside ]
	[ ! -e "$merged/etc/group" ]
	mica copy -q c "$merged/inside" /copied
	[ "$(cat "$merged/copied")" = inside ]
	mica commit -q c made >/dev/null
	[ "$(in_image made cat /inside /outside /copied | tr '\n' ' ')" = "inside outside inside " ]
	[ "$(mica mount c)" = "$merged" ]
	mica umount c | grep -Ex '[0-9a-f]{64}'
	[ ! -e "$merged" ]
	[ -z "$(mica mount)" ]
	[ -z "$(mica umount c)" ]
	[ "$(mica run c cat /inside)" = inside ]
	mica mount c >/dev/null
	mica rm c
	assert_clean_store
}

@test "a mount of another boot is none" {
	mica from -q --name c busybox
	mica mount c >/dev/null
	umount "$MICA_ROOT"/containers/*/merged
	[ -z "$(mica mount)" ]
	mica run c touch /f
	sed -i 's/"mountBoot":"[^"]*"/"mountBoot":"another"/' "$MICA_ROOT"/containers/*/container.json
	[ -e "$(mica mount c)/f" ]
}

@test "several are mounted with their names, and all are umounted" {
	mica from --name a scratch
	mica from --name b scratch
	run mica mount a nosuch b
	[ "$status" = 125 ]
	[ "$(grep -cE '^[ab] /' <<<"$output")" = 2 ]
	[ "$(mica umount --all | wc -l)" = 2 ]
	[ -z "$(mica mount)" ]
	run --separate-stderr mica umount
	assert_error 'container ID must be specified'
}

# --- lists, names, ends ---

@test "containers lists as buildah does" {
	[ "$(mica containers --json)" = null ]
	mica from -q --name c busybox
	id=$(mica containers -q)
	[ "$(mica ps -n | tr -s ' ')" = "${id:0:12} * $(mica images -q) docker.io/library/busybox:latest c" ]
	[ "$(mica containers | head -1)" = "CONTAINER ID  BUILDER  IMAGE ID     IMAGE NAME                       CONTAINER NAME" ]
	mica containers --notruncate | grep -q "^$id    \*     "
	[[ "$(mica containers -n --notruncate)" == "$id    *     $(mica images -q --no-trunc | cut -d : -f 2) docker.io/library/busybox:latest c" ]]
	[ "$(mica containers --noheading --quiet --no-trunc)" = "$id" ]
	[ "$(mica containers --noheading)" = "$(mica containers | tail -n +2)" ]
	[ "$(mica container inspect --format '{{.Id}} {{.Name}} {{.ImageName}}' c)" = "$id c docker.io/library/busybox:latest" ]
	[ "$(mica containers --format '{{.Names}} {{.Image}} {{.ID}}')" = "$(mica containers --format '{{.ContainerName}} {{.ImageName}} {{.ContainerID}}')" ]
	[ "$(mica history --format '{{.Created}}' busybox | head -n 1)" = "$(mica history --format '{{.CreatedSince}}' busybox | head -n 1)" ]
	[ "$(mica info --format '{{.store.ContainerStore.number}} {{.Containers}} {{.Images}} {{.OSType}} {{.NCPU}} {{.DockerRootDir}} {{.ServerVersion}} {{.KernelVersion}}')" = \
		"$(mica info | jq -r '(.store.GraphOptions | arrays) + [1, 1, 1, "linux", .host.cpus, .store.GraphRoot] | join(" ")') $(mica version --format '{{.Mica}}') $(uname -r)" ]
	[ -x "$(mica info --format '{{.host.OCIRuntime}}')" ]
	[ "$(mica list --json | jq -r '.[0] | [.id, .builder, .imagename, .containername] | join(" ")')" = "$id true docker.io/library/busybox:latest c" ]
	[ "$(mica containers --format '{{.ContainerName}} {{.ImageName}}' | tr -s ' ')" = "c docker.io/library/busybox:latest" ]
	[ -z "$(mica containers -q --filter name=other)" ]
	[ "$(mica containers -q --filter name=c --filter "id=${id:0:5}" --filter ancestor=busybox)" = "$id" ]
	run --separate-stderr mica containers --filter no=1
	assert_error "'no=1' is not one of"
}

@test "rename and rm" {
	mica from --name a scratch
	mica from --name b scratch
	mica rename a c
	[ "$(mica containers --format '{{.ContainerName}}' | tr '\n' ' ')" = "c b " ]
	run --separate-stderr mica rename c b
	assert_error 'already in use by container'
	run mica rm nosuch c other
	[ "$status" = 125 ]
	[ "$(grep -c . <<<"$output")" = 3 ]
	grep -x 'mica: removing container "nosuch": container not known' <<<"$output"
	[ "${lines[-1]}" = 'mica: removing container "other": container not known' ]
	[ "$(mica containers --format '{{.ContainerName}}')" = b ]
	[ "$(mica delete --all | wc -l)" = 1 ]
	run --separate-stderr mica rm
	assert_error 'container ID must be specified'
}

@test "a base image stays while a container uses it" {
	mica from -q --name c busybox
	mica run c touch /f
	run --separate-stderr mica rmi busybox
	assert_error "image is in use by a container: 'c'"
	mica untag busybox
	mica prune --all >/dev/null
	mica run c ls /f /bin/sh >/dev/null
	mica commit -q c made >/dev/null
	assert_clean_store
	mica rm c >/dev/null
	mica rmi made >/dev/null
	mica prune --all >/dev/null
	[ -z "$(ls -A "$MICA_ROOT/layers")" ]
	mica from -q --name c busybox
	mica rmi -f busybox >/dev/null
	[ -z "$(mica containers -q)" ]
	assert_clean_store
}

@test "fsck tells of a container whose base is damaged" {
	mica from -q --name c busybox
	rm "$MICA_ROOT"/blobs/sha256/* -r "$MICA_ROOT"/layers/*
	mica untag busybox || true
	run mica fsck
	[ "$status" = 1 ]
	grep -q "below the working container 'c'" <<<"$output"
}

@test "a killed run leaves the container usable" {
	mica from -q --name c busybox
	"$MICA_BIN" --root "$MICA_ROOT" run c -- sh -c 'echo kept > /kept; sleep 100' 3>&- &
	pid=$!
	wait_for 10 sh -c "ls $MICA_ROOT/containers/*/upper/kept 2>/dev/null"
	kill -9 $pid
	wait $pid || true
	[ "$(mica run c cat /kept)" = kept ]
	mica commit -q c made >/dev/null
	mica rm c >/dev/null
	assert_clean_store
}

# A command in the container c that lasts until the file `end` is in there, or 20 s.
last_in_c() { # COMMANDS [OPTION...]
	local commands=$1
	shift
	"$MICA_BIN" --root "$MICA_ROOT" run "$@" c -- sh -c "$commands; n=0; until [ -e /end ] || [ \$((n += 1)) = 400 ]; do sleep 0.05; done; [ -e /end ]" 3>&- </dev/null &
}

@test "who comes second waits, and says so" {
	unset CONTAINERS_CONF # isolation 'chroot' takes no network away
	mica from -q --name c busybox
	last_in_c 'touch /begun' --isolation chroot
	pid=$!
	wait_for 10 sh -c "ls $MICA_ROOT/containers/*/upper/begun 2>/dev/null"
	# what is known of it is nobody's there
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" config --author me c
	[ "$(container_config c .author)" = '"me"' ]
	# those who can share with each other, and not with who is there
	: >waiting
	waiters=()
	for i in 1 2 3 4; do
		timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run c touch "/waited$i" 3>&- 2>>waiting &
		waiters+=($!)
	done
	wait_for 10 sh -c '[ "$(grep -c "^waiting: " waiting)" = 4 ]'
	kill -9 $pid
	wait $pid || true
	for i in "${waiters[@]}"; do
		wait "$i"
	done
	last_in_c 'rm /waited? /begun; touch /again' --isolation chroot
	pid=$!
	wait_for 10 sh -c "ls $MICA_ROOT/containers/*/upper/again 2>/dev/null"
	mica rm c 2>waiting >removed &
	second=$!
	wait_for 10 grep -q "waiting: another process uses the working container 'c'" waiting
	[ ! -s removed ]
	kill $pid
	wait $pid || true
	wait $second
	[ -z "$(mica containers -q)" ]
}

@test "several commands at once in one container, as long as one of them lasts" {
	mica from -q --name c busybox
	upper=$(echo "$MICA_ROOT"/containers/*/upper)
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run --add-history -v "$D:/seen" c -- sh -c 'mkfifo /ask /answer; touch /served; read -r word </ask; echo "heard $word" >/answer' 3>&- </dev/null &
	server=$!
	wait_for 10 test -e "$upper/served"
	[ "$(timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run c -- sh -c 'echo hello >/ask; cat /answer')" = 'heard hello' ]
	wait $server
	[[ $(container_config c '.history[-1].created_by') == *served* ]]
	# who began ends first, and others come after that
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run -v "$D:/seen" c -- sh -c 'rm /served /ask /answer; touch /first; until [ -e /second ]; do sleep 0.02; done' 3>&- </dev/null &
	first=$!
	wait_for 10 test -e "$upper/first"
	last_in_c 'touch /second' -v "$D:/seen"
	second=$!
	wait_for 10 test -e "$upper/second"
	wait $first
	[ "$(timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run -v "$D:/made/here" c -- /nonexistent >/dev/null 2>&1 || echo $?)" = 127 ]
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" config --author me c
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run c -- sh -c 'ls /first /second && touch /end'
	wait $second
	[ "$(container_config c .author)" = '"me"' ]
	# nothing of what was made for mounts, by whomever, is left
	[ "$(cd "$upper" && find . | sort | tr '\n' ' ')" = '. ./end ./first ./second ' ]
	[ ! -e "$upper/../work" ]
	assert_clean_store
}

@test "of several commands in one container any may be killed" {
	mica from -q --name c busybox
	upper=$(echo "$MICA_ROOT"/containers/*/upper)
	last_in_c 'touch /first'
	first=$!
	wait_for 10 test -e "$upper/first"
	last_in_c 'touch /second'
	second=$!
	wait_for 10 test -e "$upper/second"
	kill -9 $first
	wait $first || true
	[ "$(timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run c -- sh -c 'touch /third; ls -d /first /second | wc -l')" = 2 ]
	last_in_c 'touch /fourth'
	fourth=$!
	wait_for 10 test -e "$upper/fourth"
	kill -9 $second
	wait $second || true
	mica run c touch /end
	wait $fourth
	[ ! -e "$upper/../work" ]
	# all of them
	mica run c rm /end /first /second
	last_in_c 'touch /first'
	first=$!
	wait_for 10 test -e "$upper/first"
	last_in_c 'touch /second'
	second=$!
	wait_for 10 test -e "$upper/second"
	kill -9 $first $second
	wait $first || wait $second || true
	mica commit -q --rm c made >/dev/null
	[ "$(in_image made ls / | grep -cE '^(first|second|third|fourth)$')" = 4 ]
	[ "$(grep -cF "$D" /proc/self/mounts)" = 0 ]
	assert_clean_store
}

@test "copy, mount and commit while something runs in the container" {
	mica from -q --name c busybox
	upper=$(echo "$MICA_ROOT"/containers/*/upper)
	# two files that are never more than one apart, and one between them that takes time to be read
	last_in_c 'truncate -s 32M /ab; (i=0; until [ -e /end ]; do i=$((i + 1)); for f in /a /b; do echo $i >/tmp/n; mv /tmp/n $f; done; done) & until [ -e /b ]; do :; done; touch /begun'
	pid=$!
	wait_for 10 test -e "$upper/begun"
	echo text >in
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" copy -q c in /in
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" commit -q c made >/dev/null
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" export c | tar -t >list
	grep -qx ab list
	read -r a b text < <(in_image made sh -c 'echo $(cat /a /b /in)')
	[ "$text" = text ]
	# it stands still meanwhile, where it is in a cgroup of version 2
	[ -n "${MICA_AS_USER:-}" ] || ! grep -q ' cgroup2 rw' /proc/self/mounts || [ $((a - b)) = 0 ] || [ $((a - b)) = 1 ]
	merged=$(timeout 20 "$MICA_BIN" --root "$MICA_ROOT" mount c)
	[ "$(cat "$merged/in")" = text ]
	echo more >"$merged/more"
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" commit -q c made >/dev/null
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run c -- sh -c 'cat /more >/end'
	wait $pid
	[ "$(cat "$merged/end")" = more ]
	mica umount c >/dev/null
	[ ! -e "$upper/../work" ]
	[ "$(cd "$upper" && find . | sort | tr '\n' ' ')" = '. ./a ./ab ./b ./begun ./end ./in ./more ' ]
	assert_clean_store
}

@test "several commands at once in one container that is mounted" {
	mica from -q --name c busybox
	mica mount c >/dev/null
	"$MICA_BIN" --root "$MICA_ROOT" run --add-history c -- sh -c 'n=0; until [ -e /go ] || [ $((n += 1)) = 400 ]; do sleep 0.05; done; [ -e /go ] && echo went' 3>&- </dev/null >went &
	pid=$!
	timeout 20 "$MICA_BIN" --root "$MICA_ROOT" run c touch /go
	wait $pid
	[ "$(cat went)" = went ]
	[[ $(container_config c '.history[-1].created_by') == *"echo went"* ]]
	mica umount c
}

@test "options of buildah that have no place here are refused or without effect" {
	mica from --isolation chroot --name c scratch
	run --separate-stderr mica from --pid other scratch
	assert_error "'--pid': 'other' is not one of"
	run --separate-stderr mica from --userns-uid-map 0:1 scratch
	assert_error "'--userns-uid-map': '0:1' is not"
	run --separate-stderr mica from --isolation other scratch
	assert_error "'other' is not one of"
	run --separate-stderr mica from --memory lots scratch
	[ "$status" = 125 ]
	run --separate-stderr mica commit --format other c
	assert_error "'other' is not one of 'oci', 'docker'"
	run --separate-stderr mica inspect --type other c
	assert_error "'other' is not one of"
	run --separate-stderr mica inspect --type container busybox
	assert_error 'container not known'
}

# --- unshare ---

@test "unshare runs a command and passes its status" {
	mica from -q --name c busybox
	run mica unshare sh -c 'exit "${_CONTAINERS_USERNS_CONFIGURED:+5}"'
	[ "$status" = 5 ]
	[ "$(mica unshare --mount WHERE=c sh -c 'ls "$WHERE/bin/busybox"')" = "$(ls -d "$MICA_ROOT"/containers/*)/merged/bin/busybox" ]
	[ -z "$(mica mount)" ]
	run -127 mica unshare nosuchprogram
	run --separate-stderr mica unshare --mount A=nosuch true
	assert_error 'container not known'
}

@test "a container whose description is damaged hides no other one, and can be removed" {
	mica pull -q busybox
	mica from --name whole busybox
	mica from --name broken busybox
	id=$(mica containers -q --filter name=broken)
	: >"$MICA_ROOT/containers/$id/container.json"
	mica containers --format '{{.ContainerName}} {{.ImageName}}' | grep -q "^$id *<damaged>"
	[ "$(mica run whole echo well)" = well ]
	run --separate-stderr mica run "$id" true
	assert_error "the working container is damaged, 'mica rm ${id:0:12}' removes it"
	run -1 mica fsck
	[[ "$output" == *"working container $id: "* ]]
	mica rm "${id:0:12}"
	mica fsck
	mica rm whole
}

@test "containers-storage: is a name in the store, or in the one that it says" {
	mica pull -q docker.io/library/busybox >/dev/null
	mica push -q busybox containers-storage:pushed
	[ "$(image_id localhost/pushed)" = "$(image_id busybox)" ]
	[ "$(mica from -q containers-storage:pushed)" = pushed-working-container ]
	mica run pushed-working-container touch /made
	mica commit -q pushed-working-container containers-storage:committed
	mica commit -q pushed-working-container "containers-storage:[vfs@$PWD/other+$PWD/run]committed:1"
	[ "$(mica --root "$PWD/other" images --format '{{.Name}}:{{.Tag}}')" = localhost/committed:1 ]
	mica --root "$PWD/other" run localhost/committed:1 ls /made
	mica push -q busybox "containers-storage:[$PWD/other]again"
	[ "$(mica --root "$PWD/other" images -q again)" = "$(mica images -q busybox)" ]
	mica --root "$PWD/other" fsck
	[ -z "$(ls "$PWD/other/tmp")" ]
	run --separate-stderr mica push busybox 'containers-storage:[vfs@relative]x'
	assert_error 'is not of the form containers-storage:\[DRIVER@ROOT\+RUNROOT\]NAME'
}
