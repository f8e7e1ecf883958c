/* SPDX-License-Identifier: Apache-2.0 */
/* A registry as a source, through mica-remote. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/lookaside.h"
#include "registry/remote.h"
#include "registry/source.h"

#define REPLY_WAIT_MS 2000
#define PIPE_SIZE (1 * MIB) /* what an unprivileged user may ask for (fs.pipe-max-size) */

struct registry_source {
	struct source source;
	struct remote *remote;
	char *top; /* name with tag or digest */
	enum digest_alg alg; /* of that digest */
	char *repository; /* registry/repository */
};

/* Through a memory file, so that mica-remote never has to keep more than one and we need not read
 * while it writes. */
static int fetch_document(struct registry_source *s, const char *ref, enum digest_alg alg,
	struct document *ret, struct err *err)
{
	AUTO_FD int fd = memfd_create("manifest", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot make a memory file");
	struct json *j = json_new_object();
	json_set_string(j, "op", "manifest");
	json_set_string(j, "ref", ref);
	AUTO_JSON struct json *reply = NULL;
	int r = remote_call(s->remote, j, fd, &reply, err);
	if (r < 0)
		return r;
	const char *place = json_text(json_get(reply, "place"));
	mem_replace(&s->source.place, place ? xstrdup(place) : NULL);
	char *data;
	size_t len;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot read a memory file");
	r = fs_read_fd(fd, "manifest", MANIFEST_MAX, &data, &len, err);
	if (r < 0)
		return r;
	return document_make(data, len, json_text(json_get(reply, "media_type")), alg, ret, err);
}

static int registry_top(struct source *source, struct document *ret, struct err *err)
{
	struct registry_source *s = (struct registry_source *)source;
	return fetch_document(s, s->top, s->alg, ret, err);
}

static int registry_child(
	struct source *source, const struct descriptor *d, struct document *ret, struct err *err)
{
	struct registry_source *s = (struct registry_source *)source;
	char digest[DIGEST_STR_MAX];
	AUTO_FREE char *ref = xasprintf("%s@%s", s->repository, digest_str(&d->digest, digest));
	return fetch_document(s, ref, d->digest.alg, ret, err);
}

static int registry_open(
	struct source *source, const struct descriptor *d, struct blob_stream *ret, struct err *err)
{
	struct registry_source *s = (struct registry_source *)source;
	char digest[DIGEST_STR_MAX];
	int p[2];
	if (d->has_urls)
		return err_set(err, ERR_UNSUPPORTED,
			"is kept at another place ('urls' of a foreign layer), which is not "
			"supported");
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int in = p[0];
	(void)fcntl(p[1], F_SETPIPE_SZ, (int)PIPE_SIZE);
	struct json *j = json_new_object();
	json_set_string(j, "op", "blob");
	json_set_string(j, "ref", s->top);
	json_set_string(j, "digest", digest_str(&d->digest, digest));
	json_set_int(j, "size", (int64_t)d->size);
	int r = remote_request(s->remote, j, p[1], true, &ret->id, err);
	if (r < 0)
		return r;
	ret->fd = take_fd(&in);
	return 0;
}

static int registry_close(struct source *source, struct blob_stream *b, struct err *err)
{
	struct registry_source *s = (struct registry_source *)source;
	if (b->fd >= 0)
		close(take_fd(&b->fd));
	/* It closes its end before it replies, so at the end of the bytes the reply is on its way.
	 * When our reader gave up early it may not notice for a while; then there is nothing that
	 * we need to know. */
	for (uint64_t end = clock_ms() + REPLY_WAIT_MS;;) {
		int r = remote_reply(s->remote, b->id, false, NULL, err);
		uint64_t now = clock_ms();
		if (r <= 0)
			return r;
		if (now >= end)
			return err_set(err, ERR_CANCELLED, "transfer was given up");
		struct pollfd p = {.fd = remote_fd(s->remote), .events = POLLIN};
		(void)poll(&p, 1, (int)(end - now));
	}
}

static void registry_free(struct source *source)
{
	struct registry_source *s = (struct registry_source *)source;
	free(s->top);
	free(s->repository);
	free(s);
}

/* They lie under the manifest's digest, whatever it is to us. */
static int registry_signatures(struct source *source, const struct document *doc, bool top,
	struct strv *ret, struct err *err)
{
	struct registry_source *s = (struct registry_source *)source;
	AUTO_REFERENCE struct reference ref = {0};
	(void)top;
	int r = reference_parse(s->top, &ref, err);
	return r < 0 ? r : lookaside_read(s->remote, &ref, &doc->desc.digest, ret, err);
}

static void registry_listen(struct source *source)
{
	remote_listen(((struct registry_source *)source)->remote);
}

static const struct source_ops registry_ops = {registry_top, registry_child, registry_open,
	registry_close, registry_free, registry_signatures, registry_listen};

int source_registry(
	struct remote *r, const struct reference *ref, struct source **ret, struct err *err)
{
	(void)err;
	struct registry_source *s = xcalloc(1, sizeof(*s));
	s->source = (struct source){.ops = &registry_ops};
	strv_add_take(&s->source.names, reference_str(ref));
	s->remote = r;
	s->top = reference_str(ref);
	s->alg = ref->has_digest ? ref->digest.alg : DIGEST_SHA256;
	s->repository = reference_name(ref);
	*ret = &s->source;
	return 0;
}
