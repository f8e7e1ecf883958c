/* SPDX-License-Identifier: Apache-2.0 */
#include "image/descriptor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

#define SIZE_LIMIT (1LL << 53) /* what a JSON number carries exactly in every implementation */
#define MEDIA_TYPE_MAX (2 * 127 + 1) /* RFC 6838: type and subtype of up to 127 characters */

static int get_media_type(const struct json *j, const char *what, char **ret, struct err *err)
{
	const char *s = NULL;
	int r = json_get_string(j, what, "mediaType", &s, err);
	if (r < 0)
		return r;
	if (!s || !*s)
		return err_set(err, ERR_INVALID, "%s: mediaType is missing", what);
	if (strlen(s) > MEDIA_TYPE_MAX)
		return err_set(err, ERR_INVALID, "%s: mediaType is too long", what);
	for (const char *c = s; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return err_set(err, ERR_INVALID,
				"%s: mediaType contains an invalid character", what);
	*ret = xstrdup(s);
	return 0;
}

static int get_platform_field(const struct json *o, const char *what, const char *key, char *ret,
	size_t n, struct err *err)
{
	const char *s = "";
	int r = json_get_string(o, what, key, &s, err);
	if (r < 0)
		return r;
	if (strlen(s) >= n)
		return err_set(err, ERR_INVALID, "%s: '%s' is longer than %zu characters", what,
			key, n - 1);
	(void)snprintf(ret, n, "%s", s);
	return 0;
}

static int get_platform(
	const struct json *j, const char *what, struct descriptor *d, struct err *err)
{
	struct json *o = NULL;
	int r = json_get_kind(j, what, "platform", JSON_KIND_OBJECT, &o, err);
	if (r < 0 || !o)
		return r;
	struct platform *p = &d->platform;
	if ((r = get_platform_field(o, what, "os", p->os, sizeof(p->os), err)) < 0 ||
		(r = get_platform_field(o, what, "architecture", p->arch, sizeof(p->arch), err)) <
			0 ||
		(r = get_platform_field(o, what, "variant", p->variant, sizeof(p->variant), err)) <
			0 ||
		(r = get_platform_field(
			 o, what, "os.version", p->os_version, sizeof(p->os_version), err)) < 0 ||
		(r = json_get_strv(o, what, "os.features", &d->os_features, err)) < 0 ||
		(r = json_get_strv(o, what, "features", &d->features, err)) < 0)
		return r;
	d->has_platform = true;
	return 0;
}

static int get_digest_and_size(
	const struct json *j, const char *what, struct descriptor *d, struct err *err)
{
	const char *digest = NULL;
	int64_t size = -1;
	int r;

	if ((r = json_get_string(j, what, "digest", &digest, err)) < 0 ||
		(r = json_get_int(j, what, "size", &size, err)) < 0)
		return r;
	if (!digest)
		return err_set(err, ERR_INVALID, "%s: digest is missing", what);
	if (digest_parse(digest, &d->digest, err) < 0)
		return err_wrap(err, "%s", what);
	if (!json_is(json_get(j, "size"), JSON_KIND_INT))
		return err_set(err, ERR_INVALID, "%s: size is missing", what);
	if (size < 0 || size > SIZE_LIMIT)
		return err_set(
			err, ERR_INVALID, "%s: size %lld is out of range", what, (long long)size);
	d->size = (uint64_t)size;
	return 0;
}

static int parse_into(const struct json *j, const char *what, struct descriptor *d, struct err *err)
{
	const char *artifact_type = NULL;
	struct json *urls = NULL;
	int r;

	if (!json_is(j, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s: descriptor is not an object", what);
	static const char *const names[] = {"mediaType", "digest", "size", "urls", "annotations",
		"platform", "artifactType", "data"};
	if ((r = json_check_spelling(j, what, names, ARRAY_LEN(names), err)) < 0 ||
		(r = get_media_type(j, what, &d->media_type, err)) < 0 ||
		(r = get_digest_and_size(j, what, d, err)) < 0 ||
		(r = json_get_map(j, what, "annotations", &d->annotations, err)) < 0 ||
		(r = get_platform(j, what, d, err)) < 0 ||
		(r = json_get_string(j, what, "artifactType", &artifact_type, err)) < 0 ||
		(r = json_get_kind(j, what, "urls", JSON_KIND_ARRAY, &urls, err)) < 0)
		return r;
	if (artifact_type && *artifact_type)
		d->artifact_type = xstrdup(artifact_type);
	d->has_urls = json_size(urls) > 0;
	return 0;
}

int descriptor_from_json(
	const struct json *j, const char *what, struct descriptor *ret, struct err *err)
{
	struct descriptor d = {0};
	int r = parse_into(j, what, &d, err);
	if (r < 0) {
		descriptor_done(&d);
		return r;
	}
	*ret = d;
	return 0;
}

struct json *descriptor_to_json(const struct descriptor *d)
{
	char buf[DIGEST_STR_MAX];
	struct json *j = json_new_object();
	json_set_string(j, "mediaType", d->media_type);
	json_set_string(j, "digest", digest_str(&d->digest, buf));
	json_set_int(j, "size", (int64_t)d->size);
	if (d->annotations.n)
		json_set(j, "annotations", json_new_map(&d->annotations));
	if (d->has_platform) {
		struct json *p = json_new_object();
		json_set_string(p, "architecture", d->platform.arch);
		json_set_string(p, "os", d->platform.os);
		if (*d->platform.os_version)
			json_set_string(p, "os.version", d->platform.os_version);
		if (d->os_features.n)
			json_set(p, "os.features", json_new_strv(&d->os_features));
		if (*d->platform.variant)
			json_set_string(p, "variant", d->platform.variant);
		if (d->features.n)
			json_set(p, "features", json_new_strv(&d->features));
		json_set(j, "platform", p);
	}
	json_set_string(j, "artifactType", d->artifact_type);
	return j;
}

void descriptor_copy(struct descriptor *dst, const struct descriptor *src)
{
	*dst = *src;
	dst->media_type = src->media_type ? xstrdup(src->media_type) : NULL;
	dst->artifact_type = src->artifact_type ? xstrdup(src->artifact_type) : NULL;
	dst->annotations = (struct map)MAP_INIT;
	map_copy(&dst->annotations, &src->annotations);
	dst->os_features = dst->features = (struct strv)STRV_INIT;
	strv_copy(&dst->os_features, &src->os_features);
	strv_copy(&dst->features, &src->features);
}

void descriptor_done(struct descriptor *d)
{
	free(d->media_type);
	free(d->artifact_type);
	map_done(&d->annotations);
	strv_done(&d->os_features);
	strv_done(&d->features);
	*d = (struct descriptor){0};
}
