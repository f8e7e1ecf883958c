#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# selinux.sh FILE: makes a policy of SELinux, with what the tests need and nothing else: what has no rule here is allowed.
set -eu
categories=$(seq -f c%.0f 0 1023 | tr '\n' ' ')
sids='kernel security unlabeled fs file file_labels init any_socket port netif netmsg node igmp_packet icmp_socket tcp_socket sysctl_modprobe
	sysctl sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix sysctl_vm sysctl_dev kmod policy scmp_packet devnull'
source=$(mktemp --suffix=.cil)
trap 'rm -f "$source"' EXIT
{
	cat <<-END
		(handleunknown allow)
		(mls true)
		(policycap nnp_nosuid_transition)
		(sensitivity s0)
		(sensitivityorder (s0))
		$(printf '(category %s)\n' $categories)
		(categoryorder ($categories))
		(sensitivitycategory s0 (range c0 c1023))
		(class process (transition dyntransition))
		(class file (read write open create execute entrypoint))
		(class dir (read write open search create))
		(class lnk_file ())
		(class chr_file ())
		(class blk_file ())
		(class fifo_file ())
		(class sock_file ())
		(classorder (process file dir lnk_file chr_file blk_file fifo_file sock_file))
		(role system_r)
		(role object_r)
		(user system_u)
		(userrole system_u system_r)
		(userrole system_u object_r)
		(userlevel system_u (s0))
		(userrange system_u ((s0) (s0 (range c0 c1023))))
	END
	# locked_t: the policy knows it, and lets nobody become it
	for type in kernel_t file_t proc_t container_file_t other_file_t container_t other_t locked_t; do
		echo "(type $type) (roletype object_r $type) (roletype system_r $type)"
	done
	cat <<-'END'
		(typeattribute any)
		(typeattributeset any (all))
		(typeattribute confined)
		(typeattributeset confined (container_t other_t))
		(allow kernel_t kernel_t (process (transition dyntransition)))
		(allow kernel_t confined (process (transition dyntransition)))
		(allow kernel_t any (file (read write open create execute entrypoint)))
		(allow kernel_t any (dir (read write open search create)))
		(allow confined container_file_t (file (read write open create execute entrypoint)))
		(allow confined container_file_t (dir (read write open search create)))
		(allow other_t other_file_t (file (read write open create execute entrypoint)))
		(allow other_t other_file_t (dir (read write open search create)))
		(allow confined proc_t (file (read write open)))
		(allow confined proc_t (dir (read open search)))
		(allow confined confined (file (read write open)))
		(allow confined confined (dir (read open search)))
		(mlsconstrain (file (read write open)) (or (dom h1 h2) (eq t1 kernel_t)))
		(mlsconstrain (dir (read write open search)) (or (dom h1 h2) (eq t1 kernel_t)))
	END
	for sid in $sids; do
		type=file_t
		[ "$sid" != kernel ] || type=kernel_t
		echo "(sid $sid) (sidcontext $sid (system_u $([ $type = kernel_t ] && echo system_r || echo object_r) $type ((s0) (s0))))"
	done
	echo "(sidorder ($sids))"
	for fs in ext4 overlay; do
		echo "(fsuse xattr $fs (system_u object_r file_t ((s0) (s0))))"
	done
	for fs in tmpfs devpts devtmpfs mqueue; do
		echo "(fsuse trans $fs (system_u object_r file_t ((s0) (s0))))"
	done
	for fs in proc sysfs cgroup2; do
		echo "(genfscon $fs \"/\" (system_u object_r proc_t ((s0) (s0))))"
	done
} >"$source"
# as old as Linux 5.10 takes it
secilc -c 31 -o "$1" -f /dev/null "$source"
