/* SPDX-License-Identifier: Apache-2.0 */
/* The complete output of a build's steps: written beside the build, kept (in the store's logs/)
 * when the build fails. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct logfile;
struct store;
struct txn;

struct logfile *logfile_new(struct store *s, struct txn *t);
/* Of one build: more is dropped, and the log says so. A step that prints without end must not fill
 * the disk. */
#define LOG_MAX (256 * MIB)
/* Output of the step called id; a write that fails is reported by logfile_keep. */
void logfile_add(struct logfile *l, const char *id, const char *data, size_t n);
/* Moves it to logs/ and removes the oldest ones beyond LOGS_KEPT. *ret_path: absolute, the caller
 * frees; NULL when there was no output. */
#define LOGS_KEPT 20
int logfile_keep(struct logfile *l, char **ret_path, struct err *err)
	__attribute__((warn_unused_result));
void logfile_free(struct logfile *l); /* accepts NULL */
