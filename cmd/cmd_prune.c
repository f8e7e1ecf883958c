/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/text.h"
#include "store/gc.h"
#include "store/store.h"

struct prune_args {
	bool all, force, dry_run, cache;
};

static const struct opt prune_options[] = {
	OPT_BOOL('a', "all", struct prune_args, all),
	OPT_BOOL(0, "build-cache", struct prune_args, cache),
	OPT_BOOL(0, "dry-run", struct prune_args, dry_run),
	OPT_BOOL('f', "force", struct prune_args, force),
	OPT_END,
};

/* Named images go only after a yes; nobody is asked where nobody could answer. */
static bool confirmed(struct app *app, const struct prune_args *a)
{
	char answer[16] = "";

	if (!a->all || a->force || a->dry_run || !app->out.err_tty)
		return true;
	(void)fprintf(app->out.err, "This removes all images and the step cache. Continue? [y/N] ");
	(void)fflush(app->out.err);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int prune_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct prune_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_STRV struct strv removed = STRV_INIT;
	struct gc_result result = {0};
	char size[TEXT_NUM_MAX];
	const struct gc_opts opts = {
		.unnamed = true,
		.all = a->all,
		.cache = a->all || a->cache,
		.dry_run = a->dry_run,
	};

	(void)rest;
	if (!confirmed(app, a))
		return 0;
	int r = app_store(app, false, &s, err);
	if (r == 0)
		r = store_gc(s, &opts, &result, &removed, err);
	if (r < 0)
		return r;
	STRV_FOREACH (line, &removed)
		out_printf(&app->out, "%s\n", *line);
	out_printf(&app->out, "%s: %s\n",
		a->dry_run ? "Would be reclaimed" : "Total reclaimed space",
		text_size(result.freed, size));
	if (result.deferred)
		out_note(&app->out,
			"other processes use the store: some space is freed when they end");
	if (result.leftover.code < 0)
		*err = result.leftover;
	return result.leftover.code;
}

const struct cmd cmd_prune = {
	.name = "prune",
	.options = prune_options,
	.args_size = sizeof(struct prune_args),
	.flags = CMD_USERNS,
	.run = prune_run,
};
