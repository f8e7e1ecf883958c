/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/table.h"
#include "cmd/text.h"
#include "store/images.h"
#include "store/layer_size.h"
#include "store/store.h"

#define SHORT_ID 12
#define CREATED_BY_MAX 45 /* columns, as docker */

struct history_args {
	bool no_trunc, quiet, human, json;
	const char *format;
};

static const struct opt history_options[] = {
	OPT_STRING(0, "format", struct history_args, format),
	OPT_BOOL('H', "human", struct history_args, human),
	OPT_BOOL(0, "json", struct history_args, json),
	OPT_BOOL(0, "no-trunc", struct history_args, no_trunc),
	OPT_BOOL('q', "quiet", struct history_args, quiet),
	OPT_END,
};

static void history_init(void *args)
{
	((struct history_args *)args)->human = true;
}

static char *shortened(const char *s, bool no_trunc)
{
	AUTO_FREE char *clean = text_clean(s, strlen(s), 0);

	for (char *c = clean; *c; c++)
		if (*c == '\t')
			*c = ' '; /* a tab would begin a column */
	if (no_trunc || text_width(clean) <= CREATED_BY_MAX)
		return take(clean);
	return xasprintf("%.*s...", (int)text_fit(clean, CREATED_BY_MAX - 3), clean);
}

/* id: of the image for its newest entry, NULL for the others, which are images nowhere */
static struct json *row(const struct history *h, const struct digest *id, uint64_t size,
	const struct history_args *a)
{
	struct json *o = json_new_object();
	char hex[DIGEST_STR_MAX] = "<missing>", num[TEXT_NUM_MAX];
	struct timespec t = {0};
	const char *created_by = h->created_by ? h->created_by : "";
	AUTO_FREE char *text = shortened(created_by, a->no_trunc || a->json);
	bool known = h->created && clock_parse(h->created, &t);
	char at[CLOCK_STR_MAX] = "";

	if (id && a->no_trunc)
		digest_str(id, hex);
	else if (id)
		digest_hex(id, hex)[SHORT_ID] = '\0';
	AUTO_FREE char *age =
		known ? xasprintf("%s ago", text_age(clock_now().tv_sec - t.tv_sec, num))
		      : xstrdup("N/A");
	json_set_string(o, "ID", hex);
	if (known) /* in whole seconds, as docker and podman */
		clock_format((struct timespec){.tv_sec = t.tv_sec}, at);
	json_set_string(o, "CreatedAt", at);
	json_set_string(o, "CreatedSince", a->human || !known ? age : at);
	json_set_string(o, "Created", a->human || !known ? age : at); /* podman's */
	json_set_string(o, "CreatedBy", text);
	if (!a->human)
		(void)snprintf(num, sizeof(num), "%llu", (unsigned long long)size);
	json_set_string(o, "Size", a->human ? text_size(size, num) : num);
	AUTO_FREE char *comment = shortened(h->comment ? h->comment : "", true);
	json_set_string(o, "Comment", comment);
	return o;
}

/* Newest first. Entries and layers are matched as image-spec config.md says: those that are not
 * empty have one each. */
static struct json *rows_of(
	struct store *s, const struct image *image, const struct history_args *a)
{
	struct json *rows = json_new_array();
	const struct image_config *c = &image->config;
	size_t layer = image->manifest.n_layers;

	for (size_t i = c->n_history; i-- > 0;) {
		const struct history *h = &c->history[i];
		uint64_t size = 0;
		if (!h->empty_layer && layer > 0) {
			layer--;
			size = layer_size(s, &image->manifest.layers[layer], &c->diff_ids[layer]);
		}
		json_add(rows, row(h, i + 1 == c->n_history ? &image->id : NULL, size, a));
	}
	return rows;
}

static int print_rows(
	struct out *out, struct json *rows, const struct history_args *a, struct err *err)
{
	AUTO_JSON struct json *heading = json_new_object();
	static const char *const headings[][2] = {
		{"ID", "IMAGE"},
		{"CreatedSince", "CREATED"},
		{"CreatedAt", "CREATED AT"},
		{"Created", "CREATED"},
		{"CreatedBy", "CREATED BY"},
		{"Size", "SIZE"},
		{"Comment", "COMMENT"},
	};

	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		json_set_string(heading, headings[i][0], headings[i][1]);
	if (a->format)
		return table_print(out, a->format, heading, rows, 0, err);
	return table_print(out,
		"table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
		heading, rows, 0, err);
}

static int history_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct history_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_IMAGE struct image image = {0};

	a->format = table_template(a->format);
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = image_find_loaded(s, rest->v[0], &image, NULL, err);
	if (r < 0)
		return r;
	AUTO_JSON struct json *rows = rows_of(s, &image, a);
	if (a->json)
		out_json(&app->out, rows);
	else if (a->quiet)
		r = table_print(&app->out, "{{.ID}}", NULL, rows, 0, err);
	else
		r = print_rows(&app->out, rows, a, err);
	return r;
}

const struct cmd cmd_history = {
	.name = "history",
	.options = history_options,
	.args_size = sizeof(struct history_args),
	.min_args = 1,
	.max_args = 1,
	.init = history_init,
	.run = history_run,
};
