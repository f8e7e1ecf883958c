/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is fetching a blob, or what a name stands for: another process that needs it waits, and then
 * finds it. Only to save work: whoever goes on without a turn does no harm.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>

struct err;
struct store;

/* *ret_fd: to be closed when the blob is there, or will not come. ERR_BUSY: another one is at it
 * (or, by a chance of 1 to 2^62, at another blob): to be asked again, while whatever turns are held
 * make progress. */
int turn_take(struct store *s, const struct digest *d, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* Whether nobody has it, for who only waits until another one has ended. */
bool turn_is_free(struct store *s, const struct digest *d);
