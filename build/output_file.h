/* SPDX-License-Identifier: Apache-2.0 */
/* The file that an output writes: it appears whole, where it is a regular one. */
#pragma once
#include "base/tmp.h"

struct err;

struct output_file {
	int fd; /* to be written to */
	const char *name; /* for messages */
	struct tmp tmp;
	int dir;
	char *base; /* in dir; NULL: fd is the destination itself */
};

#define OUTPUT_FILE_INIT                                                                           \
	{                                                                                          \
		.fd = -1, .tmp = TMP_INIT, .dir = -1                                               \
	}

/* dest: a path, or "-". A pipe or device is written to as it is. */
int output_file_open(struct output_file *f, const char *dest, struct err *err)
	__attribute__((warn_unused_result));
int output_file_publish(struct output_file *f, struct err *err) __attribute__((warn_unused_result));
void output_file_done(struct output_file *f);
#define AUTO_OUTPUT_FILE __attribute__((cleanup(output_file_done)))
