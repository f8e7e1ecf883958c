/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a working container, and makes it again when it is damaged. */
#pragma once
#include "store/containers.h"

#define CONTAINER_DOC "container.json"
#define CONTAINER_USES_MAX (1 * MIB)

/* What dir, containers/ID, has of it. */
int container_load(int dir, const char *id, struct container *ret, struct err *err)
	__attribute__((warn_unused_result));
/* container_share.c: of c, whose directory is locked, the lock `running`. ERR_BUSY */
int container_take_hold(const struct store *s, enum container_hold hold, struct container *c,
	struct err *err) __attribute__((warn_unused_result));
/* Until a container_take_hold() that was ERR_BUSY may succeed; tries: how often it was already. Its
 * directory is not locked. */
int container_await(int dir, enum container_hold hold, unsigned tries, struct err *err)
	__attribute__((warn_unused_result));
/* A clone of the root of those who run something in it, or -1: there is none to be had now. */
int container_join(int dir, int *ret_root);

/* Its base, and all that comes from there; image NULL: nothing. */
void container_set_base(struct container *c, const struct image *image);
/* The file `uses` in c->dir. */
int container_write_uses(const struct container *c, struct err *err)
	__attribute__((warn_unused_result));
/* The directory `upper` in c->dir. */
int container_make_upper(struct store *s, const struct container *c, struct err *err)
	__attribute__((warn_unused_result));
