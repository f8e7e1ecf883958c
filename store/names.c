/* SPDX-License-Identifier: Apache-2.0 */
#include "store/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "store/digest_set.h"
#include "store/index_file.h"
#include "store/names_internal.h"
#include "store/step_images.h"
#include "store/store_internal.h"

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

bool names_add_seen(struct digest_set *seen, const char *ref)
{
	struct digest d = digest_of(ref, strlen(ref));
	return digest_set_add(seen, &d);
}

/* Drops from the names, from `from` on, what is among those before. */
static void drop_hidden(struct names *names, size_t from)
{
	struct digest_set seen = {0};
	size_t kept = from;
	for (size_t i = 0; i < from; i++)
		if (names->n[i].ref)
			(void)names_add_seen(&seen, names->n[i].ref);
	for (size_t i = from; i < names->count; i++) {
		struct name *n = &names->n[i];
		n->additional = true;
		if (n->ref && !names_add_seen(&seen, n->ref))
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

int names_not_here(struct store *s, const char *ref, const struct digest *d, struct err *err)
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
