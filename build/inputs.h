/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of what a COPY takes from a tree: all that can show in the image, and nothing else (no
 * times; no mode or owner that flags override). */
#pragma once
#include "base/digest.h"

struct buf;
struct err;
struct filetree;
struct step;

/* list, where not NULL: gets a line for each thing that is taken (input_list.h). */
int inputs_digest(struct filetree *t, const struct step *s, struct digest *ret, struct buf *list,
	struct err *err) __attribute__((warn_unused_result));
