/* SPDX-License-Identifier: Apache-2.0 */
/* printf of templates, as Go's fmt has it. */
#include "cmd/format_args.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/format_escape.h"
#include "cmd/format_internal.h"

/* One verb of printf with its flags. */
struct verb {
	bool left, zero;
	int width, precision; /* precision -1: not said */
	char letter;
};

static const char *read_verb(const char *f, struct verb *v)
{
	*v = (struct verb){.precision = -1};
	for (; *f == '-' || *f == '0' || *f == '+' || *f == '#' || *f == ' '; f++) {
		v->left |= *f == '-';
		v->zero |= *f == '0';
	}
	for (; isdigit((unsigned char)*f) && v->width < FIELD_MAX; f++)
		v->width = v->width * 10 + (*f - '0');
	if (*f == '.') {
		v->precision = 0;
		for (f++; isdigit((unsigned char)*f) && v->precision < FIELD_MAX; f++)
			v->precision = v->precision * 10 + (*f - '0');
	}
	v->letter = *f;
	return *f ? f + 1 : f;
}

static void add_padded(struct buf *b, const struct verb *v, const char *s)
{
	int width = v->left ? -v->width : v->width;
	bool number = *s && strspn(s, "-0123456789abcdef") == strlen(s) && v->letter != 's';

	if (v->zero && !v->left && number) {
		for (int pad = v->width - (int)strlen(s); pad > 0; pad--)
			buf_addch(b, '0');
		width = 0;
	}
	if (v->precision >= 0 && v->letter == 's')
		buf_addf(b, "%*.*s", width, v->precision, s);
	else
		buf_addf(b, "%*s", width, s);
}

/* Go quotes what a list or a map holds, not the whole. */
static void add_quoted(struct buf *b, const struct json *j)
{
	if (json_is(j, JSON_KIND_ARRAY)) {
		buf_addch(b, '[');
		for (size_t i = 0; i < json_size(j); i++) {
			buf_addstr(b, i ? " " : "");
			add_quoted(b, json_at(j, i));
		}
		buf_addch(b, ']');
	} else if (json_is(j, JSON_KIND_OBJECT) && !json_get(j, "")) {
		AUTO_JSON struct json *keys = json_sorted_keys(j);
		buf_addstr(b, "map[");
		for (size_t i = 0; i < json_size(keys); i++) {
			buf_addstr(b, i ? " " : "");
			add_quoted(b, json_at(keys, i));
			buf_addch(b, ':');
			add_quoted(b, json_get(j, json_text(json_at(keys, i))));
		}
		buf_addch(b, ']');
	} else {
		AUTO_FREE char *raw = args_text(j);
		AUTO_JSON struct json *s = json_new_string(raw);
		AUTO_FREE char *text = json_dump(s, 0);
		buf_addstr(b, text);
	}
}

static char *as_quoted(const struct json *j)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);

	add_quoted(&b, j);
	char *s = buf_take(&b);
	return s ? s : xstrdup("");
}

static int add_verb(
	const struct args *a, struct buf *b, const struct verb *v, const struct json *value)
{
	AUTO_FREE char *text = NULL;
	const struct json *number = args_number(value);

	switch (v->letter) {
	case 's':
	case 'v':
	case 't':
		text = args_text(value);
		break;
	case 'd':
		if (!json_is(number, JSON_KIND_INT))
			return args_bad(a, "%d wants a number");
		text = args_text(number);
		break;
	case 'x':
	case 'X':
	case 'o':
		if (!json_is(value, JSON_KIND_INT))
			return args_bad(a, "%x, %X and %o want a number");
		text = xasprintf(v->letter == 'x'   ? "%llx"
				 : v->letter == 'X' ? "%llX"
						    : "%llo",
			(unsigned long long)json_int(value));
		break;
	case 'f':
		if (!json_is(value, JSON_KIND_INT))
			return args_bad(a, "%f wants a number");
		text = xasprintf(
			"%.*f", v->precision >= 0 ? v->precision : 6, (double)json_int(value));
		break;
	case 'q':
		text = as_quoted(value);
		break;
	default:
		return args_bad(a, "only %s %v %d %x %X %o %f %q %t %% are known");
	}
	add_padded(b, v, text);
	return 0;
}

int function_printf(struct args *a)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);
	const char *f = json_text(a->v[0]);
	size_t at = 1;

	if (!f)
		return args_bad(a, "the first argument is to be a string");
	while (*f) {
		struct verb v;
		if (*f != '%') {
			buf_addch(&b, *f++);
			continue;
		}
		f = read_verb(f + 1, &v);
		if (v.letter == '%') {
			buf_addch(&b, '%');
			continue;
		}
		if (at >= a->n)
			return args_bad(a, "too few arguments");
		int r = add_verb(a, &b, &v, a->v[at++]);
		if (r < 0)
			return r;
	}
	*a->ret = json_new_string(buf_str(&b));
	return 0;
}
