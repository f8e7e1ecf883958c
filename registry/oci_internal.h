/* SPDX-License-Identifier: Apache-2.0 */
/* What reading (oci_source.c) and writing (oci_sink.c, docker_sink.c) an image layout share.
 * image-spec image-layout.md */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>

struct err;

#define ANNOTATION_IMAGE_NAME "io.containerd.image.name" /* the complete reference */
#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define BLOB_PATH_MAX (sizeof("blobs//") + DIGEST_STR_MAX)

/* Where the layout has the blob. Returns buf. */
char *oci_blob_path(const struct digest *d, char buf[BLOB_PATH_MAX]);
/* A document of the layout that is opened at dir. path: for messages. foreign: it was an archive,
 * and its links must not lead out. ERR_NOT_FOUND */
int oci_read(int dir, bool foreign, const char *path, const char *name, size_t max, char **ret,
	size_t *ret_len, struct err *err) __attribute__((warn_unused_result));
/* Whether it is one, and of a version that is known here. */
int oci_check_layout(int dir, bool foreign, const char *path, struct err *err)
	__attribute__((warn_unused_result));
