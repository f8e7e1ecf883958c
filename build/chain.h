/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers below a step, and how new ones come to be. A link of a chain may be used as a lower
 * directory before it has a digest: its commit (archive, hash, compress, publish) runs in a job
 * beside the steps that follow. Links are shared by the chains of stages that build on one another;
 * the build owns them.
 */
#pragma once
#include "base/digest.h"
#include "base/job.h"
#include "base/tmp.h"
#include "layers/diff.h"
#include "layers/layer.h"
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct build;
struct image;
struct remote_cache;
struct step;
struct err;

struct link {
	struct layer layer; /* valid when committed; its blob may be left out: see image_layer.h */
	enum compression compression;
	bool has_dated;
	struct layer dated; /* as an image has it, with a source date epoch */
	enum compression dated_compression;
	bool committed;
	bool empty; /* committed, and nothing changed: see empty_layer.h */
	struct timespec created;
	struct remote_cache *from; /* only there: neither blob nor directory are in the store */
	int fd; /* the directory, O_PATH; -1: not opened yet */

	/* made by a step of this build */
	const struct step *step; /* NULL: it was in the store before */
	struct digest made_by; /* the step's key in this build: who has the same shares the link */
	struct digest inputs; /* of the step's files; its record is keyed by them */
	struct link **below; /* the chain that the step ran on */
	size_t n_below;
	bool unsure; /* what it was made of changed meanwhile: there will be no record of it */
	bool recorded; /* the record is in the store, under */
	struct digest record_key;
	/* while it is being committed */
	struct job job; /* pid 0: none; see image_layer.h */
	char *dir; /* name in the transaction */
	struct tmp blob;
};

struct chain {
	struct link **l; /* bottom first */
	size_t n;
};

void chain_add(struct chain *c, struct link *l);
void chain_copy(struct chain *dst, const struct chain *src);
void chain_done(struct chain *c);

/*
 * What a chain is, in two forms. chain_content(): the digest of its diff IDs; false while a link of
 * it is not committed. In this build's keys a link that this build made counts by the step that
 * made it, whether it is committed or not: link_key() folds one link into the key of those below.
 */
bool chain_content(struct link *const *l, size_t n, struct digest *ret);
/* From the content of what is below l to that with it. */
bool chain_content_add(struct digest *content, const struct link *l);
struct digest chain_key_empty(void);
struct digest link_key(const struct digest *below, const struct link *l);

/* A link for a layer that is in the store; the same one for the same layer. */
struct link *link_known(struct build *b, const struct layer *layer, enum compression compression);
/* Opens its directory, unpacking it from the blob when it is missing. */
int link_open(struct build *b, struct link *l, struct err *err) __attribute__((warn_unused_result));
/* Opens all directories. *ret_fds: n descriptors, topmost first, borrowed from the links; free()
 * the array. */
int chain_open(struct build *b, const struct chain *c, int **ret_fds, struct err *err)
	__attribute__((warn_unused_result));
/* The same with `upper` as one more on top: what a step wrote can be looked at, and written upon,
 * without being mounted a second time as an upper directory, which a volatile one refuses.
 * *ret_fds: c->n + 1. */
int chain_open_below(struct build *b, const struct chain *c, int upper, int **ret_fds,
	struct err *err) __attribute__((warn_unused_result));

/* Starts the commit of the directory dir (in the transaction; fd is taken over), made by step on
 * the chain below. */
struct link_origin {
	const struct step *step;
	struct digest made_by, inputs;
	const struct chain *below;
	struct timespec created;
	bool of_image; /* it will be a layer of an image */
	bool unsure; /* see link */
};
int link_commit_start(struct build *b, const char *dir, int fd, const struct link_origin *o,
	struct link **ret, struct err *err) __attribute__((warn_unused_result));
/* The same of a layer that is in the blob already, and in no directory: *ret is committed. */
int link_archived(struct build *b, struct tmp *blob, const struct layer *layer,
	const struct link_origin *o, struct link **ret, struct err *err)
	__attribute__((warn_unused_result));
/* Finishes it when its job is over: blob, tree and record are in the store after. 1: still running
 * (only if !wait). */
int link_commit_finish(struct build *b, struct link *l, bool wait, struct err *err)
	__attribute__((warn_unused_result));
void chain_links_free(struct build *b);

/* The layers of an image that are not empty as a chain, and the key of what they are. */
void chain_of_image(struct build *b, const struct image *img, struct chain *ret);
struct digest image_key(const struct image *img);
