/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/full_disk.h"

#include <errno.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/room.h"
#include "cmd/cmd.h"
#include "store/gc.h"
#include "store/store.h"

#define WORTH_IT (1 * MIB) /* less is no room for a program */

void full_disk_warn(struct app *app, int fd)
{
	struct room room;
	unsigned long long n;
	const char *what = room_of(fd, &room) < 0 ? NULL : room_lack(&room, &n);

	if (what)
		out_warn(&app->out, "the disk of the store is full (%llu %s are free)", n, what);
}

static void sweep(const char *path)
{
	AUTO_STORE struct store *s = NULL;
	const struct gc_opts what_nothing_needs = {0};
	struct gc_result result;
	struct err e = ERR_INIT;

	if (store_open(path, 0, &s, &e) < 0 ||
		store_gc(s, &what_nothing_needs, &result, NULL, &e) < 0)
		log_debug("%s", e.msg);
}

uint64_t full_disk_room(struct app *app)
{
	AUTO_STORE struct store *s = NULL;
	struct room room;
	struct err ignored = ERR_INIT;

	if (store_open(app->root, STORE_READ_ONLY, &s, &ignored) < 0 ||
		room_of(store_fd(s), &room) < 0)
		return ROOM_ANY;
	return room.bytes;
}

bool full_disk_made_room(struct app *app, uint64_t before, const struct err *err)
{
	if (!room_is_short(err) || before == ROOM_ANY)
		return false;
	sweep(app->root);
	uint64_t now = full_disk_room(app);
	if (now == ROOM_ANY || now < before || now - before < WORTH_IT)
		return false;
	out_note(&app->out,
		"the disk of the store was full: %llu bytes of it are free again, trying once more",
		(unsigned long long)(now - before));
	return true;
}

void full_disk_clear(struct app *app, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	struct err e = ERR_INIT;

	if (err_is_sys(err, EFBIG))
		room_tell("/", err);
	if (!room_is_short(err) || store_open(app->root, STORE_READ_ONLY, &s, &e) < 0)
		return;
	AUTO_FREE char *path = xstrdup(store_path(s));
	store_close(take(s));
	sweep(path);
	room_tell(path, err);
}
