/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evaluating a Containerfile may take. A value can double from line to line, each RUN keeps a
 * copy of what is set, each stage one of its base's config: a file of a few kilobytes would fill
 * the memory. Maps are searched from one end to the other, so their number of names is bounded too.
 */
#pragma once
#include <stddef.h>

#include "base/mem.h"

struct err;
struct eval;

#define WEIGHT_NAMES_MAX 10000 /* as many variables as an image may have */
#define WEIGHT_EXPANDED_MAX                                                                        \
	(16 * MIB) /* what one instruction expands to; no Containerfile is as large */

/* A word of an instruction was expanded. ERR_LIMIT: all of its words are too large. Bare. */
int eval_weigh_word(struct eval *e, const char *word, struct err *err)
	__attribute__((warn_unused_result));
/* After an instruction: what its stage has set, and what all of the build keeps by now. */
int eval_weigh(struct eval *e, struct err *err) __attribute__((warn_unused_result));
/* The same when the stage has its base's config, with the history in it. */
int eval_weigh_base(struct eval *e, struct err *err) __attribute__((warn_unused_result));
