/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containerfile text -> instructions with positions. The complete grammar of BuildKit's Dockerfile
 * frontend: directives, comments, continuations, here-documents, flags, JSON and shell form,
 * ONBUILD; INCLUDE for files that say # mica=include. Everything that can be known from the text
 * alone is checked here: unknown instructions and flags, missing arguments, malformed values.
 * Arguments stay raw: variables are expanded later (file_expand.h).
 *
 * Limits (ERR_LIMIT): 4 MiB a file, 65535 bytes a line, 1 MiB an instruction, 65536 instructions. A
 * NUL byte is accepted in here-documents only; bytes that are not UTF-8 are kept as they are.
 */
#pragma once
#include "base/map.h"
#include "base/strv.h"
#include <stdbool.h>
#include <stddef.h>

struct err;

enum inst_kind {
	INST_ADD,
	INST_ARG,
	INST_CMD,
	INST_COPY,
	INST_ENTRYPOINT,
	INST_ENV,
	INST_EXPOSE,
	INST_FROM,
	INST_HEALTHCHECK,
	INST_LABEL,
	INST_MAINTAINER,
	INST_ONBUILD,
	INST_RUN,
	INST_SHELL,
	INST_STOPSIGNAL,
	INST_USER,
	INST_VOLUME,
	INST_WORKDIR,
	INST_INCLUDE, /* ours, and the last: only in files that say # mica=include */
};

struct pos {
	unsigned line; /* from 1 */
	unsigned column; /* from 1, in bytes */
};

struct inst_flag {
	char *name; /* "from" */
	char *value; /* raw; NULL: given without '=' */
	struct pos pos;
};

struct heredoc {
	char *name;
	char *content; /* leading tabs already removed for <<-, unless RUN's shell is to do that */
	size_t len;
	unsigned fd; /* 0 unless N<< */
	bool expand; /* the delimiter was not quoted */
	bool chomp; /* <<- */
	bool script; /* the content begins with "#!", in the file itself: not behind a tab */
	bool apart; /* a blank stands before the delimiter: "<< EOF" */
	struct pos pos; /* of the << word */
	unsigned line; /* the first one of the content */
};

struct inst {
	enum inst_kind kind;
	const char *name; /* "COPY" */
	struct pos pos; /* of the keyword */
	unsigned end_line;
	/*
	 * As written, flags included, continuations joined and comments dropped: what history shows
	 * (BuildKit's Original, trimmed). Of an ONBUILD trigger: what is stored in the config, with
	 * its here-documents.
	 */
	char *text;
	struct inst_flag *flags;
	size_t n_flags;
	/*
	 * Arguments by kind. JSON form: the decoded strings. Shell form of RUN, CMD, ENTRYPOINT:
	 * one string, none when there was nothing. HEALTHCHECK: "NONE", or "CMD" and the command in
	 * either form. MAINTAINER, STOPSIGNAL, USER, WORKDIR: one string. ENV and LABEL: name,
	 * value, name, value ... (values raw, quotes kept); ARG: words "NAME" or "NAME=value";
	 * FROM: image, or image "AS" name (the name in lower case); others: raw words. ONBUILD:
	 * none.
	 */
	struct strv args;
	struct pos *arg_pos; /* one for each argument */
	bool json; /* exec form */
	bool old_env; /* ENV / LABEL name value, without '=' */
	struct heredoc *heredocs; /* those of an ONBUILD trigger are the trigger's */
	size_t n_heredocs;
	/*
	 * The trigger's instruction, parsed; its text is what is stored. Its name is NULL when it
	 * is not a right one: BuildKit stores it all the same.
	 */
	struct inst *onbuild;
	char *onbuild_error; /* why the trigger is not right, or NULL */
	struct pos onbuild_error_pos;
	size_t fragment; /* INCLUDE: index of the file it stands for (include.h); 0: not read yet */
	struct strv mounts; /* RUN: values of --mount, raw, in order (also among the flags) */
	unsigned blank_line; /* the last blank line among its continuations, or 0 */
	struct strv comments; /* FROM, ARG: the comment lines right above it, without '#' */
};

struct containerfile {
	char *name; /* for messages */
	char *included; /* a fragment: "Containerfile:3:1", what INCLUDEs it, for messages; else
	                   NULL */
	char *source; /* the whole text, for excerpts */
	size_t len;
	char escape; /* '\\' or '`' */
	char *syntax; /* # syntax=, or NULL */
	char *check; /* # check=, or NULL */
	struct pos check_pos; /* of its value */
	struct inst *insts;
	size_t n;
};

/*
 * name: for messages. *ret must be done with containerfile_done() after success only. ERR_INVALID,
 * ERR_LIMIT: "file:line:column: what; what to do", then the source line and a caret as further
 * lines of the message. The whole file is read before it fails: the message holds up to ten errors
 * in the order of the file, as many as fit.
 */
int containerfile_parse(const char *name, const char *text, size_t len, struct containerfile *ret,
	struct err *err) __attribute__((warn_unused_result));
/* One that is read after another: it may go on with the stage that the other ends with. */
int containerfile_parse_further(const char *name, const char *text, size_t len,
	struct containerfile *ret, struct err *err) __attribute__((warn_unused_result));
/* One that another INCLUDEs from `included`, a new string that is taken over, also on failure. It
 * may go on with a stage, may hold no instruction, and may INCLUDE others. */
int containerfile_parse_fragment(const char *name, char *included, const char *text, size_t len,
	struct containerfile *ret, struct err *err) __attribute__((warn_unused_result));
void containerfile_done(struct containerfile *f);
#define AUTO_CONTAINERFILE __attribute__((cleanup(containerfile_done)))
/* Parses an ONBUILD trigger (from an image's config) as one instruction: ret->n is 1. name: what
 * messages call it. */
int inst_parse_trigger(const char *name, const char *text, struct containerfile *ret,
	struct err *err) __attribute__((warn_unused_result));

/* The raw value of a flag (the last one), NULL when not given ("" when given without a value);
 * *ret_pos may be NULL */
const char *inst_flag(const struct inst *i, const char *name, struct pos *ret_pos);
/* A flag of the kind --link, --link=true, --link=false */
bool inst_flag_is_true(const struct inst *i, const char *name);
/*
 * The here-document that the word (an argument of COPY or ADD, or the whole command of RUN:
 * "<<EOF") stands for; NULL for any other word. A RUN with here-documents whose command is more
 * than that word gets them back as text behind it.
 */
const struct heredoc *inst_heredoc(const struct inst *i, const char *word);
