/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image_list.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/out.h"
#include "store/blobs.h"
#include "store/digest_set.h"
#include "store/names.h"
#include "store/summaries.h"

/* Where in the list the image with this digest is, by open addressing; places: at most half full,
 * n is a power of two, 0: free, else its index and one. */
struct places {
	size_t *at;
	size_t n;
};

static size_t *place_of(const struct places *p, const struct image_list *l, const struct digest *d)
{
	size_t at;

	memcpy(&at, d->b, sizeof(at)); /* a digest is a hash already */
	for (at &= p->n - 1; p->at[at]; at = (at + 1) & (p->n - 1))
		if (digest_equal(&l->i[p->at[at] - 1].top, d))
			break;
	return &p->at[at];
}

static int newest_first(const void *pa, const void *pb)
{
	const struct listed *a = pa, *b = pb;

	if (a->created_s != b->created_s)
		return a->created_s < b->created_s ? 1 : -1;
	if (a->created_ns != b->created_ns)
		return a->created_ns < b->created_ns ? 1 : -1;
	return digest_cmp(&a->top, &b->top);
}

/* Called buildah: a list is what it is itself, and not one of its images. */
static void show_index(struct store *s, struct listed *l)
{
	struct err ignored = ERR_INIT;
	AUTO_FD int fd = -1;
	struct stat st;

	if (blob_open(s, &l->top, &fd, &ignored) < 0 || fstat(fd, &st) < 0)
		return;
	l->dated = true;
	l->created_s = st.st_mtim.tv_sec;
	l->created_ns = (uint32_t)st.st_mtim.tv_nsec;
	l->size = (uint64_t)st.st_size;
}

static struct digest shown_id(const struct summary *s)
{
	if (s->index && called_buildah())
		return s->list_id;
	return s->several || !s->loaded ? s->top : s->id;
}

int image_list_load(struct store *s, struct image_list *ret, struct err *err)
{
	AUTO_SUMMARIES struct summaries all = {0};
	struct image_list list = {0};

	int r = summaries_list(s, &all, err);
	if (r < 0)
		return r;
	struct places places = {.n = 16};
	while (places.n < 2 * all.n)
		places.n *= 2;
	places.at = xcalloc(places.n, sizeof(*places.at));
	list.i = xcalloc(all.n + 1, sizeof(*list.i));
	for (size_t i = 0; i < all.n; i++) {
		struct summary *now = &all.s[i];
		size_t *place = place_of(&places, &list, &now->top);
		if (!*place) {
			list.i[list.n++] = (struct listed){
				.top = now->top,
				.additional = now->additional,
				.index = now->index,
				.intermediate = now->intermediate,
				.loaded = now->loaded,
				.id = now->id,
				.shown = shown_id(now),
				.dated = now->dated,
				.created_s = now->created_s,
				.created_ns = now->created_ns,
				.size = now->size,
				.labels = now->labels,
			};
			now->labels = (struct map)MAP_INIT; /* it has moved */
			if (now->index && called_buildah())
				show_index(s, &list.i[list.n - 1]);
			*place = list.n;
		}
		if (now->ref)
			strv_add_take(&list.i[*place - 1].refs, take(now->ref));
	}
	free(places.at);
	qsort(list.i, list.n, sizeof(*list.i), newest_first);
	*ret = list;
	return 0;
}

int image_list_before(struct store *s, struct image_list *list, struct err *err)
{
	struct names all = {0};
	int r = names_list_all(s, &all, err);

	for (size_t i = 0; r == 0 && i < all.count; i++) {
		const struct descriptor *d = &all.n[i].manifest;
		const char *before = map_get(&d->annotations, ANNOTATION_NAMES_BEFORE);
		for (size_t k = 0; before && k < list->n; k++)
			if (digest_equal(&list->i[k].top, &d->digest))
				strv_split(&list->i[k].before, before, ',');
	}
	names_done(&all);
	return r;
}

void listed_done(struct listed *l)
{
	strv_done(&l->refs);
	strv_done(&l->before);
	map_done(&l->labels);
}

void image_list_done(struct image_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		listed_done(&l->i[i]);
	free(l->i);
	*l = (struct image_list){0};
}

void image_list_print_removed(
	struct out *out, const struct image_list *list, const struct strv *removed)
{
	struct digest_set gone = {0}; /* of the names, or of images without one */
	char text[DIGEST_STR_MAX];

	STRV_FOREACH (line, removed) {
		const char *what = *line + strlen("image ");
		if (!str_has_prefix(*line, "image "))
			continue;
		struct digest d = digest_of(what, strlen(what));
		(void)digest_set_add(&gone, &d);
		if (!str_has_prefix(what, "sha256:"))
			out_printf(out, "untagged: %s\n", what);
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct listed *l = &list->i[i];
		const char *what = l->refs.n ? l->refs.v[0] : digest_str(&l->top, text);
		struct digest d = digest_of(what, strlen(what));
		if (digest_set_has(&gone, &d))
			out_printf(out, "%s\n", digest_hex(&l->shown, text));
	}
	digest_set_done(&gone);
}
