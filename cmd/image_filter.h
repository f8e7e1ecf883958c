/* SPDX-License-Identifier: Apache-2.0 */
/* Which images of a list are meant: the name or ID that `images` is given, and --filter. */
#pragma once
#include <stdbool.h>

struct err;
struct image_list;
struct listed;
struct store;
struct strv;

/* Whether it has the label KEY, or KEY=VALUE. */
bool listed_has_label(const struct listed *l, const char *label);
/* Reduces the list to what `only` names (NULL: all of it) and all filters let pass; filters of one
 * --filter may be separated by commas. Of several `reference` filters one has to. An image loses
 * the names that were not meant. ERR_NOT_FOUND: only names nothing; ERR_INVALID */
int image_filter(struct store *s, const char *only, const struct strv *filters,
	struct image_list *list, struct err *err) __attribute__((warn_unused_result));
