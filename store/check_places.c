/* SPDX-License-Identifier: Apache-2.0 */
/* fsck: the directories whose files nothing names, against what the store puts there. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/cache_mounts.h"
#include "store/check_internal.h"
#include "store/dir_list.h"
#include "store/store_internal.h"

/* --- cache mounts, and the files of the cache that nothing depends on --- */

static void check_mount(struct check *c, const char *name, struct err *err)
{
	AUTO_FREE char *path = xasprintf(MOUNTS_DIR "/%s", name);
	AUTO_STRV struct strv files = STRV_INIT;
	struct digest d;
	if (!digest_parse_hex(name, &d) || !check_is_dir(c, path)) {
		if (check_is_there(c, path))
			check_leftover(c, path);
		return;
	}
	if (dir_list(c->store->fd, path, &files, err) < 0)
		return;
	STRV_FOREACH (file, &files) {
		AUTO_FREE char *inner = xasprintf("%s/%s", path, *file);
		const char *after = *file + strspn(*file, "0123456789");
		bool data = after > *file && !*after, lock = after > *file && streq(after, ".lock"),
		     id = streq(*file, "id");
		bool wrong = (data && !check_is_dir(c, inner)) ||
		             ((lock || id) && !check_is_regular(c, inner)) ||
		             (id && !cache_mount_has_id(c->store, name));
		/* it may have gone just now */
		if (wrong && check_is_there(c, inner))
			check_leftover(c, inner);
	}
}

int check_mounts(struct check *c, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(c->store->fd, MOUNTS_DIR, &names, err);
	STRV_FOREACH (name, &names) {
		struct err gone = ERR_INIT;
		check_mount(c, *name, &gone);
	}
	return r;
}

int check_notes(struct check *c, struct err *err)
{
	static const char *const dirs[] = {STAT_DIR, STAGES_DIR, LISTS_DIR};
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		AUTO_STRV struct strv files = STRV_INIT;
		int r = dir_list(c->store->fd, dirs[i], &files, err);
		if (r < 0)
			return r;
		STRV_FOREACH (file, &files) {
			AUTO_FREE char *path = xasprintf("%s/%s", dirs[i], *file);
			struct digest d;
			if ((!digest_parse_hex(*file, &d) || !check_is_regular(c, path)) &&
				check_is_there(c, path))
				check_leftover(c, path);
		}
	}
	return 0;
}

/* --- tmp --- */

#define TMP_TRIES 100
#define TMP_WAIT_NS 10000000

/* There, and nobody holds it. */
static bool is_abandoned(const struct check *c, const char *path)
{
	AUTO_FD int fd = openat(c->store->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0)
		return false; /* its owner lives */
	return fstatat(c->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int check_tmp(struct check *c, struct err *err)
{
	AUTO_STRV struct strv ids = STRV_INIT;
	struct err ignored = ERR_INIT;
	int r = dir_list(c->store->fd, TMP_DIR, &ids, err);
	STRV_FOREACH (id, &ids) {
		AUTO_FREE char *path = xasprintf(TMP_DIR "/%s", *id);
		if (!is_abandoned(c, path))
			continue;
		/* its last process may have died since the sweep, and others may be sweeping */
		for (unsigned i = 0; !c->store->read_only && i < TMP_TRIES; i++) {
			sweep_dead(c->store, false, &ignored);
			if (!is_abandoned(c, path))
				break;
			(void)nanosleep(&(struct timespec){.tv_nsec = TMP_WAIT_NS}, NULL);
		}
		if (is_abandoned(c, path))
			check_leftover(c, path);
	}
	return r;
}
