/* SPDX-License-Identifier: Apache-2.0 */
#include "build/container_commit.h"

#include "base/called.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root.h"
#include "build/as_buildah.h"
#include "build/build.h"
#include "build/config_change.h"
#include "build/container_tree.h"
#include "build/recompress.h"
#include "build/upper_layer.h"
#include "image/docker_schema2.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "layers/settle.h"
#include "store/blobs.h"
#include "store/container_share.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the layer --- */

/* The changeset in upper as a layer in the store; none is made of nothing, unless `empty`. */
static int store_layer(struct store *s, const struct container_commit *o, int upper, bool empty,
	struct layer *ret, struct err *err)
{
	const struct diff_opts opts = {.compression = o->compression,
		.level = -1,
		.clamp = o->has_epoch && !o->keep_times,
		.force = o->has_epoch && o->force,
		.clamp_s = o->epoch};
	return upper_layer_put(s, upper, &opts, empty, ret, err);
}

/* --- files on top --- */

/* "SOURCE[:TARGET]" */
static int add_file(const struct snapshot *snap, const char *word, struct err *err)
{
	const char *colon = strrchr(word, ':');
	AUTO_FREE char *source = colon ? xstrndup(word, (size_t)(colon - word)) : xstrdup(word);
	AUTO_FD int from = open(source, O_RDONLY | O_CLOEXEC), root = -1, to = -1;
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(err, "option '--add-file': cannot open '%s'", source);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "option '--add-file': '%s' is not a file", source);
	AUTO_FREE char *target = path_resolve("/", colon ? colon + 1 : source);
	AUTO_FREE char *dir = path_dir(target);
	if (snapshot_mount(snap, &root, err) < 0)
		return err->code;
	if (root_mkdir_p(root, dir, 0755, 0, 0, &to) < 0)
		return err_sys(err, "option '--add-file': cannot make '%s'", dir);
	if (unlinkat(to, path_base(target), 0) < 0 && errno != ENOENT)
		return err_sys(err, "option '--add-file': cannot replace '%s'", target);
	AUTO_FD int file = openat(
		to, path_base(target), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	const struct timespec times[2] = {st.st_mtim, st.st_mtim};
	if (file < 0 || fs_copy_data(from, file, (uint64_t)st.st_size) < 0 ||
		fchmod(file, st.st_mode & 07777) < 0 || futimens(file, times) < 0)
		return err_sys(err, "option '--add-file': cannot write '%s'", target);
	return 0;
}

/* On the container's files as they are; these stay. */
static int make_top(struct store *s, struct txn *t, const struct container_tree *tree,
	const struct container_commit *o, struct layer *ret, struct err *err)
{
	AUTO_FREE int *lowers = xcalloc(tree->n_lowers + 1, sizeof(*lowers));
	AUTO_FREE char *upper_name = NULL, *work_name = NULL;
	AUTO_FD int upper = -1, work = -1;
	struct snapshot snap = {.lower = lowers};

	for (size_t i = 0; tree->merged < 0 && i < tree->n_lowers; i++)
		lowers[snap.n_lower++] = tree->lowers[i];
	lowers[snap.n_lower++] = tree->merged < 0 ? tree->upper : tree->merged;
	STRV_FOREACH (word, o->add_files) {
		/* a work directory serves one mount only */
		mem_close_p(&work);
		mem_replace(&work_name, NULL);
		if (upper < 0 && txn_mkdir(t, "upper", &upper_name, &upper, err) < 0)
			return err->code;
		if (txn_mkdir(t, "work", &work_name, &work, err) < 0)
			return err->code;
		snap.upper = upper;
		snap.work = work;
		if (add_file(&snap, *word, err) < 0)
			return err->code;
	}
	if (snapshot_settle(&snap, (struct timespec){0}, err) < 0)
		return err->code;
	return store_layer(s, o, upper, false, ret, err);
}

/* What was copied with --link, in its order. */
static int make_links(struct store *s, const struct container *c, const struct container_commit *o,
	struct layer *ret, struct err *err)
{
	for (size_t i = 0; i < c->links.n; i++) {
		AUTO_FD int dir = -1;
		if (container_link_open(c, i, false, &dir, err) < 0 ||
			store_layer(s, o, dir, false, &ret[i], err) < 0)
			return err->code;
	}
	return 0;
}

/* What the container has changed, each of its links, and what comes on top. */
static size_t layers_of(const struct container *c)
{
	return c->links.n + 2;
}

/* Nothing was changed: there is no layer. */
static bool is_none(const struct layer *l)
{
	return digest_is_zero(&l->diff_id);
}

static int make_layers(struct store *s, struct txn *t, struct container *c,
	const struct container_commit *o, struct layer *ret, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {.upper = -1, .work = -1, .merged = -1};
	AUTO_CONTAINER_PAUSE struct container_pause pause = {0};

	int r = container_mount_settle(s, t, c, err);
	if (r == 0 && !c->alone)
		container_pause(c, &pause);
	if (r == 0)
		r = container_tree_open(s, t, c, &tree, err);
	if (r == 0)
		r = container_tree_catch_up(s, c, &tree, err);
	if (r == 0)
		r = container_tree_settle(&tree, err);
	if (r == 0 && (called_buildah() || !layer_diff_is_empty(tree.upper)))
		r = store_layer(s, o, tree.upper, called_buildah(), &ret[0], err);
	if (r == 0)
		r = make_links(s, c, o, ret + 1, err);
	return r < 0 || !o->add_files || !o->add_files->n
	               ? r
	               : make_top(s, t, &tree, o, &ret[c->links.n + 1], err);
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

/* {"config": {"Hostname": ...}}, "comment", "parent", "container": Docker's alone. The last is
 * another one each time. */
static void add_docker_members(const struct container *c, bool same, struct image_config *config)
{
	char parent[DIGEST_STR_MAX];

	if (!config->extra_config)
		config->extra_config = json_new_object();
	if (!config->extra)
		config->extra = json_new_object();
	json_set_string(config->extra_config, "Hostname", c->hostname);
	json_set_string(config->extra_config, "Domainname", c->domainname);
	json_set_string(config->extra, "comment", c->comment);
	if (!c->scratch)
		json_set_string(config->extra, "parent", digest_str(&c->image_id, parent));
	if (!same)
		json_set_string(config->extra, "container", c->id);
}

/* What the base image came from is not what this one comes from. */
static void remove_origins(struct image_config *config)
{
	if (!config->extra)
		return;
	json_remove(config->extra, "parent");
	json_remove(config->extra, "container");
}

/* As buildah words it. */
static void add_history(
	const struct container *c, struct image_config *config, const char *when, bool empty_layer)
{
	const char *said = c->history_comment;
	AUTO_FREE char *shell =
		config->shell.n ? strv_join(&config->shell, " ") : xstrdup("/bin/sh");
	image_config_add_history(config, when, c->created_by ? c->created_by : shell,
		said && *said ? said : NULL, empty_layer);
	struct history *last = &config->history[config->n_history - 1];
	last->author = config->author ? xstrdup(config->author) : NULL;
}

/* As buildah: in the first entry that is ours. */
static void name_base(const struct container *c, struct image_config *config)
{
	struct history *first = &config->history[c->base_history];
	const char *said = first->comment ? first->comment : "";

	if (!c->scratch)
		mem_replace(&first->comment,
			xasprintf("%s%sFROM %s", said, *said ? " " : "", c->image_name));
}

static int finish_config(const struct container *c, const struct container_commit *o,
	const struct layer *layers, struct image_config *config, struct err *err)
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
	remove_origins(config);
	if (o->docker)
		add_docker_members(c, o->has_epoch, config);
	for (size_t i = 0; i < layers_of(c); i++)
		if (!is_none(&layers[i]))
			image_config_add_diff_id(config, &layers[i].diff_id);
	add_history(c, config, when, is_none(&layers[0]));
	name_base(c, config);
	for (size_t i = 0; i < c->links.n; i++)
		image_config_add_history(
			config, when, c->links.v[i], NULL, is_none(&layers[i + 1]));
	if (!is_none(&layers[c->links.n + 1]))
		image_config_add_history(config, when, "/bin/sh -c #(nop) ADD files", NULL, false);
	if (o->override && config_override(config, o->override, err) < 0)
		return err_wrap(err, "option '--config'");
	if (o->changes)
		STRV_FOREACH (change, o->changes)
			if (config_change(config, *change, err) < 0)
				return err_wrap(err, "option '--change'");
	if (!o->docker)
		as_buildah_oci(config);
	return 0;
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

int container_commit(struct store *s, struct txn *t, struct container *c,
	const struct container_commit *o, struct build_result *ret, struct err *err)
{
	struct manifest m = {.media_type = xstrdup(MT_OCI_MANIFEST)};
	struct image_config config = {0};
	AUTO_FREE struct layer *layers = xcalloc(layers_of(c), sizeof(*layers));

	ret->images = xcalloc(1, sizeof(*ret->images));
	map_copy(&m.annotations, &c->annotations);
	if (o->unset_annotations)
		STRV_FOREACH (name, o->unset_annotations)
			map_remove(&m.annotations, *name);
	int r = add_base(s, c, &m, err);
	if (r == 0) {
		ret->images->base_layers = m.n_layers;
		ret->images->base_history = c->base_history;
		r = make_layers(s, t, c, o, layers, err);
	}
	for (size_t i = 0; r == 0 && i < layers_of(c); i++)
		if (!is_none(&layers[i]))
			add_layer(&m, layer_media_type(o->compression), &layers[i].blob,
				layers[i].blob_size);
	if (r == 0)
		r = finish_config(c, o, layers, &config, err);
	if (r == 0)
		r = put_documents(s, &config, &m, ret->images, err);
	image_config_done(&config);
	manifest_done(&m);
	if (r < 0)
		return r;
	ret->n_images = 1;
	descriptor_copy(&ret->root, &ret->images->manifest);
	ret->root.has_platform = false;
	return 0;
}
