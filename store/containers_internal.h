/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a working container, and makes it again when it is damaged. */
#pragma once
#include "store/containers.h"

#define CONTAINER_DOC "container.json"
#define CONTAINER_USES_MAX (1 * MIB)

/* Its base, and all that comes from there; image NULL: nothing. */
void container_set_base(struct container *c, const struct image *image);
/* The file `uses` in c->dir. */
int container_write_uses(const struct container *c, struct err *err)
	__attribute__((warn_unused_result));
/* The directory `upper` in c->dir. */
int container_make_upper(struct store *s, const struct container *c, struct err *err)
	__attribute__((warn_unused_result));
