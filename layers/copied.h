/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the copying of a snapshot and the finding of what a step changed in the copy have in common.
 * The copy lies in work/merged; work/copied says which files are copies and when the copying was
 * over, so that changes are found without comparing contents.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct buf;
struct err;

#define COPIED_TREE "merged"
#define COPIED_RECORD "copied"
#define COPIED_DEPTH_MAX 2048
#define COPIED_DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct copied {
	uint64_t *marks; /* of the copies; sorted by copied_write() */
	size_t n, cap;
	struct timespec over; /* when the copying was; what has changed later, the step changed */
};
void copied_done(struct copied *c);
#define AUTO_COPIED __attribute__((cleanup(copied_done)))

/* Of this file under this name, a hash of path, inode and time of birth; a file that takes its
 * place has another birth or inode. */
int copied_mark(int dirfd, const char *name, const char *path, uint64_t *ret, struct err *err)
	__attribute__((warn_unused_result));
void copied_add(struct copied *c, uint64_t mark);
bool copied_has(const struct copied *c, uint64_t mark);

/* Sets c->over to a time after which the clock of files goes on, and writes the record. */
int copied_write(int work, struct copied *c, struct err *err) __attribute__((warn_unused_result));
int copied_read(int work, struct copied *ret, struct err *err) __attribute__((warn_unused_result));

/* Owner, mode, attributes and times: those of st, and the extended ones of source, for fd. */
int copied_attributes(int fd, const struct stat *st, int source, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* ERR_LIMIT: longer than PATH_MAX */
int copied_path_push(struct buf *path, const char *name, struct err *err)
	__attribute__((warn_unused_result));
