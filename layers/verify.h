/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an unpacked layer what its tar says? Every path with type, mode, owner, time, size, content,
 * link and attributes, and nothing else present. Agrees with what layer_apply() makes of the tar,
 * and with the directory that layer_diff() made the tar of: its sockets do not count, nor do times
 * that were clamped (the latest time of the archive matches any), nor, in a user namespace, devices
 * that could not be made.
 */
#pragma once

struct err;
struct reader;
struct strv;

/* tar: uncompressed, read to its end. *problems: up to 20 lines are added, none when all is well;
 * the result is an error only when checking itself failed (ERR_CORRUPT: the tar). */
int layer_verify(struct reader *tar, int dirfd, struct strv *problems, struct err *err)
	__attribute__((warn_unused_result));
