/* SPDX-License-Identifier: Apache-2.0 */
#include "image/document_internal.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/manifest.h"

/* equal up to parameters ("; charset=utf-8") */
static bool same_type(const char *a, const char *b)
{
	size_t na = strcspn(a, "; \t"), nb = strcspn(b, "; \t");
	return na == nb && memcmp(a, b, na) == 0;
}

/* CVE-2021-41190: what a document is must not depend on who looks at it. */
static int kind_by_members(const struct json *j, enum media_kind *ret, struct err *err)
{
	bool layers = json_get(j, "layers") || json_get(j, "config");
	bool manifests = json_get(j, "manifests") != NULL;
	bool schema1 = json_get(j, "fsLayers") || json_get(j, "signatures");
	int64_t version = -1;
	int r = json_get_int(j, "manifest", "schemaVersion", &version, err);

	if (r < 0)
		return r;
	if (layers + manifests + schema1 > 1)
		return err_set(err, ERR_INVALID, "manifest: it is a manifest and an index at once");
	if (schema1 || version == 1) {
		*ret = MEDIA_SCHEMA1;
		return 0;
	}
	if (version != 2)
		return err_set(err, ERR_INVALID, "manifest: schemaVersion is not 2");
	*ret = layers ? MEDIA_MANIFEST : manifests ? MEDIA_INDEX : MEDIA_UNKNOWN;
	return 0;
}

int document_check_sizes(const char *what, const struct descriptor *d, size_t n, struct err *err)
{
	char text[DIGEST_STR_MAX];
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (d[i].size != d[k].size && digest_equal(&d[i].digest, &d[k].digest))
				return err_set(err, ERR_INVALID, "%s: %s has %llu and %llu bytes",
					what, digest_str(&d[i].digest, text),
					(unsigned long long)d[i].size,
					(unsigned long long)d[k].size);
	return 0;
}

static int check_type(const char *type, enum media_kind kind, struct err *err)
{
	enum media_kind said = media_kind(type);
	if (said == MEDIA_UNKNOWN)
		return err_set(err, ERR_UNSUPPORTED, "manifest: unknown media type '%.100s'", type);
	if (said != kind)
		return err_set(err, ERR_INVALID,
			"manifest: media type '%.100s' does not fit its members", type);
	return 0;
}

/* said: from outside, or NULL. */
static int classify(const struct json *j, const char *said, enum media_kind *ret_kind,
	const char **ret_type, struct err *err)
{
	enum media_kind kind;
	const char *own = NULL;
	int r;

	if (!json_is(j, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "manifest: it is not a JSON object");
	static const char *const names[] = {"schemaVersion", "mediaType", "config", "layers",
		"manifests", "fsLayers", "signatures", "subject", "artifactType", "annotations"};
	if ((r = json_check_spelling(j, "manifest", names, ARRAY_LEN(names), err)) < 0 ||
		(r = kind_by_members(j, &kind, err)) < 0)
		return r;
	if (kind == MEDIA_SCHEMA1) {
		*ret_kind = kind;
		*ret_type = NULL;
		return 0;
	}
	if (kind == MEDIA_UNKNOWN)
		return err_set(err, ERR_INVALID, "manifest: it has neither layers nor manifests");
	if ((r = json_get_string(j, "manifest", "mediaType", &own, err)) < 0)
		return r;
	if (own && !*own)
		own = NULL;
	/* registries that know no better serve plain JSON */
	if (said && (same_type(said, "application/json") ||
			    same_type(said, "application/octet-stream") || !*said))
		said = NULL;
	if (said && own && !same_type(said, own))
		return err_set(err, ERR_INVALID,
			"manifest: its mediaType '%.100s' is not the '%.100s' it was announced as",
			own, said);
	if (said && (r = check_type(said, kind, err)) < 0)
		return r;
	if (own && (r = check_type(own, kind, err)) < 0)
		return r;
	*ret_kind = kind;
	*ret_type = own ? own : said ? said : kind == MEDIA_INDEX ? MT_OCI_INDEX : MT_OCI_MANIFEST;
	return 0;
}

int document_parse(const char *text, size_t n, const char *media_type, struct json **ret,
	enum media_kind *ret_kind, char **ret_type, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	enum media_kind kind;
	const char *type;
	int r;

	if ((r = json_parse(text, n, "manifest", &j, err)) < 0 ||
		(r = classify(j, media_type, &kind, &type, err)) < 0)
		return r;
	if (kind == MEDIA_SCHEMA1)
		return err_set(err, ERR_UNSUPPORTED,
			"manifest: Docker schema 1 is not supported; push the image again with a "
			"current tool");
	*ret_type = xstrndup(type, strcspn(type, "; \t"));
	*ret_kind = kind;
	*ret = take(j);
	return 0;
}

int document_kind(
	const char *text, size_t n, const char *media_type, int *ret_media_kind, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	enum media_kind kind;
	const char *type;
	int r;

	if (n > MANIFEST_MAX)
		return err_set(err, ERR_LIMIT, "manifest is larger than %llu bytes", MANIFEST_MAX);
	if (media_kind(media_type) == MEDIA_SCHEMA1) {
		*ret_media_kind = MEDIA_SCHEMA1;
		return 0;
	}
	if ((r = json_parse(text, n, "manifest", &j, err)) < 0 ||
		(r = classify(j, media_type, &kind, &type, err)) < 0)
		return r;
	*ret_media_kind = kind;
	return 0;
}
