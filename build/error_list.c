/* SPDX-License-Identifier: Apache-2.0 */
#include "build/error_list.h"
#include "build/error_excerpt.h"

#include <string.h>

#define MORE_MAX 40 /* "\n(1000 more errors)" */

void error_list_add(
	struct error_list *l, const struct containerfile *f, struct pos pos, const struct err *what)
{
	struct err one = ERR_INIT;
	if (l->n++ == 0)
		l->code = what->code;
	(void)containerfile_error(f, pos, &one, what->code, "%s", what->msg);
	/* what follows one that was left out is left out too: the order is the file's */
	if (l->left_out || l->text.len + 1 + strlen(one.msg) + MORE_MAX >= sizeof(one.msg)) {
		l->left_out += l->n > 1;
		if (l->n > 1)
			return;
	}
	if (l->text.len > 0)
		buf_addch(&l->text, '\n');
	buf_addstr(&l->text, one.msg);
}

int error_list_result(const struct error_list *l, struct err *err)
{
	if (l->n == 0)
		return 0;
	if (l->left_out == 0)
		return err_set(err, l->code, "%s", buf_str(&l->text));
	return err_set(err, l->code, "%s\n(%u more error%s)", buf_str(&l->text), l->left_out,
		l->left_out == 1 ? "" : "s");
}

void error_list_done(struct error_list *l)
{
	buf_done(&l->text);
}
