/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "store/gc.h"
#include "store/store.h"

#define EXIT_PROBLEMS 1 /* the store was read, and something in it is wrong */

struct fsck_args {
	bool quiet, repair;
};

static const struct opt fsck_options[] = {
	OPT_BOOL('q', "quiet", struct fsck_args, quiet),
	OPT_BOOL(0, "repair", struct fsck_args, repair),
	OPT_END,
};

static int fsck_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct fsck_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_STRV struct strv problems = STRV_INIT;
	struct check_result result = {0};

	(void)rest;
	int r = app_store(app, STORE_DAMAGED, &s, err);
	if (r == 0)
		r = a->repair ? store_repair(s, &result, &problems, err)
		              : store_check(s, &result, &problems, err);
	if (r < 0 && !a->repair && store_is_closed(err)) {
		/* nobody writes there, or it is another's: no lock is to be had */
		err_clear(err);
		strv_done(&problems);
		store_close(take(s));
		r = app_store(app, STORE_READ_ONLY | STORE_DAMAGED, &s, err);
		if (r == 0)
			r = store_check(s, &result, &problems, err);
	}
	if (r < 0)
		return r;
	STRV_FOREACH (line, &problems)
		out_printf(&app->out, "%s\n", *line);
	if (!a->quiet)
		out_printf(&app->out,
			"%llu images, %llu blobs, %llu layers, %llu cache records checked, %llu "
			"problem%s\n",
			(unsigned long long)result.images, (unsigned long long)result.blobs,
			(unsigned long long)result.layers, (unsigned long long)result.records,
			(unsigned long long)result.problems, result.problems == 1 ? "" : "s");
	if (!a->quiet && a->repair)
		out_printf(&app->out, "%llu removed\n", (unsigned long long)result.removed);
	return result.problems ? EXIT_PROBLEMS : 0;
}

const struct cmd cmd_fsck = {
	.name = "fsck",
	.options = fsck_options,
	.args_size = sizeof(struct fsck_args),
	.flags = CMD_USERNS,
	.run = fsck_run,
};
