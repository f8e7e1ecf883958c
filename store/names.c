/* SPDX-License-Identifier: Apache-2.0 */
#include "store/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/digest_set.h"
#include "store/images.h"
#include "store/index_file.h"
#include "store/names_internal.h"
#include "store/step_images.h"
#include "store/store_internal.h"
#include "store/used.h"

int names_lock(struct store *s, int *ret_fd, struct err *err)
{
	if (store_may_write(s, err) < 0)
		return err->code;
	return store_lock(s, "lock", LOCK_EXCLUSIVE, true, ret_fd, err);
}

void name_done(struct name *n)
{
	free(n->ref);
	free(n->step_of);
	descriptor_done(&n->manifest);
}
#define AUTO_NAME __attribute__((cleanup(name_done)))

int names_find(const struct index_file *f, size_t from, const char *ref, const struct digest *d,
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

/* Adds those of a file. */
static int add_names(const struct index_file *f, struct names *names, struct err *err)
{
	if (f->n)
		names->n = xreallocarray(names->n, names->count + f->n, sizeof(*names->n));
	for (size_t i = 0; i < f->n; i++) {
		struct name *n = &names->n[names->count];
		*n = (struct name){0};
		int r = index_line_parse(&f->lines[i], &n->manifest, &n->ref, err);
		if (r < 0)
			return r;
		if (!n->ref)
			n->step_of = step_image_results(&f->lines[i]);
		names->count++;
	}
	return 0;
}

int names_list(struct store *s, struct names *ret, struct err *err)
{
	AUTO_INDEX_FILE struct index_file f = {0};
	struct names names = {0};
	int r = index_file_read(s, &f, err);
	if (r == 0)
		r = add_names(&f, &names, err);
	if (r < 0)
		names_done(&names);
	else
		*ret = names;
	return r;
}

static bool add_ref(struct digest_set *refs, const char *ref)
{
	struct digest d = digest_of(ref, strlen(ref));
	return digest_set_add(refs, &d);
}

/* Drops from the names, from `from` on, what is among those before. */
static void drop_hidden(struct names *names, size_t from)
{
	struct digest_set seen = {0};
	size_t kept = from;
	for (size_t i = 0; i < from; i++)
		if (names->n[i].ref)
			(void)add_ref(&seen, names->n[i].ref);
	for (size_t i = from; i < names->count; i++) {
		struct name *n = &names->n[i];
		n->additional = true;
		if (n->ref && !add_ref(&seen, n->ref))
			name_done(n);
		else
			names->n[kept++] = *n;
	}
	names->count = kept;
	digest_set_done(&seen);
}

int names_list_all(struct store *s, struct names *ret, struct err *err)
{
	struct names names = {0};
	int r = names_list(s, &names, err);
	for (size_t i = 0; r == 0 && i < s->n_additional; i++) {
		const struct additional *a = &s->additional[i];
		AUTO_INDEX_FILE struct index_file f = {0};
		size_t before = names.count;
		r = index_file_read_in(a->fd, a->path, &f, err);
		if (r == 0)
			r = add_names(&f, &names, err);
		drop_hidden(&names, before);
	}
	if (r < 0)
		names_done(&names);
	else
		*ret = names;
	return r;
}

void names_done(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		name_done(&n->n[i]);
	free(n->n);
	*n = (struct names){0};
}

/* 1: it is in there */
static int look_in(int fd, const char *store, const char *ref, const struct digest *d,
	struct descriptor *ret, struct err *err)
{
	AUTO_INDEX_FILE struct index_file f = {0};
	AUTO_NAME struct name n = {0};
	size_t at;
	int r;
	if ((r = index_file_read_in(fd, store, &f, err)) < 0 ||
		(r = names_find(&f, 0, ref, d, &at, &n, err)) < 0)
		return r;
	if (at == f.n)
		return 0;
	if (ret) {
		*ret = n.manifest;
		n.manifest = (struct descriptor){0};
	}
	return 1;
}

/* 1: it is in an additional store, *ret_store its path */
static int look_in_additional(struct store *s, const char *ref, const struct digest *d,
	struct descriptor *ret, const char **ret_store, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->n_additional; i++) {
		*ret_store = s->additional[i].path;
		r = look_in(s->additional[i].fd, *ret_store, ref, d, ret, err);
	}
	return r;
}

int name_get(struct store *s, const char *ref, struct descriptor *ret, struct err *err)
{
	const char *store;
	int r = look_in(s->fd, s->path, ref, NULL, ret, err);
	if (r == 0)
		r = look_in_additional(s, ref, NULL, ret, &store, err);
	if (r == 0)
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", ref);
	return r < 0 ? r : 0;
}

/* It is not here, so it cannot be removed: why. */
static int is_elsewhere(struct store *s, const char *ref, const struct digest *d, struct err *err)
{
	char text[DIGEST_STR_MAX];
	const char *store, *what = ref ? ref : digest_str(d, text);
	int r = look_in_additional(s, ref, d, NULL, &store, err);
	if (r < 0)
		return r;
	return r ? err_set(err, ERR_DENIED,
			   "image '%s' is in the additional store '%s', which is only read; "
			   "'mica --root %s rmi' removes it there",
			   what, store, store)
	         : err_set(err, ERR_NOT_FOUND, "%s: image not known", what);
}

int name_get_digest(
	struct store *s, const struct digest *d, struct descriptor *ret, struct err *err)
{
	const char *store;
	char text[DIGEST_STR_MAX];
	int r = look_in(s->fd, s->path, NULL, d, ret, err);
	if (r == 0)
		r = look_in_additional(s, NULL, d, ret, &store, err);
	if (r == 0)
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", digest_str(d, text));
	return r < 0 ? r : 0;
}

int name_get_list(
	struct store *s, const char *id, struct descriptor *ret, char **ret_ref, struct err *err)
{
	AUTO_FREE char *quoted = xasprintf("\"" ANNOTATION_LIST_ID "\":\"%s\"", id);
	AUTO_INDEX_FILE struct index_file f = {0};
	int r = index_file_read(s, &f, err);
	for (size_t i = 0; i < f.n && r == 0; i++) {
		AUTO_NAME struct name n = {0};
		if (!index_line_mentions(&f.lines[i], quoted))
			continue;
		r = index_line_parse(&f.lines[i], &n.manifest, &n.ref, err);
		const char *said =
			r == 0 ? map_get(&n.manifest.annotations, ANNOTATION_LIST_ID) : NULL;
		if (!said || !streq(said, id) || !n.ref)
			continue;
		*ret_ref = take(n.ref);
		*ret = n.manifest;
		n.manifest = (struct descriptor){0};
		return 0;
	}
	return r < 0 ? r : ERR_NOT_FOUND;
}

/* Keeps an image that has no line any more, or that of a step, as one without a name. */
static int keep_unnamed(
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
	return keep_unnamed(f, &old.manifest, changed, err);
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
	return keep_unnamed(f, manifest, changed, err);
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
		return is_elsewhere(s, ref, NULL, err);
	index_file_remove(&f, at);
	if (keep && (r = keep_unnamed(&f, &old.manifest, &changed, err)) < 0)
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
		return s->n_additional ? is_elsewhere(s, NULL, d, err) : 0;
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
