/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets where they do not belong: in the files that a step left, and in what it prints. */
#pragma once
#include "base/buf.h"
#include <stdbool.h>

struct err;
struct secret;
struct secrets;
struct step;

/* Shorter ones are found everywhere; line ends at the end of a secret do not count. */
#define LEAK_MIN 8

/*
 * Looks through the regular files below dir, the upper directory of a RUN, for the secrets that it
 * mounts and that it may not leave (leak=warn, leak=fail). 1: the first that was found, *ret_path
 * (a new string) is where; 0: none.
 */
int leak_find(int dir, const struct secrets *all, const struct step *s, const struct secret **ret,
	char **ret_path, struct err *err) __attribute__((warn_unused_result));

/*
 * What a step prints, with "***" for each line of a secret with leak=fail; appended to ret. What
 * may be the beginning of one is kept in held (its max: LEAK_HELD_MAX) until the next call; end: no
 * more follows.
 */
#define LEAK_HELD_MAX 8192
void leak_mask(const struct secrets *all, struct buf *held, const char *text, size_t n, bool end,
	struct buf *ret);
/* Is there a secret that leak_mask() would look for? */
bool leak_masks(const struct secrets *all);
