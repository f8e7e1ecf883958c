#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown() {
	test_teardown
}

setup() {
	test_setup
	user_setup
}

teardown_file() {
	user_teardown
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

@test "what a user may not read is told before the first RUN, where it is named" {
	local line
	mkdir -p ctx/dir
	echo secret >ctx/file
	chmod 600 ctx/file
	mkdir -p ctx/dir ctx/deep/a/b ctx/deeper/a/closed ctx/fine/skipped
	echo secret | tee ctx/deep/a/b/file ctx/fine/skipped/file >ctx/fine/other
	chmod 700 ctx/dir ctx/deeper/a/closed
	chmod 600 ctx/deep/a/b/file ctx/fine/skipped/file ctx/fine/other
	echo fine/other >ctx/.dockerignore
	while IFS='|' read -r column line; do
		printf 'FROM busybox\nRUN echo must-not-run\n%s\n' "$line" | containerfile
		run -125 umica build --progress=plain --network=none ctx
		[[ $output == *"Containerfile:3:$column: "*"cannot open '"*"': permission denied; let who builds read it"* ]] || fail "$output"
		[[ $output != *$'\nmust-not-run'* ]] || fail "$output"
	done <<-'END'
		6|COPY file /
		20|COPY Containerfile f* /x/
		6|COPY dir /
		6|COPY deep /
		32|COPY --exclude=x Containerfile deep/a /x/
		16|COPY --parents deep/**/file /
		6|COPY deeper /
		20|RUN --mount=source=deep,target=/f cat /f
		5|ADD file /
		20|RUN --mount=source=file,target=/f cat /f
	END
	printf 'FROM busybox\nRUN true\nCOPY --exclude=skipped fine /\n' | containerfile
	umica build -q --network=none ctx
}

@test "a user's image has the digest of root's" {
	sample
	export SOURCE_DATE_EPOCH=1700000000
	as_root=$(mica build -q --network=none -t t ctx)
	[ "$(umica build -q --network=none -t t ctx)" = "$as_root" ]
}

@test "a user's output directory is theirs, and their tar and squashed image are root's" {
	sample
	export SOURCE_DATE_EPOCH=1700000000
	umica build -q --network=none -o out -o type=tar,dest=t.tar ctx
	[ "$(find out -printf '%u\n' | sort -u)" = "$MICA_USER" ]
	[ "$(stat -c %a out/d/x)" = 4711 ]
	[ "$(cat out/f out/id)" = $'data\n0' ]
	as_user cat out/d/x
	tar --numeric-owner -tvf t.tar | grep -q '77/88 .* id$'
	mica build -q --network=none -o type=tar,dest=root.tar ctx
	cmp t.tar root.tar
	[ "$(umica build -q --network=none --squash-all -t s ctx)" = "$(mica build -q --network=none --squash-all -t s ctx)" ]
	[ "$(umica run --rm --network=none s stat -c %u:%g:%a /f /id /d/x)" = $'1000:1000:644\n77:88:644\n0:0:4711' ]
	umica fsck
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

@test "a user's login is found again by pull where there is no XDG_RUNTIME_DIR" {
	uid=$(id -u "$MICA_USER") saved=$REG
	own=/run/containers/$uid last=/var/tmp/storage-run-$uid
	for dir in "$own" "/run/user/$uid" "$last"; do
		[ ! -e "$dir" ] || skip "$dir is in use on this machine"
	done
	# shellcheck disable=SC2016 # a salt
	printf 'anna:%s\n' "$(perl -e 'print crypt("secret", q($2y$05$abcdefghijklmnopqrstuu))')" >htpasswd
	start_registry auth REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=tests "REGISTRY_AUTH_HTPASSWD_PATH=$PWD/htpasswd"
	printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REG" >>"$CONTAINERS_REGISTRIES_CONF"
	containerfile <<<$'FROM scratch\nCOPY f /f'
	echo data >ctx/f
	USER_ENV=$(sed -E 's/(XDG_RUNTIME_DIR|REGISTRY_AUTH_FILE)=[^ ]*//g' <<<"$USER_ENV")
	install -d -m 755 /run/containers
	install -d -m 700 -o "$MICA_USER" "$own"
	status=0
	{
		umica build -q -t t ctx &&
			umica login -u anna -p secret "$REG" &&
			[ -e "$own/auth.json" ] &&
			umica push -q t "docker://$REG/t" &&
			umica rmi t &&
			umica pull -q "$REG/t" && umica logout "$REG" &&
			# not even that directory is there: as buildah has it, and not where somebody else was first
			rm -r "$own" && install -d -m 700 "$last" && ! umica login -u anna -p secret "$REG" && rmdir "$last" &&
			umica login -u anna -p secret "$REG" && [ "$(stat -c %a:%u "$last")" = "700:$uid" ] && [ -e "$last/containers/auth.json" ] &&
			umica rmi "$REG/t" && umica pull -q "$REG/t"
	} || status=$?
	rm -rf "$own" "$last"
	rmdir --ignore-fail-on-non-empty /run/containers
	REG=$saved
	[ "$status" = 0 ]
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

@test "a user has working containers, and mounts them within unshare" {
	# what each of theirs is shown
	mkdir -p "$D/home/.config/containers"
	echo shown >"$D/home/shown"
	echo "$D/home/shown:/shown" >"$D/home/.config/containers/mounts.conf"
	umica from -q --name c busybox
	rm -r "$D/home/.config"
	[ "$(umica run c cat /shown)" = shown ]
	umica run c -- sh -c 'echo user > /file && chown app:staff /file'
	[ "$(umica run c stat -c %u:%g /file)" = 1000:50 ]
	run --separate-stderr umica mount c
	assert_error 'You need to run it in a `mica unshare` session'
	# shellcheck disable=SC2016 # the inner shell's
	[ "$(umica unshare sh -c 'echo $(id -u) $_CONTAINERS_USERNS_CONFIGURED $_CONTAINERS_ROOTLESS_UID $_CONTAINERS_ROOTLESS_GID')" = "0 done $(id -u "$MICA_USER") $(id -g "$MICA_USER")" ]
	[ "$(umica unshare sh -c "cat \$($MICA_BIN mount c)/file")" = user ]
	# shellcheck disable=SC2016 # the inner shell's
	umica unshare --mount WHERE=c sh -c 'echo more >"$WHERE/more" && [ "$(stat -c %u:%g "$WHERE/file")" = 1000:50 ]'
	[ -z "$(umica mount)" ]
	[ "$(umica run c cat /file /more | tr '\n' ' ')" = "user more " ]
	# whatever makes the mount, and whether somebody umounts it or is killed
	local driver
	for driver in copy fuse-overlayfs; do
		[ $driver = copy ] || [ -w /dev/fuse ] || continue
		umica unshare sh -c "export STORAGE_DRIVER=$driver; echo $driver >>\$($MICA_BIN mount c)/drivers"
		run -137 umica unshare sh -c "export STORAGE_DRIVER=$driver; echo killed >>\$($MICA_BIN mount c)/drivers; kill -9 \$PPID"
		[ "$(umica run c tail -n 2 /drivers | xargs)" = "$driver killed" ]
	done
	# what is mounted in there can be used in there
	[ "$(umica unshare sh -c "$MICA_BIN mount c >/dev/null; $MICA_BIN run c cat /more; $MICA_BIN commit -q --rm c made" | head -1)" = more ]
	[ "$(umica run --network=none made cat /more)" = more ]
	[ -z "$(umica containers -q)" ]
}

@test "in a user namespace without mounts of its own steps run, and no mount is promised" {
	umica from -q --name c busybox
	MICA_ROOT=$D/home/.local/share/mica as_user_here unshare -Ur sh -c "$MICA_BIN run --network=none c id -u; $MICA_BIN mount c 2>&1" >log || true
	[[ "$(<log)" == $'0\nmica: cannot mount in rootless mode'* ]] || fail "$(<log)"
}

@test "a container that is mounted in another namespace is not mounted twice" {
	umica from -q --name c busybox
	mkfifo go
	chown "$MICA_USER" go
	local way
	for way in "$MICA_BIN unshare" "unshare -Urm" "unshare -Urm env STORAGE_DRIVER=fuse-overlayfs"; do
		[[ $way != *fuse* ]] || [ -w /dev/fuse ] || continue
		# shellcheck disable=SC2086 # words
		MICA_ROOT=$D/home/.local/share/mica as_user_here $way sh -c "$MICA_BIN mount c; timeout 20 cat go >/dev/null; echo seen >>\$($MICA_BIN mount c)/bin/busybox" >log 2>&1 3>&- &
		pid=$!
		wait_for 10 test -s log
		run --separate-stderr umica run c true
		assert_error 'is mounted in another mount namespace'
		run --separate-stderr umica rm c
		assert_error 'is mounted in another mount namespace'
		# nor by who does not see that process: the kernel's overlay tells
		if [ "$way" = "unshare -Urm" ]; then
			# shellcheck disable=SC2086 # words
			run -125 --separate-stderr unshare --pid --fork --mount-proc setpriv --reuid "$MICA_USER" --regid "$MICA_USER" --clear-groups \
				env -i $USER_ENV "$MICA_BIN" run c true
			assert_error 'is mounted in another mount namespace'
		fi
		echo >go
		wait $pid
		: >log
	done
	[ "$(umica run c tail -c 15 /bin/busybox | grep -c '^seen$')" = 3 ]
}

@test "several commands at once in one container, of a user" {
	umica from -q --name c busybox
	MICA_ROOT=$D/home/.local/share/mica as_user_here unshare -Urm "$MICA_BIN" mount c >/dev/null # which ends with it
	upper=$(echo "$D"/home/.local/share/mica/containers/*/upper)
	as_user timeout 20 "$MICA_BIN" run c -- sh -c 'touch /first; until [ -e /second ]; do sleep 0.02; done; chown 7:8 /second' 3>&- </dev/null &
	first=$!
	wait_for 10 test -e "$upper/first"
	as_user timeout 20 "$MICA_BIN" run c -- sh -c 'touch /second; until [ -e /third ]; do sleep 0.02; done; stat -c %u:%g /second' >owner 3>&- </dev/null &
	second=$!
	wait $first
	as_user sh -c "echo \$\$ >pid; exec $MICA_BIN run c -- sh -c 'touch /third; sleep 20'" 3>&- </dev/null &
	third=$!
	wait $second
	[ "$(cat owner)" = 7:8 ]
	kill -9 "$(cat pid)"
	wait $third || true
	umica commit -q --rm c made >/dev/null
	[ "$(umica run --network=none made ls / | grep -cE '^(first|second|third)$')" = 3 ]
	umica fsck >/dev/null
}
