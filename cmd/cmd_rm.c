/* SPDX-License-Identifier: Apache-2.0 */
/* rm and rename: working containers. */
#include "base/err.h"
#include "base/mem.h"
#include "build/container_tree.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "store/containers.h"
#include "store/store.h"

struct rm_args {
	bool all;
};

static const struct opt rm_options[] = {
	OPT_BOOL('a', "all", struct rm_args, all),
	OPT_END,
};

static int remove_one(struct app *app, const char *text, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	int r = container_use_any(app, text, &u, err);
	if (r == 0 && container_mounted(u.s, &u.c) != CONTAINER_NOT_MOUNTED)
		r = container_umount(u.s, &u.c, err);
	if (r == 0)
		r = container_remove(u.s, &u.c, err);
	if (r == 0)
		out_printf(&app->out, "%s\n", u.c.id);
	return r < 0 ? err_wrap(err, "cannot remove the container") : 0;
}

static int all_ids(struct app *app, struct strv *ret, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_CONTAINERS struct containers l = {0};

	int r = app_store(app, false, &s, err);
	if (r == 0)
		r = containers_list(s, &l, err);
	for (size_t i = 0; r == 0 && i < l.n; i++)
		strv_add(ret, l.c[i].id);
	return r;
}

/* Each is tried; the first failure is the result, others are said on the way. */
static int rm_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct rm_args *a = args;
	AUTO_STRV struct strv ids = STRV_INIT;
	int first = 0;

	if (a->all && rest->n)
		return err_set(err, ERR_INVALID,
			"when using the --all switch, you may not pass any containers names or "
			"IDs");
	if (!a->all && !rest->n)
		return err_set(err, ERR_INVALID, "container ID must be specified");
	int r = a->all ? all_ids(app, &ids, err) : 0;
	if (r < 0)
		return r;
	if (!a->all)
		strv_copy(&ids, rest);
	STRV_FOREACH (text, &ids) {
		struct err now = ERR_INIT;
		r = remove_one(app, *text, &now);
		if (r == 0)
			continue;
		if (first < 0) {
			out_error(&app->out, &now);
		} else {
			first = r;
			*err = now;
		}
	}
	return first;
}

static int rename_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	(void)args;
	int r = container_use(app, rest->v[0], &u, err);
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
	.flags = CMD_USERNS,
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
