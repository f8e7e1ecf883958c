/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests: the ways of older kernels on a newer one. */
#pragma once
#include "layers/snapshot.h"

enum snapshot_way {
	SNAPSHOT_PROBE, /* not known yet */
	SNAPSHOT_BY_FD, /* fsconfig "lowerdir+" with descriptors, Linux 6.13 */
	SNAPSHOT_BY_PATH, /* fsconfig "lowerdir+" with paths, 6.5 */
	SNAPSHOT_MOUNT, /* mount(2) */
};
void snapshot_force(enum snapshot_way way);
