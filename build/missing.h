/* SPDX-License-Identifier: Apache-2.0 */
/* What a step names and another stage or an image does not have: a source of COPY --from or of
 * RUN --mount, a user. */
#pragma once
#include "build/file_parse.h"

struct build;
struct chain;
struct err;
struct filetree;
struct step;
struct step_mount;

/* The word of a Containerfile that is to blame. */
struct blame {
	const struct containerfile *file;
	struct pos pos;
	char *text; /* instead of the error's; NULL: that one says it */
};

/* All layers of a chain, to be read. top: an upper directory above them, or -1. */
int missing_tree_open(struct build *b, const struct chain *c, int top, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* The chain that the step, or a mount of it, reads; *own is the caller's, for that of an image.
 * NULL: it reads no stage and no image. */
const struct chain *missing_tree_of(struct build *b, const struct step *s, struct chain *own);
const struct chain *missing_tree_of_mount(
	struct build *b, const struct step_mount *m, struct chain *own);

/* False: it is there, as far as can be told. text is the caller's. */
bool missing_source(
	const struct build *b, const struct step *s, struct filetree *t, struct blame *ret);
bool missing_mount(const struct build *b, const struct step *s, const struct step_mount *m,
	int root, struct blame *ret);
bool missing_user(const struct step *s, int root, struct blame *ret);
