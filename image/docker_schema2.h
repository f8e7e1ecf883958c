/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Docker twin of an OCI manifest and back (Docker Image Manifest V2 Schema 2). Both name the
 * same config bytes and the same layer bytes: only media types differ, and schema 2 has no
 * annotations, which are left out. So blobs are never converted, only the manifest gets new bytes
 * and a new digest.
 */
#pragma once

struct err;
struct manifest;

/* ERR_UNSUPPORTED: a config or layer type without a twin (an artifact). *ret is the caller's:
 * manifest_done(). A manifest that is what was asked for is copied. */
int manifest_to_docker(const struct manifest *m, struct manifest *ret, struct err *err)
	__attribute__((warn_unused_result));
int manifest_to_oci(const struct manifest *m, struct manifest *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The media type of the other format, NULL when it has none there. */
const char *media_type_to_docker(const char *type);
const char *media_type_to_oci(const char *type);
