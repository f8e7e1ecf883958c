/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a COPY or a bind mount took, as text that is kept for --explain-cache: for each
 * the attributes that its key covers and its path, both ended by NUL. A list is written once, when
 * the step runs. Its reader takes any bytes.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct build;
struct err;
struct strv;
struct xattrs;

struct input_item {
	const char *path;
	mode_t mode;
	bool has_perm, has_owner; /* they are inputs */
	uid_t uid;
	gid_t gid;
	const char *first; /* path of the file that it is another name of, or NULL */
	const struct digest *content; /* of a file; of a directory's extended attributes */
	const struct xattrs *xattrs; /* of a file, or NULL */
	const char *link; /* a symbolic link's target, else NULL */
};

#define INPUT_LIST_MAX (8 * 1024 * 1024) /* of 100,000 files; longer ones are not kept */

void input_list_add(struct buf *list, const struct input_item *item);
/* What a list is kept as: the digest of the inputs does not tell where they were found. */
struct digest input_list_id(const struct digest *inputs, const struct strv *sources);
/* Keeps it, unless it is there or too long. Nothing that fails here fails a build. */
void input_list_keep(struct build *b, const struct digest *id, struct buf *list);
bool input_list_has(struct build *b, const struct digest *id);
/* The list's text; NULL: there is none. *ret_len bytes, the caller's. */
char *input_list_get(struct build *b, const struct digest *id, size_t *ret_len);
/* Adds a line for each difference, at most max, then "and N more". */
void input_list_compare(const char *before, size_t before_len, const char *now, size_t now_len,
	size_t max, struct strv *ret);
