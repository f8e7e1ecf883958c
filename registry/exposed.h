/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

/* Can others read our file, and can we change that? Not what is somebody else's, nor what is on a
 * file system that is mounted read-only, as the secrets of Kubernetes are; nor what a directory on
 * the way keeps others from. */
bool file_is_exposed(const char *path);
