/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: index.json maps fully qualified references to manifests
 * (org.opencontainers.image.ref.name). Entries without a name keep an image that lost its tag or
 * never had one ("<none>") until it is pruned. Annotations and unknown members of the file survive.
 */
#pragma once
#include "base/mem.h"
#include "image/descriptor.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct store;

#define ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"
#define NAMES_MAX (64 * MIB) /* index.json of a store with 100,000 images */

struct name {
	char *ref; /* "docker.io/library/debian:stable"; NULL: an image without a name */
	struct descriptor manifest;
	char *step_of; /* of an intermediate image what its annotation says (step_images.h); else
	                  NULL */
	bool additional; /* in a store that is only read (additional.h) */
};

struct names {
	struct name *n;
	size_t count;
};

/* A consistent copy of all names, in the order of the file. */
int names_list(struct store *s, struct names *ret, struct err *err)
	__attribute__((warn_unused_result));
/* And then those of the additional stores which are not names of the stores before: what a user
 * sees. */
int names_list_all(struct store *s, struct names *ret, struct err *err)
	__attribute__((warn_unused_result));
void names_done(struct names *n);
/* Here, else in an additional store. *ret is the caller's (descriptor_done). ERR_NOT_FOUND. */
int name_get(struct store *s, const char *ref, struct descriptor *ret, struct err *err)
	__attribute__((warn_unused_result));
/* What has this digest, by whatever name. *ret is the caller's. ERR_NOT_FOUND. */
int name_get_digest(struct store *s, const struct digest *d, struct descriptor *ret,
	struct err *err) __attribute__((warn_unused_result));
/* On the descriptor of a list: 64 hexadecimal digits, by which it is known while its content, and
 * so its digest, changes. */
#define ANNOTATION_LIST_ID "mica.list-id"
/* On the descriptor of an image: the names that it has lost, the oldest first, with commas. */
#define ANNOTATION_NAMES_BEFORE "mica.names-before"
/* Sets several names (or, with n_refs 0, keeps the manifest as an unnamed image) in one transaction
 * after store_sync(). An image that loses its last name stays as an unnamed one. Writes nothing
 * when nothing changes. */
int names_set(struct store *s, const char *const *refs, size_t n_refs,
	const struct descriptor *manifest, struct err *err) __attribute__((warn_unused_result));
/* Notes that the image is in use, for what goes by age (used.h). */
void name_used(struct store *s, const struct descriptor *manifest);
/* Removes a name; keep: the image stays unnamed when this was its last name, else it is forgotten.
 * ERR_NOT_FOUND, ERR_DENIED: it is in an additional store. */
int name_remove(struct store *s, const char *ref, bool keep, struct err *err)
	__attribute__((warn_unused_result));
/* Forgets the manifest under all its names. *ret_removed: the names, may be NULL. ERR_DENIED: it is
 * in an additional store only. */
struct strv;
int names_remove_manifest(struct store *s, const struct digest *d, struct strv *ret_removed,
	struct err *err) __attribute__((warn_unused_result));
/* Forgets all these at once: names that stand for the manifest still, and images without a name.
 * *ret_gone, room for each: whether it was there. */
int names_remove_all(struct store *s, const struct name *names, size_t n, bool *ret_gone,
	struct err *err) __attribute__((warn_unused_result));
/* Forgets an image that has no name; one with a name is left alone. ERR_NOT_FOUND. */
int names_remove_unnamed(struct store *s, const struct digest *d, struct err *err)
	__attribute__((warn_unused_result));
