/* SPDX-License-Identifier: Apache-2.0 */
#include "image/docker_schema2.h"

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/manifest.h"
#include "image/media_type.h"

static const struct twin {
	const char *oci;
	const char *docker;
} twins[] = {
	{MT_OCI_MANIFEST, MT_DOCKER_MANIFEST},
	{MT_OCI_INDEX, MT_DOCKER_LIST},
	{MT_OCI_CONFIG, MT_DOCKER_CONFIG},
	{MT_OCI_LAYER, MT_DOCKER_LAYER},
	{MT_OCI_LAYER_GZIP, MT_DOCKER_LAYER_GZIP},
	{MT_OCI_LAYER_ZSTD, MT_DOCKER_LAYER_ZSTD},
};

static const char *twin_of(const char *type, bool docker)
{
	for (size_t i = 0; type && i < ARRAY_LEN(twins); i++)
		if (streq(type, twins[i].oci) || streq(type, twins[i].docker))
			return docker ? twins[i].docker : twins[i].oci;
	return NULL;
}

const char *media_type_to_docker(const char *type)
{
	return twin_of(type, true);
}

const char *media_type_to_oci(const char *type)
{
	return twin_of(type, false);
}

static int convert_descriptor(
	const struct descriptor *d, bool docker, struct descriptor *ret, struct err *err)
{
	const char *type = twin_of(d->media_type, docker);
	/* schema 2 knows no such type: what containerd calls it others refuse */
	if (docker && type && streq(type, MT_DOCKER_LAYER_ZSTD))
		return err_set(err, ERR_UNSUPPORTED,
			"zstd compression is not supported for docker images; take the format "
			"'oci', or gzip");
	if (!type)
		return err_set(err, ERR_UNSUPPORTED, "media type '%s' does not exist in %s",
			d->media_type, docker ? "Docker's format" : "OCI's format");
	descriptor_copy(ret, d);
	mem_replace(&ret->media_type, xstrdup(type));
	if (docker)
		map_done(&ret->annotations);
	return 0;
}

static int convert(const struct manifest *m, bool docker, struct manifest *ret, struct err *err)
{
	struct manifest out = {0};
	int r = 0;

	if (m->artifact_type)
		return err_set(err, ERR_UNSUPPORTED, "an artifact ('%s') cannot change its format",
			m->artifact_type);
	out.media_type = xstrdup(docker ? MT_DOCKER_MANIFEST : MT_OCI_MANIFEST);
	r = convert_descriptor(&m->config, docker, &out.config, err);
	if (m->n_layers)
		out.layers = xcalloc(m->n_layers, sizeof(*out.layers));
	for (size_t i = 0; r == 0 && i < m->n_layers; i++) {
		r = convert_descriptor(&m->layers[i], docker, &out.layers[i], err);
		out.n_layers = i + 1;
	}
	if (r < 0) {
		manifest_done(&out);
		return r;
	}
	if (!docker)
		map_copy(&out.annotations, &m->annotations);
	*ret = out;
	return 0;
}

int manifest_to_docker(const struct manifest *m, struct manifest *ret, struct err *err)
{
	return convert(m, true, ret, err);
}

int manifest_to_oci(const struct manifest *m, struct manifest *ret, struct err *err)
{
	return convert(m, false, ret, err);
}
