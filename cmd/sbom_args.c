/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/sbom_args.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "build/sbom.h"
#include "build/sbom_opts.h"
#include "cmd/box_run.h"
#include "cmd/cmd.h"
#include "cmd/global.h"
#include "cmd/image_get.h"
#include "cmd/opt_groups.h"
#include "cmd/space.h"
#include "run/spec.h"
#include "store/images.h"

const struct opt sbom_options[] = {
	OPT_STRING(0, "sbom", struct sbom_args, preset),
	OPT_STRING(0, "sbom-image-output", struct sbom_args, image_output),
	OPT_STRING(0, "sbom-image-purl-output", struct sbom_args, image_purl_output),
	OPT_STRING(0, "sbom-merge-strategy", struct sbom_args, strategy),
	OPT_STRING(0, "sbom-output", struct sbom_args, output),
	OPT_STRING(0, "sbom-purl-output", struct sbom_args, purl_output),
	OPT_STRV(0, "sbom-scanner-command", struct sbom_args, commands),
	OPT_STRING(0, "sbom-scanner-image", struct sbom_args, image),
	OPT_END,
};

/* A script's variable that is not set says nothing. */
static const char *said(const char *text)
{
	return text && *text ? text : NULL;
}

bool sbom_args_given(const struct sbom_args *a)
{
	return said(a->preset) || said(a->image) || said(a->strategy) || a->commands.n ||
	       said(a->output) || said(a->purl_output) || said(a->image_output) ||
	       said(a->image_purl_output);
}

static int check_file(const char *option, const char *path, struct err *err)
{
	if (!path || fs_check_output(path, err) == 0)
		return 0;
	return err_wrap(err, "option '--%s'", option);
}

/* As buildah: a scanner of one's own has nothing of a preset, and without both it is syft. */
static int set_scanner(const struct sbom_args *a, struct sbom_opts *ret, struct err *err)
{
	bool own = said(a->image) || a->commands.n || said(a->strategy);
	if (!own || said(a->preset)) {
		if (sbom_preset(said(a->preset) ? a->preset : "syft", ret, err) < 0)
			return err->code;
		if (!own)
			return 0;
	}
	ret->image = said(a->image);
	ret->merge = SBOM_MERGE_NOT_SAID;
	strv_copy(&ret->commands, &a->commands);
	if (said(a->strategy) && !sbom_merge_parse(a->strategy, &ret->merge))
		return err_set(err, ERR_INVALID,
			"option '--sbom-merge-strategy': '%s' is not one of 'cat', "
			"'merge-cyclonedx-by-component-name-and-version', "
			"'merge-spdx-by-package-name-and-versioninfo'",
			a->strategy);
	return 0;
}

int sbom_args_apply(const struct sbom_args *a, struct sbom_opts *ret, struct err *err)
{
	if (set_scanner(a, ret, err) < 0)
		return err->code;
	ret->output = said(a->output);
	ret->purl_output = said(a->purl_output);
	ret->image_output = said(a->image_output);
	ret->image_purl_output = said(a->image_purl_output);
	if (sbom_opts_check(ret, err) < 0 || check_file("sbom-output", ret->output, err) < 0)
		return err->code;
	return check_file("sbom-purl-output", ret->purl_output, err);
}

/* What containers.conf and the environment say of boxes; nothing of the container's own. */
static int fill_box(struct app *app, struct run_spec *ret, struct err *err)
{
	struct box_args box = {0};
	struct space_args space = {0};
	AUTO_STRV struct strv volumes = STRV_INIT;
	ret->network = RUN_NETWORK_PRIVATE;
	int r = global_fill_box(app, &box, &space, &volumes, err);
	if (r == 0)
		r = space_args_apply(&space, ret, err);
	if (r == 0)
		r = box_args_apply(&box, ret, err);
	if (r == 0)
		r = sbom_check_box(ret, err);
	opt_done(box_options, &box);
	opt_done(space_options, &space);
	return r;
}

int sbom_scan_image(struct app *app, const struct image_get_args *get, const struct sbom_scan *what,
	struct built_image *image, struct sbom_found *ret, struct err *err)
{
	AUTO_IMAGE struct image scanner = {0};
	struct sbom_scan s = *what;
	struct run_spec box;
	run_spec_init(&box);
	int r = fill_box(app, &box, err);
	if (r == 0 && image_get(app, s.store, get, s.opts->image, &scanner, NULL, err) < 0)
		r = err_wrap(err, "option '--sbom-scanner-image'");
	s.box = &box;
	s.scanner = &scanner;
	s.progress = out_progress(&app->out, get->quiet ? PROGRESS_NONE : PROGRESS_AUTO);
	if (r == 0)
		r = sbom_scan(&s, image, ret, err);
	out_progress_done(&app->out);
	box_close(&box);
	return r;
}

int sbom_write_files(const struct sbom_opts *o, const struct sbom_found *found, struct err *err)
{
	if (o->output &&
		fs_write_output(o->output, found->sbom, found->sbom_len, 0644, false, err) < 0)
		return err_wrap(err, "option '--sbom-output'");
	if (o->purl_output && fs_write_output(o->purl_output, found->purls, found->purls_len, 0644,
				      false, err) < 0)
		return err_wrap(err, "option '--sbom-purl-output'");
	return 0;
}
