/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of images that users put together: an index in the store, under a name. It is content like
 * all else, so that every change makes another one, which takes over the name. The images of a list
 * are in the store with it; of what comes from a registry the layers stay there until somebody
 * needs them.
 *
 *	pull or find what is to be added
 *	manifest_list_open()    locks out other changes
 *	manifest_list_put() ... change it
 *	manifest_list_save()
 */
#pragma once
#include "image/manifest.h"
#include "registry/transport.h"
#include <stdbool.h>

struct err;
struct store;

struct manifest_list {
	char *ref; /* the name, complete */
	bool exists; /* old is what the name stands for */
	struct descriptor old; /* of one that does not exist yet the annotations of its name */
	struct index ix;
	struct strv sources; /* of what was added, as manifest_list_find_image() gave them */
	int lock;
};

/* ERR_NOT_FOUND: no such name, but with `create` an empty list that does not exist yet.
 * ERR_INVALID: it is an image, or an ID. */
int manifest_list_open(struct store *s, const char *text, bool create, struct manifest_list *ret,
	struct err *err) __attribute__((warn_unused_result));
/* Writes the index and gives it the name. *ret: its digest. */
int manifest_list_save(struct store *s, struct manifest_list *l, struct digest *ret,
	struct err *err) __attribute__((warn_unused_result));
/* By what it is found whatever becomes of it: what was printed when it was created (store/names.h),
 * else the digest that it has now. buf: DIGEST_STR_MAX */
const char *manifest_list_id(struct manifest_list *l, const struct digest *now, char *buf);
void manifest_list_done(struct manifest_list *l);
#define AUTO_MANIFEST_LIST __attribute__((cleanup(manifest_list_done)))

/* An entry; one with the same digest is replaced. */
void manifest_list_put(struct manifest_list *l, const struct descriptor *d);
/* The entry with this digest; NULL: none */
struct descriptor *manifest_list_find(struct manifest_list *l, const struct digest *d);
void manifest_list_remove(struct manifest_list *l, struct descriptor *entry);

/* What is to be added: a name or an ID of the store, else it is pulled, without giving it a name.
 * *ret: the entries, with their platforms: one, or with o->all_platforms all of an index;
 * *ret_top: what they were found in; where layers were left is added to sources. The caller holds
 * a transaction. */
int manifest_list_find_image(struct store *s, const char *text, const struct pull_opts *o,
	struct index *ret, struct descriptor *ret_top, struct strv *sources, struct err *err)
	__attribute__((warn_unused_result));
