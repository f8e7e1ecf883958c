/* SPDX-License-Identifier: Apache-2.0 */
/* fsck: the directories whose files nothing names, against what the store puts there. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/tmp.h"
#include "store/cache_mounts.h"
#include "store/check_internal.h"
#include "store/containers.h"
#include "store/dir_list.h"
#include "store/found.h"
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
		if (!data && !lock && !id && !tmp_is_name(*file) && check_is_there(c, inner)) {
			check_leftover(c, inner);
			continue;
		}
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

/* --- what no store has --- */

/* `mica unshare` holds a lock of its name at the top. */
static bool is_space_lock(const char *path)
{
	const char *number = path + strlen("unshare.");
	return str_has_prefix(path, "unshare.") && *number &&
	       strspn(number, "0123456789") == strlen(number);
}

static int check_names(struct check *c, const char *dir, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(c->store->fd, dir, &names, err);
	STRV_FOREACH (name, &names) {
		bool top = streq(dir, ".");
		AUTO_FREE char *path = top ? xstrdup(*name) : xasprintf("%s/%s", dir, *name);
		/* one that is new may be being written */
		if (!shape_knows(path) && !tmp_is_name(*name) && !(top && is_space_lock(path)) &&
			check_is_there(c, path))
			check_leftover(c, path);
	}
	return r;
}

static int check_container_names(struct check *c, const char *id, struct err *err)
{
	static const char *const known[] = {
		"container.json", "uses", "upper", "links", "work", "merged", "running"};
	AUTO_FREE char *dir = xasprintf(CONTAINERS_DIR "/%s", id);
	AUTO_STRV struct strv names = STRV_INIT;
	int r = check_is_dir(c, dir) ? dir_list(c->store->fd, dir, &names, err) : 0;
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, *name);
		bool is_known = tmp_is_name(*name);
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			is_known |= streq(*name, known[i]);
		if (!is_known && check_is_there(c, path))
			check_leftover(c, path);
	}
	return r;
}

static int check_logs(struct check *c, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(c->store->fd, "logs", &names, err);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = xasprintf("logs/%s", *name);
		bool log = str_has_prefix(*name, "build-") && str_has_suffix(*name, ".log");
		if (!(log && check_is_regular(c, path)) && check_is_there(c, path))
			check_leftover(c, path);
	}
	return r;
}

int check_strangers(struct check *c, struct err *err)
{
	AUTO_STRV struct strv halves = STRV_INIT, ids = STRV_INIT;
	int r;
	if ((r = check_names(c, ".", err)) < 0 || (r = check_names(c, "blobs", err)) < 0 ||
		(r = check_names(c, "cache", err)) < 0 || (r = check_logs(c, err)) < 0 ||
		(r = dir_list(c->store->fd, CONTAINERS_DIR, &ids, err)) < 0)
		return r;
	STRV_FOREACH (id, &ids) {
		struct digest as_id;
		struct err gone = ERR_INIT;
		if (digest_parse_hex(*id, &as_id) && check_container_names(c, *id, &gone) < 0)
			log_debug("%s", gone.msg);
	}
	r = found_halves(c->store, &halves, err);
	STRV_FOREACH (path, &halves)
		check_leftover(c, *path);
	return r;
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
