/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/full_disk.h"

#include <sys/statvfs.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/room.h"
#include "cmd/cmd.h"
#include "store/gc.h"
#include "store/store.h"

#define FULL (1 * MIB) /* less is no room for a program */

void full_disk_warn(struct app *app, int fd)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs) < 0)
		return;
	unsigned long long available = (unsigned long long)fs.f_bavail * fs.f_frsize;
	if (available < FULL)
		out_warn(&app->out, "the disk of the store is full (%llu bytes are free)",
			available);
	else if (fs.f_files && !fs.f_favail)
		out_warn(&app->out, "the disk of the store has no more inodes");
}

void full_disk_clear(struct app *app, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	const struct gc_opts what_nothing_needs = {0};
	struct gc_result result;
	struct err e = ERR_INIT;

	if (!room_is_short(err) || store_open(app->root, STORE_READ_ONLY, &s, &e) < 0)
		return;
	AUTO_FREE char *path = xstrdup(store_path(s));
	store_close(take(s));
	if (store_open(path, 0, &s, &e) < 0 ||
		store_gc(s, &what_nothing_needs, &result, NULL, &e) < 0)
		log_debug("%s", e.msg);
	room_tell(path, err);
}
