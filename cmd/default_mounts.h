/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.conf: what of this machine every step is shown, secrets of a subscription for example. */
#pragma once

struct err;
struct strv;

/* Adds to volumes, as words of --volume, what the file says: said, --default-mounts-file, or NULL
 * for the first that is there. Lines "SOURCE[:TARGET]", read-only; what is not there is passed
 * over, as buildah does. ERR_INVALID, ERR_SYS */
int default_mounts_add(const char *said, struct strv *volumes, struct err *err)
	__attribute__((warn_unused_result));
