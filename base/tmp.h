/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that appears whole or not at all: tmp_open, write to .fd, then tmp_publish (rename in the
 * same file system) or tmp_done. tmp_done removes what was not published and may be called always.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct err;

struct tmp {
	int dirfd; /* borrowed; where the temporary file lies */
	int fd; /* -1 when closed */
	char name[40]; /* "": none */
};

#define TMP_INIT                                                                                   \
	{                                                                                          \
		.dirfd = -1, .fd = -1                                                              \
	}
/* Opened O_RDWR with an unguessable name ".tmp-..." and O_EXCL in dirfd. */
int tmp_open(struct tmp *t, int dirfd, mode_t mode, struct err *err)
	__attribute__((warn_unused_result));
/* The same without a name until it is published, where the file system knows such files: for places
 * of others, which nobody sweeps after us. A kill leaves nothing there. */
int tmp_open_nameless(struct tmp *t, int dirfd, mode_t mode, struct err *err)
	__attribute__((warn_unused_result));
/* Renames to name in todirfd (replacing) and closes; with durable, fsync of the file before and of
 * the directory after. */
int tmp_publish(struct tmp *t, int todirfd, const char *name, bool durable, struct err *err)
	__attribute__((warn_unused_result));
void tmp_done(struct tmp *t);
#define AUTO_TMP __attribute__((cleanup(tmp_done)))
/* Whether tmp_open() gives such names. */
bool tmp_is_name(const char *name);
/* A random name of n hexadecimal digits; buf of n+1. */
void tmp_random_name(char *buf, size_t n);
