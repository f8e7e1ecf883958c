/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a "simple signature" signs: a document that says which manifest is to be known by which
 * name. containers-signature(5). OpenPGP around it is gpg.h.
 */
#pragma once
#include "base/digest.h"
#include "base/mem.h"
#include <stddef.h>

struct err;
struct reference;
struct json;

/* The document with the OpenPGP message around it; those of others are a few kilobytes at most. */
#define SIGNATURE_MAX (256 * KIB)
/* More are not looked at: whoever fills a lookaside must not keep us busy. */
#define SIGNATURES_MAX 128

struct signature {
	struct digest manifest;
	char *reference; /* as signed; not normalised */
};

/* New string. reference: complete. when_s: Unix time. */
char *signature_payload(const struct digest *manifest, const char *reference, int64_t when_s);
/* ERR_INVALID: not such a document, or one that says what is critical and unknown here. */
int signature_parse(const char *text, size_t n, struct signature *ret, struct err *err)
	__attribute__((warn_unused_result));
void signature_done(struct signature *s);
#define AUTO_SIGNATURE __attribute__((cleanup(signature_done)))

/* Whether a name that was signed stands for the image that is asked for, by "signedIdentity" of
 * policy.json. containers-policy.json(5), "signedBy" */
enum identity_match {
	MATCH_REPO_DIGEST_OR_EXACT, /* the default */
	MATCH_EXACT,
	MATCH_REPOSITORY,
	EXACT_REFERENCE,
	EXACT_REPOSITORY,
	REMAP_IDENTITY,
};

struct identity {
	enum identity_match match;
	char *reference; /* dockerReference, dockerRepository */
	char *prefix, *signed_prefix;
};

/* j NULL: the default. ERR_INVALID, told with `what`. */
int identity_parse(const struct json *j, const char *what, struct identity *ret, struct err *err)
	__attribute__((warn_unused_result));
/* image: what is asked for; NULL: it has no name, as in a directory. */
bool identity_matches(
	const struct identity *i, const struct reference *image, const char *signed_as);
void identity_done(struct identity *i);
