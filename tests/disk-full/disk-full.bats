#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The disk fills up at each tenth of what a command writes: it says in one line how much is free and how much it needs, the store is as it
# was, the room is given back, and the command works as soon as there is some: all of that at the tenths of DISK_FULL_TENTHS, the first two of it at
# each other one.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
	(
		cd "$T" || exit
		mkdir tree
		for i in 1 2 3; do
			head -c 400000 /dev/urandom >"tree/noise$i"
			plain_tar "l$i.tar" tree
			rm "tree/noise$i"
		done
		make_layout noise '{"Env":["PATH=/bin"]}' l1.tar l2.tar l3.tar
		to_registry noise library/noise:latest
		mkdir context
		head -c 600000 /dev/urandom >context/noise
		for i in $(seq 200); do echo "$i" >"context/f$i"; done
		printf 'FROM busybox\nCOPY f* noise /ctx/\nRUN cp -r /ctx /ctx2\n' >context/Containerfile
	)
}

teardown_file() {
	file_teardown
}

setup() {
	[ "$(id -u)" = 0 ] || skip "mounting needs root"
	test_setup
	: "${DISK_FULL_TENTHS:=0 4 8}"
	truncate -s 48M disk
	mkfs.ext4 -q -m 0 -E lazy_itable_init=0,lazy_journal_init=0 disk
	mkdir full
	mount -o loop disk full || skip "there are no loop devices"
	MICA_ROOT=$D/full/store
	mica pull -q busybox
	mica tag busybox localhost/kept
}

teardown() {
	cd /
	for dir in full few; do
		! mountpoint -q "$D/$dir" || umount "$D/$dir"
	done
	test_teardown
}

available() { # in bytes
	sync -f full
	echo $(($(stat -f -c '%a * %S' full)))
}

fill() { # BYTES: as many are left
	local n
	n=$(($(available) - $1 - 1048576)) # the file system wants some for itself
	[ $n -le 0 ] || fallocate -l $n full/filler1
	n=$(($(available) - $1))
	[ $n -le 0 ] || head -c $n /dev/zero 2>/dev/null >full/filler2 || true
}

# COMMAND at each tenth of what it writes, or, when that is next to nothing, of 64 KiB; with FORM=another, which says that the same command went through
# that in another form, at some. UNDO takes back what it did. A build may end as its step does.
fills_up() { # UNDO COMMAND...
	local undo=$1 before needs tenth tenths=$DISK_FULL_TENTHS failed=0
	shift
	$undo
	before=$(available)
	mica "$@" >out 2>&1 || fail "$*: $(cat out)"
	needs=$((before - $(available)))
	if [ $needs -le 65536 ]; then
		needs=65536
	elif [ "${FORM:-}" = "" ]; then
		tenths='0 1 2 3 4 5 6 7 8 9'
	fi
	$undo
	before=$(available)
	for tenth in $tenths; do
		fill $((needs * tenth / 10))
		run --separate-stderr mica "$@"
		if [ "$status" != 0 ]; then
			failed=$((failed + 1))
			told "$1" || fail "$*, at $tenth tenths: status $status: $stderr"
		fi
		mica fsck >out 2>&1 || fail "$*, at $tenth tenths: $(cat out)"
		if [ "$status" != 0 ] && [[ " $DISK_FULL_TENTHS " != *" $tenth "* ]]; then
			make_room "$undo" "$1"
			given_back "$before" || fail "$*, at $tenth tenths: $((before - $(available))) bytes are lost"
			continue
		fi
		[ "$status" = 0 ] || mica images >/dev/null
		in_image kept true >out 2>&1 || grep -qi 'no space left' out || fail "$*, at $tenth tenths: $(cat out)"
		make_room "$undo" "$1"
		[ "$status" = 0 ] || given_back "$before" || fail "$*, at $tenth tenths: $((before - $(available))) bytes are lost"
		[ "$status" != 0 ] || $undo
		mica "$@" >out 2>&1 || fail "$*, repeated after $tenth tenths: $(cat out)"
		$undo
		[ -z "$(ls -A "$MICA_ROOT/tmp")" ] || fail "$*: left in tmp: $(ls -A "$MICA_ROOT/tmp")"
		before=$(available)
	done
	echo "# $1: $failed of $(wc -w <<<"$tenths") did not fit into $needs bytes" >&3
}

# Takes away what is no loss of the store's.
make_room() { # UNDO COMMAND
	rm -f full/filler?
	# what had been made when there was no more room is cached, and what was logged is kept
	rm -rf "$MICA_ROOT/logs"
	[ "$status" = 0 ] || [[ "$2" != push && "$2" != save ]] || [ ! -e full/out ] || fail "$2: left $(find full/out -printf '%p ')"
	# files of a build's that were whole are its user's, as is what a program wrote into a container
	rm -rf full/out
	[ "$2" != run ] || $1
	[ "$status" = 0 ] || [ "$2" != copy ] || [ -z "$(mica diff c)" ] || fail "copy: left $(mica diff c)"
	[ "$2" != build ] || mica prune --build-cache >/dev/null
}

# One line of ours, with how much there is, and that it is not enough.
told() { # COMMAND
	if [ "$1" = run ] && [ "$status" != 125 ]; then
		grep -qE '^mica: warning: the disk of the store is full \([0-9]+ bytes are free\)$' <<<"$stderr"
		return
	fi
	[ "$(grep '^mica: ' <<<"$stderr" | grep -vc '^mica: warning: ')" = 1 ] || return 1
	[ "$1" != save ] || ! grep -q 'out\.tar\.[0-9a-f]' <<<"$stderr" || return 1 # the user's file, not one beside it
	grep -qE "^mica: .*(no space left on device.* \([0-9]+ (bytes|inodes) are free in '.*', at least [0-9]+ are needed(, at most [0-9]+)?\)|the disk of the store is full \([0-9]+ bytes are free, at least [0-9]+ are needed(: so much it had written)?\))" <<<"$stderr" || return 1
	[[ ! "$stderr" =~ "is full ("([0-9]+)" bytes are free, at least "([0-9]+) ]] || [ "${BASH_REMATCH[2]}" -gt "${BASH_REMATCH[1]}" ]
}

# As many as are known of before anything is written, or were written.
assert_needs() { # BYTES COMMAND...: with room for a third of them
	local bytes=$1
	shift
	fill $((bytes / 3))
	run -125 --separate-stderr mica "$@"
	rm -f full/filler?
	[[ "$stderr" =~ "at least "([0-9]+)" are needed" ]] || fail "$*: $stderr"
	[ "${BASH_REMATCH[1]}" -ge "$bytes" ] || fail "$*: less than $bytes: $stderr"
}

@test "what is needed is what is known of it" {
	mica from --name c busybox
	skopeo copy -q "oci:$T/noise:latest" "docker-archive:$D/noise.tar:noise:latest"
	tar -C "$T/context" -cf cache.tar .
	printf 'FROM busybox\nCOPY f* noise /ctx/\n' >Containerfile
	assert_needs 600000 build -q --network=none -f Containerfile "$T/context"
	assert_needs 600000 copy -q c "$T/context" /ctx
	assert_needs 600000 copy -q --link c "$T/context/noise" /
	assert_needs 600000 add -q c "$T/context/noise" /
	assert_needs 1200000 pull -q noise
	assert_needs 1200000 load -q -i noise.tar
	assert_needs 600000 cache import -i cache.tar c
	mica cache import -i cache.tar c
	mica copy -q c "$T/context" /ctx
	mica build -q --network=none -f Containerfile "$T/context"
	assert_needs 600000 cache export -o full/out c
	assert_needs 1800000 export -o full/out c
	assert_needs 1800000 build -q --network=none -f Containerfile -o type=tar,dest=full/out "$T/context"
	assert_needs 1500000 build -q --network=none -f Containerfile -o type=local,dest=full/out "$T/context"
	assert_needs 1700000 build -q --network=none -f Containerfile -o type=docker,dest=full/out "$T/context"
	[ ! -e full/out ]
	# what is compressed may need less
	fill 300000
	run -125 --separate-stderr mica commit -q c another
	rm -f full/filler?
	[[ "$stderr" =~ "bytes are free in '$MICA_ROOT', at least "([0-9]+)" are needed, at most "([0-9]+)")" ]] || fail "$stderr"
	[ "${BASH_REMATCH[1]}" -gt 300000 ] && [ "${BASH_REMATCH[2]}" -ge 700000 ] && [ "${BASH_REMATCH[2]}" -le 1100000 ] || fail "$stderr"
	printf 'FROM busybox\nRUN --mount=type=cache,target=/c cat /dev/zero >/c/x\n' >Containerfile
	fill 300000
	run -1 --separate-stderr mica build -q --network=none -f Containerfile .
	[[ "$stderr" =~ "disk of the store is full ("([0-9]+)" bytes are free, at least "([0-9]+)" are needed)" ]] && [ "${BASH_REMATCH[1]}" -lt "${BASH_REMATCH[2]}" ] || fail "$stderr"
	rm -f full/filler?
	mica cache rm -a
	printf 'FROM busybox\nRUN head -c 3000000 /dev/zero >/f\n' >Containerfile
	fill 2000000
	run --separate-stderr mica build -q --network=none -f Containerfile .
	[[ "$status:$stderr" =~ 1:.*"at least "([0-9]+)" are needed: so much it had written" ]] && [ "${BASH_REMATCH[1]}" -ge 1000000 ] || fail "$status: $stderr"
}

given_back() { # BYTES: as many are there again, but for a few blocks of directories
	[ $(($1 - $(available))) -le 65536 ]
}

nothing() {
	rm -rf full/out* "${MICA_ROOT:?}/logs"
	mica rmi -f noise another list >/dev/null 2>&1 || true
	mica prune --build-cache >/dev/null
}

@test "pull, load" {
	fills_up nothing pull -q noise
	FORM=another fills_up nothing pull -q "oci:$T/noise:latest"
	skopeo copy -q "oci:$T/noise:latest" "docker-archive:$D/noise.tar:noise:latest"
	fills_up nothing load -i noise.tar
	# what was unpacked of the archive becomes the blobs: it is not there twice
	fill 3200000
	mica load -q -i noise.tar >/dev/null
	rm -f full/filler?
	mica fsck >/dev/null
	[ "$(find "$MICA_ROOT/blobs" -type f -links +1)" = "" ]
	nothing
	fills_up nothing import -q "$T/l1.tar" noise
	fill 200000
	run -125 --separate-stderr mica import - imp <"$T/l1.tar"
	[ "$(wc -l <<<"$stderr")" = 1 ] && [[ "$stderr" =~ ^"mica: import: ".*"no space left on device ("[0-9]+" bytes are free in '$D/full/store', at least "([0-9]+)" are needed): make room with 'mica prune'," ]] || fail "$stderr"
	[ "${BASH_REMATCH[1]}" -ge "$(stat -c %s "$T/l1.tar")" ]
	rm -f full/filler?
}

@test "build" {
	fills_up nothing build -q --network=none -t another "$T/context"
}

@test "push, save" {
	mica build -q --network=none -t kept2 "$T/context"
	fills_up nothing push -q kept2 "oci:$D/full/out:x"
	FORM=another fills_up nothing push -q kept2 "dir:$D/full/out"
	FORM=another fills_up nothing push -q kept2 "oci-archive:$D/full/out.tar"
	FORM=another fills_up nothing push -q kept2 "docker-archive:$D/full/out.tar"
	fills_up nothing save -q -o full/out.tar kept2
	FORM=another fills_up nothing save -q --format oci-dir -o full/out kept2
	FORM=another fills_up nothing build -q --network=none -o "$D/full/out" "$T/context"
	FORM=another fills_up nothing build -q --network=none -o "type=tar,dest=$D/full/out.tar" "$T/context"
	FORM=another fills_up nothing build -q --network=none -o "type=oci,dest=$D/full/out.tar" "$T/context"
}

@test "from, run, copy, commit" {
	no_containers() {
		mica rm -a >/dev/null
		nothing
	}
	fills_up no_containers from --name c busybox
	with_container() {
		no_containers
		mica from --name c busybox >/dev/null
	}
	fills_up with_container copy -q c "$T/context" /ctx
	FORM=another fills_up with_container copy -q --link c "$T/context" /ctx
	tar -C "$T/context" -cf context.tar .
	FORM=another fills_up with_container add -q c context.tar /ctx
	fills_up with_container config --label a=b c
	fills_up with_container run c sh -c 'head -c 2000000 /dev/zero >/x'
	mica copy -q c "$T/context" /ctx
	fills_up nothing commit -q c another
	FORM=another fills_up nothing commit -q c "oci:$D/full/out:x"
	no_cache() {
		mica cache rm -a >/dev/null
	}
	tar -C "$T/context" -cf cache.tar .
	fills_up no_cache cache import -i cache.tar c
}

@test "tag, manifest, untag, rmi, prune" {
	fills_up nothing tag kept another
	fills_up nothing manifest create list kept
	tagged() {
		mica tag kept two
	}
	fills_up tagged untag kept two
	fills_up tagged rmi two
	mica rmi two
	fills_up true prune --build-cache
	fills_up true fsck
	fills_up true du
	fills_up true images
}

@test "the disk that is told is the one that was written to" {
	local words
	mkdir few ctx
	mount -t tmpfs -o size=1m mica-test few
	head -c 2000000 /dev/zero >few/filler 2>/dev/null || true
	printf 'FROM busybox\nRUN --mount=type=cache,target=/c echo 1 >/c/x\n' >ctx/Containerfile
	mica from --name c busybox
	mica build -q --network=none ctx
	for words in "build -q --iidfile few/x ctx" "build -q --metadata-file few/x ctx" "build --logfile few/x ctx" "build -q -o type=local,dest=few/x ctx" \
		"build -q -o type=tar,dest=few/x ctx" "build -q -o type=docker,dest=few/x ctx" "save -o few/x kept" "push -q kept oci:few/x" "push -q kept dir:few/x" \
		"push -q --digestfile few/x kept dir:y" "from --cidfile few/x busybox" "export -o few/x c" "commit -q --iidfile few/x c" "cache export -o few/x /c" \
		"login --tls-verify=false --authfile few/x -u a -p b $REG"; do
		# shellcheck disable=SC2086
		run --separate-stderr mica $words
		assert_error "no space left on device \(0 bytes are free in '(few.*|the log file)', at least [0-9]+ are needed\)\$"
		rm -rf few/x
	done
	run --separate-stderr mica save -o /dev/full kept
	assert_error "\(0 bytes are free in '/dev/full', at least [0-9]{7} are needed\)\$"
	# no signal ends it in the middle of a file
	for words in "save -o x kept" "push -q kept oci:y" "push -q kept dir:z" "export -o x c" "build -q -o type=tar,dest=x ctx" "pull -q noise"; do
		# shellcheck disable=SC2086
		run --separate-stderr prlimit --fsize=65536 "$MICA_BIN" --root "$MICA_ROOT" $words
		assert_error "file too large \(a limit of 65536 bytes: see 'ulimit -f'\)\$"
		[ -z "$(find . -maxdepth 1 -name 'x*')" ]
	done
	[ "$(prlimit --fsize=65536 "$MICA_BIN" --root "$MICA_ROOT" run c sh -c 'sh -c "head -c 99999 /dev/zero >/x"; echo $?')" = 153 ]
	mica fsck
}

@test "a disk that does not say its size is not taken for a full one" {
	mkdir few
	mount -t tmpfs -o size=0 mica-test few
	MICA_ROOT=$D/few/store
	mica pull -q noise
	run --separate-stderr mica run --rm --network=none busybox false
	[ "$status" = 1 ] && [[ "$stderr" != *"disk of the store"* ]] || fail "$stderr"
	printf 'FROM busybox\nRUN false\n' >Containerfile
	run --separate-stderr mica build -q --network=none -f Containerfile .
	[[ "$stderr" != *"disk of the store"* ]] || fail "$stderr"
	mica build -q --network=none -t another "$T/context"
	mica prune --min-free 1g --dry-run >said
	run ! grep '^record ' said
	mica push -q noise oci:few/out
}

@test "a quota is told as one" {
	local command
	truncate -s 128M quota
	mkfs.btrfs -q -M quota
	mkdir few
	mount -o loop quota few || skip "the kernel knows no btrfs"
	btrfs quota enable few
	MICA_ROOT=$D/few/store
	mica pull -q busybox
	sync -f few
	btrfs qgroup limit "$(($(btrfs qgroup show --raw few | awk '/^0\/5/ {print $2}') + 300000))" 0/5 few
	for command in "pull -q noise" "import -q $T/l1.tar noise" "build -q --network=none -t another $T/context"; do
		# shellcheck disable=SC2086
		run --separate-stderr mica $command
		assert_error "disk quota exceeded.* \([0-9]+ bytes are free in '.*', but a quota keeps them\)\$|the disk of the store is full"
		mica fsck
	done
	[ "$(mica images -q | wc -l)" = 1 ]
	[ -z "$(ls -A "$MICA_ROOT/tmp")" ]
	btrfs qgroup limit none 0/5 few
	mica pull -q noise
	mica fsck
}

@test "inodes run out before bytes do" {
	local left
	mkdir few
	mount -t tmpfs -o size=64m,nr_inodes=1000 mica-test few
	MICA_ROOT=$D/few/store
	mica pull -q busybox
	mica tag busybox localhost/kept
	for left in 0 3 30 100; do
		mkdir few/filler
		for i in $(seq $(($(df --output=iavail few | tail -1) - left))); do : >"few/filler/$i"; done
		for command in "pull -q noise" "build -q --network=none -t another $T/context" "from busybox" "push -q kept oci:few/out"; do
			# shellcheck disable=SC2086
			run --separate-stderr mica $command
			if [ "$status" != 0 ]; then
				grep '^mica: ' <<<"$stderr" | grep -q "no space left on device\|the disk of the store is full" || fail "$command with $left inodes: $stderr"
				[ $left != 0 ] || [[ "$stderr" == *"(0 inodes are free in '"* ]] || fail "$command: $stderr"
				grep -qE "\([0-9]+ inodes are free in '.*', at least [0-9]+ are needed\)|is full \([0-9]+ inodes are free, at least [0-9]+ are needed\)" <<<"$stderr" || fail "$command with $left inodes: $stderr"
			fi
		done
		if [ $left = 100 ]; then
			# some are free again when it is asked: what the program had made first
			printf 'FROM busybox\nRUN i=0; while ( : >/f$i ) 2>/dev/null; do i=$((i+1)); done; rm /f1 /f2; false\n' >Containerfile
			run -1 --separate-stderr mica build -q --network=none -f Containerfile .
			[[ "$stderr" =~ "exit status 1; the disk of the store is full ("[0-9]+" inodes are free, at least "[0-9]+" are needed)" ]] || fail "$stderr"
			mica from -q --name c busybox
			run -1 --separate-stderr mica run c sh -c 'i=0; while ( : >/f$i ) 2>/dev/null; do i=$((i+1)); done; rm /f1; false'
			[[ "$stderr" =~ "warning: the disk of the store is full ("[0-9]+" inodes are free)" ]] || fail "$stderr"
		fi
		mica fsck
		rm -rf few/filler few/out
		mica rm -a >/dev/null
		mica rmi -f noise another >/dev/null 2>&1 || true
		mica prune --build-cache >/dev/null
		in_image kept true
	done
}

@test "a store on a disk that cannot be written to can be looked at" {
	mica from --name c busybox
	sync -f full
	mount -o remount,ro full
	for command in images "inspect kept" "history kept" containers du fsck info "manifest exists nothing" "cache ls" "push -q kept oci:layout:x"; do
		# shellcheck disable=SC2086
		mica $command >out 2>&1 || [ "$command" = "manifest exists nothing" ] || fail "$command: $(cat out)"
	done
	for command in "pull -q noise" "build -q $T/context" "from busybox" "tag kept two" "rmi kept" "prune" "commit -q c x" "rm c" "run c true" \
		"fsck --repair" "untag kept kept" "config --label a=b c"; do
		# shellcheck disable=SC2086
		run --separate-stderr mica $command
		assert_error "'$D/full/store'.*: read-only file system$"
	done
}
