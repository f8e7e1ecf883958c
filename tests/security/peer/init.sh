#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first process of the machine in which others are attacked.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs -o size=90% tmp /tmp
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /var/lib/peer
mount -t tmpfs -o size=2g lib /var/lib/peer
ln -sfn /proc/self/fd /dev/fd
ip link set lo up
busybox insmod /overlay.ko
hostname peer
cd /mica || exit
export MICA_BIN=/mica/tests/security/peer/buildah-as-mica.sh MICA_CACHE=/mica/cache MICA_TOOLS=/mica/tools RACE_SECONDS=20 RACE_PATIENCE=300 MICA_PEER=1 BATS_TEST_TIMEOUT=900
filter=$(cat /filter)
for file in techniques steps races; do
	bats --tap --filter "$filter" "tests/security/$file.bats" 2>&1 | sed "s/^\(not ok\|ok\) [0-9]* /&$file: /"
done >/dev/ttyS1
echo "machine is done" >/dev/ttyS1
poweroff -f
