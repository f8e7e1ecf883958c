/* SPDX-License-Identifier: Apache-2.0 */
/* The directories of RUN --mount=type=cache. */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "cmd/help_print.h"
#include "cmd/table.h"
#include "cmd/text.h"
#include "store/cache_limits.h"
#include "store/cache_mounts.h"
#include "store/store.h"
#include "store/usage.h"

#define SHORT_NAME 12

struct ls_args {
	const char *format;
	bool json, quiet;
};

static const struct opt ls_options[] = {
	OPT_STRING(0, "format", struct ls_args, format),
	OPT_BOOL(0, "json", struct ls_args, json),
	OPT_BOOL('q', "quiet", struct ls_args, quiet),
	OPT_END,
};

static struct json *row(struct store *s, const struct usage_item *i)
{
	struct json *o = json_new_object();
	char size[TEXT_NUM_MAX], most[TEXT_NUM_MAX], age[TEXT_NUM_MAX], at[CLOCK_STR_MAX];
	AUTO_FREE char *id = cache_mount_id(s, i->name), *clean = text_clean(id, strlen(id), 0);
	uint64_t limit = cache_limit_of(s, id);
	AUTO_FREE char *name = xstrndup(i->name, SHORT_NAME);
	AUTO_FREE char *ago = xasprintf("%s ago", text_age(clock_now().tv_sec - i->used_s, age));

	json_set_string(o, "ID", clean);
	json_set_string(o, "Name", name);
	json_set_string(o, "Size", text_size(i->size, size));
	json_set_int(o, "SizeBytes", (int64_t)i->size);
	json_set_string(o, "Limit", limit ? text_size(limit, most) : "none");
	json_set_int(o, "LimitBytes", (int64_t)limit);
	json_set_string(o, "LastUsed", ago);
	json_set_string(
		o, "LastUsedAt", clock_format((struct timespec){.tv_sec = (time_t)i->used_s}, at));
	return o;
}

/* Names of members as those of `du --json`. */
static struct json *document(struct store *s, const struct usage_item *i)
{
	struct json *o = json_new_object();
	char at[CLOCK_STR_MAX];
	AUTO_FREE char *id = cache_mount_id(s, i->name);

	json_set_string(o, "id", id);
	json_set_string(o, "name", i->name);
	json_set_int(o, "size", (int64_t)i->size);
	json_set_int(o, "limit", (int64_t)cache_limit_of(s, id));
	json_set_string(
		o, "lastUsed", clock_format((struct timespec){.tv_sec = (time_t)i->used_s}, at));
	return o;
}

static int ls_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct ls_args *a = args;
	static const char *const headings[][2] = {
		{"ID", "ID"},
		{"Name", "NAME"},
		{"Size", "SIZE"},
		{"SizeBytes", "BYTES"},
		{"Limit", "LIMIT"},
		{"LimitBytes", "LIMIT BYTES"},
		{"LastUsed", "LAST USED"},
		{"LastUsedAt", "LAST USED AT"},
	};
	AUTO_STORE struct store *s = NULL;
	AUTO_DISK_COSTS struct disk_costs c = {0};
	AUTO_JSON struct json *rows = json_new_array();
	AUTO_JSON struct json *heading = json_new_object();

	(void)rest;
	if (a->json && (a->format || a->quiet))
		return err_set(err, ERR_INVALID, "'--json' cannot be combined with '--%s'",
			a->format ? "format" : "quiet");
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = store_mount_costs(s, &c, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c.n; i++) {
		if (a->quiet)
			out_printf(&app->out, "%.*s\n", SHORT_NAME, c.item[i].name);
		else
			json_add(rows, a->json ? document(s, &c.item[i]) : row(s, &c.item[i]));
	}
	if (a->json)
		out_json(&app->out, rows);
	if (a->json || a->quiet)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		json_set_string(heading, headings[i][0], headings[i][1]);
	return table_print(&app->out,
		a->format ? a->format
			  : "table {{.ID}}\t{{.Name}}\t{{.Size}}\t{{.Limit}}\t{{.LastUsed}}",
		heading, rows, 0, err);
}

struct rm_args {
	bool all;
};

static const struct opt rm_options[] = {
	OPT_BOOL('a', "all", struct rm_args, all),
	OPT_END,
};

static int rm_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct rm_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_STRV struct strv names = STRV_INIT;

	if (a->all == (rest->n > 0))
		return err_set(err, ERR_INVALID,
			a->all ? "'--all' takes no cache mounts by name"
			       : "name the cache mounts to remove, or say '--all'");
	int r = app_store(app, 0, &s, err);
	if (r == 0 && a->all)
		r = cache_mount_list(s, &names, err);
	STRV_FOREACH (text, rest)
		if (r == 0)
			r = cache_mount_find(s, *text, &names, err);
	if (r < 0)
		return r;
	STRV_FOREACH (name, &names) {
		struct err why = ERR_INIT;
		if (cache_mount_remove(s, *name, &why) == 0) {
			out_printf(&app->out, "%s\n", *name);
			continue;
		}
		/* one that a build uses keeps none of the others */
		if (r < 0)
			out_earlier_error(&app->out, err);
		*err = why;
		r = why.code;
	}
	return r;
}

static int cache_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	(void)args;
	return help_print_family(&app->out, "cache", rest, err);
}

static int limit_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	const char *size = rest->v[1];
	uint64_t bytes = 0;

	(void)args;
	if (!streq(size, "none") && (!num_size(size, &bytes) || !bytes))
		return err_set(
			err, ERR_INVALID, "'%s' is no size; 'none' takes the limit away", size);
	int r = app_store(app, 0, &s, err);
	return r < 0 ? r : cache_limit_set(s, rest->v[0], bytes, err);
}

static const struct opt no_options[] = {OPT_END};

const struct cmd cmd_cache_limit = {
	.name = "cache-limit",
	.options = no_options,
	.min_args = 2,
	.max_args = 2,
	.run = limit_run,
};

const struct cmd cmd_cache = {
	.name = "cache",
	.options = no_options,
	.max_args = CMD_ANY,
	.run = cache_run,
};

const struct cmd cmd_cache_ls = {
	.name = "cache-ls",
	.aliases = "cache-list",
	.options = ls_options,
	.args_size = sizeof(struct ls_args),
	.flags = CMD_USERNS,
	.run = ls_run,
};

const struct cmd cmd_cache_rm = {
	.name = "cache-rm",
	.options = rm_options,
	.args_size = sizeof(struct rm_args),
	.max_args = CMD_ANY,
	.flags = CMD_USERNS,
	.run = rm_run,
};
