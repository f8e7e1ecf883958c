/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FILE.in, which buildah has cpp(1) read before it is a Containerfile. What cpp includes are files
 * of this machine: those of the directory we are in, and of the context, which therefore must be a
 * directory of the user's.
 */
#pragma once
#include <stddef.h>

struct build;
struct err;

/*
 * *text of *len bytes, read from `path`, is replaced by what cpp makes of it, when the name ends
 * with ".in" and there is a directive in it or a flag for cpp; to BuildKit such a name means
 * nothing. What cpp complains of and goes on after, such as #error, becomes a warning of the build,
 * as with buildah. ERR_UNSUPPORTED: no cpp here, or a context from elsewhere. ERR_INVALID: what cpp
 * gives up after.
 */
int preprocess(struct build *b, const char *path, char **text, size_t *len, struct err *err)
	__attribute__((warn_unused_result));
