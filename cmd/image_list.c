/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/images.h"
#include "store/names.h"

int64_t config_created(const struct image_config *c, uint32_t *ret_ns)
{
	struct timespec t = {0};

	if (c->created && !clock_parse(c->created, &t))
		t = (struct timespec){0};
	if (ret_ns)
		*ret_ns = (uint32_t)t.tv_nsec;
	return t.tv_sec;
}

static void load(struct store *s, struct listed *l)
{
	struct err ignored = ERR_INIT;
	struct image image;

	/* one image that cannot be read must not hide the others: fsck tells what is wrong with it
	 */
	if (image_load(s, &l->top, NULL, &image, &ignored) < 0)
		return;
	l->loaded = true;
	l->id = image.id;
	l->created_s = config_created(&image.config, &l->created_ns);
	l->size = image_blob_size(&image);
	map_copy(&l->labels, &image.config.labels);
	image_done(&image);
}

static struct listed *find(struct image_list *l, const struct digest *d)
{
	/* names of one image mostly follow one another */
	for (size_t i = l->n; i-- > 0;)
		if (digest_equal(&l->i[i].top.digest, d))
			return &l->i[i];
	return NULL;
}

static int newest_first(const void *pa, const void *pb)
{
	const struct listed *a = pa, *b = pb;

	if (a->created_s != b->created_s)
		return a->created_s < b->created_s ? 1 : -1;
	if (a->created_ns != b->created_ns)
		return a->created_ns < b->created_ns ? 1 : -1;
	return digest_cmp(&a->top.digest, &b->top.digest);
}

int image_list_load(struct store *s, struct image_list *ret, struct err *err)
{
	struct names names;
	struct image_list list = {0};

	int r = names_list_all(s, &names, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names.count; i++) {
		struct listed *l = find(&list, &names.n[i].manifest.digest);
		if (!l) {
			list.i = xreallocarray(list.i, list.n + 1, sizeof(*list.i));
			l = &list.i[list.n++];
			memset(l, 0, sizeof(*l));
			descriptor_copy(&l->top, &names.n[i].manifest);
			l->additional = names.n[i].additional;
			load(s, l);
		}
		if (names.n[i].ref)
			strv_add(&l->refs, names.n[i].ref);
	}
	names_done(&names);
	if (list.n)
		qsort(list.i, list.n, sizeof(*list.i), newest_first);
	*ret = list;
	return 0;
}

void image_list_done(struct image_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		strv_done(&l->i[i].refs);
		descriptor_done(&l->i[i].top);
		map_done(&l->i[i].labels);
	}
	free(l->i);
	*l = (struct image_list){0};
}
