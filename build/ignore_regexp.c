/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ignore_regexp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "build/ignore_escape.h"

#define REPEAT_MAX 1000 /* Go's */
#define REPEAT_FOREVER UINT32_MAX
#define NO_ATOM SIZE_MAX

enum op {
	OP_RUNE, /* the character `arg` */
	OP_SET, /* one of \d and the like, `arg` is the letter */
	OP_CLASS, /* [...] at `arg` of the text */
	OP_NOT_SLASH, /* [^/], which '*' and '?' became */
	OP_ANY, /* any but a newline */
	OP_PLACE, /* nothing, where the letter `arg` says */
	OP_SPLIT, /* on behind it, and `arg` instructions further, too */
	OP_JUMP, /* on `arg` instructions further */
	OP_MATCH,
};

/* Jumps are relative: what is repeated is copied. */
struct inst {
	enum op op;
	int32_t arg;
};

/* Instructions that the search has come to, in the order in which it did; where[] tells for each
 * its place in there, if it has one. */
struct set {
	uint32_t *at;
	uint32_t *where;
	size_t n;
};

struct regexp {
	char *text;
	struct inst *code;
	size_t n;
	struct set now, next;
};

struct compiler {
	struct regexp *re;
	const char *s; /* what is to be read */
	size_t cap;
	size_t room;
	size_t atom; /* where what a repetition would repeat begins */
	size_t alternative; /* where the OP_SPLIT at the start of this alternative is */
	bool repeated; /* the atom is a repetition: Go stacks none */
};

void regexp_free(struct regexp *re)
{
	if (!re)
		return;
	free(re->text);
	free(re->code);
	free(re->now.at);
	free(re->now.where);
	free(re->next.at);
	free(re->next.where);
	free(re);
}

static void regexp_free_p(struct regexp **re)
{
	regexp_free(*re);
}

/* --- from text to instructions --- */

/* Out of room it adds nothing; the end of the compilation tells. */
static void emit(struct compiler *c, enum op op, int64_t arg)
{
	struct regexp *re = c->re;
	if (c->room == 0 || --c->room == 0)
		return;
	if (re->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		re->code = xreallocarray(re->code, c->cap, sizeof(*re->code));
	}
	re->code[re->n++] = (struct inst){op, (int32_t)arg};
}

static void emit_atom(struct compiler *c, enum op op, int64_t arg)
{
	c->atom = c->re->n;
	c->repeated = false;
	emit(c, op, arg);
}

static void emit_copy(struct compiler *c, const struct inst *code, size_t n)
{
	for (size_t i = 0; i < n && c->room > 0; i++)
		emit(c, code[i].op, code[i].arg);
}

static int repeat(struct compiler *c, uint32_t min, uint32_t max, struct err *err)
{
	struct regexp *re = c->re;
	if (c->atom == NO_ATOM || c->repeated)
		return err_set(err, ERR_INVALID,
			"a '{' counts nothing that can be repeated; \\{ stands for itself");
	size_t n = re->n - c->atom;
	AUTO_FREE struct inst *code = xmemdup(re->code + c->atom, n * sizeof(*code));
	re->n = c->atom;
	for (uint32_t i = 0; i < min; i++)
		emit_copy(c, code, n);
	if (max == REPEAT_FOREVER) {
		emit(c, OP_SPLIT, (int64_t)n + 2);
		emit_copy(c, code, n);
		emit(c, OP_JUMP, -(int64_t)n - 1);
	} else {
		for (uint32_t i = min; i < max && c->room > 0; i++) {
			emit(c, OP_SPLIT, (int64_t)n + 1);
			emit_copy(c, code, n);
		}
	}
	c->repeated = true;
	return 0;
}

/* A number without a 0 before it, at *s, which moves behind it. Too large is REPEAT_MAX + 1. */
static bool parse_count(const char **s, uint32_t *ret)
{
	size_t n = strspn(*s, "0123456789");
	if (n == 0 || (n > 1 && **s == '0'))
		return false;
	*ret = 0;
	for (size_t i = 0; i < n && *ret <= REPEAT_MAX; i++)
		*ret = *ret * 10 + (uint32_t)((*s)[i] - '0');
	*s += n;
	return true;
}

/* {2} {2,} {2,5}; its bytes, 0: it is none, and '{' a character */
static size_t parse_counts(const char *s, uint32_t *ret_min, uint32_t *ret_max)
{
	const char *end = s + 1;
	if (!parse_count(&end, ret_min))
		return 0;
	*ret_max = *ret_min;
	if (*end == ',' && *++end == '}')
		*ret_max = REPEAT_FOREVER;
	else if (end[-1] == ',' && !parse_count(&end, ret_max))
		return 0;
	return *end == '}' ? (size_t)(end + 1 - s) : 0;
}

static int compile_counts(struct compiler *c, struct err *err)
{
	uint32_t min, max;
	size_t len = parse_counts(c->s, &min, &max);
	if (!len) {
		emit_atom(c, OP_RUNE, *c->s++);
		return 0;
	}
	if (min > REPEAT_MAX || (max != REPEAT_FOREVER && (max > REPEAT_MAX || min > max)))
		return err_set(err, ERR_INVALID,
			"'%.*s' does not count from less to more, up to %d; \\{ stands for itself",
			(int)len, c->s, REPEAT_MAX);
	c->s += len;
	return repeat(c, min, max, err);
}

/* \Q: what is behind it, up to \E, are characters. */
static void compile_quoted(struct compiler *c)
{
	const char *end = strstr(c->s + 2, "\\E");
	const char *stop = end ? end : c->s + strlen(c->s);
	uint32_t rune;
	for (c->s += 2; c->s < stop; c->s += utf8_decode(c->s, (size_t)(stop - c->s), &rune)) {
		(void)utf8_decode(c->s, (size_t)(stop - c->s), &rune);
		emit_atom(c, OP_RUNE, rune);
	}
	c->s = end ? end + 2 : stop;
	c->repeated = false;
}

static int compile_escape(struct compiler *c, struct err *err)
{
	static const enum op ops[] = {
		[ESCAPE_CHAR] = OP_RUNE, [ESCAPE_SET] = OP_SET, [ESCAPE_PLACE] = OP_PLACE};
	struct escape e;
	size_t n = escape_parse(c->s + 1, &e);
	if (c->s[1] == 'Q') {
		compile_quoted(c);
		return 0;
	}
	if (!n && (c->s[1] == 'p' || c->s[1] == 'P'))
		return err_set(err, ERR_INVALID,
			"'\\%.1s': the classes of Unicode are not known here; write a range",
			c->s + 1);
	if (!n)
		return err_set(err, ERR_INVALID,
			"'\\%.1s' means nothing here; \\\\ stands for a backslash", c->s + 1);
	emit_atom(c, ops[e.kind], e.rune);
	c->s += 1 + n;
	return 0;
}

static int compile_class(struct compiler *c, struct err *err)
{
	size_t n = escape_class_length(c->s);
	if (!n)
		return err_set(err, ERR_INVALID,
			"a '[' does not begin a set of characters; \\[ stands for itself");
	bool not_slash = n == 4 && memcmp(c->s, "[^/]", 4) == 0;
	emit_atom(c, not_slash ? OP_NOT_SLASH : OP_CLASS, c->s - c->re->text);
	c->s += n;
	return 0;
}

/* "(.*" "/)", the only group that there is */
static void compile_group(struct compiler *c)
{
	emit_atom(c, OP_SPLIT, 3);
	emit(c, OP_ANY, 0);
	emit(c, OP_JUMP, -2);
	emit(c, OP_RUNE, '/');
	c->s += strlen("(.*/)");
}

/* Each alternative begins with a way to the next one, which is set when that is reached. */
static void compile_alternative(struct compiler *c)
{
	c->alternative = c->re->n;
	c->atom = NO_ATOM;
	emit(c, OP_SPLIT, 1);
}

static void end_alternative(struct compiler *c)
{
	emit(c, OP_MATCH, 0);
	if (c->room > 0)
		c->re->code[c->alternative].arg = (int32_t)(c->re->n - c->alternative);
	compile_alternative(c);
	c->s++;
}

static int compile_next(struct compiler *c, struct err *err)
{
	uint32_t rune;
	switch (*c->s) {
	case '|':
		end_alternative(c);
		return 0;
	case '{':
		return compile_counts(c, err);
	case '[':
		return compile_class(c, err);
	case '\\':
		return compile_escape(c, err);
	case '(':
		compile_group(c);
		return 0;
	case '*':
		c->s++;
		return repeat(c, 0, REPEAT_FOREVER, err);
	case '?':
		c->s++;
		return repeat(c, 0, 1, err);
	case '^':
	case '$':
		emit_atom(c, OP_PLACE, *c->s++ == '^' ? 'A' : 'z');
		return 0;
	case '.':
		c->s++;
		emit_atom(c, OP_ANY, 0);
		return 0;
	default:
		c->s += utf8_decode(c->s, strlen(c->s), &rune);
		emit_atom(c, OP_RUNE, rune);
		return 0;
	}
}

static void set_init(struct set *set, size_t n)
{
	set->at = xcalloc(n, sizeof(*set->at));
	set->where = xcalloc(n, sizeof(*set->where));
}

int regexp_compile(const char *text, size_t *room, struct regexp **ret, struct err *err)
{
	struct regexp *re __attribute__((cleanup(regexp_free_p))) = xcalloc(1, sizeof(*re));
	re->text = xstrdup(text);
	struct compiler c = {.re = re, .s = re->text, .room = *room};
	compile_alternative(&c);
	while (*c.s && c.room > 0)
		if (compile_next(&c, err) < 0)
			return err->code;
	emit(&c, OP_MATCH, 0);
	if (c.room == 0)
		return err_set(err, ERR_LIMIT,
			"it and those before it repeat too much: give fewer, or smaller numbers in "
			"'{}'");
	set_init(&re->now, re->n);
	set_init(&re->next, re->n);
	*room = c.room;
	*ret = take(re);
	return 0;
}

/* --- the search --- */

static void set_add(struct set *set, size_t at)
{
	uint32_t where = set->where[at];
	if (where < set->n && set->at[where] == at)
		return;
	set->where[at] = (uint32_t)set->n;
	set->at[set->n++] = (uint32_t)at;
}

/* Where one comes to without a character, between two of them. true: to the end. */
static bool set_pass(const struct regexp *re, struct set *set, uint32_t before, uint32_t after)
{
	for (size_t i = 0; i < set->n; i++) {
		size_t at = set->at[i];
		const struct inst *inst = &re->code[at];
		size_t to = at + (size_t)(ptrdiff_t)inst->arg;
		if (inst->op == OP_MATCH)
			return true;
		if (inst->op == OP_SPLIT ||
			(inst->op == OP_PLACE &&
				escape_in_place((uint32_t)inst->arg, before, after)))
			set_add(set, at + 1);
		if (inst->op == OP_SPLIT || inst->op == OP_JUMP)
			set_add(set, to);
	}
	return false;
}

static bool inst_takes(const struct regexp *re, const struct inst *inst, uint32_t rune)
{
	switch (inst->op) {
	case OP_RUNE:
		return rune == (uint32_t)inst->arg;
	case OP_SET:
		return escape_in_set((uint32_t)inst->arg, rune);
	case OP_CLASS:
		return escape_class_has(re->text + inst->arg, rune);
	case OP_NOT_SLASH:
		return rune != '/';
	case OP_ANY:
		return rune != '\n';
	case OP_PLACE:
	case OP_SPLIT:
	case OP_JUMP:
	case OP_MATCH:
		break;
	}
	return false;
}

bool regexp_match(struct regexp *re, const char *s)
{
	uint32_t before = ESCAPE_NONE, after;
	re->now.n = 0;
	for (size_t left = strlen(s);;) {
		size_t width = left ? utf8_decode(s, left, &after) : 0;
		if (!left)
			after = ESCAPE_NONE;
		set_add(&re->now, 0);
		if (set_pass(re, &re->now, before, after))
			return true;
		if (!left)
			return false;
		re->next.n = 0;
		for (size_t i = 0; i < re->now.n; i++)
			if (inst_takes(re, &re->code[re->now.at[i]], after))
				set_add(&re->next, re->now.at[i] + 1);
		struct set swap = re->now;
		re->now = re->next;
		re->next = swap;
		before = after;
		s += width;
		left -= width;
	}
}
