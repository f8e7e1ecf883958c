/* SPDX-License-Identifier: Apache-2.0 */
#include "store/images.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/root.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/store_internal.h"
#include "store/tree.h"

#define INDEX_DEPTH_MAX                                                                            \
	4 /* an index in an index: allowed by the specification, not met in practice */

static bool is_here(struct store *s, const struct descriptor *d)
{
	uint64_t size;
	return blob_has(s, &d->digest, &size) && size == d->size;
}

/* The entry for platform; without one said, the host's, else whichever is here: a pull of one
 * platform leaves the others out. */
static int choose(struct store *s, const struct index *ix, const struct platform *platform,
	struct descriptor *ret, struct err *err)
{
	struct platform want;
	char buf[100];

	if (platform)
		want = *platform;
	else
		platform_host(&want);
	const struct descriptor *d = index_choose(ix, &want);
	if (!platform && (!d || !is_here(s, d))) {
		struct index here = {0};
		for (size_t i = 0; i < ix->n_manifests; i++)
			if (is_here(s, &ix->manifests[i]))
				index_add(&here, &ix->manifests[i]);
		const struct descriptor *best = index_choose(&here, &want);
		if (!best && here.n_manifests && here.manifests[0].has_platform)
			best = index_choose(&here, &here.manifests[0].platform);
		if (best) {
			descriptor_copy(ret, best);
			index_done(&here);
			return 0;
		}
		index_done(&here);
	}
	if (!d)
		return err_set(err, ERR_UNSUPPORTED, "the image does not exist for platform %s",
			platform_str(&want, buf));
	descriptor_copy(ret, d);
	return 0;
}

/* Follows indexes until there is a manifest. */
static int load_manifest(
	struct store *s, const struct platform *platform, struct image *i, struct err *err)
{
	for (unsigned depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		AUTO_FREE char *text = NULL;
		struct descriptor next = {0};
		struct index ix = {0};
		size_t n;
		int kind, r;

		if ((r = blob_read(s, &i->manifest_desc, MANIFEST_MAX, &text, &n, err)) < 0 ||
			(r = document_kind(text, n, i->manifest_desc.media_type, &kind, err)) < 0)
			return r;
		if (kind != MEDIA_INDEX)
			return manifest_parse(
				text, n, i->manifest_desc.media_type, &i->manifest, err);
		if ((r = index_parse(text, n, i->manifest_desc.media_type, &ix, err)) < 0)
			return r;
		r = choose(s, &ix, platform, &next, err);
		index_done(&ix);
		if (r < 0)
			return r;
		descriptor_done(&i->manifest_desc);
		i->manifest_desc = next;
	}
	return err_set(err, ERR_LIMIT, "indexes nested more than %d levels deep", INDEX_DEPTH_MAX);
}

static int load_config(struct store *s, struct image *i, struct err *err)
{
	const struct manifest *m = &i->manifest;
	AUTO_FREE char *text = NULL;
	size_t n;
	int r;

	if (media_kind(m->config.media_type) != MEDIA_CONFIG)
		return err_set(err, ERR_UNSUPPORTED, "it is an artifact ('%s'), not an image",
			m->artifact_type ? m->artifact_type : m->config.media_type);
	if ((r = blob_read(s, &m->config, CONFIG_MAX, &text, &n, err)) < 0 ||
		(r = image_config_parse(text, n, &i->config, err)) < 0)
		return r;
	if (i->config.n_diff_ids != m->n_layers)
		return err_set(err, ERR_INVALID,
			"the manifest has %zu layers, the config %zu diff IDs", m->n_layers,
			i->config.n_diff_ids);
	i->id = m->config.digest;
	return 0;
}

static bool config_of(struct store *s, const struct descriptor *d, struct digest *ret)
{
	AUTO_FREE char *text = NULL;
	struct manifest m = {0};
	struct err ignored = ERR_INIT;
	size_t n;
	int kind;

	if (blob_read(s, d, MANIFEST_MAX, &text, &n, &ignored) < 0 ||
		document_kind(text, n, d->media_type, &kind, &ignored) < 0 || kind == MEDIA_INDEX ||
		manifest_parse(text, n, d->media_type, &m, &ignored) < 0)
		return false;
	*ret = m.config.digest;
	bool image = media_kind(m.config.media_type) == MEDIA_CONFIG;
	manifest_done(&m);
	return image;
}

bool image_is_same(struct store *s, const struct descriptor *a, const struct descriptor *b)
{
	struct digest config_a, config_b;
	return config_of(s, a, &config_a) && config_of(s, b, &config_b) &&
	       digest_equal(&config_a, &config_b);
}

int image_load(struct store *s, const struct descriptor *top, const struct platform *platform,
	struct image *ret, struct err *err)
{
	AUTO_IMAGE struct image i = {0};
	char buf[DIGEST_STR_MAX];

	descriptor_copy(&i.top, top);
	descriptor_copy(&i.manifest_desc, top);
	int r = load_manifest(s, platform, &i, err);
	if (r == 0)
		r = load_config(s, &i, err);
	if (r == ERR_NOT_FOUND) {
		const struct err why = *err;
		(void)err_set(err, r, "%s: pull or build the image again", why.msg);
	}
	if (r < 0)
		return err_wrap(err, "image %.19s", digest_str(&top->digest, buf));
	*ret = i;
	i = (struct image){0};
	return 0;
}

static int index_platforms(
	struct store *s, const struct index *ix, struct platform_list *ret, struct err *err)
{
	for (size_t i = 0; i < ix->n_manifests; i++) {
		const struct descriptor *d = &ix->manifests[i];
		struct platform p = d->platform;
		if (!index_entry_is_image(d))
			continue;
		if (!d->has_platform) {
			if (media_kind(d->media_type) == MEDIA_MANIFEST &&
				image_platforms(s, d, ret, err) < 0)
				return err->code;
			continue;
		}
		platform_normalise(&p);
		platform_list_add(ret, &p);
	}
	return 0;
}

int index_load(struct store *s, const struct descriptor *top, struct index *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = blob_read(s, top, MANIFEST_MAX, &text, &n, err);
	return r < 0 ? r : index_parse(text, n, top->media_type, ret, err);
}

int image_platforms(
	struct store *s, const struct descriptor *top, struct platform_list *ret, struct err *err)
{
	if (media_kind(top->media_type) != MEDIA_INDEX) {
		AUTO_IMAGE struct image i = {0};
		int r = image_load(s, top, NULL, &i, err);
		if (r == 0) {
			platform_normalise(&i.config.platform);
			platform_list_add(ret, &i.config.platform);
		}
		return r;
	}
	struct index ix;
	int r = index_load(s, top, &ix, err);
	if (r < 0)
		return r;
	r = index_platforms(s, &ix, ret, err);
	index_done(&ix);
	return r;
}

int image_find_loaded(
	struct store *s, const char *text, struct image *ret, char **ret_ref, struct err *err)
{
	AUTO_FREE char *ref = NULL;
	struct descriptor top = {0};
	int r = image_find(s, text, &top, &ref, err);
	if (r == 0)
		r = image_load(s, &top, NULL, ret, err);
	descriptor_done(&top);
	if (r == 0 && ret_ref)
		*ret_ref = take(ref);
	return r;
}

int image_peek(struct store *s, const struct image *i, const char *path, int flags)
{
	for (size_t l = i->config.n_diff_ids; l-- > 0;) {
		AUTO_FD int tree = -1;
		struct err ignored = ERR_INIT;
		if (tree_open(s, &i->config.diff_ids[l], &tree, &ignored) < 0)
			continue;
		int fd = root_open(tree, path, flags | O_CLOEXEC | O_NONBLOCK, 0);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

void image_done(struct image *i)
{
	descriptor_done(&i->top);
	descriptor_done(&i->manifest_desc);
	manifest_done(&i->manifest);
	image_config_done(&i->config);
	*i = (struct image){0};
}

uint64_t image_blob_size(const struct image *i)
{
	uint64_t sum = i->manifest_desc.size + i->manifest.config.size;
	for (size_t l = 0; l < i->manifest.n_layers; l++)
		sum += i->manifest.layers[l].size;
	return sum;
}
