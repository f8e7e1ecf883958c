/* SPDX-License-Identifier: Apache-2.0 */
/* By itself: libraries have a struct stat of their own, and on some machines another one. */
#include "run/ids_internal.h"

#include <asm/stat.h>

#if __SIZEOF_LONG__ == 8
const struct stat_layout stat_layout = {
	sizeof(struct stat), offsetof(struct stat, st_uid), offsetof(struct stat, st_gid)};
#else
const struct stat_layout stat_layout = {
	sizeof(struct stat64), offsetof(struct stat64, st_uid), offsetof(struct stat64, st_gid)};
#endif
