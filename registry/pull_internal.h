/* SPDX-License-Identifier: Apache-2.0 */
/* One pull: which manifests it takes (pull.c), and what each of them needs (pull_manifest.c). */
#pragma once
#include "base/digest.h"
#include "image/platform.h"
#include "registry/pull.h"
#include <stdbool.h>
#include <stddef.h>

struct document;

struct pull {
	struct store *store;
	struct txn *txn;
	struct source *source;
	const struct pull_opts *opts;
	const struct trust *trust;
	struct digest top; /* of what the location names */
	struct platform platform;
	struct pulled *pulled;
	bool whole; /* documents are parts of an index that is kept as it is */
	bool has_replaced;
	struct digest replaced; /* by an index that it belongs to */
	unsigned depth;
	size_t leaves; /* the product of the entries of the indexes down to here */
};

/* Before anything else of the manifest or index is believed. */
int pull_check_signatures(struct pull *p, const struct document *doc, struct err *err)
	__attribute__((warn_unused_result));
int pull_keep_document(struct pull *p, const struct document *doc, struct err *err)
	__attribute__((warn_unused_result));
/* Everything that one manifest reaches. unpack: its layers become trees too. doc becomes what is
 * kept. */
int pull_manifest(struct pull *p, struct document *doc, bool unpack, struct err *err)
	__attribute__((warn_unused_result));
