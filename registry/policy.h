/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which images may be pulled: containers-policy.json(5). insecureAcceptAnything and reject decide;
 * what demands a signature refuses the image by name, as no signatures are verified here.
 */
#pragma once

struct err;
struct json;
struct reference;

/* file NULL: the user's, else /etc/containers/policy.json; when there is none everything may be
 * pulled. transport: "docker", "oci", "dir" ... ref: of a registry; else path: of a local place,
 * made absolute here. ERR_DENIED: rejected. ERR_UNSUPPORTED: a signature is wanted. */
int policy_check(const char *file, const char *transport, const struct reference *ref,
	const char *path, struct err *err) __attribute__((warn_unused_result));
/* The same for a text; for tests and the fuzzer. */
int policy_check_text(const char *text, unsigned long n, const char *what, const char *transport,
	const struct reference *ref, const char *path, struct err *err)
	__attribute__((warn_unused_result));
