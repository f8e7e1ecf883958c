/* SPDX-License-Identifier: Apache-2.0 */
/* An upper directory that is settled (layers/settle.h) as a layer in the store. */
#pragma once
#include "layers/diff.h"
#include <stdbool.h>

struct err;
struct store;

/* It is archived by a job. Unless `empty`, none is made of nothing: *ret is all zeros then. */
int upper_layer_put(struct store *s, int upper, const struct diff_opts *opts, bool empty,
	struct layer *ret, struct err *err) __attribute__((warn_unused_result));
