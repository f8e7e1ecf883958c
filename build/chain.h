/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers below a step, and how new ones come to be. A link of a chain may be used as a lower
 * directory before it has a digest: its commit (archive, hash, compress, publish) runs in a job
 * beside the steps that follow. Links are shared by the chains of stages that build on one another;
 * the build owns them.
 */
#pragma once
#include "base/digest.h"
#include "base/proc.h"
#include "base/tmp.h"
#include "layers/diff.h"
#include "layers/layer.h"
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct build;
struct err;

struct link {
	struct layer layer; /* valid when committed */
	enum compression compression;
	bool committed;
	bool empty; /* committed, and nothing changed: no layer of the image */
	bool of_base; /* came with an image */
	struct timespec created;
	int fd; /* the directory, O_PATH; -1: not opened yet */
	/* while it is being committed */
	struct job job; /* pid 0: none */
	char *dir; /* name in the transaction */
	struct tmp blob;
	struct digest key; /* the record to write */
};

struct chain {
	struct link **l; /* bottom first */
	size_t n;
};

void chain_add(struct chain *c, struct link *l);
void chain_copy(struct chain *dst, const struct chain *src);
void chain_done(struct chain *c);

/* A link for a layer that is in the store. */
struct link *link_known(struct build *b, const struct layer *layer, enum compression compression);
/* Opens all directories, unpacking from blobs what is missing. *ret_fds: n descriptors, topmost
 * first, borrowed from the links; free() the array. */
int chain_open(struct build *b, const struct chain *c, int **ret_fds, struct err *err)
	__attribute__((warn_unused_result));

/* Starts the commit of the directory dir (in the transaction; fd is taken over). */
int link_commit_start(struct build *b, const char *dir, int fd, const struct digest *key,
	struct timespec created, struct link **ret, struct err *err)
	__attribute__((warn_unused_result));
/* Finishes it when its job is over: blob, tree and record are in the store after. 1: still running
 * (only if !wait). */
int link_commit_finish(struct build *b, struct link *l, bool wait, struct err *err)
	__attribute__((warn_unused_result));
void chain_links_free(struct build *b);
