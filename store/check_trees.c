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

static bool has_good_blob(const struct check *c, const struct digest *blob)
{
	return blob_has(c->store, blob, NULL) && !digest_set_has(&c->bad_blobs, blob);
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
		if (rec.has_layer && has_good_blob(c, &rec.layer.blob))
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

/* Without a blob of its tar the tar is made again. Of a step's tree that shows what is wrong; the
 * tar of another's may never have been one that is made like that: *ret_unsure. */
static int verify_alone(struct check *c, const struct digest *diff_id, struct strv *found,
	bool *ret_unsure, struct err *err)
{
	const struct diff_opts opts = {.compression = COMPRESSION_NONE};
	AUTO_WRITER struct writer *nowhere = writer_null();
	AUTO_FD int dir = -1;
	struct layer layer = {0};
	int r = open_tree(c, diff_id, &dir, err);
	if (r == 0)
		r = layer_diff(dir, &opts, nowhere, &layer, err);
	if (r < 0 || digest_equal(&layer.diff_id, diff_id))
		return r;
	*ret_unsure = !digest_set_has(&c->alone, diff_id);
	strv_add(found, *ret_unsure ? "cannot be checked, as its blob is gone or damaged: pull an "
				      "image that has it again"
				    : "is not what the step made");
	return 0;
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

/* Those that images and records name, good ones first. NULL: nothing needs it, or it is a tree of
 * which only records know. */
static const struct source *find_source(const struct check *c, const struct digest *diff_id)
{
	const struct source key = {.diff_id = *diff_id};
	const struct source *end = c->sources + c->n_sources, *any, *s;
	any = c->n_sources ? bsearch(&key, c->sources, c->n_sources, sizeof(*any), compare_sources)
	                   : NULL;
	if (!any)
		return NULL;
	while (any > c->sources && compare_sources(any - 1, &key) == 0)
		any--;
	for (s = any; s < end && compare_sources(s, &key) == 0; s++)
		if (has_good_blob(c, &s->blob))
			return s;
	return any;
}

static void check_tree(struct check *c, const struct digest *diff_id)
{
	const struct source *src = find_source(c, diff_id);
	AUTO_STRV struct strv found = STRV_INIT;
	struct err e = ERR_INIT;
	char text[DIGEST_STR_MAX];
	/* what nobody names may be somebody's who has just unpacked it */
	if (!src && !digest_set_has(&c->alone, diff_id))
		return;
	bool alone = !src || !has_good_blob(c, &src->blob), unsure = false;
	if ((alone ? verify_alone(c, diff_id, &found, &unsure, &e)
		   : verify_tree(c, src, &found, &e)) < 0)
		strv_add(&found, e.msg);
	if (found.n && !unsure && store_is_damage(&e))
		(void)digest_set_add(&c->bad_trees, diff_id);
	STRV_FOREACH (line, &found)
		check_problem(c, "layer %s: %s", digest_str(diff_id, text), *line);
	c->result->layers++;
}

int check_trees(struct check *c, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(c->store->fd, LAYERS_DIR, &names, err);
	if (c->n_sources)
		qsort(c->sources, c->n_sources, sizeof(*c->sources), compare_sources);
	STRV_FOREACH (name, &names) {
		struct digest diff_id;
		AUTO_FREE char *path = xasprintf(LAYERS_DIR "/%s", *name);
		if (digest_parse_hex(*name, &diff_id) && check_is_dir(c, path))
			check_tree(c, &diff_id);
		else
			check_leftover(c, path);
	}
	return r;
}
