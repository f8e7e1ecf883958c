/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing images (--sign-by), and the signatures that images of the store have: annotations of
 * their lines in index.json, which come and go with the name. A push takes them along. In base64.
 */
#pragma once

struct descriptor;
struct digest;
struct err;
struct strv;

#define ANNOTATION_SIGNATURES "mica.signatures"

/* Adds a signature to ret. key: as gpg_sign() has it. reference: what the image is to be known as;
 * NULL: the place has no names, ERR_UNSUPPORTED. */
int sign_manifest(const struct digest *manifest, const char *reference, const char *key,
	struct strv *ret, struct err *err) __attribute__((warn_unused_result));

/* Of an image in the store. */
void signatures_get(const struct descriptor *image, struct strv *ret);
/* Signs it for the name it is about to get. */
int image_sign(struct descriptor *image, const char *reference, const char *key, struct err *err)
	__attribute__((warn_unused_result));
