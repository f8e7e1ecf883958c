/* SPDX-License-Identifier: Apache-2.0 */
/* `manifest add --artifact`: files as a manifest of their own, in a list. image-spec manifest.md,
 * "Guidelines for Artifact Usage". */
#pragma once
#include "cmd/opt.h"

struct descriptor;
struct err;
struct index;
struct store;

struct artifact_args {
	bool artifact, exclude_titles;
	const char *type, *config, *config_type, *layer_type, *subject;
	struct strv annotations;
};
extern const struct opt artifact_options[];

/* Is any of them given without --artifact? ERR_INVALID */
int artifact_args_check(const struct artifact_args *a, struct err *err)
	__attribute__((warn_unused_result));
/* The files from the first-th on become blobs, and the manifest one; the caller holds a
 * transaction. *ret: its descriptor, the caller's. */
int manifest_artifact_make(struct store *s, const struct artifact_args *a, const struct strv *files,
	size_t first, struct descriptor *ret, struct err *err) __attribute__((warn_unused_result));
/* *ret: the first artifact of the list that has the content of this file; NULL: none, or the text
 * names no regular file. */
int manifest_artifact_find(struct store *s, const struct index *ix, const char *path,
	struct descriptor **ret, struct err *err) __attribute__((warn_unused_result));
