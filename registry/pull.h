/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a pull that is the same for every source: transport.c chooses the source. */
#pragma once
#include "registry/transport.h"

struct source;
struct trust;
struct txn;

/* On the descriptor of a name: the digest of the index that the manifest was chosen from. */
#define ANNOTATION_INDEX_DIGEST "mica.index.digest"

/* expected: what the reference's @digest says, or NULL. trust: what is demanded of each manifest
 * that is taken. Fills *ret and sets the source's name. */
int pull_from(struct store *s, struct txn *t, struct source *source, const struct digest *expected,
	const struct trust *trust, const struct pull_opts *o, struct pulled *ret, struct err *err)
	__attribute__((warn_unused_result));
