/* SPDX-License-Identifier: Apache-2.0 */
/* "did you mean" for a file of a context that is not there. */
#pragma once

struct filetree;

/* A path that exists: what was mistyped is near the name of something in the same directory, or is
 * the name of something in another one. New string; NULL when there is nothing like it. */
char *similar_path(struct filetree *t, const char *path);
