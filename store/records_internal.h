/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/mem.h"
#include "store/records.h"

#define RECORD_MAX (16 * MIB) /* the inputs of a step that copies 100,000 files */

/* The record in the file cache/steps/name, whether its blob is there or not. ERR_NOT_FOUND,
 * ERR_CORRUPT. */
int record_read(struct store *s, const char *name, struct record *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Its layer can be had. */
bool record_has_layer(struct store *s, const struct record *r);
/* Missing is no error. */
int record_remove(struct store *s, const struct digest *key, struct err *err)
	__attribute__((warn_unused_result));
