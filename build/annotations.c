/* SPDX-License-Identifier: Apache-2.0 */
/* The text of --annotation. */
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/rework.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum annotation_place place;
} places[] = {
	{"", ANNOTATE_MANIFEST},
	{"manifest", ANNOTATE_MANIFEST},
	{"manifest-descriptor", ANNOTATE_MANIFEST_DESCRIPTOR},
	{"index", ANNOTATE_INDEX},
	{"index-descriptor", ANNOTATE_INDEX_DESCRIPTOR},
};

/* "manifest", "manifest[linux/amd64]" */
static int parse_place(const char *word, struct annotation *ret, struct err *err)
{
	const char *bracket = strchr(word, '[');
	AUTO_FREE char *name = bracket ? xstrndup(word, (size_t)(bracket - word)) : xstrdup(word);
	if (bracket) {
		size_t n = strlen(bracket);
		if (bracket[n - 1] != ']')
			return err_set(err, ERR_INVALID,
				"option '--annotation': '%s' has a '[' without ']'", word);
		AUTO_FREE char *platform = xstrndup(bracket + 1, n - 2);
		if (platform_parse(platform, &ret->platform, err) < 0)
			return err_wrap(err, "option '--annotation'");
		ret->has_platform = true;
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (streq(name, places[i].name) && (*word || bracket)) {
			ret->place = places[i].place;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID,
		"option '--annotation': '%s' is not one of 'manifest', 'index', "
		"'manifest-descriptor', 'index-descriptor'",
		name);
}

static void add(struct annotations *a, struct annotation one, const char *key, const char *value)
{
	one.key = xstrdup(key);
	one.value = xstrdup(value);
	a->a = xreallocarray(a->a, a->n + 1, sizeof(*a->a));
	a->a[a->n++] = one;
}

int annotations_add(struct annotations *a, const char *text, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	const char *eq = strchrnul(text, '=');
	const char *colon = memchr(text, ':', (size_t)(eq - text));
	const char *from = colon ? colon + 1 : text;
	AUTO_FREE char *key = xstrndup(from, (size_t)(eq - from));
	const char *value = *eq ? eq + 1 : eq;
	if (!*key)
		return err_set(err, ERR_INVALID, "option '--annotation': '%s' has no name", text);
	if (!colon) {
		add(a, (struct annotation){.place = ANNOTATE_MANIFEST}, key, value);
		return 0;
	}
	AUTO_FREE char *where = xstrndup(text, (size_t)(colon - text));
	strv_split(&words, where, ',');
	STRV_FOREACH (w, &words) {
		struct annotation one = {0};
		if (parse_place(*w, &one, err) < 0)
			return err->code;
		add(a, one, key, value);
	}
	return 0;
}

void annotations_done(struct annotations *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->a[i].key);
		free(a->a[i].value);
	}
	free(a->a);
	*a = (struct annotations){0};
}
