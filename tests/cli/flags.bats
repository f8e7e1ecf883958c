#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The options of build that docker, buildah and podman know.
load ../cli/lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	user_teardown
	file_teardown
}

setup() {
	test_setup
	mkdir -p ctx
}

teardown() {
	test_teardown
}

build() {
	mica build -q --network=none -t t "$@" ctx >/dev/null
}

refused() { # PATTERN ARGUMENTS...
	local pattern=$1
	shift
	run -125 --separate-stderr mica build --network=none "$@" ctx
	assert_error "$pattern"
}

@test "every option of docker buildx build, buildah build and podman build is known" {
	missing=
	for name in $(cat "$TOP"/tests/data/flags/{buildah,docker-buildx,podman} | sort -u); do
		for given in "--$name=x" "--$name"; do
			[[ $("$MICA_BIN" build "$given" 2>&1 </dev/null) != *"unknown option"* ]] || missing+=" $name"
		done
	done
	[ -z "$missing" ] || fail "not known:$missing"
}

@test "--from takes the place of what the first FROM names" {
	printf 'FROM nothing:here\nRUN echo yes >/x\n' >ctx/Containerfile
	build --from busybox
	[ "$(in_image t cat /x)" = yes ]
	printf 'FROM nothing AS a\nRUN echo yes >/x\nFROM a\nCOPY --from=a /x /y\n' >ctx/Containerfile
	build --from=docker.io/library/busybox
	[ "$(in_image t cat /y)" = yes ]
}

@test "--env is seen by steps and kept, ENV wins, --unsetenv and --unsetlabel take out" {
	printf 'FROM busybox\nENV B=file\nLABEL l=1 m=2\nRUN echo $A $B $C >/x\n' >ctx/Containerfile
	export C=outer
	build --env A=given --env B=given --env C --env NOT_SET_ANYWHERE --unsetlabel l
	[ "$(in_image t cat /x)" = "given file outer" ]
	PART_1=one PART_2=two build --env 'PART_*'
	[ "$(config_of t | jq -c '.config.Env | map(select(startswith("PART"))) | sort')" = '["PART_1=one","PART_2=two"]' ]
	build --env A=given --env B=given --env C --unsetlabel l
	[ "$(config_of t | jq -r '.config.Env[]' | grep -v PATH | sort | tr '\n' ' ')" = "A=given B=file C=outer " ]
	[ "$(config_of t | jq -c .config.Labels)" = '{"m":"2"}' ]
	build --env A=given --unsetenv A --unsetenv B
	[ "$(config_of t | jq -r '.config.Env[]' | grep -v PATH)" = "" ]
	printf 'FROM busybox\nRUN echo $A >/x\n' >ctx/Containerfile
	build --env A=one
	build --env A=two
	[ "$(in_image t cat /x)" = two ]
}

@test "--build-arg-file gives arguments, --build-arg wins" {
	printf '# comment\n\nA=one two\nB=b\r\nC\n' >args
	printf 'FROM busybox\nARG A\nARG B\nARG C\nRUN echo "$A,$B,$C" >/x\n' >ctx/Containerfile
	C='env' build --build-arg-file args
	[ "$(in_image t cat /x)" = "one two,b,env" ]
	build --build-arg-file args --build-arg B=x
	[ "$(in_image t cat /x)" = "one two,x," ]
	echo '=x' >args
	refused "args:1: no name" --build-arg-file args
	refused "cannot open 'none'" --build-arg-file none
}

@test "--volume shows a directory of this machine to steps only" {
	mkdir host
	echo in >host/in
	printf 'FROM busybox\nRUN cat /v/in >/x; echo out >/v/out || echo ro >>/x\n' >ctx/Containerfile
	build -v "$D/host:/v"
	[ "$(in_image t cat /x)" = in ]
	[ "$(cat host/out)" = out ]
	in_image t test ! -e /v
	rm host/out
	build --volume host:/v:ro,z
	[ "$(in_image t cat /x)" = "in
ro" ]
	[ ! -e host/out ]
	refused "is not DIRECTORY:/TARGET" -v host
	refused "cannot open 'none'" -v none:/v
	printf 'FROM busybox\nUSER app\nRUN touch /v/mine; grep " /v " /proc/mounts >/tmp/x\n' >ctx/Containerfile
	build -v host:/v:U,exec,suid,noexec
	[[ "$(in_image t cat /tmp/x)" == *noexec* ]]
	[ "$(id -u)" != 0 ] || [ "$(stat -c %u host host/in host/mine | uniq)" = 1000 ]
	refused "'nosuch' is not one of" -v host:/v:nosuch
	refused "'upperdir' is not supported" -v host:/v:O,upperdir=host,workdir=host
}

@test "--volume with O: each step may change it, and nothing of that stays" {
	mkdir -m 751 host
	echo in >host/in
	containerfile <<-'END'
		FROM busybox
		RUN cat /v/in >/one && stat -c %a /v >>/one && echo changed >/v/in && rm -rf /v/gone && echo new >/v/new
		RUN cat /v/in >/two && test ! -e /v/new
	END
	build -v "$D/host:/v:O"
	[ "$(in_image t cat /one /two)" = "in
751
in" ]
	[ "$(cat host/in)" = in ]
	[ ! -e host/new ]
	echo in >file
	refused "cannot open 'file': not a directory" -v file:/v:O
	[ -z "$(ls -A "$MICA_ROOT/tmp")" ]
}

@test "--device shows a device of this machine to steps" {
	[ "$(id -u)" = 0 ] || skip "makes devices, which takes root"
	mkdir dev
	mknod dev/mine c 1 5 || skip "this machine does not let us make devices"
	mknod dev/other c 1 3
	dd if=dev/mine bs=1 count=1 of=/dev/null 2>/dev/null || skip "devices do not work below $D"
	containerfile <<-'END'
		FROM busybox
		RUN head -c 3 /dev/mine | wc -c >/x; echo /dev/here/* /dev/there >>/x
	END
	build --device "$D/dev/mine:/dev/mine:rw" --device "$D/dev:/dev/here" --device "$D/dev/other:/dev/there"
	[ "$(in_image t cat /x)" = "3
/dev/here/mine /dev/here/other /dev/there" ]
	in_image t test ! -e /dev/mine
	[ "$(mica run --rm --network=none --device "$D/dev/mine:/dev/mine" busybox head -c 2 /dev/mine | wc -c)" = 2 ]
	: >file
	refused "'$D/file' is not a device" --device "$D/file"
	refused "cannot open '/dev/none'" --device /dev/none
	refused "is not /DEVICE" --device null
	refused "is not /DEVICE" --device "$D/dev/mine:/dev/mine:rx"
	refused "no document in '/etc/cdi', '/var/run/cdi' has the device 'vendor.example/gpu=all'" --device vendor.example/gpu=all
}

@test "--device VENDOR/CLASS=NAME: nodes, mounts, variables and groups that its document says" {
	mkdir usual cdi && echo data >file
	edits() { jq -n --arg file "$D/file" '{cdiVersion: "0.6.0", kind: "v.example/gpu", containerEdits: {env: ["ALL=1"]}, devices: [{name: "0", containerEdits: {
		env: ["GPU=zero"], additionalGids: [4711, 0], deviceNodes: [{path: "/dev/gpu0", hostPath: "/dev/null", permissions: "rwm"}],
		mounts: [{hostPath: $file, containerPath: "/opt/file", options: ["ro", "nosuid", "nodev", "bind"]}]}}]}'; }
	edits >cdi/a.json
	edits | jq '.devices[0].containerEdits.env = ["GPU=usual"]' >usual/b.json
	printf '[engine]\ncdi_spec_dirs = ["%s"]\n' "$D/usual" >conf
	export CONTAINERS_CONF=$D/conf
	show='echo $ALL $GPU; id -G; cat /opt/file; echo x >/dev/gpu0; touch /opt/file 2>/dev/null || echo read-only'
	args=(--network=none --cdi-config-dir "$D/cdi" --device v.example/gpu=0)
	expected=$'1 zero\n0 4711\ndata\nread-only'
	[ "$(mica run --rm "${args[@]}" busybox sh -c "$show")" = "$expected" ]
	# without the option that of containers.conf counts
	[ "$(mica run --rm --network=none --device v.example/gpu=0 busybox sh -c 'echo $GPU')" = usual ]
	mica from -q --name c "${args[@]}" busybox
	[ "$(mica run c sh -c "$show")" = "$expected" ]
	# a step sees them, the image has none, and another variable is another step
	containerfile <<-END
		FROM busybox
		RUN ($show) >/x
	END
	build "${args[@]}"
	[ "$(in_image t cat /x)" = "$expected" ]
	[[ $(config_of t | jq -c .config.Env) != *GPU* ]]
	edits | jq '.devices[0].containerEdits.env = ["GPU=one"]' >cdi/a.json
	build "${args[@]}"
	[ "$(in_image t head -n 1 /x)" = '1 one' ]
	refused "has the device 'v.example/gpu=1'" "${args[@]}" --device v.example/gpu=1
	edits >cdi/b.json
	refused "'$D/cdi/a.json' and '$D/cdi/b.json' both have the device 'v.example/gpu=0'" "${args[@]}"
	rm cdi/b.json
	rm cdi/a.json
	printf '%s\n' '---' 'cdiVersion: 0.6.0' 'kind: "v.example/gpu"' 'containerEdits: {env: [ALL=1]}' 'devices:' '- name: "0"' '  containerEdits:' '    env: [GPU=zero]' \
		'    additionalGids: [4711, 0]' '    deviceNodes:' '    - {path: /dev/gpu0, hostPath: /dev/null, permissions: rwm}' '    mounts: # one' '    - containerPath: /opt/file' \
		"      hostPath: $D/file" '      options:' '      - ro' '      - nosuid' '      - nodev' '      - bind' >cdi/a.yaml
	[ "$(mica run --rm "${args[@]}" busybox sh -c "$show")" = "$expected" ]
	echo '- kind: &x' >cdi/a.yaml && echo '- *x' >>cdi/a.yaml
	refused "$D/cdi/a.yaml: line:1: aliases are not supported" "${args[@]}"
	rm cdi/a.yaml
	wrong() { # TEXT FILTER
		edits | jq "$2" >cdi/a.json
		refused "$D/cdi/a.json: $1" "${args[@]}"
	}
	wrong "'hooks' is not supported" '.containerEdits.hooks = [{hookName: "createContainer", path: "/bin/x"}]'
	wrong "the option 'shared' of a mount is not supported" '.devices[0].containerEdits.mounts[0].options = ["shared"]'
	wrong "a mount of the type 'tmpfs' is not supported" '.devices[0].containerEdits.mounts[0].type = "tmpfs"'
	wrong "'mounts' have an absolute" '.devices[0].containerEdits.mounts[0].hostPath = "x"'
	wrong "'deviceNodes' have an absolute" '.devices[0].containerEdits.deviceNodes[0].path = "x"'
	wrong "'env' is a list of NAME=VALUE" '.containerEdits.env = ["x"]'
	wrong "'cdiVersion' and 'kind' are wanted" 'del(.kind)'
	echo '{' >cdi/a.json
	refused "$D/cdi/a.json" "${args[@]}"
}

@test "--device with r, w or m: that is what the step may do with it" {
	[ "$(id -u)" = 0 ] || skip "takes root"
	[ -e /dev/kmsg ] || skip "this machine has no /dev/kmsg"
	printf 'FROM busybox\nRUN for d in /dev/k*; do o=; (: <$d) && o=${o}r; (: >$d) && o=${o}w; echo ${d#/dev/}:$o; done >/x 2>/dev/null; head -c 3 /dev/zero >/dev/null && : <>/dev/ptmx && echo pty >>/x\n' | containerfile
	opened() { # OPTION...
		build --no-cache --cap-add syslog "$@"
		in_image t cat /x | tr '\n' ' '
	}
	[ "$(opened --device /dev/kmsg:/dev/k)" = "k:rw pty " ]
	run mica run --rm --network=none --device /dev/kmsg:r busybox true
	[ "$status" = 0 ] || skip "nothing here holds it: $output"
	for rights in r w m rm; do
		[ "$(opened --device "/dev/kmsg:/dev/k:$rights")" = "k:${rights%m} pty " ] || fail "$rights"
	done
	# of two names of one device, both may what either may
	[ "$(opened --device /dev/kmsg:/dev/k1:r --device /dev/kmsg:/dev/k2:w)" = "k1:rw k2:rw pty " ]
	# whose maker lives is another test's
	[ -z "$(find /sys/fs/cgroup -type d -regex '.*devices.*/mica-[0-9a-f]+' -exec flock -n {} true \; -print)" ]
	user_setup
	as_user "$MICA_BIN" --root "$D/user" pull -q busybox >/dev/null
	run --separate-stderr as_user "$MICA_BIN" --root "$D/user" run --rm --network=none --device /dev/null:r busybox true
	assert_error "--device: "
}

@test "--group-add: steps are in these groups too" {
	printf 'FROM busybox\nUSER app\nRUN id -G >/tmp/x\n' >ctx/Containerfile
	build
	[ "$(in_image t cat /tmp/x)" = "1000 50" ]
	build --group-add 4321 --group-add root
	[ "$(in_image t cat /tmp/x)" = "1000 0 50 4321" ]
	[ "$(in_image --user 7 --group-add staff t id -G)" = "0 50" ]
	refused "no group 'none' in the image's /etc/group" --group-add none
	refused "'keep-groups' is not supported" --group-add keep-groups
	refused "option '--cpu-period': 999 is not from 1000 to 1000000, in microseconds" --cpu-period 999
	refused "option '--cpu-period': 1000001 is not from 1000 to 1000000" --cpu-period 1000001
	refused "option '--cpu-quota': 999 is less than 1000, in microseconds" --cpu-quota 999
}

@test "--cgroup-parent: the step's cgroup is below it" {
	printf 'FROM busybox\nRUN cat /proc/self/cgroup >/x; sleep 1\n' >ctx/Containerfile
	name=mica-test-$BASHPID
	run build --cgroup-parent "/$name/inner"
	[ "$status" = 0 ] || { [[ $output == *--cgroup-parent* ]] && skip "no cgroup of this machine can be divided: $output"; }
	dirs=$(find /sys/fs/cgroup -type d -path "*/$name/inner")
	[ -n "$dirs" ]
	# the step's own is gone, and what was named stays
	[ -z "$(find /sys/fs/cgroup -type d -path "*/$name/inner/*")" ]
	build --no-cache --cgroup-parent "$name/inner" &
	wait_for 10 busy_below "$name/inner"
	wait $!
	find /sys/fs/cgroup -depth -type d -path "*/$name*" -exec rmdir {} +
	refused "--cgroup-parent: cannot prepare cgroup .*not a directory" --no-cache --cgroup-parent /cgroup.procs/x
}

busy_below() { # PATH: some process is in a cgroup below it
	find /sys/fs/cgroup -path "*/$1/*/cgroup.procs" -exec cat {} + 2>/dev/null | grep -q .
}

@test "--layers=false and BUILDAH_LAYERS: one layer, without the cache" {
	printf 'FROM busybox\nRUN echo $((1+1)) >/x\nRUN echo b >/y\n' >ctx/Containerfile
	build
	[ "$(manifest_of t | jq '.layers | length')" = 3 ]
	build --layers=false
	[ "$(manifest_of t | jq '.layers | length')" = 2 ]
	[ "$(in_image t cat /x /y)" = "2
b" ]
	mica build --network=none --layers=false ctx 2>&1 | grep -q '2 run, 0 cached'
	BUILDAH_LAYERS=false build
	[ "$(manifest_of t | jq '.layers | length')" = 2 ]
	BUILDAH_LAYERS=false build --layers
	[ "$(manifest_of t | jq '.layers | length')" = 3 ]
	BUILDAH_LAYERS=maybe refused "BUILDAH_LAYERS: 'maybe'"
}

# covers: arg-buildkit
@test "build arguments that mean something to BuildKit" {
	printf 'FROM busybox\nRUN hostname >/x; grep -c "$(hostname)" /etc/hosts >>/x\n' >ctx/Containerfile
	build
	[ "$(in_image t cat /x)" = "buildkitsandbox
1" ]
	build --build-arg BUILDKIT_SANDBOX_HOSTNAME=my-builder
	[ "$(in_image t cat /x)" = "my-builder
1" ]
	build --uts=host
	[ "$(in_image t cat /x | head -n 1)" = "$(hostname)" ]
	refused "'a b' is not a host name" --build-arg "BUILDKIT_SANDBOX_HOSTNAME=a b"

	build --build-arg BUILDKIT_MULTI_PLATFORM=1
	[ "$(manifest_of t | jq '.manifests | length')" = 1 ]
	mica build -q --network=none --build-arg BUILDKIT_MULTI_PLATFORM=true -o out ctx
	[ -s "out/linux_$(dpkg --print-architecture)/x" ]
	refused "'x' is not 'true' or 'false'" --build-arg BUILDKIT_MULTI_PLATFORM=x

	printf 'FROM busybox\nRUN --mount=type=cache,target=/c cat /c/f >/x; echo $RANDOM$RANDOM >/c/f; cat /c/f >/y\n' >ctx/Containerfile
	build --build-arg BUILDKIT_CACHE_MOUNT_NS=a
	one=$(in_image t cat /y)
	build --no-cache --build-arg BUILDKIT_CACHE_MOUNT_NS=b
	[ -z "$(in_image t cat /x)" ]
	build --no-cache --build-arg BUILDKIT_CACHE_MOUNT_NS=a
	[ "$(in_image t cat /x)" = "$one" ]
	build --build-arg BUILDKIT_SYNTAX=nothing/here --build-arg BUILDKIT_INLINE_CACHE=1
}

@test "--pull in all its spellings" {
	printf 'FROM busybox\n' >ctx/Containerfile
	refused "busybox" --pull=never
	for policy in missing ifmissing false MISSING; do
		build --pull=$policy
	done
	n=$(requests registry 'GET|HEAD')
	build --pull=false
	build --pull=never
	build --pull-never
	[ "$(requests registry 'GET|HEAD')" = "$n" ]
	for policy in =always =true =newer =ifnewer '' -always; do
		n=$(requests registry 'GET|HEAD')
		build "--pull$policy"
		[ "$(requests registry 'GET|HEAD')" -gt "$n" ] || fail "--pull$policy asks nobody"
	done
	refused "'sometimes' is not one of" --pull=sometimes
}

@test "--security-opt: what is the case is accepted, other forms say why not" {
	printf 'FROM busybox\nRUN grep NoNewPrivs /proc/self/status >/x\n' >ctx/Containerfile
	build --security-opt no-new-privileges:true --security-opt label=disable --security-opt apparmor=unconfined
	in_image t grep -q 1 /x
	build --security-opt no-new-privileges --security-opt no-new-privileges=false --security-opt label:disable
	in_image t grep -q 0 /x
	[ "$(mica run --rm --network=none --security-opt proc-opts=hidepid=2,subset=pid t sh -c \
		"test ! -e /proc/meminfo && grep -o 'hidepid=[^ ]*' /proc/self/mounts")" = hidepid=invisible,subset=pid ]
	if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
		refused "AppArmor profile 'none-of-these' is not loaded" --no-cache --security-opt apparmor=none-of-these
	else
		refused "AppArmor is not active on this machine, so profile 'mine' would hold nothing" --security-opt apparmor=mine
	fi
	refused "is no name of an AppArmor profile" --security-opt 'apparmor=a b'
	# tests/old-kernel has a machine with SELinux
	[ -e /sys/fs/selinux/enforce ] || refused "this machine has no SELinux, so the label would hold nothing" --security-opt label=type:x
	refused "'label=type:a:b' is not one of" --security-opt label=type:a:b
	refused "'label=nested' is not one of" --security-opt label=nested
	refused "'proc-opts': 'exec' is not one of" --security-opt proc-opts=hidepid=2,exec
	refused "'mask=etc': 'etc' is no absolute path" --security-opt mask=etc
	refused "'unmask=/a:b': 'b' is no absolute path" --security-opt unmask=/a:b
	refused "'unmask' is not one of" --security-opt unmask
	refused "cannot mask '/', which is the root" --security-opt mask=/
	refused "'x' is not one of" --security-opt x
	refused "'no-new-privileges=x' is not one of" --security-opt no-new-privileges=x
}

@test "--security-opt mask hides, unmask shows, and neither is in a layer" {
	sizes='wc -c </proc/interrupts; ls /sys/firmware | wc -l; wc -c </proc/meminfo; ls /etc/secret | wc -l; wc -c </etc/passwd; ls /proc/fs >/dev/null && echo x >/proc/sys/kernel/panic_on_oops && echo written'
	step() { # OPTION...
		mica run --rm --network=none "$@" ours sh -c "$sizes" 2>/dev/null | tr '\n' ' ' || true
	}
	printf 'FROM busybox\nRUN mkdir /etc/secret && touch /etc/secret/one && ln -s /etc/secret /link\n' >ctx/Containerfile
	mica build -q -t ours --network=none ctx >/dev/null
	read -r interrupts firmware meminfo secret passwd written <<<"$(step)"
	[ "$interrupts $firmware $secret" = '0 0 1' ]
	[ "$meminfo" -gt 0 ] && [ "$passwd" -gt 0 ] && [ -z "$written" ]
	# hidden: in /proc, in the image, through a link; what is not there is no error
	read -r interrupts firmware meminfo secret passwd written <<<"$(step --security-opt mask=/proc/meminfo:/etc/passwd:/link:/nothing/here)"
	[ "$interrupts $firmware $meminfo $secret $passwd" = '0 0 0 0 0' ]
	# shown: by name, by pattern, all; and read-only as ever
	shown=$(cat /proc/interrupts | wc -c)
	[ "$shown" -gt 0 ]
	for unmask in unmask=/proc/interrupts 'unmask=/nothing:/proc/*' unmask=ALL systempaths=unconfined; do
		read -r interrupts firmware meminfo secret passwd written <<<"$(step --security-opt "$unmask")"
		[ "$interrupts" -gt 0 ] || fail "$unmask"
		[ -z "$written" ] || fail "$unmask: /proc/sys can be written to"
		[[ $unmask == *proc* ]] || [ "$firmware" = "$(find /sys/firmware -mindepth 1 -maxdepth 1 | wc -l)" ] || fail "$unmask: $firmware"
	done
	# another step, and what it hid is as it was
	printf 'FROM ours\nRUN cat /etc/passwd >/seen\n' >ctx/Containerfile
	build
	[ "$(in_image t cat /seen)" != "" ]
	build --security-opt mask=/etc/passwd
	[ "$(in_image t cat /seen)" = "" ]
	[ "$(in_image t cat /etc/passwd)" != "" ]
	[ "$(layer_files t | tr '\n' ' ')" = 'seen ' ] || fail "$(layer_files t)"
}

# The files of the last layer.
layer_files() { # NAME
	blob=$(manifest_of "$1" | jq -r '.layers[-1].digest')
	tar -tzf "$MICA_ROOT/blobs/sha256/${blob#sha256:}"
}

@test "sizes and limits in docker's words" {
	printf 'FROM busybox\nRUN df -k /dev/shm | tail -n 1 | tr -s " " | cut -d " " -f 2 >/x; ulimit -n >>/x; ulimit -Hn >>/x\n' >ctx/Containerfile
	for size in 1m 1M 1mb 1MiB 1024k 1048576b 1048576; do
		build --shm-size $size --ulimit nofile=64:128
		[ "$(in_image t cat /x | tr '\n' ' ')" = "1024 64 128 " ] || fail "$size"
	done
	printf 'FROM busybox\nRUN mount | grep /dev/shm >/x\n' >ctx/Containerfile
	build --shm-size 1m
	[[ "$(in_image t cat /x)" == 'tmpfs on /dev/shm type tmpfs (rw,nosuid,'*'size=1024k'* ]] || fail "$(in_image t cat /x)" # BuildKit's words
	printf 'FROM busybox\nRUN echo >/x; ulimit -n >>/x; ulimit -Hn >>/x\n' >ctx/Containerfile
	build --ulimit nofile=2:2 --ulimit nofile=77 --ulimit host --ulimit "nproc=$(ulimit -Su):$(ulimit -Hu)"
	[ "$(in_image t tail -n 2 /x | tr '\n' ' ')" = "77 77 " ]
	refused "invalid argument \"1q\" for option '--shm-size': invalid syntax, it is not a size" --shm-size 1q
	refused "'--ulimit'" --ulimit nofile
	refused "'--ulimit'" --ulimit nothing=1
	refused "'--ulimit'" --ulimit nofile=2:1
	# the kernel's own limit, above which nobody has any
	local much=nofile=$(($(cat /proc/sys/fs/nr_open) + 1))
	refused "option '--ulimit': ulimit 'nofile': ${much#*=} is above the hard limit of $(ulimit -Hn) that .*: ask for at most that" --ulimit "$much"
	[ "$(grep -c STEP <<<"$output$stderr")" = 0 ]
	for command in run from; do
		run -125 --separate-stderr mica $command --ulimit "$much" busybox
		assert_error "option '--ulimit': ulimit 'nofile'"
	done
}

@test "a file for cpp is read by it when it has directives or cpp has flags" {
	printf 'FROM busybox\n#include "more"\n#ifdef DEBUG\nRUN echo debug >>/x\n#endif\n#error only told\nRUN SAY\n' >ctx/Containerfile.in
	printf '#define SAY echo said >>/x; echo WHO >>/x\n' >ctx/more
	WHO=1 BUILDAH_CPPFLAGS='-DWHO="a word"' mica build -t t --cpp-flag -DDEBUG -f ctx/Containerfile.in ctx 2>err
	[ "$(in_image t cat /x)" = $'debug\nsaid\na word' ]
	grep -qE 'Ignoring <stdin>:6:2: error: #error only told' err || fail "$(cat err)"
	printf '# if any\nFROM busybox\nRUN echo linux /* kept */ >/x\n' >ctx/Containerfile.in
	build --file ctx/Containerfile.in
	[[ "$(in_image t cat /x)" == 'linux /bin /dev'* ]] || in_image t cat /x
	printf 'FROM busybox\n#include "nosuch"\n' >ctx/Containerfile.in
	refused 'Containerfile.in: cpp: .*fatal error: nosuch: No such file' -f ctx/Containerfile.in
	tar -C ctx -cf - . >context.tar
	run -125 --separate-stderr mica build -f Containerfile.in - <context.tar
	assert_error "files from elsewhere are not preprocessed: cpp would include files of this machine"
}

@test "--compat-volumes: RUN changes nothing in a volume, COPY does" {
	echo c >ctx/c
	containerfile <<-'END'
		FROM busybox
		RUN mkdir -m 750 /v && echo a >/v/a && chown 5:6 /v
		VOLUME /v /none
		RUN --mount=type=tmpfs,target=/none/x cat /v/a >/seen && stat -c %a:%u /v >>/seen && rm /v/a && echo b >/v/b && touch /none/y
		COPY c /v/
		RUN ls /v >>/seen
	END
	build
	[ "$(in_image t sh -c 'cat /seen; cat /v/b')" = $'a\n750:5\nb\nc\nb' ]
	build --compat-volumes
	[ "$(in_image t sh -c 'cat /seen; ls /v; stat -c %a:%u:%g /v; ls /none')" = $'a\n750:5\na\nc\na\nc\n750:5:6' ]
}

@test "--unset-volume and --unset-expose take out what the file or a base says" {
	printf 'FROM scratch\nVOLUME /a /b\nEXPOSE 80 53/udp 90\nCOPY x /\n' >ctx/Containerfile
	touch ctx/x
	mica build -q -t base ctx
	printf 'FROM localhost/base\nVOLUME /c\nEXPOSE 91\n' >ctx/Containerfile
	mica build -q -t t --unset-volume /a --unset-volume /c --unset-expose 80 --unset-expose 53/udp --unset-expose 91/tcp ctx
	[ "$(config_of t | jq -c '[.config.Volumes, .config.ExposedPorts]')" = '[{"/b":{}},{"90/tcp":{}}]' ]
	refused "option '--unset-expose': '80x' is not a port, such as '80' or '53/udp'" --unset-expose 80x
}

@test "a '# syntax=' of a later version is told of, and nothing is fetched" {
	local syntax
	for syntax in docker/dockerfile:1.99 docker.io/docker/dockerfile:2.0-labs docker/dockerfile-upstream:1.99.1 docker/dockerfile:2 docker/dockerfile:99-labs docker/dockerfile:1.99@sha256:1; do
		printf '# syntax=%s\nFROM scratch\nENV a=b\n' "$syntax" >ctx/Containerfile
		run -0 --separate-stderr mica build -q ctx
		[[ "$stderr" == *"Containerfile: '# syntax=$syntax' is newer than "* ]] || fail "$stderr"
	done
	for syntax in docker/dockerfile:1 docker/dockerfile:1-labs docker/dockerfile:labs docker/dockerfile@sha256:99 docker/dockerfile:1.4 docker/dockerfile:1.7-labs docker/dockerfile example.com/other:9.9; do
		printf '# syntax=%s\nFROM scratch\nENV a=b\n' "$syntax" >ctx/Containerfile
		run -0 --separate-stderr mica build -q ctx
		[ -z "$stderr" ] || fail "$stderr"
	done
}

@test "--no-cache-filter takes several stages" {
	printf 'FROM busybox AS a\nRUN true\nFROM busybox AS b\nRUN : b\nFROM busybox AS c\nRUN : c\nCOPY --from=a /etc /a\nCOPY --from=b /etc /b\n' >ctx/Containerfile
	build
	mica build --network=none --no-cache-filter a,c ctx 2>&1 | grep -q ': 4 run, 1 cached' || fail "$(mica build --network=none --no-cache-filter a,c ctx 2>&1 | tail -n 2)"
}

@test "flags without effect are told of: a stage that is not there, times without an epoch, a platform that is not built" {
	printf 'FROM busybox AS base\nRUN true\nFROM base AS prod\nRUN : prod\n' >ctx/Containerfile
	mica build -q --network=none ctx
	run -0 --separate-stderr mica build --network=none --no-cache-filter nope --no-cache-filter BASE ctx
	[[ "$stderr" == *"--no-cache-filter=nope: there is no such stage, only base, prod"* && "$stderr" == *': 2 run, 0 cached'* ]] || fail "$stderr"
	run -0 --separate-stderr mica build -q --network=none --rewrite-timestamp ctx
	[[ "$stderr" == *"'--rewrite-timestamp' without a source date epoch has no effect"* ]] || fail "$stderr"
	run -0 --separate-stderr mica build -q --network=none --rewrite-timestamp --source-date-epoch 1 ctx
	[[ "$stderr" != *rewrite-timestamp* ]] || fail "$stderr"
	refused "'--timestamp' cannot be combined with '--source-date-epoch'" --timestamp 1 --source-date-epoch 2
	run -0 --separate-stderr mica build -q --network=none --annotation 'manifest[linux/s390x]:k=v' --annotation "manifest[linux/$(dpkg --print-architecture)]:l=v" ctx
	[[ "$stderr" == *"'--annotation': no image for linux/s390x is built, so 'k' is on none"* && "$stderr" != *"'l'"* ]] || fail "$stderr"
}

@test "--retry-delay: so long is waited before a failure that may pass is tried again" {
	start_www
	printf 'FROM scratch\nADD %s/busy/x /x\n' "$WWW" >ctx/Containerfile
	begin=$(date +%s%N)
	run mica build -q --retry 2 --retry-delay 600ms ctx
	[ "$status" = 125 ] || fail "$status: $output"
	[ $(($(date +%s%N) - begin)) -ge 1200000000 ]
	# a second each, as without the option, would be more than all of this may take
	run timeout 15 "$MICA_BIN" --root "$MICA_ROOT" build -q --retry 20 --retry-delay 1ms ctx
	[ "$status" = 125 ] || fail "$status: $output"
	refused "'soon' is not a duration" --retry-delay soon
}

# covers: arg-proxy
@test "--http-proxy: steps have the proxies of the environment, the image and the key have not" {
	printf 'FROM busybox\nRUN echo "[$http_proxy] [$HTTPS_PROXY] [$ftp_proxy] [$NO_PROXY]" >/x\n' >ctx/Containerfile
	mapped=127.0.0.1,localhost
	http_proxy=http://proxy.invalid:1 HTTPS_PROXY=http://other.invalid:2 ftp_proxy=f NO_PROXY=$mapped no_proxy=$mapped build
	[ "$(in_image t cat /x)" = "[http://proxy.invalid:1] [http://other.invalid:2] [f] [$mapped]" ]
	[[ $(config_of t) != *invalid* ]]
	id=$(image_id t)
	build
	[ "$(image_id t)" = "$id" ]
	http_proxy=http://proxy.invalid:1 no_proxy=$mapped build --no-cache --http-proxy=false
	[ "$(in_image t cat /x)" = "[] [] [] []" ]
	# an argument of the build is for both spellings, and wins over the file
	printf 'FROM busybox\nENV http_proxy=e\nARG HTTPS_PROXY=a\nRUN echo "[$http_proxy] [$HTTP_PROXY] [$HTTPS_PROXY] [$https_proxy]" >/x\n' >ctx/Containerfile
	http_proxy=http://proxy.invalid:1 no_proxy=$mapped build --build-arg HTTP_PROXY=given --build-arg https_proxy=low --build-arg HTTPS_PROXY=up
	[ "$(in_image t cat /x)" = "[given] [given] [up] [low]" ]
}

@test "--stdin, --no-hosts, --add-host with several names" {
	printf 'FROM busybox\nRUN cat >/x\n' >ctx/Containerfile
	echo typed | build --stdin
	[ "$(in_image t cat /x)" = typed ]
	# a file is not the step's to write
	echo typed >in
	printf 'FROM busybox\nRUN cat >/x; echo HACKED >/proc/self/fd/0\n' >ctx/Containerfile
	build --stdin <in
	[ "$(cat in) $(in_image t cat /x)" = 'typed typed' ]
	printf 'FROM busybox\nRUN cat /etc/hosts >/x\n' >ctx/Containerfile
	build --add-host 'a;b:10.0.0.1' --add-host c=::2 --add-host 'd:[::3]'
	[ "$(in_image t grep -c -e '10.0.0.1.a$' -e '10.0.0.1.b$' -e '::2.c$' -e '^::3.d$' /x)" = 4 ]
	printf 'FROM busybox\nRUN test ! -s /etc/hosts\n' >ctx/Containerfile
	build --no-hosts
	run ! mica build --no-hosts --add-host a:127.0.0.1 ctx
	[[ $output == *"--no-hosts and --add-host conflict, can not be used together"* ]]
	build --no-hosts
}

@test "--add-host NAME:host-gateway reaches this machine, which is not reachable otherwise" {
	# by address: not every busybox can look up names
	containerfile <<-END
		FROM busybox
		RUN grep here /etc/hosts >/hosts; read address name </hosts; \\
			printf 'GET /v2/ HTTP/1.0\r\n\r\n' | timeout 3 nc "\$address" ${REG#*:} >/x || true
	END
	mica build -q -t t --add-host here:host-gateway ctx
	in_image t grep -q '200 OK' /x || fail "$(in_image t cat /hosts)"
	gateway=$(in_image t cut -f 1 /hosts)
	mica build -q -t t --no-cache --add-host "here:$gateway" ctx
	in_image t test ! -s /x
	mica build -q -t t --no-cache --network=none --add-host here:host-gateway --add-host here:10.0.0.1 ctx
	[ "$(in_image t cat /hosts)" = "10.0.0.1	here" ]
	mica build -q -t t --no-cache --network=host --add-host here:host-gateway ctx
	[ "$(in_image t cat /hosts)" = "127.0.0.1	here" ]
	in_image t grep -q '200 OK' /x
}

@test "--allow=device gives nothing, a policy for sources is refused by name" {
	containerfile <<<'FROM scratch
COPY Containerfile /'
	build --allow=device --allow=device=nvidia.com/gpu=all
	refused "option '--policy' is not supported: sources are not checked against a policy" --policy=filename=x.rego
}

@test "an empty value is none where docker takes it for none; others say what is wrong, before anything is built" {
	printf 'FROM busybox\nRUN true\n' >ctx/Containerfile
	build -f '' --rusage-logfile= --iidfile= --metadata-file= --secret= --ssh= --cache-from= --build-context= --annotation= --output=
	printf 'FROM busybox\nRUN false\n' >ctx/Containerfile
	refused "option '--rusage-logfile': cannot write to 'none': no such file" --rusage-logfile none/log
	refused "option '--timestamp': '' is not a number of seconds" --timestamp=
	refused "option '--variant': '@x' is not a name of letters, digits" --variant=@x
	refused "option '--os': '' is not a name" --os=
	refused "option '--userns-gid-map-group': .* no line for 'nobody-here'" --userns-gid-map-group=nobody-here
	refused "option '--group-add': '' is not a group: give its name or number" --group-add=
	refused "option '--cap-add': unknown capability 'x'; there are CAP_CHOWN" --cap-add=x
}

@test "isolation and namespaces: what happens anyway is accepted, the rest refused by name" {
	printf 'FROM busybox\nRUN true\n' >ctx/Containerfile
	build --isolation=oci --ipc=private --pid=private --uts=private --cgroupns=private --userns=host --skip-unused-stages=true --hooks-dir=. --hooks-dir=none
	BUILDAH_ISOLATION=rootless build
	refused "option '--isolation': 'x' is not one of" --isolation=x
	refused "option '--pid': cannot open '/nowhere': no such file" --pid=/nowhere
	refused "option '--ipc': 'container:x' is not one of" --ipc=container:x
	refused "option '--uts': cannot open '/nowhere': no such file" --uts=/nowhere
	refused "option '--network': cannot open '/nowhere': no such file" --network=ns:/nowhere
	refused "option '--network': 'container:x' is not supported" --network=container:x
	refused "option '--network': unable to find network with name or ID x: " --network=x
	refused "option '--network': slirp4netns: 'port_handler=slirp4netns' is not one of allow_host_loopback=true|false, mtu=" --network=slirp4netns:port_handler=slirp4netns
	refused "option '--network': slirp4netns: cidr: '10.0.2.0' is no network" --network=slirp4netns:cidr=10.0.2.0
	refused "option '--network': pasta: --dns-forward: 'x' is no IP address" --network=pasta:--dns-forward,x
	refused "option '--userns': 'x' is not one of" --userns=x
	for name in source-policy-file save-stages stage-labels transient-run-mounts; do
		refused "option '--$name' is not supported: " "--$name=x"
	done
}

# What `mica` shows of a namespace, in build, run and from.
same_namespace() { # KIND WANTED OPTION...
	local kind=$1 want=$2
	shift 2
	printf 'FROM busybox\nRUN readlink /proc/self/ns/%s\n' "$kind" >ctx/Containerfile
	mica build --no-cache --network=none -t t "$@" ctx 2>&1 | grep -qF "$want" || fail "build $*"
	[ "$(mica run --rm --network=none "$@" busybox readlink "/proc/self/ns/$kind")" = "$want" ] || fail "run $*"
	mica from -q --name ns-$kind --network=none "$@" busybox
	[ "$(mica run "ns-$kind" readlink "/proc/self/ns/$kind")" = "$want" ] || fail "from $*"
	mica rm "ns-$kind"
}

@test "namespaces are this machine's, or those of a file, where that is asked for" {
	mica pull -q busybox
	unshare -iun sleep 60 3>&- &
	pid=$!
	wait_for 10 other_namespace $pid
	for kind in ipc uts; do
		same_namespace $kind "$(readlink /proc/self/ns/$kind)" --$kind=host
		same_namespace $kind "$(readlink /proc/$pid/ns/$kind)" --$kind=/proc/$pid/ns/$kind
		[ "$(mica run --rm --network=none busybox readlink /proc/self/ns/$kind)" != "$(readlink /proc/self/ns/$kind)" ]
	done
	same_namespace cgroup "$(readlink /proc/self/ns/cgroup)" --cgroupns=host
	same_namespace net "$(readlink /proc/$pid/ns/net)" --network=ns:/proc/$pid/ns/net
	same_namespace net "$(readlink /proc/self/ns/net)" --network=host
	echo shared >/dev/shm/mica-test-$$
	run mica run --rm --network=none --ipc=host busybox cat /dev/shm/mica-test-$$
	rm /dev/shm/mica-test-$$
	[ "$output" = shared ]
	kill $pid
}

other_namespace() {
	[ "$(readlink "/proc/$1/ns/ipc")" != "$(readlink /proc/self/ns/ipc)" ]
}

@test "--logsplit gives each platform a log of its own" {
	printf 'FROM scratch\nCOPY Containerfile /\n' >ctx/Containerfile
	mica build --logfile log --logsplit --platform linux/arm64,linux/arm/v7 ctx >id 2>shown
	[ ! -s shown ]
	[ "$(stat -c '%n %a' log* | tr '\n' ' ')" = "log 600 log_linux_arm64 600 log_linux_arm_v7 600 " ]
	for name in arm64 arm/v7; do
		grep -qF "[linux/$name] STEP 2/2: COPY Containerfile /" "log_linux_${name/\//_}"
		[ "$(grep -vcF "[linux/$name] " "log_linux_${name/\//_}")" = 0 ]
	done
	[[ $'\n'"$(cat log)" == *$'\nbuilt '* && "$(cat log)" != *STEP* ]] || fail "$(cat log)"
	mica build --logfile one --logsplit --platform linux/arm64 ctx >id
	grep -q '^STEP 2/2: COPY' one_linux_arm64
	grep -q '^built' one_linux_arm64
	[ ! -e one ]
	refused "option '--logsplit' needs '--logfile'" --logsplit
	refused "'--logsplit' cannot be combined with '--all-platforms'" --logfile x --logsplit --all-platforms
	refused "option '--logfile': cannot open '/nowhere/x_linux_" --logfile /nowhere/x --logsplit
}

@test "--skip-unused-stages=false builds what the target does not need, up to it" {
	printf 'FROM busybox AS unused\nRUN echo unused\nFROM busybox AS target\nRUN echo target\nFROM busybox\nRUN echo beyond\n' >ctx/Containerfile
	run --separate-stderr mica build --network=none --no-cache --target target --skip-unused-stages=false ctx
	[ "$status" = 0 ] || fail "$stderr"
	[[ "$stderr" == *'[1/2] unused'*': 2 run, 0 cached'* && "$stderr" == *'[2/2] target'* && "$stderr" != *beyond* ]] || fail "$stderr"
	run --separate-stderr mica build --network=none --no-cache --target target ctx
	[[ "$stderr" == *': 1 run, 0 cached'* ]] || fail "$stderr"
	mica build -q --network=none --memory-swap=-1 ctx # no limit of nothing
}

@test "--logfile takes what would be shown, but for the error" {
	printf 'FROM busybox\nARG STATUS=0\nRUN echo said; exit $STATUS\n' >ctx/Containerfile
	mica build --network=none --logfile log -t t ctx >id 2>shown
	[ ! -s shown ]
	grep -q '^STEP 3/3: RUN echo said; exit \$STATUS$' log
	grep -q '^said$' log
	[ "$(stat -c %a log)" = 600 ]
	[ "$(wc -c <id)" = 65 ]
	run -3 --separate-stderr mica build --network=none --logfile log --build-arg STATUS=3 ctx
	[[ $stderr == "mica: Containerfile:3:1: RUN: exit status 3"* ]]
	[ "$(grep -c '^STEP 3/3: ' log)" = 1 ] # not also of the build before
	run -125 --separate-stderr mica build --network=none --logfile none/log ctx
	assert_error "option '--logfile': cannot open 'none/log'"
}

@test "--log-rusage and --rusage-logfile: what the build used, in one line" {
	local line='^[0-9.]+s\(system\) [0-9.]+s\(user\) [0-9.]+s\(elapsed\) [0-9]+ input [0-9]+ output$'
	printf "FROM busybox\nRUN true\n" >ctx/Containerfile
	run --separate-stderr mica build --log-rusage -t t ctx
	[ "$(grep -cE "$line" <<<"$stderr")" = 1 ]
	mica build -q --rusage-logfile used -t t ctx
	[ "$(grep -cE "$line" used)" = "$(wc -l <used)" ]
	[ "$(wc -l <used)" = 1 ]
}
