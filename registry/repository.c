/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/repository.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/config.h"
#include "registry/location.h"
#include "registry/remote.h"
#include "registry/source.h"
#include "registry/transport.h"

#define LIST_MAX (64 * MIB)

/* --- requests --- */

/* j: taken over. What the request wrote, in a new string; *ret_reply may be NULL. */
static int ask(struct remote *r, struct json *j, size_t max, char **ret_text, size_t *ret_len,
	struct json **ret_reply, struct err *err)
{
	AUTO_JSON struct json *request = j;
	AUTO_FD int fd = memfd_create("answer", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot make a memory file");
	int rc = remote_call(r, take(request), fd, ret_reply, err);
	if (rc < 0)
		return rc;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot read a memory file");
	return fs_read_fd(fd, "answer", max, ret_text, ret_len, err);
}

static int ask_list(struct remote *r, const char *op, const char *ref, const struct digest *d,
	char **ret_text, struct err *err)
{
	char text[DIGEST_STR_MAX];
	size_t n;
	struct json *j = json_new_object();
	json_set_string(j, "op", op);
	json_set_string(j, "ref", ref);
	if (d)
		json_set_string(j, "digest", digest_str(d, text));
	return ask(r, j, LIST_MAX, ret_text, &n, NULL, err);
}

/* etag: of what it replaces, "" for nothing, NULL: not known. ERR_BUSY: it is another one by now.
 */
static int put_list(
	struct remote *r, const char *ref, const char *text, const char *etag, struct err *err)
{
	AUTO_FD int fd = memfd_create("manifest", MFD_CLOEXEC);
	if (fd < 0 || fs_write_all(fd, text, strlen(text)) < 0)
		return err_sys(err, "cannot make a memory file");
	struct json *j = json_new_object();
	json_set_string(j, "op", "put_manifest");
	json_set_string(j, "ref", ref);
	json_set_string(j, "media_type", MT_OCI_INDEX);
	json_set_string(j, "etag", etag);
	json_set_int(j, "size", (int64_t)strlen(text));
	return remote_call(r, j, fd, NULL, err);
}

static int parse_location(const char *text, struct reference *ret, struct err *err)
{
	enum transport transport;
	const char *rest;
	int r = location_parse(text, &transport, &rest, err);
	if (r == 0 && transport != TRANSPORT_REGISTRY)
		r = err_set(err, ERR_UNSUPPORTED, "'%s' is not in a registry", text);
	return r < 0 ? r : reference_parse(rest, ret, err);
}

/* mirrors: they are asked, too, though one may have an older manifest than the registry. Its digest
 * is that of its bytes: the header of a HEAD is but a hint. */
static int get_document(struct remote *r, const struct reference *ref, bool mirrors,
	struct document *ret, char **ret_etag, struct err *err)
{
	AUTO_JSON struct json *reply = NULL;
	AUTO_FREE char *name = reference_str(ref);
	char *text = NULL;
	size_t len;
	struct json *j = json_new_object();
	json_set_string(j, "op", "manifest");
	json_set_string(j, "ref", name);
	json_set(j, "direct", json_new_bool(!mirrors));
	int rc = ask(r, j, MANIFEST_MAX, &text, &len, &reply, err);
	if (rc == 0)
		rc = document_make(text, len, json_text(json_get(reply, "media_type")),
			ref->has_digest ? ref->digest.alg : DIGEST_SHA256, ret, err);
	const char *etag = rc == 0 && ret_etag ? json_text(json_get(reply, "etag")) : NULL;
	if (etag)
		*ret_etag = xstrdup(etag);
	if (rc == 0 && ref->has_digest && !digest_equal(&ref->digest, &ret->desc.digest)) {
		document_done(ret);
		rc = err_set(err, ERR_CORRUPT, "registry sent another manifest than was asked for");
	}
	return rc;
}

/* What a pull of it would look for. */
static int full_names(
	const char *text, const struct remote_opts *o, struct strv *ret, struct err *err)
{
	AUTO_REGISTRIES struct registries conf = {0};
	AUTO_REFERENCE struct reference ref = {0};
	int r = parse_location(text, &ref, err);
	if (r < 0)
		return r;
	const char *name = text + (str_has_prefix(text, "docker://") ? strlen("docker://") : 0);
	if (!ref.was_short) {
		strv_add(ret, name);
		return 0;
	}
	if (registries_load(o->registries_conf, o->registries_conf_dir, &conf, err) < 0 ||
		registries_aliases(&conf, o->short_name_aliases, err) < 0)
		return err->code;
	return registries_short_names(&conf, name, false, ret, err);
}

static int cannot_read(const char *text, struct err *err)
{
	if (!called_buildah())
		return err_wrap(err, "cannot read the manifest of %s", text);
	return err_wrap(err, "reading image \"docker://%s\"%s", text,
		err->code == ERR_NETWORK ? ": pinging container registry" : "");
}

static int get_manifest(struct remote *r, const char *name, struct document *ret, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	int rc = reference_parse(name, &ref, err);
	if (rc < 0)
		return rc;
	reference_default_tag(&ref);
	rc = get_document(r, &ref, true, ret, NULL, err);
	return rc < 0 ? cannot_read(name, err) : 0;
}

int repository_manifest(const char *text, const struct remote_opts *o, char **ret_text,
	size_t *ret_len, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	AUTO_REMOTE struct remote *r = NULL;
	AUTO_DOCUMENT struct document doc = {0};
	if (full_names(text, o, &names, err) < 0 || remote_open(o, &r, err) < 0)
		return err->code;
	int rc = ERR_NOT_FOUND;
	for (size_t i = 0; rc < 0 && i < names.n; i++) {
		err_clear(err);
		rc = get_manifest(r, names.v[i], &doc, err);
	}
	if (rc < 0)
		return rc;
	*ret_len = doc.len;
	*ret_text = take(doc.data);
	return 0;
}

/* --- tags --- */

static bool is_tag(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
	return n > 0 && n <= 128 && !s[n] && *s != '.' && *s != '-';
}

int repository_tags(const char *name, const struct remote_opts *o, char **ret_name,
	struct strv *ret, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_REMOTE struct remote *r = NULL;
	AUTO_FREE char *text = NULL;
	if (parse_location(name, &ref, err) < 0)
		return err->code;
	if (ref.tag || ref.has_digest)
		return err_set(err, ERR_INVALID,
			"'%s' has a tag or digest: name only the repository", name);
	AUTO_FREE char *repository = reference_name(&ref);
	if (remote_open(o, &r, err) < 0)
		return err->code;
	if (ask_list(r, "tags", repository, NULL, &text, err) < 0)
		return err_wrap(err, "cannot list the tags of %s", repository);
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		if (is_tag(*line))
			strv_add(ret, *line);
		else if (**line)
			return err_set(err, ERR_INVALID,
				"the registry's list of the tags of %s holds what is no tag",
				repository);
	}
	*ret_name = take(repository);
	return 0;
}

bool repository_tag_is_technical(const char *tag)
{
	const char *hex = str_has_prefix(tag, "sha256-") || str_has_prefix(tag, "sha512-")
	                          ? tag + strlen("sha256-")
	                          : NULL;
	size_t n = hex ? strspn(hex, "0123456789abcdef") : 0;
	return n >= 32 && (!hex[n] || hex[n] == '.' || hex[n] == '-');
}

/* --- referrers --- */

/* The list of what has the subject is kept under this tag where there is no interface for it. New
 * string. "Referrers Tag Schema": at most 64 of the digits. */
static char *referrers_ref(const char *repository, const struct digest *subject)
{
	char hex[DIGEST_STR_MAX];
	return xasprintf(
		"%s:%s-%.64s", repository, digest_alg_name(subject->alg), digest_hex(subject, hex));
}

/* An absent one is empty, with "" for its etag. *ret_etag: a new string or NULL. */
static int get_tagged_list(struct remote *r, const char *repository, const struct digest *subject,
	struct json **ret, char **ret_etag, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_DOCUMENT struct document doc = {0};
	AUTO_FREE char *name = referrers_ref(repository, subject);
	int rc = reference_parse(name, &ref, err);
	if (rc == 0)
		rc = get_document(r, &ref, false, &doc, ret_etag, err);
	if (rc == ERR_NOT_FOUND) {
		err_clear(err);
		*ret = index_json(NULL);
		*ret_etag = xstrdup("");
		return 0;
	}
	if (rc == 0 && media_kind(doc.desc.media_type) != MEDIA_INDEX)
		rc = err_set(err, ERR_INVALID, "'%s' is no list of referrers", name);
	if (rc == 0)
		rc = json_parse(doc.data, doc.len, name, ret, err);
	if (rc == 0 && !json_is(json_get(*ret, "manifests"), JSON_KIND_ARRAY))
		json_set(*ret, "manifests", json_new_array()); /* null, of none */
	return rc;
}

static int add_lines(struct json *index, const char *text, struct err *err)
{
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		struct json *entry = NULL;
		if (!**line)
			continue;
		if (json_parse(*line, strlen(*line), "list of referrers", &entry, err) < 0)
			return err->code;
		json_add(json_get(index, "manifests"), entry);
	}
	return 0;
}

/* Drops what is no descriptor, and what is of another type: a registry need not filter. */
static void filter(struct json *index, const char *artifact_type)
{
	struct json *fresh = json_new_array();
	const struct json *list = json_get(index, "manifests");
	for (size_t i = 0; i < json_size(list); i++) {
		struct descriptor d = {0};
		struct err ignored = ERR_INIT;
		if (descriptor_from_json(json_at(list, i), "referrer", &d, &ignored) < 0)
			continue;
		if (!artifact_type || streq_null(d.artifact_type, artifact_type))
			json_add(fresh, json_ref(json_at(list, i)));
		descriptor_done(&d);
	}
	json_set(index, "manifests", fresh);
}

int repository_referrers(const char *text, const char *artifact_type, const struct remote_opts *o,
	struct json **ret_index, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_REMOTE struct remote *r = NULL;
	AUTO_DOCUMENT struct document doc = {0};
	AUTO_JSON struct json *index = NULL;
	AUTO_FREE char *lines = NULL, *etag = NULL;
	if (parse_location(text, &ref, err) < 0 || remote_open(o, &r, err) < 0)
		return err->code;
	reference_default_tag(&ref);
	AUTO_FREE char *full = reference_str(&ref), *repository = reference_name(&ref);
	struct digest subject = ref.digest;
	int rc = ref.has_digest ? 0 : get_document(r, &ref, false, &doc, NULL, err);
	if (rc == 0 && !ref.has_digest)
		subject = doc.desc.digest;
	if (rc == 0)
		rc = ask_list(r, "referrers", full, &subject, &lines, err);
	if (rc == 0) {
		index = index_json(NULL);
		rc = add_lines(index, lines, err);
	} else if (rc == ERR_NOT_FOUND || rc == ERR_DENIED) {
		/* 404 where there is no such interface, and 4xx of others where it is unknown */
		err_clear(err);
		rc = get_tagged_list(r, repository, &subject, &index, &etag, err);
	}
	if (rc < 0)
		return err_wrap(err, "cannot list what refers to %s", full);
	filter(index, artifact_type);
	*ret_index = take(index);
	return 0;
}

static bool has_entry(const struct json *index, const char *digest)
{
	const struct json *list = json_get(index, "manifests");
	for (size_t i = 0; i < json_size(list); i++)
		if (streq_null(json_text(json_get(json_at(list, i), "digest")), digest))
			return true;
	return false;
}

static void drop_entry(struct json *index, const char *digest)
{
	struct json *fresh = json_new_array();
	const struct json *list = json_get(index, "manifests");
	for (size_t i = 0; i < json_size(list); i++)
		if (!streq_null(json_text(json_get(json_at(list, i), "digest")), digest))
			json_add(fresh, json_ref(json_at(list, i)));
	json_set(index, "manifests", fresh);
}

/* An artifact is of the type that it says, else of its config's. */
static struct json *new_entry(const struct document *doc, const struct json *manifest)
{
	struct json *j = descriptor_to_json(&doc->desc);
	const char *type = json_text(json_get(manifest, "artifactType"));
	if (!type)
		type = json_text(json_get(json_get(manifest, "config"), "mediaType"));
	json_set_string(j, "artifactType", type);
	if (json_get(manifest, "annotations"))
		json_set(j, "annotations", json_clone(json_get(manifest, "annotations")));
	return j;
}

#define LIST_ATTEMPTS 10

/* Others may add to the list at the same time, and it is written as a whole: a registry that knows
 * conditional requests refuses what would replace another list than the one that was read. With one
 * that does not, who finds that another one's has taken the place of his adds to that one.
 * manifest NULL: the entry goes. */
static int edit_list(struct remote *r, const char *repository, const struct digest *subject,
	const struct document *doc, const struct json *manifest, struct err *err)
{
	AUTO_FREE char *name = referrers_ref(repository, subject);
	char text[DIGEST_STR_MAX];
	for (int i = 0; i < LIST_ATTEMPTS; i++) {
		AUTO_JSON struct json *index = NULL;
		AUTO_FREE char *etag = NULL;
		int rc = get_tagged_list(r, repository, subject, &index, &etag, err);
		if (rc < 0 || has_entry(index, digest_str(&doc->desc.digest, text)) == !!manifest)
			return rc;
		if (manifest)
			json_add(json_get(index, "manifests"), new_entry(doc, manifest));
		else
			drop_entry(index, text);
		AUTO_FREE char *dump = json_dump(index, 0);
		/* a weak one never matches */
		const char *known = etag && !str_has_prefix(etag, "W/") ? etag : NULL;
		rc = put_list(r, name, dump, known, err);
		if (rc < 0 && rc != ERR_BUSY)
			return rc;
		err_clear(err);
	}
	return err_set(err, ERR_BUSY, "'%s' is overwritten by others again and again", name);
}

int repository_add_referrer(
	struct remote *r, const char *repository, const struct document *doc, struct err *err)
{
	AUTO_JSON struct json *manifest = NULL;
	struct descriptor subject = {0};
	if (json_parse(doc->data, doc->len, "manifest", &manifest, err) < 0 ||
		descriptor_from_json(json_get(manifest, "subject"), "subject", &subject, err) < 0)
		return err->code;
	struct digest of = subject.digest;
	descriptor_done(&subject);
	return edit_list(r, repository, &of, doc, manifest, err);
}

/* What refers to another is in the list of that one, which nobody but the client keeps where there
 * is no interface for it. */
static int forget_referrer(
	struct remote *r, const char *repository, const struct document *doc, struct err *err)
{
	AUTO_JSON struct json *manifest = NULL;
	AUTO_FREE char *lines = NULL;
	struct descriptor subject = {0};
	struct err ignored = ERR_INIT;
	if (json_parse(doc->data, doc->len, "manifest", &manifest, &ignored) < 0 ||
		descriptor_from_json(json_get(manifest, "subject"), "subject", &subject, &ignored) <
			0)
		return 0;
	struct digest of = subject.digest;
	descriptor_done(&subject);
	AUTO_FREE char *list = referrers_ref(repository, &of);
	if (ask_list(r, "referrers", list, &of, &lines, &ignored) == 0)
		return 0;
	int rc = edit_list(r, repository, &of, doc, NULL, err);
	return rc < 0 ? err_wrap(err, "it is deleted, but not from the list '%s'", list) : 0;
}

/* --- delete --- */

static int send_delete(
	struct remote *r, const char *repository, const struct digest *d, struct err *err)
{
	char text[DIGEST_STR_MAX];
	AUTO_FREE char *name = xasprintf("%s@%s", repository, digest_str(d, text));
	struct json *j = json_new_object();
	json_set_string(j, "op", "delete_manifest");
	json_set_string(j, "ref", name);
	return remote_call(r, j, -1, NULL, err);
}

int repository_delete(
	const char *text, const struct remote_opts *o, struct digest *ret_digest, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_REMOTE struct remote *r = NULL;
	AUTO_DOCUMENT struct document doc = {0};
	if (parse_location(text, &ref, err) < 0)
		return err->code;
	if (ref.was_short || (!ref.tag && !ref.has_digest))
		return err_set(err, ERR_INVALID,
			"'%s': name what is to be deleted in full, with its registry and a tag or "
			"digest",
			text);
	if (remote_open(o, &r, err) < 0)
		return err->code;
	AUTO_FREE char *full = reference_str(&ref), *repository = reference_name(&ref);
	int rc = get_document(r, &ref, false, &doc, NULL, err);
	if (rc == 0)
		rc = send_delete(r, repository, &doc.desc.digest, err);
	if (rc == 0)
		rc = forget_referrer(r, repository, &doc, err);
	if (rc < 0)
		return err_wrap(err, "cannot delete %s", full);
	*ret_digest = doc.desc.digest;
	return 0;
}
