#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The box that commands run in: each of its options, on each command that has it, by what is found inside.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	[ "$(id -u)" = 0 ] || skip "cgroups and ranges of IDs are root's"
	mica pull -q busybox >/dev/null
}

teardown() {
	# what is made on the way to a cgroup stays
	find /sys/fs/cgroup -maxdepth 2 -type d -name "mica-box-$PPID" -exec rmdir {} +
	test_teardown
}

# Prints what there is, a thing a line.
report='
cd /sys/fs/cgroup
v() { echo $1 $(shift; cat "$@" 2>/dev/null); }
v quota cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu.max
v shares cpu/cpu.shares cpu.weight
v memory memory/memory.limit_in_bytes memory.max
v swap memory/memory.memsw.limit_in_bytes memory.swap.max
v pids pids/pids.max pids.max
v cgroup /proc/self/cgroup
v resolv /etc/resolv.conf
v hosts /etc/hosts
v uids /proc/self/uid_map
v gids /proc/self/gid_map
grep -h -e _allowed_list: -e ^Cap[BE] -e ^NoNew -e ^Groups /proc/self/status | tr "\t" " "
echo nofile $(ulimit -n)
echo shm $(df -k /dev/shm | awk "END { print \$2 }")
for kind in cgroup ipc net uts user; do echo $kind $(readlink /proc/self/ns/$kind); done
echo device $(head -c 2 /dev/mine 2>/dev/null | od -An -c)
echo cdi $CDI
echo proxy $http_proxy
'

# The rows of a table are COMMAND... OPTION[=VALUE] [| PATTERN]; the report has a line that is PATTERN. All rows of a table hold at once.
# run is tried with a working container and with an image.
boxes() { # TABLE
	local command row words commands='build from run'
	for command in $commands; do
		words=()
		while IFS= read -r row; do
			row=${row%% |*}
			[[ " $row" != *" $command "* ]] || words+=("${row#"${row%%-*}"}")
		done <<<"$1"
		echo "$report" >report
		printf 'FROM busybox\nCOPY report /\nRUN sh /report >/tmp/out\n' >Containerfile
		case $command in
		build)
			mica build -q "${words[@]}" -t t . >/dev/null
			mica run --network none t cat /tmp/out >got
			;;
		from)
			mica from -q --name told "${words[@]}" busybox >/dev/null
			mica run told sh -c "$report" >got
			mica inspect told >inspected
			mica rm told >/dev/null
			;;
		run)
			mica run -q "${words[@]}" busybox sh -c "$report" >got
			holds "$1" "run of an image"
			mica from -q --name plain busybox >/dev/null
			mica run "${words[@]}" plain sh -c "$report" >got
			mica rm plain >/dev/null
			;;
		esac
		holds "$1" "$command"
	done
}

# The file got is what the rows of the command say.
holds() { # TABLE COMMAND
	local row
	while IFS= read -r row; do
		[[ " $row" == *" ${2%% *} "* && "$row" == *" | "* ]] || continue
		grep -qxE "${row#* | }" got || fail "$2: '${row%% | *}' is not to be seen: $(cat got)"
	done <<<"$1"
}

first_of() { # Cpus|Mems
	grep "^$1_allowed_list:" /proc/self/status | cut -f 2 | grep -oE '^[0-9]+'
}

ours() { # KIND: of namespace, as a pattern
	readlink "/proc/self/ns/$1" | tr '[]' ..
}

@test "limits, rights, names and devices" {
	export http_proxy=http://proxy.invalid
	table="build from run --cpu-period=50000 | quota 20000 50000
build from run --cpu-quota=20000 | quota 20000 50000
build from run -c=512 | shares (512|20)
build from run --memory=64m | memory 67108864
build from run --pids-limit=77 | pids 77
build from run --cpuset-cpus=$(first_of Cpus) | Cpus_allowed_list: $(first_of Cpus)
build from run --cpuset-mems=$(first_of Mems) | Mems_allowed_list: $(first_of Mems)
build from run --cap-drop=all | CapEff: 0000000000000021
build from run --cap-add=kill,CAP_CHOWN | CapBnd: 0000000000000021
build from run --security-opt=no-new-privileges | NoNewPrivs: 1
build from run --group-add=4321 | Groups: (.* )?4321 .*
build from run --ulimit=nofile=77:77 | nofile 77
build from run --shm-size=3m | shm 3072
build from run --dns=192.0.2.1 | resolv .*nameserver 192.0.2.1.*
build from run --dns-search=example.org | resolv search example.org.*
build from run --dns-option=ndots:3 | resolv .*options ndots:3
build from run --add-host=there:192.0.2.7 | hosts .*192.0.2.7 there.*
build from run --network=host | net $(ours net)
build from run --device=/dev/zero:/dev/mine | device .0 .0
build from run --http-proxy | proxy http://proxy.invalid"
	[ ! -e /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes ] || table+=$'\nbuild from run --memory-swap=64m | swap 67108864'
	boxes "$table"
}

@test "other spellings, and devices by name" {
	mkdir cdi
	echo '{"cdiVersion": "0.6.0", "kind": "v.example/gpu", "devices": [{"name": "0", "containerEdits": {"env": ["CDI=seen"]}}]}' >cdi/a.json
	boxes "build from run --cpus=0.5 | quota 50000 100000
build from run --cpu-shares=512 | shares (512|20)
build from run -m=64m | memory 67108864
build from run --net=host | net $(ours net)
build from run --cdi-config-dir=$D/cdi | cdi seen
build from run --device=v.example/gpu=0 | cdi seen
build from run --cni-config-dir=/for/networks
build from run --cni-plugin-path=/for/plugins"
	jq -e '.CNIConfigDir == "/for/networks" and .CNIPluginPath == "/for/plugins"' inspected
}

@test "namespaces of this machine, and a place among its cgroups" {
	boxes "build from run --network=host | net $(ours net)
build from run --ipc=host | ipc $(ours ipc)
build from run --uts=host | uts $(ours uts)
build from run --cgroupns=host | cgroup $(ours cgroup)
build from run --cgroup-parent=/mica-box-$PPID | cgroup .*:/mica-box-$PPID/.*"
}

@test "users of its own: by numbers, by the names of those who may have them, and none" {
	boxes 'build from run --network=none
build from run --userns-uid-map=0:300000:65536 | uids 0 300000 65536
build from run --userns-gid-map=0:400000:65536 | gids 0 400000 65536'
	etc_file subuid somebody:200000:70000
	etc_file subgid others:220000:70000
	printf '#!/bin/sh\nexec unshare --mount sh -c "%s && exec \\"\\$@\\"" sh %s "$@"\n' "$ETC_MOUNT" "$MICA_BIN" >named
	chmod +x named
	MICA_BIN=$D/named boxes 'build from run --network=none
build from run --userns-uid-map-user=somebody | uids 0 200000 70000
build from run --userns-gid-map-group=others | gids 0 220000 70000'
	boxes "build from run --userns=host | user $(ours user)
build from run --network=none"
	boxes 'build from run --userns=private | user user:.*
build from run --network=none'
	! grep -qxF "user $(ours user)" got
}
