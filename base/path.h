/* SPDX-License-Identifier: Apache-2.0 */
/* Lexical work on '/'-separated paths. Nothing here touches a file: see base/root.h for that. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct strv;

/* Go's path.Clean: no ".", no "//", ".." folded where it can be; "" gives ".". New string. */
char *path_clean(const char *p);
/* Clean as if below "/": "../a/./b" -> "a/b", "/" -> "". Never leaves the root. New string. */
char *path_clean_rel(const char *p);
/* a + "/" + b, cleaned; an absolute b is appended too. New string. */
char *path_join(const char *a, const char *b);
/* b if absolute, else a joined with b; cleaned. New string. */
char *path_resolve(const char *a, const char *b);
/* last component, borrowed; "" for "" and "/" */
const char *path_base(const char *p);
/* all but the last component: "a/b" -> "a", "a" -> ".", "/a" -> "/". New string. */
char *path_dir(const char *p);
/* p is dir, or lies below it (both clean) */
bool path_is_below(const char *p, const char *dir);
/* suffix for extension test etc. is str_has_suffix(); this one tells "a/" and "a/." */
bool path_has_trailing_slash(const char *p);
/* The components of path without "" and ".", as a stack: the last of todo is the first of path. */
void path_push(struct strv *todo, const char *path);
