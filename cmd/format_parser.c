/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_parser.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/format_internal.h"
#include "cmd/format_number.h"
#include "cmd/format_string.h"

int parser_fail(const struct parser *p, const char *what, struct err *err)
{
	int n = p->end - p->s > 30 ? 30 : (int)(p->end - p->s);

	return err_set(err, ERR_INVALID, "template: %s at '%.*s'", what, n, p->s);
}

/* --- words ----------------------------------------------------------------------------------- */

void parser_skip_blanks(struct parser *p)
{
	while (p->s < p->end && isspace((unsigned char)*p->s))
		p->s++;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static char *word(struct parser *p)
{
	const char *start = p->s;

	while (p->s < p->end && is_word(*p->s))
		p->s++;
	return xstrndup(start, (size_t)(p->s - start));
}

bool parser_at(const struct parser *p, const char *t)
{
	size_t n = strlen(t);

	return (size_t)(p->end - p->s) >= n && !memcmp(p->s, t, n);
}

bool parser_at_close(const struct parser *p)
{
	return parser_at(p, "}}") || parser_at(p, "-}}");
}

int parser_close(struct parser *p, struct err *err)
{
	parser_skip_blanks(p);
	p->trim_next = parser_at(p, "-}}");
	if (p->trim_next)
		p->s++;
	if (!parser_at(p, "}}"))
		return parser_fail(p, "expected '}}'", err);
	p->s += 2;
	return 0;
}

bool parser_keyword(struct parser *p, const char *k)
{
	size_t n = strlen(k);

	if (!parser_at(p, k) || (p->s + n < p->end && is_word(p->s[n])))
		return false;
	p->s += n;
	return true;
}

/* --- pipelines ------------------------------------------------------------------------------- */

static int constant(struct parser *p, struct operand *o, struct err *err)
{
	size_t left = (size_t)(p->end - p->s);
	bool quoted = strchr("\"`'", *p->s);
	size_t length =
		quoted ? string_read(p->s, left, &o->value) : number_read(p->s, left, &o->value);

	o->kind = OPERAND_CONST;
	if (!length)
		return parser_fail(p,
			quoted ? "string without an end, or with an unknown escape"
			       : "not a number",
			err);
	p->s += length;
	return 0;
}

static int name(struct parser *p, struct operand *o, struct err *err)
{
	const struct parser before = *p;
	AUTO_FREE char *w = word(p);

	o->kind = OPERAND_CONST;
	if (streq(w, "true") || streq(w, "false")) {
		o->value = json_new_bool(*w == 't');
	} else if (streq(w, "nil")) {
		o->value = json_new_null();
	} else if (format_has_function(w)) {
		o->kind = OPERAND_FUNC;
		o->name = take(w);
	} else {
		return parser_fail(&before, "unknown function", err);
	}
	return 0;
}

static int fields(struct parser *p, struct operand *o, struct err *err)
{
	while (p->s < p->end && *p->s == '.') {
		p->s++;
		if (p->s >= p->end || !is_word(*p->s)) {
			/* a lone dot is the whole */
			if (o->kind == OPERAND_DOT && !o->fields.n)
				return 0;
			return parser_fail(p, "expected a field name", err);
		}
		strv_add_take(&o->fields, word(p));
	}
	return 0;
}

static int operand(struct parser *p, struct operand *o, struct err *err)
{
	char c = *p->s;
	int r = 0;

	bool point = c == '.' && p->s + 1 < p->end && isdigit((unsigned char)p->s[1]);
	if (c == '"' || c == '`' || c == '\'' || isdigit((unsigned char)c) || c == '-' ||
		c == '+' || point)
		return constant(p, o, err);
	if (c == '.') {
		o->kind = OPERAND_DOT;
	} else if (c == '$') {
		p->s++;
		o->kind = OPERAND_VAR;
		o->name = word(p);
	} else if (c == '(') {
		p->s++;
		o->kind = OPERAND_PAREN;
		r = parser_pipeline(p, false, &o->pipe, err);
		if (r < 0)
			return r;
		parser_skip_blanks(p);
		if (!parser_at(p, ")"))
			return parser_fail(p, "expected ')'", err);
		p->s++;
	} else if (is_word(c)) {
		return name(p, o, err);
	} else {
		return parser_fail(p, "unexpected character", err);
	}
	return fields(p, o, err);
}

static bool ends_word(const struct parser *p)
{
	return p->s >= p->end || isspace((unsigned char)*p->s) || *p->s == '|' || *p->s == ')' ||
	       parser_at(p, "}}");
}

static int call(struct parser *p, struct call *c, struct err *err)
{
	for (;;) {
		parser_skip_blanks(p);
		if (p->s >= p->end)
			return parser_fail(p, "action without an end", err);
		if (parser_at_close(p) || *p->s == '|' || *p->s == ')')
			break;
		c->o = xreallocarray(c->o, c->n + 1, sizeof(*c->o));
		memset(&c->o[c->n], 0, sizeof(*c->o));
		int r = operand(p, &c->o[c->n++], err);
		if (r < 0)
			return r;
		if (!ends_word(p))
			return parser_fail(p, "expected a blank before the next value", err);
	}
	return c->n ? 0 : parser_fail(p, "missing value", err);
}

/* "$x :=", "$x =", "$i, $e :=": looked ahead for, as "$x" alone is a value */
static void declaration(struct parser *p, bool in_range, struct pipe *pipe)
{
	struct parser try = *p;
	AUTO_FREE char *first = NULL;
	AUTO_FREE char *second = NULL;

	parser_skip_blanks(&try);
	if (!parser_at(&try, "$"))
		return;
	try.s++;
	first = word(&try);
	parser_skip_blanks(&try);
	if (in_range && parser_at(&try, ",")) {
		try.s++;
		parser_skip_blanks(&try);
		if (!parser_at(&try, "$"))
			return;
		try.s++;
		second = word(&try);
		parser_skip_blanks(&try);
	}
	bool assign = parser_at(&try, "=");
	if (!assign && !parser_at(&try, ":="))
		return;
	try.s += assign ? 1 : 2;
	pipe->assign = assign;
	pipe->n_var = second ? 2 : 1;
	pipe->var[0] = take(first);
	pipe->var[1] = take(second);
	*p = try;
}

int parser_pipeline(struct parser *p, bool in_range, struct pipe **ret, struct err *err)
{
	if (++p->depth > DEPTH_MAX)
		return parser_fail(p, "nested too deeply", err);
	struct pipe *pipe = *ret = xcalloc(1, sizeof(*pipe));
	declaration(p, in_range, pipe);
	for (;;) {
		pipe->calls = xreallocarray(pipe->calls, pipe->n + 1, sizeof(*pipe->calls));
		memset(&pipe->calls[pipe->n], 0, sizeof(*pipe->calls));
		int r = call(p, &pipe->calls[pipe->n++], err);
		if (r < 0)
			return r;
		if (!parser_at(p, "|"))
			break;
		p->s++;
	}
	p->depth--;
	return 0;
}
