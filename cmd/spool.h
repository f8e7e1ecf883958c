/* SPDX-License-Identifier: Apache-2.0 */
/* A file of our own outside the store, for archives that are read more than once and may come from
 * a pipe. It lies in $TMPDIR, else where image_copy_tmp_dir of containers.conf says (the word
 * "storage": in the store), else in /var/tmp: archives are too large for a /tmp in memory. */
#pragma once
#include <sys/types.h>

struct app;
struct err;

struct spool {
	char *path; /* NULL: nothing to remove */
	const char *chosen_by; /* what named the place, for messages */
	int alive; /* what the guard waits for the end of */
	pid_t guard; /* removes what is left of one who was killed */
};

/* Makes a directory of ours and the name of a file in it that does not exist yet. */
int spool_open(struct app *app, struct spool *s, struct err *err)
	__attribute__((warn_unused_result));
/* Copies everything from fd into the file; name is for messages. */
int spool_fill(struct spool *s, int fd, const char *name, struct err *err)
	__attribute__((warn_unused_result));
/* What comes from standard input becomes a file of no name, which standard input is from then on:
 * it can be opened again and again, as /dev/stdin, and nothing of it is left when we are killed.
 * Nothing is done when it is one already, or any file that is to be read from its beginning. */
int spool_stdin(struct app *app, struct err *err) __attribute__((warn_unused_result));
/* Removes the directory, whatever is in it. */
void spool_done(struct spool *s);
#define AUTO_SPOOL __attribute__((cleanup(spool_done)))
