#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The recipes of docs/kubernetes.md and docs/ci.md: mica in a container that has no privilege at all, started by mica and by crun.
load ../cli/lib.bash

setup_file() {
	[ "$(id -u)" = 0 ] || skip "containers are started as root here"
	file_setup registry busybox debian
	pod_image
}

teardown() {
	test_teardown
}

setup() {
	test_setup
	export MICA_ROOT=$T/store
}

teardown_file() {
	user_teardown
	file_teardown
}

# localhost/pod: Debian with mica, what it is linked to, and something to build; $T/pod/rootfs is the same as a directory.
pod_image() {
	local ctx=$T/pod/ctx lib dir
	export MICA_ROOT=$T/store
	dir=$(dirname "$MICA_BIN")
	mkdir -p "$ctx/root/usr/local/bin" "$ctx/root/work/ctx" "$ctx/root/etc/containers"
	[ -e "$dir/mica-remote" ] || dir=$dir/../registry
	cp "$MICA_BIN" "$dir/mica-remote" "$ctx/root/usr/local/bin"
	# libarchive is loaded when it is needed
	for lib in $(ldd "$MICA_BIN" "$dir/mica-remote" "$(ldconfig -p | awk '/libarchive.so.13 / {print $NF; exit}')" | grep -oE '/[^ :]*\.so[^ :]*' | sort -u) \
		"$(ldconfig -p | awk '/libarchive.so.13 / {print $NF; exit}')"; do
		mkdir -p "$ctx/root/usr/local/lib"
		case $lib in
		*/ld-linux* | */libc.so* | */libm.so*) ;; # Debian's own
		*) cp -L "$lib" "$ctx/root/usr/local/lib" ;;
		esac
	done
	cp "$CONTAINERS_REGISTRIES_CONF" "$ctx/root/etc/containers/registries.conf"
	cat >"$ctx/root/work/ctx/Containerfile" <<-END
		FROM busybox
		RUN touch /x && chown 7:8 /x && echo hidden >/dev/null && id -u >/id
		RUN --mount=type=secret,id=s cp /run/secrets/s /seen
		USER app
		RUN id -u >/tmp/id && wget -qO- http://$REG/v2/ >/tmp/reached
	END
	echo hush >"$ctx/root/work/secret"
	cat >"$ctx/root/work/build.sh" <<-'END'
		set -eu
		cd /work
		mica info --format text
		mica build "$@" --network=host --secret id=s,src=secret -t t ctx
		mica build -q --network=host --secret id=s,src=secret -o type=tar,dest=t.tar ctx
		tar --numeric-owner -tvf t.tar | awk '{print $6, $2}' | grep -E '^(x|id|seen|tmp/id) '
		mica fsck
		[ "$(mica info --format '{{.abilities.Mode.Name}}')" != chroot ] || {
			printf 'FROM busybox\nRUN --mount=type=cache,target=/c true\n' >mounts
			! mica build --network=host -f mounts . 2>refused
			grep -q "isolation 'chroot' has no mounts, so there is none on '/c'" refused
		}
		mica push -q t docker://REG/from-pod
	END
	sed -i "s|REG|$REG|" "$ctx/root/work/build.sh"
	printf 'FROM debian:stable\nCOPY root /\nRUN ldconfig\n' >"$ctx/Containerfile"
	mica build -q --network=none -t pod "$ctx" >&2
	mica build -q --network=none -o "$T/pod/rootfs" -f - "$ctx" <<<'FROM localhost/pod' >&2
	chmod 755 "$T/pod/rootfs" # a container's root is entered by any user
}

# What all must print, and what the registry has afterwards. MODE: as `mica info` says it
assert_built() {
	[[ "$output" == *"mode       $1"* ]]
	[[ "$output" == *$'x 7/8\n'* ]]
	[[ "$output" == *$'tmp/id 1000/1000\n'* ]]
	assert_pod_image
}

assert_pod_image() {
	mica pull -q "$REG/from-pod"
	[ "$(in_image --user 0 "$REG/from-pod" cat /id /seen /tmp/id)" = $'0\nhush\n1000' ]
	mica rmi "$REG/from-pod"
}

# The names of the capabilities that docker gives to a container.
DOCKER_CAPS='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD","CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP",
	"CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"]'

# config.json for crun: /usr/share/containers/seccomp.json as it is for these capabilities; FILTER: a change to it, for jq.
pod_config() { # FILTER
	(cd "$T/pod" && rm -f config.json && crun spec)
	jq --argjson caps "$DOCKER_CAPS" --slurpfile profile /usr/share/containers/seccomp.json '
		([$profile[0].syscalls[] | select((.includes.caps // []) - $caps == [] and ((.excludes.caps // []) | map(select(. as $c | $caps | index($c)))) == []
			and ((.includes.arches // ["amd64"]) | length == 0 or index("amd64")) and ((.excludes.arches // []) | index("amd64") | not))
			| {names, action, args: (.args // []), errnoRet} | with_entries(select(.value != null))]) as $calls
		| .process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps}
		| .process.terminal = false | .process.noNewPrivileges = false | .root.readonly = false
		| .process.args = ["bash", "/work/build.sh"]
		| .process.rlimits = []
		| .linux.namespaces |= map(select(.type != "network" and .type != "cgroup")) | del(.linux.resources)
		| .linux.seccomp = {defaultAction: $profile[0].defaultAction, defaultErrnoRet: ($profile[0].defaultErrnoRet // 38),
			architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], syscalls: $calls}' "$T/pod/config.json" | jq "$1" >"$T/pod/config.new"
	mv "$T/pod/config.new" "$T/pod/config.json"
}

# crun does not work where version 1 and 2 of cgroups are both there: it sees version 2 only.
in_crun() {
	rm -rf "$T/pod/rootfs/var/lib/mica" "$T/pod/rootfs/work/t.tar"
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m sh -c 'umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && cd "$1" && exec crun --root "$1/state" --cgroup-manager=disabled run "$2"' \
		- "$T/pod" "pod-$$-$BATS_TEST_NUMBER"
}

# What docker's profile forbids, and that of containers/common does not.
DOCKER_PROFILE='["mount", "umount", "umount2", "unshare", "setns", "pivot_root", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree",
		"mount_setattr", "sethostname", "setdomainname"] as $no
		| .linux.seccomp.syscalls |= (map(.names -= $no + ["clone", "clone3"] | select(.names != []))
		+ [{names: ["clone"], action: "SCMP_ACT_ALLOW", args: [{index: 0, value: 2114060288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ"}]},
		{names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38}, {names: $no, action: "SCMP_ACT_ERRNO", errnoRet: 1}])'

needs_crun() {
	command -v crun >/dev/null || skip "crun is not installed"
	[ -e /usr/share/containers/seccomp.json ] || skip "/usr/share/containers/seccomp.json is not there"
	[ "$(uname -m)" = x86_64 ] || skip "the profile is translated for x86_64 only"
}

@test "in a container of mica's: namespaces, and copies for snapshots; in a step of a user's build, too" {
	run mica run --rm --network=host pod bash /work/build.sh
	echo "$output"
	[ "$status" = 0 ]
	assert_built rootless
	[[ "$output" == *"snapshots  copy: "* ]]
	[[ "$output" != *"warning: isolation"* ]]
	user_setup
	mica push -q pod "$REG/pod"
	printf 'FROM %s/pod\nRUN bash /work/build.sh && rm -r /var/lib/mica /work/t.tar\n' "$REG" | containerfile
	run umica build --network=host -t nested ctx
	echo "$output"
	[ "$status" = 0 ]
	assert_built rootless
	umica fsck
}

@test "in a container of crun's with the containers' default profile: namespaces" {
	needs_crun
	pod_config .
	run in_crun
	echo "$output"
	[ "$status" = 0 ]
	assert_built 'rootless'
	[[ "$output" != *"warning: isolation"* ]]
}

@test "in a container of crun's whose profile forbids namespaces and mounts, as docker's does: chroot" {
	needs_crun
	# and allowPrivilegeEscalation: false
	pod_config "$DOCKER_PROFILE | .process.noNewPrivileges = true"
	run in_crun
	echo "$output"
	[ "$status" = 0 ]
	assert_built 'chroot: user namespaces are not allowed here'
	[[ "$output" == *"warning: isolation 'chroot'"* ]]
}

@test "in a plain chroot: chroot, and what to do about it" {
	mount --bind /dev "$T/pod/rootfs/dev"
	mount -t proc proc "$T/pod/rootfs/proc"
	run env -i PATH="$PATH" MICA_ROOT=/store chroot "$T/pod/rootfs" sh /work/build.sh
	umount "$T/pod/rootfs/dev" "$T/pod/rootfs/proc"
	rm -rf "$T/pod/rootfs/store"
	[ "$status" = 0 ] || fail "$output"
	assert_built chroot
	[[ $output == *"the root directory is that of a plain chroot: 'mount --bind DIR DIR' before the chroot makes it a mount of its own"* ]] || fail "$output"
}

@test "what asks for more than there is in a container is refused in one line" {
	needs_crun
	pod_config "$DOCKER_PROFILE"' | .process.args = ["sh", "-c", "cd /work; mica build -q --network=none ctx; mica build -q --isolation=oci ctx; mica build -q --network=host --shm-size=1m ctx"]'
	run in_crun
	echo "$output"
	[[ "$output" == *"cannot take the network away"* ]]
	[[ "$output" == *"'oci': user namespaces are not allowed here"* ]]
	[[ "$output" == *"isolation 'chroot' has no mounts, so '--shm-size' would hold nothing"* ]]
	pod_config "$DOCKER_PROFILE | .process.capabilities = {} | .process.args = [\"mica\", \"info\"]"
	run in_crun
	[[ $output == "mica: user namespaces are not allowed here ("*"; in a container whose seccomp profile forbids them, be its root, with the capabilities that docker and containerd give by default" && ${#lines[@]} = 1 ]] || fail "$output"
	# no capability at all; and a number that no account has, as OpenShift gives one, which sees the /proc around it
	pod_config '.process.capabilities = {} | .process.args = ["mica", "info"]'
	run in_crun
	[[ $output == "mica: root without capabilities cannot have a user namespace: give this container those that"* && ${#lines[@]} = 1 ]] || fail "$output"
	chmod -R a+rX "$T/pod/rootfs/work"
	random='.root.readonly = true | .mounts += [{destination: "/store", type: "tmpfs", source: "tmpfs"}] | .process.user = {uid: 1000680000, gid: 0}
		| .process.capabilities = {} | .process.noNewPrivileges = true | .process.env = ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "MICA_ROOT=/store/s"]
		| .process.args = ["sh", "-c", "cd /work && mica info --format text | grep -q '"'"'^missing .*a /proc of their own'"'"' && mica build --network=host --secret id=s,src=secret -t t ctx && mica fsck && mica push -q t docker://'"$REG"'/from-pod"]'
	pod_config "$random"
	run in_crun
	[ "$status" = 0 ] || fail "$output"
	assert_pod_image
}

# --- docs/ci.md: the commands as they stand there, where each of these runs them ---

recipe() { # SECTION: its text
	awk -v section="## $1" '$0 == section {on = 1; next} /^## / {on = 0} on && /^\t/ {print substr($0, 2)}' "$TOP/docs/ci.md"
}

# A job's repository; what the service puts into variables, and the registry, are the test's.
job_files() { # DIRECTORY
	mkdir -p "$1/app"
	printf 'FROM busybox\nRUN id -u >/built && echo a step\nCOPY file /file\n' >"$1/app/Containerfile"
	echo "$BATS_TEST_NUMBER" >"$1/app/file"
}

in_job() { # NAME=VALUE...: job.sh, twice: each time with nothing from before but what the registry has
	local env
	job_files "$T/pod/rootfs/work"
	env=$(printf '%s\n' "$@" | jq -R . | jq -cs .)
	pod_config "$DOCKER_PROFILE"' | .process.args = ["sh", "-euxc", "cd /work/app; . /work/job.sh"] | .process.env += '"$env"
	for _ in 1 2; do
		run in_crun
		echo "$output"
		[ "$status" = 0 ]
		assert_pushed
	done
}

assert_pushed() {
	MICA_ROOT=$D/check mica pull -q --policy=always "$PUSHED"
	[ "$(MICA_ROOT=$D/check in_image "$PUSHED" cat /built /file)" = "0
$BATS_TEST_NUMBER" ]
}

@test "the recipe for GitLab, in a container of its docker executor" {
	needs_crun
	recipe GitLab | sed -n '/^  script:/,$s/^    - //p' >"$T/pod/rootfs/work/job.sh"
	[ "$(wc -l <"$T/pod/rootfs/work/job.sh")" = 3 ]
	PUSHED=$REG/group/app:abc123
	in_job "CI_REGISTRY=$REG" CI_REGISTRY_USER=gitlab-ci-token CI_REGISTRY_PASSWORD=s3cret "CI_REGISTRY_IMAGE=$REG/group/app" CI_COMMIT_SHORT_SHA=abc123
	[[ "$output" == *"0 run, 2 cached"* ]]
}

@test "the recipe for Tekton, in a step's container" {
	needs_crun
	recipe Tekton | sed -n '/^    script: |/,$s/^      //p' | sed "s|\$(params.image)|$REG/tekton:1|; s|\$(results.digest.path)|/tmp/digest|" >"$T/pod/rootfs/work/job.sh"
	[ "$(wc -l <"$T/pod/rootfs/work/job.sh")" = 2 ]
	echo 'cat /tmp/digest' >>"$T/pod/rootfs/work/job.sh"
	echo '{"auths":{}}' >"$T/pod/rootfs/work/.dockerconfigjson"
	PUSHED=$REG/tekton:1
	in_job REGISTRY_AUTH_FILE=/work/.dockerconfigjson
	[[ "$output" == *"$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$PUSHED")"* ]]
}

@test "the recipe for Jenkins, in a container of its pod" {
	needs_crun
	recipe Jenkins | sed -n "s/^ *sh '\\(.*\\)'\$/\\1/p" | sed "s|registry.example.org|$REG|g" >"$T/pod/rootfs/work/job.sh"
	[ "$(wc -l <"$T/pod/rootfs/work/job.sh")" = 3 ]
	PUSHED=$REG/app:7
	in_job U=user P=s3cret BUILD_NUMBER=7
}

@test "the Job of docs/kubernetes.md, and the index of what several runners pushed" {
	local command arch
	needs_crun
	job_files "$T/pod/rootfs/work"
	command=$(sed -n '/^\t *command:$/,/^\t *env:/s/^\t *- //p' "$TOP/docs/kubernetes.md" | sed "s|registry.example.org|$REG|g; s|https://git.example.org/app.git|/work/app|" | tr '\n' ' ')
	[[ $command == "mica build --network=host --cache-from=$REG/app/cache "*",push=true /work/app " ]] || fail "$command"
	pod_config "$DOCKER_PROFILE | .process.args = [\"sh\", \"-euxc\", \"$command\"]"
	PUSHED=$REG/app:1
	for _ in 1 2; do
		run in_crun
		[ "$status" = 0 ] || fail "$output"
		assert_pushed
	done
	[[ "$output" == *"0 run, 2 cached"* ]] || fail "$output"
	recipe 'Several platforms, several runners' | sed "s|registry.example.org|$REG|g" >job.sh
	[ "$(wc -l <job.sh)" = 2 ]
	for arch in amd64 arm64; do
		mica build -q --platform "linux/$arch" -f - -t "$REG/app:1-$arch" "$T/pod/rootfs/work/app" <<<$'FROM scratch\nCOPY file /'
		mica push -q "$REG/app:1-$arch"
	done
	. ./job.sh
	[ "$(skopeo inspect --raw --tls-verify=false "docker://$REG/app:1" | jq -c '[.manifests[].platform.architecture]')" = '["amd64","arm64"]' ]
}

@test "the recipe for GitHub, as a runner's user" {
	user_setup
	recipe GitHub >steps
	# what root does on the runner is done here already
	grep -E '^ *- (run|uses): ' steps | grep -vE '^ *- (run: sudo |uses: actions/checkout)' | sed 's/^ *- run: //' |
		sed "s|ghcr.io|$REG|g; s|\${{ github.repository }}|owner/app|g; s|\${{ github.sha }}|deadbeef|g; s|\${{ github.actor }}|me|g; s|\${{ secrets.GITHUB_TOKEN }}|t0ken|g" >job.sh
	[ "$(wc -l <job.sh)" = 3 ]
	run ! grep -F '${{' job.sh
	job_files "$D"
	chown -R "$MICA_USER" "$D"
	mkdir bin
	ln -s "$MICA_BIN" bin/mica
	PUSHED=$REG/owner/app:deadbeef
	for _ in 1 2; do
		run as_user sh -euxc 'PATH=$PWD/bin:$PATH; cd app; . ../job.sh'
		echo "$output"
		[ "$status" = 0 ]
		assert_pushed
		as_user "$MICA_BIN" prune -af >/dev/null
	done
}
