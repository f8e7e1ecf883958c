#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a power cut leaves: the store lies on an ext4 in a file, which is copied at random moments of a build and of a pull. In each copy what
# had a name is whole, and the store can be used. POWER_MOMENTS says how many moments for each, 10 at first.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	[ "$(id -u)" = 0 ] || skip "mounting needs root"
	: "${POWER_MOMENTS:=10}"
	truncate -s 192M disk
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 disk
	mkdir live copy
	mount -o loop disk live || skip "there are no loop devices"
	device=$(findmnt -no SOURCE live)
	export MICA_ROOT=$D/live/store
	mica pull -q busybox
	mica tag busybox localhost/kept
}

teardown() {
	mountpoint -q "$D/copy" && umount "$D/copy" || true
	mountpoint -q "$D/live" && umount "$D/live" || true
	test_teardown
}

written() {
	cat "/sys/block/${device#/dev/}/stat"
}

# A copy that was not written to meanwhile is one moment of the disk. Each is a file of its own: the file system of the last one may live on in
# a mount namespace that a sandbox elsewhere copied, and mount(8) would find its loop device and show that again.
copy_moment() {
	local before
	rm -f "$D"/cut.*
	cut=$(mktemp "$D/cut.XXXXXX")
	for _ in $(seq 50); do
		before=$(written)
		cp --sparse=always disk "$cut"
		[ "$(written)" = "$before" ] && return
	done
	fail "the disk never rests"
}

# As after a reboot: the note of the boot in which the store was last found sound is another's.
mount_copy() {
	local synced=$D/copy/store/synced
	mount -o loop "$cut" copy
	touch -r "$synced" stamp
	tr 0-9a-f 1-9a-f0 <"$synced" >other
	cat other >"$synced"
	touch -r stamp "$synced"
}

check_copy() { # WHEN
	mount_copy
	(
		export MICA_ROOT=$D/copy/store
		mica pull -q --policy=never busybox >/dev/null 2>said || fail "$1: $(cat said)"
		mkdir -p again
		printf 'FROM localhost/kept\nRUN echo %s >/again\n' "$1" >again/Containerfile
		mica build -q --network=none -t again again >/dev/null 2>said || fail "$1: $(cat said)"
		[ "$(in_image again cat /again)" = "$1" ]
		for name in $(mica images -q); do
			in_image "$name" true || fail "$1: $name does not run"
		done
		mica fsck >said 2>&1 || fail "$1: $(cat said)"
	)
	umount copy
}

moments() { # COMMAND...: again and again, and copied meanwhile
	local i pid
	for i in $(seq "$POWER_MOMENTS"); do
		"$@" >out 2>&1 3>&- &
		pid=$!
		sleep "0.$(printf %03d $((RANDOM % 500)))"
		# the kernel writes when it wants to; half of the time, now
		[ $((i % 2)) = 0 ] || sync -f live/store/version
		copy_moment
		wait "$pid" || fail "$(cat out)"
		check_copy "moment $i"
	done
}

@test "at random moments of a build" {
	containerfile <<-'END'
		FROM localhost/kept
		RUN head -c 3000000 /dev/urandom >/r; for i in $(seq 200); do echo $i >/f$i; done
		RUN rm /f1?; head -c 2000000 /dev/urandom >/s
	END
	build_anew() {
		mica prune --build-cache >/dev/null # the one before has no name
		mica build -q --no-cache --network=none -t built ctx
	}
	moments build_anew
}

@test "at random moments of a pull" {
	mkdir tree
	for i in 1 2 3; do
		head -c 3000000 /dev/urandom >"tree/noise$i"
		plain_tar "l$i.tar" tree
	done
	busybox_rootfs root
	plain_tar base.tar root
	make_layout layout '{"Env":["PATH=/bin"]}' base.tar l1.tar l2.tar l3.tar
	to_registry layout library/noise:latest
	pull_anew() {
		mica rmi -f noise >/dev/null 2>&1 || true
		mica prune --build-cache >/dev/null
		mica pull -q noise
	}
	moments pull_anew
}
