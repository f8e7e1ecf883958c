/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about working containers share. */
#pragma once
#include "cmd/opt.h"
#include "store/containers.h"

struct app;
struct err;
struct map;
struct store;
struct txn;

/* A container, locked, with its store and a transaction. */
struct container_use {
	struct store *s;
	struct txn *t;
	struct container c;
};
/* Waits when another process has it, and says so. */
int container_use(struct app *app, const char *text, enum container_hold hold,
	struct container_use *ret, struct err *err) __attribute__((warn_unused_result));
/* Who found others in it and can have nobody beside it: waits for their end. *before: as it was
 * until then, and is still borrowed from. */
int container_use_alone(struct app *app, struct container_use *u, struct container *before,
	struct err *err) __attribute__((warn_unused_result));
/* The same to read it: from a store that cannot be written to as well (txn_read()). */
int container_look(struct app *app, const char *text, enum container_hold hold,
	struct container_use *ret, struct err *err) __attribute__((warn_unused_result));
/* Also one that is damaged, to remove it. */
int container_use_any(struct app *app, const char *text, struct container_use *ret, struct err *err)
	__attribute__((warn_unused_result));
void container_use_done(struct container_use *u);
#define AUTO_CONTAINER_USE __attribute__((cleanup(container_use_done)))
#define CONTAINER_USE_INIT                                                                         \
	{                                                                                          \
		.c = CONTAINER_INIT                                                                \
	}

/* The containers that are named, or with `all` the IDs of all. ERR_INVALID: both, or neither. */
int container_args_which(struct app *app, bool all, const struct strv *rest, struct strv *ret,
	struct err *err) __attribute__((warn_unused_result));

/* --add-history, or BUILDAH_HISTORY=true */
bool history_wanted(bool option);
/* An entry without a layer, at this moment. */
void history_add(struct container *c, const char *created_by);

/* "oci", "docker"; NULL: BUILDAH_FORMAT, else oci. ERR_INVALID */
int format_is_docker(const char *text, bool *ret, struct err *err)
	__attribute__((warn_unused_result));
