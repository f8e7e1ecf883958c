/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step left behind -> the changeset in its one form, so that a layer's digest does not
 * depend on how its snapshot was made. Afterwards the upper directory holds, in overlayfs' form,
 * exactly what differs from the layers below:
 * - a file, link or device that is as it was (opened for writing and left alone) is not in it,
 *   nor a directory that differs in nothing but its time and holds no change (so BuildKit sees it);
 * - a whiteout stands only where something is hidden, and no directory is opaque: of one that took
 *   the place of another, too, only what differs is there (so BuildKit sees it).
 * What fuse-overlayfs writes is translated, and of a copied tree the changes are copied here.
 */
#pragma once
#include "layers/snapshot.h"
#include <time.h>

struct err;

/* To be called when the last process that uses the snapshot has ended and its mount is closed,
 * before anybody mounts upper as a layer. begun: when the step began; a file
 * that is not older counts as changed. */
int snapshot_settle(const struct snapshot *s, struct timespec begun, struct err *err)
	__attribute__((warn_unused_result));
