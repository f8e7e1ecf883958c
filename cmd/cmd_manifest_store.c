/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of images: what shows, sends and removes them. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/opt_groups.h"
#include "image/manifest.h"
#include "image/media_type.h"
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

static int inspect_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_FREE char *ref = NULL, *text = NULL;
	AUTO_JSON struct json *j = NULL;
	struct descriptor d = {0};
	size_t n;
	(void)args;
	int r = app_store(app, false, &s, err);
	if (r == 0)
		r = find_list(s, rest->v[0], &d, &ref, err);
	if (r == 0)
		r = blob_read(s, &d, MANIFEST_MAX, &text, &n, err);
	if (r == 0)
		r = json_parse(text, n, "index", &j, err);
	if (r == 0)
		out_json(&app->out, j);
	descriptor_done(&d);
	return r;
}

const struct cmd cmd_manifest_inspect = {
	.name = "manifest-inspect",
	.options = no_options,
	.min_args = 1,
	.max_args = 1,
	.run = inspect_run,
};

static int exists_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_FREE char *ref = NULL;
	struct descriptor d = {0};
	(void)args;
	int r = app_store(app, false, &s, err);
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

static int remove_one(struct app *app, struct store *s, const char *text, struct err *err)
{
	AUTO_FREE char *ref = NULL;
	AUTO_STRV struct strv refs = STRV_INIT;
	struct descriptor d = {0};
	char id[DIGEST_STR_MAX];
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
		out_printf(&app->out, "%s\n", digest_hex(&d.digest, id));
	}
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
	int r = app_store(app, false, &s, err);
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

struct push_args {
	int all;
	bool quiet, rm;
	const char *digestfile, *format;
	struct remote_args remote;
};

static const struct opt push_options[] = {
	OPT_TRISTATE(0, "all", struct push_args, all),
	OPT_STRING(0, "digestfile", struct push_args, digestfile),
	OPT_STRING('f', "format", struct push_args, format),
	OPT_BOOL('q', "quiet", struct push_args, quiet),
	OPT_BOOL(0, "rm", struct push_args, rm),
	OPT_GROUP(remote_options, struct push_args, remote),
	OPT_IGNORED_BOOL(0, "remove-signatures"),
	OPT_IGNORED(0, "signature-policy"),
	OPT_REFUSED_WHY(0, "add-compression", "layers are sent as they are stored"),
	OPT_REFUSED_WHY(0, "compression-format", "layers are sent as they are stored"),
	OPT_REFUSED_WHY(0, "compression-level", "layers are sent as they are stored"),
	OPT_REFUSED_WHY(0, "force-compression", "layers are sent as they are stored"),
	OPT_REFUSED_WHY(0, "sign-by", "images are not signed"),
	OPT_END,
};

static void push_init(void *args)
{
	struct push_args *a = args;
	remote_args_init(&a->remote);
	a->all = -1;
}

static int send(struct app *app, struct store *s, const struct push_args *a,
	const struct descriptor *d, const char *ref, const char *where, struct err *err)
{
	struct push_opts o = {.quiet = a->quiet, .index_only = a->all == 0};
	struct digest digest;
	char text[DIGEST_STR_MAX];
	if (a->format && streq(a->format, "oci"))
		o.format = PUSH_FORMAT_OCI;
	else if (a->format && (streq(a->format, "v2s2") || streq(a->format, "docker")))
		o.format = PUSH_FORMAT_DOCKER;
	else if (a->format)
		return err_set(err, ERR_INVALID,
			"option '--format': '%s' is not one of 'oci', 'v2s2'", a->format);
	if (remote_args_apply(app, &a->remote, &o.remote, err) < 0)
		return err->code;
	o.progress = out_progress(&app->out, a->quiet ? PROGRESS_QUIET : PROGRESS_AUTO);
	int r = image_push(s, d, ref, where, &o, &digest, err);
	out_progress_done(&app->out);
	if (r < 0 || !a->digestfile)
		return r;
	digest_str(&digest, text);
	return fs_write_output(a->digestfile, text, strlen(text), 0644, false, err);
}

static int push_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct push_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_FREE char *ref = NULL;
	struct descriptor d = {0};
	int r = app_store(app, false, &s, err);
	if (r == 0)
		r = find_list(s, rest->v[0], &d, &ref, err);
	if (r == 0 && rest->n == 1 && !ref)
		r = err_set(err, ERR_INVALID, "'%s' is an ID: say where to push it to", rest->v[0]);
	if (r == 0)
		r = send(app, s, a, &d, ref, rest->n > 1 ? rest->v[1] : ref, err);
	if (r == 0 && a->rm) {
		r = names_remove_manifest(s, &d.digest, NULL, err);
		if (r == 0)
			r = collect(s, err);
	}
	descriptor_done(&d);
	return r;
}

const struct cmd cmd_manifest_push = {
	.name = "manifest-push",
	.options = push_options,
	.args_size = sizeof(struct push_args),
	.min_args = 1,
	.max_args = 2,
	.flags = CMD_USERNS,
	.init = push_init,
	.run = push_run,
};
