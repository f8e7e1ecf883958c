/* SPDX-License-Identifier: Apache-2.0 */
/* containers: the working containers. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/cmd.h"
#include "cmd/table.h"
#include "store/containers.h"
#include "store/store.h"

#define SHORT_ID 12
#define FULL_ID 64
#define NAME_MAX_SHOWN 32

struct containers_args {
	bool json, noheading, notruncate, quiet;
	const char *format;
	struct strv filters;
};

static const struct opt containers_options[] = {
	OPT_STRV('f', "filter", struct containers_args, filters),
	OPT_STRING(0, "format", struct containers_args, format),
	OPT_BOOL(0, "json", struct containers_args, json),
	OPT_BOOL('n', "noheading", struct containers_args, noheading),
	OPT_BOOL(0, "notruncate", struct containers_args, notruncate),
	OPT_ALIAS(0, "no-trunc", "notruncate"),
	OPT_BOOL('q', "quiet", struct containers_args, quiet),
	OPT_IGNORED_BOOL('a', "all"),
	OPT_END,
};

static const char *image_id(const struct container *c, char buf[DIGEST_STR_MAX])
{
	return c->scratch ? "" : digest_hex(&c->image_id, buf);
}

/* --- which --- */

static bool fits_name(const char *have, const char *want)
{
	return strstr(have, want) != NULL;
}

/* buildah's: id, name, ancestor */
static int fits(const struct container *c, const struct strv *filters, bool *ret, struct err *err)
{
	char id[DIGEST_STR_MAX];

	*ret = true;
	STRV_FOREACH (f, filters) {
		const char *value = strchr(*f, '=');
		size_t n = value ? (size_t)(value - *f) : 0;
		if (!value)
			return err_set(
				err, ERR_INVALID, "option '--filter': '%s' is not NAME=VALUE", *f);
		value++;
		if (n == 2 && !strncmp(*f, "id", n))
			*ret &= str_has_prefix(c->id, value);
		else if (n == 4 && !strncmp(*f, "name", n))
			*ret &= fits_name(c->name, value);
		else if (n == 8 && !strncmp(*f, "ancestor", n))
			*ret &= fits_name(c->image_name, value) ||
			        (*value && str_has_prefix(image_id(c, id), value));
		else
			return err_set(err, ERR_INVALID,
				"option '--filter': '%s' is not one of 'ancestor', 'id', 'name'",
				*f);
	}
	return 0;
}

/* --- as what --- */

static struct json *document(const struct container *c)
{
	struct json *o = json_new_object();
	char id[DIGEST_STR_MAX];

	json_set_string(o, "id", c->id);
	json_set(o, "builder", json_new_bool(true));
	json_set_string(o, "imageid", image_id(c, id));
	json_set_string(o, "imagename", c->image_name);
	json_set_string(o, "containername", c->name);
	return o;
}

static struct json *row(const struct container *c, bool truncate)
{
	struct json *o = json_new_object();
	char id[DIGEST_STR_MAX];
	int n = truncate ? SHORT_ID : FULL_ID;
	AUTO_FREE char *short_id = xasprintf("%.*s", n, c->id);
	AUTO_FREE char *short_image = xasprintf("%.*s", n, image_id(c, id));
	AUTO_FREE char *name = truncate && strlen(c->image_name) > NAME_MAX_SHOWN
	                               ? xasprintf("%.*s...", NAME_MAX_SHOWN - 3, c->image_name)
	                               : xstrdup(c->image_name);

	json_set_string(o, "ContainerID", short_id);
	json_set_string(o, "Builder", "   *");
	json_set_string(o, "ImageID", short_image);
	json_set_string(o, "ImageName", name);
	json_set_string(o, "ContainerName", c->name);
	/* docker's and podman's names of the same */
	json_set_string(o, "ID", short_id);
	json_set_string(o, "Image", name);
	json_set_string(o, "Names", c->name);
	json_set(o, "Labels", json_new_map(&c->config.labels));
	return o;
}

static void print_table(struct app *app, struct json *rows, const struct containers_args *a)
{
	int n = a->notruncate ? FULL_ID : SHORT_ID;
	int first = a->notruncate ? n : n + 1; /* as buildah has it */

	if (!a->noheading)
		out_printf(&app->out, "%-*s %-8s %-*s %-32s %s\n", first, "CONTAINER ID", "BUILDER",
			n, "IMAGE ID", "IMAGE NAME", "CONTAINER NAME");
	for (size_t i = 0; i < json_size(rows); i++) {
		struct json *r = json_at(rows, i);
		out_printf(&app->out, "%-*s %-8s %-*s %-32s %s\n", first,
			json_text(json_get(r, "ContainerID")), json_text(json_get(r, "Builder")), n,
			json_text(json_get(r, "ImageID")), json_text(json_get(r, "ImageName")),
			json_text(json_get(r, "ContainerName")));
	}
}

static int print_format(
	struct app *app, struct json *rows, const struct containers_args *a, struct err *err)
{
	AUTO_JSON struct json *heading = json_new_object();

	json_set_string(heading, "ContainerID", "CONTAINER ID");
	json_set_string(heading, "Builder", "BUILDER");
	json_set_string(heading, "ImageID", "IMAGE ID");
	json_set_string(heading, "ImageName", "IMAGE NAME");
	json_set_string(heading, "ContainerName", "CONTAINER NAME");
	json_set_string(heading, "ID", "CONTAINER ID");
	json_set_string(heading, "Image", "IMAGE");
	json_set_string(heading, "Names", "NAMES");
	json_set_string(heading, "Labels", "LABELS");
	return table_print(&app->out, a->format, heading, rows,
		TABLE_BLANKS | (a->noheading ? TABLE_NO_HEADING : 0), err);
}

static int print(struct app *app, const struct containers *l, const struct containers_args *a,
	struct err *err)
{
	AUTO_JSON struct json *rows = json_new_array(), *documents = json_new_array();

	for (size_t i = 0; i < l->n; i++) {
		bool wanted;
		int r = fits(&l->c[i], &a->filters, &wanted, err);
		if (r < 0)
			return r;
		if (!wanted)
			continue;
		json_add(documents, document(&l->c[i]));
		/* a template gets what it asks for, whole */
		json_add(rows, row(&l->c[i], !a->notruncate && !a->format));
		if (a->quiet && !a->json)
			out_printf(&app->out, "%s\n", l->c[i].id);
	}
	if (a->json && !json_size(documents))
		out_printf(&app->out, "null\n");
	else if (a->json)
		out_json(&app->out, documents);
	else if (a->format)
		return print_format(app, rows, a, err);
	else if (!a->quiet)
		print_table(app, rows, a);
	return 0;
}

static int containers_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct containers_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_CONTAINERS struct containers l = {0};
	bool unused;

	(void)rest;
	if (a->quiet && a->format)
		return err_set(err, ERR_INVALID, "'--quiet' and '--format' exclude each other");
	a->format = table_template(a->format);
	/* a wrong filter is wrong also where there is nothing to look at */
	AUTO_CONTAINER struct container none;
	container_init(&none);
	none.name = xstrdup("");
	none.image_name = xstrdup("");
	int r = fits(&none, &a->filters, &unused, err);
	if (r == 0)
		r = app_store(app, 0, &s, err);
	if (r == 0)
		r = containers_list(s, &l, err);
	return r < 0 ? r : print(app, &l, a, err);
}

const struct cmd cmd_containers = {
	.name = "containers",
	.aliases = "list ls ps",
	.options = containers_options,
	.args_size = sizeof(struct containers_args),
	.run = containers_run,
};
