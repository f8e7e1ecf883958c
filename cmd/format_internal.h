/* SPDX-License-Identifier: Apache-2.0 */
/* The parsed template, between format_parse.c and format.c. */
#pragma once
#include "base/strv.h"
#include <stdbool.h>
#include <stddef.h>

struct json;
struct pipe;

/* The member of an object that prints as a text and is this value to JSON, and to arithmetic if it
 * is a number; no document has it. */
#define FORMAT_PLAIN "\x01"
/* Members that Go's struct has, and its JSON leaves out where they are empty. */
#define FORMAT_OMITTED "\x02"
/* Of a struct the names of its members, in their order. */
#define FORMAT_STRUCT "\x03"

/* Is it none of these, nor what an object prints as? */
static inline bool format_is_member(const char *key)
{
	return (unsigned char)*key > 3;
}

enum operand_kind {
	OPERAND_DOT, /* . or .A.B */
	OPERAND_VAR, /* $x or $x.A */
	OPERAND_CONST, /* a string, number, bool or nil */
	OPERAND_FUNC, /* a name */
	OPERAND_PAREN, /* (pipeline) or (pipeline).A */
};

struct operand {
	enum operand_kind kind;
	char *name; /* VAR without the '$', FUNC */
	struct json *value; /* CONST */
	struct pipe *pipe; /* PAREN */
	struct strv fields; /* .A.B after it */
};

struct call {
	struct operand *o;
	size_t n;
};

struct pipe {
	char *var[2]; /* $i, $e := ; the second only in range */
	size_t n_var;
	bool assign; /* = instead of := */
	struct call *calls;
	size_t n;
};

enum node_kind {
	NODE_TEXT,
	NODE_PIPE,
	NODE_IF,
	NODE_RANGE,
	NODE_WITH,
	NODE_BREAK,
	NODE_CONTINUE,
	NODE_TEMPLATE,
};

struct nodes {
	struct node *n;
	size_t count;
};

struct node {
	enum node_kind kind;
	char *text; /* TEXT; the name of a TEMPLATE */
	struct pipe *pipe; /* NULL: none, of a TEMPLATE */
	struct nodes body, other; /* other: after {{else}} */
};

struct named {
	char *name;
	struct nodes nodes;
};

struct format {
	struct nodes nodes;
	struct named *templates; /* by {{define}} and {{block}}; the last of a name counts */
	size_t n_templates;
};

/* The functions of format.c by name. */
_Bool format_has_function(const char *name);
