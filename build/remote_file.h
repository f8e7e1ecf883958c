/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of ADD that is a URL. While the file is evaluated remote_file_look() finds the digest of
 * its content: from --checksum without asking anybody, else by one request, which is conditional
 * when the store remembers what the server said last time. The content itself is there after
 * remote_file_get(), which only a step that is not in the cache needs.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <time.h>

struct build;
struct err;
struct git_source;

struct remote_file {
	char *url; /* as written */
	char *name; /* of the file, from the URL */
	bool pinned; /* --checksum */
	struct digest digest; /* of the content */
	int dirfd; /* where the file lies, once it is there */
	char *dir; /* its name in the transaction */
	bool here;
	struct git_source *git; /* a repository: dirfd itself is what it holds; NULL: a file */
	bool named_by_user; /* and not by a Containerfile: with his keys */
};

/* A URL of a file or of a git repository. */
bool remote_file_is_url(const char *source);
/* Checks the URL. ERR_INVALID, ERR_UNSUPPORTED */
int remote_file_init(struct remote_file *f, const char *url, struct err *err)
	__attribute__((warn_unused_result));
/* What --checksum says: a digest, or a repository's commit. ERR_INVALID */
int remote_file_pin(struct remote_file *f, const char *checksum, struct err *err)
	__attribute__((warn_unused_result));
/* The URL is a repository's, whatever its form. */
int remote_file_init_git(struct remote_file *f, const char *url, struct err *err)
	__attribute__((warn_unused_result));
void remote_file_done(struct remote_file *f);
/* Last-Modified in one of the three forms of RFC 9110 5.6.7, in seconds since 1970; 0 for NULL and
 * for anything else, as in BuildKit. */
time_t remote_file_time(const char *last_modified);
/* Fills in digest. ERR_NOT_FOUND, ERR_NETWORK ... */
int remote_file_look(struct build *b, struct remote_file *f, struct err *err)
	__attribute__((warn_unused_result));
/* Puts dirfd/name there: root's, mode 0600, with the time that the server gave it (1970 when it
 * gave none). ERR_CORRUPT: it is not what the digest says. */
int remote_file_get(struct build *b, struct remote_file *f, struct err *err)
	__attribute__((warn_unused_result));
