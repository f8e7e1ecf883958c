/* SPDX-License-Identifier: Apache-2.0 */
/* fsck: cache records, and unpacked layers against the tars that they came from. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/gzip_stream.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/strv.h"
#include "base/zstd_stream.h"
#include "layers/diff.h"
#include "layers/verify.h"
#include "store/blobs.h"
#include "store/check_internal.h"
#include "store/digest_set.h"
#include "store/dir_list.h"
#include "store/records_internal.h"
#include "store/store_internal.h"
#include "store/tree.h"

/* Which blob holds the tar of a diff ID, found while images and records are read. */
struct source {
	struct digest diff_id;
	struct digest blob;
	enum compression compression;
};

void check_add_source(struct check *c, const struct digest *diff_id, const struct digest *blob,
	enum compression compression)
{
	c->sources = xreallocarray(c->sources, c->n_sources + 1, sizeof(*c->sources));
	c->sources[c->n_sources++] =
		(struct source){.diff_id = *diff_id, .blob = *blob, .compression = compression};
}

static int compare_sources(const void *a, const void *b)
{
	return digest_cmp(
		&((const struct source *)a)->diff_id, &((const struct source *)b)->diff_id);
}

/* --- records --- */

int check_records(struct check *c, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	int r = dir_list(c->store->fd, STEPS_DIR, &files, err);
	STRV_FOREACH (file, &files) {
		struct err e = ERR_INIT;
		struct record rec;
		struct digest d;
		AUTO_FREE char *path = xasprintf(STEPS_DIR "/%s", *file);
		if (!digest_parse_hex(*file, &d) || !check_is_regular(c, path)) {
			if (check_is_there(c, path))
				check_leftover(c, path);
			continue;
		}
		if (record_read(c->store, *file, &rec, &e) < 0) {
			check_problem(c, "record %s: %s", *file, e.msg);
			if (store_is_damage(&e))
				(void)digest_set_add(&c->bad_records, &d);
			continue;
		}
		/* a record whose blob is gone is no damage: it is a miss; an image may need the
		 * tree, of which the step's tar can be made again */
		if (rec.has_layer && blob_has(c->store, &rec.layer.blob, NULL))
			check_add_source(c, &rec.layer.diff_id, &rec.layer.blob, rec.compression);
		else if (rec.has_layer)
			(void)digest_set_add(&c->alone, &rec.layer.diff_id);
		record_done(&rec);
		c->result->records++;
	}
	return r;
}

/* --- unpacked layers --- */

static int open_tree(struct check *c, const struct digest *diff_id, int *ret, struct err *err)
{
	AUTO_FD int opath = -1;
	int r = tree_open(c->store, diff_id, &opath, err);
	if (r < 0)
		return r;
	*ret = openat(opath, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, "cannot open it") : 0;
}

/* Without a blob of its tar the tar is made again. */
static int verify_alone(
	struct check *c, const struct digest *diff_id, struct strv *found, struct err *err)
{
	const struct diff_opts opts = {.compression = COMPRESSION_NONE};
	AUTO_WRITER struct writer *nowhere = writer_null();
	AUTO_FD int dir = -1;
	struct layer layer;
	int r = open_tree(c, diff_id, &dir, err);
	if (r == 0)
		r = layer_diff(dir, &opts, nowhere, &layer, err);
	if (r == 0 && !digest_equal(&layer.diff_id, diff_id))
		strv_add(found, "is not what the step made");
	return r;
}

static int verify_tree(
	struct check *c, const struct source *src, struct strv *found, struct err *err)
{
	AUTO_FD int fd = -1, dir = -1;
	int r;
	if ((r = blob_open(c->store, &src->blob, &fd, err)) < 0 ||
		(r = open_tree(c, &src->diff_id, &dir, err)) < 0)
		return r;
	AUTO_READER struct reader *file = reader_from_fd(fd, "layer");
	AUTO_READER struct reader *plain = NULL;
	if (src->compression == COMPRESSION_GZIP)
		plain = reader_gunzip(file);
	else if (src->compression == COMPRESSION_ZSTD)
		plain = reader_unzstd(file);
	return layer_verify(plain ? plain : file, dir, found, err);
}

int check_trees(struct check *c, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(c->store->fd, LAYERS_DIR, &names, err);
	if (c->n_sources)
		qsort(c->sources, c->n_sources, sizeof(*c->sources), compare_sources);
	STRV_FOREACH (name, &names) {
		AUTO_STRV struct strv found = STRV_INIT;
		struct err e = ERR_INIT;
		struct source key = {0};
		char text[DIGEST_STR_MAX];
		AUTO_FREE char *path = xasprintf(LAYERS_DIR "/%s", *name);
		if (!digest_parse_hex(*name, &key.diff_id) || !check_is_dir(c, path)) {
			check_leftover(c, path);
			continue;
		}
		const struct source *src = c->n_sources
		                                   ? bsearch(&key, c->sources, c->n_sources,
							     sizeof(*c->sources), compare_sources)
		                                   : NULL;
		bool bad = src && digest_set_has(&c->bad_blobs, &src->blob);
		bool has_tar = src && !bad && blob_has(c->store, &src->blob, NULL);
		/* of a damaged blob's tree the tar may be made again */
		bool alone = !has_tar && (bad || digest_set_has(&c->alone, &key.diff_id));
		/* another's tar cannot be made again; nothing tells what is wrong with its tree */
		if (!alone && !has_tar)
			continue;
		if ((alone ? verify_alone(c, &key.diff_id, &found, &e)
			   : verify_tree(c, src, &found, &e)) < 0)
			strv_add(&found, e.msg);
		if (found.n && store_is_damage(&e))
			(void)digest_set_add(&c->bad_trees, &key.diff_id);
		STRV_FOREACH (line, &found)
			check_problem(c, "layer %s: %s", digest_str(&key.diff_id, text), *line);
		c->result->layers++;
	}
	return r;
}
