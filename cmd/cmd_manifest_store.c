/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of images: what shows, sends and removes them. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/opt_groups.h"
#include "cmd/push.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "registry/repository.h"
#include "registry/transport.h"
#include "store/blobs.h"
#include "store/gc.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store.h"

static const struct opt no_options[] = {
	OPT_END,
};

static int find_list(
	struct store *s, const char *text, struct descriptor *ret, char **ret_ref, struct err *err)
{
	int r = image_find(s, text, ret, ret_ref, err);
	if (r == 0 && media_kind(ret->media_type) != MEDIA_INDEX)
		r = err_set(err, ERR_INVALID, "'%s' is an image, not a list of images", text);
	return r;
}

/* --- inspect, exists --- */

struct inspect_args {
	struct remote_args remote;
};

static const struct opt inspect_options[] = {
	OPT_GROUP(remote_options, struct inspect_args, remote),
	OPT_END,
};

static void inspect_init(void *args)
{
	struct remote_args *remote = &((struct inspect_args *)args)->remote;

	remote_args_init(remote);
	remote->env_unchecked = true;
}

/* Of the store, else of a registry, as buildah does. */
static int read_list(struct app *app, const struct inspect_args *a, const char *name,
	char **ret_text, size_t *ret_len, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_FREE char *ref = NULL;
	struct descriptor d = {0};
	struct remote_opts o;

	int r = str_has_prefix(name, "docker://") ? ERR_NOT_FOUND : app_store(app, 0, &s, err);
	if (r == 0)
		r = find_list(s, name, &d, &ref, err);
	if (r == 0)
		r = blob_read(s, &d, MANIFEST_MAX, ret_text, ret_len, err);
	descriptor_done(&d);
	if (r != ERR_NOT_FOUND && r != ERR_INVALID)
		return r;
	/* an image of the store is one of those that the registry has a list of, if it has one */
	struct err elsewhere = ERR_INIT;
	bool is_image = r == ERR_INVALID;
	r = remote_args_apply(app, &a->remote, &o, &elsewhere);
	if (r == 0)
		r = repository_manifest(name, &o, ret_text, ret_len, &elsewhere);
	if (r < 0 && is_image)
		return ERR_INVALID; /* as err says */
	*err = elsewhere;
	return r;
}

static int inspect_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_JSON struct json *j = NULL;
	size_t n;

	int r = read_list(app, args, rest->v[0], &text, &n, err);
	if (r == 0)
		r = json_parse(text, n, "index", &j, err);
	if (r == 0)
		out_json(&app->out, j);
	return r;
}

const struct cmd cmd_manifest_inspect = {
	.name = "manifest-inspect",
	.options = inspect_options,
	.args_size = sizeof(struct inspect_args),
	.min_args = 1,
	.max_args = 1,
	.init = inspect_init,
	.run = inspect_run,
};

static int exists_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_FREE char *ref = NULL;
	struct descriptor d = {0};
	(void)args;
	int r = app_store(app, 0, &s, err);
	if (r < 0)
		return r;
	r = find_list(s, rest->v[0], &d, &ref, err);
	descriptor_done(&d);
	if (r != ERR_NOT_FOUND)
		return r;
	err_clear(err);
	return 1;
}

const struct cmd cmd_manifest_exists = {
	.name = "manifest-exists",
	.options = no_options,
	.min_args = 1,
	.max_args = 1,
	.run = exists_run,
};

/* --- rm --- */

static int still_named(struct store *s, const struct digest *d, bool *ret, struct err *err)
{
	struct names names;
	int r = names_list_all(s, &names, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names.count; i++)
		*ret |= digest_equal(&names.n[i].manifest.digest, d);
	names_done(&names);
	return 0;
}

/* The list itself goes with its last name. */
static int remove_one(struct app *app, struct store *s, const char *text, struct err *err)
{
	AUTO_FREE char *ref = NULL;
	AUTO_STRV struct strv refs = STRV_INIT;
	struct descriptor d = {0};
	char id[DIGEST_STR_MAX];
	bool named = false;
	int r = find_list(s, text, &d, &ref, err);
	if (r == 0 && ref) {
		r = name_remove(s, ref, false, err);
		strv_add(&refs, ref);
	} else if (r == 0) {
		r = names_remove_manifest(s, &d.digest, &refs, err);
	}
	if (r == 0) {
		STRV_FOREACH (name, &refs)
			out_printf(&app->out, "untagged: %s\n", *name);
	}
	if (r == 0)
		r = still_named(s, &d.digest, &named, err);
	if (r == 0 && !named)
		out_printf(&app->out, "%s\n", digest_hex(&d.digest, id));
	descriptor_done(&d);
	return r;
}

static int collect(struct store *s, struct err *err)
{
	const struct gc_opts opts = {0};
	struct gc_result result;
	return store_gc(s, &opts, &result, NULL, err);
}

static int rm_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	(void)args;
	int r = app_store(app, 0, &s, err);
	for (size_t i = 0; r == 0 && i < rest->n; i++)
		r = remove_one(app, s, rest->v[i], err);
	return r < 0 ? r : collect(s, err);
}

const struct cmd cmd_manifest_rm = {
	.name = "manifest-rm",
	.options = no_options,
	.min_args = 1,
	.max_args = CMD_ANY,
	.flags = CMD_USERNS,
	.run = rm_run,
};

/* --- push --- */

struct args {
	int all;
	struct push_args push;
};

static const struct opt options[] = {
	OPT_TRISTATE(0, "all", struct args, all),
	OPT_GROUP(push_options, struct args, push),
	OPT_ALIAS('p', "purge", "rm"),
	OPT_STRV(0, "add-compression", struct args, push.add_compression),
	OPT_END,
};

static void push_init(void *args)
{
	struct args *a = args;
	push_args_init(&a->push);
	a->all = -1;
}

static int push_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_FREE char *ref = NULL;
	struct descriptor d = {0};
	if (a->all == 0 && a->push.add_compression.n)
		return err_set(err, ERR_INVALID,
			"'--add-compression' makes images: it cannot be combined with "
			"'--all=false'");
	if (a->all != 0 && !a->push.add_compression.n)
		strv_copy(&a->push.add_compression, &app->conf.add_compression);
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = find_list(s, rest->v[0], &d, &ref, err);
	if (r == 0 && rest->n == 1 && !ref)
		r = err_set(err, ERR_INVALID, "'%s' is an ID: say where to push it to", rest->v[0]);
	if (r == 0)
		r = push_send(app, s, &a->push, &d, a->all == 0, ref,
			rest->n > 1 ? rest->v[1] : ref, err);
	if (r == 0 && a->push.rm) {
		r = names_remove_manifest(s, &d.digest, NULL, err);
		if (r == 0)
			r = collect(s, err);
	}
	descriptor_done(&d);
	return r;
}

const struct cmd cmd_manifest_push = {
	.name = "manifest-push",
	.options = options,
	.args_size = sizeof(struct args),
	.min_args = 1,
	.max_args = 2,
	.flags = CMD_USERNS,
	.init = push_init,
	.run = push_run,
};
