/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/tmp.h"
#include "store/additional.h"
#include "store/store_internal.h"

#define VERSION_TEXT "1\n"
#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define EMPTY_INDEX                                                                                \
	"{\"schemaVersion\":2,\"mediaType\":\"application/"                                        \
	"vnd.oci.image.index.v1+json\",\"manifests\":[\n]}"

static const char *const directories[] = {"blobs", BLOBS_DIR, LAYERS_DIR, "cache", STEPS_DIR,
	STAT_DIR, "mounts", CONTAINERS_DIR, TMP_DIR};

int store_default_path(char **ret, struct err *err)
{
	const char *root = getenv("MICA_ROOT");
	if (root && *root) {
		*ret = xstrdup(root);
		return 0;
	}
	if (geteuid() == 0) {
		*ret = xstrdup("/var/lib/mica");
		return 0;
	}
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (data && *data == '/')
		*ret = path_join(data, "mica");
	else if (home && *home == '/')
		*ret = path_join(home, ".local/share/mica");
	else
		return err_set(err, ERR_INVALID,
			"no place for the store: neither HOME nor MICA_ROOT is set");
	return 0;
}

#define VERSION_READ 16

static int read_version(int fd, char text[VERSION_READ])
{
	AUTO_FD int vfd = fs_open_plain(fd, "version", O_RDONLY, 0);
	ssize_t n = vfd < 0 ? -1 : fs_read_upto(vfd, text, VERSION_READ - 1);
	text[n < 0 ? 0 : n] = '\0';
	return n < 0 ? -1 : 0;
}

/* 0: version matches; 1: there is none yet */
static int check_version(int fd, const char *path, int flags, struct err *err)
{
	char text[VERSION_READ];
	bool read = read_version(fd, text) == 0;
	if (read ? !*text /* a power cut while the store was made */ : errno == ENOENT)
		return 1;
	if (!read && errno != EISDIR && errno != ENXIO && errno != ELOOP)
		return err_sys(err, "cannot read '%s/version'", path);
	if (read && streq(text, VERSION_TEXT))
		return 0;
	size_t digits = read ? strspn(text, "0123456789") : 0;
	/* another version's is left alone, whatever else it may say; ours says nothing else */
	if (digits == 0 || text[digits] != '\n' || strtoul(text, NULL, 10) == 1) {
		if (flags & STORE_DAMAGED)
			return 0;
		(void)err_set(
			err, ERR_CORRUPT, "'%s/version' is not a version file of a store", path);
		return store_damage(err);
	}
	return err_set(err, ERR_UNSUPPORTED,
		"the store '%s' has version %.*s; this program knows version 1", path, (int)digits,
		text);
}

bool store_version_is_right(const struct store *s)
{
	char text[VERSION_READ];
	return read_version(s->fd, text) == 0 && streq(text, VERSION_TEXT);
}

int store_write_version(int fd, struct err *err)
{
	return fs_write_file(fd, "version", VERSION_TEXT, strlen(VERSION_TEXT), 0644, true, err);
}

int store_write_layout(int fd, struct err *err)
{
	return fs_write_file(fd, "oci-layout", LAYOUT_TEXT, strlen(LAYOUT_TEXT), 0644, true, err);
}

/* A name in a directory that is not for us alone; NULL: there is none. Hidden files do not count,
 * nor what a new file system has. New string. */
static char *foreign_name(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	char *name = NULL;
	if (!d) {
		if (again >= 0)
			close(again);
		return NULL;
	}
	for (struct dirent *e; !name && (e = readdir(d));)
		if (e->d_name[0] != '.' && !streq(e->d_name, "lost+found"))
			name = xstrdup(e->d_name);
	(void)closedir(d);
	/* The lock is the first file we make, so a directory with it is ours, however far we came.
	 * It is looked for last: another process may be making the store just now. */
	if (name && faccessat(fd, "lock", F_OK, 0) == 0)
		mem_replace(&name, NULL);
	return name;
}

/* Makes the store in an existing directory; the version comes last. */
static int create(int fd, const char *path, struct err *err)
{
	AUTO_FREE char *name = foreign_name(fd);
	if (name)
		return err_set(err, ERR_INVALID,
			"'%s' holds other files ('%s') and is no mica store; name another "
			"directory with --root",
			path, name);
	if (fchmod(fd, 0700) < 0)
		return err_sys(err, "cannot make '%s' private", path);
	AUTO_FD int lock = -1;
	int r = lock_file(fd, "lock", LOCK_EXCLUSIVE, true, &lock, err);
	if (r < 0)
		return r;
	r = check_version(fd, path, 0, err);
	if (r <= 0)
		return r; /* another process made it meanwhile */
	if ((r = store_check_fitness(fd, path, err)) < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(directories); i++)
		if (mkdirat(fd, directories[i], 0700) < 0 && errno != EEXIST)
			return err_sys(
				err, "cannot make the directory '%s/%s'", path, directories[i]);
	if ((r = store_write_layout(fd, err)) < 0)
		return r;
	if (faccessat(fd, "index.json", F_OK, 0) < 0 &&
		(r = fs_write_file(
			 fd, "index.json", EMPTY_INDEX, strlen(EMPTY_INDEX), 0644, true, err)) < 0)
		return r;
	char boot[BOOT_ID_LEN + 1];
	store_boot_id(boot);
	if ((r = fs_write_file(fd, SYNCED_FILE, boot, strlen(boot), 0600, true, err)) < 0)
		return r;
	return store_write_version(fd, err);
}

static int cannot_open(const char *path, int sys, struct err *err)
{
	char text[ERR_TEXT_MAX];
	struct stat st;
	bool own = sys == EACCES && stat(path, &st) == 0 && st.st_uid == geteuid();
	(void)err_set(err, ERR_SYS, "cannot open the store '%s': %s; %s", path, err_text(sys, text),
		own ? "'mica fsck --repair' opens it" : "name another directory with --root");
	err->sys = sys;
	return err->code;
}

static int open_root(const char *path, int flags, int *ret, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !(flags & STORE_READ_ONLY)) {
		int r = fs_mkdir_p(path, 0700, err);
		if (r < 0)
			return cannot_open(path, err->sys, err);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "there is no store at '%s'", path);
	if (fd < 0)
		return cannot_open(path, errno, err);
	int r = check_version(fd, path, flags, err);
	if (r == 1 && (flags & STORE_READ_ONLY))
		return err_set(err, ERR_NOT_FOUND, "there is no store at '%s'", path);
	if (r == 1)
		r = create(fd, path, err);
	if (r < 0)
		return r;
	*ret = take_fd(&fd);
	return 0;
}

int store_open(const char *path, int flags, struct store **ret, struct err *err)
{
	AUTO_FREE char *def = NULL;
	int fd = -1, r;

	if (!path) {
		if ((r = store_default_path(&def, err)) < 0)
			return r;
		path = def;
	}
	if ((r = open_root(path, flags, &fd, err)) < 0)
		return r;
	struct store *s = xcalloc(1, sizeof(*s));
	s->fd = fd;
	s->read_only = flags & STORE_READ_ONLY;
	s->path = realpath(path, NULL);
	if (!s->path)
		s->path = xstrdup(path);
	another_look(s);
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_scratch_end(s);
	additional_done(s);
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s->sizes);
	free(s);
}

int store_fd(const struct store *s)
{
	return s->fd;
}

const char *store_path(const struct store *s)
{
	return s->path;
}

const char *store_name(char *buf, const char *dir, const struct digest *d)
{
	char hex[DIGEST_STR_MAX];
	(void)snprintf(buf, STORE_PATH_MAX, "%s/%s", dir, digest_hex(d, hex));
	return buf;
}

int store_lock(const struct store *s, const char *name, enum lock_mode mode, bool wait, int *ret_fd,
	struct err *err)
{
	int r = another_refuse(s, err);
	if (r < 0)
		return r;
	r = lock_file(s->fd, name, mode, wait, ret_fd, err);
	if (r == 0 || r == ERR_BUSY)
		return r;
	(void)err_wrap(err, "store '%s'", s->path);
	return store_damage(err);
}

bool store_is_damage(const struct err *err)
{
	static const int kinds[] = {EIO, ENOENT, ENOTDIR, EISDIR, ELOOP, ENXIO};
	bool damage = err->code != ERR_SYS;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		damage |= err_is_sys(err, kinds[i]);
	return damage;
}

bool store_is_closed(const struct err *err)
{
	return err_is_sys(err, EROFS) || err_is_sys(err, EACCES) || err_is_sys(err, EPERM);
}

int store_damage(struct err *err)
{
	size_t n = strlen(err->msg);
	if (store_is_damage(err))
		(void)snprintf(err->msg + n, sizeof(err->msg) - n, "%s", STORE_MEND);
	return err->code;
}

int store_cannot_open(int dirfd, const char *path, struct err *err)
{
	char text[ERR_TEXT_MAX], link[32], at[PATH_MAX];
	int sys = errno;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	ssize_t n = readlink(link, at, sizeof(at));
	(void)err_set(err, ERR_SYS, "cannot open the directory '%.*s%s%s': %s%s",
		n > 0 ? (int)n : 0, at, n > 0 ? "/" : "", path, err_text(sys, text),
		sys == EACCES ? "; 'mica fsck' says how it is given back to its user" : "");
	err->sys = sys;
	return store_damage(err);
}

int store_open_dir(struct store *s, const char *dir, int *ret_fd, struct err *err)
{
	int fd = openat(s->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return store_cannot_open(s->fd, dir, err);
	*ret_fd = fd;
	return 0;
}

int store_remove(struct store *s, const char *path, struct err *err)
{
	char id[17], to[STORE_PATH_MAX];
	tmp_random_name(id, sizeof(id) - 1);
	(void)snprintf(to, sizeof(to), TMP_DIR "/%s", id);
	if (renameat(s->fd, path, s->fd, to) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, "cannot remove '%s'", path);
	}
	return fs_remove_tree(s->fd, to, err);
}

int store_make_cache(struct store *s, const char *dir, struct err *err)
{
	int r = mkdirat(s->fd, dir, 0700);
	/* another one may be making it, too */
	if (r < 0 && errno == ENOENT && (mkdirat(s->fd, CACHE_DIR, 0700) == 0 || errno == EEXIST))
		r = mkdirat(s->fd, dir, 0700);
	return r < 0 && errno != EEXIST
	               ? err_sys(err, "cannot make the directory '%s/%s'", s->path, dir)
	               : 0;
}

int store_scratch(struct store *s, int *ret_fd, struct err *err)
{
	if (!s->scratch) {
		int r = txn_begin(s, &s->scratch, err);
		if (r < 0)
			return r;
	}
	*ret_fd = txn_fd(s->scratch);
	return 0;
}

void store_scratch_end(struct store *s)
{
	txn_end(take(s->scratch));
}

int store_sync_all(struct store *s, struct err *err)
{
	int r = recover_after_boot(s, err);
	if (r < 0)
		return r;
	struct timespec before = clock_now();
	if (syncfs(s->fd) < 0)
		return err_sys(err, "cannot write '%s' to disk", s->path);
	s->dirty = false;
	/* should this not reach the disk, an older time stays: then more is checked than needed */
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, before};
	if (utimensat(s->fd, SYNCED_FILE, times, 0) < 0 && errno != ENOENT)
		return err_sys(err, "cannot set the time of '%s/" SYNCED_FILE "'", s->path);
	return 0;
}

int store_sync(struct store *s, struct err *err)
{
	return s->dirty ? store_sync_all(s, err) : 0;
}
