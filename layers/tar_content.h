/* SPDX-License-Identifier: Apache-2.0 */
/* Files on their way into a tar. */
#pragma once
#include <sys/stat.h>

struct err;
struct tar_writer;

/*
 * The content of a regular file as fstat(2) says it is, after its header: read once, holes not at
 * all. fd is at the start of the file; path is for messages. Another length than st says is ERR_SYS
 * (EAGAIN): it changed while it was read.
 */
int tar_writer_file(struct tar_writer *t, int fd, const struct stat *st, const char *path,
	struct err *err) __attribute__((warn_unused_result));
int tar_changed_error(const char *path, struct err *err);
