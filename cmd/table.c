/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/table.h"

#include <string.h>

#include "base/buf.h"
#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/format.h"
#include "cmd/out.h"
#include "cmd/text.h"

#define GAP 3 /* blanks between columns, as buildah and podman */
#define COLUMNS_MAX 64
#define OUTPUT_MAX (64 * MIB) /* 100,000 images at 600 bytes a line */

/* The bytes of the cell at s, which ends at a tab or a line end. */
static size_t cell_length(const char *s)
{
	return strcspn(s, "\t\n");
}

static size_t cell_width(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < 0x80)
			continue;
		AUTO_FREE char *cell = xstrndup(s, n);
		return text_width(cell);
	}
	return n;
}

/* The last cell of a row ends it and needs no room. */
static bool needs_room(const char *end_of_cell, size_t column)
{
	return *end_of_cell == '\t' && column < COLUMNS_MAX;
}

char *table_align(const char *lines)
{
	AUTO_BUF struct buf out = BUF_INIT(2 * OUTPUT_MAX);
	size_t widths[COLUMNS_MAX] = {0}, column = 0;

	for (const char *s = lines; *s; column = *s == '\t' ? column + 1 : 0, s += *s != '\0') {
		size_t n = cell_length(s), w = cell_width(s, n);
		s += n;
		if (needs_room(s, column) && w > widths[column])
			widths[column] = w;
	}
	buf_addstr(&out, "");
	column = 0;
	for (const char *s = lines; *s; column = *s == '\t' ? column + 1 : 0, s += *s != '\0') {
		size_t n = cell_length(s), w = cell_width(s, n);
		buf_add(&out, s, n);
		s += n;
		if (needs_room(s, column))
			buf_addf(&out, "%*s", (int)(widths[column] - w + GAP), "");
		else if (*s == '\n')
			buf_addch(&out, '\n');
	}
	char *ret = buf_take(&out);
	return ret ? ret : xstrdup("");
}

/* "\t" and "\n" as two characters become one; outside of actions a blank becomes a tab when asked
 * for */
static char *unescape(const char *template, bool blanks)
{
	AUTO_BUF struct buf b = BUF_INIT(strlen(template) + 1);
	bool action = false;

	buf_addstr(&b, "");
	for (const char *c = template; *c; c++) {
		action = !strncmp(c, "{{", 2) || (action && strncmp(c, "}}", 2) != 0);
		if (!action && *c == '\\' && (c[1] == 't' || c[1] == 'n')) {
			buf_addch(&b, c[1] == 't' ? '\t' : '\n');
			c++;
		} else {
			bool tab = !action && blanks && *c == ' ';
			buf_addch(&b, (char)(tab ? '\t' : *c));
		}
	}
	char *ret = buf_take(&b);
	return ret ? ret : xstrdup("");
}

static int print_json_rows(struct out *o, const struct json *rows)
{
	for (size_t i = 0; i < json_size(rows); i++) {
		AUTO_FREE char *text = format_json(json_at(rows, i));
		out_printf(o, "%s\n", text);
	}
	return 0;
}

int table_print(struct out *o, const char *template, struct json *heading, struct json *rows,
	int flags, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(OUTPUT_MAX);
	AUTO_FORMAT struct format *f = NULL;
	bool table = str_has_prefix(template, "table ");
	int r = 0;

	if (streq(template, "json"))
		return print_json_rows(o, rows);
	AUTO_FREE char *text = unescape(table ? template + 6 : template, flags & TABLE_BLANKS);
	r = format_parse(text, &f, err);
	if (r == 0 && table && heading && !(flags & TABLE_NO_HEADING)) {
		r = format_run(f, heading, &b, err);
		buf_addch(&b, '\n');
	}
	for (size_t i = 0; i < json_size(rows) && r == 0; i++) {
		r = format_run(f, json_at(rows, i), &b, err);
		if (!(flags & TABLE_NO_END))
			buf_addch(&b, '\n');
	}
	if (r < 0)
		return r;
	AUTO_FREE char *aligned = table || (flags & TABLE_BLANKS) ? table_align(buf_str(&b)) : NULL;
	out_printf(o, "%s", aligned ? aligned : buf_str(&b));
	return 0;
}

const char *table_template(const char *format)
{
	return format && (!*format || streq(format, "table")) ? NULL : format;
}

int table_print_one(struct out *o, const char *template, struct json *object, struct err *err)
{
	AUTO_JSON struct json *rows = json_new_array();

	json_add(rows, json_ref(object));
	return table_print(o, template, NULL, rows,
		TABLE_NO_HEADING | (called_buildah() && !o->out_tty ? TABLE_NO_END : 0), err);
}
