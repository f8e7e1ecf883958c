/* SPDX-License-Identifier: Apache-2.0 */
#include "build/finish.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/as_buildah.h"
#include "build/empty_layer.h"
#include "build/image_layer.h"
#include "build/provenance.h"
#include "build/sbom_build.h"
#include "build/stage_run.h"
#include "build/told.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The same bytes under OCI's name. */
static const char *oci_type(const char *type)
{
	static const struct {
		const char *docker, *oci;
	} twins[] = {
		{MT_DOCKER_LAYER, MT_OCI_LAYER},
		{MT_DOCKER_LAYER_GZIP, MT_OCI_LAYER_GZIP},
		{MT_DOCKER_LAYER_ZSTD, MT_OCI_LAYER_ZSTD},
	};
	for (size_t i = 0; i < ARRAY_LEN(twins); i++)
		if (streq(type, twins[i].docker))
			return twins[i].oci;
	return type;
}

/* Diff IDs, and what history says of the steps' layers, base stage first, as far as it goes. *last:
 * when the newest layer was made. */
static int add_steps(struct build *b, const struct stage_run *r, struct image_config *c,
	struct manifest *m, struct timespec *last, struct err *err)
{
	const struct stage *st = r->plan->stage;
	if (st->base_stage != NO_STAGE &&
		add_steps(b, &b->runs[st->base_stage], c, m, last, err) < 0)
		return err->code;
	for (size_t i = 0; i < r->next && r->plan->steps[i].history < c->n_history; i++) {
		const struct step_result *res = &r->results[i];
		struct history *h = &c->history[r->plan->steps[i].history];
		struct timespec t = res->created;
		if (b->has_epoch)
			t = (struct timespec){.tv_sec = b->epoch};
		char text[CLOCK_STR_MAX];
		mem_replace(&h->created, xstrdup(clock_format(t, text)));
		*last = t;
		struct descriptor d;
		struct digest diff_id;
		bool changed = res->link && !res->link->empty;
		if (!changed && h->empty_layer)
			continue; /* only config: a directory of VOLUME, for buildah, was there */
		h->empty_layer = false;
		int rc = changed ? link_of_image(b, res->link, &d, &diff_id, err)
		                 : empty_layer_put(b->store, &d, &diff_id, err);
		if (rc < 0)
			return rc;
		manifest_add_layer(m, &d);
		descriptor_done(&d);
		image_config_add_diff_id(c, &diff_id);
	}
	return 0;
}

/*
 * Instructions without a layer happened when the layer before them was made, or the first new one
 * after the base; so that a rebuild from the cache is the same image.
 */
static void date_history(struct build *b, struct image_config *c, size_t base_history)
{
	char epoch[CLOCK_STR_MAX];
	clock_format((struct timespec){.tv_sec = b->epoch}, epoch);
	const char *at = NULL;
	for (size_t i = base_history; i < c->n_history && !at; i++)
		at = c->history[i].created;
	if (!at && base_history)
		at = c->history[base_history - 1].created;
	for (size_t i = base_history; i < c->n_history; i++) {
		struct history *h = &c->history[i];
		if (b->has_epoch)
			mem_replace(&h->created, xstrdup(epoch));
		else if (h->created)
			at = h->created;
		else if (at)
			h->created = xstrdup(at);
	}
}

static size_t base_image_of(const struct build *b, size_t stage)
{
	while (b->plans[stage].stage->base_stage != NO_STAGE)
		stage = b->plans[stage].stage->base_stage;
	return stage;
}

static void add_base_layers(const struct build *b, size_t root_stage, struct manifest *m)
{
	size_t index = b->plans[root_stage].base_image;
	if (index == NO_STAGE)
		return;
	const struct manifest *base = &b->images[index].image.manifest;
	if (b->o->inherit_annotations)
		map_copy(&m->annotations, &base->annotations);
	as_buildah_annotations(b, &b->plans[root_stage], &m->annotations);
	STRV_FOREACH (key, &b->o->unset_annotations)
		map_remove(&m->annotations, *key);
	for (size_t i = 0; i < base->n_layers; i++) {
		struct descriptor d = {
			.digest = base->layers[i].digest, .size = base->layers[i].size};
		char *type = xstrdup(oci_type(base->layers[i].media_type));
		d.media_type = type;
		manifest_add_layer(m, &d);
		free(type);
	}
}

/* One that is in the store has been read before. */
static int check_readable(struct build *b, const char *config, struct err *err)
{
	struct image_config readable;
	struct digest d = digest_of(config, strlen(config));
	if (blob_has(b->store, &d, NULL))
		return 0;
	if (image_config_parse(config, strlen(config), &readable, err) < 0)
		return err_wrap(err, "the image would be one that nobody reads");
	image_config_done(&readable);
	return 0;
}

static int put_document(struct build *b, const char *text, const char *type, struct descriptor *ret,
	struct err *err)
{
	struct descriptor d = {.size = strlen(text)};
	if (blob_put(b->store, text, strlen(text), &d.digest, err) < 0)
		return err->code;
	d.media_type = xstrdup(type);
	*ret = d;
	return 0;
}

/* The manifest's descriptor, as an index has it. */
static void describe(const struct platform *p, const struct image_config *c,
	const struct strv *os_features, struct built_image *image)
{
	strv_copy(&image->manifest.os_features, os_features);
	image->platform = *p;
	/* it is what was asked for that finds it, whatever the base image says it is */
	image->manifest.has_platform = true;
	image->manifest.platform = *p;
	memcpy(image->manifest.platform.os_version, c->platform.os_version,
		sizeof(c->platform.os_version));
}

/* What is said to be built for is what the image says, whatever its base says of itself (a stage
 * may be of another platform); BuildKit's rule for the variant and the version. */
static void take_platform(const struct build *b, const struct stage *st, struct image_config *c)
{
	const struct platform *want = &build_target_of(b, st)->platform;
	if (!b->o->platforms.n && !b->o->all_platforms)
		return;
	bool same = streq(want->os, c->platform.os) && streq(want->arch, c->platform.arch);
	struct platform had = c->platform;
	c->platform = *want;
	if (same && (!*want->variant || as_buildah_keeps(b, base_image_of(b, st->index))))
		memcpy(c->platform.variant, had.variant, sizeof(had.variant));
	if (same && !*want->os_version)
		memcpy(c->platform.os_version, had.os_version, sizeof(had.os_version));
}

static void take_out(struct strv *set, const char *word)
{
	for (size_t i = set->n; i-- > 0;)
		if (streq(set->v[i], word))
			strv_remove(set, i);
}

/* What is not to be in the image, whoever said it: the file or the base image. */
static void unset(const struct build_opts *o, struct image_config *c)
{
	STRV_FOREACH (name, &o->unset_labels)
		map_remove(&c->labels, *name);
	STRV_FOREACH (name, &o->unset_env)
		map_remove(&c->env, *name);
	STRV_FOREACH (path, &o->unset_volumes)
		take_out(&c->volumes, *path);
	STRV_FOREACH (port, &o->unset_ports) {
		AUTO_FREE char *tcp = xasprintf("%s/tcp", *port);
		take_out(&c->exposed_ports, strchr(*port, '/') ? *port : tcp);
	}
}

/* The base image itself. */
static void finish_base(struct build *b, const struct image *base, struct built_image *ret)
{
	const struct strv none = STRV_INIT;
	b->result->is_base = true;
	ret->image_id = base->id;
	ret->base_layers = base->manifest.n_layers;
	ret->base_history = base->config.n_history;
	ret->bytes = image_blob_size(base);
	descriptor_copy(&ret->manifest, &base->manifest_desc);
	describe(&base->config.platform, &base->config, &none, ret);
}

/* What the user asked for of the whole. *ret_os_features: those that the index has. */
static void shape(struct build *b, const struct stage *st, struct image_config *c,
	struct strv *ret_os_features)
{
	take_platform(b, st, c);
	unset(b->o, c);
	map_merge(&c->labels, &b->o->labels);
	if (b->o->os_version)
		snprintf(c->platform.os_version, sizeof(c->platform.os_version), "%s",
			b->o->os_version);
	image_config_add_os_features(c, &b->o->os_features, ret_os_features);
}

/* last: when the newest layer was made */
static void date(struct build *b, struct image_config *c, size_t base_history, struct timespec last)
{
	char text[CLOCK_STR_MAX];
	date_history(b, c, base_history);
	if (b->has_epoch)
		last = (struct timespec){.tv_sec = b->epoch};
	if (b->has_epoch || last.tv_sec >= 0)
		mem_replace(&c->created, xstrdup(clock_format(last, text)));
}

/* Config and manifest, whose layers are known, into the store. */
static int put_image(struct build *b, const struct image_config *c, struct manifest *m,
	struct built_image *ret, struct err *err)
{
	AUTO_FREE char *config = image_config_dump(c);
	if (check_readable(b, config, err) < 0 ||
		put_document(b, config, MT_OCI_CONFIG, &m->config, err) < 0)
		return err->code;
	AUTO_FREE char *manifest = manifest_dump(m);
	if (put_document(b, manifest, MT_OCI_MANIFEST, &ret->manifest, err) < 0)
		return err->code;
	ret->image_id = m->config.digest;
	ret->bytes = m->config.size + ret->manifest.size;
	for (size_t i = 0; i < m->n_layers; i++)
		ret->bytes += m->layers[i].size;
	return 0;
}

/* whole: it is what was asked for; else the image of a step. */
static int finish_config(struct build *b, size_t stage, struct image_config *c, bool whole,
	struct built_image *ret, struct err *err)
{
	const struct stage *st = b->plans[stage].stage;
	size_t root_stage = base_image_of(b, stage);
	AUTO_STRV struct strv os_features = STRV_INIT;
	struct manifest m = {.media_type = xstrdup(MT_OCI_MANIFEST)};
	struct timespec last = {.tv_sec = -1};
	add_base_layers(b, root_stage, &m);
	ret->base_layers = m.n_layers;
	ret->base_history = b->plans[root_stage].base_history;
	int rc = add_steps(b, &b->runs[stage], c, &m, &last, err);
	if (rc == 0) {
		if (whole)
			shape(b, st, c, &os_features);
		else
			map_merge(&c->labels, &b->o->layer_labels);
		as_buildah_config(b, c);
		if (whole) {
			as_buildah_history(b, &b->plans[root_stage], c);
			as_buildah_created(b, ret->base_history, c, &last);
		}
		as_buildah_names_base(b, &b->plans[root_stage], c);
		date(b, c, ret->base_history, last);
		if (b->o->created_annotation && c->created)
			map_set(&m.annotations, "org.opencontainers.image.created", c->created);
		rc = put_image(b, c, &m, ret, err);
	}
	if (rc == 0)
		describe(&build_target_of(b, st)->platform, c, &os_features, ret);
	manifest_done(&m);
	return rc;
}

static int finish_image(struct build *b, size_t stage, struct built_image *ret, struct err *err)
{
	struct stage_plan *p = &b->plans[stage];
	if (as_buildah_is_base(b, p)) {
		finish_base(b, &b->images[p->base_image].image, ret);
		return 0;
	}
	return finish_config(b, stage, &p->config, true, ret, err);
}

int finish_step(struct build *b, size_t stage, struct image_config *c, struct built_image *ret,
	struct err *err)
{
	return finish_config(b, stage, c, false, ret, err);
}

int finish_left(struct build *b, struct stage_run *r, struct built_image *ret, struct err *err)
{
	const struct step *s = &r->plan->steps[r->next - 1];
	struct image_config *c = &r->plan->config;
	image_config_cut_history(c, s->history + 1);
	map_copy(&c->env, &s->env);
	mem_replace(&c->user, xstrdup(s->user ? s->user : ""));
	mem_replace(&c->working_dir, xstrdup(s->cwd ? s->cwd : ""));
	return finish_image(b, r->plan->stage->index, ret, err);
}

/* One manifest is what is named; of several an index is made, which names them in their order. */
static int finish_root(struct build *b, struct err *err)
{
	struct build_result *r = b->result;
	if (r->n_images == 1 && !b->o->always_index) {
		descriptor_copy(&r->root, &r->images[0].manifest);
		r->root.has_platform = false;
		return 0;
	}
	struct index ix = {.media_type = xstrdup(MT_OCI_INDEX)};
	for (size_t i = 0; i < r->n_images; i++)
		index_add(&ix, &r->images[i].manifest);
	AUTO_FREE char *text = index_dump(&ix);
	index_done(&ix);
	return put_document(b, text, MT_OCI_INDEX, &r->root, err);
}

int finish_images(struct build *b, struct err *err)
{
	const struct stages *all = &b->stages;
	b->result->images = xcalloc(all->n_targets, sizeof(*b->result->images));
	for (size_t i = 0; i < all->n_targets; i++) {
		told_commit(b, b->plans[all->targets[i].stage].stage);
		struct built_image *image = &b->result->images[i];
		if (finish_image(b, all->targets[i].stage, image, err) < 0)
			return err->code;
		b->result->n_images++;
		if (sbom_build_scan(b, i, err) < 0)
			return err->code;
	}
	provenance_note(b);
	return finish_root(b, err);
}
