/* SPDX-License-Identifier: Apache-2.0 */
#include "store/names.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/index_file.h"
#include "store/store_internal.h"
#include "store/used.h"

/* For changes. */
static int lock_names(struct store *s, int *ret_fd, struct err *err)
{
	if (s->read_only)
		return err_set(
			err, ERR_DENIED, "the store '%s' was opened for reading only", s->path);
	return store_lock(s, "lock", LOCK_EXCLUSIVE, true, ret_fd, err);
}

static void name_done(struct name *n)
{
	free(n->ref);
	descriptor_done(&n->manifest);
}
#define AUTO_NAME __attribute__((cleanup(name_done)))

/* Index of the first line, from `from` on, that holds the reference (or, when ref is NULL, the
 * digest); f->n when none does. *ret, when not NULL, gets it. */
static int find(const struct index_file *f, size_t from, const char *ref, const struct digest *d,
	size_t *ret_at, struct name *ret, struct err *err)
{
	AUTO_FREE char *quoted = ref ? index_quote_ref(ref) : index_quote_digest(d);
	for (size_t i = from; i < f->n; i++) {
		if (!index_line_mentions(&f->lines[i], quoted))
			continue;
		AUTO_NAME struct name n = {0};
		int r = index_line_parse(&f->lines[i], &n.manifest, &n.ref, err);
		if (r < 0)
			return r;
		if (ref ? !n.ref || !streq(n.ref, ref) : !digest_equal(&n.manifest.digest, d))
			continue;
		if (ret) {
			*ret = n;
			n = (struct name){0};
		}
		*ret_at = i;
		return 0;
	}
	*ret_at = f->n;
	return 0;
}

int names_list(struct store *s, struct names *ret, struct err *err)
{
	AUTO_INDEX_FILE struct index_file f = {0};
	struct names names = {0};
	int r = index_file_read(s, &f, err);
	if (r < 0)
		return r;
	if (f.n)
		names.n = xcalloc(f.n, sizeof(*names.n));
	for (size_t i = 0; i < f.n; i++) {
		if ((r = index_line_parse(
			     &f.lines[i], &names.n[i].manifest, &names.n[i].ref, err)) < 0) {
			names_done(&names);
			return r;
		}
		names.count = i + 1;
	}
	*ret = names;
	return 0;
}

void names_done(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		name_done(&n->n[i]);
	free(n->n);
	*n = (struct names){0};
}

int name_get(struct store *s, const char *ref, struct descriptor *ret, struct err *err)
{
	AUTO_INDEX_FILE struct index_file f = {0};
	struct name n = {0};
	size_t at;
	int r;
	if ((r = index_file_read(s, &f, err)) < 0 || (r = find(&f, 0, ref, NULL, &at, &n, err)) < 0)
		return r;
	if (at == f.n)
		return err_set(err, ERR_NOT_FOUND, "there is no image '%s' in the store", ref);
	free(n.ref);
	*ret = n.manifest;
	return 0;
}

/* Keeps an image that has no line any more as one without a name. */
static int keep_unnamed(struct index_file *f, const struct descriptor *d, struct err *err)
{
	size_t at;
	int r = find(f, 0, NULL, &d->digest, &at, NULL, err);
	if (r == 0 && at == f->n)
		index_file_set(f, f->n, d, NULL);
	return r;
}

static int set_one(struct index_file *f, const char *ref, const struct descriptor *manifest,
	bool *changed, struct err *err)
{
	AUTO_NAME struct name old = {0};
	size_t at;
	int r = find(f, 0, ref, NULL, &at, &old, err);
	if (r < 0)
		return r;
	bool found = at < f->n;
	if (found && digest_equal(&old.manifest.digest, &manifest->digest))
		return 0;
	index_file_set(f, at, manifest, ref);
	*changed = true;
	return found ? keep_unnamed(f, &old.manifest, err) : 0;
}

/* An image that has a name needs no line without one. */
static int drop_unnamed(
	struct index_file *f, const struct digest *d, bool *changed, struct err *err)
{
	AUTO_FREE char *quoted = index_quote_digest(d);
	for (size_t at = 0; at < f->n;) {
		AUTO_NAME struct name n = {0};
		/* an unescaped quote before it: the key itself, never a part of another string */
		if (!index_line_mentions(&f->lines[at], quoted) ||
			index_line_mentions(&f->lines[at], "\"" ANNOTATION_REF_NAME "\":")) {
			at++;
			continue;
		}
		int r = index_line_parse(&f->lines[at], &n.manifest, &n.ref, err);
		if (r < 0)
			return r;
		if (!n.ref && digest_equal(&n.manifest.digest, d)) {
			index_file_remove(f, at);
			*changed = true;
		} else {
			at++;
		}
	}
	return 0;
}

static int apply(struct index_file *f, const char *const *refs, size_t n_refs,
	const struct descriptor *manifest, bool *changed, struct err *err)
{
	int r;
	*changed = false;
	for (size_t i = 0; i < n_refs; i++)
		if ((r = set_one(f, refs[i], manifest, changed, err)) < 0)
			return r;
	if (n_refs)
		return drop_unnamed(f, &manifest->digest, changed, err);
	size_t before = f->n;
	r = keep_unnamed(f, manifest, err);
	*changed = f->n != before;
	return r;
}

void name_used(struct store *s, const struct descriptor *manifest)
{
	char path[STORE_PATH_MAX];
	used_now(s, store_name(path, BLOBS_DIR, &manifest->digest));
}

int names_set(struct store *s, const char *const *refs, size_t n_refs,
	const struct descriptor *manifest, struct err *err)
{
	size_t at;
	bool changed;
	int r;
	{
		/* most builds change nothing: seen without a lock, and without a sync */
		AUTO_INDEX_FILE struct index_file f = {0};
		if ((r = index_file_read(s, &f, err)) < 0 ||
			(r = find(&f, 0, NULL, &manifest->digest, &at, NULL, err)) < 0)
			return r;
		bool known = at < f.n;
		if ((r = apply(&f, refs, n_refs, manifest, &changed, err)) < 0)
			return r;
		if (!changed) {
			name_used(s, manifest);
			return 0;
		}
		/* what another process made, and did not live to name, may not be on disk either */
		if ((r = known ? store_sync(s, err) : store_sync_all(s, err)) < 0)
			return r;
	}
	AUTO_FD int lock = -1;
	AUTO_INDEX_FILE struct index_file f = {0};
	if ((r = lock_names(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0 ||
		(r = apply(&f, refs, n_refs, manifest, &changed, err)) < 0)
		return r;
	return changed ? index_file_write(s, &f, err) : 0;
}

int name_remove(struct store *s, const char *ref, bool keep, struct err *err)
{
	AUTO_FD int lock = -1;
	AUTO_INDEX_FILE struct index_file f = {0};
	AUTO_NAME struct name old = {0};
	size_t at;
	int r;

	if ((r = lock_names(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0 ||
		(r = find(&f, 0, ref, NULL, &at, &old, err)) < 0)
		return r;
	if (at == f.n)
		return err_set(err, ERR_NOT_FOUND, "there is no image '%s' in the store", ref);
	index_file_remove(&f, at);
	if (keep && (r = keep_unnamed(&f, &old.manifest, err)) < 0)
		return r;
	return index_file_write(s, &f, err);
}

int names_remove_manifest(
	struct store *s, const struct digest *d, struct strv *ret_removed, struct err *err)
{
	AUTO_FD int lock = -1;
	AUTO_INDEX_FILE struct index_file f = {0};
	AUTO_STRV struct strv removed = STRV_INIT;
	size_t before;
	int r;

	if ((r = lock_names(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0)
		return r;
	before = f.n;
	for (size_t at = 0; at < f.n;) {
		AUTO_NAME struct name n = {0};
		if ((r = find(&f, at, NULL, d, &at, &n, err)) < 0)
			return r;
		if (at == f.n)
			break;
		if (n.ref)
			strv_add(&removed, n.ref);
		index_file_remove(&f, at);
	}
	if (f.n != before && (r = index_file_write(s, &f, err)) < 0)
		return r;
	if (ret_removed)
		STRV_FOREACH (name, &removed)
			strv_add(ret_removed, *name);
	return 0;
}

int names_remove_unnamed(struct store *s, const struct digest *d, struct err *err)
{
	AUTO_FD int lock = -1;
	AUTO_INDEX_FILE struct index_file f = {0};
	char buf[DIGEST_STR_MAX];
	bool changed = false;
	int r;

	if ((r = lock_names(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0 ||
		(r = drop_unnamed(&f, d, &changed, err)) < 0)
		return r;
	if (!changed)
		return err_set(err, ERR_NOT_FOUND, "there is no image %s without a name",
			digest_str(d, buf));
	return index_file_write(s, &f, err);
}
