/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that change index.json share. */
#pragma once
#include <stddef.h>

struct digest;
struct err;
struct index_file;
struct name;
struct store;

void name_done(struct name *n);
#define AUTO_NAME __attribute__((cleanup(name_done)))
/* For changes. */
int names_lock(struct store *s, int *ret_fd, struct err *err) __attribute__((warn_unused_result));
/* Index of the first line, from `from` on, that holds the reference (or, when ref is NULL, the
 * digest); f->n when none does. *ret, when not NULL, gets it. */
int names_find(const struct index_file *f, size_t from, const char *ref, const struct digest *d,
	size_t *ret_at, struct name *ret, struct err *err) __attribute__((warn_unused_result));
/* The reference (or, when it is NULL, the digest) is not in the store itself, so it cannot be
 * removed: ERR_DENIED where an additional one has it, else ERR_NOT_FOUND. */
int names_not_here(struct store *s, const char *ref, const struct digest *d, struct err *err)
	__attribute__((warn_unused_result));
