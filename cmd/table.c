/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/table.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/format.h"
#include "cmd/out.h"
#include "cmd/text.h"

#define GAP 3 /* blanks between columns, as buildah and podman */
#define COLUMNS_MAX 64
#define OUTPUT_MAX (64 * MIB) /* 100,000 images at 600 bytes a line */

char *table_align(const char *lines)
{
	AUTO_BUF struct buf out = BUF_INIT(2 * OUTPUT_MAX);
	AUTO_STRV struct strv rows = STRV_INIT;
	size_t widths[COLUMNS_MAX] = {0};

	strv_split(&rows, lines, '\n');
	for (int print = 0; print <= 1; print++) {
		for (size_t i = 0; i < rows.n; i++) {
			AUTO_STRV struct strv cells = STRV_INIT;
			strv_split(&cells, rows.v[i], '\t');
			for (size_t c = 0; c < cells.n; c++) {
				size_t w = text_width(cells.v[c]);
				/* the last cell of a row ends it and needs no room */
				bool last = c + 1 == cells.n || c >= COLUMNS_MAX;
				if (!print && !last && w > widths[c])
					widths[c] = w;
				if (!print)
					continue;
				buf_addstr(&out, cells.v[c]);
				if (!last)
					buf_addf(&out, "%*s", (int)(widths[c] - w + GAP), "");
			}
			if (print && i + 1 < rows.n)
				buf_addch(&out, '\n');
		}
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
		AUTO_FREE char *text = json_dump(json_at(rows, i), 0);
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
		buf_addch(&b, '\n');
	}
	if (r < 0)
		return r;
	AUTO_FREE char *aligned = table || (flags & TABLE_BLANKS) ? table_align(buf_str(&b)) : NULL;
	out_printf(o, "%s", aligned ? aligned : buf_str(&b));
	return 0;
}

int table_print_one(struct out *o, const char *template, struct json *object, struct err *err)
{
	AUTO_JSON struct json *rows = json_new_array();

	json_add(rows, json_ref(object));
	return table_print(o, template, NULL, rows, TABLE_NO_HEADING, err);
}
