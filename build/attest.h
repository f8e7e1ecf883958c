/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements about images, beside them: an index names the images, and for each a manifest whose
 * blobs are in-toto statements about it. As BuildKit makes them: "attestation-manifest", for the
 * platform unknown/unknown, so that nobody takes one for an image.
 */
#pragma once

struct build_result;
struct err;
struct json;
struct store;
struct strv;

/* predicates: of type `type`, one for each image of form, whose root becomes an index. names: what
 * the images are called there, complete references. */
int attest_images(struct store *s, const char *type, struct json *const *predicates,
	const struct strv *names, struct build_result *form, struct err *err)
	__attribute__((warn_unused_result));
