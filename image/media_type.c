/* SPDX-License-Identifier: Apache-2.0 */
#include "image/media_type.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

static const struct {
	const char *type;
	enum media_kind kind;
} known[] = {
	{MT_OCI_MANIFEST, MEDIA_MANIFEST},
	{MT_OCI_INDEX, MEDIA_INDEX},
	{MT_OCI_CONFIG, MEDIA_CONFIG},
	{MT_OCI_LAYER, MEDIA_LAYER},
	{MT_OCI_LAYER_GZIP, MEDIA_LAYER},
	{MT_OCI_LAYER_ZSTD, MEDIA_LAYER},
	{MT_DOCKER_MANIFEST, MEDIA_MANIFEST},
	{MT_DOCKER_LIST, MEDIA_INDEX},
	{MT_DOCKER_CONFIG, MEDIA_CONFIG},
	{MT_DOCKER_LAYER, MEDIA_LAYER},
	{MT_DOCKER_LAYER_GZIP, MEDIA_LAYER},
	{MT_DOCKER_LAYER_ZSTD, MEDIA_LAYER},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_FOREIGN_LAYER},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_FOREIGN_LAYER},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_FOREIGN_LAYER},
	{"application/vnd.docker.image.rootfs.foreign.diff.tar", MEDIA_FOREIGN_LAYER},
	{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_FOREIGN_LAYER},
	{"application/vnd.docker.distribution.manifest.v1+json", MEDIA_SCHEMA1},
	{"application/vnd.docker.distribution.manifest.v1+prettyjws", MEDIA_SCHEMA1},
};

enum media_kind media_kind(const char *type)
{
	if (!type)
		return MEDIA_UNKNOWN;
	size_t n = strcspn(type, "; \t");
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i].type) == n && memcmp(known[i].type, type, n) == 0)
			return known[i].kind;
	return MEDIA_UNKNOWN;
}

bool media_is_docker(const char *type)
{
	return type && str_has_prefix(type, "application/vnd.docker.");
}
