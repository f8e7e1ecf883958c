# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# An ordinary user for the tests. setup: test_setup, user_setup; teardown_file: user_teardown, file_teardown.

# As a user of the machine made for this: with subordinate IDs, without anything else.
user_setup() {
	[ "$(id -u)" = 0 ] || skip "only root can make the user that this test needs"
	command -v newuidmap >/dev/null || skip "newuidmap is not installed"
	MICA_USER=micatest
	# Other test files have the same user: whoever is last removes it.
	exec 8>>/tmp/.$MICA_USER.lock
	until flock -s 8 && id -u $MICA_USER >/dev/null 2>&1 && grep -q "^$MICA_USER:" /etc/subuid; do
		flock -x 8
		id -u $MICA_USER >/dev/null 2>&1 || {
			useradd --no-create-home --shell /bin/bash $MICA_USER 2>/dev/null
			echo made >/tmp/.$MICA_USER.lock
		}
		grep -q "^$MICA_USER:" /etc/subuid || usermod --add-subuids 700000-765535 --add-subgids 700000-765535 $MICA_USER
	done
	user_env
}

# $MICA_USER, by name or by number, has $D.
user_env() {
	local group=""
	[[ $MICA_USER == *[!0-9]* ]] || group=$MICA_USER
	mkdir -p "$D/home" "$D/run"
	chown -R "$MICA_USER:$group" "$D"
	chmod 755 "$D"
	export USER_ENV="HOME=$D/home XDG_RUNTIME_DIR=$D/run CONTAINERS_REGISTRIES_CONF=$CONTAINERS_REGISTRIES_CONF REGISTRY_AUTH_FILE=$D/auth.json PATH=$PATH LC_ALL=C.UTF-8 NO_COLOR=1 TZ=UTC${ASAN_OPTIONS:+ ASAN_OPTIONS=$ASAN_OPTIONS}"
	echo '{}' >"$D/auth.json"
	chown "$MICA_USER" "$D/auth.json"
}

as_user() { # COMMAND...
	# shellcheck disable=SC2086 # a list of settings
	(cd "$D" && setpriv --reuid "$MICA_USER" --regid "$MICA_USER" "$(user_groups)" env -i $USER_ENV ${SOURCE_DATE_EPOCH:+SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH} "$@")
}

user_groups() {
	[[ $MICA_USER == *[!0-9]* ]] && echo --init-groups || echo --clear-groups
}

# The same in the directory and with the variables of the test.
as_user_here() { # COMMAND...
	setpriv --reuid "$MICA_USER" --regid "$MICA_USER" --init-groups env HOME="$D/home" XDG_RUNTIME_DIR="$D/run" XDG_DATA_HOME="$D/home/.local/share" \
		REGISTRY_AUTH_FILE="$D/auth.json" "$@"
}

umica() {
	as_user "$MICA_BIN" "$@"
}

user_teardown() {
	(
		exec 8>>/tmp/.micatest.lock
		flock -xn 8 || exit 0
		[ ! -s /tmp/.micatest.lock ] || userdel micatest 2>/dev/null
		: >/tmp/.micatest.lock
	)
}
