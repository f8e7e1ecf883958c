#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD_DIR [SCENARIO...]: mica on Debian's own kernel in an emulated machine: Linux 6.1, where overlay still takes its layers
# as one string of mount(2), and cgroup version 2 alone. Prints TAP. What runs inside is guest.sh, once for each scenario in a machine
# of its own. Exit status 77 with the reason: this machine cannot do it.
#
#	MICA_CACHE   kept between runs: the kernel
#	MICA_KERNEL  5.10: that of Debian 11, the oldest one that mica works with, from this machine's package sources with the other suite's
#	             name; at first that of this machine's Debian
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- root delegated
cache=${MICA_CACHE:-$here/../../out/cache}/linux${MICA_KERNEL:+-$MICA_KERNEL}
time_limit=${MICA_OLD_KERNEL_LIMIT:-300}

skip() {
	echo "1..0 # SKIP $*"
	exit 77
}

[ "$(uname -m)" = x86_64 ] || skip "the emulated machine is an x86_64"
for program in qemu-system-x86_64 busybox cpio dpkg-deb apt-get newuidmap; do
	command -v $program >/dev/null || skip "$program is not installed"
done

work=$(mktemp -d)
machines=()
cleanup() {
	local pid
	for pid in "${machines[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

apt=(-q -o APT::Sandbox::User=root)

# Package lists of Debian 11, in a place of their own.
use_bullseye() {
	local file own
	own=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mkdir -p "$work"/apt/{sources,lists/partial,cache/archives/partial}
	find /etc/apt -maxdepth 2 \( -name '*.list' -o -name '*.sources' \) -exec grep -l debian.org {} + | while read -r file; do
		sed "s/\b$own\b/bullseye/g" "$file" >"$work/apt/sources/$(basename "$file")"
	done
	apt+=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/sources" -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache")
	apt-get "${apt[@]}" update
}

# The kernel and the modules that the tests need, from the package that the machine's apt knows. Not installed.
fetch_kernel() { # DIRECTORY
	local package module found parser
	package=$(apt-cache "${apt[@]}" depends linux-image-cloud-amd64 2>&1 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	[ -n "$package" ] || {
		echo "apt does not know the package linux-image-cloud-amd64"
		return 1
	}
	rm -rf "$work/kernel" "$1"
	mkdir -p "$work/kernel" "$1" &&
		(cd "$work/kernel" && apt-get "${apt[@]}" download "$package" && dpkg-deb -x ./*.deb tree) 2>&1 &&
		cp "$work"/kernel/tree/boot/vmlinuz-* "$1/vmlinuz" || return 1
	for module in overlay loop; do
		found=$(find "$work/kernel/tree" -name "$module.ko*" -type f)
		case $found in
		*.ko) cp "$found" "$1/$module.ko" ;;
		*.ko.xz) xz -dc "$found" >"$1/$module.ko" ;;
		*) echo "$package has no module '$module'" && return 1 ;;
		esac || return 1
	done
	rm -r "$work/kernel"
	# what loads a profile into the kernel, for one test
	(cd "$work" && apt-get "${apt[@]}" download apparmor && dpkg-deb -x apparmor_*.deb apparmor) 2>&1 || true
	parser=$(find "$work/apparmor" -name apparmor_parser -type f | head -n 1)
	[ -z "$parser" ] || cp "$parser" "$1/apparmor_parser"
}

mkdir -p "$cache"
(
	flock 9
	[ ! -e "$cache/kernel" ] || exit 0
	[ "${MICA_KERNEL:-}" != 5.10 ] || use_bullseye || exit 1
	# The lists may be older than what the mirror still has.
	fetch_kernel "$cache/kernel.new" || { apt-get -qq update && fetch_kernel "$cache/kernel.new"; } || exit 1
	mv "$cache/kernel.new" "$cache/kernel"
) 9>"$cache/lock" >"$work/kernel.log" 2>&1 || skip "cannot get the kernel: $(tail -n 1 "$work/kernel.log")"

# --- the first root file system: mica, its libraries, busybox and the tests ---

root=$work/root
mkdir -p "$root"/{bin,dev,etc,proc,sys,tmp,usr/bin,usr/libexec/mica,lib/modules,unit}

add_program() { # FILE TARGET: with the libraries that it is linked to
	local lib
	cp "$1" "$root$2"
	while read -r lib; do
		[ -e "$root$lib" ] || cp -L --parents "$lib" "$root"
	done < <(ldd "$1" | grep -oE '/[^ ]+')
}

cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $(busybox --list); do
	[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
add_program "$build/cmd/mica" /usr/bin/mica
add_program "$build/registry/mica-remote" /usr/libexec/mica/mica-remote
libarchive=$(/sbin/ldconfig -p | sed -n 's/.*libarchive\.so\.13 .*x86-64.* => //p' | head -n 1)
[ -n "$libarchive" ] || skip "libarchive.so.13 is not installed"
add_program "$libarchive" "$libarchive"
for program in newuidmap newgidmap setpriv unshare; do
	add_program "$(command -v $program)" /usr/bin/$program
done
chmod u+s "$root"/usr/bin/new?idmap
[ ! -e "$cache/kernel/apparmor_parser" ] || add_program "$cache/kernel/apparmor_parser" /usr/bin/apparmor_parser
[ ! -e "$build/run/test_cgroup" ] || add_program "$build/run/test_cgroup" /unit/cgroup
if command -v secilc >/dev/null; then
	"$here/selinux.sh" "$root/selinux.policy"
fi
cp "$build/tests/exchanged.so" "$root/unit/"
cp "$cache/kernel/"*.ko "$root/lib/modules/"
cp "$here/guest.sh" "$root/guest.sh"
cp "$here/init.sh" "$root/init"
chmod 755 "$root/init"
printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/tmp:/bin/sh\nsingle:x:1001:1001:single:/tmp:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\napp:x:1000:\nsingle:x:1001:\n' >"$root/etc/group"
echo 'app:100000:65536' | tee "$root/etc/subuid" >"$root/etc/subgid"
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initrd"

# --- the machines: the kernel speaks on the first serial line, TAP comes from the second ---
# no_timer_check: it measures against the clock of a host that may be busy, and panics. One thread takes turns with both processors: two
# that wait for each other's locks took half as much time again, as did the instructions of newer processors and a packed root file system.

for scenario in "$@"; do
	# of the two modules there is one at a time
	module=
	[ "$scenario" != delegated ] || module='security=selinux selinux=1'
	timeout "$time_limit" qemu-system-x86_64 -accel tcg,thread=single -cpu Westmere,+rdrand -smp 2 -m 2048 -nodefaults -display none -no-reboot \
		-kernel "$cache/kernel/vmlinuz" -initrd "$work/initrd" \
		-append "console=ttyS0 loglevel=1 panic=-1 mitigations=off no_timer_check no5lvl audit=0 random.trust_cpu=on $module scenario=$scenario" \
		-serial "file:$work/$scenario.console" -serial "file:$work/$scenario.tap" >"$work/$scenario.qemu" 2>&1 &
	machines+=($!)
done

status=0
for scenario in "$@"; do
	ended=0
	wait "${machines[0]}" || ended=$?
	machines=("${machines[@]:1}")
	tap=$work/$scenario.tap
	tr -d '\r' <"$tap" | sed "s/^\(not ok\|ok\) \([0-9]*\) - /&$scenario: /"
	planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$tap")
	passed=$(grep -c '^ok ' "$tap" || true)
	[ "$ended" = 0 ] && [ "${planned:-0}" != 0 ] && [ "$planned" = "$passed" ] && continue
	status=1
	console=$(dirname "$cache")/old-kernel${MICA_KERNEL:+-$MICA_KERNEL}-$scenario.console
	tr -d '\r' <"$work/$scenario.console" >"$console"
	echo "# $scenario: $passed of ${planned:-?} passed, the emulator ended with status $ended; console: $console"
	cat "$work/$scenario.qemu"
done
exit $status
