/* SPDX-License-Identifier: Apache-2.0 */
/* A registry as a sink, through mica-remote. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/lookaside.h"
#include "registry/remote.h"
#include "registry/repository.h"
#include "registry/sink.h"
#include "store/origins.h"

struct registry_sink {
	struct sink sink;
	struct remote *remote;
	const struct origins *origins;
	char *top, *repository;
	bool tagged; /* else the manifest is found by its digest only */
	char how[16];
};

static int registry_blob(
	struct sink *k, const struct descriptor *d, int fd, int64_t *ret_id, struct err *err)
{
	struct registry_sink *s = (struct registry_sink *)k;
	char digest[DIGEST_STR_MAX];
	struct json *j = json_new_object();
	json_set_string(j, "op", "put_blob");
	json_set_string(j, "ref", s->top);
	json_set_string(j, "digest", digest_str(&d->digest, digest));
	json_set_int(j, "size", (int64_t)d->size);
	AUTO_FREE char *from = origins_of(s->origins, &d->digest);
	json_set_string(j, "from", from);
	return remote_request(s->remote, j, fd, true, ret_id, err);
}

static int registry_wait(
	struct sink *k, int64_t id, bool block, const char **ret_how, struct err *err)
{
	struct registry_sink *s = (struct registry_sink *)k;
	AUTO_JSON struct json *reply = NULL;
	int r = remote_reply(s->remote, id, block, &reply, err);
	if (r == 0) {
		const char *how = json_text(json_get(reply, "how"));
		(void)snprintf(s->how, sizeof(s->how), "%s", how ? how : "uploaded");
		*ret_how = s->how;
		const char *place = json_text(json_get(reply, "place"));
		if (place && !k->place)
			k->place = xstrdup(place);
	}
	return r;
}

static bool has_subject(const struct document *doc)
{
	AUTO_JSON struct json *j = NULL;
	struct err ignored = ERR_INIT;
	return memmem(doc->data, doc->len, "\"subject\"", strlen("\"subject\"")) &&
	       json_parse(doc->data, doc->len, "manifest", &j, &ignored) == 0 &&
	       json_is(json_get(j, "subject"), JSON_KIND_OBJECT);
}

/* ref: with a tag or a digest. *ret_subject: the registry keeps the list of referrers itself. */
static int put_manifest(const struct registry_sink *s, const struct document *doc, const char *ref,
	bool *ret_subject, struct err *err)
{
	AUTO_JSON struct json *reply = NULL;
	char digest[DIGEST_STR_MAX];
	AUTO_FD int fd = memfd_create("manifest", MFD_CLOEXEC);
	if (fd < 0 || fs_write_all(fd, doc->data, doc->len) < 0)
		return err_sys(err, "cannot make a memory file");
	struct json *j = json_new_object();
	json_set_string(j, "op", "put_manifest");
	json_set_string(j, "ref", ref);
	json_set_string(j, "media_type", doc->desc.media_type);
	json_set_string(j, "digest", digest_str(&doc->desc.digest, digest));
	json_set_int(j, "size", (int64_t)doc->len);
	int r = remote_call(s->remote, j, fd, &reply, err);
	if (r == 0)
		*ret_subject = json_get(reply, "subject") != NULL;
	return r;
}

static int registry_manifest(struct sink *k, const struct document *doc, bool top, struct err *err)
{
	struct registry_sink *s = (struct registry_sink *)k;
	char digest[DIGEST_STR_MAX];
	AUTO_FREE char *by_digest =
		xasprintf("%s@%s", s->repository, digest_str(&doc->desc.digest, digest));
	struct err refused = ERR_INIT;
	bool named = top && s->tagged, subject = false;
	/* with a tag it gets the digest that the registry prefers: by ours, too, where it may */
	if (named && doc->desc.digest.alg != DIGEST_SHA256 &&
		put_manifest(s, doc, by_digest, &subject, &refused) < 0)
		log_debug("%s", refused.msg);
	int r = put_manifest(s, doc, named ? s->top : by_digest, &subject, err);
	if (r < 0 || subject || !has_subject(doc))
		return r;
	return repository_add_referrer(s->remote, s->repository, doc, err);
}

/* false: another one is there, or none, or nobody knows: then sending tells why. */
static bool is_at(const struct registry_sink *s, const char *ref, const struct document *doc)
{
	AUTO_JSON struct json *reply = NULL;
	struct err ignored = ERR_INIT;
	struct digest have;
	struct json *j = json_new_object();
	json_set_string(j, "op", "has_manifest");
	json_set_string(j, "ref", ref);
	if (remote_call(s->remote, j, -1, &reply, &ignored) < 0)
		return false;
	const char *there = json_text(json_get(reply, "digest"));
	if (!there || digest_parse(there, &have, &ignored) < 0)
		return false;
	/* a registry may call by sha256 what others call by sha512 */
	struct digest ours = digest_of_as(have.alg, doc->data, doc->len);
	return digest_equal(&ours, &have);
}

static enum sink_has registry_has(struct sink *k, const struct document *doc, bool top)
{
	const struct registry_sink *s = (const struct registry_sink *)k;
	char digest[DIGEST_STR_MAX];
	AUTO_FREE char *by_digest =
		xasprintf("%s@%s", s->repository, digest_str(&doc->desc.digest, digest));
	bool named = top && s->tagged;
	if (named && is_at(s, s->top, doc))
		return SINK_HAS_NAME;
	if (!is_at(s, by_digest, doc))
		return SINK_HAS_NOTHING;
	return named ? SINK_HAS_MANIFEST : SINK_HAS_NAME;
}

static int registry_signatures(struct sink *k, const struct document *doc, bool top,
	const struct strv *signatures, struct err *err)
{
	const struct registry_sink *s = (const struct registry_sink *)k;
	AUTO_REFERENCE struct reference ref = {0};
	(void)top;
	int r = reference_parse(s->top, &ref, err);
	return r < 0 ? r : lookaside_write(s->remote, &ref, &doc->desc.digest, signatures, err);
}

static int registry_finish(struct sink *k, struct err *err)
{
	(void)k;
	(void)err;
	return 0;
}

static void registry_free(struct sink *k)
{
	struct registry_sink *s = (struct registry_sink *)k;
	free(s->top);
	free(k->sign_as);
	free(s->repository);
	free(k->place);
	free(s);
}

static uint64_t registry_progress(struct sink *k, int64_t id)
{
	return remote_progress(((struct registry_sink *)k)->remote, id);
}

static int registry_fd(struct sink *k)
{
	return remote_fd(((struct registry_sink *)k)->remote);
}

static const struct sink_ops registry_ops = {registry_blob, registry_wait, registry_manifest,
	registry_finish, registry_free, registry_progress, registry_fd, registry_has,
	registry_signatures};

struct sink *sink_registry(
	struct remote *r, const struct reference *ref, const struct origins *origins)
{
	struct registry_sink *s = xcalloc(1, sizeof(*s));
	s->sink.ops = &registry_ops;
	s->remote = r;
	s->origins = origins;
	s->top = reference_str(ref);
	s->sink.sign_as = ref->tag ? reference_str(ref) : NULL;
	s->tagged = ref->tag != NULL;
	s->repository = reference_name(ref);
	return &s->sink;
}
