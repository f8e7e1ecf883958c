/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INCLUDE [--from=CONTEXT] PATH, mica's own: the instructions of a fragment take its place before
 * anything is planned, so that they name stages, see arguments and are cached as if they stood in
 * the file. Only a file that says "# mica=include" at its top can do this, and a fragment.
 *
 * PATH begins at the top of the build context, or of the directory that --build-context calls
 * CONTEXT; that of a fragment at the top of the context it came from. It is resolved inside of it
 * (base/root.h), and no ignore file hides it: like a Containerfile it is read, not copied.
 */
#pragma once
#include <stddef.h>

struct build;
struct containerfile;
struct err;

/* Reads what the files INCLUDE, and what that does, and adds it behind them. ERR_INVALID, ERR_LIMIT
 * and ERR_NOT_FOUND have the place of the INCLUDE, other errors that of the mistake. */
int include_read(struct build *b, struct containerfile **files, size_t *n, struct err *err)
	__attribute__((warn_unused_result));
