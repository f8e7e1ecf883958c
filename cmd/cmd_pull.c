/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/image_get.h"
#include "cmd/opt_groups.h"
#include "registry/repository.h"
#include "registry/transport.h"
#include "store/images.h"
#include "store/store.h"

struct pull_args {
	bool quiet, all_platforms, all_tags;
	const char *policy;
	struct remote_args remote;
	struct platform_args platform;
};

static const struct opt pull_options[] = {
	OPT_BOOL(0, "all-platforms", struct pull_args, all_platforms),
	OPT_BOOL('a', "all-tags", struct pull_args, all_tags),
	OPT_STRING(0, "policy", struct pull_args, policy),
	OPT_BOOL('q', "quiet", struct pull_args, quiet),
	OPT_GROUP(remote_options, struct pull_args, remote),
	OPT_UINT(0, "layer-ratio", struct pull_args, remote.layer_ratio),
	OPT_GROUP(platform_options, struct pull_args, platform),
	OPT_STRING(0, "blob-cache", struct pull_args, remote.blob_cache),
	OPT_IGNORED_BOOL(0, "remove-signatures"),
	OPT_STRV(0, "decryption-key", struct pull_args, remote.decryption_keys),
	OPT_STRING(0, "signature-policy", struct pull_args, remote.signature_policy),
	OPT_END,
};

static void pull_init(void *args)
{
	remote_args_init(&((struct pull_args *)args)->remote);
}

/* The image's ID, or that of the index when none of its images is for us. */
static void print_id(
	struct app *app, struct store *s, const struct pulled *p, const struct platform *platform)
{
	struct err ignored = ERR_INIT;
	struct image image;
	char hex[DIGEST_STR_MAX];

	if (image_load(s, &p->top, platform, &image, &ignored) < 0) {
		out_printf(&app->out, "%s\n", digest_hex(&p->top.digest, hex));
		return;
	}
	image_get_warn(app, &image, platform);
	out_printf(&app->out, "%s\n", digest_hex(&image.id, hex));
	image_done(&image);
}

static int pull_one(struct app *app, struct store *s, const char *location,
	const struct pull_args *a, struct pull_opts *o, struct err *err)
{
	struct pulled pulled = {0};

	o->progress = out_progress(&app->out, a->quiet ? PROGRESS_NONE : PROGRESS_AUTO);
	int r = image_pull(s, location, o, &pulled, err);
	out_progress_done(&app->out);
	if (r < 0)
		return r;
	print_id(app, s, &pulled, o->has_platform ? &o->platform : NULL);
	pulled_done(&pulled);
	return 0;
}

/* Tags under which tools keep signatures and lists are passed over: there is no image behind them.
 */
static int pull_tags(struct app *app, struct store *s, const char *name, const struct pull_args *a,
	struct pull_opts *o, struct err *err)
{
	AUTO_STRV struct strv tags = STRV_INIT;
	AUTO_FREE char *repository = NULL;

	int r = repository_tags(name, &o->remote, &repository, &tags, err);
	if (r == ERR_UNSUPPORTED && !repository)
		return err_set(err, r, "'%s': pulling all tags is not supported for %.*s transport",
			name, (int)strcspn(name, ":"), name);
	STRV_FOREACH (tag, &tags) {
		if (r < 0)
			break;
		if (repository_tag_is_technical(*tag))
			continue;
		AUTO_FREE char *location = xasprintf("docker://%s:%s", repository, *tag);
		r = pull_one(app, s, location, a, o, err);
	}
	return r;
}

static int pull_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct pull_args *a = args;
	AUTO_STORE struct store *s = NULL;
	struct pull_opts o = {.all_platforms = a->all_platforms, .blobs = true};

	if (a->policy && !pull_policy_parse(a->policy, &o.policy))
		return err_set(err, ERR_INVALID,
			"option '--policy': unsupported pull policy \"%s\": it is not one of "
			"'always', 'missing', 'never', 'newer'",
			a->policy);
	int r = platform_args_get(&a->platform, &o.platform, &o.has_platform, err);
	if (r < 0)
		return r;
	if (a->all_platforms && o.has_platform)
		return err_set(
			err, ERR_INVALID, "'--all-platforms' cannot be combined with a platform");
	r = app_store(app, 0, &s, err);
	if (r < 0)
		return r;
	if (remote_args_apply(app, &a->remote, &o.remote, err) < 0)
		return err->code;
	return a->all_tags ? pull_tags(app, s, rest->v[0], a, &o, err)
	                   : pull_one(app, s, rest->v[0], a, &o, err);
}

const struct cmd cmd_pull = {
	.name = "pull",
	.options = pull_options,
	.args_size = sizeof(struct pull_args),
	.min_args = 1,
	.max_args = 1,
	.flags = CMD_USERNS | CMD_AGAIN | CMD_COLLECT | CMD_BUILDAH_WORDS,
	.init = pull_init,
	.run = pull_run,
};
