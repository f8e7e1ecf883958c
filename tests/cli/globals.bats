#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The options of mica itself, the configuration files and the environment, each by what it does.
load lib.bash

setup_file() {
	file_setup registry busybox
}

teardown_file() {
	file_teardown
}

setup() {
	test_setup
	export XDG_CONFIG_HOME=$D/config
	mkdir -p "$XDG_CONFIG_HOME/containers"
	CONF=$XDG_CONFIG_HOME/containers/containers.conf
}

teardown() {
	test_teardown
}

bare() { # without --root
	"$MICA_BIN" "$@"
}

in_busybox() {
	mica run --quiet docker.io/library/busybox "$@"
}

@test "--root, MICA_ROOT and the graphroot of storage.conf say where the store is" {
	unset MICA_ROOT
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\n' "$D/graph" >storage.conf
	CONTAINERS_STORAGE_CONF=$D/storage.conf bare images
	[ -e graph/mica/oci-layout ]
	CONTAINERS_STORAGE_CONF=$D/storage.conf MICA_ROOT=$D/env bare images
	[ -e env/oci-layout ]
	CONTAINERS_STORAGE_CONF=$D/storage.conf bare --root "$D/option" images
	[ -e option/oci-layout ]
	CONTAINERS_STORAGE_CONF=$D/nothing run -125 --separate-stderr bare images
	assert_error "cannot open '.*/nothing'"
	printf '[storage]\ngraphroot = "graph"\n' >storage.conf
	CONTAINERS_STORAGE_CONF=$D/storage.conf run -125 --separate-stderr bare images
	assert_error "storage.conf: 'graphroot': 'graph' is not an absolute path"
	echo '[storage' >storage.conf
	CONTAINERS_STORAGE_CONF=$D/storage.conf run -125 --separate-stderr bare images
	assert_error "storage.conf:1: "
}

@test "--storage-driver, STORAGE_DRIVER and the driver of storage.conf" {
	driver() {
		mica "$@" info --format '{{.store.GraphDriverName}}'
	}
	[ "$(driver --storage-driver vfs)" = vfs ]
	[ "$(driver --storage-driver copy)" = copy ]
	[ "$(STORAGE_DRIVER=vfs driver)" = vfs ]
	[ "$(mica --storage-driver vfs info --format '{{.abilities.Snapshots.Driver}} {{.Driver}}')" = "copy vfs" ]
	printf '[storage]\ndriver = "vfs"\n' >storage.conf
	export CONTAINERS_STORAGE_CONF=$D/storage.conf
	[ "$(driver)" = vfs ]
	[ "$(driver --storage-driver copy)" = copy ]
	[[ $(driver --storage-driver auto) != @(copy|vfs) ]]
	printf '[storage]\ndriver = "overlay"\n' >storage.conf
	[ "$(driver)" != copy ]
	run -125 --separate-stderr mica --storage-driver floppy info
	assert_error "option '--storage-driver': 'floppy' is not one of 'auto', 'overlay', 'fuse-overlayfs', 'copy', 'vfs'"
	STORAGE_DRIVER=floppy run -125 --separate-stderr mica info
	assert_error "STORAGE_DRIVER: 'floppy' is not one of"
}

@test "--storage-opt, STORAGE_OPTS and additionalimagestores name stores to read from" {
	mica pull -q busybox >/dev/null
	local other=$D/other
	for where in "--storage-opt=additionalimagestore=$MICA_ROOT" "--storage-opt=overlay.imagestore=$MICA_ROOT"; do
		"$MICA_BIN" --root "$other" "$where" images --noheading | grep -q library/busybox
	done
	STORAGE_OPTS=overlay.mountopt=nodev,additionalimagestore=$MICA_ROOT "$MICA_BIN" --root "$other" images --noheading | grep -q library/busybox
	mkdir empty
	printf '[storage]\n[storage.options]\nadditionalimagestores = ["%s", "%s"]\n' "$D/empty" "$MICA_ROOT" >storage.conf
	CONTAINERS_STORAGE_CONF=$D/storage.conf "$MICA_BIN" --root "$other" images --noheading | grep -q library/busybox
	mica --storage-opt overlay.ignore_chown_errors=true images >/dev/null
	[ "$(mica --storage-opt overlay.mount_program=/usr/bin/fuse-overlayfs info --format '{{.store.GraphDriverName}}')" = fuse-overlayfs ]
	# with overlay said it is for where the kernel's does not work, as on another one
	mkdir low up work on
	unshare -m sh -e <<-END
		mount -t overlay -o lowerdir=low,upperdir=up,workdir=work none on
		with() { "$MICA_BIN" --root on/store --storage-driver overlay --storage-opt overlay.mount_program=/usr/bin/fuse-overlayfs "\$@"; }
		with --storage-opt "additionalimagestore=$MICA_ROOT" from -q --name c busybox
		with --storage-opt "additionalimagestore=$MICA_ROOT" run --network=none c true
	END
	run -125 --separate-stderr mica --storage-opt frobnicate=1 images
	assert_error "option '--storage-opt': 'frobnicate=1' is not 'additionalimagestore=DIR'"
}

@test "--registries-conf, --registries-conf-dir and CONTAINERS_REGISTRIES_CONF" {
	: >empty.conf
	mkdir dir
	cp "$CONTAINERS_REGISTRIES_CONF" dir/50-ours.conf
	run -125 --separate-stderr mica --registries-conf empty.conf pull -q --retry 0 quay.io/library/busybox
	mica --registries-conf empty.conf --registries-conf-dir dir pull -q quay.io/library/busybox
	mica --registries-conf "$CONTAINERS_REGISTRIES_CONF" pull -q busybox
	run -125 --separate-stderr mica --registries-conf nothing.conf pull -q --policy always busybox
	assert_error "nothing.conf"
	# who has a file of his own has drop-ins of his own
	unset CONTAINERS_REGISTRIES_CONF
	mkdir -p config/containers/registries.conf.d
	: | tee config/containers/registries.conf >config/containers/registries.conf.d/own.conf
	XDG_CONFIG_HOME=$D/config mica registry check 127.0.0.1:1/x >said 2>&1 || true
	grep -q "^configuration: *$D/config/containers/registries.conf, $D/config/containers/registries.conf.d/own.conf$" said || fail "$(cat said)"
}

@test "--short-name-alias-conf: short names that were chosen once" {
	printf '[aliases]\n"bb" = "quay.io/library/busybox"\n' >aliases.conf
	mica --short-name-alias-conf aliases.conf pull -q bb
	[ "$(mica images -n --format '{{.Name}}')" = quay.io/library/busybox ]
}

@test "--default-mounts-file: what is in it is seen, read-only, by run, from and build" {
	mkdir secrets
	echo hush >secrets/s
	printf '# a comment\n%s:/run/secrets\n/not/there:/x\n' "$D/secrets" >mounts.conf
	m() {
		mica --default-mounts-file "$D/mounts.conf" "$@"
	}
	[ "$(m run --quiet docker.io/library/busybox cat /run/secrets/s)" = hush ]
	mkdir -p elsewhere:/in
	ln -s "$D/elsewhere:" secrets/link && ln -s nowhere secrets/broken
	echo pem >elsewhere:/in/key
	[ "$(m run --quiet docker.io/library/busybox sh -c 'cd /run/secrets && cat s link/in/key && ls')" = $'hush\npem\nlink\ns' ]
	rm secrets/link secrets/broken
	run m run --quiet docker.io/library/busybox touch /run/secrets/new
	[ "$status" != 0 ]
	c=$(m from --quiet busybox)
	[ "$(mica run "$c" cat /run/secrets/s)" = hush ]
	mica commit -q "$c" x >/dev/null
	run mica run --quiet x cat /run/secrets/s
	[ "$status" != 0 ]
	mkdir ctx
	printf 'FROM busybox\nRUN cat /run/secrets/s >/seen\n' >ctx/Containerfile
	m build -q -t built ctx >/dev/null
	[ "$(mica run --quiet built cat /seen)" = hush ]
	echo 'relative' >mounts.conf
	run -125 --separate-stderr m run --quiet docker.io/library/busybox true
	assert_error "mounts.conf: 'relative' is not /SOURCE\[:/TARGET\]"
	run -125 --separate-stderr mica --default-mounts-file /nothing run --quiet docker.io/library/busybox true
	assert_error "option '--default-mounts-file': .*nothing"
}

@test "containers.conf: limits, names, capabilities, volumes and network of run, from and build" {
	mkdir shared
	echo here >shared/f
	cat >"$CONF" <<-END
		[containers]
		default_ulimits = ["nofile=77:88"]
		default_sysctls = ["net.ipv4.tcp_timestamps=123", "kernel/shmmni=99"]
		default_capabilities = ["CHOWN", "KILL"]
		dns_servers = ["192.0.2.1"]
		dns_searches = ["example.org"]
		dns_options = ["ndots:3"]
		shm_size = "3m"
		volumes = ["$D/shared:/shared"]
		netns = "none"
		base_hosts_file = "$D/hosts"
	END
	printf '# none\n192.0.2.7 mirror.example mirror # inside\n\n' >hosts
	[ "$(in_busybox sed -n '3,$p' /etc/hosts)" = '192.0.2.7 mirror.example mirror ' ]
	[ "$(mica run --add-host other:192.0.2.8 --quiet docker.io/library/busybox sh -c 'tail -n 2 /etc/hosts | cut -d. -f4 | tr -s "\t\n" " "')" = '8 other 7 mirror ' ]
	[ "$(in_busybox sh -c 'ulimit -n')" = 77 ]
	[ "$(in_busybox sh -c 'ulimit -Hn')" = 88 ]
	[ "$(mica run --ulimit nofile=5:5 --quiet docker.io/library/busybox sh -c 'ulimit -n')" = 5 ]
	[ "$(in_busybox grep CapEff /proc/self/status | cut -f 2)" = 0000000000000021 ]
	[ "$(mica run --cap-drop kill,mknod --cap-add sys_chroot --quiet docker.io/library/busybox grep CapEff /proc/self/status | cut -f 2)" = 0000000000040001 ]
	[ "$(in_busybox cat /shared/f)" = here ]
	[ "$(in_busybox df -k /dev/shm | awk 'END { print $2 }')" = 3072 ]
	[ "$(in_busybox ls /sys/class/net)" = lo ]
	[ "$(in_busybox cat /proc/sys/net/ipv4/tcp_timestamps /proc/sys/kernel/shmmni | paste -sd ' ')" = '123 99' ]
	[ "$(mica run --ipc host --network host --quiet docker.io/library/busybox cat /proc/sys/net/ipv4/tcp_timestamps /proc/sys/kernel/shmmni)" = \
		"$(cat /proc/sys/net/ipv4/tcp_timestamps /proc/sys/kernel/shmmni)" ]
	printf '[containers]\nnetns = "host"\n' >override.conf
	CONTAINERS_CONF_OVERRIDE=$D/override.conf in_busybox cat /etc/resolv.conf >resolv
	grep -qx 'nameserver 192.0.2.1' resolv
	grep -qx 'search example.org' resolv
	grep -qx 'options ndots:3' resolv
	c=$(mica from --quiet busybox)
	rm "$CONF"
	[ "$(mica run "$c" sh -c 'ulimit -n')" = 77 ]
	printf '[containers]\ndefault_ulimits = ["nofile=66:66"]\ndefault_sysctls = ["net.ipv4.tcp_timestamps=5"]\n' >one.conf
	mkdir ctx
	printf 'FROM busybox\nRUN ulimit -n >/n; cat /proc/sys/net/ipv4/tcp_timestamps >>/n\n' >ctx/Containerfile
	CONTAINERS_CONF=$D/one.conf mica build -q --network=none -t built ctx >/dev/null
	[ "$(mica run --quiet built cat /n | paste -sd ' ')" = '66 5' ]
	# a container has those of its first moment, else those that are said where it runs
	[ "$(CONTAINERS_CONF=$D/one.conf mica run "$c" sh -c 'ulimit -n')" = 77 ]
	c=$(mica from --quiet busybox)
	printf 'base_hosts_file = "%s/hosts"\nhost_containers_internal_ip = "192.0.2.9"\n' "$D" >>one.conf
	[ "$(CONTAINERS_CONF=$D/one.conf mica run --network=none "$c" sh -c 'ulimit -n; cut -d " " -f 1 /proc/sys/net/ipv4/tcp_timestamps; sed -n s/^192//p /etc/hosts' |
		tr -s '\t\n' ' ')" = '66 5 .0.2.9 host.containers.internal .0.2.9 host.docker.internal .0.2.7 mirror.example mirror ' ]
	[ "$(CONTAINERS_CONF=$D/one.conf mica run --ulimit nofile=55:55 "$c" sh -c 'ulimit -n')" = 55 ]
	printf '[containers]\ndefault_sysctls = ["kernel.panic=0"]\n' >one.conf
	CONTAINERS_CONF=$D/one.conf run -125 --separate-stderr mica run --quiet built true
	assert_error "containers.conf: 'default_sysctls': 'kernel.panic=0' is a setting of the whole machine"
	for wrong in base_hosts_file=image base_hosts_file=/nowhere host_containers_internal_ip=here; do
		printf '[containers]\n%s = "%s"\n' "${wrong%=*}" "${wrong#*=}" >one.conf
		CONTAINERS_CONF=$D/one.conf run -125 --separate-stderr mica run --quiet built true
		assert_error "containers.conf: '${wrong%=*}'"
	done
}

@test "containers.conf: drop-ins are read after it, CONTAINERS_CONF in place of it" {
	mkdir "$CONF.d"
	printf '[containers]\ndefault_ulimits = ["nofile=10:10"]\n' >"$CONF"
	printf '[containers]\ndefault_ulimits = ["nofile=20:20"]\n' >"$CONF.d/20.conf"
	printf '[containers]\ndefault_ulimits = ["nofile=15:15"]\n' >"$CONF.d/10.conf"
	printf '[containers]\ndefault_ulimits = ["nofile=99:99"]\n' >"$CONF.d/README"
	[ "$(in_busybox sh -c 'ulimit -n')" = 20 ]
	printf '[containers]\ndefault_ulimits = ["core=0:0"]\n' >own.conf
	[ "$(CONTAINERS_CONF=$D/own.conf in_busybox sh -c 'ulimit -n')" != 20 ]
	# a usual one that cannot be had is lowered, and stays so in a container
	printf '[containers]\ndefault_ulimits = ["nofile=7:%s"]\n' $(($(cat /proc/sys/fs/nr_open) + 1)) >own.conf
	c=$(CONTAINERS_CONF=$D/own.conf mica from --quiet busybox)
	[ "$(mica run "$c" sh -c 'ulimit -n; ulimit -Hn' | tr '\n' ' ')" = "7 $(ulimit -Hn) " ]
	echo 'dns_servers = [' >"$CONF.d/30.conf"
	run -125 --separate-stderr mica images
	assert_error "30.conf:[0-9]+: "
	mica version >/dev/null
	CONTAINERS_CONF=$D/nothing run -125 --separate-stderr mica images
	assert_error "cannot open '.*/nothing'"
}

@test "containers.conf: [engine] sets variables that are not set" {
	printf '[engine]\nenv = ["STORAGE_DRIVER=vfs", "MICA_ROOT=%s"]\n' "$D/other" >"$CONF"
	env -u MICA_ROOT "$MICA_BIN" images >/dev/null
	[ -e other/oci-layout ]
}

@test "TMPDIR and image_copy_tmp_dir: where an archive lies that is read twice; nothing else needs them" {
	# what is pulled, committed and written to a pipe has no second copy
	export TMPDIR=/not/there
	c=$(mica from -q busybox)
	mica commit -q "$c" docker-archive:committed >/dev/null
	{ echo before && mica save -q busybox && mica save -q --format oci-archive busybox && echo after; } >both
	mica save -q busybox | cat >archive
	mica save -q --format oci-archive busybox >oci
	{ echo before && cat archive oci && echo after; } | cmp - both
	mica load -q <archive
	mica import -q archive
	refused() { # MESSAGE
		run --separate-stderr mica load -q < <(cat archive)
		assert_error "^mica: $1"
		[ "$(wc -l <<<"$stderr")" = 1 ]
	}
	refused "TMPDIR: cannot find '/not/there': no such file or directory$"
	run -125 --separate-stderr mica import - <archive
	assert_error "^mica: TMPDIR: cannot find '/not/there'"
	TMPDIR=$D/archive refused "TMPDIR: cannot create a file in '$D/archive': not a directory$"
	mkdir here
	if [ "$(id -u)" = 0 ]; then
		mount -t tmpfs -o size=64k none here
		TMPDIR=$D/here refused "TMPDIR: cannot write '?$D/here'?: no space left on device \(65536 bytes are free"
		umount here
	fi
	placed() { # DIRECTORY
		ASAN_OPTIONS=detect_leaks=0 strace -f --seccomp-bpf -o said -e trace=openat "$MICA_BIN" load -q < <(cat archive) >/dev/null
		grep -q "\"$1\", .*O_TMPFILE" said || fail "$(grep O_CREAT said)"
	}
	TMPDIR=here placed "$D/here"
	unset TMPDIR
	printf '[engine]\nimage_copy_tmp_dir = "/not/there"\n' >"$CONF"
	refused "image_copy_tmp_dir of containers.conf: cannot find '/not/there'"
	printf '[engine]\nimage_copy_tmp_dir = "storage"\n' >"$CONF"
	placed "$MICA_ROOT"
	printf '[engine]\nimage_copy_tmp_dir = "here"\n' >"$CONF"
	refused "image_copy_tmp_dir of containers.conf: 'here' is neither an absolute path nor 'storage'$"
}

@test "containers.conf: retry and retry_delay of pulls and pushes" {
	printf '[engine]\nretry = 0\nretry_delay = "soon"\n' >"$CONF"
	run -125 --separate-stderr mica pull -q busybox
	assert_error "containers.conf: 'retry_delay': 'soon' is not a duration"
	mica pull -q --retry-delay 1s busybox
	mica pull --help | grep -A 9 -e ' --retry=' -e ' --retry-delay=' >said
	grep -q '(default 0)' said && grep -q '(default "soon")' said || fail "$(cat said)"
}

@test "--log-level and --debug; levels that there are not; options that are known and refused" {
	mica --log-level DEBUG images 2>err
	mica --debug images 2>>err
	for level in trace Info warn warning error fatal panic; do
		mica --log-level $level images >/dev/null 2>&1
	done
	run -125 --separate-stderr mica --log-level loud images
	assert_error 'unable to parse log level: not a valid logrus Level: "loud"; levels are trace, debug'
	mica --cgroup-manager cgroupfs --runroot /nowhere --transient-store images >/dev/null
	run -125 --separate-stderr mica --imagestore=/x images
	assert_error "option '--imagestore' is not supported"
	[ "$(id -u)" = 0 ] || skip "ranges of IDs are root's to give"
	[ "$(mica --userns-uid-map 0:100000:5000 --userns-gid-map=0:200000:6000 run -q --network none docker.io/library/busybox sh -c 'cat /proc/self/uid_map /proc/self/gid_map | tr -s " \n" " "')" = ' 0 100000 5000 0 200000 6000 ' ]
	mica --userns-uid-map 0:100000:5000 --userns-gid-map=0:200000:6000 from -q --name mapped --network none docker.io/library/busybox
	[ "$(mica run mapped awk '{ print $3 }' /proc/self/uid_map)" = 5000 ]
	run -125 --separate-stderr mica --userns-uid-map 0 run -q docker.io/library/busybox true
	assert_error "'0' is not CONTAINER-ID:HOST-ID:SIZE"
}

@test "options of a command may stand before its name, as with buildah" {
	printf 'FROM scratch\nLABEL a=1\n' >f
	mica --signature-policy=/dev/null --tag early --label b=2 build -q -f f .
	mica --format '{{.Name}}' images | grep -qx localhost/early
	[ "$(mica inspect --format '{{.OCIv1.Config.Labels.b}}' early)" = 2 ]
	run ! mica --label b=2 images
	[[ $output == *"unknown option '--label'"* ]]
	run ! mica --roott x images
	[[ $output == *"unknown option '--roott', did you mean '--root'?"* ]]
	run ! mica --label
	[[ $output == *"unknown option '--label'"* ]]
}

@test "mica --version, --help and no command at all" {
	[[ $("$MICA_BIN" --version) == "mica version "* ]]
	[[ $("$MICA_BIN" -v) == "mica version "* ]]
	"$MICA_BIN" --help >a
	"$MICA_BIN" -h >b
	"$MICA_BIN" >c
	cmp a b
	cmp a c
	# a stack that is too small for a build is raised, or told
	bash -c 'ulimit -Ss 64; exec "$0" version' "$MICA_BIN"
	run -125 --separate-stderr bash -c 'ulimit -s 64; exec "$0" version' "$MICA_BIN"
	assert_error 'the limit of the stack is too low .ulimit -s.: 128 KiB at least'
}

@test "the overview has every command in a group, and every page has a way to use it" {
	"$MICA_BIN" --help >overview
	run ! grep -q '^Others:' overview
	# commands come first, then the options
	head -n 5 overview | grep -qx 'Build and run:'
	run ! grep -qE '^  [a-z-]+ *$' <(sed -n '/^Build and run:/,/^Options:/p' overview)
	grep -qx 'Working containers:' overview
	sed -n '/^Build and run:/,/^Options:/s/^  \([a-z-]*\) .*/\1/p' overview >commands
	[ "$(wc -l <commands)" -gt 35 ]
	while read -r command; do
		help=$("$MICA_BIN" "$command" --help && echo .)
		[[ $'\n'$help == *$'\n'"Usage: mica $command"* ]] || fail "$command: no usage"
		[[ $help == *$'\nExamples:\n  '* ]] || fail "$command: no examples"
		[ "$("$MICA_BIN" help "$command" && echo .)" = "$help" ]
	done <commands
	for noun in image container system builder buildx; do
		"$MICA_BIN" "$noun" --help >help
		grep -q "^Usage: mica $noun COMMAND" help
		run ! grep -E '^  [a-z]+ *$' help
		grep -A 1 '^Examples:' help | grep -q "^  mica $noun [a-z]" || fail "$noun: no examples"
		"$MICA_BIN" help "$noun" | cmp - help
	done
	"$MICA_BIN" manifest --help | grep -qx '  create       make a list of images'
	"$MICA_BIN" image -h | grep -qx '  ls           list images'
}

@test "completions: commands, verbs of nouns, options, images and containers" {
	files=$(dirname "$MICA_BIN")/../completions
	typed() { # COMMAND LINE: what bash would offer
		# shellcheck disable=SC2034 # read by the completion
		COMP_LINE=$1 COMP_POINT=${#1}
		read -r -a COMP_WORDS <<<"$1"
		[[ $1 != *' ' ]] || COMP_WORDS+=('')
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_mica
		echo "${COMPREPLY[*]}"
	}
	for shell in bash fish zsh; do
		"$MICA_BIN" completion $shell | cmp - "$files/mica.$shell"
	done
	ln -s "$MICA_BIN" buildah
	[ "$(./buildah completion --no-descriptions bash | tail -n 1)" = 'complete -o filenames -F _buildah buildah' ]
	run -125 --separate-stderr mica completion powershell
	assert_error "there is no completion for 'powershell'"
	# shellcheck source=/dev/null
	. "$files/mica.bash"
	printf 'FROM scratch\n' | mica build -q -t quay.io/a/b:1 -t quay.io/a/b:2 -
	mica from -q --name cont scratch
	touch Containerfile
	while IFS='|' read -r line offered; do
		[ "$(typed "$line")" = "$offered" ] || fail "bash: $line: $(typed "$line")"
		# fish leaves the words as they are, and sorts them
		! command -v fish >/dev/null || [[ $line == *:* ]] ||
			[ "$(fish -c "function mica; $MICA_BIN --root $MICA_ROOT \$argv; end; source $files/mica.fish; complete -C'$line'" | cut -f 1 | sort | xargs)" = \
				"$(printf '%s\n' $offered | sort | xargs)" ] || fail "fish: $line"
	done <<-'END'
		mica manif|manifest
		mica manifest a|add annotate
		mica --root /x system |check df info prune
		mica manifest create --am|--amend
		mica image ls --so|--sort
		mica rmi q|quay.io/a/b:1 quay.io/a/b:2
		mica rmi quay.io/a/b:|1 2
		mica container rm |cont
		mica copy cont Contai|Containerfile
		mica completion |bash fish zsh
	END
	for noun in image container system builder buildx; do
		run -125 --separate-stderr mica "$noun" -q
		[ "$(_mica_verbs $noun | tr ' ' '\n' | sort | xargs)" = "$(sed 's/.*wants one of: //; s/,//g' <<<"$stderr" | tr ' ' '\n' | sort | xargs)" ] || fail "$noun"
	done
}

@test "where images may come from: registries.conf of version 1, BUILD_REGISTRY_SOURCES" {
	printf '[registries.insecure]\nregistries = ["%s"]\n[registries.block]\nregistries = ["docker.io"]\n' "$REG" >v1.conf
	mica --registries-conf v1.conf --root "$D/v1" pull -q "$REG/library/busybox"
	run -125 --separate-stderr mica --registries-conf v1.conf --root "$D/v1" pull docker.io/library/busybox
	assert_error 'registry docker.io is blocked in registries.conf'
	ln -s "$MICA_BIN" buildah
	"$MICA_BIN" --root "$D/v1" from -q --name c scratch
	for sources in '"blockedRegistries": ["docker.io"]|it is in the blocked registries list' '"allowedRegistries": ["other"]|not in allowed registries list'; do
		run -125 --separate-stderr env BUILD_REGISTRY_SOURCES="{${sources%|*}}" "$MICA_BIN" --root "$D/v1" pull docker.io/library/busybox
		assert_error "registry \"docker.io\" denied by policy: ${sources#*|}"
		run -125 --separate-stderr env BUILD_REGISTRY_SOURCES="{${sources%|*}}" "$MICA_BIN" --root "$D/v1" push "$REG/library/busybox" docker://docker.io/library/other
		assert_error "registry \"docker.io\" denied by policy: ${sources#*|}"
		run -125 --separate-stderr env BUILD_REGISTRY_SOURCES="{${sources%|*}}" ./buildah --root "$D/v1" commit c docker://docker.io/library/other
		[[ "$stderr" == *"Error: commit to registry at \"docker.io\" denied by policy: ${sources#*|}"* ]] || fail "$stderr"
	done
}

@test "short names: aliases, search registries in their order, and what is not asked" {
	export CONTAINERS_REGISTRIES_CONF=$D/registries.conf
	registry() { # PREFIX...
		local name
		for name in "$@"; do
			printf '[[registry]]\nprefix = "%s"\nlocation = "%s"\ninsecure = true\n' "$name" "$REG"
		done
	}
	name_of() { # ARGUMENTS...
		mica --root "$D/names" pull -q "$@" >/dev/null
		mica --root "$D/names" images --noheading --format '{{.Name}}'
		rm -rf "$D/names"
	}
	{
		printf 'unqualified-search-registries = ["first.example", "second.example"]\nshort-name-mode = "permissive"\n[aliases]\n"bb" = "quay.io/library/busybox"\n'
		registry quay.io second.example docker.io
		printf '[[registry]]\nprefix = "first.example"\nlocation = "%s/nothing"\ninsecure = true\n' "$REG"
	} >registries.conf
	[ "$(name_of bb)" = quay.io/library/busybox ]
	[ "$(name_of --retry 0 library/busybox)" = second.example/library/busybox ]
	[ "$(name_of docker.io/library/busybox)" = docker.io/library/busybox ]
	sed -i 's/permissive/enforcing/' registries.conf
	run -125 --separate-stderr mica pull -q --retry 0 library/busybox
	assert_error "short name 'library/busybox' may stand for an image of any of 2 search registries"
	# on a terminal the user is asked, once
	typed() { # ANSWER: what a terminal shows
		printf '%s\n' "$1" | MICA_ROOT=$D/names script -qec "'$MICA_BIN' --short-name-alias-conf cache/aliases.conf pull -q --retry 0 library/busybox:latest" /dev/null
	}
	typed 2 >seen
	grep -q '^  2  second.example/library/busybox:latest' seen
	[ "$(cat cache/aliases.conf)" = '[aliases]
  "library/busybox" = "second.example/library/busybox"' ]
	typed '' >seen
	run -1 grep 'Which one' seen
	[ "$(MICA_ROOT=$D/names mica --short-name-alias-conf cache/aliases.conf inspect --type image --format '{{.FromImage}}' library/busybox)" = second.example/library/busybox:latest ]
	# what was built here comes first
	mica pull -q bb
	mica tag bb busybox # the alias is found in the store too
	from() {
		mica inspect --type image --format '{{.FromImage}}' "$1"
	}
	[ "$(from busybox)" = localhost/busybox:latest ]
	# and what has such a name anywhere, when it is the only one
	mica tag bb example.org/team/tool:2
	[ "$(from tool:2)" = example.org/team/tool:2 ]
	[ "$(from team/tool:2)" = example.org/team/tool:2 ]
	[ "$(mica images -n --format '{{.Name}}:{{.Tag}}' tool:2)" = example.org/team/tool:2 ]
	# where it could be pulled, only when it must not be, or for scripts of buildah
	run -125 mica --offline from -q tool:3
	c=$(mica --offline from -q tool:2)
	[ "$(mica inspect --format '{{.FromImage}}' "$c")" = example.org/team/tool:2 ]
	run -125 mica from -q --retry 0 tool:2
	ln -s "$MICA_BIN" buildah
	c=$(./buildah from -q tool:2)
	[ "$(mica inspect --format '{{.FromImage}}' "$c")" = example.org/team/tool:2 ]
	# a base image as it is has its names told, too
	echo FROM tool:2 | ./buildah build -f - -t same . | grep '^Successfully tagged' | tr '\n' ' ' >said
	[[ "$(cat said)" = 'Successfully tagged localhost/same:latest '*'Successfully tagged example.org/team/tool:2 ' ]]
	mica rmi same
	./buildah manifest create tool:2 team/tool:2 # the first is a name that is made
	./buildah manifest rm localhost/tool:2
	run -125 --separate-stderr mica inspect --type image tool
	assert_error "tool: image not known"
	c=$(mica from --quiet busybox)
	mica commit -q "$c" example.net/tool:2 >/dev/null
	run -125 --separate-stderr mica inspect --type image tool:2
	assert_error "'tool:2' is ambiguous: it may be any of example.org/team/tool:2, example.net/tool:2"
}
