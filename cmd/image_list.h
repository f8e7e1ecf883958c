/* SPDX-License-Identifier: Apache-2.0 */
/* All images of the store, each once with all its names. */
#pragma once
#include "base/digest.h"
#include "base/map.h"
#include "base/strv.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct out;
struct store;

struct listed {
	struct strv refs; /* empty: an image without a name */
	struct strv before; /* names that it has lost, by image_list_before() */
	struct digest top; /* of what the names point to: a manifest or an index */
	struct digest shown; /* its ID to users: the image's, or, of several images and of what
	                        cannot be loaded, its digest; called buildah, of a list what it was
	                        made with */
	bool additional; /* in a store that is only read, and nowhere else */
	bool index; /* it is a list of images */
	bool intermediate; /* of a step of a build (store/step_images.h) */
	bool loaded; /* false: none of its platforms is ours, or it is damaged; what follows is
	                empty then */
	struct digest id;
	bool dated; /* false: it does not say when it was created, and the next two are 0 */
	int64_t created_s;
	uint32_t created_ns;
	uint64_t size; /* image_size() */
	struct map labels;
};

struct image_list {
	struct listed *i; /* newest first */
	size_t n;
};

int image_list_load(struct store *s, struct image_list *ret, struct err *err)
	__attribute__((warn_unused_result));
int image_list_before(struct store *s, struct image_list *list, struct err *err)
	__attribute__((warn_unused_result));
/* What a sweep removed (store/gc.h), as buildah tells of it: names, then IDs. list: as it was
 * before. */
void image_list_print_removed(
	struct out *out, const struct image_list *list, const struct strv *removed);
void listed_done(struct listed *l);
void image_list_done(struct image_list *l);
#define AUTO_IMAGE_LIST __attribute__((cleanup(image_list_done)))
