/* SPDX-License-Identifier: Apache-2.0 */
/* Files that have no name any more, and stay on the disk for as long as somebody has them open or
 * mapped. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes (allocated blocks) that such files on one of these devices take, which the process `top`
 * and its descendants have. Not seen: what is on its way through a socket, and, unless we are root
 * of the machine, what is mapped and not open. */
uint64_t removed_bytes(pid_t top, const dev_t *devs, size_t n_devs);
