/* SPDX-License-Identifier: Apache-2.0 */
#include "build/csv.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"

#include <string.h>

#define FIELD_MAX (64 * KIB)

/* A quoted field from p on, which is behind the quote. */
static const char *quoted_field(const char *p, struct buf *field, struct err *err)
{
	for (;; p++) {
		if (!*p) {
			(void)err_set(err, ERR_INVALID, "extraneous or missing \" in quoted-field");
			return NULL;
		}
		if (*p == '"' && *++p != '"')
			break;
		buf_addch(field, *p);
	}
	if (*p && *p != ',') {
		(void)err_set(err, ERR_INVALID, "extraneous or missing \" in quoted-field");
		return NULL;
	}
	return p;
}

int csv_fields(const char *text, struct strv *ret, struct err *err)
{
	const char *p = text;
	for (;;) {
		AUTO_BUF struct buf field = BUF_INIT(FIELD_MAX);
		if (*p == '"') {
			p = quoted_field(p + 1, &field, err);
			if (!p)
				return err->code;
		} else {
			size_t n = strcspn(p, ",");
			if (memchr(p, '"', n))
				return err_set(err, ERR_INVALID, "bare \" in non-quoted-field");
			buf_add(&field, p, n);
			p += n;
		}
		if (field.toobig)
			return err_set(
				err, ERR_LIMIT, "a field is larger than %d bytes", (int)FIELD_MAX);
		strv_add(ret, buf_str(&field));
		if (!*p)
			return 0;
		p++;
	}
}

char *csv_key(const char *field, const char **ret_value)
{
	size_t n = strcspn(field, "="), blanks = strspn(field, " ");
	*ret_value = field[n] ? field + n + 1 : NULL;
	return str_lower(xstrndup(field + blanks, n - blanks));
}
