/* SPDX-License-Identifier: Apache-2.0 */
#include "store/list_sources.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/manifest.h"
#include "store/names.h"

#define ANNOTATION_SOURCES "mica.list-sources"

static const char *find(const struct strv *words, const struct digest *manifest)
{
	char text[DIGEST_STR_MAX];
	AUTO_FREE char *end = xasprintf("@%s", digest_str(manifest, text));

	STRV_FOREACH (word, words)
		if (str_has_suffix(*word, end))
			return *word;
	return NULL;
}

static void words_of(const struct descriptor *list, struct strv *ret)
{
	const char *text = map_get(&list->annotations, ANNOTATION_SOURCES);
	if (text)
		strv_split(ret, text, ' ');
}

char *list_source_in(const struct descriptor *list, const struct digest *manifest)
{
	AUTO_STRV struct strv words = STRV_INIT;
	words_of(list, &words);
	const char *word = find(&words, manifest);
	return word ? xstrdup(word) : NULL;
}

char *list_source(struct store *s, const struct digest *manifest)
{
	AUTO_STRV struct strv words = STRV_INIT;
	struct names names = {0};
	struct err ignored = ERR_INIT;

	if (names_list_all(s, &names, &ignored) < 0)
		return NULL;
	for (size_t i = 0; i < names.count; i++)
		words_of(&names.n[i].manifest, &words);
	names_done(&names);
	const char *word = find(&words, manifest);
	return word ? xstrdup(word) : NULL;
}

void list_sources_set(const struct descriptor *old, const struct strv *more, const struct index *ix,
	struct descriptor *ret)
{
	AUTO_STRV struct strv words = STRV_INIT, kept = STRV_INIT;
	strv_copy(&words, more);
	words_of(old, &words);
	for (size_t i = 0; i < ix->n_manifests; i++) {
		const char *word = find(&words, &ix->manifests[i].digest);
		if (word)
			strv_add(&kept, word);
	}
	AUTO_FREE char *text = strv_join(&kept, " ");
	if (kept.n)
		map_set(&ret->annotations, ANNOTATION_SOURCES, text);
}
