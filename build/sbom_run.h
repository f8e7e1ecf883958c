/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a scanner, one after the other on the same files of its own. */
#pragma once
#include "base/strv.h"
#include <stddef.h>

struct err;
struct image;
struct sbom_document;
struct sbom_scan;

/* What they print is told along the way. *ret: a document for each command, and for one that names
 * {CONTEXT} for each context; the caller frees them. ERR_LIMIT, ERR_INVALID: a command failed, or
 * what it left is no document */
int sbom_run(const struct sbom_scan *s, const struct image *image, struct sbom_document **ret,
	size_t *ret_n, struct err *err) __attribute__((warn_unused_result));
void sbom_documents_free(struct sbom_document *d, size_t n);
