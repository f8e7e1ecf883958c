/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/signature.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "image/reference.h"

#define TYPE "atomic container signature"
#define CREATOR "mica"

char *signature_payload(const struct digest *manifest, const char *reference, int64_t when_s)
{
	AUTO_JSON struct json *top = json_new_object();
	struct json *critical = json_new_object(), *identity = json_new_object(),
		    *image = json_new_object(), *optional = json_new_object();
	char text[DIGEST_STR_MAX];
	json_set_string(identity, "docker-reference", reference);
	json_set_string(image, "docker-manifest-digest", digest_str(manifest, text));
	json_set(critical, "identity", identity);
	json_set(critical, "image", image);
	json_set_string(critical, "type", TYPE);
	json_set_string(optional, "creator", CREATOR);
	json_set_int(optional, "timestamp", when_s);
	json_set(top, "critical", critical);
	json_set(top, "optional", optional);
	return json_dump(top, 0);
}

/* Exactly these members: what is critical and not known here must not be passed over. */
static int only_members(
	const struct json *o, const char *what, const char *const *names, size_t n, struct err *err)
{
	bool complete = json_is(o, JSON_KIND_OBJECT) && json_size(o) == n;
	for (size_t i = 0; complete && i < n; i++)
		complete = json_get(o, names[i]) != NULL;
	return complete ? 0
	                : err_set(err, ERR_INVALID,
				  "%s of the signed document has not exactly the members of the "
				  "specification",
				  what);
}

/* creator and timestamp, when they are there, are what they should be. */
static int check_optional(const struct json *optional, struct err *err)
{
	const char *creator = NULL;
	const struct json *when = json_get(optional, "timestamp");
	if (!json_is(optional, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "'optional' of the signed document is no object");
	if (when && !json_is(when, JSON_KIND_INT) && !json_is(when, JSON_KIND_REAL))
		return err_set(err, ERR_INVALID, "'timestamp' of the signed document is no number");
	return json_get_string(optional, "the signed document", "creator", &creator, err);
}

int signature_parse(const char *text, size_t n, struct signature *ret, struct err *err)
{
	static const char *const tops[] = {"critical", "optional"},
				 *const criticals[] = {"type", "image", "identity"},
				 *const images[] = {"docker-manifest-digest"},
				 *const identities[] = {"docker-reference"};
	AUTO_JSON struct json *top = NULL;
	if (json_parse(text, n, "the signed document", &top, err) < 0 ||
		only_members(top, "the top", tops, ARRAY_LEN(tops), err) < 0)
		return err->code;
	const struct json *critical = json_get(top, "critical");
	if (only_members(critical, "'critical'", criticals, ARRAY_LEN(criticals), err) < 0)
		return err->code;
	const struct json *image = json_get(critical, "image"),
			  *identity = json_get(critical, "identity");
	if (only_members(image, "'image'", images, ARRAY_LEN(images), err) < 0 ||
		only_members(identity, "'identity'", identities, ARRAY_LEN(identities), err) < 0 ||
		check_optional(json_get(top, "optional"), err) < 0)
		return err->code;
	const char *type = json_text(json_get(critical, "type")),
		   *digest = json_text(json_get(image, images[0])),
		   *reference = json_text(json_get(identity, identities[0]));
	if (!streq_null(type, TYPE))
		return err_set(
			err, ERR_INVALID, "the signed document is not of the type '" TYPE "'");
	if (!digest || !reference)
		return err_set(
			err, ERR_INVALID, "the signed document names no manifest or no image");
	if (digest_parse(digest, &ret->manifest, err) < 0)
		return err_wrap(err, "the signed document");
	ret->reference = xstrdup(reference);
	return 0;
}

void signature_done(struct signature *s)
{
	free(s->reference);
	*s = (struct signature){0};
}

/* --- identities --- */

static const struct {
	const char *type;
	enum identity_match match;
	const char *members[2]; /* besides the type; each must be there */
} kinds[] = {
	{"matchRepoDigestOrExact", MATCH_REPO_DIGEST_OR_EXACT, {NULL}},
	{"matchExact", MATCH_EXACT, {NULL}},
	{"matchRepository", MATCH_REPOSITORY, {NULL}},
	{"exactReference", EXACT_REFERENCE, {"dockerReference"}},
	{"exactRepository", EXACT_REPOSITORY, {"dockerRepository"}},
	{"remapIdentity", REMAP_IDENTITY, {"prefix", "signedPrefix"}},
};

/* The members of one kind, all of them strings and no others. */
static int get_members(const struct json *j, const char *what, const char *const *names,
	char **const *to, struct err *err)
{
	size_t n = 0;
	for (; n < 2 && names[n]; n++) {
		const char *text = json_text(json_get(j, names[n]));
		if (!text || !*text)
			return err_set(err, ERR_INVALID, "%s: 'signedIdentity' has no '%s'", what,
				names[n]);
		*to[n] = xstrdup(text);
	}
	return json_size(j) == n + 1 ? 0
	                             : err_set(err, ERR_INVALID,
					       "%s: 'signedIdentity' has an unknown member", what);
}

/* "exactReference" names one image, so it has a tag or a digest. */
static int check_reference(const struct identity *i, const char *what, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	if (reference_parse(i->reference, &ref, err) < 0)
		return err_wrap(err, "%s: 'signedIdentity'", what);
	bool exact = ref.tag || ref.has_digest;
	if (exact != (i->match == EXACT_REFERENCE))
		return err_set(err, ERR_INVALID, "%s: 'signedIdentity': '%s' %s", what,
			i->reference, exact ? "is no repository" : "has neither tag nor digest");
	return 0;
}

int identity_parse(const struct json *j, const char *what, struct identity *ret, struct err *err)
{
	if (!j)
		return 0;
	const char *type = json_text(json_get(j, "type"));
	for (size_t k = 0; type && k < ARRAY_LEN(kinds); k++) {
		if (!streq(type, kinds[k].type))
			continue;
		bool remap = kinds[k].match == REMAP_IDENTITY;
		char **const to[] = {remap ? &ret->prefix : &ret->reference, &ret->signed_prefix};
		ret->match = kinds[k].match;
		int r = get_members(j, what, kinds[k].members, to, err);
		return r == 0 && ret->reference ? check_reference(ret, what, err) : r;
	}
	return err_set(
		err, ERR_INVALID, "%s: unknown 'signedIdentity' '%.64s'", what, type ? type : "");
}

void identity_done(struct identity *i)
{
	free(i->reference);
	free(i->prefix);
	free(i->signed_prefix);
	*i = (struct identity){0};
}

static bool same_name(const struct reference *a, const struct reference *b)
{
	return streq(a->registry, b->registry) && streq(a->repository, b->repository);
}

static bool same(const struct reference *a, const struct reference *b)
{
	AUTO_FREE char *x = reference_str(a), *y = reference_str(b);
	return (a->tag || a->has_digest) && streq(x, y);
}

/* An image that is asked for by its digest has what was signed under any tag. */
static bool repo_digest_or_exact(const struct reference *image, const struct reference *as)
{
	if (image->tag)
		return same(image, as);
	return image->has_digest && same_name(image, as);
}

/* The image's name with "prefix" exchanged for "signedPrefix"; names outside of it stay. */
static bool remapped(
	const struct identity *i, const struct reference *image, const struct reference *as)
{
	AUTO_REFERENCE struct reference other = {0};
	AUTO_FREE char *text = reference_str(image);
	struct err ignored = ERR_INIT;
	size_t n = strlen(i->prefix);
	if (str_has_prefix(text, i->prefix) && strchr("/:@", text[n]))
		mem_replace(&text, xasprintf("%s%s", i->signed_prefix, text + n));
	return reference_parse(text, &other, &ignored) == 0 && repo_digest_or_exact(&other, as);
}

/* What depends on the image that is asked for. */
static bool image_matches(
	const struct identity *i, const struct reference *image, const struct reference *as)
{
	switch (i->match) {
	case MATCH_REPO_DIGEST_OR_EXACT:
		return repo_digest_or_exact(image, as);
	case MATCH_EXACT:
		return same(image, as);
	case MATCH_REPOSITORY:
		return same_name(image, as);
	case REMAP_IDENTITY:
		return remapped(i, image, as);
	case EXACT_REFERENCE:
	case EXACT_REPOSITORY:
		break;
	}
	return false;
}

bool identity_matches(
	const struct identity *i, const struct reference *image, const char *signed_as)
{
	AUTO_REFERENCE struct reference as = {0}, want = {0};
	struct err ignored = ERR_INIT;
	bool own = i->match == EXACT_REFERENCE || i->match == EXACT_REPOSITORY;
	if (reference_parse(signed_as, &as, &ignored) < 0)
		return false;
	if (own && (!i->reference || reference_parse(i->reference, &want, &ignored) < 0))
		return false;
	return own ? (i->match == EXACT_REFERENCE ? same(&want, &as) : same_name(&want, &as))
	           : image && image_matches(i, image, &as);
}
