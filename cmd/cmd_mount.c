/* SPDX-License-Identifier: Apache-2.0 */
/* mount and umount: the files of working containers, for other programs. */
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "build/container_tree.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "cmd/each.h"
#include "run/userns.h"
#include "store/containers.h"
#include "store/store.h"

/* --- mount --- */

struct mount_args {
	bool json;
};

static const struct opt mount_options[] = {
	OPT_BOOL(0, "json", struct mount_args, json),
	OPT_IGNORED_BOOL(0, "notruncate"),
	OPT_END,
};

static void print(
	struct app *app, const char *name, const char *path, bool with_name, struct json *list)
{
	if (list) {
		struct json *o = json_new_object();
		json_set_string(o, "container", with_name ? name : NULL);
		json_set_string(o, "mountPoint", path);
		json_add(list, o);
	} else if (with_name) {
		out_printf(&app->out, "%s %s\n", name, path);
	} else {
		out_printf(&app->out, "%s\n", path);
	}
}

static int show_mounts(struct app *app, struct json *list, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_CONTAINERS struct containers l = {0};

	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = containers_list(s, &l, err);
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		AUTO_FREE char *path = container_mount_path(s, &l.c[i]);
		if (container_mounted(s, &l.c[i]) == CONTAINER_MOUNTED)
			print(app, l.c[i].name, path, true, list);
	}
	return r;
}

struct mounting {
	bool with_name;
	struct json *list;
};

static int mount_one(struct app *app, const char *text, void *arg, struct err *err)
{
	const struct mounting *m = arg;
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	int r = container_use(app, text, CONTAINER_BESIDE, &u, err);
	if (r == 0)
		r = container_mount(u.s, u.t, &u.c, err);
	if (r < 0)
		return r;
	AUTO_FREE char *path = container_mount_path(u.s, &u.c);
	print(app, u.c.name, path, m->with_name, m->list);
	return 0;
}

/* Outside of `unshare` the mount namespace of a user would end with this program. */
static int mount_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct mount_args *a = args;
	AUTO_JSON struct json *list = a->json ? json_new_array() : NULL;
	struct mounting m = {.with_name = rest->n > 1, .list = list};

	if (rest->n && (geteuid() != 0 || !userns_has_mounts()))
		return err_set(err, ERR_UNSUPPORTED,
			"cannot mount in rootless mode. You need to run it in a `mica unshare` "
			"session");
	int r = rest->n ? each_word(app, rest, mount_one, &m, err) : show_mounts(app, list, err);
	if (list && r == 0 && !json_size(list))
		out_printf(&app->out, "null\n"); /* as buildah */
	else if (list && json_size(list))
		out_json(&app->out, list);
	return r;
}

const struct cmd cmd_mount = {
	.name = "mount",
	.options = mount_options,
	.args_size = sizeof(struct mount_args),
	.max_args = CMD_ANY,
	.flags = CMD_BUILDAH_WORDS,
	.run = mount_run,
};

/* --- umount --- */

struct umount_args {
	bool all;
};

static const struct opt umount_options[] = {
	OPT_BOOL('a', "all", struct umount_args, all),
	OPT_END,
};

static int umount_one(struct app *app, const char *text, void *arg, struct err *err)
{
	const struct umount_args *a = arg;
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	int r = container_use(app, text, CONTAINER_ALONE, &u, err);
	enum container_mounted was = r == 0 ? container_mounted(u.s, &u.c) : CONTAINER_NOT_MOUNTED;
	/* as buildah: it is no error when it was not mounted, nor is anything said */
	if (was == CONTAINER_NOT_MOUNTED || (a->all && was != CONTAINER_MOUNTED))
		return r;
	r = container_umount(u.s, u.t, &u.c, err);
	if (r == 0)
		out_printf(&app->out, "%s\n", u.c.id);
	return r;
}

static int umount_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct umount_args *a = args;
	AUTO_STRV struct strv ids = STRV_INIT;

	int r = container_args_which(app, a->all, rest, &ids, err);
	return r < 0 ? r : each_word(app, &ids, umount_one, args, err);
}

const struct cmd cmd_umount = {
	.name = "umount",
	.aliases = "unmount",
	.options = umount_options,
	.args_size = sizeof(struct umount_args),
	.max_args = CMD_ANY,
	.flags = CMD_BUILDAH_WORDS,
	.run = umount_run,
};
