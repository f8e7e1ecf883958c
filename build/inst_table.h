/* SPDX-License-Identifier: Apache-2.0 */
/* The 18 instructions, and INCLUDE: how their arguments are written and which flags they take. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "build/file_parse.h"

enum inst_form {
	FORM_STRING, /* the rest of the line */
	FORM_WORDS, /* words between blanks */
	FORM_JSON, /* a JSON array of strings, else the rest of the line */
	FORM_JSON_WORDS, /* a JSON array of strings, else words */
	FORM_NAME_VALUE, /* name=value ..., or name value */
	FORM_ARG, /* name or name=value, quotes respected */
	FORM_HEALTH, /* a type, then FORM_JSON */
	FORM_TRIGGER, /* another instruction */
};

enum flag_kind { FLAG_BOOL, FLAG_STRING, FLAG_STRINGS };

#define INST_FLAGS_MAX 7

struct flag_spec {
	const char *name;
	enum flag_kind kind;
};

struct inst_spec {
	const char *name;
	enum inst_kind kind;
	enum inst_form form;
	unsigned min;
	unsigned max; /* 0: no maximum */
	bool heredocs;
	struct flag_spec flags[INST_FLAGS_MAX + 1]; /* ends with a NULL name */
};

#define INST_KINDS 19
/* indexed by enum inst_kind */
extern const struct inst_spec inst_specs[INST_KINDS];

/* keyword in any letter case; NULL: unknown. INCLUDE is known whether the file may use it or not */
const struct inst_spec *inst_spec_find(const char *keyword);
const struct flag_spec *flag_spec_find(const struct inst_spec *spec, const char *name);
/* "did you mean": the closest instruction (never INCLUDE), the closest flag of it; NULL: none */
const char *inst_suggest(const char *keyword);
const char *flag_suggest(const struct inst_spec *spec, const char *name);
