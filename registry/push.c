/* SPDX-License-Identifier: Apache-2.0 */
/* From the store to a sink: the bytes as they are, blobs before the manifests that name them. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/progress.h"
#include "base/room.h"
#include "image/docker_schema2.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/location.h"
#include "registry/remote.h"
#include "registry/signing.h"
#include "registry/sink.h"
#include "registry/transport.h"
#include "store/blobs.h"
#include "store/origins.h"
#include "store/store.h"

#define UPLOADS_MAX 4
#define PROGRESS_MS 100
#define INDEX_DEPTH_MAX 4
#define SHORT_DIGEST 12

struct push {
	struct store *store;
	struct sink *sink;
	struct progress *progress;
	bool index_only;
	bool partial;
	const char *sign_by;
	const struct strv *signatures; /* of the one that gets the name; NULL: none */
	struct map sent; /* digests: a blob that two manifests share goes once */
	unsigned depth;
};

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
	struct push *p, struct upload *u, const struct descriptor *d, struct err *err)
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
	progress_begin(p->progress, u->name, "push", d->size);
	r = p->sink->ops->blob(p->sink, d, fd, &u->id, err);
	u->running = r == 0;
	return r;
}

/* 1: it is still on its way. */
static int upload_collect(struct push *p, struct upload *u, bool block, struct err *err)
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

static int collect_some(struct push *p, struct upload *uploads, struct err *err)
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
	struct push *p, const struct descriptor *const *blobs, size_t n, struct err *err)
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

static int read_document(
	struct store *s, const struct descriptor *d, struct document *ret, struct err *err)
{
	char *data;
	size_t len;
	int r = blob_read(s, d, MANIFEST_MAX, &data, &len, err);
	return r < 0 ? r : document_make(data, len, d->media_type, d->digest.alg, ret, err);
}

static int send_parts(struct push *p, const struct document *doc, struct err *err)
{
	struct manifest m;
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

static int send_document(struct push *p, const struct document *doc, bool top, struct err *err);

static int send_children(struct push *p, const struct document *doc, struct err *err)
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
		r = read_document(p->store, &ix.manifests[i], &child, err);
		if (r == 0)
			r = send_document(p, &child, false, err);
	}
	index_done(&ix);
	p->depth--;
	return r;
}

/* All, and then itself. */
static int send_whole(struct push *p, const struct document *doc, bool top, struct err *err)
{
	bool index = media_kind(doc->desc.media_type) == MEDIA_INDEX;
	int r = !index ? send_parts(p, doc, err) : p->index_only ? 0 : send_children(p, doc, err);
	return r < 0 ? r : p->sink->ops->manifest(p->sink, doc, top, err);
}

static int send_content(struct push *p, const struct document *doc, bool top, struct err *err)
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

/* Signed before anything is sent: a key that cannot be used shows first. */
static int send_document(struct push *p, const struct document *doc, bool top, struct err *err)
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

/* Only media types change, so the blobs stay; a document that has the format already keeps its
 * bytes. */
static int convert(struct document *doc, enum push_format format, struct err *err)
{
	bool docker = format == PUSH_FORMAT_DOCKER;
	struct manifest from, to;
	if (format == PUSH_FORMAT_ASIS || media_is_docker(doc->desc.media_type) == docker)
		return 0;
	if (media_kind(doc->desc.media_type) == MEDIA_INDEX)
		return err_set(err, ERR_UNSUPPORTED,
			"an index is pushed as it is and cannot be given another format");
	int r = manifest_parse(doc->data, doc->len, doc->desc.media_type, &from, err);
	if (r < 0)
		return r;
	r = docker ? manifest_to_docker(&from, &to, err) : manifest_to_oci(&from, &to, err);
	manifest_done(&from);
	if (r < 0)
		return r;
	char *text = manifest_dump(&to);
	AUTO_FREE char *type = xstrdup(to.media_type);
	manifest_done(&to);
	document_done(doc);
	return document_make(text, strlen(text), type, DIGEST_SHA256, doc, err);
}

/* What is pushed, and as what it was in the store. */
struct pushed {
	struct document doc;
	struct strv signatures;
};

static void pushed_done(struct pushed *p)
{
	document_done(&p->doc);
	strv_done(&p->signatures);
}
#define AUTO_PUSHED __attribute__((cleanup(pushed_done)))

static int push_to(struct store *s, struct sink *sink, const struct pushed *what,
	const struct push_opts *o, struct err *err)
{
	struct push p = {.store = s,
		.sink = sink,
		.progress = o->progress,
		.index_only = o->index_only,
		.sign_by = o->sign_by,
		.signatures = &what->signatures,
		.partial = o->partial};
	int r = send_document(&p, &what->doc, true, err);
	if (r == 0)
		r = sink->ops->finish(sink, err);
	map_done(&p.sent);
	return r;
}

static int push_registry(struct store *s, const char *rest, const struct pushed *what,
	const struct push_opts *o, struct err *err)
{
	AUTO_HELD sigset_t before;
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_REMOTE struct remote *remote = NULL;
	AUTO_SINK struct sink *sink = NULL;
	AUTO_ORIGINS struct origins *origins = NULL;
	proc_hold(&before);
	int r = reference_parse(rest, &ref, err);
	if (r < 0)
		return r;
	if (!o->by_digest)
		reference_default_tag(&ref);
	origins = origins_load(s);
	if (remote_open(&o->remote, &remote, err) < 0 ||
		sink_registry(remote, &ref, origins, &sink, err) < 0)
		return err->code;
	remote_notes(remote, o->progress);
	return push_to(s, sink, what, o, err);
}

static int daemon_sink(
	const char *rest, const struct remote_opts *o, struct sink **ret, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_STRV struct strv names = STRV_INIT;
	int r = reference_parse(rest, &ref, err);
	if (r < 0)
		return r;
	if (ref.has_digest)
		return err_set(err, ERR_INVALID, "cannot push to a digest; give a tag");
	reference_default_tag(&ref);
	strv_add_take(&names, reference_str(&ref));
	return sink_docker_daemon(&names, o, ret, err);
}

static int push_local(struct store *s, enum transport transport, const char *rest, const char *name,
	const struct pushed *what, const struct push_opts *o, struct err *err)
{
	AUTO_SINK struct sink *sink = NULL;
	int r = 0;
	switch (transport) {
	case TRANSPORT_OCI:
		r = sink_oci(rest, &sink, err);
		break;
	case TRANSPORT_OCI_ARCHIVE:
		r = sink_oci_archive(rest, name, &sink, err);
		break;
	case TRANSPORT_DOCKER_ARCHIVE:
		r = sink_docker_archive(rest, name, o->replace, &sink, err);
		break;
	case TRANSPORT_DOCKER_DAEMON:
		r = daemon_sink(rest, &o->remote, &sink, err);
		break;
	case TRANSPORT_DIR:
		r = sink_dir(rest, &sink, err);
		break;
	case TRANSPORT_REGISTRY:
		return err_set(err, ERR_UNSUPPORTED, "'%s' is in a registry", rest);
	}
	if (r == 0)
		r = push_to(s, sink, what, o, err);
	if (r < 0) {
		/* PATH[:NAME] */
		AUTO_FREE char *path = xstrdup(rest);
		char *last = strrchr(path, '/');
		last = last ? last : path;
		last[strcspn(last, ":")] = '\0';
		room_tell(path, err);
	}
	return r;
}

/* What was signed is the manifest as it is in the store. */
static int take_signatures(const struct descriptor *image, struct pushed *what, struct err *err)
{
	signatures_get(image, &what->signatures);
	if (what->signatures.n && !digest_equal(&what->doc.desc.digest, &image->digest))
		return err_set(err, ERR_UNSUPPORTED,
			"the image is signed, and in another form its signatures would be of "
			"no use: give '--remove-signatures' to leave them out");
	return 0;
}

int image_push(struct store *s, const struct descriptor *image, const char *name,
	const char *location, const struct push_opts *o, struct digest *ret_digest, struct err *err)
{
	enum transport transport;
	const char *rest;
	AUTO_PUSHED struct pushed what = {0};
	AUTO_TXN struct txn *t = NULL; /* what is sent is not collected meanwhile */
	int r = location_parse(location, &transport, &rest, err);
	if (r == 0)
		r = txn_begin(s, &t, err);
	if (r == 0)
		r = read_document(s, image, &what.doc, err);
	if (r == 0)
		r = convert(&what.doc, o->format, err);
	if (r == 0 && !o->remove_signatures)
		r = take_signatures(image, &what, err);
	if (r == 0)
		r = transport == TRANSPORT_REGISTRY
		            ? push_registry(s, rest, &what, o, err)
		            : push_local(s, transport, rest, name, &what, o, err);
	if (r < 0)
		return err_wrap(err, "cannot push to %s", location);
	*ret_digest = what.doc.desc.digest;
	return 0;
}

int image_export(struct store *s, const struct descriptor *image, const struct image_export *e,
	struct err *err)
{
	AUTO_PUSHED struct pushed what = {0};
	AUTO_TXN struct txn *t = NULL;
	AUTO_SINK struct sink *sink = NULL;
	struct push_opts o = {.progress = e->progress};
	int r = txn_begin(s, &t, err);
	if (r == 0)
		r = read_document(s, image, &what.doc, err);
	if (r < 0)
		return r;
	switch (e->kind) {
	case EXPORT_OCI_DIR:
		r = sink_oci_named(e->path, e->names, &sink, err);
		break;
	case EXPORT_OCI_ARCHIVE:
		r = sink_oci_archive_fd(e->fd, e->path, e->names, &sink, err);
		break;
	case EXPORT_DOCKER_ARCHIVE:
		sink = sink_docker_archive_fd(e->fd, e->path, e->names);
		break;
	case EXPORT_DOCKER_DAEMON:
		r = sink_docker_daemon(e->names, e->remote, &sink, err);
		break;
	}
	return r < 0 ? r : push_to(s, sink, &what, &o, err);
}

int images_export(struct store *s, const struct archived *images, size_t n, const char *path,
	struct progress *progress, struct err *err)
{
	AUTO_TXN struct txn *t = NULL;
	AUTO_SINK struct sink *sink = NULL;
	int r = txn_begin(s, &t, err);
	if (r == 0)
		r = sink_docker_archive_file(path, &sink, err);
	if (r < 0)
		return r;
	struct push p = {.store = s, .sink = sink, .progress = progress};
	for (size_t i = 0; r == 0 && i < n; i++) {
		AUTO_DOCUMENT struct document doc = {0};
		sink_docker_archive_names(sink, &images[i].names);
		r = read_document(s, &images[i].image, &doc, err);
		if (r == 0)
			r = send_document(&p, &doc, true, err);
	}
	if (r == 0)
		r = sink->ops->finish(sink, err);
	if (r < 0)
		room_tell(path, err);
	map_done(&p.sent);
	return r;
}
