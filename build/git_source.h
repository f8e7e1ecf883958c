/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commit of a git repository elsewhere, by the git program (git_run.h).
 *
 * Written as URL#REF:SUBDIRECTORY or
 * URL?ref=..&branch=..&tag=..&subdir=..&checksum=..&keep-git-dir=..&submodules=.., where the URL is
 * https://HOST/PATH.git, git://, ssh:// or USER@HOST:PATH.
 */
#pragma once
#include "build/git_run.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct secrets;
struct ssh_source;

struct git_source {
	char *url;
	char *ref; /* as asked for; NULL: what HEAD is there */
	char *full_ref; /* what it turned out to be; NULL: a commit */
	char *subdir; /* clean, relative; "" for all */
	char *checksum; /* what the commit must begin with; NULL: anything */
	char *commit; /* full, once it is known */
	bool keep_git_dir; /* whoever gets the files is to have .git, too */
	bool no_submodules; /* ?submodules=false */
	struct git_auth auth;
	int64_t time; /* of the commit, in seconds since 1970; once it is checked out */
};

/* What BuildKit takes for a repository. */
bool git_source_is(const char *source);
/* ERR_INVALID: not well formed, or it could be taken for something else than a name. */
int git_source_parse(const char *source, struct git_source *ret, struct err *err)
	__attribute__((warn_unused_result));
void git_source_done(struct git_source *g);
/* What the commit must begin with. ERR_INVALID */
int git_source_set_checksum(struct git_source *g, const char *value, struct err *err)
	__attribute__((warn_unused_result));
#define AUTO_GIT_SOURCE __attribute__((cleanup(git_source_done)))
/*
 * Takes what is for its server from the secrets GIT_AUTH_HEADER.HOST, GIT_AUTH_HEADER,
 * GIT_AUTH_TOKEN.HOST, GIT_AUTH_TOKEN, the first that was given: only over https, and only for the
 * URL's own host.
 */
int git_source_authorize(struct git_source *g, const struct secrets *given, struct err *err)
	__attribute__((warn_unused_result));
/* Over ssh: the keys of this agent, which is started, in place of those of SSH_AUTH_SOCK. */
void git_source_set_agent(struct git_source *g, const struct ssh_source *agent);
/* Fills in commit; asks the server unless a full one was given. ERR_CORRUPT: not the checksum.
 * ERR_NOT_FOUND: no such ref. ERR_NETWORK, ERR_UNSUPPORTED (no git here) */
int git_source_resolve(struct git_source *g, struct err *err) __attribute__((warn_unused_result));
/* The commit's files and .git in an empty directory; all files have the commit's time. ERR_CORRUPT:
 * the server has another commit there now. */
int git_source_checkout(struct git_source *g, int dirfd, struct err *err)
	__attribute__((warn_unused_result));
