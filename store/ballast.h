/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of no content that is given up when the disk is full, so that removing names, which
 * writes index.json anew, is possible then. It is made when there is room.
 */
#pragma once
#include <stdbool.h>

struct store;

/* Failures are left to the next time. */
void ballast_make(struct store *s);
/* After a failure with `sys`: true when it was for want of room and there is some now. */
bool ballast_drop(struct store *s, int sys);
