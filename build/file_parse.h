/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containerfile text -> instructions with positions. The complete grammar of BuildKit's Dockerfile frontend: directives, comments, continuations, here-documents, flags, JSON and shell
 * form, ONBUILD. Everything that can be known from the text alone is checked here: unknown instructions and flags, missing arguments, malformed values. Arguments stay raw: variables are
 * expanded later (file_expand.h).
 */
#pragma once
#include "base/map.h"
#include "base/strv.h"
#include <stdbool.h>
#include <stddef.h>

struct err;

enum inst_kind {
	INST_ADD, INST_ARG, INST_CMD, INST_COPY, INST_ENTRYPOINT, INST_ENV, INST_EXPOSE, INST_FROM, INST_HEALTHCHECK, INST_LABEL, INST_MAINTAINER, INST_ONBUILD,
	INST_RUN, INST_SHELL, INST_STOPSIGNAL, INST_USER, INST_VOLUME, INST_WORKDIR,
};

struct pos {
	unsigned line;   /* from 1 */
	unsigned column; /* from 1, in bytes */
};

struct inst_flag {
	char *name;  /* "from" */
	char *value; /* raw; NULL: given without '=' */
	struct pos pos;
};

struct heredoc {
	char *name;
	char *content; /* raw bytes; leading tabs already removed for <<- */
	size_t len;
	unsigned fd;   /* 0 unless N<< */
	bool expand;   /* the delimiter was not quoted */
	bool chomp;    /* <<- */
	struct pos pos; /* of the << word */
};

struct inst {
	enum inst_kind kind;
	const char *name; /* "COPY" */
	struct pos pos;   /* of the keyword */
	unsigned end_line;
	char *text;       /* as written: continuations joined with a blank, comments dropped, flags included: what history shows */
	struct inst_flag *flags;
	size_t n_flags;
	/*
	 * Arguments by kind: JSON form: the decoded strings. Shell form of RUN, CMD, ENTRYPOINT, HEALTHCHECK's command and SHELL-less text: one string.
	 * ENV and LABEL: name, value, name, value ... (values raw, quotes kept); ARG: words "NAME" or "NAME=value"; FROM: image ["AS" name]; others: raw words.
	 */
	struct strv args;
	struct pos *arg_pos; /* one for each argument */
	bool json;           /* exec form */
	bool old_env;        /* ENV / LABEL name value, without '=' */
	struct heredoc *heredocs;
	size_t n_heredocs;
	struct inst *onbuild; /* the trigger's instruction, parsed (its text is what is stored) */
	struct strv mounts;   /* RUN: values of --mount, raw, in order (also among the flags) */
};

struct containerfile {
	char *name;          /* for messages */
	char *source;        /* the whole text, for excerpts */
	size_t len;
	char escape;         /* '\\' or '`' */
	char *syntax;        /* # syntax=, or NULL */
	char *check;         /* # check=, or NULL */
	struct inst *insts;
	size_t n;
	struct strv warnings; /* "file:line:column: text" */
};

/* name: for messages. ERR_INVALID: "file:line:column: what; what to do", then the source line and a caret as further lines of the message. */
int containerfile_parse(const char *name, const char *text, size_t len, struct containerfile *ret, struct err *err)
	__attribute__((warn_unused_result));
void containerfile_done(struct containerfile *f);
/* Parses an ONBUILD trigger (from an image's config) as one instruction. */
int inst_parse_trigger(const char *text, struct containerfile *ret, struct err *err) __attribute__((warn_unused_result));

/* Sets "file:line:column: <text>" with the line and a caret below, like the parser's own errors. Returns code. */
int containerfile_error(const struct containerfile *f, struct pos pos, struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The raw value of a flag, NULL when not given ("" when given without a value); *ret_pos may be NULL */
const char *inst_flag(const struct inst *i, const char *name, struct pos *ret_pos);
