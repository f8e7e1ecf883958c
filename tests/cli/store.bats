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

sample() { # NAME
	containerfile <<-END
		FROM busybox
		RUN echo $1 >/f
		LABEL name=$1
	END
	mica build -q --network=none -t "$1" ctx
}

@test "images lists names, tags, IDs and sizes; tag and untag change names only" {
	sample one
	run mica images
	[[ "${lines[0]}" == REPOSITORY*TAG*IMAGE\ ID*CREATED*SIZE ]]
	[[ "$output" == *docker.io/library/busybox*latest* ]]
	[[ "$output" == *localhost/one*latest* ]]
	mica tag one other:2 example.org/x/y:z
	run mica images
	[[ "$output" == *localhost/other*2* && "$output" == *example.org/x/y*z* ]]
	[ "$(mica images -q | sort -u | wc -l)" = 2 ]
	mica untag one other:2
	run mica images
	[[ "$output" != *localhost/other* ]]
	[ "$(in_image example.org/x/y:z cat /f)" = one ]
	assert_clean_store
}

@test "inspect and history tell what the image is" {
	sample one
	[ "$(mica inspect --type image one | jq -r '.. | .Labels? // empty | .name' | sort -u)" = one ]
	run mica history one
	[[ "$output" == *"echo one"* ]]
	[ "$(mica inspect --type image "$(image_id one)" | /usr/bin/jq -cS .)" = "$(mica inspect --type image one | /usr/bin/jq -cS .)" ]
}

@test "skopeo reads the store in place" {
	sample one
	[ "$(skopeo inspect --raw "oci:$MICA_ROOT:docker.io/library/busybox:latest" | jq '.layers | length')" = 1 ]
	skopeo copy -q "oci:$MICA_ROOT:localhost/one:latest" oci:out:x
}

@test "rmi removes a name, the last one removes the image and its layers" {
	sample one
	mica tag one two
	blobs=$(find "$MICA_ROOT/blobs" -type f | wc -l)
	mica rmi one
	[ "$(in_image two cat /f)" = one ]
	mica rmi two
	run --separate-stderr mica run --rm --pull=never two true
	[ "$status" = 125 ]
	mica prune -f
	[ "$(find "$MICA_ROOT/blobs" -type f | wc -l)" -lt "$blobs" ]
	run --separate-stderr mica rmi no-such-image
	assert_error 'no-such-image'
	assert_clean_store
}

@test "rmi -a removes all images and says their names, rmi -p those without" {
	sample old
	mica tag old two
	mica untag old old
	sample one
	mica tag one three
	mica untag two two 2>/dev/null
	mica rmi -p >said
	[ "$(grep -c . said)" = 1 ]
	run ! grep -q untagged said
	[ "$(mica images --format '{{.Name}}' | sort | tr -d '\n ')" = docker.io/library/busyboxlocalhost/onelocalhost/three ]
	mica rmi -a >said
	[ "$(grep untagged said | sort)" = "$(printf 'untagged: %s:latest\n' docker.io/library/busybox localhost/one localhost/three)" ]
	[ "$(grep -vc untagged said)" = 2 ]
	[ -z "$(mica images -q)" ]
	assert_clean_store
}

@test "prune -a leaves an empty store" {
	sample one
	mica prune -a -f
	[ -z "$(find "$MICA_ROOT/blobs" "$MICA_ROOT/layers" -mindepth 2 -print -quit 2>/dev/null)" ]
	assert_clean_store
}

@test "save and load carry an image with its name, in both formats" {
	sample one
	id=$(image_id one)
	mica save -o one.tar one 2>said
	grep -q '^\[sha256:.*] save  done' said
	mica push -q one oci-archive:oci.tar
	mica push -q one "oci:$PWD/layout:tag"
	mica save -q -o many.tar busybox one
	# the same image in docker's form is no second one
	mica load -q -i one.tar
	run ! grep '<none>' <(mica images -a)
	export MICA_ROOT=$D/second
	head -c 3000 one.tar >cut.tar
	run --separate-stderr mica load -i cut.tar
	assert_error "'cut.tar' is not whole: it ends within a file of the archive"
	run --separate-stderr mica pull docker-archive:many.tar
	assert_error "'many.tar' holds 2 images; say which, as docker-archive:many.tar:NAME: @0 to @1, (docker.io/library/)?busybox:latest, localhost/one:latest\$"
	# what is damaged is a file, and no registry is blamed
	layer=$(jq -r '.layers[-1].digest' <(skopeo inspect --raw oci:layout:tag))
	file=layout/blobs/sha256/${layer#sha256:}
	cp "$file" kept
	printf garbage >"$file"
	run --separate-stderr mica pull -q oci:layout:tag
	assert_error "'blobs/sha256/${layer#sha256:}' in 'layout' has 7 bytes in place of [0-9]+\$"
	tr '\000' '\001' <kept >"$file"
	run --separate-stderr mica pull -q oci:layout:tag
	assert_error 'content has digest sha256:[0-9a-f]*, its file is damaged$'
	cp kept "$file"
	mica load -i one.tar
	[ "$(in_image one cat /f)" = one ]
	mica pull -q "oci:$PWD/layout:tag"
	[ "$(skopeo inspect --raw oci:layout:tag | jq -r .config.digest)" = "$id" ]
	skopeo inspect --raw oci-archive:oci.tar >/dev/null
	skopeo inspect docker-archive:one.tar >/dev/null
	assert_clean_store
}

@test "fsck is silent about a good store and finds what is not right" {
	sample one
	[ -z "$(mica fsck -q 2>&1 || mica fsck 2>&1 | grep -i problem | grep -v '\b0\b\|no problem')" ]
	config=$MICA_ROOT/blobs/sha256/$(image_id one | cut -d : -f 2)
	cp "$config" kept
	chmod u+w "$config"
	echo '{}' >"$config"
	run mica fsck
	[ "$status" != 0 ]
	[[ "$output" == *"$(basename "$config")"* ]]
	cp kept "$config"
	mica fsck
	layer=$(find "$MICA_ROOT/layers" -mindepth 2 -name f -type f | head -1)
	chmod u+w "$layer"
	echo changed >"$layer"
	run mica fsck
	[ "$status" != 0 ]
	[[ "$output" == *layer* ]]
}

# cve: CVE-2021-41091 CVE-2021-41103 CVE-2024-25621
# bats test_tags=user
@test "the store is closed to others" {
	sample one
	for dir in "$MICA_ROOT" "$MICA_ROOT"/blobs "$MICA_ROOT"/layers; do
		[ "$(stat -c %a "$MICA_ROOT")" = 700 ] || [ "$(stat -c %a "$dir")" = 700 ]
	done
	chmod 757 "$MICA_ROOT"
	run -1 mica fsck --repair
	[[ "$output" == "everybody may write to '$MICA_ROOT'"$'\n'*" 1 problem"* ]] || fail "$output"
	[ "$(stat -c %a "$MICA_ROOT")" = 700 ]
	mica fsck
	# nor closed to its own user, whose it all is; root does not notice
	blob=blobs/sha256/$(image_id one | cut -d : -f 2)
	chmod 0 "$MICA_ROOT" "$MICA_ROOT/blobs"
	[ -n "${MICA_AS_USER:-}" ] || chown 1000 "$MICA_ROOT/$blob" "$MICA_ROOT/layers"
	mica from --name box one
	record=cache/steps/$(ls "$MICA_ROOT/cache/steps") box=$(cd "$MICA_ROOT" && echo containers/*/container.json)
	chmod 0 "$MICA_ROOT/$record" "$MICA_ROOT/$box"
	run -1 mica fsck
	[[ "$output" == "'.' is closed to its own user; chmod u+rwX '$MICA_ROOT/.'"$'\n'* ]] || fail "$output"
	for path in "$record" "$box"; do
		[[ "$output" == *"'$path' is closed to its own user; chmod u+rwX '$MICA_ROOT/$path'"* ]] || fail "$output"
	done
	[[ -n "${MICA_AS_USER:-}" || "$output" == *"'$blob' is another user's; as root: chown --reference='$MICA_ROOT/version' '$MICA_ROOT/$blob'"* ]] || fail "$output"
	run -1 mica fsck --repair
	mica fsck
	[ -z "$(find "$MICA_ROOT" ! -user "$(stat -c %u "$MICA_ROOT/version")")" ]
}

@test "a store of another version is refused in one line" {
	sample one
	echo 99 >"$MICA_ROOT/version"
	run --separate-stderr mica images
	assert_error 'version'
}

@test "a file system that would lose what images have is refused, and nothing is left there" {
	[ "$(id -u)" = 0 ] && [ -e /dev/fuse ] || skip "needs to mount by FUSE"
	mkdir lower upper work merged
	fuse-overlayfs -o squash_to_root,lowerdir=lower,upperdir=upper,workdir=work merged
	MICA_ROOT=$D/merged/store
	run --separate-stderr mica pull -q "oci:$MICA_CACHE/busybox"
	left=$(ls -A merged/store)
	umount merged
	assert_error "the file system of '$D/merged/store' does not keep the owners of files, which images have: use a store elsewhere"
	[ "$left" = lock ]
}

@test "a cached build does not write to the store" {
	sample one
	find "$MICA_ROOT" -type f -newer ctx/Containerfile -printf '%p %T@\n' | sort >before
	mica build -q --network=none -t one ctx
	find "$MICA_ROOT" -type f -newer ctx/Containerfile -printf '%p %T@\n' | sort >after
	diff before after
}

@test "version and info answer" {
	run mica version
	[ "$status" = 0 ]
	[[ "$output" == *[Vv]ersion* ]]
	mica info | jq -e . >/dev/null
	run mica --version
	[ "$status" = 0 ]
}

full_store() { # a store of its own file system, with an image, an unnamed one and not a byte left
	[ "$(id -u)" = 0 ] || skip "needs to mount a file system"
	mkdir -p full
	mount -t tmpfs -o size=30m mica-test full
	MICA_ROOT=$D/full/store
	mica pull -q busybox
	containerfile <<-'END'
		FROM busybox
		RUN head -c 3000000 /dev/urandom >/noise
	END
	mica build -q --network=none --no-cache -t noise ctx >/dev/null
	mica build -q --network=none --no-cache -t noise ctx >/dev/null
	cat /dev/zero >full/filler 2>/dev/null || true
	[ "$(df --output=avail full | tail -1)" -eq 0 ]
}

@test "a full disk can be freed again" {
	local how
	for how in "prune -f" "prune -a -f" "rmi noise" "rmi -a -f"; do
		full_store
		# shellcheck disable=SC2086
		mica $how >out 2>&1 || fail "$how: $(cat out)"
		# the step cache keeps what a removed name had
		mica prune -a -f >out 2>&1 || fail "prune after $how: $(cat out)"
		[ "$(df --output=avail full | tail -1)" -gt 1000 ] || fail "$how freed nothing"
		mica fsck
		# the room for the next time is kept again
		mica build -q --network=none -t busy - <<<"FROM scratch" || fail "$how: no build after it"
		[ "$(stat -c %b full/store/ballast)" -ge 512 ]
		umount full
	done
}

@test "a full disk is made room on, and the command tried again" {
	[ "$(id -u)" = 0 ] || skip "needs to mount a file system"
	local command status
	mkdir -p full ctx
	mount -t tmpfs -o size=40m mica-test full
	MICA_ROOT=$D/full/store
	mica pull -q busybox
	head -c 2000000 /dev/urandom >ctx/large
	printf 'FROM busybox\nCOPY large /f\n' >ctx/Containerfile
	tar -C ctx -cf tree.tar .
	mica build -q --network=none -t one ctx
	mica save -o one.tar one
	mica rmi one
	mica prune --build-cache >/dev/null
	mica from --name c busybox
	head -c 14000000 /dev/zero >unneeded
	mkfifo pipe
	for command in "pull docker-archive:one.tar" "load -i one.tar" load "import tree.tar one" "build -t one ctx" "run docker-archive:one.tar true" \
		"copy c ctx/large /f" "cache import -i tree.tar one" "build -t one -" "build -t one -f pipe- ctx" "build -t one --file=pipe- ctx"; do
		cp unneeded "$MICA_ROOT/blobs/sha256/$(sha256sum unneeded | cut -d ' ' -f 1)"
		head -c $(($(df -B1 --output=avail full | tail -1) - 1000000)) /dev/zero >full/filler
		status=0
		[[ "$command" != *pipe-* ]] || cat ctx/Containerfile >pipe &
		# shellcheck disable=SC2086
		timeout 30 "$MICA_BIN" --root "$MICA_ROOT" ${command/pipe-/pipe} <"$([[ "$command" == *- ]] && echo tree.tar || echo one.tar)" >said 2>&1 || status=$?
		if [[ "$command" == *- || "$command" == *pipe-* ]]; then # what was read is gone
			[ $status = 125 ] || fail "$command: $status: $(cat said)"
		else
			[ $status = 0 ] || fail "$command: $status: $(cat said)"
			grep -qE '^the disk of the store was full: [0-9]+ bytes of it are free again, trying once more$' said || fail "$command: $(cat said)"
		fi
		rm -f full/filler
		mica rmi -f one >/dev/null 2>&1 || true
		mica cache rm -a >/dev/null
		mica prune --build-cache >/dev/null
	done
	mica fsck
	umount full
}

@test "prune says what it cannot remove" {
	[ "$(id -u)" = 0 ] || skip "needs to mount a file system"
	mica pull -q busybox
	mkdir -p "$MICA_ROOT/tmp/0123456789abcdef/busy/mount"
	mount -t tmpfs mica-test "$MICA_ROOT/tmp/0123456789abcdef/busy/mount"
	run -125 --separate-stderr mica prune -f
	umount "$MICA_ROOT/tmp/0123456789abcdef/busy/mount"
	# shellcheck disable=SC2154
	[[ "$stderr" == *"cannot clean up 'tmp/0123456789abcdef'"* ]] || fail "$stderr"
	[ "${lines[0]}" = "Total reclaimed space: 0 B" ]
	mica prune -f
	[ -z "$(ls -A "$MICA_ROOT/tmp")" ]
}

@test "fsck --repair removes what is damaged, and a pull fetches it again" {
	mica pull -q busybox
	layer=$(skopeo inspect --raw "oci:$MICA_ROOT:docker.io/library/busybox:latest" | jq -r '.layers[0].digest')
	blob=$MICA_ROOT/blobs/sha256/${layer#sha256:}
	printf x | dd of="$blob" bs=1 seek=100 conv=notrunc status=none
	run -1 mica fsck
	run -1 mica fsck --repair
	[[ "$output" == *"blob $layer: content has digest"* ]]
	[ ! -e "$blob" ]
	mica pull -q busybox
	[ "$(sha "$blob")" = "${layer#sha256:}" ]
	mica fsck
	[ "$(in_image busybox echo well)" = well ]
	# The unpacked layer alone: it comes from its blob.
	tree=$(find "$MICA_ROOT/layers" -mindepth 1 -maxdepth 1 -type d)
	: >"$tree/stranger"
	run -1 mica fsck --repair
	mica fsck
	mica pull -q busybox
	[ ! -e "$tree/stranger" ]
	mica fsck
	# Without its blob nothing tells whether its files are as they were: they stay, and a pull brings what is missing.
	rm "$blob"
	: >"$tree/stranger"
	run -1 mica fsck --repair
	[[ "$output" == "layer sha256:${tree##*/}: cannot be checked, as its blob is gone or damaged: pull "*"0 removed" ]] || fail "$output"
	[ "$(in_image busybox echo well)" = well ]
	mica pull -q busybox
	run -1 mica fsck --repair
	[[ "$output" == *"'stranger' is not in the archive"*"1 removed" ]] || fail "$output"
	# A record that names another layer than the step made, or stands for another step; a layer of which only the files are left.
	mkdir -p ctx
	printf 'FROM busybox\nCOPY noise /noise\nCOPY ours /ours\n' >ctx/Two
	echo ours >ctx/ours
	seq 99 >ctx/noise
	mica build -q -t two -f ctx/Two ctx
	records=("$MICA_ROOT"/cache/steps/*)
	other=$(sed -n 's/^diff-id //p' "${records[1]}")
	sed -i "s/^diff-id .*/diff-id $other/" "${records[0]}"
	run -1 mica fsck
	[[ "$output" == "record ${records[0]##*/}: cache record ${records[0]##*/} is damaged"$'\n'*" 1 problem" ]] || fail "$output"
	cp "${records[1]}" "${records[0]}"
	run -1 mica fsck --repair
	mica fsck
	rm "$MICA_ROOT/blobs/sha256/$(sed -n 's/^blob sha256://p' "${records[1]}")"
	mica fsck
	chmod a+w "$MICA_ROOT/layers/${other#sha256:}/"*
	run -1 mica fsck
	[[ "$output" == "layer $other: is not what the step made"$'\n'* ]] || fail "$output"
}

# DAMAGE_EACH=1 for all of the 385 cases (a minute)
@test "whatever is damaged in a store: one line says it, fsck finds it and repairs it" {
	mkdir damaged
	python3 "$TOP/tests/tools/damage.py" "$MICA_BIN" "$D/damaged" "${DAMAGE_EACH:-$([ -z "${MICA_SANITIZE:-}" ] && echo 5 || echo 19)}"
}

@test "index.json is made again with the names that are left of it, and the other images without one" {
	sample one
	sample two
	mica manifest create list one
	mica tag one three
	for broken in "sed 3s/[0-9]/x/g" "head -n 3" "head -c 700" "jq -c ." "jq .schemaVersion=3" "tr -d ]" "head -c 0"; do
		rm -rf broken
		cp -a "$MICA_ROOT" broken
		# shellcheck disable=SC2086
		$broken "$MICA_ROOT/index.json" >broken/index.json 2>/dev/null || $broken <"$MICA_ROOT/index.json" >broken/index.json
		if [ "$broken" != "jq -c ." ]; then
			run --separate-stderr "$MICA_BIN" --root broken images
			assert_error "index.json.*; 'mica fsck --repair' mends the store\$"
			run -1 "$MICA_BIN" --root broken fsck
			run -1 "$MICA_BIN" --root broken fsck --repair
			[[ "$output" == *"index.json: made again with "* ]]
		fi
		"$MICA_BIN" --root broken fsck
		diff <(mica images -q | sort -u) <("$MICA_BIN" --root broken images -q | sort -u) || fail "$broken lost an image"
		names=$("$MICA_BIN" --root broken images --format '{{.Name}}' | grep -vc none || true)
		case $broken in
		sed*) [ "$names" = 4 ] ;;
		head*3) [ "$names" = 2 ] ;;
		head*700) [ "$names" -ge 1 ] ;;
		head*0) [ "$names" = 0 ] ;;
		*) [ "$names" = 5 ] ;;
		esac || fail "$broken left $names names"
	done
	# entries that are damaged themselves: the size, the kind, the digest
	for broken in '.size += 1' '.mediaType |= sub("image.manifest"; "image.index")' '.digest |= sub(":......"; ":000000")'; do
		rm -rf broken
		cp -a "$MICA_ROOT" broken
		jq -c "(.manifests[] | select(.annotations[\"org.opencontainers.image.ref.name\"] == \"localhost/two:latest\")) |= ($broken)" \
			"$MICA_ROOT/index.json" >broken/index.json
		run -1 "$MICA_BIN" --root broken fsck --repair
		"$MICA_BIN" --root broken fsck
		diff <(mica images -q | sort -u) <("$MICA_BIN" --root broken images -q | sort -u) || fail "$broken lost an image"
		[[ "$broken" == .digest* ]] || [ "$("$MICA_BIN" --root broken images -q two)" = "$(mica images -q two)" ]
	done
	# two entries with one name: the first is what the name stands for, if it is whole
	for broken in whole lost; do
		rm -rf broken
		cp -a "$MICA_ROOT" broken
		sed -i 's|localhost/two:latest|localhost/one:latest|' broken/index.json
		first=$("$MICA_BIN" --root broken inspect --format '{{.Id}}' one) stays=one
		[ $broken = whole ] || { rm "broken/blobs/sha256/${first#sha256:}"; stays=two; }
		run -1 "$MICA_BIN" --root broken fsck
		[[ "$output" == *"index.json: the name 'localhost/one:latest' is an entry's before that of sha256:"* ]] || fail "$output"
		run -1 "$MICA_BIN" --root broken fsck --repair
		"$MICA_BIN" --root broken fsck
		[ "$("$MICA_BIN" --root broken images -q one)" = "$(mica images -q $stays)" ] || fail "$broken: $output"
		[ $broken = lost ] || diff <(mica images -q | sort -u) <("$MICA_BIN" --root broken images -q | sort -u)
	done
}

@test "an image that lost something for good is forgotten, a working container that needs it is not" {
	sample one
	mica from --name box one
	mica run box sh -c 'echo mine >/mine'
	rm "$MICA_ROOT/blobs/sha256/$(image_id one | cut -d : -f 2)"
	run --separate-stderr mica history one
	assert_error 'is not in the store: pull or build the image again$'
	run -1 mica fsck --repair
	[[ "$output" == *"image localhost/one:latest: forgotten, as not all of it is left"* ]]
	run -1 mica fsck
	[[ "$output" == *"image below the working container 'box': "*"pull or build the image again"* ]]
	sample one
	mica fsck
	[ "$(mica run box cat /mine)" = mine ]
}

@test "a store that cannot be written to is read, and named to whom would write" {
	sample one
	mica from --name box one
	mica run box sh -c 'echo mine >/mine; rm /etc/passwd'
	printf 'FROM busybox\nRUN --mount=type=cache,target=/c echo 1 >/c/x\n' >Cachefile
	mica build -q --network=none -f Cachefile ctx
	cat >reads <<-'END'
		set -e
		cd "$1"
		set -- "$MICA_BIN" --root "$MICA_ROOT"
		for words in "images -q" "inspect one" "save -o a.tar one" "save -o all.tar one busybox" "push -q one dir:dir" "push -q one oci:oci:x" \
			"push -q one docker-archive:b.tar" "export -o box.tar box" "diff box" "diff one" "cache export -o c.tar /c" fsck; do
			# shellcheck disable=SC2086
			"$@" $words >said 2>&1 || { echo "$words:"; cat said; }
		done
		tar -xOf box.tar mine
		! tar -tf box.tar | grep -x etc/passwd
		tar -xOf c.tar x
		"$MICA_BIN" --root own --storage-opt additionalimagestore="$MICA_ROOT" save -o other.tar one
		cmp a.tar other.tar
		"$@" tag one two || true
	END
	run --separate-stderr unshare -m sh -c "mount --bind '$MICA_ROOT' '$MICA_ROOT' && mount -o remount,ro,bind '$MICA_ROOT' && mkdir ro && sh reads ro"
	[ "$output" = $'mine\n1' ] || fail "$output"
	[ "$(grep mica: <<<"$stderr")" = "mica: store '$MICA_ROOT': cannot open the lock 'gc.lock': read-only file system" ] || fail "$stderr"
	# another's
	[ "$(id -u)" = 0 ] || return 0
	chmod -R a+rX "$MICA_ROOT"
	mkdir other && chown nobody other
	run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$D/other" sh reads other
	[ "$output" = $'mine\n1' ] || fail "$output"
	[ "$(grep mica: <<<"$stderr")" = "mica: store '$MICA_ROOT': cannot open the lock 'gc.lock': permission denied" ] || fail "$stderr"
	# root, in a store of a user who could not use what root made there
	cp -a "$MICA_ROOT" theirs && chown nobody theirs theirs/* theirs/{blobs,cache,containers}/* theirs/{blobs,cache,containers}/*/*
	touch now
	MICA_ROOT=$D/theirs run --separate-stderr sh reads .
	[ "$output" = $'mine\n1' ] || fail "$output"
	[ "$(grep mica: <<<"$stderr")" = "mica: store '$D/theirs': it is of user 65534, as whom it can be written to: permission denied" ] || fail "$stderr"
	for words in "build -q ctx" "rmi -f one" "prune -af" "pull -q oci:oci" "cache rm -a" "rm box" "fsck --repair" "from one"; do
		# shellcheck disable=SC2086
		run --separate-stderr mica --root theirs $words
		assert_error "it is of user 65534"
	done
	[ -z "$(find theirs -cnewer now ! -type d)" ] || fail "$(find theirs -cnewer now ! -type d)"
}
