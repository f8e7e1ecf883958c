# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Helpers of the bats files. A file says in setup_file: `file_setup [registry] [busybox] [debian]`, in teardown_file: `file_teardown`,
# in setup: `test_setup`. Everything lies in $T, a tmpfs of the file's own; each test has a store of its own.
#
#	MICA_BIN    the program under test
#	MICA_TOOLS  where the programs of tests/tools are, beside the program under test at first
#	MICA_CACHE  kept between runs: the images that tests start from
#	MICA_AS_USER=1  all of it is done by an ordinary user; the tests that can be so have the tag `user`
#	REG         127.0.0.1:PORT of the registry, which docker.io and quay.io are mapped to

bats_require_minimum_version 1.5.0

# Each test loads this file anew: what the first one found out is in the environment of the others.
[ "${TOP:-}/tests/cli/lib.bash" -ef "${BASH_SOURCE[0]}" ] || TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=/dev/null
. "$TOP/tests/cli/user.bash"
: "${MICA_BIN:=$TOP/out/release/cmd/mica}"
: "${MICA_CACHE:=$TOP/out/cache}"
: "${MICA_TOOLS:=${MICA_BIN%/*}/../tests}"
export MICA_BIN MICA_CACHE MICA_TOOLS TOP

# Stamps that would leak into the images that are built.
unset http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY
unset DOCKER_HOST SOURCE_DATE_EPOCH BUILDKIT_PROGRESS MICA_DEBUG BUILDAH_FORMAT DOCKER_CONFIG BUILDAH_LAYERS
export LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1
# What tests/packages lists comes first: a python3 that is a version manager's script starts seven times slower.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
# jq 1.6 takes 20 ms to start, which was a sixth of what tests compute, gojq two. Where the order of keys counts it is /usr/bin/jq.
[ ! -x /usr/bin/gojq ] || hash -p /usr/bin/gojq jq

# bats calls this before each command of a test, to tell where it was that failed. Its own takes twice as long, which was a twelfth of all
# that tests compute.
# shellcheck disable=SC2034 # bats reads them
bats_debug_trap() { # SOURCE
	[[ $1 != "$BATS_ROOT"/lib* && -z ${BATS_INTERRUPTED-}${BATS_TIMED_OUT-} ]] || return 0
	BATS_DEBUG_LASTLAST_STACK_TRACE=("${BATS_DEBUG_LAST_STACK_TRACE[@]}")
	BATS_DEBUG_LAST_LINENO=("${BASH_LINENO[@]}")
	BATS_DEBUG_LAST_SOURCE=("$BATS_ROOT/lib/bats-core/tracing.bash" "${BASH_SOURCE[@]:1}") # as if it was its own
	bats_capture_stack_trace
	[ "${BATS_TRACE_LEVEL:-0}" = 0 ] || bats_emit_trace
}

# --- a bats file's life ---

file_setup() {
	T=$(mktemp -d)
	export T
	chmod 755 "$T" # rootless tests look into it
	if [ "$(id -u)" = 0 ]; then
		mount -t tmpfs -o size=6g,mode=755 mica-test "$T"
	fi
	export HOME=$T/home XDG_RUNTIME_DIR=$T/run XDG_DATA_HOME=$T/home/.local/share TMPDIR=$T/tmp
	mkdir -m 755 "$HOME"
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	mkdir -m 1777 "$TMPDIR"
	export REGISTRY_AUTH_FILE=$T/auth.json CONTAINERS_REGISTRIES_CONF=$T/registries.conf
	echo '{}' >"$REGISTRY_AUTH_FILE"
	: >"$CONTAINERS_REGISTRIES_CONF"
	local what
	for what in "$@"; do
		"${what}_setup"
	done
}

file_teardown() {
	local pid status=0
	[ -z "${MICA_AS_USER:-}" ] || user_teardown
	for pid in "$T"/*.pid; do
		[ -e "$pid" ] || continue
		kill "$(cat "$pid")" 2>/dev/null || true
		wait_gone "$(cat "$pid")" || true
	done
	if mountpoint -q "$T"; then
		# A mount or a process that mica left behind makes this fail, as it should. The kernel lets go of what a dead namespace held
		# a moment after everybody who waited has been told.
		wait_for 15 umount -q "$T" || {
			status=1
			umount "$T"
			grep -ls "$T" /proc/[0-9]*/maps /proc/[0-9]*/mountinfo >&2 || true
			find /proc/[0-9]*/{cwd,root,fd} -lname "$T*" 2>/dev/null | while read -r held; do
				echo "$held: $(tr '\0' ' ' <"${held%/"${held#/proc/*/}"}/cmdline")"
			done >&2 || true
			grep -F "$T" /proc/self/mountinfo >&2
			umount -R -l "$T"
		}
	fi
	rm -rf "$T"
	return $status
}

test_setup() {
	# bats numbers tests from 1 in each file
	export D=$T/t$BATS_TEST_NUMBER
	mkdir -p "$D"
	export MICA_ROOT=$D/store
	cd "$D" || return
	[ -z "${MICA_AS_USER:-}" ] || user_setup
}

# What a test leaves is not needed by the next one, and tmpfs is memory.
test_teardown() {
	cd / && rm -rf "$D"
}

mica() {
	if [ -n "${MICA_AS_USER:-}" ]; then
		as_user_here "$MICA_BIN" --root "$MICA_ROOT" "$@"
	else
		"$MICA_BIN" --root "$MICA_ROOT" "$@"
	fi
}

wait_for() { # SECONDS COMMAND...: until it succeeds
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

gone() { # PID
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

wait_gone() { # PID
	wait_for 10 gone "$1"
}

# --- the registry ---

free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

answers() { # HOST:PORT
	curl -s -o /dev/null --max-time 2 "http://$1/v2/"
}

start_registry() { # NAME [VARIABLE=VALUE...]: sets REG; the access log is $T/NAME.log
	local name=$1
	shift
	mkdir -p "$T/$name"
	cat >"$T/$name.yml" <<-END
		version: 0.1
		log: { level: error, accesslog: { disabled: false } }
		storage: { filesystem: { rootdirectory: $T/$name }, delete: { enabled: true } }
		http: { addr: 127.0.0.1:0 }
	END
	for _ in 1 2 3 4 5; do
		REG=127.0.0.1:$(free_port)
		# the registry takes every REGISTRY_* for a setting of its own
		env -u REGISTRY_AUTH_FILE "REGISTRY_HTTP_ADDR=$REG" "$@" docker-registry serve "$T/$name.yml" >"$T/$name.log" 2>&1 3>&- &
		echo $! >"$T/$name.pid"
		disown
		if wait_for 10 answers_or_dead "$name" && ! gone "$(cat "$T/$name.pid")"; then
			export REG
			return
		fi
	done
	cat "$T/$name.log" >&2
	return 1
}

answers_or_dead() { # NAME
	gone "$(cat "$T/$1.pid")" || answers "$REG"
}

stop_registry() { # NAME
	kill "$(cat "$T/$1.pid")"
	wait_gone "$(cat "$T/$1.pid")"
	rm "$T/$1.pid"
}

registry_setup() {
	start_registry registry
	map_registries "$REG"
}

map_registries() { # HOST:PORT: docker.io and quay.io are there, and it speaks plain HTTP
	local name
	echo 'unqualified-search-registries = ["docker.io"]' >"$CONTAINERS_REGISTRIES_CONF"
	for name in docker.io quay.io; do
		printf '\n[[registry]]\nprefix = "%s"\nlocation = "%s"\ninsecure = true\n' "$name" "$1" >>"$CONTAINERS_REGISTRIES_CONF"
	done
	printf '\n[[registry]]\nlocation = "%s"\ninsecure = true\n' "$1" >>"$CONTAINERS_REGISTRIES_CONF"
}

# How often the registry was asked for something that matches the pattern, for example 'GET /v2/[^ ]*/blobs/'.
requests() { # NAME PATTERN
	grep -cE "\"$2" "$T/$1.log" || true
}

# --- other servers ---

# Sets WWW; answers are as its handler says, the log has one line a request.
start_www() {
	python3 "$TOP/tests/tools/www.py" "$T/www" "$T/www.port" >"$T/www.log" 2>&1 3>&- &
	echo $! >"$T/www.pid"
	disown
	wait_for 10 test -s "$T/www.port"
	WWW=http://127.0.0.1:$(cat "$T/www.port")
	export WWW
}

# $T/repos over HTTP, at 127.0.0.1:$REPOS: bare repositories after `git update-server-info`.
start_repos() {
	mkdir -p "$T/repos"
	REPOS=$(free_port)
	export REPOS
	python3 -m http.server "$REPOS" --bind 127.0.0.1 --directory "$T/repos" >"$T/repos.log" 2>&1 3>&- &
	echo $! >"$T/repos.pid"
	disown
	wait_for 10 answers "127.0.0.1:$REPOS"
}

# --- images to start from, made with the peers' tools and plain shell ---

sha() { # FILE
	sha256sum "$1" | cut -d ' ' -f 1
}

# An OCI layout at DIR with the one image `latest` out of these layer tars (gzip is applied here), and the config's "config" member.
make_layout() { # DIR CONFIG_JSON LAYER_TAR...
	local dir=$1 config=$2 tar diffs='[]' layers='[]' history='[]' digest size
	shift 2
	mkdir -p "$dir/blobs/sha256"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	for tar in "$@"; do
		diffs=$(jq -c --arg d "sha256:$(sha "$tar")" '. + [$d]' <<<"$diffs")
		gzip -n -1 <"$tar" >"$dir/layer"
		digest=$(sha "$dir/layer")
		size=$(stat -c %s "$dir/layer")
		mv "$dir/layer" "$dir/blobs/sha256/$digest"
		layers=$(jq -c --arg d "sha256:$digest" --argjson s "$size" \
			'. + [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $d, size: $s}]' <<<"$layers")
		history=$(jq -c '. + [{created: "2026-01-01T00:00:00Z", created_by: "made by a test"}]' <<<"$history")
	done
	jq -cn --argjson c "$config" --argjson d "$diffs" --argjson h "$history" --arg arch "$(dpkg --print-architecture)" \
		'{created: "2026-01-01T00:00:00Z", architecture: $arch, os: "linux", config: $c, rootfs: {type: "layers", diff_ids: $d}, history: $h}' >"$dir/doc"
	put_manifest "$dir" "$(put_blob "$dir" "$dir/doc")" "$layers"
}

put_blob() { # LAYOUT FILE: moves it in, prints "DIGEST SIZE"
	local digest size
	digest=$(sha "$2")
	size=$(stat -c %s "$2")
	mv "$2" "$1/blobs/sha256/$digest"
	echo "$digest $size"
}

put_manifest() { # LAYOUT "CONFIG_DIGEST SIZE" LAYERS_JSON
	local dir=$1 c d
	read -r -a c <<<"$2"
	jq -cn --arg d "sha256:${c[0]}" --argjson s "${c[1]}" --argjson l "$3" \
		'{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $d, size: $s}, layers: $l}' >"$dir/doc"
	read -r -a d <<<"$(put_blob "$dir" "$dir/doc")"
	jq -cn --arg d "sha256:${d[0]}" --argjson s "${d[1]}" \
		'{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s,
		annotations: {"org.opencontainers.image.ref.name": "latest"}}]}' >"$dir/index.json"
}

plain_tar() { # TAR DIRECTORY: what is below it, owned by root
	tar -C "$2" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1767225600 --xattrs --xattrs-include='*' -cf "$1" .
}

to_registry() { # LAYOUT NAME: as docker.io/NAME
	skopeo copy -q --dest-tls-verify=false "oci:$1:latest" "docker://$REG/$2"
}

busybox_rootfs() { # DIRECTORY
	local applet
	mkdir -p "$1"/{bin,dev,etc,proc,root,sys,usr/bin,var/lib}
	mkdir -m 1777 "$1/tmp"
	cp "$(command -v busybox)" "$1/bin/busybox"
	for applet in $("$1/bin/busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo 'app:x:1000:1000:app:/home/app:/bin/sh' >>"$1/etc/passwd"
	printf 'root:x:0:\nstaff:x:50:app\napp:x:1000:\n' >"$1/etc/group"
}

# Serialises what several test files running at once want in the cache; the first one makes it.
cached() { # NAME FUNCTION: $MICA_CACHE/NAME, made by `FUNCTION DIR`
	mkdir -p "$MICA_CACHE"
	(
		flock 9
		[ -e "$MICA_CACHE/$1" ] && exit 0
		rm -rf "$MICA_CACHE/$1.new"
		set -e
		"$2" "$MICA_CACHE/$1.new" 9>&-
		mv "$MICA_CACHE/$1.new" "$MICA_CACHE/$1"
	) 9>"$MICA_CACHE/$1.lock"
}

make_busybox() { # DIR
	mkdir "$1"
	busybox_rootfs "$1/rootfs"
	plain_tar "$1/layer.tar" "$1/rootfs"
	make_layout "$1" '{"Env":["PATH=/usr/bin:/bin"],"Cmd":["sh"]}' "$1/layer.tar"
	rm -r "$1/rootfs" "$1/layer.tar"
}

busybox_setup() {
	cached busybox make_busybox
	[ -z "${REG:-}" ] || to_registry "$MICA_CACHE/busybox" library/busybox:latest
}

# Debian's own, from the sources that this machine uses: apt works in it when the machine's apt does.
make_debian() { # DIR
	local opts=() line
	while read -r line; do
		opts+=("--aptopt=$line")
	done < <(apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy) "')
	mkdir "$1"
	# shellcheck disable=SC2046 # no blanks in these names
	# Without descriptions in other languages, as in Debian's own images: they were half of what `apt-get update` has to read.
	TMPDIR=$(dirname "$1") mmdebstrap --quiet --variant=minbase "${opts[@]}" --aptopt='Acquire::Languages "none"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		"$(. /etc/os-release && echo "$VERSION_CODENAME")" "$1/layer.tar" \
		$(find /etc/apt/sources.list /etc/apt/sources.list.d -name '*.list' -o -name '*.sources' 2>/dev/null | while read -r f; do [ -s "$f" ] && echo "$f"; done)
	make_layout "$1" '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["bash"]}' "$1/layer.tar"
	rm "$1/layer.tar"
}

debian_setup() {
	cached debian make_debian
	[ -z "${REG:-}" ] || to_registry "$MICA_CACHE/debian" library/debian:stable
}

# A file of /etc for who runs the command $ETC_MOUNT in a mount namespace. What is mounted on the file itself is gone when useradd, in
# a test beside this one, replaces the file.
etc_file() { # NAME LINE...
	mkdir -p "$D/etc"
	printf '%s\n' "${@:2}" >"$D/etc/$1"
	export ETC_MOUNT="mount -t overlay -o ro,lowerdir=$D/etc:/etc etc /etc"
}

# --- what must hold ---

fail() {
	echo "$*" >&2
	return 1
}

# After `run --separate-stderr`: mica's own failure, said in one line that matches PATTERN (extended regular expression).
assert_error() { # PATTERN
	# shellcheck disable=SC2154 # status, stderr: set by run
	[ "$status" = 125 ] || fail "status $status, not 125: $stderr"
	[ "$(grep -c '^mica: ' <<<"$stderr")" = 1 ] || fail "not exactly one line 'mica: ...': $stderr"
	grep -E '^mica: ' <<<"$stderr" | grep -qE -- "$1" || fail "the error does not match '$1': $stderr"
}

# Only named things are in the store, all of it is right, and no mount of it is visible.
assert_clean_store() {
	local problems
	problems=$(mica fsck 2>&1) || fail "fsck: $problems"
	[ -z "$(ls -A "$MICA_ROOT/tmp" 2>/dev/null)" ] || fail "left in tmp: $(ls -AR "$MICA_ROOT/tmp")"
	! grep -F " $MICA_ROOT" /proc/self/mountinfo || fail "a mount was left"
}

# The cgroup directories of a process, as paths.
cgroups_of() { # PID
	local line controllers path
	while IFS= read -r line; do
		controllers=${line#*:}
		path=${controllers#*:}
		controllers=${controllers%%:*}
		case $controllers in
		'') for d in /sys/fs/cgroup /sys/fs/cgroup/unified; do [ -e "$d/cgroup.procs" ] && echo "$d$path"; done ;;
		name=*) echo "/sys/fs/cgroup/${controllers#name=}$path" ;;
		*) echo "/sys/fs/cgroup/$controllers$path" ;;
		esac
	done <"/proc/$1/cgroup"
}

# Paths, types, modes, owners, sizes, contents, link targets, devices, hard links and extended attributes below DIR, one line each.
tree_list() { # DIR
	python3 "$TOP/tests/tools/tree-list.py" "$1"
}

# The diff ID of what a step made that changed nothing: an archive of no files.
EMPTY_LAYER=sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef

# Which layers on top of the base image's one are such.
empty_layers() { # NAME
	config_of "$1" | jq -c --arg empty "$EMPTY_LAYER" '[.rootfs.diff_ids[1:][] | . == $empty]'
}

# Mounts the layers of an image in mica's store, as the page on the store describes them, at DIR (read-only).
mount_image() { # IMAGE DIR
	local id lower=
	for id in $(mica inspect --type image "$1" | jq -r '.OCIv1.rootfs.diff_ids[]'); do
		[ "$id" = "$EMPTY_LAYER" ] && continue
		lower=$MICA_ROOT/layers/${id#sha256:}${lower:+:$lower}
	done
	mkdir -p "$2" "$2.empty"
	mount -t overlay -o "ro,userxattr,lowerdir=$lower:$2.empty" overlay "$2"
}

# --- peers ---

# These releases do not look at CONTAINERS_REGISTRIES_CONF by themselves.
skopeo() {
	command skopeo --registries-conf "$CONTAINERS_REGISTRIES_CONF" "$@"
}

peers_setup() {
	export CONTAINERS_CONF=$T/containers.conf
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n[engine]\nruntime = "runc"\n' >"$CONTAINERS_CONF"
}

buildah() {
	command buildah --registries-conf "$CONTAINERS_REGISTRIES_CONF" --root "$T/buildah" --runroot "$T/buildah-run" --storage-driver vfs "$@"
}

# --- shorthands ---

containerfile() { # writes standard input to ctx/Containerfile
	mkdir -p ctx
	cat >ctx/Containerfile
}

# The config document of a local image, read from the store by another program.
config_of() { # NAME (without host and tag)
	skopeo inspect --raw --config "oci:$MICA_ROOT:localhost/$1:latest"
}

manifest_of() { # NAME
	skopeo inspect --raw "oci:$MICA_ROOT:localhost/$1:latest"
}

in_image() { # NAME COMMAND...
	mica run --rm --network=none "$@"
}

image_id() { # NAME
	manifest_of "$1" | jq -r .config.digest
}
