/* SPDX-License-Identifier: Apache-2.0 */
/* What manifests and indexes have in common when they are read. */
#pragma once
#include "image/media_type.h"
#include <stddef.h>

struct err;
struct json;

#define DESCRIPTORS_MAX                                                                            \
	1000 /* layers of a manifest, manifests of an index; overlayfs stops at 500 lowers, docker \
	        at 127 */

/* Two that have one digest have one size. ERR_INVALID. */
struct descriptor;
int document_check_sizes(const char *what, const struct descriptor *d, size_t n, struct err *err)
	__attribute__((warn_unused_result));

/*
 * Parses text and says which document it is: MEDIA_MANIFEST or MEDIA_INDEX, with *ret_type the
 * media type (new string; the one that was said, else the document's own, else OCI's). A document
 * that is two things at once, or not what its media type says, is ERR_INVALID; schema 1 is
 * ERR_UNSUPPORTED.
 */
int document_parse(const char *text, size_t n, const char *media_type, struct json **ret,
	enum media_kind *ret_kind, char **ret_type, struct err *err)
	__attribute__((warn_unused_result));
