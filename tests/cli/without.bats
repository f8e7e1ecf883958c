#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# On a kernel, or in a container, that does not know some of the newer system calls.
load lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	user_teardown
	file_teardown
}

setup() {
	test_setup
}

teardown() {
	test_teardown
}

# Layers, a COPY, mounts of three kinds, another stage.
several_things() {
	mkdir -p ctx
	echo data >ctx/x
	containerfile <<-'END'
		FROM busybox
		COPY --chmod=600 x /d/x
		RUN --mount=type=cache,target=/c --mount=type=bind,target=/b,ro --mount=type=tmpfs,target=/t cat /b/x >/y && ln /d/x /d/z && ! touch /b/w 2>/dev/null
		FROM busybox
		COPY --from=0 /d /e
		RUN cat /e/z >/o; ls /proc/self/fd >/fds
	END
}

# Each of them alone; all at once: what 5.10 has not.
CALLS="openat2,renameat2 clone3 close_range pidfd_open pidfd_send_signal faccessat2,fspick statx,fspick! copy_file_range landlock_create_ruleset
	mount_setattr,openat2,clone3,faccessat2,close_range,landlock_create_ruleset,epoll_pwait2,process_madvise"

@test "an image is built without newer system calls" {
	several_things
	for calls in $CALLS; do
		"$MICA_TOOLS/without" "$calls" "$MICA_BIN" --root "$MICA_ROOT" build -q --network=none -t t ctx >/dev/null || fail "without $calls"
		[ "$("$MICA_TOOLS/without" "$calls" "$MICA_BIN" --root "$MICA_ROOT" run --rm --network=none t cat /o /fds)" = $'data\n0\n1\n2\n3' ] || fail "without $calls"
		mica prune -af >/dev/null
	done
	assert_clean_store
}

@test "a user builds an image without newer system calls" {
	user_setup
	several_things
	chown -R "$MICA_USER" ctx
	for calls in $CALLS; do
		# the filter of root, which lets set-user-ID programs be that
		# shellcheck disable=SC2086 # a list of settings
		env -i $USER_ENV "$MICA_TOOLS/without" "$calls" setpriv --reuid "$MICA_USER" --regid "$MICA_USER" --init-groups \
			"$MICA_BIN" build -q --network=none -t t ctx >/dev/null || fail "without $calls"
		umica prune -af >/dev/null
	done
}

@test "a system call that there is no way around is told in one line" {
	several_things
	mica pull -q busybox
	for call in open_tree move_mount fsopen fsmount unshare; do
		run --separate-stderr "$MICA_TOOLS/without" $call "$MICA_BIN" --root "$MICA_ROOT" build -q --no-cache --network=none ctx
		assert_error 'function not implemented \(mica needs Linux 5\.10 or later'
	done
	assert_clean_store
}

@test "where mounts are forbidden steps run in a chroot, unasked: root's, a user's with subordinate IDs and without" {
	local as user mounts='mount!,fsopen!,fsmount!,move_mount!,open_tree!'
	user_setup
	mkdir -p ctx
	containerfile <<<$'FROM busybox\nRUN touch /f /g && chown 7:8 /f && mkfifo /p && chown 5:6 /p\nUSER app\nRUN touch /tmp/own && ! chown 0:0 /tmp/own'
	for user in root "$MICA_USER" 64996; do
		as=()
		# shellcheck disable=SC2206 # a list of settings
		[ $user = root ] || MICA_USER=$user as=(setpriv --reuid $user --regid $user --clear-groups env -i $USER_ENV)
		chown -R $user "$D"
		as=("$MICA_TOOLS/without" "$mounts" "${as[@]}" "$MICA_BIN" --root "$D/of-$user")
		"${as[@]}" info --format text >info
		grep -q '^mode  *chroot: .*mounts are not allowed here (operation not permitted)$' info || fail "$user: $(cat info)"
		grep -q "^missing .*isolation 'chroot' steps share processes" info
		"${as[@]}" build -q --network=host -o type=tar,dest=files.tar ctx 2>warned || fail "$user: $(cat warned)"
		grep -q "^mica: warning: isolation 'chroot', since .*mounts are not allowed here" warned || fail "$user: $(cat warned)"
		[ "$(tar --numeric-owner -tvf files.tar | awk '$6 ~ /^(f|g|p|tmp\/own)$/ {print $6, $2}' | sort | paste -sd' ')" = 'f 7/8 g 0/0 p 5/6 tmp/own 1000/1000' ] ||
			fail "$user: $(tar --numeric-owner -tvf files.tar | grep -v busybox)"
		"${as[@]}" fsck
		run -125 --separate-stderr "${as[@]}" build --isolation=oci ctx
		[[ $stderr == *"'oci': "*"mounts are not allowed here"* ]] || fail "$stderr"
	done
	# nor anything else
	run -125 --separate-stderr "$MICA_TOOLS/without" "$mounts,chroot!" "${as[@]:2}" build ctx
	[[ $stderr == "mica: root of a user namespace may do nothing here"*kernel.apparmor_restrict_unprivileged_userns* ]] || fail "$stderr"
}

@test "a chroot without Landlock says what nothing keeps its steps from" {
	mica pull -q busybox
	warning="isolation 'chroot', since namespaces and mounts are not allowed here (operation not permitted): steps share processes, network, host name and System V IPC with what is around them"
	run --separate-stderr "$MICA_TOOLS/without" landlock_create_ruleset,mount! "$MICA_BIN" --root "$MICA_ROOT" run --rm --isolation=chroot busybox true
	[ "$status" = 0 ]
	[ "$stderr" = "mica: warning: $warning, can signal whose user they are, and have no /proc and no mounts" ]
	run --separate-stderr "$MICA_TOOLS/without" mount! "$MICA_BIN" --root "$MICA_ROOT" run --rm --isolation=chroot busybox true
	[ "$stderr" = "mica: warning: $warning, and have no /proc and no mounts" ]
}

@test "a command is signalled and a step is timed without descriptors of processes" {
	without() {
		"$MICA_TOOLS/without" pidfd_open,pidfd_send_signal,clone3 "$MICA_BIN" --root "$MICA_ROOT" "$@"
	}
	containerfile <<-'END'
		FROM busybox
		RUN sleep 600
	END
	run --separate-stderr without build --network=none --step-timeout=300ms ctx
	assert_error 'killed: it took longer than 0\.3 s'
	run -143 without run --rm --init --network=none busybox sh -c 'kill -TERM $$'
}
