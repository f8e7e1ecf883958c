/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of a scanner about one image, as one; and the package URLs in them. They are what a
 * program of somebody else wrote about files of somebody else. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

enum sbom_merge {
	SBOM_MERGE_NOT_SAID, /* there is one document */
	SBOM_MERGE_CAT, /* one behind the other, whatever they are */
	SBOM_MERGE_CYCLONEDX, /* components with a name and version that is new */
	SBOM_MERGE_SPDX, /* packages with a name and versionInfo that is new */
};

/* "cat", "merge-cyclonedx-by-component-name-and-version" ... */
bool sbom_merge_parse(const char *text, enum sbom_merge *ret);

struct sbom_document {
	char *text;
	size_t len;
};

/*
 * In their order, the first one is what the others are merged into; a single one stays as it is.
 * *ret_purls: {"image_contents": {"dependencies": [...]}}, each once and sorted; of documents that
 * nobody looks into there are none. Both have a limit of their own. ERR_INVALID, ERR_LIMIT
 */
int sbom_merge(enum sbom_merge how, const struct sbom_document *d, size_t n, struct buf *ret,
	struct buf *ret_purls, struct err *err) __attribute__((warn_unused_result));
