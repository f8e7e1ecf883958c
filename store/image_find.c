/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "store/blobs.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store_internal.h"
#include "store/summaries.h"

#define PREFIX_MIN 3
#define CANDIDATES_SHOWN 5

/* Which names may be meant: those that the text stands for; any that ends with it, too; and the
 * digest of another repository. */
enum reach { REACH_NAME, REACH_END, REACH_ANY };

/* --- by name --- */

static int try_name(
	struct store *s, char *name, struct descriptor *ret_top, char **ret_ref, struct err *err)
{
	AUTO_FREE char *ref = name;
	struct err e = ERR_INIT;
	int r = name_get(s, ref, ret_top, &e);
	if (r == 0)
		*ret_ref = take(ref);
	else if (r != ERR_NOT_FOUND)
		*err = e;
	return r;
}

/* The repositories that NAME@digest may mean. */
static int repositories_of(struct store *s, const char *text, const struct reference *want,
	struct strv *ret, struct err *err)
{
	AUTO_REFERENCE struct reference local = {0};
	AUTO_STRV struct strv others = STRV_INIT;
	if (want->was_short) {
		int r = reference_parse_local(text, &local, err);
		if (r < 0)
			return r;
		strv_add_take(ret, reference_name(&local));
		if (s->short_names)
			s->short_names(s->short_names_arg, text, &others);
	}
	STRV_FOREACH (other, &others) {
		AUTO_REFERENCE struct reference ref = {0};
		struct err ignored = ERR_INIT;
		if (reference_parse(*other, &ref, &ignored) == 0)
			strv_add_take(ret, reference_name(&ref));
	}
	strv_add_take(ret, reference_name(want));
	return 0;
}

static bool is_of_any(const char *ref, const struct strv *repositories)
{
	STRV_FOREACH (repository, repositories) {
		size_t n = strlen(*repository);
		if (str_has_prefix(ref, *repository) && (ref[n] == ':' || ref[n] == '@'))
			return true;
	}
	return false;
}

/* NAME@digest: the manifest with that digest, whatever tag it has, of that repository if there is
 * one; REACH_ANY: else of any other. */
static int find_digest(struct store *s, const char *text, const struct reference *want,
	enum reach reach, struct descriptor *ret_top, char **ret_ref, struct err *err)
{
	AUTO_STRV struct strv repositories = STRV_INIT;
	struct names names;
	const struct name *best = NULL;
	if (repositories_of(s, text, want, &repositories, err) < 0 ||
		names_list(s, &names, err) < 0)
		return err->code;
	for (size_t i = 0; i < names.count; i++) {
		const struct name *n = &names.n[i];
		if (!digest_equal(&n->manifest.digest, &want->digest))
			continue;
		bool same = n->ref && is_of_any(n->ref, &repositories);
		if (same || (reach == REACH_ANY && !best))
			best = n;
		if (same)
			break;
	}
	if (best) {
		descriptor_copy(ret_top, &best->manifest);
		*ret_ref = best->ref ? xstrdup(best->ref) : NULL;
	}
	names_done(&names);
	return best ? 0 : ERR_NOT_FOUND;
}

void image_short_names(struct store *s, short_names_fn fn, void *arg)
{
	s->short_names = fn;
	s->short_names_arg = arg;
}

/* Is it the name of a repository that ends with this one, with the same tag? */
static bool ends_with(const char *ref, const char *end)
{
	size_t n = strlen(ref), m = strlen(end);
	return n > m && ref[n - m - 1] == '/' && streq(ref + n - m, end);
}

/* As podman: any image that is called so somewhere, when there is but one. */
static int find_anywhere(struct store *s, const char *end, struct descriptor *ret_top,
	char **ret_ref, struct err *err)
{
	AUTO_SUMMARIES struct summaries images = {0};
	AUTO_STRV struct strv met = STRV_INIT;
	int r = summaries_list(s, &images, err);
	const struct summary *one = NULL;
	bool several = false;
	for (size_t i = 0; i < images.n; i++) {
		const struct summary *now = &images.s[i];
		if (!now->ref || !ends_with(now->ref, end))
			continue;
		several = several || (one && !digest_equal(&one->top, &now->top));
		one = one ? one : now;
		strv_add(&met, now->ref);
	}
	if (r < 0 || !one)
		return r < 0 ? r : ERR_NOT_FOUND;
	if (several) {
		AUTO_FREE char *names = strv_join(&met, ", ");
		return err_set(
			err, ERR_INVALID, "'%s' is ambiguous: it may be any of %s", end, names);
	}
	return try_name(s, xstrdup(one->ref), ret_top, ret_ref, err);
}

/* ERR_NOT_FOUND without a message */
static int find_short(struct store *s, const char *text, struct reference *ref, enum reach reach,
	struct descriptor *ret_top, char **ret_ref, struct err *err)
{
	AUTO_REFERENCE struct reference local = {0};
	AUTO_STRV struct strv names = STRV_INIT;
	int r = reference_parse_local(text, &local, err);
	if (r < 0)
		return r;
	strv_add_take(&names, reference_str(&local));
	if (s->short_names)
		s->short_names(s->short_names_arg, text, &names);
	reference_default_tag(ref);
	strv_add_take(&names, reference_str(ref));
	r = ERR_NOT_FOUND;
	for (size_t i = 0; i < names.n && r == ERR_NOT_FOUND; i++)
		r = try_name(s, xstrdup(names.v[i]), ret_top, ret_ref, err);
	AUTO_FREE char *end = xasprintf("%s%s", text, strchr(text, ':') ? "" : ":latest");
	return r == ERR_NOT_FOUND && reach != REACH_NAME
	               ? find_anywhere(s, end, ret_top, ret_ref, err)
	               : r;
}

/* ERR_NOT_FOUND without a message */
static int find_name(struct store *s, const char *text, enum reach reach,
	struct descriptor *ret_top, char **ret_ref, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	int r = reference_parse(text, &ref, err);
	if (r < 0)
		return r;
	if (ref.has_digest)
		return find_digest(s, text, &ref, reach, ret_top, ret_ref, err);
	if (ref.was_short)
		return find_short(s, text, &ref, reach, ret_top, ret_ref, err);
	reference_default_tag(&ref);
	return try_name(s, reference_str(&ref), ret_top, ret_ref, err);
}

/* --- by ID --- */

struct search {
	const char *prefix; /* hexadecimal digits */
	const char *ref; /* the name being looked into; NULL: none */
	struct candidate {
		struct descriptor top;
		struct digest matched; /* its own digest or its ID */
		char *ref;
	} * found;
	size_t n;
};

static bool matches(const struct search *q, const struct digest *d)
{
	char hex[DIGEST_STR_MAX];
	return str_has_prefix(digest_hex(d, hex), q->prefix);
}

static void candidate_done(struct candidate *c)
{
	descriptor_done(&c->top);
	free(c->ref);
}

/* Two manifests of one ID are one image, compressed in two ways: the one that has a name is it. */
static void add_candidate(
	struct search *q, const struct descriptor *d, const struct digest *matched)
{
	struct candidate *c = q->found;
	while (c < q->found + q->n && !digest_equal(&c->matched, matched))
		c++;
	if (c < q->found + q->n) {
		if (c->ref || !q->ref)
			return;
		candidate_done(c);
	} else {
		q->found = xreallocarray(q->found, q->n + 1, sizeof(*q->found));
		c = &q->found[q->n++];
	}
	*c = (struct candidate){.matched = *matched, .ref = q->ref ? xstrdup(q->ref) : NULL};
	descriptor_copy(&c->top, d);
}

/* d's own digest, the ID of a manifest, those of an index' manifests; unreadable ones are passed
 * over. */
static void search_document(
	struct store *s, struct search *q, const struct descriptor *d, unsigned depth)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	size_t n;

	if (matches(q, &d->digest)) {
		add_candidate(q, d, &d->digest);
		return;
	}
	if (depth > 1 || blob_read(s, d, MANIFEST_MAX, &text, &n, &ignored) < 0)
		return;
	if (media_kind(d->media_type) == MEDIA_INDEX) {
		struct index ix;
		if (index_parse(text, n, d->media_type, &ix, &ignored) < 0)
			return;
		for (size_t i = 0; i < ix.n_manifests; i++)
			if (blob_has(s, &ix.manifests[i].digest, NULL))
				search_document(s, q, &ix.manifests[i], depth + 1);
		index_done(&ix);
	} else {
		struct manifest m;
		if (manifest_parse(text, n, d->media_type, &m, &ignored) < 0)
			return;
		if (matches(q, &m.config.digest))
			add_candidate(q, d, &m.config.digest);
		manifest_done(&m);
	}
}

/* What the list of images tells; only indexes and what it cannot load have to be looked into. */
static int search_image(struct store *s, struct search *q, const struct summary *i, struct err *err)
{
	struct descriptor d = {0};
	bool plain = i->loaded && !i->index;

	if (plain && !matches(q, &i->top) && !matches(q, &i->id))
		return 0;
	bool list = i->index && matches(q, &i->list_id);
	int r = list && i->ref ? name_get(s, i->ref, &d, err)
	                       : name_get_digest(s, &i->top, &d, err);
	q->ref = i->ref;
	if (r == 0 && list)
		add_candidate(q, &d, &i->list_id);
	else if (r == 0 && plain)
		add_candidate(q, &d, matches(q, &i->id) ? &i->id : &i->top);
	else if (r == 0)
		search_document(s, q, &d, 0);
	descriptor_done(&d);
	return r;
}

static int ambiguous(const char *text, const struct search *q, struct err *err)
{
	AUTO_BUF struct buf list = BUF_INIT(4096);
	char hex[DIGEST_STR_MAX];
	for (size_t i = 0; i < q->n && i < CANDIDATES_SHOWN; i++) {
		const struct candidate *c = &q->found[i];
		buf_addf(&list, "%s%.16s%s%s%s", i ? ", " : "", digest_hex(&c->matched, hex),
			c->ref ? " (" : "", c->ref ? c->ref : "", c->ref ? ")" : "");
	}
	return err_set(err, ERR_INVALID, "'%s' is ambiguous: %zu images match: %s%s", text, q->n,
		buf_str(&list), q->n > CANDIDATES_SHOWN ? ", ..." : "");
}

/* *ret_ref: of a list, whose ID stays while its name stands for something else each time. */
static int find_id(struct store *s, const char *text, const char *prefix,
	struct descriptor *ret_top, char **ret_ref, struct err *err)
{
	struct search q = {.prefix = prefix};
	AUTO_SUMMARIES struct summaries images = {0};
	int r = summaries_list(s, &images, err);
	for (size_t i = 0; i < images.n && r == 0; i++)
		r = search_image(s, &q, &images.s[i], err);
	if (r == 0 && q.n == 1) {
		const struct candidate *c = q.found;
		bool list = c->ref && !digest_equal(&c->matched, &c->top.digest) &&
		            media_kind(c->top.media_type) == MEDIA_INDEX;
		descriptor_copy(ret_top, &c->top);
		*ret_ref = list ? xstrdup(c->ref) : NULL;
	} else if (r == 0)
		r = q.n ? ambiguous(text, &q, err) : ERR_NOT_FOUND;
	for (size_t i = 0; i < q.n; i++)
		candidate_done(&q.found[i]);
	free(q.found);
	return r;
}

/* The digits of what may be an ID: "sha256:..." or bare; NULL when it is none. */
static const char *id_digits(const char *text)
{
	const char *hex = digest_skip_prefix(text);
	size_t n = strspn(hex, "0123456789abcdef");
	return !hex[n] && n >= PREFIX_MIN && n <= DIGEST_HEX_MAX ? hex : NULL;
}

static int find(struct store *s, const char *text, enum reach reach, struct descriptor *ret_top,
	char **ret_ref, struct err *err)
{
	/* what others call a name in the store */
	if (str_has_prefix(text, "containers-storage:"))
		text += strlen("containers-storage:");
	const char *hex = id_digits(text);
	char *ref = NULL;
	int r = ERR_NOT_FOUND;

	/* sha256:... is an ID before it is a repository of that name; bare digits are a name first
	 */
	struct digest ignored;
	bool whole = hex && digest_parse_hex(hex, &ignored);
	bool id_first = hex && (hex != text || whole);
	if (id_first)
		r = find_id(s, text, hex, ret_top, &ref, err);
	if (r == ERR_NOT_FOUND && !whole)
		r = find_name(s, text, reach, ret_top, &ref, err);
	if (r == ERR_NOT_FOUND && hex && !id_first)
		r = find_id(s, text, hex, ret_top, &ref, err);
	if (r == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", text);
	if (r < 0)
		return r;
	*ret_ref = ref;
	return 0;
}

int image_find(struct store *s, const char *text, struct descriptor *ret_top, char **ret_ref,
	struct err *err)
{
	return find(s, text, REACH_ANY, ret_top, ret_ref, err);
}

int image_find_named(struct store *s, const char *text, struct descriptor *ret_top, char **ret_ref,
	struct err *err)
{
	return find(s, text, called_buildah() ? REACH_END : REACH_NAME, ret_top, ret_ref, err);
}

int image_find_as_written(struct store *s, const char *text, struct descriptor *ret_top,
	char **ret_ref, struct err *err)
{
	return find(s, text, REACH_NAME, ret_top, ret_ref, err);
}
