/* SPDX-License-Identifier: Apache-2.0 */
#include "image/manifest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/document_internal.h"

static int parse_layers(const struct json *j, struct manifest *m, struct err *err)
{
	struct json *layers = NULL;
	int r = json_get_kind(j, "manifest", "layers", JSON_KIND_ARRAY, &layers, err);
	if (r < 0)
		return r;
	size_t n = json_size(layers);
	if (n > DESCRIPTORS_MAX)
		return err_set(
			err, ERR_LIMIT, "manifest: %zu layers, more than %d", n, DESCRIPTORS_MAX);
	if (n)
		m->layers = xcalloc(n, sizeof(*m->layers));
	for (size_t i = 0; i < n; i++) {
		char what[40];
		(void)snprintf(what, sizeof(what), "manifest: layer %zu", i + 1);
		if ((r = descriptor_from_json(json_at(layers, i), what, &m->layers[i], err)) < 0)
			return r;
		m->n_layers = i + 1;
	}
	return document_check_sizes("manifest", m->layers, m->n_layers, err);
}

static int parse_members(const struct json *j, struct manifest *m, struct err *err)
{
	const char *artifact_type = NULL;
	struct json *config = NULL;
	int r;

	if ((r = json_get_kind(j, "manifest", "config", JSON_KIND_OBJECT, &config, err)) < 0)
		return r;
	if (!config)
		return err_set(err, ERR_INVALID, "manifest: config is missing");
	if ((r = descriptor_from_json(config, "manifest: config", &m->config, err)) < 0 ||
		(r = parse_layers(j, m, err)) < 0 ||
		(r = json_get_map(j, "manifest", "annotations", &m->annotations, err)) < 0 ||
		(r = json_get_string(j, "manifest", "artifactType", &artifact_type, err)) < 0)
		return r;
	if (artifact_type && *artifact_type)
		m->artifact_type = xstrdup(artifact_type);
	return 0;
}

int manifest_parse(
	const char *text, size_t n, const char *media_type, struct manifest *ret, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	struct manifest m = {0};
	enum media_kind kind;
	int r;

	if (n > MANIFEST_MAX)
		return err_set(err, ERR_LIMIT, "manifest is larger than %llu bytes", MANIFEST_MAX);
	if ((r = document_parse(text, n, media_type, &j, &kind, &m.media_type, err)) < 0)
		return r;
	if (kind != MEDIA_MANIFEST)
		r = err_set(err, ERR_INVALID, "manifest: it is an index");
	else
		r = parse_members(j, &m, err);
	if (r < 0) {
		manifest_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

char *manifest_dump(const struct manifest *m)
{
	AUTO_JSON struct json *j = json_new_object();
	struct json *layers = json_new_array();
	json_set_int(j, "schemaVersion", 2);
	json_set_string(j, "mediaType", m->media_type ? m->media_type : MT_OCI_MANIFEST);
	json_set_string(j, "artifactType", m->artifact_type);
	json_set(j, "config", descriptor_to_json(&m->config));
	for (size_t i = 0; i < m->n_layers; i++)
		json_add(layers, descriptor_to_json(&m->layers[i]));
	json_set(j, "layers", layers);
	if (m->annotations.n)
		json_set(j, "annotations", json_new_map(&m->annotations));
	return json_dump(j, 0);
}

void manifest_add_layer(struct manifest *m, const struct descriptor *layer)
{
	struct descriptor copy; /* first: layer may be one of ours */
	descriptor_copy(&copy, layer);
	m->layers = xreallocarray(m->layers, m->n_layers + 1, sizeof(*m->layers));
	m->layers[m->n_layers++] = copy;
}

void manifest_done(struct manifest *m)
{
	free(m->media_type);
	free(m->artifact_type);
	descriptor_done(&m->config);
	for (size_t i = 0; i < m->n_layers; i++)
		descriptor_done(&m->layers[i]);
	free(m->layers);
	map_done(&m->annotations);
	*m = (struct manifest){0};
}
