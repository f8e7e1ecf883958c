/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/additional.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/cmd.h"
#include "store/additional.h"

/* The option without "overlay." and the like in front. */
static const char *without_driver(const char *opt)
{
	static const char *const drivers[] = {"overlay.", "overlay2.", "vfs."};

	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (str_has_prefix(opt, drivers[i]))
			return opt + strlen(drivers[i]);
	return opt;
}

/* The list in what containers-storage calls additionalimagestore=DIR[,DIR] and, for one of its
 * drivers, overlay.imagestore=DIR; NULL: it is another option. */
static const char *stores_of(const char *opt)
{
	static const char *const names[] = {
		"additionalimagestore=", "additionalimagestores=", "imagestore="};
	const char *name = without_driver(opt);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_has_prefix(name, names[i]))
			return name + strlen(names[i]);
	return NULL;
}

enum storage_opt storage_opt_kind(const char *opt)
{
	static const char *const ignored[] = {"mountopt=", "ignore_chown_errors=", "force_mask=",
		"skip_mount_home=", "override_kernel_check=", "use_composefs=", "sync="};
	const char *name = without_driver(opt);

	if (stores_of(opt))
		return STORAGE_OPT_STORES;
	if (str_has_prefix(name, "mount_program=") && str_has_suffix(name, "fuse-overlayfs"))
		return STORAGE_OPT_FUSE;
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		if (str_has_prefix(name, ignored[i]))
			return STORAGE_OPT_IGNORED;
	return STORAGE_OPT_UNKNOWN;
}

static int add_all(struct store *s, const char *list, char separator, struct err *err)
{
	AUTO_STRV struct strv dirs = STRV_INIT;
	int r = 0;

	strv_split(&dirs, list, separator);
	STRV_FOREACH (dir, &dirs)
		if (r == 0 && **dir)
			r = additional_add(s, *dir, err);
	return r;
}

/* storage.conf is that of containers-storage, and so its stores may be. */
static int add_configured(struct store *s, const struct strv *dirs, struct err *err)
{
	STRV_FOREACH (dir, dirs) {
		struct err why = ERR_INIT;
		int r = additional_add(s, *dir, &why);
		if (r == ERR_NOT_FOUND) {
			log_debug("storage.conf: %s", why.msg);
		} else if (r < 0) {
			*err = why;
			return err_wrap(err, "storage.conf");
		}
	}
	return 0;
}

int app_additional_stores(const struct app *app, struct store *s, struct err *err)
{
	AUTO_STRV struct strv opts = STRV_INIT;
	const char *dirs = getenv("MICA_ADDITIONAL_STORES"), *env = getenv("STORAGE_OPTS");
	int r = 0;

	strv_copy(&opts, &app->storage_opts);
	if (!opts.n && env)
		strv_split(&opts, env, ',');
	STRV_FOREACH (opt, &opts) {
		const char *list = stores_of(*opt);
		if (r == 0 && list)
			r = add_all(s, list, ',', err);
	}
	if (r == 0 && !app->storage_opts.n)
		r = add_configured(s, &app->storage.additional, err);
	return r == 0 && dirs ? add_all(s, dirs, ':', err) : r;
}
