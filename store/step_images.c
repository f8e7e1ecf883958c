/* SPDX-License-Identifier: Apache-2.0 */
#include "store/step_images.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/digest_set.h"
#include "store/index_file.h"
#include "store/names.h"
#include "store/names_internal.h"
#include "store/store_internal.h"

bool step_image_is(const struct index_line *l)
{
	return index_line_mentions(l, "\"" ANNOTATION_STEP_OF "\":");
}

char *step_image_results(const struct index_line *l)
{
	AUTO_JSON struct json *j = NULL;
	struct err ignored = ERR_INIT;

	if (!step_image_is(l) || json_parse(l->text, l->n, "index.json", &j, &ignored) < 0)
		return NULL;
	const struct json *annotations = json_get(j, "annotations");
	if (!annotations || json_get(annotations, ANNOTATION_REF_NAME))
		return NULL;
	const char *results = json_text(json_get(annotations, ANNOTATION_STEP_OF));
	return results ? xstrdup(results) : NULL;
}

struct change {
	bool any;
	bool added; /* a line */
};

/* The images that steps may be of. */
static int find_living(const struct index_file *f, struct digest_set *living, struct err *err)
{
	for (size_t i = 0; i < f->n; i++) {
		struct name n = {0};
		if (step_image_is(&f->lines[i]))
			continue;
		int r = index_line_parse(&f->lines[i], &n.manifest, &n.ref, err);
		if (r < 0)
			return r;
		(void)digest_set_add(living, &n.manifest.digest);
		name_done(&n);
	}
	return 0;
}

/* Those that are still there, and the new one. New string. */
static char *add_result(const struct digest_set *living, const char *results, const char *result)
{
	AUTO_STRV struct strv words = STRV_INIT, kept = STRV_INIT;
	strv_split(&words, results, ' ');
	STRV_FOREACH (word, &words) {
		struct err ignored = ERR_INIT;
		struct digest d;
		if (digest_parse(*word, &d, &ignored) == 0 && !streq(*word, result) &&
			digest_set_has(living, &d))
			strv_add(&kept, *word);
	}
	strv_add(&kept, result);
	return strv_join(&kept, " ");
}

static int keep_one(struct index_file *f, const struct descriptor *image, struct digest_set *living,
	const char *result, struct change *change, struct err *err)
{
	size_t at;
	int r = names_find(f, 0, NULL, &image->digest, &at, NULL, err);
	if (r < 0)
		return r;
	bool known = at < f->n;
	AUTO_FREE char *had = known ? step_image_results(&f->lines[at]) : xstrdup("");
	if (!had || strstr(had, result)) /* an image of its own, or known */
		return 0;
	if (*had && !living->n && (r = find_living(f, living, err)) < 0)
		return r;
	AUTO_FREE char *text = add_result(living, had, result);
	index_file_set_annotated(f, at, image, ANNOTATION_STEP_OF, text);
	change->any = true;
	change->added = change->added || !known;
	return 0;
}

static int keep_all(struct index_file *f, const struct descriptor *images, size_t n,
	const struct digest *result, struct change *change, struct err *err)
{
	char text[DIGEST_STR_MAX];
	struct digest_set living = {0}; /* found when it is needed */
	int r = 0;
	*change = (struct change){0};
	digest_str(result, text);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = keep_one(f, &images[i], &living, text, change, err);
	digest_set_done(&living);
	return r;
}

int step_images_keep(struct store *s, const struct descriptor *images, size_t n,
	const struct digest *result, struct err *err)
{
	struct change change;
	int r;
	{
		AUTO_INDEX_FILE struct index_file f = {0};
		if ((r = index_file_read(s, &f, err)) < 0 ||
			(r = keep_all(&f, images, n, result, &change, err)) < 0 || !change.any)
			return r;
		/* as in names_set: who made what is named now may not have lived to sync it */
		if ((r = change.added ? store_sync_all(s, err) : store_sync(s, err)) < 0)
			return r;
	}
	AUTO_FD int lock = -1;
	AUTO_INDEX_FILE struct index_file f = {0};
	if ((r = names_lock(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0 ||
		(r = keep_all(&f, images, n, result, &change, err)) < 0)
		return r;
	return change.any ? index_file_write(s, &f, err) : 0;
}

static bool has_any(const struct digest_set *set, const char *results)
{
	AUTO_STRV struct strv words = STRV_INIT;
	strv_split(&words, results, ' ');
	STRV_FOREACH (word, &words) {
		struct err ignored = ERR_INIT;
		struct digest d;
		if (digest_parse(*word, &d, &ignored) == 0 && digest_set_has(set, &d))
			return true;
	}
	return false;
}

void step_images_follow(const struct names *names, bool *going)
{
	struct digest_set staying = {0};
	for (size_t i = 0; i < names->count; i++)
		if (!names->n[i].step_of && !going[i])
			(void)digest_set_add(&staying, &names->n[i].manifest.digest);
	for (size_t i = 0; i < names->count; i++)
		if (names->n[i].step_of && !has_any(&staying, names->n[i].step_of))
			going[i] = true;
	digest_set_done(&staying);
}
