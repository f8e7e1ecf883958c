/* SPDX-License-Identifier: Apache-2.0 */
/* printf of templates: its text, and which argument is for which verb. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/format_args.h"
#include "cmd/format_verb.h"

/* --- the text with its verbs --- */

struct printing {
	const struct args *a;
	const char *f; /* what is left of the text */
	size_t at; /* the argument that is next */
	bool reordered; /* then none is one too many */
};

/* "[2]" */
static void read_index(struct printing *p)
{
	char *end;

	if (*p->f != '[' || !isdigit((unsigned char)p->f[1]))
		return;
	unsigned long i = strtoul(p->f + 1, &end, 10);
	if (*end != ']')
		return;
	p->f = end + 1;
	p->at = i && i < p->a->n ? i : p->a->n;
	p->reordered = true;
}

/* Digits, or "*" for the next argument; -1: neither */
static int read_size(struct printing *p)
{
	int size = -1;

	read_index(p);
	if (*p->f == '*') {
		int64_t i = p->at < p->a->n ? json_int(p->a->v[p->at++]) : 0;
		p->f++;
		return i > FIELD_MAX ? FIELD_MAX : i < -FIELD_MAX ? -FIELD_MAX : (int)i;
	}
	for (; isdigit((unsigned char)*p->f); p->f++)
		if (size < FIELD_MAX)
			size = (size < 0 ? 0 : size * 10) + (*p->f - '0');
	return size > FIELD_MAX ? FIELD_MAX : size;
}

static struct verb read_verb(struct printing *p)
{
	struct verb v = {.precision = -1};

	for (; *p->f && strchr("-0+# ", *p->f); p->f++) {
		v.left |= *p->f == '-';
		v.zero |= *p->f == '0';
		v.plus |= *p->f == '+';
		v.sharp |= *p->f == '#';
		v.space |= *p->f == ' ';
	}
	bool given = *p->f == '*' || *p->f == '[';
	int width = read_size(p);
	v.left |= given && width < 0;
	v.width = width < 0 ? (given ? -width : 0) : width;
	if (*p->f == '.') {
		p->f++;
		v.precision = read_size(p);
		if (v.precision < 0)
			v.precision = 0;
	}
	read_index(p);
	v.letter = *p->f;
	p->f += *p->f != '\0';
	return v;
}

static void add_verb(struct printing *p, struct buf *b)
{
	struct verb v = read_verb(p);

	if (!v.letter)
		buf_addstr(b, "%!(NOVERB)");
	else if (v.letter == '%')
		buf_addch(b, '%');
	else if (p->at >= p->a->n)
		buf_addf(b, "%%!%c(%s)", v.letter, p->reordered ? "BADINDEX" : "MISSING");
	else if (v.letter == 'T')
		buf_addstr(b, verb_type(p->a->v[p->at++]));
	else
		verb_add(b, &v, p->a->v[p->at++]);
}

static void add_extra(struct printing *p, struct buf *b)
{
	if (p->at >= p->a->n || p->reordered)
		return;
	buf_addstr(b, "%!(EXTRA ");
	for (size_t i = p->at; i < p->a->n; i++) {
		AUTO_FREE char *text = args_text(p->a->v[i]);
		buf_addf(b, "%s%s=%s", i > p->at ? ", " : "", verb_type(p->a->v[i]), text);
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
