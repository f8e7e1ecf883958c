/* SPDX-License-Identifier: Apache-2.0 */
#include "store/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/room.h"
#include "base/strv.h"
#include "store/choose.h"
#include "store/gc.h"
#include "store/store_internal.h"
#include "store/used.h"

/* Its mtime is when somebody looked last; locked while somebody does. Not empty: it was in vain. */
#define COLLECTED_FILE "collected"
#define INTERVAL_S 3600
#define INTERVAL_SHORT_S 60 /* when the disk is short */
#define RECENT_S 3600 /* what was used since stays */
#define MAX_SIZE_PERCENT 75
#define MIN_FREE_PERCENT 5
#define MIN_FREE_MOST (20 * GIB)

static int parse(const char *text, struct collect_limits *l, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	if (streq(text, "off")) {
		l->off = true;
		return 0;
	}
	strv_split(&words, text, ',');
	STRV_FOREACH (word, &words) {
		bool ok = false;
		if (str_has_prefix(*word, "max-size="))
			ok = num_size(*word + strlen("max-size="), &l->max_size);
		else if (str_has_prefix(*word, "min-free="))
			ok = num_size(*word + strlen("min-free="), &l->min_free);
		if (!ok)
			return err_set(err, ERR_INVALID,
				"MICA_GC: '%s' is not 'off', 'max-size=SIZE' or 'min-free=SIZE'",
				*word);
	}
	return 0;
}

int collect_limits_get(
	struct store *s, const char *text, struct collect_limits *ret, struct err *err)
{
	struct collect_limits l = {0};
	struct statvfs fs;
	if (fstatvfs(s->fd, &fs) < 0)
		return err_sys(err, "cannot ask for the size of the disk of '%s'", s->path);
	uint64_t whole = (uint64_t)fs.f_blocks * fs.f_frsize;
	l.max_size = whole / 100 * MAX_SIZE_PERCENT;
	l.min_free = whole / 100 * MIN_FREE_PERCENT;
	if (l.min_free > MIN_FREE_MOST)
		l.min_free = MIN_FREE_MOST;
	int r = text && *text ? parse(text, &l, err) : 0;
	if (r == 0)
		*ret = l;
	return r;
}

/* All that may go had gone, and it was not enough. */
static bool has_missed(const struct store *s)
{
	struct stat st;
	return fstatat(s->fd, COLLECTED_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

bool collect_is_due(struct store *s, const struct collect_limits *l)
{
	struct room room;
	int64_t last = used_at(s, COLLECTED_FILE), now = clock_now().tv_sec;
	if (l->off)
		return false;
	if (!last) { /* a new store has nothing to remove yet */
		AUTO_FD int fd = fs_open_plain(s->fd, COLLECTED_FILE, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			log_debug("cannot make '" COLLECTED_FILE "': %s", strerror(errno));
		return false;
	}
	if (now - last > INTERVAL_S)
		return true;
	return now - last > INTERVAL_SHORT_S && !has_missed(s) && room_of(s->fd, &room) == 0 &&
	       room.bytes < l->min_free;
}

int collect_run(struct store *s, const struct collect_limits *l, struct err *err)
{
	AUTO_GC_CHOICE struct gc_choice choice = {0};
	AUTO_FD int lock = -1;
	const struct gc_limits limits = {.unnamed = true,
		.cache = true,
		.mounts = true,
		.used_before_s = clock_now().tv_sec - RECENT_S,
		.max_size = l->max_size,
		.min_free = l->min_free};
	const struct gc_opts opts = {.unnamed = true,
		.cache = true,
		.mounts = true,
		.only = &choice,
		.unneeded_before_s = limits.used_before_s};
	struct gc_result result = {0};

	int r = store_lock(s, COLLECTED_FILE, LOCK_EXCLUSIVE, false, &lock, err);
	if (r == ERR_BUSY) { /* somebody is at it */
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	if (futimens(lock, NULL) < 0)
		return err_sys(err, "cannot set the time of '" COLLECTED_FILE "'");
	r = gc_choose(s, &limits, &choice, err);
	/* what cannot be reached is not tried again each minute */
	if (r == 0 && ftruncate(lock, choice.missed ? 1 : 0) < 0)
		log_debug("cannot note in '" COLLECTED_FILE "' how it went");
	if (r < 0 || !(choice.images.n || choice.records.n || choice.mounts.n))
		return r;
	return store_gc(s, &opts, &result, NULL, err);
}
