/* SPDX-License-Identifier: Apache-2.0 */
/* What rebuild.c and index_mend.c share: index.json in the making, and images that are whole
 * without an entry in it (unnamed.c). */
#pragma once
#include "image/descriptor.h"
#include "store/digest_set.h"
#include "store/index_file.h"

struct err;
struct store;

struct rebuild {
	struct store *store;
	struct index_file file;
	struct digest_set known; /* manifests that are in it, and those below an index in it */
	struct digest_set names; /* digests of the references in it */
};

/* What an index has is no image of its own. */
void rebuild_hide_children(struct rebuild *b, const struct descriptor *d);
/* The manifest or index of that digest as what it is; false: it is none, or not all of it is here.
 */
bool rebuild_describe(struct rebuild *b, const struct digest *digest, struct descriptor *ret);
/* Entries without a name for what is whole and not known. */
int rebuild_add_nameless(struct rebuild *b, size_t *ret_n, struct err *err)
	__attribute__((warn_unused_result));
/* Not the store's. */
void rebuild_done(struct rebuild *b);
