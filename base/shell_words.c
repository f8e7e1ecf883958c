/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shell_words.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"

#define SHELL_TEXT_MAX (1 * MIB) /* what an image's config may hold is less */

int shell_words(const char *text, struct strv *ret, struct err *err)
{
	AUTO_BUF struct buf word = BUF_INIT(strlen(text) + 1);
	bool inside = false; /* a word has begun, perhaps an empty one */
	char quote = 0;

	for (const char *p = text; *p; p++) {
		bool blank = strchr(" \t\r\n", *p) != NULL;
		if (!quote && blank) {
			if (inside)
				strv_add(ret, buf_str(&word));
			buf_clear(&word);
			inside = false;
			continue;
		}
		inside = true;
		if (quote ? *p == quote : *p == '\'' || *p == '"') {
			if (quote)
				quote = '\0';
			else
				quote = *p;
			continue;
		}
		if (*p == '\\' && quote != '\'' && !*++p)
			return err_set(err, ERR_INVALID, "'%s' ends with a backslash", text);
		buf_addch(&word, *p);
	}
	if (quote)
		return err_set(err, ERR_INVALID, "'%s': a quote is not closed", text);
	if (inside)
		strv_add(ret, buf_str(&word));
	return 0;
}

static size_t name_length(const char *s)
{
	size_t n = 0;

	if (*s >= '0' && *s <= '9')
		return 1; /* $1, as a shell */
	while (s[n] == '_' || (s[n] >= '0' && s[n] <= '9') || (s[n] >= 'a' && s[n] <= 'z') ||
		(s[n] >= 'A' && s[n] <= 'Z'))
		n++;
	return n;
}

char *shell_expand(const char *text, const struct map *vars)
{
	AUTO_BUF struct buf out = BUF_INIT(SHELL_TEXT_MAX);

	for (const char *p = text; *p;) {
		bool brace = *p == '$' && p[1] == '{';
		const char *name = p + 1 + brace;
		size_t n = *p == '$' ? name_length(name) : 0;
		if (!n || (brace && name[n] != '}')) {
			buf_addch(&out, *p++);
			continue;
		}
		AUTO_FREE char *key = xstrndup(name, n);
		const char *value = map_get(vars, key);
		buf_addstr(&out, value ? value : "");
		p = name + n + brace;
	}
	return xstrdup(buf_str(&out));
}
