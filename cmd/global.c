/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/global.h"
#include "cmd/opt_groups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/additional.h"
#include "cmd/cmd.h"
#include "cmd/default_mounts.h"
#include "cmd/space.h"
#include "layers/snapshot.h"
#include "registry/config.h"
#include "registry/offline.h"
#include "run/userns.h"

/* --- options --------------------------------------------------------------------------------- */

static bool says_yes(const char *variable)
{
	const char *value = getenv(variable);

	return value && streq(value, "1");
}

static int set_log_level(const struct app *app, struct err *err)
{
	static const char *const levels[] = {
		"trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"};
	bool known = !app->log_level;

	for (size_t i = 0; i < ARRAY_LEN(levels) && !known; i++)
		known = !strcasecmp(app->log_level, levels[i]);
	if (!known)
		return err_set(err, ERR_INVALID,
			"option '--log-level': unable to parse log level: not a valid logrus "
			"Level: \"%s\"; levels are trace, debug, info, warn, error, fatal, panic",
			app->log_level);
	if (app->debug || says_yes("MICA_DEBUG") ||
		(app->log_level && (!strcasecmp(app->log_level, "debug") ||
					   !strcasecmp(app->log_level, "trace"))))
		log_enable(true);
	return 0;
}

/* "", or NULL: not said */
static int set_driver(const char *name, const char *from, struct err *err)
{
	enum snapshot_driver driver;

	if (!snapshot_driver_parse(name, &driver))
		return err_set(err, ERR_INVALID,
			"%s: '%s' is not one of 'auto', 'overlay', 'fuse-overlayfs', 'copy', 'vfs'",
			from, name);
	snapshot_use(driver, from);
	return 0;
}

static const char *said_driver(const struct app *app, const char **ret_from)
{
	const char *env = getenv("STORAGE_DRIVER");

	*ret_from = app->storage_driver ? "option '--storage-driver'" : "STORAGE_DRIVER";
	return app->storage_driver ? app->storage_driver : env && *env ? env : NULL;
}

/* Those of --storage-opt that are not about additional stores. A mount program chooses the driver;
 * with "overlay" said, which to containers-storage it is a way of, it is the one for where the
 * kernel's does not work. driver: what was said, or NULL */
static int set_storage_opts(const struct app *app, const char *driver, struct err *err)
{
	STRV_FOREACH (opt, &app->storage_opts) {
		switch (storage_opt_kind(*opt)) {
		case STORAGE_OPT_FUSE:
			if (!driver || streq(driver, "overlay"))
				snapshot_use(driver ? SNAPSHOT_AUTO : SNAPSHOT_FUSE,
					"option '--storage-opt'");
			break;
		case STORAGE_OPT_STORES:
		case STORAGE_OPT_IGNORED:
			break;
		case STORAGE_OPT_UNKNOWN:
			return err_set(err, ERR_INVALID,
				"option '--storage-opt': '%s' is not "
				"'additionalimagestore=DIR'",
				*opt);
		}
	}
	return 0;
}

int global_apply(const struct app *app, struct err *err)
{
	const char *from;
	const char *driver = said_driver(app, &from);

	int r = set_log_level(app, err);
	if (r == 0 && driver)
		r = set_driver(driver, from, err);
	if (r == 0)
		r = set_storage_opts(app, driver, err);
	if (r == 0 && (app->offline || says_yes("MICA_OFFLINE")))
		offline_set();
	return r;
}

/* --- files ----------------------------------------------------------------------------------- */

static int set_engine_env(const struct strv *words, struct err *err)
{
	STRV_FOREACH (word, words) {
		const char *eq = strchr(*word, '=');
		if (!eq || eq == *word)
			return err_set(err, ERR_INVALID,
				"containers.conf: 'env' of [engine]: '%s' is not NAME=VALUE",
				*word);
		AUTO_FREE char *name = xstrndup(*word, (size_t)(eq - *word));
		if (setenv(name, eq + 1, 0) < 0)
			return err_sys(err, "cannot set '%s'", name);
	}
	return 0;
}

/* Its drivers are those of containers-storage: overlay may be the kernel's or the program's, and
 * what we have no counterpart of is left to be chosen. */
static void set_conf_driver(const char *driver)
{
	if (driver && streq(driver, "vfs"))
		snapshot_use(SNAPSHOT_COPY, "storage.conf");
}

int global_configure(struct app *app, struct err *err)
{
	const char *root = getenv("MICA_ROOT"), *from;

	int r = conf_load(&app->conf, err);
	if (r == 0)
		r = set_engine_env(&app->conf.engine_env, err);
	if (r == 0)
		r = storage_conf_load(&app->storage, err);
	if (r < 0)
		return r;
	if (!said_driver(app, &from))
		set_conf_driver(app->storage.driver);
	if (!app->root && (!root || !*root))
		app->root = app->storage.root;
	return 0;
}

const char *global_driver(const struct app *app)
{
	const char *from, *said = said_driver(app, &from);

	if (!said)
		said = app->storage.driver;
	return said && streq(said, "vfs") ? "vfs" : snapshot_driver();
}

/* A configuration that is wrong is told when something is pulled. */
void global_short_names(void *arg, const char *text, struct strv *ret)
{
	const struct app *app = arg;
	AUTO_REGISTRIES struct registries conf = {0};
	struct err why = ERR_INIT;

	if (registries_load(app->registries_conf, app->registries_conf_dir, &conf, &why) < 0 ||
		registries_aliases(&conf, app->short_name_aliases, &why) < 0 ||
		registries_short_names(&conf, text, false, ret, &why) < 0)
		log_debug("%s", why.msg);
}

/* --- what steps get -------------------------------------------------------------------------- */

int global_fill_box(struct app *app, struct box_args *a, struct space_args *space,
	struct strv *volumes, struct err *err)
{
	struct users_args *users = &space->users;

	if (!users->userns && !users->uid_maps.n && !users->gid_maps.n && !users->uid_map_user &&
		!users->gid_map_group) {
		strv_copy(&users->uid_maps, &app->userns_uid_maps);
		strv_copy(&users->gid_maps, &app->userns_gid_maps);
	}
	users->auto_user = app->storage.auto_user;
	STRV_FOREACH (limit, &app->storage.limits)
		out_warn(&app->out,
			"storage.conf: '%s' has no effect: containers take what room the store has",
			*limit);
	conf_fill_space(&app->conf, space);
	int r = box_check_dns(a, err);
	if (r == 0)
		r = conf_fill_box(&app->conf, a, volumes, err);
	return r < 0 ? r : default_mounts_add(app->mounts_file, volumes, err);
}
