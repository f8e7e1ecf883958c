/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build context that is not a directory here: a git repository, or an archive or a Containerfile
 * behind a URL or on standard input; which one is told by the content. Files are put into a
 * directory of the transaction, by a job that can reach nothing else, and used like any other
 * directory from there: what a COPY takes of it has the same digest wherever it came from. As in
 * BuildKit, ignore files hide what is on this machine and nothing else, and what an archive says of
 * owners counts.
 *
 * Beside a Containerfile there is nothing: the directory is empty, or, as in BuildKit, has the
 * Containerfile that was fetched under the name "context".
 */
#pragma once
#include "base/mem.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct build;
struct err;

struct remote_context {
	int fd; /* the directory */
	bool owners; /* its files are whose they are there, as those of a stage; else root's */
	char *text; /* it was a Containerfile; NULL: it was not */
	size_t len;
	bool has_time; /* a repository: when its commit was made, in seconds since 1970 */
	int64_t time;
	char *uri, *commit; /* of it, as one may tell others; NULL: it is none */
};

#define REMOTE_CONTEXT_TEXT_MAX (16 * MIB) /* a Containerfile */

/* "-", http:// and https://, and what BuildKit takes for a repository, github.com/... among them
 * where no directory has that name. */
bool remote_context_is(const char *where);
/* keep_git: .git stays among the files. ERR_NOT_FOUND, ERR_NETWORK, ERR_INVALID: neither an archive
 * nor text; ERR_LIMIT */
int remote_context_get(struct build *b, const char *where, bool keep_git,
	struct remote_context *ret, struct err *err) __attribute__((warn_unused_result));
void remote_context_done(struct remote_context *c);
#define AUTO_REMOTE_CONTEXT __attribute__((cleanup(remote_context_done)))
/* A Containerfile behind a URL: at most REMOTE_CONTEXT_TEXT_MAX bytes. The caller frees *ret. */
int remote_context_text(struct build *b, const char *url, char **ret, size_t *ret_len,
	struct err *err) __attribute__((warn_unused_result));
