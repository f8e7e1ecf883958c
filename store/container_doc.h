/* SPDX-License-Identifier: Apache-2.0 */
/* containers/ID/container.json. */
#pragma once
#include <stddef.h>

struct container;
struct err;

#define CONTAINER_DOC_MAX                                                                          \
	(16ULL * 1024 * 1024) /* an image config of 4 MiB, escaped, and the rest */

/* New string. */
char *container_doc_dump(const struct container *c);
/* Fills in all but id and dir of an initialised c. ERR_INVALID */
int container_doc_parse(const char *text, size_t n, struct container *c, struct err *err)
	__attribute__((warn_unused_result));
