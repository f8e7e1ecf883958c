#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# STORM_JOBS processes at a time use one store for STORM_SECONDS, 4 for 2 at first, and one in twenty is killed: no name is lost, each fsck along
# the way finds nothing, and after the next command nothing is left.
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

# One after the other until END; names are of this worker's own. What ends badly without having been killed is in wrong.NUMBER.
worker() { # NUMBER END
	local n=$1 end=$2 i=0 pid status said
	local -a commands=(
		"build -q --network=none --no-cache -t b$n ctx" "build -q --network=none -t cached ctx" "pull -q noise" "push -q kept docker://$REG/storm/$n"
		"from --name c$n busybox" "run c$n true" "commit -q c$n m$n" "rm c$n" "rmi b$n" "rmi -f noise" "prune" "prune --build-cache" "fsck" "du" "images"
		"tag kept t$n" "untag t$n t$n" "inspect kept"
	)
	RANDOM=$n
	while [ "$(date +%s)" -lt "$end" ]; do
		i=$((i + 1))
		local command=${commands[RANDOM % ${#commands[@]}]}
		status=0
		# shellcheck disable=SC2086
		"$MICA_BIN" --root "$MICA_ROOT" $command >"said.$n" 2>&1 &
		pid=$!
		if [ $((RANDOM % 20)) = 0 ]; then
			sleep "0.0$((RANDOM % 100))"
			kill -9 $pid 2>/dev/null || true
			{ wait $pid || true; } 2>/dev/null # of which the shell would tell
			echo killed >>"count.$n"
			continue
		fi
		wait $pid || status=$?
		echo "${command%% *}" >>"count.$n"
		said=$(<"said.$n")
		# what another has removed, or not made yet, is not there; what it is using is not free
		[ $status = 0 ] || [[ "$said" =~ "not known"|"already"|"in use"|"not a name"|"is used"|"no such"|"cannot pull docker.io/library/c"[0-9]+":latest: not found" ]] || echo "$command: $status: $said" >>"wrong.$n"
	done
}

@test "many commands at a time on one store, some of them killed" {
	local n end jobs=${STORM_JOBS:-4}
	mica pull -q busybox
	printf 'FROM busybox\nRUN echo 1 >/f\n' | mica build -q --network=none -t kept -
	mkdir tree ctx
	for n in 1 2 3; do
		head -c 300000 /dev/urandom >"tree/noise$n"
		plain_tar "l$n.tar" tree
		rm "tree/noise$n"
	done
	make_layout layout '{"Env":["PATH=/bin"]}' l1.tar l2.tar l3.tar
	to_registry layout library/noise:latest
	head -c 100000 /dev/urandom >ctx/noise
	printf 'FROM busybox\nCOPY noise /\nRUN cp /noise /other\n' >ctx/Containerfile
	end=$(($(date +%s) + ${STORM_SECONDS:-2}))
	for n in $(seq "$jobs"); do
		worker "$n" $end 3>&- &
	done
	wait
	! compgen -G 'wrong.*' >/dev/null || fail "$(cat wrong.*)"
	mica images >/dev/null
	mica fsck >out 2>&1 || fail "$(cat out)"
	[ "$(in_image kept cat /f)" = 1 ]
	[ "$(in_image busybox echo 1)" = 1 ]
	[ -z "$(ls -A "$MICA_ROOT/tmp")" ] || fail "left in tmp: $(ls -A "$MICA_ROOT/tmp")"
	mica rm -a >/dev/null
	mica prune --build-cache >/dev/null
	assert_clean_store
	echo "# $(cat count.* | grep -vc killed) commands by $jobs at a time, $(cat count.* | grep -c killed) more killed" >&3
}
