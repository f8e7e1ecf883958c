/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a registry, without the store: list-tags, referrers, delete; registry check. */
#include <string.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/help_print.h"
#include "cmd/opt_groups.h"
#include "cmd/text.h"
#include "image/reference.h"
#include "registry/login.h"
#include "registry/repository.h"

struct list_args {
	bool json;
	const char *artifact_type;
	struct remote_args remote;
};

static void list_init(void *args)
{
	remote_args_init(&((struct list_args *)args)->remote);
}

static void print_json(struct app *app, const struct json *j)
{
	AUTO_FREE char *text = json_dump(j, 4);
	out_printf(&app->out, "%s\n", text);
}

/* --- list-tags ------------------------------------------------------------------------------- */

static const struct opt list_tags_options[] = {
	OPT_BOOL(0, "json", struct list_args, json),
	OPT_GROUP(remote_options, struct list_args, remote),
	OPT_END,
};

/* skopeo's document */
static void print_tags(struct app *app, const char *repository, const struct strv *tags)
{
	AUTO_JSON struct json *j = json_new_object();
	json_set_string(j, "Repository", repository);
	json_set(j, "Tags", json_new_strv(tags));
	print_json(app, j);
}

static int list_tags_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct list_args *a = args;
	struct remote_opts o;
	AUTO_STRV struct strv tags = STRV_INIT;
	AUTO_FREE char *repository = NULL;

	int r = remote_args_apply(app, &a->remote, &o, err);
	if (r == 0)
		r = repository_tags(rest->v[0], &o, &repository, &tags, err);
	if (r < 0)
		return r;
	if (a->json) {
		print_tags(app, repository, &tags);
		return 0;
	}
	STRV_FOREACH (tag, &tags)
		out_printf(&app->out, "%s\n", *tag);
	return 0;
}

const struct cmd cmd_list_tags = {
	.name = "list-tags",
	.options = list_tags_options,
	.args_size = sizeof(struct list_args),
	.min_args = 1,
	.max_args = 1,
	.init = list_init,
	.run = list_tags_run,
};

/* --- referrers ------------------------------------------------------------------------------- */

static const struct opt referrers_options[] = {
	OPT_STRING(0, "artifact-type", struct list_args, artifact_type),
	OPT_BOOL(0, "json", struct list_args, json),
	OPT_GROUP(remote_options, struct list_args, remote),
	OPT_END,
};

static int referrers_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct list_args *a = args;
	struct remote_opts o;
	AUTO_JSON struct json *index = NULL;

	int r = remote_args_apply(app, &a->remote, &o, err);
	if (r == 0)
		r = repository_referrers(rest->v[0], a->artifact_type, &o, &index, err);
	if (r < 0)
		return r;
	if (a->json) {
		print_json(app, index);
		return 0;
	}
	const struct json *list = json_get(index, "manifests");
	for (size_t i = 0; i < json_size(list); i++) {
		const char *type = json_text(json_get(json_at(list, i), "artifactType"));
		AUTO_FREE char *shown = type ? text_clean(type, strlen(type), 0) : xstrdup("-");
		out_printf(&app->out, "%s %s\n", json_text(json_get(json_at(list, i), "digest")),
			shown);
	}
	return 0;
}

const struct cmd cmd_referrers = {
	.name = "referrers",
	.options = referrers_options,
	.args_size = sizeof(struct list_args),
	.min_args = 1,
	.max_args = 1,
	.init = list_init,
	.run = referrers_run,
};

/* --- delete ---------------------------------------------------------------------------------- */

struct delete_args {
	struct remote_args remote;
};

static const struct opt delete_options[] = {
	OPT_GROUP(remote_options, struct delete_args, remote),
	OPT_END,
};

static void delete_init(void *args)
{
	remote_args_init(&((struct delete_args *)args)->remote);
}

static int delete_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct delete_args *a = args;
	struct remote_opts o;
	struct digest gone;
	char text[DIGEST_STR_MAX];

	int r = remote_args_apply(app, &a->remote, &o, err);
	if (r == 0)
		r = repository_delete(rest->v[0], &o, &gone, err);
	if (r == 0)
		out_printf(&app->out, "%s\n", digest_str(&gone, text));
	return r;
}

const struct cmd cmd_delete = {
	.name = "delete-image",
	.options = delete_options,
	.args_size = sizeof(struct delete_args),
	.min_args = 1,
	.max_args = 1,
	.init = delete_init,
	.run = delete_run,
};

/* --- registry check -------------------------------------------------------------------------- */

/* Each place is asked once: without --retry. */
static const struct opt check_options[] = {
	OPT_BOOL(0, "json", struct list_args, json),
	OPT_STRING(0, "authfile", struct list_args, remote.authfile),
	OPT_STRING(0, "creds", struct list_args, remote.creds),
	OPT_STRING(0, "cert-dir", struct list_args, remote.cert_dir),
	OPT_TRISTATE(0, "tls-verify", struct list_args, remote.tls_verify),
	OPT_STRING(0, "stall-timeout", struct list_args, remote.stall_timeout),
	OPT_END,
};

static void print_place(struct app *app, const struct json *place)
{
	static const char *const shown[] = {"connection", "certificates", "credentials", "answer"};

	out_printf(&app->out, "%s%s\n", json_text(json_get(place, "place")),
		json_bool(json_get(place, "mirror")) ? " (mirror)" : "");
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		out_printf(
			&app->out, "  %-14s%s\n", shown[i], json_text(json_get(place, shown[i])));
}

/* The registry itself is the last place: without its answer nothing can be pushed. */
static int check_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct list_args *a = args;
	struct remote_opts o;
	AUTO_JSON struct json *all = json_new_array();
	bool reached = false;

	int r = remote_args_apply(app, &a->remote, &o, err);
	for (size_t i = 0; r == 0; i++) {
		struct json *place = NULL;
		r = registry_check(rest->v[0], &o, i, &place, err);
		if (r < 0)
			break;
		reached = json_bool(json_get(place, "reached"));
		if (!a->json && i == 0)
			out_printf(&app->out, "configuration: %s\n",
				json_text(json_get(place, "configuration")));
		if (!a->json)
			print_place(app, place);
		json_remove(place, "id");
		json_remove(place, "ok");
		json_add(all, place);
	}
	if (r != ERR_NOT_FOUND || json_size(all) == 0)
		return r;
	err_clear(err);
	if (a->json)
		print_json(app, all);
	return reached ? 0
	               : err_set(err, ERR_NETWORK, "'%s' cannot be used as it is configured",
				 rest->v[0]);
}

const struct cmd cmd_registry_check = {
	.name = "registry-check",
	.options = check_options,
	.args_size = sizeof(struct list_args),
	.min_args = 1,
	.max_args = 1,
	.init = list_init,
	.run = check_run,
};

static int registry_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	(void)args;
	return help_print_family(&app->out, "registry", rest, err);
}

static const struct opt no_options[] = {OPT_END};

const struct cmd cmd_registry = {
	.name = "registry",
	.options = no_options,
	.max_args = CMD_ANY,
	.run = registry_run,
};
