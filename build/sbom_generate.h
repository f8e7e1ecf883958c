/* SPDX-License-Identifier: Apache-2.0 */
/* A bill of materials that lies beside the image, by a generator of BuildKit's protocol
 * (docs/attestations/sbom-protocol.md of BuildKit): an image whose own command looks at
 * $BUILDKIT_SCAN_SOURCE and writes in-toto statements to $BUILDKIT_SCAN_DESTINATION. */
#pragma once
#include <stddef.h>

struct built_image;
struct err;
struct predicates;
struct sbom_scan;

#define SPDX_DOCUMENT "https://spdx.dev/Document"

/* Adds what is said of the image, which is the build's with that number. ERR_INVALID, ERR_LIMIT:
 * what was written is no such statement, or too much */
int sbom_generate(const struct sbom_scan *s, const struct built_image *image, size_t number,
	struct predicates *ret, struct err *err) __attribute__((warn_unused_result));
