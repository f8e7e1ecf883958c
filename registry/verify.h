/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a manifest has the signatures that policy.json demands. For each demand one signature
 * must be good: by a key of the policy, over this manifest, under a name that stands for the image.
 * Only the policy's keys count, never the user's keyring.
 */
#pragma once
#include "registry/policy.h"
#include <stddef.h>

struct err;
struct reference;
struct store;
struct strv;
struct txn;

/* Of a pull: what is demanded, and of which image. */
struct trust {
	struct demands demands;
	const struct reference *image; /* NULL: it has no name, as in a directory. Borrowed */
};
static inline void trust_done(struct trust *t)
{
	demands_done(&t->demands);
}
#define AUTO_TRUST __attribute__((cleanup(trust_done)))

/* signatures: in base64, of anybody. manifest: its bytes. ERR_DENIED: "Source image rejected: ...",
 * with what is wrong with each signature; else the policy's keys could not be used. */
int verify_manifest(struct store *s, struct txn *t, const struct trust *trust,
	const struct strv *signatures, const char *manifest, size_t n, struct err *err)
	__attribute__((warn_unused_result));
