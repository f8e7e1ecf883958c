/* SPDX-License-Identifier: Apache-2.0 */
/* Files that have no name any more, and stay on the disk for as long as somebody has them open or
 * mapped. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file system. Of an overlay whose layers are on several, the files have as many devices, none of
 * which is that of its directories: they are known by the mount that shows them. */
struct removed_fs {
	dev_t dev;
	bool overlay;
};

/* That of what is open as fd. False: unknown. */
bool removed_fs_of(int fd, struct removed_fs *ret);
/* Bytes (allocated blocks) that such files on one of these file systems take, which the process
 * `top` and its descendants have. Not seen: what is on its way through a socket; unless we are root
 * of the machine, what is mapped and not open; of an overlay of several file systems, what is open
 * by a mount that no process sees any more. No other file system is waited for. */
uint64_t removed_bytes(pid_t top, const struct removed_fs *fs, size_t n_fs);
