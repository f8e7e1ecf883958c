/* SPDX-License-Identifier: Apache-2.0 */
/* rm and rename: working containers. */
#include "base/err.h"
#include "base/mem.h"
#include "build/container_tree.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "cmd/each.h"
#include "store/containers.h"
#include "store/store.h"

struct rm_args {
	bool all, force;
};

static const struct opt rm_options[] = {
	OPT_BOOL('a', "all", struct rm_args, all),
	OPT_BOOL('f', "force", struct rm_args, force),
	OPT_END,
};

static int remove_one(struct app *app, const char *text, void *arg, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	const struct rm_args *a = arg;
	int r = container_use_any(app, text, &u, err);
	if (r == ERR_NOT_FOUND && a->force) {
		err_clear(err);
		return 0;
	}
	if (r == ERR_NOT_FOUND)
		return err_set(err, r, "removing container \"%s\": container not known", text);
	if (r == 0 && container_mounted(u.s, &u.c) != CONTAINER_NOT_MOUNTED)
		r = container_umount(u.s, NULL, &u.c, err);
	if (r == 0)
		r = container_remove(u.s, &u.c, err);
	if (r == 0)
		out_printf(&app->out, "%s\n", u.c.id);
	return r < 0 ? err_wrap(err, "removing container \"%s\"", text) : 0;
}

static int rm_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct rm_args *a = args;
	AUTO_STRV struct strv ids = STRV_INIT;

	int r = container_args_which(app, a->all, rest, &ids, err);
	return r < 0 ? r : each_word(app, &ids, remove_one, a, err);
}

static int rename_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	(void)args;
	int r = container_use(app, rest->v[0], CONTAINER_DOCUMENT, &u, err);
	if (r < 0 || streq(u.c.name, rest->v[1]))
		return r < 0 ? r
		             : err_set(err, ERR_INVALID,
				       "renaming a container with the same name as "
				       "its current name");
	return container_rename(u.s, &u.c, rest->v[1], err);
}

static const struct opt no_options[] = {
	OPT_END,
};

const struct cmd cmd_rm = {
	.name = "rm",
	.aliases = "delete",
	.options = rm_options,
	.args_size = sizeof(struct rm_args),
	.max_args = CMD_ANY,
	.flags = CMD_USERNS | CMD_BUILDAH_WORDS,
	.run = rm_run,
};

const struct cmd cmd_rename = {
	.name = "rename",
	.options = no_options,
	.min_args = 2,
	.max_args = 2,
	.flags = CMD_USERNS,
	.run = rename_run,
};
