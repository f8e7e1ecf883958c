/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image_filter.h"

#include <string.h>

#include "base/err.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/image_list.h"
#include "cmd/moment.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/store.h"
#include "store/summaries.h"

#define ID_MIN 3 /* digits that may stand for an image */

/* --- names and IDs --------------------------------------------------------------------------- */

/* "busybox" names docker.io/library/busybox and localhost/busybox, with all tags unless one is
 * said. */
/* Without a tag in text, any. */
static bool is_name(const char *ref, const char *text)
{
	size_t n = strlen(text);

	return !strncmp(ref, text, n) &&
	       (!ref[n] || ref[n] == '@' || (ref[n] == ':' && !strchr(ref + n, '/')));
}

static bool ref_matches(const char *ref, const char *text)
{
	static const char *const prefixes[] = {
		"", "localhost/", "docker.io/library/", "docker.io/"};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_has_prefix(ref, prefixes[i]) && is_name(ref + strlen(prefixes[i]), text))
			return true;
	return false;
}

/* Is it the end of the name? */
static bool ref_ends(const char *ref, const char *text)
{
	for (const char *slash = strchr(ref, '/'); slash; slash = strchr(slash + 1, '/'))
		if (is_name(slash + 1, text))
			return true;
	return false;
}

static bool id_matches(const struct listed *l, const char *text)
{
	char id[DIGEST_STR_MAX], top[DIGEST_STR_MAX], shown[DIGEST_STR_MAX];
	const char *digits = digest_skip_prefix(text);

	if (strlen(digits) < ID_MIN)
		return false;
	return (l->loaded && str_has_prefix(digest_hex(&l->id, id), digits)) ||
	       str_has_prefix(digest_hex(&l->top, top), digits) ||
	       str_has_prefix(digest_hex(&l->shown, shown), digits);
}

/* A pattern of --filter reference=: against the whole name, what is behind the registry, and its
 * last part, each with and without the tag. */
static bool pattern_matches(const char *ref, const char *pattern)
{
	const char *first = strchr(ref, '/'), *last = strrchr(ref, '/');
	const char *parts[] = {ref, first ? first + 1 : ref, last ? last + 1 : ref};
	const char *tag = parts[2] + strcspn(parts[2], ":@");

	if (ref_matches(ref, pattern))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO_FREE char *name = xstrndup(parts[i], (size_t)(tag - parts[i]));
		if (glob_match(pattern, parts[i]) || glob_match(pattern, name))
			return true;
	}
	return false;
}

/* NAME@DIGEST, of an image that has a tag */
static bool names_digest(const struct listed *l, const char *ref, const char *pattern)
{
	char digest[DIGEST_STR_MAX];
	const char *at = strchr(pattern, '@');

	if (!at || !streq(at + 1, digest_str(&l->top, digest)))
		return false;
	AUTO_FREE char *name = xstrndup(pattern, (size_t)(at - pattern));
	return pattern_matches(ref, name);
}

/* --- what a filter looks at ------------------------------------------------------------------ */

bool listed_has_label(const struct listed *l, const char *label)
{
	const char *eq = strchr(label, '=');
	AUTO_FREE char *key = eq ? xstrndup(label, (size_t)(eq - label)) : xstrdup(label);
	const char *have = map_get(&l->labels, key);

	return eq ? have && streq(have, eq + 1) : map_has(&l->labels, key);
}

struct filter {
	const char *name, *value;
	bool yes; /* the value of a switch */
	int64_t s; /* the moment that it is about */
	uint32_t ns;
	const struct containers *containers; /* of the store, for `containers` */
};

static bool passes_dangling(const struct filter *f, const struct listed *l)
{
	return f->yes == (!l->refs.n && !l->intermediate);
}

static bool passes_readonly(const struct filter *f, const struct listed *l)
{
	return f->yes == l->additional;
}

static bool passes_intermediate(const struct filter *f, const struct listed *l)
{
	return f->yes == l->intermediate;
}

static bool passes_manifest(const struct filter *f, const struct listed *l)
{
	return f->yes == l->index;
}

static bool passes_containers(const struct filter *f, const struct listed *l)
{
	bool used = false;

	for (size_t i = 0; i < f->containers->n && !used; i++)
		used = l->loaded && !f->containers->c[i].scratch &&
		       digest_equal(&f->containers->c[i].image_id, &l->id);
	return f->yes == used;
}

static bool passes_label(const struct filter *f, const struct listed *l)
{
	return listed_has_label(l, f->value);
}

static bool passes_no_label(const struct filter *f, const struct listed *l)
{
	return !listed_has_label(l, f->value);
}

static bool passes_id(const struct filter *f, const struct listed *l)
{
	return id_matches(l, f->value);
}

/* -1, 0, 1: created before, at or after the filter's moment */
static int age(const struct filter *f, const struct listed *l)
{
	if (l->created_s != f->s)
		return l->created_s < f->s ? -1 : 1;
	return l->created_ns < f->ns ? -1 : l->created_ns > f->ns;
}

static bool passes_before(const struct filter *f, const struct listed *l)
{
	return age(f, l) < 0;
}

static bool passes_after(const struct filter *f, const struct listed *l)
{
	return age(f, l) > 0;
}

/* --- their values ---------------------------------------------------------------------------- */

static int read_switch(struct store *s, struct filter *f, struct err *err)
{
	(void)s;
	f->yes = streq(f->value, "true") || streq(f->value, "1");
	if (!f->yes && !streq(f->value, "false") && !streq(f->value, "0"))
		return err_set(err, ERR_INVALID, "filter '%s': '%s' is not 'true' or 'false'",
			f->name, f->value);
	return 0;
}

static int read_image(struct store *s, struct filter *f, struct err *err)
{
	AUTO_IMAGE struct image image = {0};

	int r = image_find_loaded(s, f->value, &image, NULL, err);
	if (r == 0)
		(void)summary_created(&image.config, &f->s, &f->ns);
	return r;
}

static int read_moment(struct store *s, struct filter *f, struct err *err)
{
	(void)s;
	if (!moment_parse(f->value, &f->s))
		return err_set(err, ERR_INVALID,
			"filter '%s': '%s' is no duration ('24h', '7d') and no date", f->name,
			f->value);
	return 0;
}

/* sorted */
static const struct {
	const char *name;
	int (*read)(struct store *s, struct filter *f, struct err *err);
	bool (*passes)(const struct filter *f, const struct listed *l);
} known[] = {
	{"after", read_image, passes_after},
	{"before", read_image, passes_before},
	{"containers", read_switch, passes_containers},
	{"dangling", read_switch, passes_dangling},
	{"id", NULL, passes_id},
	{"intermediate", read_switch, passes_intermediate},
	{"label", NULL, passes_label},
	{"label!", NULL, passes_no_label},
	{"manifest", read_switch, passes_manifest},
	{"readonly", read_switch, passes_readonly},
	{"since", read_image, passes_after},
	{"until", read_moment, passes_before},
};

/* --- choosing -------------------------------------------------------------------------------- */

/* What is dropped goes to the end, to be freed. */
static void keep_only(
	struct image_list *list, bool (*keep)(const void *arg, struct listed *l), const void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (!keep(arg, &list->i[i]))
			continue;
		struct listed swap = list->i[kept];
		list->i[kept++] = list->i[i];
		list->i[i] = swap;
	}
	for (size_t i = kept; i < list->n; i++)
		listed_done(&list->i[i]);
	list->n = kept;
}

/* The positional: names, an ID, or else what names end with. */
struct selected {
	const char *text;
	bool (*matches)(const char *ref, const char *text);
};

static bool is_selected(const void *arg, struct listed *l)
{
	const struct selected *only = arg;

	if (id_matches(l, only->text))
		return true;
	for (size_t i = l->refs.n; i-- > 0;)
		if (!only->matches(l->refs.v[i], only->text))
			strv_remove(&l->refs, i);
	return l->refs.n > 0;
}

static void select_only(struct image_list *list, const char *text)
{
	struct selected only = {text, ref_ends};

	for (size_t i = 0; i < list->n && only.matches == ref_ends; i++) {
		if (id_matches(&list->i[i], text))
			only.matches = ref_matches;
		STRV_FOREACH (ref, &list->i[i].refs)
			if (ref_matches(*ref, text))
				only.matches = ref_matches;
	}
	keep_only(list, is_selected, &only);
}

/* One of the patterns is enough. */
static bool is_referenced(const void *patterns, struct listed *l)
{
	for (size_t i = l->refs.n; i-- > 0;) {
		bool hit = false;
		STRV_FOREACH (pattern, (const struct strv *)patterns)
			hit = hit || pattern_matches(l->refs.v[i], *pattern) ||
			      names_digest(l, l->refs.v[i], *pattern);
		if (!hit)
			strv_remove(&l->refs, i);
	}
	return l->refs.n > 0;
}

struct chosen {
	struct filter filter;
	bool (*passes)(const struct filter *f, const struct listed *l);
};

static bool is_passed(const void *chosen, struct listed *l)
{
	const struct chosen *c = chosen;
	return c->passes(&c->filter, l);
}

static int apply(struct store *s, const char *text, const struct containers *containers,
	struct image_list *list, struct err *err)
{
	const char *eq = strchr(text, '=');
	AUTO_FREE char *name = eq ? xstrndup(text, (size_t)(eq - text)) : NULL;

	if (!eq)
		return err_set(err, ERR_INVALID,
			"invalid image filter \"%s\": must be in the format \"filter=value or "
			"filter!=value\"",
			text);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct chosen c = {
			.filter = {.name = name, .value = eq + 1, .containers = containers},
			.passes = known[i].passes};
		if (!streq(known[i].name, name))
			continue;
		int r = known[i].read ? known[i].read(s, &c.filter, err) : 0;
		if (r == 0)
			keep_only(list, is_passed, &c);
		return r;
	}
	return err_set(err, ERR_INVALID,
		"unknown filter '%s', known are: after, before, containers, dangling, id, "
		"intermediate, label, label!, manifest, readonly, reference, since, until",
		name);
}

int image_filter(struct store *s, const char *only, const struct strv *filters,
	struct image_list *list, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT, patterns = STRV_INIT;
	AUTO_CONTAINERS struct containers containers = {0};
	int r = 0;

	if (only)
		select_only(list, only);
	if (only && !list->n)
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", only);
	STRV_FOREACH (filter, filters)
		strv_split(&words, *filter, ',');
	STRV_FOREACH (word, &words)
		if (r == 0 && str_has_prefix(*word, "containers=") && !containers.c)
			r = containers_list(s, &containers, err);
	STRV_FOREACH (word, &words) {
		if (str_has_prefix(*word, "reference="))
			strv_add(&patterns, *word + strlen("reference="));
		else if (r == 0)
			r = apply(s, *word, &containers, list, err);
	}
	if (r == 0 && patterns.n)
		keep_only(list, is_referenced, &patterns);
	return r;
}
