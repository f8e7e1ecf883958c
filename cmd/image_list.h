/* SPDX-License-Identifier: Apache-2.0 */
/* All images of the store, each once with all its names. */
#pragma once
#include "base/strv.h"
#include "image/descriptor.h"
#include <stdint.h>

struct err;
struct image_config;
struct store;

struct listed {
	struct strv refs; /* empty: an image without a name */
	bool additional; /* in a store that is only read, and nowhere else */
	struct descriptor top;
	bool loaded; /* false: none of its platforms is ours, or it is damaged; what follows is
	                empty then */
	struct digest id;
	int64_t created_s; /* 0 when unknown */
	uint32_t created_ns;
	uint64_t size; /* of its blobs */
	struct map labels;
};

struct image_list {
	struct listed *i; /* newest first */
	size_t n;
};

int image_list_load(struct store *s, struct image_list *ret, struct err *err)
	__attribute__((warn_unused_result));
void image_list_done(struct image_list *l);
#define AUTO_IMAGE_LIST __attribute__((cleanup(image_list_done)))
/* The config's time of creation as Unix seconds, 0 when it has none. */
int64_t config_created(const struct image_config *c, uint32_t *ret_ns);
