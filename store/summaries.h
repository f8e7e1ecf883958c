/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a list of images shows of each of them, without reading their documents: a store with 10,000
 * images is listed in milliseconds.
 *
 * The file cache/images keeps a record for each line of index.json whose image is one manifest,
 * under the bytes of the line: neither that line nor what its digest names can mean anything else
 * later.
 * What is behind an index depends on which of its images are here, and is looked up each time. The
 * file has a checksum, is replaced by a rename and never synced: when it is missing, torn or of
 * another version, everything is read anew.
 */
#pragma once
#include "base/digest.h"
#include "base/map.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct image_config;
struct store;

struct summary {
	char *ref; /* NULL: a line without a name */
	struct digest top; /* what the name points to: a manifest or an index */
	bool additional; /* in a store that is only read (additional.h) */
	bool intermediate; /* of a step of a build (step_images.h) */
	bool index; /* it is an index */
	bool several; /* of more than one image */
	bool loaded; /* false: none of its platforms is ours, or it is damaged; what follows is empty
	                then */
	bool dated; /* its config says when it was created */
	uint32_t created_ns;
	int64_t created_s; /* Unix time; 0 when it is not dated */
	uint64_t size; /* image_size() */
	struct digest id; /* image ID */
	struct digest list_id; /* what an index is known by; of an image zero */
	struct map labels;
};

struct summaries {
	struct summary *s;
	size_t n;
};

/* One for each name that a user sees, in the order of index.json, those of additional stores last;
 * one image may have several. */
int summaries_list(struct store *s, struct summaries *ret, struct err *err)
	__attribute__((warn_unused_result));
void summaries_done(struct summaries *l);
#define AUTO_SUMMARIES __attribute__((cleanup(summaries_done)))
/* The config's time of creation; false, and 0, when it has none. */
bool summary_created(const struct image_config *c, int64_t *ret_s, uint32_t *ret_ns);
