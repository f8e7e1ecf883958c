/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tar_read.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define READ_BUF (256 * KIB)
#define XATTRS_MAX 256 /* of one entry */

struct tar_reader {
	struct archive *a;
	struct reader *in;
	struct err below; /* what `in` failed with */
	uint64_t size; /* of the current entry */
	uint64_t end; /* of its pieces so far */
	/*
	 * libarchive converts pax names from UTF-8 to the locale's character set, and in a UTF-8
	 * locale it composes them on the way (NFD becomes NFC), which changes names. In the C
	 * locale the conversion of anything but ASCII fails and it falls back to the bytes.
	 */
	locale_t c_locale;
	struct xattr xattrs[XATTRS_MAX];
	char buf[READ_BUF];
};

static la_ssize_t read_below(struct archive *a, void *arg, const void **ret)
{
	struct tar_reader *t = arg;
	ssize_t n = reader_read(t->in, t->buf, sizeof(t->buf), &t->below);
	if (n < 0)
		archive_set_error(a, EIO, "%s", t->below.msg);
	*ret = t->buf;
	return n;
}

static int fail(struct tar_reader *t, struct err *err)
{
	if (t->below.code) {
		*err = t->below;
		return err->code;
	}
	const char *why = archive_error_string(t->a);
	return err_set(err, ERR_CORRUPT, "damaged tar archive: %s", why ? why : "unknown format");
}

/* A build of libarchive without a decompressor falls back to an external program, with a warning
 * here: never that. */
static int add_filters(struct archive *a, struct err *err)
{
	if (archive_read_support_filter_bzip2(a) != ARCHIVE_OK)
		return err_set(err, ERR_UNSUPPORTED, "libarchive is built without bzip2");
	if (archive_read_support_filter_xz(a) != ARCHIVE_OK)
		return err_set(err, ERR_UNSUPPORTED, "libarchive is built without xz");
	return 0;
}

int tar_reader_open(struct reader *in, int flags, struct tar_reader **ret, struct err *err)
{
	struct tar_reader *t = xmalloc(sizeof(*t));
	memset(t, 0, offsetof(struct tar_reader, xattrs));
	t->in = in;
	t->c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	t->a = archive_read_new();
	int ret_code = 0;
	if (!t->a || !t->c_locale)
		ret_code = err_set(err, ERR_SYS, "cannot start libarchive");
	else if (flags & TAR_READ_FILTERS)
		ret_code = add_filters(t->a, err);
	if (ret_code == 0) {
		(void)archive_read_support_format_tar(t->a);
		(void)archive_read_support_format_empty(t->a);
		/* "._name" entries are files like any other */
		(void)archive_read_set_format_option(t->a, "tar", "mac-ext", NULL);
		if (archive_read_open(t->a, t, NULL, read_below, NULL) != ARCHIVE_OK)
			ret_code = fail(t, err);
	}
	if (ret_code < 0) {
		tar_reader_free(t);
		return ret_code;
	}
	*ret = t;
	return 0;
}

void tar_reader_free(struct tar_reader *t)
{
	if (!t)
		return;
	if (t->a)
		archive_read_free(t->a);
	if (t->c_locale)
		freelocale(t->c_locale);
	free(t);
}

static int fill_xattrs(
	struct tar_reader *t, struct archive_entry *e, struct tar_entry *ret, struct err *err)
{
	ret->xattrs = t->xattrs;
	int n = archive_entry_xattr_reset(e);
	if (n > XATTRS_MAX)
		return err_set(
			err, ERR_LIMIT, "'%s' has more than %d attributes", ret->path, XATTRS_MAX);
	const char *name;
	const void *value;
	size_t len;
	while (n-- > 0 && archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		if (!name)
			continue;
		struct xattr *x = &t->xattrs[ret->n_xattrs++];
		/* borrowed: set by setxattr(2) only, which does not write to them */
		memcpy(&x->name, &name, sizeof(name));
		memcpy(&x->value, &value, sizeof(value));
		x->len = len;
	}
	return 0;
}

static int fill(
	struct tar_reader *t, struct archive_entry *e, struct tar_entry *ret, struct err *err)
{
	*ret = (struct tar_entry){
		.path = archive_entry_pathname(e),
		.link = archive_entry_hardlink(e),
		.mode = archive_entry_mode(e),
		.mtime = archive_entry_mtime(e),
		.mtime_ns = (uint32_t)archive_entry_mtime_nsec(e),
		.major = (uint32_t)archive_entry_rdevmajor(e),
		.minor = (uint32_t)archive_entry_rdevminor(e),
	};
	if (!ret->path)
		return err_set(err, ERR_CORRUPT, "damaged tar archive: entry without a name");
	la_int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e),
		   size = archive_entry_size(e);
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_set(err, ERR_INVALID, "'%s': owner %lld:%lld is out of range", ret->path,
			(long long)uid, (long long)gid);
	if (size < 0)
		return err_set(err, ERR_CORRUPT, "'%s': negative size", ret->path);
	ret->uid = (uint64_t)uid;
	ret->gid = (uint64_t)gid;
	ret->hardlink = ret->link != NULL;
	if (S_ISREG(ret->mode) && !ret->hardlink)
		ret->size = (uint64_t)size;
	if (S_ISLNK(ret->mode)) {
		/* with an empty link field and a pax record, as Go writes targets without ASCII,
		 * libarchive says "hard link" */
		const char *target = archive_entry_symlink(e);
		ret->link = target ? target : ret->link;
		ret->hardlink = false;
		if (!ret->link)
			return err_set(err, ERR_CORRUPT, "'%s': symbolic link without a target",
				ret->path);
	}
	t->size = ret->size;
	return fill_xattrs(t, e, ret, err);
}

int tar_reader_next(struct tar_reader *t, struct tar_entry *ret, struct err *err)
{
	struct archive_entry *e;
	t->end = 0;
	locale_t before = uselocale(t->c_locale);
	int r = archive_read_next_header(t->a, &e);
	if (r == ARCHIVE_WARN) {
		/* names that are not ASCII warn, and come through as bytes; a broken pax header
		 * also only warns */
		const char *why = archive_error_string(t->a);
		if (why && strstr(why, "malformed"))
			r = ARCHIVE_FATAL;
	}
	int ret_code;
	if (r == ARCHIVE_EOF)
		ret_code = 0;
	else if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		ret_code = fail(t, err);
	else
		ret_code = fill(t, e, ret, err) < 0 ? err->code : 1;
	(void)uselocale(before);
	return ret_code;
}

int tar_reader_data(struct tar_reader *t, const void **ret_data, size_t *ret_n,
	uint64_t *ret_offset, struct err *err)
{
	la_int64_t offset;
	int r = archive_read_data_block(t->a, ret_data, ret_n, &offset);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return fail(t, err);
	/* a damaged map of a sparse file may go back */
	if (offset < 0 || (uint64_t)offset < t->end)
		return err_set(
			err, ERR_CORRUPT, "damaged tar archive: pieces of a sparse file overlap");
	if ((uint64_t)offset > t->size || *ret_n > t->size - (uint64_t)offset)
		return err_set(
			err, ERR_CORRUPT, "damaged tar archive: more content than the size says");
	*ret_offset = (uint64_t)offset;
	t->end = *ret_offset + *ret_n;
	return 1;
}

int tar_reader_drain(struct tar_reader *t, struct err *err)
{
	for (;;) {
		ssize_t n = reader_read(t->in, t->buf, sizeof(t->buf), err);
		if (n <= 0)
			return (int)n;
	}
}
