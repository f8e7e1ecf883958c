/* SPDX-License-Identifier: Apache-2.0 */
/* From what a user typed, or a descriptor, to the image: its manifest (chosen by platform from an
 * index), config and layers. */
#pragma once
#include "image/config.h"
#include "image/manifest.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct store;
struct strv;

struct image {
	struct descriptor top; /* what the name points to: a manifest or an index */
	struct descriptor manifest_desc; /* of the chosen manifest */
	struct manifest manifest;
	struct image_config config;
	struct digest id; /* image ID: the config's digest */
};

/* platform NULL: the host's. ERR_NOT_FOUND, ERR_CORRUPT, ERR_UNSUPPORTED (no such platform). */
int image_load(struct store *s, const struct descriptor *top, const struct platform *platform,
	struct image *ret, struct err *err) __attribute__((warn_unused_result));
/* Whether both are manifests of one image ID, as they are when its layers have another compression
 * or its documents another form. False when that cannot be read. */
bool image_is_same(struct store *s, const struct descriptor *a, const struct descriptor *b);
/* The index that the descriptor is of. ERR_NOT_FOUND, ERR_CORRUPT, ERR_INVALID */
int index_load(struct store *s, const struct descriptor *top, struct index *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The platforms of an index's images, or that of the one image; attestations and the like are
 * passed over. Not all of them need to be here. Adds to *ret. */
int image_platforms(struct store *s, const struct descriptor *top, struct platform_list *ret,
	struct err *err) __attribute__((warn_unused_result));
/* What a short name may stand for, full names in the order to be tried; asked for the first time
 * that a name without a registry is looked for. Nothing is done about errors of it. */
typedef void (*short_names_fn)(void *arg, const char *text, struct strv *ret);
void image_short_names(struct store *s, short_names_fn fn, void *arg);
/* What users type: a reference (short names tried as localhost/NAME, as image_short_names() has
 * them, as docker.io/library/NAME, then as the end of any name that is the only such one; :latest
 * by default), name@digest, a full or unique prefix (at least 3 digits) of an image ID or
 * manifest digest. *ret_ref: the name found, NULL when it was found by ID; the caller frees.
 * ERR_NOT_FOUND; ambiguous prefixes are ERR_INVALID and list the candidates. */
int image_find(struct store *s, const char *text, struct descriptor *ret_top, char **ret_ref,
	struct err *err) __attribute__((warn_unused_result));
/* The same for what is to be pulled unless it is here: a short name is not looked for as the end of
 * any name, nor a digest under another repository's, so that an image of another registry does not
 * take the place of what is meant. Called buildah, the end of a name does: buildah takes what is
 * here. */
int image_find_named(struct store *s, const char *text, struct descriptor *ret_top, char **ret_ref,
	struct err *err) __attribute__((warn_unused_result));
/* The same for a name that is to be made: nothing but what it stands for has it already. */
int image_find_as_written(struct store *s, const char *text, struct descriptor *ret_top,
	char **ret_ref, struct err *err) __attribute__((warn_unused_result));
/* image_find(), and image_load() for the host's platform. ret_ref may be NULL. */
int image_find_loaded(struct store *s, const char *text, struct image *ret, char **ret_ref,
	struct err *err) __attribute__((warn_unused_result));
/* The file at the path in the topmost of its unpacked layers that has one, links followed inside
 * that layer; whiteouts are not looked at. flags as of open(2). -1: none. */
int image_peek(struct store *s, const struct image *i, const char *path, int flags);
void image_done(struct image *i);
#define AUTO_IMAGE __attribute__((cleanup(image_done)))
/* Sum of the layers' blob sizes, config and manifest included. */
uint64_t image_blob_size(const struct image *i);
