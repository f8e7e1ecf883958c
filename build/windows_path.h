/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths in images for Windows, by BuildKit's rules. A Containerfile may write them with either
 * slash and begin them with C:, the only drive that there is; here they are as any other system
 * has them, and in a config they have backslashes. A path in an image for another os stays as it
 * is.
 */
#pragma once
#include <stdbool.h>

struct err;

/* *path, a string of the caller's, is replaced by "/DIR/NAME" or "DIR/NAME", without what changes
 * nothing but a slash at the end. ERR_INVALID: another drive, a drive alone, another machine. */
int windows_path_read(const char *os, char **path, struct err *err)
	__attribute__((warn_unused_result));
/* The other way, for a config; and back. */
void windows_path_write(const char *os, char *path);
void windows_path_reread(const char *os, char *path);
