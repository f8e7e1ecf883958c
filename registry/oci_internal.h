/* SPDX-License-Identifier: Apache-2.0 */
/* What reading (oci_source.c) and writing (oci_sink.c, docker_sink.c) an image layout share.
 * image-spec image-layout.md */
#pragma once
#include "base/digest.h"

#define ANNOTATION_IMAGE_NAME "io.containerd.image.name" /* the complete reference */
#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define BLOB_PATH_MAX (sizeof("blobs//") + DIGEST_STR_MAX)

/* Where the layout has the blob. Returns buf. */
char *oci_blob_path(const struct digest *d, char buf[BLOB_PATH_MAX]);
