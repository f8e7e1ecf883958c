/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of writing to a snapshot. Descriptors outlive the processes that opened them: a step
 * hands some to another step, by a socket in a cache that they share, and the layer would go on
 * changing when its digest is known and others are built on it. A superblock that is read-only
 * refuses them all, by whatever mount they came, and does not become so as long as a file is open
 * for writing.
 */
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "layers/snapshot_internal.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#define LATE_MS                                                                                    \
	2000 /* the kernel closes what was on its way in a socket after who sent it is dead */

/* A directory of overlay has its device, never that of the upper one. What is on overlay itself is
 * somebody else's, whose superblock stays as it is. */
static bool is_own_overlay(int root, int upper)
{
	struct statfs fs;
	struct stat st, up;
	return fstatfs(root, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC &&
	       fstat(root, &st) == 0 && fstat(upper, &up) == 0 && st.st_dev != up.st_dev;
}

static int set_read_only(int root)
{
	AUTO_FD int fs = fspick(root, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
		return -1;
	return fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
}

int snapshot_seal(int root, int upper, struct err *err)
{
	const struct timespec a_little = {.tv_nsec = 1000000};
	if (!is_own_overlay(root, upper))
		return 0;
	for (int ms = 0; set_read_only(root) < 0; ms++) {
		if (errno == ENOSYS || errno == EPERM) {
			log_debug("a filter around us keeps a step's root from being closed");
			return 0;
		}
		if (errno != EBUSY)
			return err_sys(err, "cannot make what the command has written read-only");
		if (ms == LATE_MS)
			return err_set(err, ERR_BUSY,
				"a file of the command's root is open for writing outside of it, "
				"where a socket in a cache, a volume or the network has brought "
				"it, and could be changed later: close it before the command ends");
		if (proc_interrupted(err) < 0)
			return err->code;
		(void)nanosleep(&a_little, NULL);
	}
	return 0;
}
