/* SPDX-License-Identifier: Apache-2.0 */
/* What the ignore rules of a context hide: for messages. */
#pragma once
#include <stddef.h>

struct filetree;
struct step;

/* "3 files" of a context. New string. */
char *hidden_left(struct filetree *t);
/* "'a.log' is excluded from the context by .dockerignore:2 (the context has 3 files)"; NULL: no
 * rule hides it. rules: the file that they are from, or NULL. New string. */
char *hidden_path(struct filetree *t, const char *path, const char *rules);
/* The same for what a pattern would match: ".dockerignore:2 hides 'a.log' and 4 more". */
char *hidden_matches(
	struct filetree *t, const struct step *s, const char *pattern, const char *rules);
