/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/shell_words.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

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
