/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/list_fetch.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "registry/transport.h"
#include "store/blobs.h"
#include "store/images.h"
#include "store/list_sources.h"

#define RETRIES 3 /* as commands have by default */

/* Of an index in the list all that it names is fetched. */
static bool has_layers(struct store *s, const struct descriptor *d)
{
	AUTO_FREE char *text = NULL;
	struct manifest m = {0};
	struct err ignored = ERR_INIT;
	size_t n;

	if (blob_read(s, d, MANIFEST_MAX, &text, &n, &ignored) < 0 ||
		manifest_parse(text, n, d->media_type, &m, &ignored) < 0)
		return false;
	bool all = true;
	for (size_t i = 0; i < m.n_layers; i++)
		all = all && blob_has(s, &m.layers[i].digest, NULL);
	manifest_done(&m);
	return all;
}

/* Where they are; NULL: there is nothing to fetch. New string. */
static char *source_of(struct store *s, const struct descriptor *manifest)
{
	return has_layers(s, manifest) ? NULL : list_source(s, &manifest->digest);
}

bool list_has_left(struct store *s, const struct descriptor *manifest)
{
	AUTO_FREE char *source = source_of(s, manifest);
	return source != NULL;
}

int list_fetch(struct store *s, const struct descriptor *manifest, const struct remote_opts *remote,
	struct progress *progress, struct err *err)
{
	const struct remote_opts usual = {.tls_verify = -1, .retries = RETRIES};
	AUTO_FREE char *source = source_of(s, manifest);
	struct pull_opts o = {.policy = PULL_ALWAYS,
		.unnamed = true,
		.no_unpack = true,
		.all_platforms = true,
		.progress = progress,
		.remote = remote ? *remote : usual};
	struct pulled pulled = {0};

	if (!source)
		return 0;
	int r = image_pull(s, source, &o, &pulled, err);
	pulled_done(&pulled);
	return r;
}

int list_fetch_all(struct store *s, const struct descriptor *list, const struct remote_opts *remote,
	struct progress *progress, struct err *err)
{
	struct index ix = {0};

	if (media_kind(list->media_type) != MEDIA_INDEX)
		return list_fetch(s, list, remote, progress, err);
	int r = index_load(s, list, &ix, err);
	for (size_t i = 0; r == 0 && i < ix.n_manifests; i++)
		r = list_fetch(s, &ix.manifests[i], remote, progress, err);
	index_done(&ix);
	return r;
}
