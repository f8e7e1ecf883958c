/* SPDX-License-Identifier: Apache-2.0 */
/* The words of --cache-from and --cache-to. */
#pragma once
#include "layers/layer.h"

#include <stdbool.h>

struct err;

struct cache_place {
	char *location; /* for artifact_open() and image_push() */
	bool min; /* mode=min: the steps of the target stage and of those that it is built on */
	bool ignore_error; /* of an export */
	bool recompress; /* layers of an export are compressed like this: */
	enum compression compression;
	int level; /* -1: the default */
};

/*
 * "type=registry,ref=REF" or only REF, "type=local,src=DIR" (to: dest=DIR). A REF without a tag
 * gets the tag CACHE_TAG, lest a cache replaces an image. ERR_INVALID, ERR_UNSUPPORTED: kinds that
 * need a service or another image.
 */
#define CACHE_TAG "mica-cache"
int cache_place_parse(const char *text, bool to, struct cache_place *ret, struct err *err)
	__attribute__((warn_unused_result));
void cache_place_done(struct cache_place *p);
