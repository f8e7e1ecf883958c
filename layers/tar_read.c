/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tar_read.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

/*
 * libarchive is loaded when the first archive is opened: with what it depends on (libxml2, ICU,
 * libstdc++ ...) it would cost two milliseconds at every start of the program. Once loaded it
 * stays.
 */
#define FUNCTIONS(X)                                                                               \
	X(entry_gid)                                                                               \
	X(entry_hardlink)                                                                          \
	X(entry_mode)                                                                              \
	X(entry_mtime)                                                                             \
	X(entry_mtime_nsec)                                                                        \
	X(entry_pathname)                                                                          \
	X(entry_rdevmajor)                                                                         \
	X(entry_rdevminor)                                                                         \
	X(entry_size)                                                                              \
	X(entry_symlink)                                                                           \
	X(entry_uid)                                                                               \
	X(entry_xattr_next)                                                                        \
	X(entry_xattr_reset)                                                                       \
	X(error_string)                                                                            \
	X(read_data_block)                                                                         \
	X(read_free)                                                                               \
	X(read_new)                                                                                \
	X(read_next_header)                                                                        \
	X(read_open)                                                                               \
	X(read_set_format_option)                                                                  \
	X(read_support_filter_bzip2)                                                               \
	X(read_support_filter_xz)                                                                  \
	X(read_support_format_empty)                                                               \
	X(read_support_format_tar)                                                                 \
	X(set_error)

static struct {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): name is a name */
#define MEMBER(name) __typeof__(archive_##name) *name;
	FUNCTIONS(MEMBER)
#undef MEMBER
	bool loaded;
} lib;

int tar_read_prepare(struct err *err)
{
	if (lib.loaded)
		return 0;
	void *handle = dlopen(MICA_LIBARCHIVE, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return err_set(
			err, ERR_UNSUPPORTED, "cannot load %s: %s", MICA_LIBARCHIVE, dlerror());
#define LOAD(name)                                                                                 \
	{                                                                                          \
		void *symbol = dlsym(handle, "archive_" #name);                                    \
		if (!symbol)                                                                       \
			return err_set(                                                            \
				err, ERR_UNSUPPORTED, "%s: %s", MICA_LIBARCHIVE, dlerror());       \
		memcpy(&lib.name, &symbol, sizeof(symbol));                                        \
	}
	FUNCTIONS(LOAD)
#undef LOAD
	lib.loaded = true;
	return 0;
}

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
		lib.set_error(a, EIO, "%s", t->below.msg);
	*ret = t->buf;
	return n;
}

static int fail(struct tar_reader *t, struct err *err)
{
	if (t->below.code) {
		*err = t->below;
		return err->code;
	}
	const char *why = lib.error_string(t->a);
	return err_set(err, ERR_CORRUPT, "damaged tar archive: %s", why ? why : "unknown format");
}

/* A build of libarchive without a decompressor falls back to an external program, with a warning
 * here: never that. */
static int add_filters(struct archive *a, struct err *err)
{
	if (lib.read_support_filter_bzip2(a) != ARCHIVE_OK)
		return err_set(err, ERR_UNSUPPORTED, "libarchive is built without bzip2");
	if (lib.read_support_filter_xz(a) != ARCHIVE_OK)
		return err_set(err, ERR_UNSUPPORTED, "libarchive is built without xz");
	return 0;
}

int tar_reader_open(struct reader *in, int flags, struct tar_reader **ret, struct err *err)
{
	if (tar_read_prepare(err) < 0)
		return err->code;
	struct tar_reader *t = xmalloc(sizeof(*t));
	memset(t, 0, offsetof(struct tar_reader, xattrs));
	t->in = in;
	t->c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	t->a = lib.read_new();
	int ret_code = 0;
	if (!t->a || !t->c_locale)
		ret_code = err_set(err, ERR_SYS, "cannot start libarchive");
	else if (flags & TAR_READ_FILTERS)
		ret_code = add_filters(t->a, err);
	if (ret_code == 0) {
		(void)lib.read_support_format_tar(t->a);
		(void)lib.read_support_format_empty(t->a);
		/* "._name" entries are files like any other */
		(void)lib.read_set_format_option(t->a, "tar", "mac-ext", NULL);
		if (lib.read_open(t->a, t, NULL, read_below, NULL) != ARCHIVE_OK)
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
		lib.read_free(t->a);
	if (t->c_locale)
		freelocale(t->c_locale);
	free(t);
}

static int fill_xattrs(
	struct tar_reader *t, struct archive_entry *e, struct tar_entry *ret, struct err *err)
{
	ret->xattrs = t->xattrs;
	int n = lib.entry_xattr_reset(e);
	if (n > XATTRS_MAX)
		return err_set(
			err, ERR_LIMIT, "'%s' has more than %d attributes", ret->path, XATTRS_MAX);
	const char *name;
	const void *value;
	size_t len;
	while (n-- > 0 && lib.entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
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
		.path = lib.entry_pathname(e),
		.link = lib.entry_hardlink(e),
		.mode = lib.entry_mode(e),
		.mtime = lib.entry_mtime(e),
		.mtime_ns = (uint32_t)lib.entry_mtime_nsec(e),
		.major = (uint32_t)lib.entry_rdevmajor(e),
		.minor = (uint32_t)lib.entry_rdevminor(e),
	};
	if (!ret->path)
		return err_set(err, ERR_CORRUPT, "damaged tar archive: entry without a name");
	la_int64_t uid = lib.entry_uid(e), gid = lib.entry_gid(e), size = lib.entry_size(e);
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
		const char *target = lib.entry_symlink(e);
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
	int r = lib.read_next_header(t->a, &e);
	if (r == ARCHIVE_WARN) {
		/* names that are not ASCII warn, and come through as bytes; a broken pax header
		 * also only warns */
		const char *why = lib.error_string(t->a);
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
	int r = lib.read_data_block(t->a, ret_data, ret_n, &offset);
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
