/* SPDX-License-Identifier: Apache-2.0 */
#include "store/list_sources.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/strv.h"
#include "image/manifest.h"

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

char *list_source(const struct descriptor *list, const struct digest *manifest)
{
	AUTO_STRV struct strv words = STRV_INIT;
	words_of(list, &words);
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
