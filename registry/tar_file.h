/* SPDX-License-Identifier: Apache-2.0 */
/* A tar file that is written member by member, and appears whole: oci-archive: and docker-archive:
 * are made of it. */
#pragma once
#include <stdint.h>

struct tar_file;
struct err;

/* A path that is a pipe, a device or our standard output is written to as it is. ERR_EXISTS never:
 * another regular file is replaced at the end. */
int tar_file_new(const char *path, struct tar_file **ret, struct err *err)
	__attribute__((warn_unused_result));
/* Written to fd (borrowed) as it is; name is for messages. */
struct tar_file *tar_file_new_fd(int fd, const char *name);
/* size bytes from the start of fd (borrowed) */
int tar_file_add_file(struct tar_file *a, const char *name, int fd, uint64_t size, struct err *err)
	__attribute__((warn_unused_result));
int tar_file_add_text(struct tar_file *a, const char *name, const char *text, struct err *err)
	__attribute__((warn_unused_result));
struct reader;
/* exactly size bytes of r */
int tar_file_add_reader(struct tar_file *a, const char *name, struct reader *r, uint64_t size,
	struct err *err) __attribute__((warn_unused_result));
int tar_file_add_dir(struct tar_file *a, const char *name, struct err *err)
	__attribute__((warn_unused_result));
int tar_file_finish(struct tar_file *a, struct err *err) __attribute__((warn_unused_result));
void tar_file_free(struct tar_file *a); /* drops what was not finished; accepts NULL */
