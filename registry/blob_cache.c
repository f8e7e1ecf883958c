/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/blob_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/tmp.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "registry/source.h"
#include "store/blobs.h"

#define DEPTH_MAX 4 /* of indexes in indexes */
#define FILE_MODE 0600
#define NAME_SIZE (DIGEST_STR_MAX + sizeof(".config"))

static const char *name_of(const struct descriptor *d, char *buf)
{
	char text[DIGEST_STR_MAX];
	(void)snprintf(buf, NAME_SIZE, "%s%s", digest_str(&d->digest, text),
		media_kind(d->media_type) == MEDIA_CONFIG ? ".config" : "");
	return buf;
}

static bool has(int dir, const struct descriptor *d)
{
	char name[NAME_SIZE];
	struct stat st;
	return fstatat(dir, name_of(d, name), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == d->size;
}

static int keep_blob(struct store *s, int dir, const struct descriptor *d, struct err *err)
{
	AUTO_TMP struct tmp t = TMP_INIT;
	AUTO_FD int from = -1;
	char name[NAME_SIZE];
	if (has(dir, d) || !blob_has(s, &d->digest, NULL))
		return 0;
	if (blob_open(s, &d->digest, &from, err) < 0 ||
		tmp_open_nameless(&t, dir, FILE_MODE, err) < 0)
		return err->code;
	if (fs_copy_data(from, t.fd, d->size) < 0)
		return err_sys(err, "cannot copy %s", name_of(d, name));
	return tmp_publish(&t, dir, name_of(d, name), false, err);
}

static int keep_manifest(struct store *s, int dir, const struct document *doc, struct err *err)
{
	struct manifest m;
	int r = manifest_parse(doc->data, doc->len, doc->desc.media_type, &m, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m.n_layers && r == 0; i++)
		r = keep_blob(s, dir, &m.layers[i], err);
	if (r == 0)
		r = keep_blob(s, dir, &m.config, err);
	manifest_done(&m);
	return r;
}

static int keep(
	struct store *s, int dir, const struct document *doc, unsigned depth, struct err *err);

static int keep_stored(
	struct store *s, int dir, const struct descriptor *d, unsigned depth, struct err *err)
{
	AUTO_DOCUMENT struct document doc = {0};
	char *data;
	size_t len;
	if (blob_read(s, d, MANIFEST_MAX, &data, &len, err) < 0 ||
		document_make(data, len, d->media_type, d->digest.alg, &doc, err) < 0)
		return err->code;
	return keep(s, dir, &doc, depth, err);
}

/* What an index names and is not here was not moved either. */
static int keep_index(
	struct store *s, int dir, const struct document *doc, unsigned depth, struct err *err)
{
	struct index ix;
	int r = index_parse(doc->data, doc->len, doc->desc.media_type, &ix, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ix.n_manifests && r == 0; i++)
		if (blob_has(s, &ix.manifests[i].digest, NULL))
			r = keep_stored(s, dir, &ix.manifests[i], depth + 1, err);
	index_done(&ix);
	return r;
}

/* The document last: where it is, what it names is as well. */
static int keep(
	struct store *s, int dir, const struct document *doc, unsigned depth, struct err *err)
{
	char name[NAME_SIZE];
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "indexes are nested more than %d deep", DEPTH_MAX);
	int r = media_kind(doc->desc.media_type) == MEDIA_INDEX
	                ? keep_index(s, dir, doc, depth, err)
	                : keep_manifest(s, dir, doc, err);
	if (r < 0 || has(dir, &doc->desc))
		return r;
	return fs_write_file(
		dir, name_of(&doc->desc, name), doc->data, doc->len, FILE_MODE, false, err);
}

static int open_dir(const char *path, int *ret, struct err *err)
{
	if (fs_mkdir_p(path, 0700, err) < 0)
		return err->code;
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, "cannot open '%s'", path) : 0;
}

int blob_cache_keep(struct store *s, const char *dir, const struct document *doc, struct err *err)
{
	AUTO_FD int fd = -1;
	if (open_dir(dir, &fd, err) < 0 || keep(s, fd, doc, 0, err) < 0)
		return err_wrap(err, "blob cache '%s'", dir);
	return 0;
}

int blob_cache_keep_image(
	struct store *s, const char *dir, const struct descriptor *d, struct err *err)
{
	AUTO_FD int fd = -1;
	if (open_dir(dir, &fd, err) < 0 || keep_stored(s, fd, d, 0, err) < 0)
		return err_wrap(err, "blob cache '%s'", dir);
	return 0;
}

int blob_cache_open(const char *dir, const struct descriptor *d)
{
	AUTO_FD int at = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	char name[NAME_SIZE];
	return at >= 0 && has(at, d) ? openat(at, name_of(d, name),
					       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
	                             : -1;
}
