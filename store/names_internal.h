/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that change index.json share. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct descriptor;
struct digest;
struct digest_set;
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
/* Adds the name to those seen; false: it is among them. */
bool names_add_seen(struct digest_set *seen, const char *ref);
/* Keeps an image that has no line any more, or that of a step, as one without a name. */
int names_keep_unnamed(struct index_file *f, const struct descriptor *d, bool *changed,
	struct err *err) __attribute__((warn_unused_result));
/* Of entries with one name the first, which is what the name stands for, keeps it; the others stay
 * without one. *ret_n: how many. */
int names_part(struct store *s, size_t *ret_n, struct err *err) __attribute__((warn_unused_result));
/* The reference (or, when it is NULL, the digest) is not in the store itself, so it cannot be
 * removed: ERR_DENIED where an additional one has it, else ERR_NOT_FOUND. */
int names_not_here(struct store *s, const char *ref, const struct digest *d, struct err *err)
	__attribute__((warn_unused_result));
