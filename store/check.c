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
#include "store/cache_mounts.h"
#include "store/check_internal.h"
#include "store/containers.h"
#include "store/digest_set.h"
#include "store/dir_list.h"
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

static bool is_regular(const struct check *c, const char *path)
{
	struct stat st;
	return fstatat(c->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static bool is_there(const struct check *c, const char *path)
{
	return faccessat(c->store->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_dir(const struct check *c, const char *path)
{
	struct stat st;
	return fstatat(c->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Of an image: what is not damaged may be read the next time. */
static void image_problem(struct check *c, const char *name, const struct err *err)
{
	check_problem(c, "image %s: %s", name, err->msg);
	c->unsure |= !store_is_damage(err);
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
		if (store_blob_parse(*path, &d) && is_regular(c, *path))
			check_blob(c, &d);
		else
			check_leftover(c, *path);
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
				check_problem(c, "image %s: layer %s is missing", name,
					digest_str(&l->digest, buf));
		} else if (size != l->size) {
			check_problem(c, "image %s: layer %s has %llu bytes instead of %llu", name,
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
		image_problem(c, name, &err);
		return;
	}
	if (kind == MEDIA_INDEX && depth < 4) {
		struct index ix;
		if (index_parse(text, n, d->media_type, &ix, &err) < 0) {
			image_problem(c, name, &err);
			return;
		}
		size_t here = 0;
		for (size_t i = 0; i < ix.n_manifests; i++)
			if (blob_has(c->store, &ix.manifests[i].digest, NULL)) {
				check_document(c, name, &ix.manifests[i], depth + 1);
				here++;
			}
		if (ix.n_manifests && !here)
			check_problem(c, "image %s: none of its manifests is here", name);
		index_done(&ix);
		return;
	}
	AUTO_IMAGE struct image i = {0};
	if (image_load(c->store, d, NULL, &i, &err) == 0)
		check_layers(c, name, &i);
	else if (err.code != ERR_UNSUPPORTED) /* an attestation or another artifact */
		image_problem(c, name, &err);
}

bool image_is_whole(struct store *s, const struct descriptor *d)
{
	AUTO_STRV struct strv problems = STRV_INIT;
	struct check_result result = {0};
	struct check c = {.store = s, .result = &result, .problems = &problems};
	check_document(&c, "", d, 0);
	free(c.sources);
	return !result.problems || c.unsure;
}

static int check_images(struct check *c, struct err *err)
{
	struct names names;
	int r = names_list(c->store, &names, err);
	if (r < 0 && !store_is_damage(err))
		return r;
	if (r < 0) {
		if (!c->bad_index)
			check_problem(c, "%s", err->msg);
		c->bad_index = true;
		err_clear(err);
		return 0;
	}
	uint64_t before = c->result->problems;
	for (size_t i = 0; i < names.count; i++) {
		char buf[DIGEST_STR_MAX];
		const struct name *n = &names.n[i];
		check_document(
			c, n->ref ? n->ref : digest_str(&n->manifest.digest, buf), &n->manifest, 0);
		c->result->images++;
	}
	c->bad_images = c->result->problems > before;
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

	if (w->damaged && !strv_has(&c->bad_containers, w->id)) {
		check_problem(c, "working container %s: %s", w->id, w->damaged);
		strv_add(&c->bad_containers, w->id);
	}
	if (w->scratch)
		return;
	if (image_load(c->store, &w->manifest, NULL, &base, &err) < 0)
		check_problem(c, "image %s: %s", name, err.msg);
	else
		check_layers(c, name, &base);
}

/* Its directory, before what is in it is read. */
static void check_container_dir(struct check *c, const char *id)
{
	AUTO_FREE char *path = xasprintf(CONTAINERS_DIR "/%s", id),
		       *doc = xasprintf("%s/container.json", path),
		       *uses = xasprintf("%s/uses", path), *upper = xasprintf("%s/upper", path);
	struct digest as_id;
	if (!digest_parse_hex(id, &as_id) || !is_dir(c, path)) {
		if (is_there(c, path))
			check_leftover(c, path);
		return;
	}
	const char *what = !is_regular(c, doc)    ? "it has no description"
	                   : !is_regular(c, uses) ? "what it needs is not noted"
	                   : !is_dir(c, upper)    ? "its files are gone"
	                                          : NULL;
	/* it may have been removed just now */
	if (!what || !is_there(c, path))
		return;
	check_problem(c, "working container %s: %s", id, what);
	strv_add(&c->bad_containers, id);
}

static int check_containers(struct check *c, struct err *err)
{
	AUTO_CONTAINERS struct containers l = {0};
	AUTO_STRV struct strv ids = STRV_INIT;
	int r = dir_list(c->store->fd, CONTAINERS_DIR, &ids, err);
	STRV_FOREACH (id, &ids)
		check_container_dir(c, *id);
	if (r == 0)
		r = containers_list(c->store, &l, err);
	for (size_t i = 0; i < l.n; i++)
		check_container(c, &l.c[i]);
	return r;
}

/* --- cache mounts, and the files of the cache that nothing depends on --- */

static void check_mount(struct check *c, const char *name, struct err *err)
{
	AUTO_FREE char *path = xasprintf(MOUNTS_DIR "/%s", name);
	AUTO_STRV struct strv files = STRV_INIT;
	struct digest d;
	if (!digest_parse_hex(name, &d) || !is_dir(c, path)) {
		if (is_there(c, path))
			check_leftover(c, path);
		return;
	}
	if (dir_list(c->store->fd, path, &files, err) < 0)
		return;
	STRV_FOREACH (file, &files) {
		AUTO_FREE char *inner = xasprintf("%s/%s", path, *file);
		const char *after = *file + strspn(*file, "0123456789");
		bool data = after > *file && !*after, lock = after > *file && streq(after, ".lock"),
		     id = streq(*file, "id");
		bool wrong = (data && !is_dir(c, inner)) ||
		             ((lock || id) && !is_regular(c, inner)) ||
		             (id && !cache_mount_has_id(c->store, name));
		/* it may have gone just now */
		if (wrong && is_there(c, inner))
			check_leftover(c, inner);
	}
}

static int check_mounts(struct check *c, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(c->store->fd, MOUNTS_DIR, &names, err);
	STRV_FOREACH (name, &names) {
		struct err gone = ERR_INIT;
		check_mount(c, *name, &gone);
	}
	return r;
}

static int check_notes(struct check *c, struct err *err)
{
	static const char *const dirs[] = {STAT_DIR, STAGES_DIR, LISTS_DIR};
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		AUTO_STRV struct strv files = STRV_INIT;
		int r = dir_list(c->store->fd, dirs[i], &files, err);
		if (r < 0)
			return r;
		STRV_FOREACH (file, &files) {
			AUTO_FREE char *path = xasprintf("%s/%s", dirs[i], *file);
			struct digest d;
			if ((!digest_parse_hex(*file, &d) || !is_regular(c, path)) &&
				is_there(c, path))
				check_leftover(c, path);
		}
	}
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
		AUTO_FREE char *path = xasprintf(STEPS_DIR "/%s", *file);
		if (!digest_parse_hex(*file, &d) || !is_regular(c, path)) {
			if (is_there(c, path))
				check_leftover(c, path);
			continue;
		}
		if (record_read(c->store, *file, &rec, &e) < 0) {
			check_problem(c, "record %s: %s", *file, e.msg);
			if (store_is_damage(&e))
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
		AUTO_FREE char *path = xasprintf(LAYERS_DIR "/%s", *name);
		if (!digest_parse_hex(*name, &key.diff_id) || !is_dir(c, path)) {
			check_leftover(c, path);
			continue;
		}
		const struct source *src = c->n_sources
		                                   ? bsearch(&key, c->sources, c->n_sources,
							     sizeof(*c->sources), compare_sources)
		                                   : NULL;
		/* of a damaged blob's tree the tar may be made again */
		bool alone = digest_set_has(&c->alone, &key.diff_id) ||
		             (src && digest_set_has(&c->bad_blobs, &src->blob));
		/* without its tar it cannot be told; nothing reaches it, the next sweep takes it */
		if (!alone && !(src && blob_has(c->store, &src->blob, NULL)))
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
			check_leftover(c, path);
	}
	return r;
}

int check_all(struct check *c, struct err *err)
{
	static int (*const parts[])(struct check * c, struct err * err) = {check_blobs,
		check_images, check_containers, check_records, check_mounts, check_notes,
		check_trees, check_tmp};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int r = parts[i](c, err);
		if (r < 0 && !(c->bad_shape && store_is_damage(err)))
			return r;
		err_clear(err);
	}
	return 0;
}
