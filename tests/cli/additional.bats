#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Stores that are only read, beside the one that is written to.
load ../cli/lib.bash

setup_file() {
	file_setup busybox
}

teardown_file() {
	file_teardown
}

# One image in $D/shared, busybox under the name localhost/base; the store of the tests is empty.
setup() {
	test_setup
	MICA_ROOT=$D/shared
	mica tag "$(mica pull -q "oci:$MICA_CACHE/busybox")" localhost/base
	MICA_ROOT=$D/store
	export MICA_ADDITIONAL_STORES=$D/shared
}

teardown() {
	test_teardown
}

listing() {
	find "$D/shared" -printf '%p %s %T@ %C@\n' | sort
}

names() { # and whether they are only read
	mica images --format '{{.Name}} {{.ReadOnly}}' | tr -s ' '
}

@test "an image of an additional store is used where it is, and nothing is written there" {
	listing >before
	[ "$(names)" = "localhost/base true" ]
	[ "$(mica images --filter readonly=true -q | wc -l)" = 1 ]
	[ -z "$(mica images --filter readonly=false -q)" ]
	[ "$(in_image base echo well)" = well ]
	containerfile <<-'END'
		FROM localhost/base
		RUN echo 1 >/f
	END
	mica build -q --network=none -t made ctx
	[ "$(in_image made cat /f)" = 1 ]
	[ "$(find "$MICA_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
	mica tag base localhost/mine
	c=$(mica from base)
	mica run "$c" touch /g
	mica commit -q "$c" localhost/committed >/dev/null
	in_image committed test -e /g
	mica rm "$c" >/dev/null
	mica push -q made oci:layout:x
	skopeo inspect --raw oci:layout:x >/dev/null
	mica prune --build-cache >/dev/null
	in_image made true
	in_image mine true
	mica fsck
	mica du >/dev/null
	diff before <(listing)
	assert_clean_store
	# what was made needs what it was made from
	MICA_ADDITIONAL_STORES='' run -1 mica fsck
}

@test "what is only read cannot be removed, and says where it is" {
	for command in "rmi base" "rmi -f base" "untag base" "untag base base"; do
		# shellcheck disable=SC2086
		run --separate-stderr mica $command
		assert_error "image 'localhost/base:latest' is in the additional store '$D/shared', which is only read; 'mica --root $D/shared rmi' removes it there\$"
	done
	mica rmi -a
	mica prune -a >/dev/null
	in_image base true
	# a name of one's own goes before, and can go
	containerfile <<<'FROM localhost/base
	LABEL mine=yes'
	mica build -q --network=none -t base ctx
	[ "$(mica inspect --type image base | jq -r '.. | .Labels? // empty | .mine' | sort -u)" = yes ]
	[ "$(names)" = "localhost/base false" ]
	mica rmi base >/dev/null
	[ "$(names)" = "localhost/base true" ]
}

@test "a medium that cannot be written to will do, and so will a store of another user, by its blobs" {
	[ "$(id -u)" = 0 ] || skip "needs to mount and to change owners"
	mkdir medium
	mount --bind shared medium
	mount -o remount,ro,bind medium
	MICA_ADDITIONAL_STORES=$D/medium
	[ "$(in_image base echo well)" = well ]
	umount medium
	[ -z "$(ls "$MICA_ROOT/layers")" ]
	chown 1000 shared
	MICA_ADDITIONAL_STORES=$D/shared
	[ "$(in_image base echo well)" = well ]
	[ "$(find "$MICA_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
	[ -z "$(ls "$MICA_ROOT/blobs/sha256")" ]
}

@test "after a restart only what is known to be on the disk is taken" {
	# as if it was all written since the last sync, in another boot
	tr 0-9a-f 1-9a-f0 <shared/synced >other
	cat other >shared/synced
	touch -d '1 day ago' shared/synced
	run --separate-stderr in_image --pull=never base true
	[ "$status" = 125 ]
	# its own user had it checked
	MICA_ADDITIONAL_STORES='' MICA_ROOT=$D/shared mica build -q -t any - <<<'FROM scratch'
	in_image base true
}

@test "additional stores are named by option and by variable; what is none is refused" {
	MICA_ADDITIONAL_STORES=
	for opt in additionalimagestore overlay.imagestore vfs.additionalimagestore; do
		[ "$(mica --storage-opt "$opt=$D/shared" images --format '{{.Name}}')" = localhost/base ]
	done
	mkdir other
	for dir in other nowhere; do
		run --separate-stderr mica --storage-opt "additionalimagestore=$D/$dir" images
		assert_error "additional store: there is no store at '$D/$dir'"
	done
	echo 99 >shared/version
	run --separate-stderr mica --storage-opt "additionalimagestore=$D/shared" images
	assert_error "additional store: the store '$D/shared' has version 99"
	run --separate-stderr mica --storage-opt overlay.colour=blue images
	assert_error "'overlay.colour=blue' is not 'additionalimagestore=DIR'"
	mica --storage-opt "additionalimagestore=$MICA_ROOT" images
}

@test "nothing is collected in an additional store while somebody builds from it" {
	"$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none base sleep 60 3>&- &
	pid=$!
	wait_for 10 pgrep -P $pid >/dev/null
	MICA_ADDITIONAL_STORES='' MICA_ROOT=$D/shared mica prune -a >said 2>&1
	[ -n "$(ls "$D/shared/layers")" ]
	kill $pid
	wait $pid || true
	MICA_ADDITIONAL_STORES='' MICA_ROOT=$D/shared mica prune -a >/dev/null
	[ -z "$(ls "$D/shared/layers")" ]
}
