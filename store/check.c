/* SPDX-License-Identifier: Apache-2.0 */
/* fsck: everything in the store against what it claims to be. */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/strv.h"
#include "store/blobs.h"
#include "store/check_internal.h"
#include "store/digest_set.h"
#include "store/store_internal.h"

void check_problem(struct check *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *line = xvasprintf(fmt, ap);
	va_end(ap);
	/* whoever reads it is at it already */
	char *hint = strstr(line, STORE_MEND);
	if (hint)
		memmove(hint, hint + strlen(STORE_MEND), strlen(hint + strlen(STORE_MEND)) + 1);
	strv_add_take(c->problems, line);
	c->result->problems++;
}

void check_leftover(struct check *c, const char *path)
{
	check_problem(c, "leftover '%s'", path);
	strv_add(&c->leftovers, path);
}

bool check_is_regular(const struct check *c, const char *path)
{
	struct stat st;
	return fstatat(c->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

bool check_is_there(const struct check *c, const char *path)
{
	return faccessat(c->store->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool check_is_dir(const struct check *c, const char *path)
{
	struct stat st;
	return fstatat(c->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* --- blobs --- */

static void check_blob(struct check *c, const struct digest *want)
{
	struct err err = ERR_INIT;
	struct hashed h;
	char name[DIGEST_STR_MAX], buf[DIGEST_STR_MAX];
	AUTO_FD int fd = -1;

	digest_str(want, name);
	if (blob_open(c->store, want, &fd, &err) < 0) {
		check_problem(c, "blob %s: %s", name, err.msg);
		return;
	}
	AUTO_READER struct reader *in = reader_from_fd(fd, "blob");
	hashed_init(&h, want->alg);
	AUTO_READER struct reader *hashing = reader_hashed(in, &h);
	if (stream_drain(hashing, &err) < 0) {
		check_problem(c, "blob %s: %s", name, err.msg);
		if (store_is_damage(&err))
			(void)digest_set_add(&c->bad_blobs, want);
		return;
	}
	struct digest got = hash_final(&h.hash);
	c->result->blobs++;
	if (digest_equal(&got, want))
		return;
	check_problem(c, "blob %s: content has digest %s", name, digest_str(&got, buf));
	(void)digest_set_add(&c->bad_blobs, want);
}

static int check_blobs(struct check *c, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	int r = store_blob_paths(c->store, &files, err);
	STRV_FOREACH (path, &files) {
		struct digest d;
		if (store_blob_parse(*path, &d) && check_is_regular(c, *path))
			check_blob(c, &d);
		else
			check_leftover(c, *path);
	}
	return r;
}

int check_all(struct check *c, struct err *err)
{
	static int (*const parts[])(struct check * c, struct err * err) = {check_blobs,
		check_images, check_containers, check_records, check_mounts, check_notes,
		check_strangers, check_trees, check_tmp};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int r = parts[i](c, err);
		if (r < 0 && !(c->bad_shape && (store_is_damage(err) || store_is_closed(err))))
			return r;
		err_clear(err);
	}
	return 0;
}
