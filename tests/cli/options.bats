#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Options by their effect that no other file is about, most of them in the spelling that scripts have.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
	MICA_ROOT=$T/store mica pull -q busybox >/dev/null
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	export SOURCE_DATE_EPOCH=1700000000
	cp -a "$T/store" "$MICA_ROOT"
}

teardown() {
	test_teardown
}

# With these options before the arguments it is said and returned what it is without them.
same() { # COMMAND OPTION... -- ARGUMENT...
	local command=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	local with without
	without=$(mica "$command" "$@" 2>&1; echo $?)
	[ "$command" != rmi ] || mica tag busybox gone
	with=$(mica "$command" "${options[@]}" "$@" 2>&1; echo $?)
	[ "$with" = "$without" ] || fail "mica $command ${options[*]} $*: $with, and without them: $without"
}

@test "what is refused is refused by name, with the reason, before anything happens" {
	local command option kind why n=0
	while IFS=$'\t' read -r command option kind why; do
		[ "$kind" = refused ] || continue
		n=$((n + 1))
		[ "$command" != mica ] || command=images
		said=$(MICA_ROOT=$D/none mica "$command" "$option=x" 2>&1) && fail "$command $option" || status=$?
		[[ "$status $said" == "125 mica: option '--"*"' is not supported: $why" && ("$option" != --* || "$said" == *"'$option'"*) ]] ||
			fail "$command $option: $status $said"
		[ ! -e none ] || fail "$command $option makes a store"
	done < <("$(dirname "$MICA_BIN")/list_options" --more)
	[ $n -gt 10 ]
}

@test "what is accepted without effect changes nothing" {
	mkdir ctx
	printf 'FROM busybox\nRUN echo x >/x\n' >ctx/Containerfile
	same build --builder=x --compress --debug --disable-content-trust --no-hostname --runtime=/bin/false --runtime-flag=x --force-rm --rm=false \
		-- -q --no-cache --network none -t same ctx
	mica from -q --name c busybox >/dev/null
	same commit --signature-policy=/nowhere -- -q c
	same containers -a -- --noheading
	same containers --all -- --json
	same inspect -s -- c
	same inspect --size -- busybox
	mica mount c >/dev/null
	same mount --notruncate --
	mica umount c >/dev/null
	same pull --remove-signatures -- -q busybox
	same push --force-compression --signature-policy=/nowhere -- -q --digestfile /dev/stdout busybox "docker://$REG/tests/same"
	mica manifest create list busybox >/dev/null
	same manifest-push --force-compression --signature-policy=/nowhere -- -q --digestfile /dev/stdout list "docker://$REG/tests/list"
	mica tag busybox gone
	same rmi --no-prune -- gone
	same run --no-pivot --rm --runtime=/bin/false --runtime-flag=x -- --network none busybox cat /etc/passwd
	[ "$(mica save -q -m busybox | sha256sum)" = "$(mica save -q busybox | sha256sum)" ]
	[ "$(mica save -q --multi-image-archive busybox | sha256sum)" = "$(mica save -q busybox | sha256sum)" ]
	same images --cgroup-manager=cgroupfs --runroot=/nowhere --transient-store -- -q
}

# Each of these commands with these words, % in which is the command.
each() { # COMMAND... OPTION ARGUMENT...
	local commands=()
	while [[ $1 != -* ]]; do
		commands+=("$1")
		shift
	done
	for command in "${commands[@]}"; do
		mica "$command" "${@//%/$command}"
	done
}

# --- working containers ---

@test "add and copy: what of a directory, as whose, with which mode and time, and whether it is told of" {
	mkdir -p dir/sub "$T/www"
	touch dir/one dir/two dir/sub/three
	echo one >dir/.ignore
	cp dir/one "$T/www/one"
	start_www
	mica from -q --name c busybox >/dev/null
	each add copy --chmod 0641 c dir/one /%/chmod
	each add copy --chown 7:8 c dir/one /%/chown
	each add copy --timestamp 4000 c dir/one /%/timestamp
	each add copy --exclude one c dir /%/exclude
	each add copy --contextdir dir c . /%/contextdir
	each add copy --contextdir dir --ignorefile dir/.ignore c . /%/ignorefile
	each add copy --parents c dir/./sub/three /%/parents/
	each add copy --checksum "sha256:$(sha dir/one)" c "$WWW/one" /%/checksum
	[ -z "$(each add copy --quiet c dir/one /quiet)" ]
	each add copy --add-history -q c dir/one /history
	run -125 each copy --checksum "sha256:$(printf %064d 0)" c "$WWW/one" /wrong
	run -125 each add --checksum "sha256:$(printf %064d 0)" c "$WWW/one" /wrong
	mica run c sh -c 'for to in /add /copy; do cd $to; stat -c %a chmod; stat -c %u:%g chown; stat -c %Y timestamp; stat -c %s checksum; echo $(ls exclude; ls contextdir; ls ignorefile; find parents -type f); done' >got
	expected=$'641\n7:8\n4000\n0\nsub two one sub two sub two parents/sub/three'
	[ "$(cat got)" = "$expected"$'\n'"$expected" ] || fail "$(cat got)"
	mica commit -q c kept >/dev/null
	[ "$(config_of kept | jq -c '[.history[].created_by | select(contains("#(nop)")) | split(" ")[3]]')" = '["ADD","COPY"]' ]
}

layers() { # LAYOUT: with one image
	jq -r '.layers[].mediaType' "$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$1/index.json")"
}

@test "commit: format, times and compression of what is written, and whether it is told of" {
	mica from -q --name c busybox >/dev/null
	mica commit -q -f docker c other >/dev/null
	[ "$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "localhost/other:latest").mediaType' "$MICA_ROOT/index.json")" = application/vnd.docker.distribution.manifest.v2+json ]
	mica commit --quiet --created-annotation c with >/dev/null 2>said
	mica commit --quiet --created-annotation=false c without >/dev/null 2>>said
	[ ! -s said ]
	[ "$(manifest_of with | jq -r '.annotations["org.opencontainers.image.created"]')" = 2023-11-14T22:13:20Z ]
	manifest_of without | jq -e '.annotations["org.opencontainers.image.created"] == null'
	mica commit -q --disable-compression c oci:plain:x
	mica commit -q --disable-compression=false c oci:packed:x
	[[ "$(layers plain)" != *gzip* && "$(layers packed)" == *tar+gzip* ]]
	# files of the layer, for who calls mica buildah
	ln -s "$MICA_BIN" buildah
	ln -s "$(dirname "$MICA_BIN")/mica-remote" .
	# which gets a layer of nothing, too, and the name that a layout has it under
	./buildah --root "$MICA_ROOT" commit -q c plain >/dev/null
	[ "$(manifest_of plain | jq '.layers | length') $(manifest_of with | jq '.layers | length')" = '2 1' ]
	[ "$(config_of plain | jq -c '[(.rootfs.diff_ids | length), .history[-1].empty_layer]')" = '[2,null]' ]
	./buildah --root "$MICA_ROOT" pull -q oci:plain:x >/dev/null
	[ -n "$(mica images -q docker.io/library/x:latest)" ]
	run -0 ./buildah help nosuch
	[ "${lines[0]}" = "Unknown help topic [\`nosuch\`]" ]
	[ "$(mica help help | head -n 1)" = "$(mica help | head -n 1)" ]
	mica run c touch /young
	./buildah --root "$MICA_ROOT" commit -q c own >/dev/null
	./buildah --root "$MICA_ROOT" commit -q --rewrite-timestamp c older >/dev/null
	[ "$(in_image own stat -c %Y /young)" -gt "$SOURCE_DATE_EPOCH" ] && [ "$(in_image older stat -c %Y /young)" = "$SOURCE_DATE_EPOCH" ]
}

@test "config -a, -l, -p, -v" {
	mica from -q --name c scratch >/dev/null
	mica config -a note=yes -l label=one -p 80 -v /data c
	mica inspect c | jq -e '.ImageAnnotations.note == "yes" and (.OCIv1.config | .Labels.label == "one" and .ExposedPorts["80"] == {} and .Volumes["/data"] == {})' ||
		fail "$(mica inspect c)"
}

@test "umount -a, rm --force, export --output, diff -t" {
	mica from -q --name c busybox >/dev/null
	mica mount c >/dev/null
	mica umount -a >/dev/null
	[ -z "$(mica mount)" ]
	mica run c touch /new
	mica export --output out.tar c
	tar -tf out.tar | grep -q new
	[ "$(mica diff -t container c)" = 'A /new' ]
	run -125 mica diff -t image c
	mica commit -q c c >/dev/null
	[ "$(mica diff -t image c)" = 'A /new' ]
	mica rm --force c nothing-of-that-name
	run -1 mica exists -t container c
}

@test "run: where it starts, its standard input, its terminal" {
	[ "$(mica run --network none --workdir /var busybox pwd)" = /var ]
	[ "$(echo typed | mica run --network none --interactive busybox cat)" = typed ]
	[ -z "$(echo typed | mica run --network none --interactive=false busybox cat)" ]
	local option
	for option in --terminal --tty; do
		script -qec "'$MICA_BIN' --root '$MICA_ROOT' run --network none $option busybox tty" /dev/null </dev/null >"tty$option"
	done
	[[ "$(cat tty--terminal)" == /dev/pts/* && "$(cat tty--tty)" == /dev/pts/* ]]
	script -qec "'$MICA_BIN' --root '$MICA_ROOT' run --network none --tty=false --terminal=false busybox tty" /dev/null </dev/null | grep -q 'not a tty'
}

@test "--platform, --os, --arch and --variant choose of an index" {
	mica from -q --name c busybox >/dev/null
	mica commit -q --manifest several c >/dev/null
	mica config --arch arm --variant v6 --env WHICH=arm c
	mica commit -q --manifest several c >/dev/null
	mica manifest push -q several "docker://$REG/tests/several"
	local image=$REG/tests/several
	which() { # COMMAND OPTION...
		local MICA_ROOT
		MICA_ROOT=$(mktemp -d "$D/which.XXX")
		case $1 in
		from) mica from -q --name c "${@:2}" "$image" >/dev/null && mica inspect --format '{{.OCIv1.Architecture}} {{.OCIv1.Variant}}' c ;;
		pull) mica pull --quiet "${@:2}" "$image" >/dev/null && mica inspect --type image --format '{{.OCIv1.Architecture}} {{.OCIv1.Variant}}' "$image" ;;
		run) mica run --network none "${@:2}" "$image" sh -c 'echo $WHICH' 2>/dev/null ;;
		esac
	}
	[ "$(which from --platform linux/arm/v6)" = 'arm v6' ]
	[ "$(which from --os linux --arch arm --variant v6)" = 'arm v6' ]
	[ "$(which pull --platform linux/arm/v6)" = 'arm v6' ]
	[ "$(which run --os linux --arch arm --variant v6)" = arm ]
	[ "$(which run --platform linux/arm/v6)" = arm ]
	run -125 which run --os windows
	run -125 which pull --platform linux/s390x
	mica from -q --name empty --os linux --arch arm --variant v6 scratch >/dev/null
	[ "$(mica inspect --format '{{.OCIv1.OS}} {{.OCIv1.Architecture}} {{.OCIv1.Variant}}' empty)" = 'linux arm v6' ]
}

@test "from -f docker: what only that format has a place for is not warned of" {
	mica from -q -f docker --name d busybox >/dev/null
	mica from -q -f oci --name o busybox >/dev/null
	[ -z "$(mica config --hostname x d 2>&1)" ]
	[ -n "$(mica config --hostname x o 2>&1)" ]
}

# --- images ---

@test "build --tag, -j, --disable-compression" {
	mkdir ctx
	printf 'FROM busybox AS a\nCOPY Containerfile /a\nFROM busybox\nCOPY --from=a /a /b\n' >ctx/Containerfile
	mica build -q --tag one --tag two -j 1 ctx >/dev/null
	[ "$(mica images -q one)" = "$(mica images -q two)" ]
	run -125 --separate-stderr mica build -q -j x ctx
	assert_error "'--jobs'"
	mica build -q --disable-compression --tag oci:plain:x ctx >/dev/null
	mica build -q --disable-compression=false --tag oci:packed:x ctx >/dev/null
	[[ "$(layers plain)" != *gzip* && "$(layers packed)" == *tar+gzip* ]]
}

@test "lists: images --all --quiet, history --quiet -H, containers, du --verbose, info -d -f, version -f" {
	mkdir ctx
	printf 'FROM busybox\nENV A=1\nENV B=2\n' >ctx/Containerfile
	mica build -q --layers --tag one ctx >/dev/null
	[ "$(mica images --quiet | sort -u)" = "$(mica images --quiet --noheading | sort -u)" ]
	[ "$(mica images --all --quiet | sort -u | wc -l)" = $(($(mica images --quiet | sort -u | wc -l) + 1)) ]
	[ "$(mica history --quiet one | wc -l)" = 3 ]
	[[ "$(mica history -H one)" == *ago* && "$(mica history -H=false one)" == *2023-11-14T22:13:20* ]]
	[[ "$(mica du)" != *localhost/one* && "$(mica du --verbose)" == *localhost/one* ]]
	mica info | jq -e '.debug == null'
	mica info -d | jq -e .debug
	mica info --debug | jq -e .debug
	[ "$(mica info -f '{{.NCPU}}')" = "$(nproc)" ]
	[ "$(mica version -f '{{.OsArch}}')" = "linux/$(dpkg --print-architecture)" ]
}

@test "rmi -i, prune --volumes --containers, fsck --quiet" {
	mica rmi -i nothing-of-that-name
	run -125 mica rmi nothing-of-that-name
	printf 'FROM busybox\nRUN --mount=type=cache,id=kept,target=/c echo x >/c/x\n' | mica build -q -f - >/dev/null
	[ "$(mica cache ls --quiet)" = "$(mica cache ls --format '{{.Name}}')" ]
	mica from -q --name c busybox >/dev/null
	mkdir "$MICA_ROOT/tmp/0123456789abcdef"
	mica prune --force --containers >/dev/null
	[ ! -e "$MICA_ROOT/tmp/0123456789abcdef" ]
	[ "$(mica cache ls --quiet | wc -l) $(mica containers --quiet | wc -l)" = '1 1' ]
	mica cache export --output kept.tar kept
	mica prune --force --volumes >/dev/null
	[ -z "$(mica cache ls --quiet)" ]
	mica cache import --input kept.tar again
	[ "$(mica cache ls --format '{{.ID}}')" = again ]
	mica cache rm --all >/dev/null
	[ -z "$(mica cache ls --quiet)" ]
	[ -z "$(mica fsck --quiet 2>&1)" ] && [ -n "$(mica fsck 2>&1)" ]
}

@test "save --output --quiet, load --input --quiet, import --message --platform --variant --quiet" {
	mica save --quiet --output saved.tar busybox >said 2>&1
	[ ! -s said ]
	MICA_ROOT=$D/second mica load --quiet --input saved.tar >loaded 2>said
	[ ! -s said ]
	[ "$(MICA_ROOT=$D/second mica images -q --no-trunc)" = "$(mica images -q --no-trunc busybox)" ]
	mkdir files
	touch files/x
	tar -C files -cf x.tar .
	mica import --quiet --message why --platform linux/arm/v6 x.tar one >/dev/null 2>said
	mica import --quiet --os linux --arch arm --variant v7 x.tar two >/dev/null 2>>said
	[ ! -s said ]
	[ "$(config_of one | jq -r '"\(.architecture) \(.variant) \(.history[0].comment)"')" = 'arm v6 why' ]
	[ "$(config_of two | jq -r '"\(.architecture) \(.variant)"')" = 'arm v7' ]
}

there() { # NAME
	curl -s -H "Accept: $(printf 'application/vnd.%s+json,' oci.image.{manifest,index}.v1 docker.distribution.manifest{,.list}.v2)" "http://$REG/v2/tests/${1%%[:@]*}/manifests/${1#*[:@]}"
}

@test "push --disable-compression -f --quiet, pull -a, and manifest push" {
	mica push --quiet --disable-compression busybox "docker://$REG/tests/p:plain" 2>said
	mica push --quiet -f v2s2 busybox "docker://$REG/tests/p:docker" 2>>said
	[ ! -s said ]
	[[ "$(there p:plain | jq -r '.layers[0].mediaType')" == *layer.v1.tar ]]
	[[ "$(there p:docker | jq -r .mediaType)" == *docker.distribution.manifest.v2+json ]]
	MICA_ROOT=$D/second mica pull -q -a "$REG/tests/p" >/dev/null
	[ "$(MICA_ROOT=$D/second mica images --noheading --format '{{.Tag}}' | sort | xargs)" = 'docker plain' ]
	mica manifest create list busybox >/dev/null
	mica manifest push -D list "docker://$REG/tests/list:plain" 2>said
	[ -s said ]
	mica manifest push --quiet --disable-compression list "docker://$REG/tests/list:2" 2>said
	mica manifest push --quiet --compression-level 1 list "docker://$REG/tests/list:level" 2>>said
	mica manifest push --quiet -f oci list "docker://$REG/tests/list:oci" 2>>said
	[ ! -s said ]
	layer() { there "list@$(there "list:$1" | jq -r '.manifests[0].digest')" | jq -r '.layers[0] | .mediaType, .size' | xargs; }
	[[ "$(layer plain)" == *layer.v1.tar\ * && "$(layer plain)" == "$(layer 2)" && "$(layer oci)" == *+gzip* ]]
	[ "$(layer level)" != "$(layer oci)" ]
	mica manifest push -q -f v2s2 list "docker://$REG/tests/list:docker"
	[[ "$(there list:docker | jq -r .mediaType)" == *docker.distribution.manifest.list.v2+json ]]
	openssl genrsa 1024 2>/dev/null | openssl rsa -pubout -out key.pub 2>/dev/null
	run -125 --separate-stderr mica manifest push -q --encryption-key jwe:key.pub list "docker://$REG/tests/list:not"
	assert_error encrypt
	run -125 --separate-stderr mica manifest push -q --encrypt-layer 0 list "docker://$REG/tests/list:not"
	assert_error "'--encrypt-layer' needs an '--encryption-key'"
	mica manifest push -q -p list "docker://$REG/tests/list:3"
	run -1 mica manifest exists list
	mica manifest create list busybox >/dev/null
	mica manifest push -q --purge list "docker://$REG/tests/list:3"
	run -1 mica manifest exists list
}
