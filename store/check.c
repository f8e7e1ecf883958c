/* SPDX-License-Identifier: Apache-2.0 */
/* fsck: everything in the store against what it claims to be. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/gzip_stream.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/strv.h"
#include "base/zstd_stream.h"
#include "image/media_type.h"
#include "layers/diff.h"
#include "layers/verify.h"
#include "store/blobs.h"
#include "store/containers.h"
#include "store/digest_set.h"
#include "store/dir_list.h"
#include "store/gc.h"
#include "store/images.h"
#include "store/names.h"
#include "store/records_internal.h"
#include "store/store_internal.h"
#include "store/tree.h"

/* Which blob holds the tar of a diff ID, found while images and records are read. */
struct source {
	struct digest diff_id;
	struct digest blob;
	enum compression compression;
};

struct check {
	struct store *store;
	struct check_result *result;
	struct strv *problems;
	struct source *sources;
	size_t n_sources;
	struct digest_set alone; /* diff IDs of layers that records know only as trees */
	struct digest_set bad_blobs, bad_trees, bad_records;
};

static void problem(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void problem(struct check *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	strv_add_take(c->problems, xvasprintf(fmt, ap));
	va_end(ap);
	c->result->problems++;
}

/* Is it the content that is at fault, and not for example a want of descriptors? */
static bool is_damage(const struct err *err)
{
	return err->code != ERR_SYS || err->sys == EIO;
}

static void add_source(struct check *c, const struct digest *diff_id, const struct digest *blob,
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

static bool compression_of(const char *media_type, enum compression *ret)
{
	if (media_kind(media_type) != MEDIA_LAYER)
		return false;
	*ret = str_has_suffix(media_type, "gzip")   ? COMPRESSION_GZIP
	       : str_has_suffix(media_type, "zstd") ? COMPRESSION_ZSTD
	                                            : COMPRESSION_NONE;
	return true;
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
		problem(c, "blob %s: %s", name, err.msg);
		return;
	}
	AUTO_READER struct reader *in = reader_from_fd(fd, "blob");
	hashed_init(&h, want->alg);
	AUTO_READER struct reader *hashing = reader_hashed(in, &h);
	if (stream_drain(hashing, &err) < 0) {
		problem(c, "blob %s: %s", name, err.msg);
		if (is_damage(&err))
			(void)digest_set_add(&c->bad_blobs, want);
		return;
	}
	struct digest got = hash_final(&h.hash);
	c->result->blobs++;
	if (digest_equal(&got, want))
		return;
	problem(c, "blob %s: content has digest %s", name, digest_str(&got, buf));
	(void)digest_set_add(&c->bad_blobs, want);
}

static int check_blobs(struct check *c, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	int r = store_blob_paths(c->store, &files, err);
	STRV_FOREACH (path, &files) {
		struct digest d;
		if (store_blob_parse(*path, &d))
			check_blob(c, &d);
		else
			problem(c, "leftover '%s'", *path);
	}
	return r;
}

/* --- images --- */

static void check_layers(struct check *c, const char *name, const struct image *i)
{
	char buf[DIGEST_STR_MAX];
	for (size_t n = 0; n < i->manifest.n_layers; n++) {
		const struct descriptor *l = &i->manifest.layers[n];
		enum compression compression;
		uint64_t size;
		if (compression_of(l->media_type, &compression))
			add_source(c, &i->config.diff_ids[n], &l->digest, compression);
		if (!blob_has(c->store, &l->digest, &size)) {
			/* it was never fetched, or its step came from a cache: its tree serves as
			 * well */
			if (!tree_has(c->store, &i->config.diff_ids[n]))
				problem(c, "image %s: layer %s is missing", name,
					digest_str(&l->digest, buf));
		} else if (size != l->size) {
			problem(c, "image %s: layer %s has %llu bytes instead of %llu", name,
				digest_str(&l->digest, buf), (unsigned long long)size,
				(unsigned long long)l->size);
		}
	}
}

/* Every manifest of an index that is here; a pull of one platform leaves the others out. */
static void check_document(
	struct check *c, const char *name, const struct descriptor *d, unsigned depth)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	size_t n;
	int kind;

	if (blob_read(c->store, d, MANIFEST_MAX, &text, &n, &err) < 0 ||
		document_kind(text, n, d->media_type, &kind, &err) < 0) {
		problem(c, "image %s: %s", name, err.msg);
		return;
	}
	if (kind == MEDIA_INDEX && depth < 4) {
		struct index ix;
		if (index_parse(text, n, d->media_type, &ix, &err) < 0) {
			problem(c, "image %s: %s", name, err.msg);
			return;
		}
		size_t here = 0;
		for (size_t i = 0; i < ix.n_manifests; i++)
			if (blob_has(c->store, &ix.manifests[i].digest, NULL)) {
				check_document(c, name, &ix.manifests[i], depth + 1);
				here++;
			}
		if (ix.n_manifests && !here)
			problem(c, "image %s: none of its manifests is here", name);
		index_done(&ix);
		return;
	}
	AUTO_IMAGE struct image i = {0};
	if (image_load(c->store, d, NULL, &i, &err) == 0)
		check_layers(c, name, &i);
	else if (err.code != ERR_UNSUPPORTED) /* an attestation or another artifact */
		problem(c, "image %s: %s", name, err.msg);
}

static int check_images(struct check *c, struct err *err)
{
	struct names names;
	int r = names_list(c->store, &names, err);
	if (r == ERR_SYS)
		return r;
	if (r < 0) {
		problem(c, "%s", err->msg);
		err_clear(err);
		return 0;
	}
	for (size_t i = 0; i < names.count; i++) {
		char buf[DIGEST_STR_MAX];
		const struct name *n = &names.n[i];
		check_document(
			c, n->ref ? n->ref : digest_str(&n->manifest.digest, buf), &n->manifest, 0);
		c->result->images++;
	}
	names_done(&names);
	return 0;
}

/* --- working containers --- */

/* Its own files are its user's; the layers below them must be here. */
static void check_container(struct check *c, const struct container *w)
{
	AUTO_IMAGE struct image base = {0};
	AUTO_FREE char *name = xasprintf("below the working container '%s'", w->name);
	struct err err = ERR_INIT;

	if (w->damaged)
		problem(c, "working container %s: %s", w->id, w->damaged);
	if (w->scratch)
		return;
	if (image_load(c->store, &w->manifest, NULL, &base, &err) < 0)
		problem(c, "image %s: %s", name, err.msg);
	else
		check_layers(c, name, &base);
}

static int check_containers(struct check *c, struct err *err)
{
	AUTO_CONTAINERS struct containers l = {0};
	int r = containers_list(c->store, &l, err);

	if (r == ERR_SYS)
		return r;
	if (r < 0) {
		problem(c, "%s", err->msg);
		err_clear(err);
	}
	for (size_t i = 0; i < l.n; i++)
		check_container(c, &l.c[i]);
	return 0;
}

/* --- records --- */

static int check_records(struct check *c, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	int r = dir_list(c->store->fd, STEPS_DIR, &files, err);
	STRV_FOREACH (file, &files) {
		struct err e = ERR_INIT;
		struct record rec;
		struct digest d;
		if (!digest_parse_hex(*file, &d)) {
			problem(c, "leftover '" STEPS_DIR "/%s'", *file);
			continue;
		}
		if (record_read(c->store, *file, &rec, &e) < 0) {
			problem(c, "record %s: %s", *file, e.msg);
			if (is_damage(&e))
				(void)digest_set_add(&c->bad_records, &d);
			continue;
		}
		/* a record whose blob is gone is no damage: it is a miss */
		if (rec.has_layer && digest_is_zero(&rec.layer.blob))
			(void)digest_set_add(&c->alone, &rec.layer.diff_id);
		else if (rec.has_layer && blob_has(c->store, &rec.layer.blob, NULL))
			add_source(c, &rec.layer.diff_id, &rec.layer.blob, rec.compression);
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

static int check_trees(struct check *c, struct err *err)
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
		if (!digest_parse_hex(*name, &key.diff_id)) {
			problem(c, "leftover '" LAYERS_DIR "/%s'", *name);
			continue;
		}
		const struct source *src = c->n_sources
		                                   ? bsearch(&key, c->sources, c->n_sources,
							     sizeof(*c->sources), compare_sources)
		                                   : NULL;
		bool alone = digest_set_has(&c->alone, &key.diff_id);
		/* without its tar it cannot be told; nothing reaches it, the next sweep takes it */
		if (!alone && !(src && blob_has(c->store, &src->blob, NULL)))
			continue;
		if ((alone ? verify_alone(c, &key.diff_id, &found, &e)
			   : verify_tree(c, src, &found, &e)) < 0)
			strv_add(&found, e.msg);
		if (found.n && is_damage(&e))
			(void)digest_set_add(&c->bad_trees, &key.diff_id);
		STRV_FOREACH (line, &found)
			problem(c, "layer %s: %s", digest_str(&key.diff_id, text), *line);
		c->result->layers++;
	}
	return r;
}

/* --- tmp --- */

#define TMP_TRIES 100
#define TMP_WAIT_NS 10000000

/* There, and nobody holds it. */
static bool is_abandoned(const struct check *c, const char *path)
{
	AUTO_FD int fd = openat(c->store->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0)
		return false; /* its owner lives */
	return fstatat(c->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int check_tmp(struct check *c, struct err *err)
{
	AUTO_STRV struct strv ids = STRV_INIT;
	struct err ignored = ERR_INIT;
	int r = dir_list(c->store->fd, TMP_DIR, &ids, err);
	STRV_FOREACH (id, &ids) {
		AUTO_FREE char *path = xasprintf(TMP_DIR "/%s", *id);
		if (!is_abandoned(c, path))
			continue;
		/* its last process may have died since the sweep, and others may be sweeping */
		for (unsigned i = 0; !c->store->read_only && i < TMP_TRIES; i++) {
			sweep_dead(c->store, false, &ignored);
			if (!is_abandoned(c, path))
				break;
			(void)nanosleep(&(struct timespec){.tv_nsec = TMP_WAIT_NS}, NULL);
		}
		if (is_abandoned(c, path))
			problem(c, "leftover '%s'", path);
	}
	return r;
}

static int check_all(struct check *c, struct err *err)
{
	int r;
	if ((r = check_blobs(c, err)) < 0 || (r = check_images(c, err)) < 0 ||
		(r = check_containers(c, err)) < 0 || (r = check_records(c, err)) < 0 ||
		(r = check_trees(c, err)) < 0)
		return r;
	return check_tmp(c, err);
}

/* --- repair --- */

/* A tree whose blob is damaged is in its set as well: it could not be verified. */
static int remove_bad(struct check *c, const struct digest_set *bad,
	int (*remove_one)(struct store *s, const struct digest *d, struct err *err),
	struct err *err)
{
	for (size_t i = 0; i < bad->cap; i++) {
		int r = digest_is_zero(&bad->slot[i]) ? 0
		                                      : remove_one(c->store, &bad->slot[i], err);
		if (r < 0)
			return r;
		c->result->removed += !digest_is_zero(&bad->slot[i]);
	}
	return 0;
}

static int repair(struct check *c, struct err *err)
{
	int r;
	if ((r = remove_bad(c, &c->bad_records, record_remove, err)) < 0 ||
		(r = remove_bad(c, &c->bad_trees, tree_remove, err)) < 0)
		return r;
	return remove_bad(c, &c->bad_blobs, blob_remove, err);
}

static int run(struct store *s, bool repairs, struct check_result *ret, struct strv *problems,
	struct err *err)
{
	struct check_result result = {0};
	struct check c = {.store = s, .result = &result, .problems = problems};
	struct err ignored = ERR_INIT;
	AUTO_FD int lock = -1;
	int r = 0;

	/* sweeps what the dead left, and keeps others from sweeping under our feet; with a store
	 * that is only read, both are its owner's business */
	if (!s->read_only) {
		if ((r = recover_after_boot(s, err)) < 0 ||
			(r = store_lock(s, "gc.lock", repairs ? LOCK_EXCLUSIVE : LOCK_SHARED,
				 !repairs, &lock, err)) < 0)
			return r == ERR_BUSY ? err_set(err, r,
						       "cannot repair the store while "
						       "other processes use it")
			                     : r;
		sweep_dead(s, repairs, &ignored); /* what is left of them is found below */
	}
	r = check_all(&c, err);
	if (r == 0 && repairs)
		r = repair(&c, err);
	free(c.sources);
	digest_set_done(&c.bad_blobs);
	digest_set_done(&c.alone);
	digest_set_done(&c.bad_trees);
	digest_set_done(&c.bad_records);
	if (r == 0)
		*ret = result;
	return r;
}

int store_check(struct store *s, struct check_result *ret, struct strv *problems, struct err *err)
{
	return run(s, false, ret, problems, err);
}

int store_repair(struct store *s, struct check_result *ret, struct strv *problems, struct err *err)
{
	if (s->read_only)
		return err_set(
			err, ERR_DENIED, "the store '%s' was opened for reading only", s->path);
	store_scratch_end(s);
	return run(s, true, ret, problems, err);
}
