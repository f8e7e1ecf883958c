#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD_DIR [FILTER]: the tests of tests/security against Debian's buildah and runc, as root in an emulated machine, where it does no harm; writes
# docs/security-peer.tsv, from which security-table.py makes a column: what succeeds there shows that these tests can fail. Takes half an hour.
# FILTER: only the tests whose names match it, as bats has it; of the others the lines stay as they are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
build=$(cd "$1" && pwd)
cache=${MICA_CACHE:-$top/out/cache}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -e "$cache/linux/kernel/vmlinuz" ] || { echo "run tests/old-kernel/run.sh first: it gets the kernel" >&2 && exit 1; }

if [ ! -e "$cache/peer.tar" ]; then
	opts=()
	while read -r line; do
		opts+=("--aptopt=$line")
	done < <(apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy) "')
	mapfile -t sources < <(find /etc/apt -maxdepth 2 \( -name '*.list' -o -name '*.sources' \) -exec grep -l debian.org {} +)
	mmdebstrap --quiet --variant=minbase "${opts[@]}" --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--include=bats,buildah,busybox-static,bzip2,ca-certificates,curl,docker-registry,git,iproute2,jq,netavark,openssl,procps,python3,runc,skopeo,strace,uidmap,util-linux,xz-utils \
		"$(. /etc/os-release && echo "$VERSION_CODENAME")" "$cache/peer.new.tar" "${sources[@]}"
	mv "$cache/peer.new.tar" "$cache/peer.tar"
fi
mkdir "$work/root"
tar -xf "$cache/peer.tar" -C "$work/root"
mkdir -p "$work/root/mica/cache" "$work/root/mica/tools"
cp -r "$top/tests" "$work/root/mica/"
cp -rL "$cache/busybox" "$work/root/mica/cache/"
cp "$build/tests/guard" "$build/tests/reach" "$build/tests/swap" "$work/root/mica/tools/"
cp "$cache/linux/kernel/overlay.ko" "$here/init.sh" "$work/root/"
echo "${2:-.}" >"$work/root/filter"
versions=$(chroot "$work/root" dpkg-query -W -f '${source:Package} ${source:Upstream-Version}\n' buildah runc | sed 's/golang-github-containers-//; s/+ds[0-9]*//' | paste -sd ' ' | sed 's/ runc/ and runc/')
versions+=" of Debian $(cut -d . -f 1 <"$work/root/etc/debian_version")"
mke2fs -q -t ext4 -d "$work/root" "$work/disk" 3G
rm -rf "$work/root"

timeout "${MICA_PEER_LIMIT:-5400}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 6144 -nodefaults -display none -no-reboot \
	-kernel "$cache/linux/kernel/vmlinuz" -drive "file=$work/disk,format=raw,if=none,id=disk" -device nvme,drive=disk,serial=1 \
	-append "root=/dev/nvme0n1 rw init=/init.sh console=ttyS0 loglevel=4 panic=-1 mitigations=off no_timer_check no5lvl audit=0 random.trust_cpu=on" \
	-serial "file:${MICA_PEER_LOG:-$work/log}.console" -serial "file:$work/tap" || echo "# stopped"
tr -d '\r' <"$work/tap" | tee "$cache/peer.tap"
"$here/results.py" "$versions" "$cache/peer.tap" "$top/docs/security-peer.tsv" >"$work/results"
cp "$work/results" "$top/docs/security-peer.tsv"
