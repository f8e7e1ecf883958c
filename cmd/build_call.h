/* SPDX-License-Identifier: Apache-2.0 */
/* --call, --check: what 'mica build' prints instead of building; and the warnings of a build. */
#pragma once
#include <stdbool.h>

#include "build/build.h"

struct err;
struct out;

struct call {
	enum build_call what;
	bool json; /* the document itself */
	bool ignore_status; /* warnings of a check do not show in the exit status */
};

/* "check", "outline,format=json" ...; NULL: build. ERR_INVALID */
int call_parse(const char *text, struct call *ret, struct err *err)
	__attribute__((warn_unused_result));
/* On stdout. Returns the exit status: 1 for a check that found something, as docker has it. */
int call_print(struct out *o, const struct call *c, const struct build_result *r, bool failed);
/* On stderr, a line each. */
void call_print_warnings(struct out *o, const struct lint *l);
