/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry's repository holds, without bringing it here: its tags, what refers to an image
 * of it, and how to be rid of one. distribution-spec 1.1 "Content Discovery", "Content Management".
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>

struct document;
struct err;
struct json;
struct remote;
struct remote_opts;
struct strv;

/* name: as users type it, with or without docker://; it must have no tag. *ret_name: in full, new
 * string. *ret: the tags in the registry's order. ERR_NOT_FOUND: no such repository. */
int repository_tags(const char *name, const struct remote_opts *o, char **ret_name,
	struct strv *ret, struct err *err) __attribute__((warn_unused_result));
/* Whether the tag is one that tools keep lists and signatures under ("sha256-ab12...", perhaps with
 * a suffix): no image is behind it. */
bool repository_tag_is_technical(const char *tag);
/* The manifest that a reference with a tag or digest names, and with it all its tags. ret_digest:
 * of what is gone. */
int repository_delete(const char *text, const struct remote_opts *o, struct digest *ret_digest,
	struct err *err) __attribute__((warn_unused_result));
/* The manifest or index that a name stands for, as a pull would find it: mirrors and search
 * registries are asked. *ret_text: new string */
int repository_manifest(const char *text, const struct remote_opts *o, char **ret_text,
	size_t *ret_len, struct err *err) __attribute__((warn_unused_result));
/* The manifests that have the one of `text` for their subject, as an index; artifact_type NULL: of
 * any type. */
int repository_referrers(const char *text, const char *artifact_type, const struct remote_opts *o,
	struct json **ret_index, struct err *err) __attribute__((warn_unused_result));

/*
 * For a push of doc, which has a subject: where the registry keeps no list of referrers, the list
 * under the subject's tag gets it. "Pushing Manifests with Subject".
 */
int repository_add_referrer(struct remote *r, const char *repository, const struct document *doc,
	struct err *err) __attribute__((warn_unused_result));
