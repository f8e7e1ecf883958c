/* SPDX-License-Identifier: Apache-2.0 */
#include "store/found.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/tmp.h"
#include "store/dir_list.h"
#include "store/store_internal.h"

#define SAME_NAME_MAX 1000 /* of one name */
#define HALF_AGE_S 3600 /* a document is written in milliseconds; somebody's clock may be wrong */

int found_put(struct store *s, const char *path, char **ret_to, struct err *err)
{
	AUTO_FREE char *flat = xstrdup(path);
	if (mkdirat(s->fd, FOUND_DIR, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make the directory '%s/" FOUND_DIR "'", s->path);
	for (char *slash; (slash = strchr(flat, '/'));)
		*slash = '.';
	for (unsigned i = 1; i <= SAME_NAME_MAX; i++) {
		AUTO_FREE char *to = i == 1 ? xasprintf(FOUND_DIR "/%s", flat)
		                            : xasprintf(FOUND_DIR "/%s.%u", flat, i);
		if (fs_rename_new(s->fd, path, s->fd, to) == 0) {
			*ret_to = take(to);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return err_sys(err, "cannot put '%s/%s' into '" FOUND_DIR "'", s->path, path);
}

/* --- what was left half written --- */

static int find_in(struct store *s, const char *dir, struct strv *ret, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(s->fd, dir, &names, err);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path =
			streq(dir, ".") ? xstrdup(*name) : xasprintf("%s/%s", dir, *name);
		struct stat st;
		if (tmp_is_name(*name) && fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_mtim.tv_sec < clock_now().tv_sec - HALF_AGE_S)
			strv_add(ret, path);
	}
	return r;
}

static int find_below(struct store *s, const char *dir, struct strv *ret, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(s->fd, dir, &names, err);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, *name);
		struct err gone = ERR_INIT; /* or no directory at all, which others tell of */
		if (find_in(s, path, ret, &gone) < 0)
			log_debug("%s", gone.msg);
	}
	return r;
}

int found_halves(struct store *s, struct strv *ret, struct err *err)
{
	int r = find_in(s, ".", ret, err);
	if (r == 0)
		r = find_in(s, "cache", ret, err);
	if (r == 0)
		r = find_below(s, CONTAINERS_DIR, ret, err);
	return r == 0 ? find_below(s, MOUNTS_DIR, ret, err) : r;
}

void found_remove_halves(struct store *s)
{
	AUTO_STRV struct strv paths = STRV_INIT;
	struct err err = ERR_INIT;
	if (found_halves(s, &paths, &err) < 0)
		log_debug("%s", err.msg);
	STRV_FOREACH (path, &paths)
		if (unlinkat(s->fd, *path, 0) < 0)
			log_debug("cannot remove '%s'", *path);
}
