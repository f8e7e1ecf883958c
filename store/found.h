/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the store and is not the store's: unknown to it, so it may be somebody's. */
#pragma once
#include <stdbool.h>

struct err;
struct store;
struct strv;

/* Where it is put away; nothing but its user looks there. */
#define FOUND_DIR "found"

/* Moves STORE/path there, under its path with '.' for '/', and a number when there is one already.
 * *ret_to: its path now, seen from the store; the caller frees it. */
int found_put(struct store *s, const char *path, char **ret_to, struct err *err)
	__attribute__((warn_unused_result));

/* Appends the paths, seen from the store, of files that somebody was writing when he was killed:
 * they have the names of base/tmp.h, and an hour has passed. */
int found_halves(struct store *s, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Removes them. Failures are left to the next time. */
void found_remove_halves(struct store *s);
