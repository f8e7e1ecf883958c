/* SPDX-License-Identifier: Apache-2.0 */
/* The files that say what to build: the Containerfiles and the ignore file that goes with them. */
#pragma once
#include <stddef.h>

struct build;
struct containerfile;
struct err;

/* Once the context is open. Sets ignore and ignore_name of the build; *files (the caller's, *n of
 * them) are there after an error too. */
int build_files_read(struct build *b, struct containerfile **files, size_t *n, struct err *err)
	__attribute__((warn_unused_result));
