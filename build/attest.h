/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements about images, beside them: an index names the images, and for each a manifest whose
 * blobs are in-toto statements about it. As BuildKit makes them: "attestation-manifest", for the
 * platform unknown/unknown, so that nobody takes one for an image.
 */
#pragma once

#include <stddef.h>

struct build_result;
struct err;
struct json;
struct store;
struct strv;

/* What is said of an image. */
struct predicate {
	size_t image; /* of the build's */
	const char *type;
	struct json *body;
};

struct predicates {
	struct predicate *p;
	size_t n;
};
/* body is taken over. */
void predicates_add(struct predicates *ps, size_t image, const char *type, struct json *body);
void predicates_done(struct predicates *ps);

/* The root of form becomes an index. names: what the images are called there, complete
 * references. */
int attest_images(struct store *s, const struct predicates *ps, const struct strv *names,
	struct build_result *form, struct err *err) __attribute__((warn_unused_result));
