/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are set and removed: index.json is written anew under the lock. */
#include "store/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/images.h"
#include "store/index_file.h"
#include "store/names_internal.h"
#include "store/step_images.h"
#include "store/store_internal.h"
#include "store/used.h"

#define BEFORE_MAX 20 /* names that an image has lost */

int names_keep_unnamed(
	struct index_file *f, const struct descriptor *d, bool *changed, struct err *err)
{
	size_t at;
	int r = names_find(f, 0, NULL, &d->digest, &at, NULL, err);
	if (r == 0 && (at == f->n || step_image_is(&f->lines[at]))) {
		index_file_set(f, at, d, NULL);
		*changed = true;
	}
	return r;
}

static void add_words(struct strv *list, const char *words)
{
	AUTO_STRV struct strv more = STRV_INIT;

	strv_split(&more, words ? words : "", ',');
	STRV_FOREACH (word, &more)
		if (**word && !strv_has(list, *word))
			strv_add(list, *word);
}

/* The image, by whatever line it has now, has lost this name. */
static int note_lost(struct index_file *f, const struct name *lost, struct err *err)
{
	AUTO_NAME struct name now = {0};
	AUTO_STRV struct strv before = STRV_INIT;
	size_t at;
	int r = names_find(f, 0, NULL, &lost->manifest.digest, &at, &now, err);
	if (r < 0 || at == f->n)
		return r;
	add_words(&before, map_get(&now.manifest.annotations, ANNOTATION_NAMES_BEFORE));
	add_words(&before, map_get(&lost->manifest.annotations, ANNOTATION_NAMES_BEFORE));
	add_words(&before, lost->ref);
	while (before.n > BEFORE_MAX)
		strv_remove(&before, 0);
	AUTO_FREE char *text = strv_join(&before, ",");
	map_set(&now.manifest.annotations, ANNOTATION_NAMES_BEFORE, text);
	index_file_set(f, at, &now.manifest, now.ref);
	return 0;
}

/* What had the name stays without one, unless it was the same image in another form. */
static int set_one(struct store *s, struct index_file *f, const char *ref,
	const struct descriptor *manifest, bool *changed, struct err *err)
{
	AUTO_NAME struct name old = {0};
	size_t at;
	int r = names_find(f, 0, ref, NULL, &at, &old, err);
	if (r < 0)
		return r;
	bool found = at < f->n;
	if (found && digest_equal(&old.manifest.digest, &manifest->digest))
		return 0;
	index_file_set(f, at, manifest, ref);
	*changed = true;
	if (!found || image_is_same(s, &old.manifest, manifest))
		return 0;
	r = names_keep_unnamed(f, &old.manifest, changed, err);
	return r < 0 ? r : note_lost(f, &old, err);
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

static int apply(struct store *s, struct index_file *f, const char *const *refs, size_t n_refs,
	const struct descriptor *manifest, bool *changed, struct err *err)
{
	int r;
	*changed = false;
	for (size_t i = 0; i < n_refs; i++)
		if ((r = set_one(s, f, refs[i], manifest, changed, err)) < 0)
			return r;
	if (n_refs)
		return drop_unnamed(f, &manifest->digest, changed, err);
	return names_keep_unnamed(f, manifest, changed, err);
}

void name_used(struct store *s, const struct descriptor *manifest)
{
	char path[STORE_PATH_MAX];
	used_now(s, store_blob_name(path, &manifest->digest));
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
			(r = names_find(&f, 0, NULL, &manifest->digest, &at, NULL, err)) < 0)
			return r;
		bool known = at < f.n;
		if ((r = apply(s, &f, refs, n_refs, manifest, &changed, err)) < 0)
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
	if ((r = names_lock(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0 ||
		(r = apply(s, &f, refs, n_refs, manifest, &changed, err)) < 0)
		return r;
	return changed ? index_file_write(s, &f, err) : 0;
}

int name_remove(struct store *s, const char *ref, bool keep, struct err *err)
{
	AUTO_FD int lock = -1;
	AUTO_INDEX_FILE struct index_file f = {0};
	AUTO_NAME struct name old = {0};
	bool changed;
	size_t at;
	int r;

	if ((r = names_lock(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0 ||
		(r = names_find(&f, 0, ref, NULL, &at, &old, err)) < 0)
		return r;
	if (at == f.n)
		return names_not_here(s, ref, NULL, err);
	index_file_remove(&f, at);
	if (keep && ((r = names_keep_unnamed(&f, &old.manifest, &changed, err)) < 0 ||
			    (r = note_lost(&f, &old, err)) < 0))
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

	if ((r = names_lock(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0)
		return r;
	before = f.n;
	for (size_t at = 0; at < f.n;) {
		AUTO_NAME struct name n = {0};
		if ((r = names_find(&f, at, NULL, d, &at, &n, err)) < 0)
			return r;
		if (at == f.n)
			break;
		if (n.ref)
			strv_add(&removed, n.ref);
		index_file_remove(&f, at);
	}
	if (f.n == before)
		return s->n_additional ? names_not_here(s, NULL, d, err) : 0;
	if ((r = index_file_write(s, &f, err)) < 0)
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

	if ((r = names_lock(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0 ||
		(r = drop_unnamed(&f, d, &changed, err)) < 0)
		return r;
	if (!changed)
		return err_set(err, ERR_NOT_FOUND, "there is no image %s without a name",
			digest_str(d, buf));
	return index_file_write(s, &f, err);
}

static int by_name(const void *pa, const void *pb)
{
	const struct name *const *a = pa, *const *b = pb;
	const char *ra = (*a)->ref ? (*a)->ref : "", *rb = (*b)->ref ? (*b)->ref : "";
	int r = strcmp(ra, rb);
	return r ? r : digest_cmp(&(*a)->manifest.digest, &(*b)->manifest.digest);
}

int names_remove_all(
	struct store *s, const struct name *names, size_t n, bool *ret_gone, struct err *err)
{
	AUTO_FREE const struct name **sorted = xcalloc(n + 1, sizeof(*sorted));
	AUTO_INDEX_FILE struct index_file f = {0};
	AUTO_FD int lock = -1;
	size_t kept = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		sorted[i] = &names[i];
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_name);
	memset(ret_gone, 0, n * sizeof(*ret_gone));
	if ((r = names_lock(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0)
		return r;
	for (size_t i = 0; i < f.n; i++) {
		AUTO_NAME struct name here = {0};
		const struct name *key = &here;
		if ((r = index_line_parse(&f.lines[i], &here.manifest, &here.ref, err)) < 0)
			return r;
		const struct name **found =
			n ? bsearch(&key, sorted, n, sizeof(*sorted), by_name) : NULL;
		if (found) {
			ret_gone[*found - names] = true;
			free(f.lines[i].own);
		} else {
			f.lines[kept++] = f.lines[i];
		}
	}
	bool changed = kept < f.n;
	f.n = kept;
	return changed ? index_file_write(s, &f, err) : 0;
}
