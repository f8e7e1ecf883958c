/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build checks: what is allowed in a Containerfile and still most likely a mistake. The rules,
 * their names, their texts and when they apply are BuildKit's (its Dockerfile frontend's linter);
 * rules of our own follow them in the table. docs/lint.md explains each.
 *
 * A struct lint collects warnings; it keeps copies of the files they are about, so that it outlives
 * what it was made from. Who checks:
 *
 *	lint_file()   what the text alone tells (here)
 *	lint_inst()   one instruction of a stage that is built (lint_stage.h)
 *	lint_from()   FROM lines and the arguments they use (lint_stage.h)
 */
#pragma once
#include "base/strv.h"
#include "build/file_parse.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

enum lint_rule_id {
	LINT_STAGE_NAME_CASING,
	LINT_FROM_AS_CASING,
	LINT_NO_EMPTY_CONTINUATION,
	LINT_CONSISTENT_INSTRUCTION_CASING,
	LINT_DUPLICATE_STAGE_NAME,
	LINT_RESERVED_STAGE_NAME,
	LINT_JSON_ARGS_RECOMMENDED,
	LINT_MAINTAINER_DEPRECATED,
	LINT_UNDEFINED_ARG_IN_FROM,
	LINT_WORKDIR_RELATIVE_PATH,
	LINT_UNDEFINED_VAR,
	LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED,
	LINT_LEGACY_KEY_VALUE_FORMAT,
	LINT_INVALID_BASE_IMAGE_PLATFORM,
	LINT_REDUNDANT_TARGET_PLATFORM,
	LINT_SECRETS_USED_IN_ARG_OR_ENV,
	LINT_INVALID_DEFAULT_ARG_IN_FROM,
	LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
	LINT_COPY_IGNORED_FILE,
	LINT_INVALID_DEFINITION_DESCRIPTION,
	LINT_EXPOSE_PROTO_CASING,
	LINT_EXPOSE_INVALID_FORMAT,
	/* ours */
	LINT_SECRET_VALUE_IN_ARG_OR_ENV,
	LINT_SECRET_VALUE_IN_INSTRUCTION,
	LINT_ONBUILD_INVALID,
	LINT_COPY_MATCHES_NOTHING,
	LINT_RUN_ALMOST_JSON,
	LINT_COPY_BELOW_VOLUME,
	LINT_COPY_DIRECTORY_CONTENTS,
	LINT_EMULATED_STAGE,
	LINT_RULES,
};

enum lint_rule_flags {
	LINT_EXPERIMENTAL = 1 << 0, /* off unless asked for with experimental= */
	LINT_OWN = 1 << 1, /* not BuildKit's: error=true does not make it fail a build */
	LINT_NO_PAGE = 1 << 2, /* BuildKit's, which has no page that explains it */
	LINT_CREDENTIAL = 1 << 3, /* what it is about is not shown once more */
};

struct lint_rule {
	const char *name;
	const char *about; /* what is wrong with it and what to do, one sentence */
	int flags;
};
extern const struct lint_rule lint_rules[LINT_RULES];

struct lint_source {
	char *name;
	char *text;
	size_t len;
};

struct lint_warning {
	enum lint_rule_id rule;
	size_t source; /* index into lint.sources */
	struct pos pos;
	unsigned end_line; /* of the instruction */
	char *text;
};

struct lint {
	bool skip_all, error, experimental_all;
	struct strv skip, experimental; /* names of rules */
	struct lint_warning *w;
	size_t n;
	struct lint_source *sources;
	size_t n_sources;
};

void lint_done(struct lint *l);
/* "skip=A,B;error=true;experimental=all": of # check=, or the build argument
 * BUILDKIT_DOCKERFILE_CHECK. ERR_INVALID */
int lint_options(struct lint *l, const char *text, struct err *err)
	__attribute__((warn_unused_result));
/* A file that may have none: its index. text[len] is NUL. Copies are kept. */
size_t lint_text_source(struct lint *l, const char *name, const char *text, size_t len);
/* One more warning, unless its rule is off or it was given before. At most 1000 are kept. */
void lint_add(struct lint *l, enum lint_rule_id rule, const struct containerfile *f,
	const struct inst *i, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
bool lint_is_on(const struct lint *l, enum lint_rule_id rule);
/* By file and place. */
void lint_sort(struct lint *l);
/* With error=true: ERR_INVALID naming the rules that were broken. */
int lint_verdict(const struct lint *l, struct err *err) __attribute__((warn_unused_result));

/* The keyword as written: "copy". New string. */
char *lint_keyword(const struct inst *i);
/* What the text of the files tells: names, casing, comments. The files are one after another. */
void lint_files(struct lint *l, const struct containerfile *files, size_t n);
/* Is what has this name likely to be a credential? */
bool lint_names_secret(const char *name);
/* A token, a private key, an URL with a password: no other value looks like it. */
bool lint_value_is_secret(const char *value);
/* ARG and ENV: names and values that look like credentials. value may be NULL. */
void lint_secret(struct lint *l, const struct containerfile *f, const struct inst *i,
	struct pos pos, const char *name, const char *value);
/* Other instructions: tokens and private keys in their text and here-documents. */
void lint_secret_text(struct lint *l, const struct containerfile *f, const struct inst *i);
/* Are there credentials in the lines that a warning would show? */
bool lint_hides_text(const struct lint *l, const struct lint_warning *w);
/* One word of EXPOSE, expanded. */
void lint_expose(struct lint *l, const struct containerfile *f, const struct inst *i,
	struct pos pos, const char *spec);
