/* SPDX-License-Identifier: Apache-2.0 */
/* What fsck's files share: check.c and check_*.c find what is wrong, shape.c what is of the wrong
 * kind, repair.c mends or removes it. */
#pragma once
#include "base/strv.h"
#include "image/descriptor.h"
#include "layers/layer.h"
#include "store/digest_set.h"
#include "store/gc.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct source;
struct store;

struct check {
	struct store *store;
	struct check_result *result;
	struct strv *problems;
	struct source *sources;
	size_t n_sources;
	struct digest_set alone; /* diff IDs of layers that records know only as trees */
	struct digest_set bad_blobs, bad_trees, bad_records;
	struct strv leftovers; /* paths of what does not belong where it is */
	struct strv bad_containers; /* IDs */
	struct strv bad_owners; /* paths of what is another's, or closed to its user */
	bool bad_shape; /* something is missing or of another kind: then more cannot be read */
	bool bad_index; /* index.json cannot be read */
	bool bad_names; /* one is there twice */
	bool bad_images; /* something that an image needs is not there */
	bool unsure; /* of an image something could not be read, for now */
};

void check_problem(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A problem; repair puts it away (found.h), or removes it if a killed process left it. */
void check_leftover(struct check *c, const char *path);
/* Out of the store's way, and says where it is. Counts in c->result->removed. */
int check_put_away(struct check *c, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* What the path, seen from the store, itself is. */
bool check_is_regular(const struct check *c, const char *path);
bool check_is_there(const struct check *c, const char *path);
bool check_is_dir(const struct check *c, const char *path);
/* Notes that the blob holds the tar of the diff ID, for check_trees(). */
void check_add_source(struct check *c, const struct digest *diff_id, const struct digest *blob,
	enum compression compression);

/* The parts of check_all(), in their order; ERR_SYS. */
int check_images(struct check *c, struct err *err) __attribute__((warn_unused_result));
int check_containers(struct check *c, struct err *err) __attribute__((warn_unused_result));
int check_records(struct check *c, struct err *err) __attribute__((warn_unused_result));
int check_mounts(struct check *c, struct err *err) __attribute__((warn_unused_result));
int check_notes(struct check *c, struct err *err) __attribute__((warn_unused_result));
int check_trees(struct check *c, struct err *err) __attribute__((warn_unused_result));
int check_tmp(struct check *c, struct err *err) __attribute__((warn_unused_result));
int check_strangers(struct check *c, struct err *err) __attribute__((warn_unused_result));
/* Everything but the shape; ERR_SYS. */
int check_all(struct check *c, struct err *err) __attribute__((warn_unused_result));

/* The files and directories that every store has, and those whose kind alone matters. */
void shape_check(struct check *c);
/* One after the other, a directory before what is in it; NULL: there are no more. */
const char *shape_place(size_t i);
/* Whether a store has that name: at its top, in blobs or in cache. */
bool shape_knows(const char *path);
void check_owners(struct check *c);
int owners_mend(struct check *c, struct err *err) __attribute__((warn_unused_result));
/* What locks are taken on, before any is taken; then the rest. Counts in c->result->removed. */
int shape_mend_locks(struct check *c, struct err *err) __attribute__((warn_unused_result));
int shape_mend(struct check *c, struct err *err) __attribute__((warn_unused_result));

/* Is all there that the image needs? True too where it could not be read for now. */
bool image_is_whole(struct store *s, const struct descriptor *d);
/* index.json out of what is left of it and the images that are whole. *ret_n: how many have no name
 * in it. */
int index_rebuild(struct store *s, size_t *ret_n, struct err *err)
	__attribute__((warn_unused_result));
/* Of one that can be read: entries of other sizes or kinds than their manifests have say what is
 * so; if one has a digest that nothing here has, and that is not among the bad, what is whole
 * without an entry gets one without a name: it may have been that. */
struct index_mended {
	size_t entries, nameless;
	bool lost; /* a digest */
};
int index_mend(struct store *s, const struct digest_set *bad, struct index_mended *ret,
	struct err *err) __attribute__((warn_unused_result));
/* What the manifest or index describes itself as; NULL: it is neither. *ret_index: an index. */
const char *document_media_type(const char *text, size_t n, bool *ret_index);
/* Makes a working container one that can be used or removed again: its files stay. */
int container_mend(struct store *s, const char *id, struct err *err)
	__attribute__((warn_unused_result));
