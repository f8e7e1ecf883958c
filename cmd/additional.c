/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/additional.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/cmd.h"
#include "store/additional.h"

/* The list in what containers-storage calls additionalimagestore=DIR[,DIR] and, for one of its
 * drivers, overlay.imagestore=DIR; NULL: it is another option. */
static const char *stores_of(const char *opt)
{
	static const char *const names[] = {
		"additionalimagestore=", "additionalimagestores=", "imagestore="};
	static const char *const drivers[] = {"overlay.", "overlay2.", "vfs."};

	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (str_has_prefix(opt, drivers[i])) {
			opt += strlen(drivers[i]);
			break;
		}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_has_prefix(opt, names[i]))
			return opt + strlen(names[i]);
	return NULL;
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

int app_additional_stores(const struct app *app, struct store *s, struct err *err)
{
	const char *dirs = getenv("MICA_ADDITIONAL_STORES");
	int r = 0;

	STRV_FOREACH (opt, &app->storage_opts) {
		const char *list = stores_of(*opt);
		if (!list)
			return err_set(err, ERR_INVALID,
				"option '--storage-opt': '%s' is not 'additionalimagestore=DIR'",
				*opt);
		if (r == 0)
			r = add_all(s, list, ',', err);
	}
	return r == 0 && dirs ? add_all(s, dirs, ':', err) : r;
}
