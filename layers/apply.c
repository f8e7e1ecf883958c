/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/apply.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/root.h"
#include "base/stream.h"
#include "layers/apply_internal.h"
#include "layers/tar_read.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ENTRIES_DEFAULT 10000000
#define BYTES_DEFAULT (1024 * GIB)
#define TIME_MAX (INT64_MAX / 1000000000) /* what Go's nanoseconds reach */

int apply_clean(const char *raw, bool layer, char out[PATH_MAX], struct err *err)
{
	size_t n = 0;
	if (!*raw && layer)
		return err_set(err, ERR_INVALID, "entry with an empty name");
	for (const char *p = raw; *p;) {
		const char *end = strchrnul(p, '/');
		size_t len = (size_t)(end - p);
		if (len == 2 && p[0] == '.' && p[1] == '.') {
			if (layer)
				return err_set(err, ERR_INVALID,
					"'%.200s' leaves the root ('..' in a name)", raw);
			while (n && out[--n] != '/')
				;
		} else if (len && !(len == 1 && p[0] == '.')) {
			if (n + len + 2 > PATH_MAX)
				return err_set(err, ERR_LIMIT,
					"name is longer than %d bytes: '%.60s...'", PATH_MAX - 1,
					raw);
			if (n)
				out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
		}
		p = *end ? end + 1 : end;
	}
	out[n] = '\0';
	return 0;
}

static void forget_parent(struct apply *a)
{
	if (a->parent >= 0 && a->parent != a->root)
		close(a->parent);
	a->parent = -1;
	a->parent_known = false;
}

/* Only directories that were there before can shape what is created in them, and the ones that the
 * archive makes setgid. */
static bool shapes_children(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 || (st.st_mode & S_ISGID) ||
	       fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
}

/* Opens the directory that holds path, making what is missing on the way. */
static int enter_parent(struct apply *a, const char *path, const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	*ret_name = slash ? slash + 1 : path;
	if (a->parent_known && strncmp(a->parent_path, path, n) == 0 && a->parent_path[n] == '\0')
		return 0;
	forget_parent(a);
	memcpy(a->parent_path, path, n);
	a->parent_path[n] = '\0';
	int fd = n ? root_open(a->root, a->parent_path, O_RDONLY | O_DIRECTORY, 0) : a->root;
	if (fd < 0 && errno == ENOENT) {
		/* ADD follows a link to what is not there yet; a layer with one is damaged */
		bool follow = a->opts->flags & APPLY_PLAIN, keep = a->opts->flags & APPLY_NO_OWNER;
		AUTO_FREE char *real =
			follow ? root_resolve(a->root, a->parent_path) : xstrdup(a->parent_path);
		if (!real || root_mkdir_p(a->root, real, 0755, keep ? (uid_t)-1 : 0,
				     keep ? (gid_t)-1 : 0, &fd) < 0)
			fd = -1;
	}
	if (fd < 0)
		return err_sys(err, "cannot enter '%s'", a->parent_path);
	a->parent = fd;
	a->parent_shapes = shapes_children(fd);
	a->parent_known = true;
	return 0;
}

bool apply_is_meta(const char *path)
{
	return str_has_prefix(path, ".wh..wh.")
	               ? !streq(path, WHITEOUT_OPAQUE)
	               : strstr(path, "/.wh..wh.") && !str_has_suffix(path, "/" WHITEOUT_OPAQUE);
}

static bool below_whiteout(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (str_has_prefix(p, WHITEOUT_PREFIX) && strchr(p, '/'))
			return true;
	}
	return false;
}

static mode_t without_foreign_power(const struct tar_entry *e)
{
	mode_t lost = (e->uid ? S_ISUID : 0) | (e->gid ? S_ISGID : 0);
	return S_ISDIR(e->mode) ? e->mode : e->mode & ~lost;
}

static int apply_entry(struct apply *a, struct tar_entry *e, struct err *err)
{
	char path[PATH_MAX];
	const struct apply_opts *o = a->opts;
	if (o->flags & APPLY_OWN_POWER)
		e->mode = without_foreign_power(e);
	if (apply_clean(e->path, apply_is_strict(o), path, err) < 0)
		return err->code;
	struct place p = {
		.path = path,
		.uid = o->flags & APPLY_CHOWN ? o->uid : (uid_t)e->uid,
		.gid = o->flags & APPLY_CHOWN ? o->gid : (gid_t)e->gid,
		.times = {{.tv_nsec = UTIME_OMIT}, {e->mtime, e->mtime_ns}},
	};
	/* docker's archives know times from 1970 to 2262 */
	if ((o->flags & APPLY_PLAIN) && (e->mtime < 0 || e->mtime > TIME_MAX))
		p.times[1] = (struct timespec){0};
	if (e->mtime_ns > 999999999)
		return err_set(err, ERR_INVALID, "'%s': modification time is not valid", path);
	if (o->time)
		p.times[1] = *o->time;
	if (!*path)
		return apply_make_root(a, e, &p, err);
	bool whiteouts = !(o->flags & APPLY_CONTEXT);
	if (whiteouts && strstr(path, WHITEOUT_PREFIX)) {
		if (apply_is_meta(path))
			return 0;
		if (below_whiteout(path))
			return err_set(err, ERR_INVALID, "'%s' lies below a whiteout", path);
	}
	if (enter_parent(a, path, &p.name, err) < 0)
		return err->code;
	p.dir = a->parent;
	p.shaped = a->parent_shapes;
	p.chown = !(o->flags & APPLY_NO_OWNER) && (p.shaped || p.uid != a->uid || p.gid != a->gid);
	if (whiteouts && p.name[0] == '.') {
		int ret = apply_whiteout(a, &p, err);
		if (ret != 0)
			return ret < 0 ? ret : 0;
	}
	return apply_make(a, e, &p, err);
}

static int apply_times(struct apply *a, struct err *err)
{
	for (size_t i = 0; i < a->n_times; i++) {
		const struct dir_time *d = a->times[i];
		/* what is no directory any more was replaced by a later entry, which has its own
		 * time */
		AUTO_FD int fd = root_open_nofollow(a->root, d->path, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return err_sys(err, "cannot open '%s'", d->path);
		struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {d->sec, d->ns}};
		if (fd >= 0 && futimens(fd, t) < 0)
			return err_sys(
				err, "cannot set the time of '%s'", *d->path ? d->path : "/");
	}
	return 0;
}

static int apply_all(struct apply *a, uint64_t max_bytes, struct err *err)
{
	uint64_t max_entries =
		a->opts->limits.max_entries ? a->opts->limits.max_entries : ENTRIES_DEFAULT;
	for (;;) {
		struct tar_entry e;
		int ret = tar_reader_next(a->tar, &e, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			break;
		if (++a->entries > max_entries)
			return err_set(err, ERR_LIMIT, "the archive has more than %llu entries",
				(unsigned long long)max_entries);
		/* a sparse file's size is not bounded by the archive's */
		if (e.size > max_bytes)
			return err_set(err, ERR_LIMIT, "'%.200s' is larger than %llu bytes", e.path,
				(unsigned long long)max_bytes);
		a->content += e.size;
		if (a->content > max_bytes)
			return err_set(err, ERR_LIMIT, "the archive holds more than %llu bytes",
				(unsigned long long)max_bytes);
		if (apply_entry(a, &e, err) < 0)
			return err->code;
	}
	forget_parent(a);
	return apply_times(a, err);
}

int apply_archive(struct tar_reader *tar, int dirfd, const struct apply_opts *opts,
	struct apply_stats *ret, struct err *err)
{
	/* the descriptor may be an O_PATH one */
	AUTO_FD int root = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, "cannot open the directory to unpack into");
	struct apply a = {.root = root,
		.opts = opts,
		.tar = tar,
		.parent = -1,
		.uid = geteuid(),
		.gid = getegid()};
	mode_t before = umask(0);
	int code =
		apply_all(&a, opts->limits.max_bytes ? opts->limits.max_bytes : BYTES_DEFAULT, err);
	(void)umask(before);
	forget_parent(&a);
	for (size_t i = 0; i < a.n_times; i++)
		free(a.times[i]);
	free(a.times);
	if (code == 0 && ret)
		*ret = (struct apply_stats){a.entries, a.content};
	return code;
}

int layer_apply(struct reader *in, int dirfd, const struct apply_opts *opts,
	struct apply_stats *ret, struct err *err)
{
	uint64_t max = opts->limits.max_bytes ? opts->limits.max_bytes : BYTES_DEFAULT;
	AUTO_READER struct reader *limited = reader_limit(in, max, "the unpacked archive");
	AUTO_TAR_READER struct tar_reader *tar = NULL;
	if (tar_reader_open(limited, 0, &tar, err) < 0 ||
		apply_archive(tar, dirfd, opts, ret, err) < 0)
		return err->code;
	return tar_reader_drain(tar, err);
}
