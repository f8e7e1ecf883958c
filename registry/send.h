/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the store into a sink: the bytes as they are, blobs before the manifests that name
 * them, each blob once. The caller's transaction keeps them meanwhile. */
#pragma once
#include "base/map.h"
#include "image/descriptor.h"
#include <stdbool.h>

struct document;
struct err;
struct progress;
struct remote_opts;
struct sink;
struct store;
struct strv;

struct sending {
	struct store *store;
	struct sink *sink;
	struct progress *progress;
	bool index_only; /* of an index: its images are there already */
	bool saves; /* as push_opts has it */
	bool partial; /* so are layers that are not in the store */
	const struct remote_opts *remote; /* for layers that were left elsewhere (list_fetch.h) */
	const char *sign_by; /* NULL: nobody */
	const struct strv *signatures; /* of the one that gets the name; NULL: none */
	struct map sent; /* digests: a blob that two manifests share goes once; to be done by the
	                    caller */
	unsigned depth; /* send.c's */
};

/* The bytes that d names. */
int send_read(struct store *s, const struct descriptor *d, struct document *ret, struct err *err)
	__attribute__((warn_unused_result));
/* All that doc names, and then itself; top: it gets the name. It is signed before anything is sent:
 * a key that cannot be used shows first. */
int send_document(struct sending *p, const struct document *doc, bool top, struct err *err)
	__attribute__((warn_unused_result));
