/* SPDX-License-Identifier: Apache-2.0 */
/* printf of templates: its text, and which argument is for which verb. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/format_args.h"
#include "cmd/format_verb.h"

/* --- the text with its verbs --- */

struct printing {
	const struct args *a;
	const char *f; /* what is left of the text */
	size_t at; /* the argument that is next */
	bool reordered; /* then none is one too many */
	bool bad_index; /* of this verb */
	bool after_index; /* "[2]" stands right before what comes next */
};

/* "[2]": the second argument is the next one */
static void read_index(struct printing *p)
{
	char *end;

	p->after_index = false;
	if (*p->f != '[')
		return;
	p->reordered = true;
	const char *close = strchr(p->f, ']');
	unsigned long i = isdigit((unsigned char)p->f[1]) ? strtoul(p->f + 1, &end, 10) : 0;
	if (i && end == close && i < p->a->n) {
		p->at = i;
		p->after_index = true;
	} else {
		p->bad_index = true;
	}
	p->f = close ? close + 1 : p->f + 1;
}

/* "*": the next argument. false: it is no number for that */
static bool read_argument(struct printing *p, int *ret)
{
	const struct json *j = p->at < p->a->n ? p->a->v[p->at++] : NULL;
	int64_t i = json_int(j);

	p->f++;
	p->after_index = false;
	if (!json_is(j, JSON_KIND_INT))
		return false;
	*ret = i > FIELD_MAX ? FIELD_MAX : i < -FIELD_MAX ? -FIELD_MAX : (int)i;
	return true;
}

/* Digits; -1: there are none */
static int read_digits(struct printing *p)
{
	int size = -1;

	for (; isdigit((unsigned char)*p->f); p->f++)
		if (size < FIELD_MAX)
			size = (size < 0 ? 0 : size * 10) + (*p->f - '0');
	return size > FIELD_MAX ? FIELD_MAX : size;
}

static void read_width(struct printing *p, struct verb *v, struct buf *b)
{
	read_index(p);
	if (*p->f == '*') {
		if (!read_argument(p, &v->width))
			buf_addstr(b, "%!(BADWIDTH)");
		v->left |= v->width < -1;
		v->width = abs(v->width);
		return;
	}
	bool after_index = p->after_index;
	v->width = read_digits(p);
	p->bad_index |= after_index && v->width >= 0;
}

static void read_precision(struct printing *p, struct verb *v, struct buf *b)
{
	if (*p->f != '.')
		return;
	p->f++;
	p->bad_index |= p->after_index;
	read_index(p);
	if (*p->f == '*') {
		if (!read_argument(p, &v->precision) || v->precision < 0) {
			buf_addstr(b, "%!(BADPREC)");
			v->precision = -1;
		}
		return;
	}
	v->precision = read_digits(p);
	if (v->precision < 0)
		v->precision = 0;
}

/* Says in b what is wrong with width and precision. */
static struct verb read_verb(struct printing *p, struct buf *b)
{
	struct verb v = {.width = -1, .precision = -1};

	p->bad_index = false;
	for (; *p->f && strchr("-0+# ", *p->f); p->f++) {
		v.left |= *p->f == '-';
		v.zero |= *p->f == '0';
		v.plus |= *p->f == '+';
		v.sharp |= *p->f == '#';
		v.space |= *p->f == ' ';
	}
	read_width(p, &v, b);
	read_precision(p, &v, b);
	if (!p->after_index)
		read_index(p);
	if (*p->f)
		p->f += utf8_decode(p->f, strlen(p->f), &v.letter);
	if (v.letter == 'v') {
		v.go = v.sharp;
		v.fields = v.plus;
		v.sharp = v.plus = false;
	}
	return v;
}

static void add_verb(struct printing *p, struct buf *b)
{
	struct verb v = read_verb(p, b);

	if (!v.letter) {
		buf_addstr(b, "%!(NOVERB)");
	} else if (v.letter == '%') {
		buf_addch(b, '%');
	} else if (p->bad_index || p->at >= p->a->n) {
		verb_mistake(b, v.letter);
		buf_addstr(b, p->bad_index ? "BADINDEX)" : "MISSING)");
	} else {
		verb_add(b, &v, p->a->v[p->at++]);
	}
}

static void add_extra(struct printing *p, struct buf *b)
{
	static const struct verb plain = {.width = -1, .precision = -1, .letter = 'v'};

	if (p->at >= p->a->n || p->reordered)
		return;
	buf_addstr(b, "%!(EXTRA ");
	for (size_t i = p->at; i < p->a->n; i++) {
		const struct json *j = p->a->v[i];
		buf_addstr(b, i > p->at ? ", " : "");
		if (j && json_kind(j) != JSON_KIND_NULL)
			buf_addf(b, "%s=", verb_type(j));
		verb_add(b, &plain, j);
	}
	buf_addch(b, ')');
}

int function_printf(struct args *a)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);
	struct printing p = {.a = a, .f = json_text(a->v[0]), .at = 1};

	if (!p.f)
		return args_bad(a, "the first argument is to be a string");
	while (*p.f) {
		if (*p.f != '%') {
			buf_addch(&b, *p.f++);
			continue;
		}
		p.f++;
		add_verb(&p, &b);
	}
	add_extra(&p, &b);
	*a->ret = json_new_string(buf_str(&b));
	return 0;
}
