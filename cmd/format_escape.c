/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_escape.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define LONGEST 6 /* what one byte becomes at most */

static char *taken(struct buf *b)
{
	char *s = buf_take(b);
	return s ? s : xstrdup("");
}

char *escape_html(const char *s)
{
	AUTO_BUF struct buf b = BUF_INIT(LONGEST * strlen(s) + 1);
	static const char special[] = "&<>\"'";
	static const char *const by[] = {"&amp;", "&lt;", "&gt;", "&#34;", "&#39;"};

	for (; *s; s++) {
		const char *at = strchr(special, *s);
		if (at)
			buf_addstr(&b, by[at - special]);
		else
			buf_addch(&b, *s);
	}
	return taken(&b);
}

char *escape_js(const char *s)
{
	AUTO_BUF struct buf b = BUF_INIT(LONGEST * strlen(s) + 1);

	for (; *s; s++) {
		if (*s == '\\' || *s == '\'' || *s == '"')
			buf_addf(&b, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || strchr("<>&=", *s))
			buf_addf(&b, "\\u%04X", (unsigned)(unsigned char)*s);
		else
			buf_addch(&b, *s);
	}
	return taken(&b);
}

char *escape_url(const char *s)
{
	AUTO_BUF struct buf b = BUF_INIT(LONGEST * strlen(s) + 1);

	for (; *s; s++) {
		if (isalnum((unsigned char)*s) || strchr("-_.~", *s))
			buf_addch(&b, *s);
		else if (*s == ' ')
			buf_addch(&b, '+');
		else
			buf_addf(&b, "%%%02X", (unsigned)(unsigned char)*s);
	}
	return taken(&b);
}
