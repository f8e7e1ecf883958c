/* SPDX-License-Identifier: Apache-2.0 */
/* What is pushed, in which form, and where to. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/room.h"
#include "image/docker_schema2.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/blob_cache.h"
#include "registry/location.h"
#include "registry/remote.h"
#include "registry/send.h"
#include "registry/signing.h"
#include "registry/sink.h"
#include "registry/transport.h"
#include "store/origins.h"
#include "store/store.h"

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
			"an index without its images is pushed as it is and cannot be given "
			"another format");
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

/* Who reads a layout of OCI knows OCI's documents alone. Of an index the images would have other
 * digests: it stays. */
static enum push_format format_in_layout(const struct document *doc, enum push_format format)
{
	bool image = media_kind(doc->desc.media_type) == MEDIA_MANIFEST;
	return format == PUSH_FORMAT_ASIS && image ? PUSH_FORMAT_OCI : format;
}

/* What is pushed, and as what it was in the store. */
struct pushed {
	struct document doc;
	const struct remote_opts *remote; /* what else is fetched is fetched with; NULL: not said */
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
	struct sending p = {.store = s,
		.sink = sink,
		.progress = o->progress,
		.index_only = o->index_only,
		.sign_by = o->sign_by,
		.signatures = &what->signatures,
		.partial = o->partial,
		.saves = o->saves,
		.remote = what->remote};
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
	if (ref.has_digest && !digest_equal(&ref.digest, &what->doc.desc.digest)) {
		char want[DIGEST_STR_MAX], have[DIGEST_STR_MAX];
		return err_set(err, ERR_INVALID,
			"what is pushed has the digest %s, not %s: name a tag, or the digest that "
			"it has",
			digest_str(&what->doc.desc.digest, have), digest_str(&ref.digest, want));
	}
	bool unnamed = o->by_digest || (ref.has_digest && !ref.tag);
	ref.has_digest = false;
	if (!unnamed)
		reference_default_tag(&ref);
	origins = origins_load(s);
	if (remote_open(&o->remote, &remote, err) < 0)
		return err->code;
	sink = sink_registry(remote, &ref, origins);
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
	AUTO_PUSHED struct pushed what = {.remote = &o->remote};
	AUTO_TXN struct txn *t = NULL; /* what is sent is not collected meanwhile */
	int r = location_parse(location, &transport, &rest, err);
	if (r == 0)
		r = txn_read(s, &t, err);
	if (r == 0)
		r = send_read(s, image, &what.doc, err);
	bool layout = transport == TRANSPORT_OCI || transport == TRANSPORT_OCI_ARCHIVE;
	if (r == 0)
		r = convert(&what.doc, layout ? format_in_layout(&what.doc, o->format) : o->format,
			err);
	if (r == 0 && !o->remove_signatures)
		r = take_signatures(image, &what, err);
	if (r == 0)
		r = transport == TRANSPORT_REGISTRY
		            ? push_registry(s, rest, &what, o, err)
		            : push_local(s, transport, rest, name, &what, o, err);
	if (r == 0 && o->remote.blob_cache)
		r = blob_cache_keep(s, o->remote.blob_cache, &what.doc, err);
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
	int r = txn_read(s, &t, err);
	if (r == 0)
		r = send_read(s, image, &what.doc, err);
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
	int r = txn_read(s, &t, err);
	if (r == 0)
		r = sink_docker_archive_file(path, &sink, err);
	if (r < 0)
		return r;
	struct sending p = {.store = s, .sink = sink, .progress = progress, .saves = true};
	for (size_t i = 0; r == 0 && i < n; i++) {
		AUTO_DOCUMENT struct document doc = {0};
		sink_docker_archive_names(sink, &images[i].names);
		r = send_read(s, &images[i].image, &doc, err);
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
