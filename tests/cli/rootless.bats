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

# As a user of the machine made for this: with subordinate IDs, without anything else.
user_setup() {
	[ "$(id -u)" = 0 ] || skip "only root can make the user that this test needs"
	command -v newuidmap >/dev/null || skip "newuidmap is not installed"
	MICA_USER=micatest
	if ! id -u $MICA_USER >/dev/null 2>&1; then
		useradd --no-create-home --shell /bin/bash $MICA_USER 2>/dev/null
		echo made >"$T/user-made"
	fi
	grep -q "^$MICA_USER:" /etc/subuid || {
		usermod --add-subuids 700000-765535 --add-subgids 700000-765535 $MICA_USER
	}
	mkdir -p "$D/home" "$D/run"
	chown -R $MICA_USER: "$D"
	chmod 755 "$D"
	export USER_ENV="HOME=$D/home XDG_RUNTIME_DIR=$D/run CONTAINERS_REGISTRIES_CONF=$CONTAINERS_REGISTRIES_CONF REGISTRY_AUTH_FILE=$D/auth.json PATH=$PATH LC_ALL=C.UTF-8 NO_COLOR=1 TZ=UTC"
	echo '{}' >"$D/auth.json"
	chown $MICA_USER "$D/auth.json"
}

as_user() { # COMMAND...
	# shellcheck disable=SC2086 # a list of settings
	(cd "$D" && setpriv --reuid "$MICA_USER" --regid "$MICA_USER" --init-groups env -i $USER_ENV ${SOURCE_DATE_EPOCH:+SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH} "$@")
}

umica() {
	as_user "$MICA_BIN" "$@"
}

setup() {
	test_setup
	user_setup
}

teardown_file() {
	[ ! -e "$T/user-made" ] || userdel micatest 2>/dev/null
	file_teardown
}

sample() {
	mkdir -p ctx
	echo data >ctx/f
	containerfile <<-'END'
		FROM busybox
		COPY --chown=app f /f
		RUN id -u >/id && chown 77:88 /id && mkdir /d && touch /d/x && chmod 4711 /d/x
		USER app
		RUN id -u >/tmp/id
	END
	chown -R "$MICA_USER:" ctx
}

@test "a user builds and runs an image in a store of their own" {
	sample
	umica build -q --network=none -t t ctx
	[ "$(umica run --rm --network=none t cat /f /id /tmp/id)" = $'data\n0\n1000' ]
	[ "$(umica run --rm --network=none t stat -c %u:%g:%a /f /id /d/x)" = $'1000:1000:644\n77:88:644\n0:0:4711' ]
	[ -d home/.local/share/mica/blobs ]
	umica fsck
	umica images
	umica prune -a -f
}

@test "a user's image has the digest of root's" {
	sample
	export SOURCE_DATE_EPOCH=1700000000
	as_root=$(mica build -q --network=none -t t ctx)
	[ "$(umica build -q --network=none -t t ctx)" = "$as_root" ]
}

@test "a user pushes and pulls" {
	sample
	umica build -q --network=none -t t ctx
	umica push -q t "docker://$REG/users/t"
	umica rmi t
	umica pull -q "$REG/users/t"
	[ "$(umica run --rm --network=none "$REG/users/t" stat -c %u:%g /id)" = 77:88 ]
	umica fsck
}

@test "deleted files stay deleted for a user" {
	sample
	containerfile <<-'END'
		FROM busybox
		RUN mkdir -p /d/sub && touch /d/sub/a /d/b
		RUN rm /d/b && rm -r /d/sub && mkdir /d/sub && touch /d/sub/new && rm /bin/vi
	END
	chown -R "$MICA_USER:" ctx
	umica build -q --network=none -t t ctx
	[ "$(umica run --rm --network=none t sh -c 'find /d; ls /bin/vi 2>/dev/null | wc -l')" = $'/d\n/d/sub\n/d/sub/new\n0' ]
	umica fsck
}

@test "a user has a private network" {
	[ -c /dev/net/tun ] || skip "no /dev/net/tun on this machine: a user-mode network needs it"
	[ "$(stat -c %a /dev/net/tun)" != 600 ] || chmod 666 /dev/net/tun
	sample
	umica pull -q busybox
	run umica run --rm --network=private busybox ls /sys/class/net
	[ "$status" = 0 ]
	[ "$(grep -cv '^lo$' <<<"$output")" = 1 ]
}

@test "a user without subordinate IDs is told what to do" {
	sample
	umica pull -q busybox
	run --separate-stderr setpriv --reuid 65533 --regid 65533 --clear-groups env -i "HOME=$D/nowhere" "XDG_DATA_HOME=$D/nowhere" "PATH=$PATH" \
		"$MICA_BIN" --root /dev/shm/none-$$ run --rm busybox true
	[ "$status" = 125 ]
	[[ "$stderr" == mica:* ]]
	[ ! -e /dev/shm/none-$$ ] || rm -r /dev/shm/none-$$
}
