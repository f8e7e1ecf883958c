/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cache records: step key -> layer. A record is valid only while its blob, or its tree when it
 * names no blob, is there; a lookup that finds it broken is a miss. One file a record,
 * cache/steps/HEX, written whole by rename; newest wins.
 */
#pragma once
#include "base/digest.h"
#include "layers/layer.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct store;

struct record {
	bool has_layer; /* false: the step changed nothing */
	struct layer layer; /* blob zero: only as a tree */
	enum compression compression;
	int64_t created_s; /* when the step ran */
	uint32_t created_ns;
	char *inputs; /* JSON text that describes what the key was made of (for --explain-cache);
	                 may be NULL */
};

/* ERR_NOT_FOUND: no record, or a broken one; ERR_CORRUPT: its layer is not in the store */
int record_get(struct store *s, const struct digest *key, struct record *ret, struct err *err)
	__attribute__((warn_unused_result));
int record_put(struct store *s, const struct digest *key, const struct record *r, struct err *err)
	__attribute__((warn_unused_result));
void record_done(struct record *r);
