#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures mica against Debian's buildah and against what the kernel and plain tools need, and prints the table of bench/RESULTS.md.
#   sudo bench/run.sh [-q] [ROW...] >bench/RESULTS.md        rows: version images cached run user pull copy memory; -q: fewer repetitions
# Both programs keep their stores on a fresh ext4 in a loop file below out/bench; the registry keeps its blobs in memory. Needs about 12 GB there.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
[ "$(id -u)" = 0 ] || { echo "run.sh: mounts a file system, so it needs root" >&2; exit 1; }
quick=
if [ "${1:-}" = -q ]; then
	quick=1
	shift
fi
rows=${*:-version images cached run user pull copy memory}

mica=${MICA_BIN:-$top/out/release/cmd/mica}
base=$top/out/bench
disk=$base/disk
mkdir -p "$base" "$disk"

# The helpers of the tests: a registry, images made from what the machine has.
bats_require_minimum_version() { :; } # lib.bash asks bats
# shellcheck source=tests/cli/lib.bash
. "$top/tests/cli/lib.bash"
unset -f buildah skopeo mica

cleanup() {
	cd "$top"
	if mountpoint -q "$disk"; then umount -R "$disk" || umount -R -l "$disk"; fi
	rm -f "$base/disk.img"
	file_teardown 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 1' INT TERM
# Everything large is in memory: results speak of the programs, not of the virtual disk. The stores are on a real file system with a journal all the same.
file_setup registry busybox
truncate -s 14G "$base/disk.img"
mkfs.ext4 -q -F "$base/disk.img"
mount -o loop "$base/disk.img" "$disk"
export TMPDIR=$disk/tmp
mkdir "$TMPDIR"

m=("$mica" --root "$disk/mica")
b=(buildah --registries-conf "$CONTAINERS_REGISTRIES_CONF" --root "$disk/buildah" --runroot "$disk/buildah-run" --storage-driver overlay)
bb=("${b[@]}" build -q --layers --isolation oci --network host)
export CONTAINERS_CONF=$T/containers.conf
printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n[engine]\nruntime = "runc"\n' >"$CONTAINERS_CONF"

# Mean and standard deviation in milliseconds of a shell command.
time_ms() { # RUNS PREPARE COMMAND
	local runs=$1
	[ -z "$quick" ] || runs=$(((runs + 3) / 4))
	[ "$runs" -gt 1 ] || runs=2
	hyperfine --style none --warmup 1 --runs "$runs" ${2:+--prepare "$2"} --export-json "$base/t.json" "$3" >"$base/hyperfine.log" 2>&1 || {
		cat "$base/hyperfine.log" >&2
		bash -c "$3" >&2 || true
		return 1
	}
	jq -r '.results[0] | "\(.median * 1000 * 100 | round / 100) \(.stddev * 1000 * 100 | round / 100)"' "$base/t.json"
}

ms() { # "MEDIAN STDDEV": for people
	awk '{ if ($1 >= 1000) printf "%.2f s ± %.2f", $1 / 1000, $2 / 1000; else printf "%.1f ms ± %.1f", $1, $2 }' <<<"$1"
}

row() { echo "| $1 | $2 | $3 | $4 | $5 |"; }

ratio() { awk -v a="${1%% *}" -v b="${2%% *}" 'BEGIN { printf "%.1f", b / a }'; }

bench_version() {
	local a
	hyperfine -N --style none --warmup 20 --runs 300 --export-json "$base/t.json" "$mica version" >/dev/null 2>&1
	a=$(jq -r '.results[0] | "\(.median * 100000 | round / 100) \(.stddev * 100000 | round / 100)"' "$base/t.json")
	row '`mica version`' "$(ms "$a")" "$(ms "$(time_ms 20 '' 'buildah version')")" "" "at most 4 ms"
}

bench_images() {
	local n a
	for n in 1000 10000; do
		"$mica" --root "$disk/images" images >/dev/null
		"$top/tests/tools/many-images.py" "$disk/images" "$n"
		a=$(time_ms 20 '' "$mica --root $disk/images images")
		row "\`mica images\`, $n images" "$(ms "$a")" "" "" "at most $((n / 100)) ms"
		rm -r "$disk/images"
	done
}

bench_cached() {
	local d=$disk/cached i a c
	mkdir -p "$d/src"
	for i in $(seq 2000); do echo "file $i" >"$d/src/f$i"; done
	{
		echo 'FROM docker.io/library/busybox'
		echo 'COPY src /src'
		for i in $(seq 9); do
			echo "RUN echo $i >/r$i"
			echo "ENV E$i=$i"
		done
		echo 'CMD ["sh"]'
	} >"$d/Containerfile"
	"${m[@]}" build -q --network=host -t cached "$d" >/dev/null
	a=$(time_ms 60 '' "${m[*]} build -q --network=host -t cached $d")
	"${bb[@]}" -t cached "$d" >/dev/null
	c=$(time_ms 8 '' "${bb[*]} -t cached $d")
	row "cached rebuild, 20 steps, 2,000 files" "$(ms "$a")" "$(ms "$c")" "" "at most 10 ms"
}

steps() { # FILE N
	mkdir -p "$(dirname "$1")"
	{
		echo 'FROM docker.io/library/busybox'
		for i in $(seq "$2"); do echo "RUN [\"/bin/true\", \"$i\"]"; done
	} >"$1"
}

bench_run() {
	local d=$disk/run n=40 k=6 a0 a1 c0 c1 floor
	mkdir -p "$d"
	steps "$d/none" 0
	steps "$d/many" $n
	steps "$d/few" $k
	"${m[@]}" pull -q docker.io/library/busybox >/dev/null
	a0=$(time_ms 20 '' "${m[*]} build -q --no-cache --network=host -f $d/none $d")
	a1=$(time_ms 20 '' "${m[*]} build -q --no-cache --network=host -f $d/many $d")
	"${b[@]}" pull -q docker.io/library/busybox >/dev/null
	c0=$(time_ms 4 '' "${bb[*]} --no-cache -f $d/none $d")
	c1=$(time_ms 4 '' "${bb[*]} --no-cache -f $d/few $d")
	per() { awk -v a="${1%% *}" -v b="${2%% *}" -v n="$3" -v s="${2##* }" 'BEGIN { printf "%.3f %.3f", (b - a) / n, s / n }'; }
	floor=$(time_ms 40 '' "/bin/busybox true")
	row "one trivial RUN step (of $n)" "$(ms "$(per "$a0" "$a1" $n)")" "$(ms "$(per "$c0" "$c1" $k)")" "$(ms "$floor") (the command alone)" "at most 6 ms"
}

# The same as ordinary users: one with subordinate IDs, and one without, whom no file knows.
bench_user() {
	local n=40 a0 a1 who as
	# shellcheck source=tests/cli/user.bash
	. "$top/tests/cli/user.bash"
	for who in 'a user' 'a user without subordinate IDs'; do
		D=$disk/user-${who##* }
		mkdir -p "$D"
		steps "$D/none" 0
		steps "$D/many" $n
		MICA_USER=64997
		if [ "$who" = 'a user' ]; then user_setup; else user_env; fi
		umica pull -q docker.io/library/busybox >/dev/null
		as="setpriv --reuid $MICA_USER --regid $MICA_USER $(user_groups) env -i $USER_ENV $mica"
		a0=$(time_ms 20 '' "$as build -q --no-cache --network=none -f $D/none $D")
		a1=$(time_ms 20 '' "$as build -q --no-cache --network=none -f $D/many $D")
		row "one trivial RUN step as $who" "$(ms "$(awk -v a="${a0%% *}" -v b="${a1%% *}" -v n=$n -v s="${a1##* }" 'BEGIN { printf "%.3f %.3f", (b - a) / n, s / n }')")" "" "" "at most 12 ms"
	done
	user_teardown
}

# 7 layers of what programs are made of: this machine's /usr/lib and /usr/bin, cut in seven.
bench_pull() {
	local d=$T/pull i a c f size
	mkdir -p "$d"
	# about 215 MB a layer, 1.5 GB in all, 600 MB compressed
	(cd / && find usr/lib usr/bin -xdev -type f -size -60M -size +0 -printf '%p\t%s\n' 2>/dev/null) | LC_ALL=C sort |
		awk -F '\t' -v d="$d" '{ l = NR % 7; s[l] += $2; if (s[l] < 215e6) print $1 > (d "/list" l) }'
	for i in 0 1 2 3 4 5 6; do
		tar -C / --owner=0 --group=0 -cf "$d/l$i.tar" -T "$d/list$i" 2>/dev/null || [ -s "$d/l$i.tar" ]
	done
	make_layout "$d/layout" '{"Cmd":["sh"]}' "$d"/l?.tar
	rm "$d"/l?.tar
	size=$(du -sb "$d/layout/blobs" | cut -f 1)
	command skopeo copy -q --dest-tls-verify=false "oci:$d/layout:latest" "docker://$REG/library/large"
	rm -r "$d/layout"
	a=$(time_ms 8 "rm -rf $disk/mica && sync -f $disk" "${m[*]} pull -q docker.io/library/large")
	c=$(time_ms 3 "rm -rf $disk/buildah $disk/buildah-run; sync -f $disk" "${b[*]} pull -q docker.io/library/large")
	f=$(time_ms 8 "rm -rf $disk/floor && sync -f $disk" "$top/bench/floor-pull.sh http://$REG library/large latest $disk/floor")
	row "pull of $((size / 1000000)) MB in 7 layers from loopback" "$(ms "$a")" "$(ms "$c")" "$(ms "$f") (bench/floor-pull.sh)" "at most 1.4 × the floor; it is $(ratio "$f" "$a") ×"
	rm -rf "$disk/mica" "$disk/buildah" "$disk/buildah-run" "$disk/floor"
}

bench_copy() {
	local d=$disk/copy i a c f
	mkdir -p "$d"
	python3 - "$d/src" <<-'END'
		import os, random, sys
		random.seed(1)
		block = random.randbytes(1 << 20)
		for i in range(50000):
		    folder = os.path.join(sys.argv[1], "d%d/e%d" % (i // 5000, i // 100 % 50))
		    if i % 100 == 0:
		        os.makedirs(folder, exist_ok=True)
		    start = random.randrange(1 << 19)
		    with open(os.path.join(folder, "f%d" % i), "wb") as f:
		        f.write(block[start:start + 8000])
	END
	printf 'FROM docker.io/library/busybox\nCOPY src /src\n' >"$d/Containerfile"
	"${m[@]}" pull -q docker.io/library/busybox >/dev/null
	"${b[@]}" pull -q docker.io/library/busybox >/dev/null
	a=$(time_ms 5 "${m[*]} rmi -f copy >/dev/null 2>&1; rm -rf $disk/mica/cache; ${m[*]} prune -f >/dev/null 2>&1; sync -f $disk" "${m[*]} build -q --no-cache -t copy $d")
	c=$(time_ms 2 "${b[*]} rmi -f copy >/dev/null 2>&1; sync -f $disk" "${bb[*]} --no-cache -t copy $d")
	f=$(time_ms 5 "rm -rf $disk/floor; sync -f $disk" "$top/bench/floor-copy.sh $d/src $disk/floor")
	row "COPY of 50,000 files, 400 MB" "$(ms "$a")" "$(ms "$c")" "$(ms "$f") (bench/floor-copy.sh)" "at most 3 s"
	rm -rf "$disk/floor" "$d"
}

peak() { # COMMAND...: MiB of the largest process
	command time -f %M -o "$base/peak" "$@" >/dev/null
	awk '{ printf "%.1f", $1 / 1024 }' "$base/peak"
}

# A file of half a GiB that does not compress, eight times the limit, and a context of 100,000 files.
bench_memory() {
	local d=$disk/memory build push pull fsck files
	mkdir -p "$d/one" "$d/many"
	python3 - "$d/one/big" <<-'END'
		import random, sys
		block = random.randbytes(1 << 20)
		with open(sys.argv[1], "wb") as f:
		    for i in range(512):
		        f.write(block)
	END
	printf 'FROM docker.io/library/busybox\nCOPY big /big\n' >"$d/one/Containerfile"
	build=$(peak "${m[@]}" build -q --no-cache --network=host -t big "$d/one")
	rm "$d/one/big"
	push=$(peak "${m[@]}" push -q big "docker://$REG/library/big")
	fsck=$(peak "${m[@]}" fsck)
	rm -rf "$disk/mica"
	pull=$(peak "${m[@]}" pull -q "$REG/library/big")
	(cd "$d/many" && seq 100000 | xargs touch)
	printf 'FROM docker.io/library/busybox\nCOPY . /many\n' >"$d/Containerfile"
	files=$(peak "${m[@]}" build -q --no-cache -f "$d/Containerfile" -t many "$d/many")
	row "peak memory: layers of 512 MiB built, pushed, checked, pulled; 100,000 files copied" "$build, $push, $fsck, $pull; $files MiB" "" "" "under 64 MiB"
	rm -rf "$disk/mica" "$d"
}

cat <<END
# Results

$(date -u +%Y-%m-%d), Linux $(uname -r), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1).
mica $($mica version | sed -n '1s/^[^0-9]*//p' | head -1) against buildah $(buildah --version | awk '{ print $3 }') (overlay, runc), both with their stores on a fresh ext4 in a loop file.
Made by \`bench/run.sh${quick:+ -q}${*:+ $*} >bench/RESULTS.md\`; medians of several runs ± standard deviation.

| | mica | buildah | without any builder | wanted |
| --- | --- | --- | --- | --- |
END
for r in $rows; do
	"bench_$r" || echo "| $r: failed | | | | |"
done
