/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of images in registries lie beside them, where registries.d says:
 * PLACE/REPOSITORY@sha256=HEX/signature-N, a directory here or on a web server.
 * containers-signature(5), containers-registries.d(5). Signatures are kept in base64.
 */
#pragma once

struct digest;
struct err;
struct reference;
struct remote;
struct strv;

/* Those that the manifest has there; none is no error. At most SIGNATURES_MAX. Appended. */
int lookaside_read(struct remote *r, const struct reference *ref, const struct digest *manifest,
	struct strv *ret, struct err *err) __attribute__((warn_unused_result));
/* Exchanges them for these. ERR_UNSUPPORTED: the place is a web server's. */
int lookaside_write(struct remote *r, const struct reference *ref, const struct digest *manifest,
	const struct strv *signatures, struct err *err) __attribute__((warn_unused_result));

/* The same in a directory, as PREFIXsignature-N; where: for messages. */
int signature_files_read(int dir, const char *prefix, const char *where, struct strv *ret,
	struct err *err) __attribute__((warn_unused_result));
int signature_files_write(int dir, const char *prefix, const struct strv *signatures,
	struct err *err) __attribute__((warn_unused_result));
/* Takes away those from number n on, which an image had before. */
int signature_files_cut(int dir, const char *prefix, unsigned long n, struct err *err)
	__attribute__((warn_unused_result));
