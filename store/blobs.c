/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/descriptor.h"
#include "store/additional.h"
#include "store/dir_list.h"
#include "store/store_internal.h"

#define BLOB_MODE 0644

bool blob_has(struct store *s, const struct digest *d, uint64_t *ret_size)
{
	char name[STORE_PATH_MAX];
	struct stat st;
	store_blob_name(name, d);
	if ((fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
		    additional_find(s, name, &st) < 0) ||
		!S_ISREG(st.st_mode))
		return false;
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return true;
}

int blob_open(struct store *s, const struct digest *d, int *ret_fd, struct err *err)
{
	char name[STORE_PATH_MAX], buf[DIGEST_STR_MAX];
	struct stat st;
	int other, fd = fs_open_plain(s->fd, store_blob_name(name, d), O_RDONLY, 0);
	if (fd < 0 && errno == ENOENT && (other = additional_find(s, name, &st)) >= 0)
		fd = fs_open_plain(other, name, O_RDONLY, 0);
	if (fd < 0 && errno == ENOENT)
		return err_set(
			err, ERR_NOT_FOUND, "blob %s is not in the store", digest_str(d, buf));
	if (fd < 0) {
		(void)err_sys(err, "cannot open blob %s", digest_str(d, buf));
		return store_damage(err);
	}
	*ret_fd = fd;
	return 0;
}

int blob_read(struct store *s, const struct descriptor *d, size_t max, char **ret_data,
	size_t *ret_len, struct err *err)
{
	char buf[DIGEST_STR_MAX];
	AUTO_FD int fd = -1;
	AUTO_FREE char *data = NULL;
	size_t n;
	struct stat st;
	int r;

	if (d->size > max)
		return err_set(err, ERR_LIMIT, "blob %s is larger than %zu bytes",
			digest_str(&d->digest, buf), max);
	if ((r = blob_open(s, &d->digest, &fd, err)) < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot stat blob %s", digest_str(&d->digest, buf));
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != d->size) {
		(void)err_set(err, ERR_CORRUPT, "blob %s has %llu bytes instead of %llu",
			digest_str(&d->digest, buf), (unsigned long long)st.st_size,
			(unsigned long long)d->size);
		return store_damage(err);
	}
	if ((r = fs_read_fd(fd, "blob", max, &data, &n, err)) < 0)
		return r;
	struct digest got = digest_of_as(d->digest.alg, data, n);
	if (!digest_equal(&got, &d->digest)) {
		(void)err_set(err, ERR_CORRUPT,
			"blob %s is damaged: its content has another digest",
			digest_str(&d->digest, buf));
		return store_damage(err);
	}
	*ret_data = take(data);
	if (ret_len)
		*ret_len = n;
	return 0;
}

int blob_put(struct store *s, const void *p, size_t n, struct digest *ret, struct err *err)
{
	return blob_put_as(s, DIGEST_SHA256, p, n, ret, err);
}

int blob_put_as(struct store *s, enum digest_alg alg, const void *p, size_t n, struct digest *ret,
	struct err *err)
{
	struct digest d = digest_of_as(alg, p, n);
	AUTO_TMP struct tmp t = TMP_INIT;
	uint64_t size;
	int r;

	if (!(blob_has(s, &d, &size) && size == n)) {
		if ((r = blob_begin(s, &t, err)) < 0)
			return r;
		if (fs_write_all(t.fd, p, n) < 0)
			return err_sys(err, "cannot write to the store '%s'", s->path);
		if ((r = blob_commit(s, &t, &d, err)) < 0)
			return r;
	}
	*ret = d;
	return 0;
}

int blob_begin(struct store *s, struct tmp *ret, struct err *err)
{
	int fd;
	int r = store_scratch(s, &fd, err);
	return r < 0 ? r : tmp_open(ret, fd, BLOB_MODE, err);
}

int blob_adopt(struct store *s, int fd, struct tmp *ret, struct err *err)
{
	struct tmp t = TMP_INIT;
	int r = store_scratch(s, &t.dirfd, err);
	if (r < 0)
		return r;
	/* as if it were written now */
	if (fchmod(fd, BLOB_MODE) < 0 || futimens(fd, NULL) < 0 ||
		(t.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return err_sys(err, "cannot make a file a blob");
	*ret = t;
	return 0;
}

int blob_commit(struct store *s, struct tmp *t, const struct digest *d, struct err *err)
{
	char name[STORE_PATH_MAX];
	struct stat st;
	uint64_t size;

	if (fstat(t->fd, &st) < 0)
		return err_sys(err, "cannot stat a new blob");
	if (blob_has(s, d, &size) && size == (uint64_t)st.st_size) {
		tmp_done(t);
		return 0;
	}
	if (d->alg == DIGEST_SHA512 && mkdirat(s->fd, BLOBS_SHA512_DIR, 0700) < 0 &&
		errno != EEXIST)
		return err_sys(err, "cannot make the directory '%s/" BLOBS_SHA512_DIR "'", s->path);
	if (tmp_publish(t, s->fd, store_blob_name(name, d), false, err) < 0)
		return err_wrap(err, "store '%s'", s->path);
	s->dirty = true;
	return 0;
}

const char *store_blob_name(char *buf, const struct digest *d)
{
	return store_name(buf, d->alg == DIGEST_SHA512 ? BLOBS_SHA512_DIR : BLOBS_DIR, d);
}

int store_blob_paths(const struct store *s, struct strv *ret, struct err *err)
{
	static const char *const dirs[] = {BLOBS_DIR, BLOBS_SHA512_DIR};
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		AUTO_STRV struct strv files = STRV_INIT;
		int r = dir_list(s->fd, dirs[i], &files, err);
		if (r < 0)
			return r;
		STRV_FOREACH (file, &files)
			strv_addf(ret, "%s/%s", dirs[i], *file);
	}
	return 0;
}

bool store_blob_parse(const char *path, struct digest *ret)
{
	char name[STORE_PATH_MAX];
	struct digest d;
	const char *slash = strrchr(path, '/');
	if (!slash || !digest_parse_hex(slash + 1, &d) || !streq(store_blob_name(name, &d), path))
		return false;
	*ret = d;
	return true;
}

int blob_remove(struct store *s, const struct digest *d, struct err *err)
{
	char name[STORE_PATH_MAX];
	if (unlinkat(s->fd, store_blob_name(name, d), 0) < 0 && errno != ENOENT)
		return err_sys(err, "cannot remove '%s'", name);
	return 0;
}
