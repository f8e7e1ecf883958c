/* SPDX-License-Identifier: Apache-2.0 */
#include "build/container_commit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/stream.h"
#include "build/build.h"
#include "build/container_tree.h"
#include "build/recompress.h"
#include "image/docker_schema2.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "layers/diff.h"
#include "store/blobs.h"
#include "store/containers.h"
#include "store/images.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* --- the layer --- */

struct diff_work {
	int dir, blob;
	struct diff_opts opts;
};

static int diff_job(void *arg, struct buf *out, struct err *err)
{
	const struct diff_work *w = arg;
	struct layer layer;
	AUTO_WRITER struct writer *to = writer_to_fd(w->blob, "the layer's blob");

	if (layer_diff(w->dir, &w->opts, to, &layer, err) < 0)
		return err->code;
	buf_add(out, &layer, sizeof(layer));
	return 0;
}

/* What is mounted is left as it is: only the kernel's overlay keeps the changeset in the upper
 * directory all the time. */
static int check_mounted(
	const struct container_tree *tree, const struct container *c, struct err *err)
{
	struct statfs fs;

	if (tree->merged < 0 || !c->config.n_diff_ids)
		return 0;
	if (fstatfs(tree->merged, &fs) < 0)
		return err_sys(err, "cannot look at the mount of the container '%s'", c->name);
	if ((unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC)
		return 0;
	return err_set(err, ERR_BUSY,
		"the container '%s' is mounted, and not by the kernel's overlay: umount it first",
		c->name);
}

/* ret->entries == 0: nothing was changed, there is no layer. */
static int make_layer(struct store *s, struct txn *t, const struct container *c,
	const struct container_commit *o, struct layer *ret, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {.upper = -1, .work = -1, .merged = -1};
	AUTO_TMP struct tmp blob = TMP_INIT;
	AUTO_BUF struct buf out = BUF_INIT(sizeof(*ret));

	*ret = (struct layer){0};
	int r = container_tree_open(s, t, c, &tree, err);
	if (r == 0)
		r = check_mounted(&tree, c, err);
	if (r == 0)
		r = container_tree_settle(&tree, err);
	if (r < 0 || layer_diff_is_empty(tree.upper))
		return r;
	if (blob_begin(s, &blob, err) < 0)
		return err->code;
	struct diff_work w = {
		.dir = tree.upper,
		.blob = blob.fd,
		.opts = {.compression = o->compression,
			.level = -1,
			.clamp = o->has_epoch,
			.force = o->has_epoch,
			.clamp_s = o->epoch},
	};
	if (job_run(diff_job, &w, &out, err) < 0)
		return err->code;
	memcpy(ret, out.data, sizeof(*ret));
	return ret->entries ? blob_commit(s, &blob, &ret->blob, err) : 0;
}

/* --- documents --- */

static void add_layer(struct manifest *m, const char *type, const struct digest *d, uint64_t size)
{
	AUTO_FREE char *copy = xstrdup(type);
	const struct descriptor desc = {.media_type = copy, .digest = *d, .size = size};
	manifest_add_layer(m, &desc);
}

static int add_base(struct store *s, const struct container *c, struct manifest *m, struct err *err)
{
	AUTO_IMAGE struct image base = {0};

	if (c->scratch)
		return 0;
	int r = image_load(s, &c->manifest, NULL, &base, err);
	for (size_t i = 0; r == 0 && i < base.manifest.n_layers; i++) {
		const struct descriptor *l = &base.manifest.layers[i];
		const char *oci = media_type_to_oci(l->media_type);
		add_layer(m, oci ? oci : l->media_type, &l->digest, l->size);
	}
	return r;
}

/* {"config": {"Hostname": ...}}, "comment": Docker's alone */
static void add_docker_members(const struct container *c, struct image_config *config)
{
	if (!config->extra_config)
		config->extra_config = json_new_object();
	if (!config->extra)
		config->extra = json_new_object();
	json_set_string(config->extra_config, "Hostname", c->hostname);
	json_set_string(config->extra_config, "Domainname", c->domainname);
	json_set_string(config->extra, "comment", c->comment);
}

/* As buildah words it. */
static void add_history(
	const struct container *c, struct image_config *config, const char *when, bool empty_layer)
{
	AUTO_FREE char *comment = xasprintf("%s%s%s", c->history_comment ? c->history_comment : "",
		c->scratch ? "" : "FROM ", c->scratch ? "" : c->image_name);
	image_config_add_history(config, when, c->created_by ? c->created_by : "/bin/sh",
		*comment ? comment : NULL, empty_layer);
	struct history *last = &config->history[config->n_history - 1];
	last->author = config->author ? xstrdup(config->author) : NULL;
}

static void finish_config(const struct container *c, const struct container_commit *o,
	const struct layer *layer, struct image_config *config)
{
	char when[CLOCK_STR_MAX];
	struct timespec at = {.tv_sec = o->epoch};

	if (!o->has_epoch)
		at = clock_now();
	clock_format(at, when);
	image_config_copy(config, &c->config);
	mem_replace(&config->created, xstrdup(when));
	for (size_t i = c->base_history; o->has_epoch && i < config->n_history; i++)
		mem_replace(&config->history[i].created, xstrdup(when));
	if (o->unset_env)
		STRV_FOREACH (name, o->unset_env)
			map_remove(&config->env, *name);
	if (o->docker)
		add_docker_members(c, config);
	if (layer->entries)
		image_config_add_diff_id(config, &layer->diff_id);
	add_history(c, config, when, !layer->entries);
}

static int put(struct store *s, const char *text, const char *type, struct descriptor *ret,
	struct err *err)
{
	*ret = (struct descriptor){.size = strlen(text)};
	int r = blob_put(s, text, strlen(text), &ret->digest, err);
	if (r == 0)
		ret->media_type = xstrdup(type);
	return r;
}

static int put_documents(struct store *s, const struct image_config *config, struct manifest *m,
	struct built_image *ret, struct err *err)
{
	AUTO_FREE char *text = image_config_dump(config);

	int r = put(s, text, MT_OCI_CONFIG, &m->config, err);
	if (r < 0)
		return r;
	AUTO_FREE char *manifest = manifest_dump(m);
	r = put(s, manifest, MT_OCI_MANIFEST, &ret->manifest, err);
	if (r < 0)
		return r;
	ret->platform = config->platform;
	ret->manifest.has_platform = true;
	ret->manifest.platform = config->platform;
	ret->image_id = m->config.digest;
	ret->bytes = m->config.size + ret->manifest.size;
	for (size_t i = 0; i < m->n_layers; i++)
		ret->bytes += m->layers[i].size;
	return 0;
}

int container_commit(struct store *s, struct txn *t, const struct container *c,
	const struct container_commit *o, struct build_result *ret, struct err *err)
{
	struct manifest m = {.media_type = xstrdup(MT_OCI_MANIFEST)};
	struct image_config config = {0};
	struct layer layer;

	ret->images = xcalloc(1, sizeof(*ret->images));
	map_copy(&m.annotations, &c->annotations);
	int r = add_base(s, c, &m, err);
	if (r == 0) {
		ret->images->base_layers = m.n_layers;
		ret->images->base_history = c->base_history;
		r = make_layer(s, t, c, o, &layer, err);
	}
	if (r == 0) {
		if (layer.entries)
			add_layer(
				&m, layer_media_type(o->compression), &layer.blob, layer.blob_size);
		finish_config(c, o, &layer, &config);
		r = put_documents(s, &config, &m, ret->images, err);
	}
	image_config_done(&config);
	manifest_done(&m);
	if (r < 0)
		return r;
	ret->n_images = 1;
	descriptor_copy(&ret->root, &ret->images->manifest);
	ret->root.has_platform = false;
	return 0;
}
