#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first process of the emulated machine. The first root file system cannot be left with pivot_root(2), so a tmpfs takes its place.
if [ ! -e /moved ]; then
	mkdir /new
	mount -t tmpfs -o size=90%,mode=755 root /new
	for d in bin etc guest.sh init lib lib64 selinux.policy unit usr; do
		[ ! -e "/$d" ] || cp -a "/$d" /new/
	done
	mkdir -m 755 /new/dev /new/proc /new/sys /new/mnt /new/root
	mkdir -m 1777 /new/tmp
	: >/new/moved
	exec switch_root /new /init
fi
export PATH=/usr/bin:/bin HOME=/root LC_ALL=C NO_COLOR=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
insmod /lib/modules/loop.ko max_part=0
insmod /lib/modules/overlay.ko
# A file system with user.* attributes, which tmpfs has not before Linux 6.6.
truncate -s 700M /disk
losetup /dev/loop0 /disk
mke2fs /dev/loop0 >/dev/null
mkdir /ext4
mount -t ext4 /dev/loop0 /ext4
scenario=$(sed -n 's/.*scenario=\([a-z]*\).*/\1/p' /proc/cmdline)
sh /guest.sh "$scenario" >/dev/ttyS1 2>&1
poweroff -f
