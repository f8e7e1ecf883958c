/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which images may be pulled: containers-policy.json(5). insecureAcceptAnything and reject decide
 * at once; "signedBy" is a demand on each manifest that is taken (verify.h). What demands another
 * kind of signature refuses the image by name.
 */
#pragma once
#include "base/strv.h"
#include "registry/signature.h"

struct err;
struct json;
struct reference;

struct signed_by {
	struct strv key_files; /* of these any key */
	char *keys; /* or these, NULL: none */
	size_t n_keys; /* bytes */
	struct identity identity;
};

/* All of them hold for every manifest. */
struct demands {
	char *policy; /* the file that makes them, for messages */
	struct signed_by *s;
	size_t n;
};
void demands_done(struct demands *d);
#define AUTO_DEMANDS __attribute__((cleanup(demands_done)))

/* file NULL: the user's, else /etc/containers/policy.json; when there is none everything may be
 * pulled. transport: "docker", "oci", "dir" ... ref: of a registry; else path: of a local place,
 * made absolute here, and name: of the image there, or NULL. ERR_DENIED: rejected.
 * ERR_UNSUPPORTED: a signature of an unknown kind is wanted. */
int policy_check(const char *file, const char *transport, const struct reference *ref,
	const char *path, const char *name, struct demands *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The same for a text; for tests and the fuzzer. */
int policy_check_text(const char *text, unsigned long n, const char *what, const char *transport,
	const struct reference *ref, const char *path, const char *name, struct demands *ret,
	struct err *err) __attribute__((warn_unused_result));
