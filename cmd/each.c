/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/each.h"

#include "base/err.h"
#include "base/strv.h"
#include "cmd/cmd.h"

int each_word(struct app *app, const struct strv *words, each_fn fn, void *arg, struct err *err)
{
	struct err last = ERR_INIT;

	STRV_FOREACH (word, words) {
		struct err now = ERR_INIT;
		if (fn(app, *word, arg, &now) >= 0)
			continue;
		if (last.code)
			out_earlier_error(&app->out, &last);
		last = now;
	}
	if (last.code)
		*err = last;
	return last.code;
}
