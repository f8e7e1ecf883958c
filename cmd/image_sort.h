/* SPDX-License-Identifier: Apache-2.0 */
/* The order of `images --sort`. */
#pragma once
#include <stdbool.h>

struct err;
struct image_list;

/*
 * by: created (newest first), id, repository, size, tag. lines: what is shown is a line for each
 * name, so that an image is put once for each when it is by its name that they are sorted; else it
 * stands where its first name would. ERR_INVALID
 */
int image_sort(struct image_list *l, const char *by, bool lines, struct err *err)
	__attribute__((warn_unused_result));
