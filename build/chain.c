/* SPDX-License-Identifier: Apache-2.0 */
#include "build/chain.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"
#include "build/build_internal.h"
#include "build/cache.h"
#include "build/deadline.h"
#include "build/empty_layer.h"
#include "build/image_layer.h"
#include "layers/apply.h"
#include "store/blobs.h"
#include "store/store.h"
#include "store/tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void chain_add(struct chain *c, struct link *l)
{
	c->l = xreallocarray(c->l, c->n + 1, sizeof(struct link *));
	c->l[c->n++] = l;
}

void chain_copy(struct chain *dst, const struct chain *src)
{
	for (size_t i = 0; i < src->n; i++)
		chain_add(dst, src->l[i]);
}

void chain_done(struct chain *c)
{
	free(c->l);
	*c = (struct chain){0};
}

static struct link *link_new(struct build *b)
{
	struct link *l = xcalloc(1, sizeof(*l));
	l->fd = -1;
	l->blob = (struct tmp)TMP_INIT;
	b->links = xreallocarray(b->links, b->n_links + 1, sizeof(struct link *));
	b->links[b->n_links++] = l;
	return l;
}

struct link *link_known(struct build *b, const struct layer *layer, enum compression compression)
{
	for (size_t i = 0; i < b->n_links; i++) {
		struct link *l = b->links[i];
		if (!l->step && digest_equal(&l->layer.diff_id, &layer->diff_id) &&
			digest_equal(&l->layer.blob, &layer->blob))
			return l;
	}
	struct link *l = link_new(b);
	l->layer = *layer;
	l->compression = compression;
	l->committed = l->recorded = true;
	return l;
}

struct digest chain_key_empty(void)
{
	struct key k;
	key_init(&k, "chain");
	return key_final(&k);
}

static struct digest fold(const char *kind, const struct digest *below, const struct digest *d)
{
	struct key k;
	key_init(&k, kind);
	key_digest(&k, below);
	key_digest(&k, d);
	return key_final(&k);
}

struct digest link_key(const struct digest *below, const struct link *l)
{
	return l->step ? fold("made", below, &l->made_by) : fold("layer", below, &l->layer.diff_id);
}

bool chain_content_add(struct digest *content, const struct link *l)
{
	if (l->committed && !l->empty)
		*content = fold("layer", content, &l->layer.diff_id);
	return l->committed;
}

bool chain_content(struct link *const *l, size_t n, struct digest *ret)
{
	struct digest d = chain_key_empty();
	for (size_t i = 0; i < n; i++)
		if (!chain_content_add(&d, l[i]))
			return false;
	*ret = d;
	return true;
}

struct unpack {
	int blob, dir;
	uint64_t size;
};

static int unpack_job(void *arg, struct buf *out, struct err *err)
{
	const struct unpack *u = arg;
	struct layer_receive r = {.in = u->blob, .copy = -1, .dir = u->dir, .max_blob = u->size};
	struct layer got;
	if (layer_receive(&r, &got, err) < 0)
		return err->code;
	buf_add(out, &got, sizeof(got));
	return 0;
}

/* The directory of a layer of which only the blob is here. */
static int unpack(struct build *b, const struct layer *l, struct err *err)
{
	char text[DIGEST_STR_MAX];
	AUTO_FD int blob = -1, dir = -1;
	AUTO_FREE char *name = NULL;
	AUTO_BUF struct buf out = BUF_INIT(sizeof(struct layer));
	if (blob_open(b->store, &l->blob, &blob, err) < 0 ||
		txn_mkdir(b->txn, "layer", &name, &dir, err) < 0)
		return err->code;
	struct unpack u = {.blob = blob, .dir = dir, .size = l->blob_size};
	if (job_run(unpack_job, &u, &out, err) < 0)
		return err_wrap(err, "layer %s", digest_str(&l->blob, text));
	struct layer got;
	memcpy(&got, out.data, sizeof(got));
	if (!digest_equal(&got.diff_id, &l->diff_id))
		return err_set(err, ERR_CORRUPT,
			"layer %s: its content is not what the image's config says",
			digest_str(&l->blob, text));
	return tree_publish(b->store, b->txn, name, &l->diff_id, err);
}

int link_open(struct build *b, struct link *l, struct err *err)
{
	if (l->fd >= 0)
		return 0;
	if (!tree_has(b->store, &l->layer.diff_id) && unpack(b, &l->layer, err) < 0)
		return err->code;
	return tree_open(b->store, &l->layer.diff_id, &l->fd, err);
}

/* fds: c->n, topmost first */
static int open_links(struct build *b, const struct chain *c, int *fds, struct err *err)
{
	if (remote_cache_fetch(b, c, err) < 0)
		return err->code;
	for (size_t i = 0; i < c->n; i++) {
		if (link_open(b, c->l[i], err) < 0)
			return err->code;
		fds[c->n - 1 - i] = c->l[i]->fd;
	}
	return 0;
}

int chain_open(struct build *b, const struct chain *c, int **ret_fds, struct err *err)
{
	AUTO_FREE int *fds = xcalloc(c->n, sizeof(int));
	if (open_links(b, c, fds, err) < 0)
		return err->code;
	*ret_fds = take(fds);
	return 0;
}

int chain_open_below(
	struct build *b, const struct chain *c, int upper, int **ret_fds, struct err *err)
{
	AUTO_FREE int *fds = xcalloc(c->n + 1, sizeof(int));
	fds[0] = upper;
	if (open_links(b, c, fds + 1, err) < 0)
		return err->code;
	*ret_fds = take(fds);
	return 0;
}

static struct link *link_made(struct build *b, const struct link_origin *o)
{
	struct link *l = link_new(b);
	l->step = o->step;
	l->made_by = o->made_by;
	l->inputs = o->inputs;
	l->n_below = o->below->n;
	l->below = xmemdup(o->below->l, o->below->n * sizeof(struct link *));
	l->created = o->created;
	l->unsure = o->unsure;
	l->compression = b->o->compression;
	return l;
}

int link_archived(struct build *b, struct tmp *blob, const struct layer *layer,
	const struct link_origin *o, struct link **ret, struct err *err)
{
	struct link *l = link_made(b, o);
	const struct layer_made made = {.layer = *layer};
	if (image_layer_commit(b, l, blob, &made, err) < 0)
		return err->code;
	l->committed = true;
	*ret = l;
	return 0;
}

int link_commit_start(struct build *b, const char *dir, int fd, const struct link_origin *o,
	struct link **ret, struct err *err)
{
	struct link *l = link_made(b, o);
	l->fd = fd;
	l->dir = xstrdup(dir);
	/* many steps only look at things: no process for nothing */
	l->committed = l->empty = layer_diff_is_empty(fd);
	if (l->empty) {
		mem_close_p(&l->fd);
	} else {
		struct layer_job j = {.b = b, .dir = fd, .dated = b->has_epoch && o->of_image};
		if (blob_begin(b->store, &l->blob, err) < 0)
			return err->code;
		j.blob = l->blob.fd;
		if (job_start(&l->job, layer_job, &j, err) < 0)
			return err->code;
		l->job.end_ms = deadline_of_step(b->o);
	}
	*ret = l;
	return 0;
}

void chain_of_image(struct build *b, const struct image *img, struct chain *ret)
{
	for (size_t i = 0; i < img->manifest.n_layers && i < img->config.n_diff_ids; i++) {
		if (empty_layer_is(&img->config.diff_ids[i]))
			continue;
		struct layer l = {
			.diff_id = img->config.diff_ids[i],
			.blob = img->manifest.layers[i].digest,
			.blob_size = img->manifest.layers[i].size,
		};
		chain_add(ret, link_known(b, &l, COMPRESSION_GZIP));
	}
}

struct digest image_key(const struct image *img)
{
	struct digest d = chain_key_empty();
	for (size_t i = 0; i < img->config.n_diff_ids; i++) {
		struct link l = {.layer = {.diff_id = img->config.diff_ids[i]}};
		if (!empty_layer_is(&l.layer.diff_id))
			d = link_key(&d, &l);
	}
	return d;
}

int link_commit_finish(struct build *b, struct link *l, bool wait, struct err *err)
{
	if (l->committed)
		return 0;
	if (l->job.pid == 0)
		return err_set(err, ERR_CANCELLED, "its commit failed before");
	AUTO_BUF struct buf out = BUF_INIT(sizeof(struct layer_made));
	uint64_t end = l->job.end_ms;
	int rc = job_collect(&l->job, wait, &out, err);
	if (rc == ERR_LIMIT && end && clock_ms() >= end && deadline_check(b->o, err) == 0)
		return err_set(err, ERR_LIMIT, "it took longer than %.3g s (--step-timeout)",
			(double)b->o->step_timeout_ms / 1000);
	if (rc != 0)
		return rc;
	struct layer_made made;
	memcpy(&made, out.data, sizeof(made));
	l->layer = made.layer;
	l->empty = l->layer.entries == 0;
	if (l->empty)
		tmp_done(&l->blob);
	else if (image_layer_commit(b, l, &l->blob, &made, err) < 0 ||
		 tree_publish(b->store, b->txn, l->dir, &l->layer.diff_id, err) < 0)
		return err->code;
	l->committed = true;
	return 0;
}

void chain_links_free(struct build *b)
{
	for (size_t i = 0; i < b->n_links; i++) {
		struct link *l = b->links[i];
		job_cancel(&l->job);
		tmp_done(&l->blob);
		mem_close_p(&l->fd);
		free(l->dir);
		free(l->below);
		free(l);
	}
	free(b->links);
	b->links = NULL;
	b->n_links = 0;
}
