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
CALLS="openat2,renameat2 clone3 close_range pidfd_open pidfd_send_signal faccessat2 statx copy_file_range landlock_create_ruleset
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
