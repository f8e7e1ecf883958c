/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image_get.h"

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/opt_groups.h"
#include "registry/list_fetch.h"
#include "registry/transport.h"
#include "store/images.h"
#include "store/names.h"

static bool is_for(struct store *s, const struct descriptor *top, const struct platform *want)
{
	AUTO_IMAGE struct image image = {0};
	struct err ignored = ERR_INIT;
	return image_load(s, top, want, &image, &ignored) == 0 &&
	       platform_match(want, &image.config.platform) >= 0;
}

/* "sha256:..." alone: no registry knows an image by its config. */
static bool is_id(const char *text)
{
	struct digest d;
	struct err ignored = ERR_INIT;
	return digest_parse(text, &d, &ignored) == 0;
}

/* Pulls text; *top and *ref become what came. */
static int fetch(struct app *app, struct store *s, const struct image_get_args *a, const char *text,
	struct pull_opts *o, struct descriptor *top, char **ref, struct err *err)
{
	struct pulled pulled = {0};
	if (remote_args_apply(app, a->remote, &o->remote, err) < 0)
		return err->code;
	if (called_buildah() && !a->quiet && o->policy != PULL_NEVER)
		out_note(&app->out, "Getting image source signatures");
	o->progress = out_progress(&app->out, a->quiet ? PROGRESS_NONE : PROGRESS_AUTO);
	int r = image_pull(s, text, o, &pulled, err);
	out_progress_done(&app->out);
	if (r == 0) {
		descriptor_done(top);
		descriptor_copy(top, &pulled.top);
		mem_replace(ref, pulled.ref ? xstrdup(pulled.ref) : NULL);
	}
	pulled_done(&pulled);
	return r;
}

/* What a list has left elsewhere of it. */
static int fetch_left(struct app *app, struct store *s, const struct image_get_args *a,
	const struct image *image, struct err *err)
{
	struct remote_opts remote;

	if (!list_has_left(s, &image->manifest_desc))
		return 0;
	int r = remote_args_apply(app, a->remote, &remote, err);
	return r < 0 ? r : list_fetch(s, &image->manifest_desc, &remote, NULL, err);
}

void image_get_warn(struct app *app, const struct image *image, const struct platform *want)
{
	const struct platform *have = &image->config.platform;
	char is[128], wanted[128];
	struct platform host;

	platform_host(&host);
	want = want ? want : &host;
	if (*have->arch && platform_match(want, have) < 0)
		out_warn(&app->out, "image platform (%s) does not match the expected platform (%s)",
			platform_str(have, is), platform_str(want, wanted));
}

/* An ID is never pulled; a name is, as the policy says. */
int image_get(struct app *app, struct store *s, const struct image_get_args *a, const char *text,
	struct image *ret, char **ret_ref, struct err *err)
{
	struct pull_opts o = {0};
	struct descriptor top = {0};
	AUTO_FREE char *ref = NULL;
	struct err not_here = ERR_INIT;

	if (a->pull && !pull_policy_parse(a->pull, &o.policy))
		return err_set(err, ERR_INVALID,
			"option '--pull': '%s' is not one of 'always', 'missing', 'never', 'newer'",
			a->pull);
	int r = platform_args_get(a->platform, &o.platform, &o.has_platform, err);
	if (r < 0)
		return r;
	bool here = image_find_named(s, text, &top, &ref, &not_here) == 0;
	bool by_id = here && !ref;
	if (!here && is_id(text)) {
		*err = not_here;
		return err->code;
	}
	if (here && o.has_platform && !is_for(s, &top, &o.platform)) {
		if (by_id)
			r = err_set(err, ERR_UNSUPPORTED, "'%s' is not for that platform", text);
		here = false;
	}
	if (here)
		name_used(s, &top);
	bool anew = !by_id && (o.policy == PULL_ALWAYS || o.policy == PULL_NEWER);
	if (r == 0 && (!here || anew))
		r = fetch(app, s, a, text, &o, &top, &ref, err);
	if (r == 0)
		r = image_load(s, &top, o.has_platform ? &o.platform : NULL, ret, err);
	descriptor_done(&top);
	if (r == 0)
		image_get_warn(app, ret, o.has_platform ? &o.platform : NULL);
	if (r == 0)
		r = fetch_left(app, s, a, ret, err);
	if (r == 0)
		r = image_unpack(s, ret, NULL, err);
	if (r == 0 && ret_ref)
		*ret_ref = take(ref);
	return r;
}
