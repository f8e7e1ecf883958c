/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/send.h"

#include <poll.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/progress.h"
#include "image/media_type.h"
#include "registry/list_fetch.h"
#include "registry/signing.h"
#include "registry/sink.h"
#include "store/blobs.h"
#include "store/origins.h"

#define UPLOADS_MAX 4
#define PROGRESS_MS 100
#define INDEX_DEPTH_MAX 4
#define SHORT_DIGEST 12

struct upload {
	int64_t id;
	bool running;
	const struct descriptor *desc;
	char name[DIGEST_PREFIX_LEN + SHORT_DIGEST + 1];
};

void sink_free(struct sink *k)
{
	if (k)
		k->ops->free(k);
}

static int wrap(const struct upload *u, struct err *err)
{
	char text[DIGEST_STR_MAX];
	return err_wrap(err, "%s %s",
		media_kind(u->desc->media_type) == MEDIA_CONFIG ? "config" : "layer",
		digest_str(&u->desc->digest, text));
}

static int upload_start(
	struct sending *p, struct upload *u, const struct descriptor *d, struct err *err)
{
	char text[DIGEST_STR_MAX];
	uint64_t size = 0;
	int fd;
	*u = (struct upload){.desc = d};
	(void)snprintf(u->name, sizeof(u->name), "%s", digest_str(&d->digest, text));
	if (media_kind(d->media_type) == MEDIA_FOREIGN_LAYER || d->has_urls)
		return err_set(err, ERR_UNSUPPORTED,
			"is a foreign layer ('%s'), which is not supported", d->media_type);
	if (!blob_has(p->store, &d->digest, &size))
		return err_set(err, ERR_NOT_FOUND, "is not in the store; pull the image again");
	if (size != d->size)
		return err_set(err, ERR_CORRUPT,
			"has %llu bytes in the store in place of %llu (see `mica fsck`)",
			(unsigned long long)size, (unsigned long long)d->size);
	int r = blob_open(p->store, &d->digest, &fd, err);
	if (r < 0)
		return r;
	progress_begin(p->progress, u->name, p->saves ? "save" : "push", d->size);
	r = p->sink->ops->blob(p->sink, d, fd, &u->id, err);
	u->running = r == 0;
	return r;
}

/* 1: it is still on its way. */
static int upload_collect(struct sending *p, struct upload *u, bool block, struct err *err)
{
	const char *how = "done";
	const struct sink_ops *ops = p->sink->ops;
	int r = ops->wait ? ops->wait(p->sink, u->id, block, &how, err) : 0;
	if (r == 1) {
		if (ops->progress)
			progress_update(p->progress, u->name, ops->progress(p->sink, u->id));
		return r;
	}
	u->running = false;
	progress_end(p->progress, u->name, r == 0 ? how : "failed");
	return r;
}

static int collect_some(struct sending *p, struct upload *uploads, struct err *err)
{
	for (size_t i = 0; i < UPLOADS_MAX; i++)
		if (uploads[i].running &&
			upload_collect(p, &uploads[i], !p->sink->ops->fd, err) < 0)
			return wrap(&uploads[i], err);
	return 0;
}

static struct upload *free_upload(struct upload *uploads, size_t *ret_running)
{
	struct upload *unused = NULL;
	*ret_running = 0;
	for (size_t i = 0; i < UPLOADS_MAX; i++) {
		if (uploads[i].running)
			++*ret_running;
		else
			unused = &uploads[i];
	}
	return unused;
}

static int send_blobs(
	struct sending *p, const struct descriptor *const *blobs, size_t n, struct err *err)
{
	struct upload uploads[UPLOADS_MAX] = {0};
	size_t next = 0, running;
	for (;;) {
		struct upload *unused = free_upload(uploads, &running);
		if (next == n && running == 0)
			return 0;
		if (unused && next < n) {
			char text[DIGEST_STR_MAX];
			const struct descriptor *d = blobs[next++];
			if (map_has(&p->sent, digest_str(&d->digest, text)))
				continue;
			map_set(&p->sent, text, NULL);
			if (p->partial && !blob_has(p->store, &d->digest, NULL))
				continue;
			if (upload_start(p, unused, d, err) < 0)
				return wrap(unused, err);
			continue;
		}
		if (p->sink->ops->fd) {
			struct pollfd fd = {.fd = p->sink->ops->fd(p->sink), .events = POLLIN};
			(void)poll(&fd, 1, PROGRESS_MS);
			if (proc_interrupted(err) < 0)
				return err->code;
		}
		int r = collect_some(p, uploads, err);
		if (r < 0)
			return r;
	}
}

int send_read(struct store *s, const struct descriptor *d, struct document *ret, struct err *err)
{
	char *data;
	size_t len;
	int r = blob_read(s, d, MANIFEST_MAX, &data, &len, err);
	return r < 0 ? r : document_make(data, len, d->media_type, d->digest.alg, ret, err);
}

static int send_parts(struct sending *p, const struct document *doc, struct err *err)
{
	struct manifest m;
	if (!p->partial && list_fetch(p->store, &doc->desc, p->remote, p->progress, err) < 0)
		return err->code;
	int r = manifest_parse(doc->data, doc->len, doc->desc.media_type, &m, err);
	if (r < 0)
		return r;
	AUTO_FREE const struct descriptor **blobs = xcalloc(m.n_layers + 1, sizeof(*blobs));
	for (size_t i = 0; i < m.n_layers; i++)
		blobs[i] = &m.layers[i];
	blobs[m.n_layers] = &m.config;
	r = send_blobs(p, blobs, m.n_layers + 1, err);
	if (r == 0 && p->sink->place)
		origins_add(p->store, p->sink->place, blobs, m.n_layers + 1);
	manifest_done(&m);
	return r;
}

static int send_children(struct sending *p, const struct document *doc, struct err *err)
{
	struct index ix;
	if (++p->depth > INDEX_DEPTH_MAX)
		return err_set(
			err, ERR_LIMIT, "indexes are nested more than %d deep", INDEX_DEPTH_MAX);
	int r = index_parse(doc->data, doc->len, doc->desc.media_type, &ix, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < ix.n_manifests; i++) {
		AUTO_DOCUMENT struct document child = {0};
		/* those that were never fetched can only be there already */
		if (!blob_has(p->store, &ix.manifests[i].digest, NULL))
			continue;
		r = send_read(p->store, &ix.manifests[i], &child, err);
		if (r == 0)
			r = send_document(p, &child, false, err);
	}
	index_done(&ix);
	p->depth--;
	return r;
}

/* All, and then itself. */
static int send_whole(struct sending *p, const struct document *doc, bool top, struct err *err)
{
	bool index = media_kind(doc->desc.media_type) == MEDIA_INDEX;
	int r = !index ? send_parts(p, doc, err) : p->index_only ? 0 : send_children(p, doc, err);
	return r < 0 ? r : p->sink->ops->manifest(p->sink, doc, top, err);
}

static int send_content(struct sending *p, const struct document *doc, bool top, struct err *err)
{
	enum sink_has has =
		p->sink->ops->has ? p->sink->ops->has(p->sink, doc, top) : SINK_HAS_NOTHING;
	if (has == SINK_HAS_NAME)
		return 0;
	if (has == SINK_HAS_MANIFEST) {
		struct err why = ERR_INIT;
		if (p->sink->ops->manifest(p->sink, doc, top, &why) == 0)
			return 0;
		*err = why;
		if (why.code != ERR_DENIED && why.code != ERR_NOT_FOUND)
			return err->code;
		log_debug("the manifest is there, but: %s", why.msg); /* what it needs is lost */
		err_clear(err);
	}
	return send_whole(p, doc, top, err);
}

int send_document(struct sending *p, const struct document *doc, bool top, struct err *err)
{
	AUTO_STRV struct strv signatures = STRV_INIT;
	if (top && p->signatures)
		strv_copy(&signatures, p->signatures);
	if (p->sign_by && sign_manifest(&doc->desc.digest, p->sink->sign_as, p->sign_by,
				  &signatures, err) < 0)
		return err->code;
	if (signatures.n && !p->sink->ops->signatures)
		return err_set(err, ERR_UNSUPPORTED,
			"the image is signed, and signatures cannot be kept there: give "
			"'--remove-signatures' to leave them out");
	int r = send_content(p, doc, top, err);
	return r == 0 && signatures.n
	               ? p->sink->ops->signatures(p->sink, doc, top, &signatures, err)
	               : r;
}
