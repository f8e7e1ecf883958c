/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that a file, or a directory and all below it, takes on disk (allocated blocks, of a file
 * with several names once, wherever else it has some). What cannot be read counts nothing. */
#pragma once
#include <stdint.h>

uint64_t disk_usage(int dirfd, const char *path);
/* The same with so many bytes more for each name, if any, and those of attributes, which some file
 * systems do not tell. */
uint64_t disk_usage_each(int dirfd, const char *path, unsigned each);
/* Of the file or directory itself. */
uint64_t disk_usage_own(int dirfd, const char *path);
