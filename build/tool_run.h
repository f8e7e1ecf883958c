/* SPDX-License-Identifier: Apache-2.0 */
/* A program of this machine that reads what others wrote: a clean environment, the descriptors that
 * are named, and bounds for its time and for what it prints. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct strv;

struct tool {
	const char *name; /* looked for in the trusted directories; for messages, too */
	const struct strv *argv, *env;
	int in; /* its standard input, -1: nothing */
	int dirfd; /* its descriptor 3, -1: none */
	uint64_t max_file; /* bytes of one file that it writes */
	int minutes;
};

/* out, errs: with their limits. *ret_status: as a shell says it. ERR_UNSUPPORTED: it is not
 * installed. ERR_LIMIT: it took or printed too much, and was killed. */
int tool_run(const struct tool *t, struct buf *out, struct buf *errs, int *ret_status,
	struct err *err) __attribute__((warn_unused_result));
