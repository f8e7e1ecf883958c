/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a build's result goes besides the store: --output. The syntax and the meaning are
 * buildx's; every kind works always, and several at once. What is written comes from the documents
 * of a struct build_result (one manifest, or an index and its manifests) that need no name.
 */
#pragma once
#include "base/strv.h"
#include "build/rework.h"
#include "registry/transport.h"
#include <stdbool.h>

struct build_result;
struct err;
struct store;
struct txn;

enum output_type {
	OUTPUT_LOCAL, /* the files of the image, in a directory */
	OUTPUT_TAR, /* the same as a tar */
	OUTPUT_OCI, /* an OCI image layout, as a directory or a tar */
	OUTPUT_DOCKER, /* what `docker load` reads; without dest the store */
	OUTPUT_IMAGE, /* the store, and with push a registry */
	OUTPUT_PLACE, /* what a transport names, as for a push: oci:DIR */
	OUTPUT_NONE, /* cacheonly: nowhere */
};

enum output_split { SPLIT_AUTO, SPLIT_NO, SPLIT_YES };

struct output {
	enum output_type type;
	char *text; /* as typed */
	char *dest; /* NULL: none was given; "-": standard output */
	struct strv names;
	bool push;
	bool by_digest; /* push without a tag */
	bool insecure; /* registry.insecure */
	bool unpacked; /* OCI: a directory and not a tar */
	bool forget; /* store=false: not in the store */
	enum output_split split; /* a directory for each platform; AUTO: when there are several */
	struct rework form;
};

/* ERR_INVALID and ERR_UNSUPPORTED name the key. */
int output_parse(const char *text, struct output *ret, struct err *err)
	__attribute__((warn_unused_result));
/* location: with a transport (registry/transport.h). */
int output_to_place(const char *location, struct output *ret, struct err *err)
	__attribute__((warn_unused_result));
void output_done(struct output *o);

struct output_opts {
	const struct strv *tags; /* the names for what has none of its own */
	struct push_opts push;
	bool has_epoch; /* all files of local and tar get this time */
	int64_t epoch;
};

/* What can be told before the build: that the destination can be written to. */
int output_check(const struct output *o, const struct strv *tags, struct err *err)
	__attribute__((warn_unused_result));
/* The same of registries, which are asked: once everything else is known to be right. */
int output_reach(const struct output *o, const struct strv *tags, const struct remote_opts *remote,
	struct err *err) __attribute__((warn_unused_result));
/* What the image is called there, complete. */
int output_full_names(const struct output *o, const struct strv *tags, struct strv *ret,
	struct err *err) __attribute__((warn_unused_result));
/* The image goes into the store under its names. */
bool output_is_stored(const struct output *o);
/* It goes elsewhere, after the name is set: that stays when this fails. */
bool output_is_push(const struct output *o);
/* To docker "localhost/x:1" is a registry's, and "x:1" what we call localhost/x:1: names that were
 * typed without a registry go to it without one. */
void output_docker_names(const struct strv *typed, struct strv *names);
/* Writes to o->dest, or pushes. The caller holds t, which keeps the documents. */
int output_write(struct store *s, struct txn *t, const struct output *o,
	const struct output_opts *opts, const struct build_result *r, struct err *err)
	__attribute__((warn_unused_result));
