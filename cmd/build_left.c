/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/build_left.h"

#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/build.h"
#include "build/publish.h"
#include "cmd/box_run.h"
#include "cmd/cmd.h"
#include "image/reference.h"
#include "store/containers.h"
#include "store/images.h"

const struct opt left_options[] = {
	OPT_STRING(0, "on-error", struct left_args, on_error),
	OPT_TRISTATE(0, "force-rm", struct left_args, force_rm),
	OPT_TRISTATE(0, "rm", struct left_args, rm),
	OPT_END,
};

void left_args_init(struct left_args *a)
{
	a->force_rm = a->rm = -1;
}

/* buildah keeps the container of a step that failed where it keeps those that did not fail as
 * images. */
static bool keeps_failed(const struct left_args *a, const struct build_opts *o)
{
	return a->force_rm < 0 ? called_buildah() && o->keep_steps : !a->force_rm;
}

int left_args_apply(
	const struct left_args *a, const struct app *app, struct build_opts *o, struct err *err)
{
	if (!a->on_error) {
		o->on_error = keeps_failed(a, o) ? ON_ERROR_KEEP : ON_ERROR_DROP;
		return 0;
	}
	if (streq(a->on_error, "shell"))
		o->on_error = ON_ERROR_SHELL;
	else if (streq(a->on_error, "keep") || streq(a->on_error, "commit"))
		o->on_error = ON_ERROR_KEEP;
	else if (!streq(a->on_error, "end"))
		return err_set(err, ERR_INVALID,
			"option '--on-error': '%s' is not one of 'shell', 'keep', 'commit', 'end'",
			a->on_error);
	if (o->on_error == ON_ERROR_SHELL && !(isatty(STDIN_FILENO) && app->out.err_tty))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--on-error=shell' needs a terminal; 'keep' and 'commit' do not");
	return 0;
}

static int enter(void *arg, struct run_spec *spec, struct err *err)
{
	const struct left_place *p = arg;
	struct itimerval no_limit = {0}, limit;
	/* who looks around has time: --build-timeout is the steps' */
	if (setitimer(ITIMER_REAL, &no_limit, &limit) < 0)
		return err_sys(err, "cannot stop the clock of the build");
	out_note(&p->app->out,
		"This is what the step left, as %s: the build ends with the shell, and nothing "
		"done in it "
		"is kept",
		spec->user && *spec->user ? spec->user : "root");
	int r = box_run(p->app, p->txn, spec, NULL, NULL, err);
	if (setitimer(ITIMER_REAL, &limit, NULL) < 0)
		return err_sys(err, "cannot start the clock of the build again");
	return r < 0 ? r : 0;
}

void left_prepare(struct left_place *p, struct build_opts *o)
{
	o->enter = enter;
	o->enter_arg = p;
}

/* What a container of it is called: the image's first name without its place. */
static char *stem_of(const struct build_opts *o)
{
	AUTO_REFERENCE struct reference ref = {0};
	struct err ignored = ERR_INIT;
	if (!o->tags.n || reference_parse(o->tags.v[0], &ref, &ignored) < 0)
		return xstrdup("build");
	const char *slash = strrchr(ref.repository, '/');
	return xstrdup(slash ? slash + 1 : ref.repository);
}

static int make_container(struct store *s, struct txn *t, const struct descriptor *manifest,
	const struct container_naming *naming, struct container *c, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	container_init(c);
	c->image_name = xstrdup("");
	return image_load(s, manifest, NULL, &image, err) < 0
	               ? err->code
	               : container_create(s, t, &image, naming, c, err);
}

static int keep_container(struct app *app, struct store *s, struct txn *t,
	const struct build_opts *o, const struct build_result *r, struct err *err)
{
	AUTO_CONTAINER struct container c;
	AUTO_FREE char *stem = stem_of(o);
	const struct container_naming naming = {.stem = stem, .suffix = "failed"};
	if (make_container(s, t, &r->left.manifest, &naming, &c, err) < 0)
		return err->code;
	out_note(&app->out,
		"kept as working container %s: 'mica run -t %s sh' enters it, 'mica rm %s' removes "
		"it",
		c.name, c.name, c.name);
	return 0;
}

/* One of what there was after each instruction; of the last ones these are images by themselves. */
static int keep_containers(struct store *s, struct txn *t, const struct build_opts *o,
	const struct build_result *r, struct err *err)
{
	AUTO_FREE char *stem = stem_of(o);
	const struct container_naming naming = {.stem = stem, .suffix = "working-container"};
	for (size_t i = 0; i < r->n_steps + r->n_images; i++) {
		AUTO_CONTAINER struct container c;
		const struct descriptor *d =
			i < r->n_steps ? &r->steps[i] : &r->images[i - r->n_steps].manifest;
		if (make_container(s, t, d, &naming, &c, err) < 0)
			return err->code;
	}
	return 0;
}

static int keep_image(struct app *app, struct store *s, struct build_result *r, struct err *err)
{
	struct build_result only = {0};
	static const struct strv no_names;
	char id[DIGEST_STR_MAX];
	descriptor_copy(&only.root, &r->left.manifest);
	int rc = build_publish(s, &no_names, NULL, &only, err);
	build_result_done(&only);
	if (rc == 0)
		out_note(&app->out, "kept as image %s", digest_hex(&r->left.image_id, id));
	return rc;
}

void left_tell(const struct left_args *a, struct app *app, struct store *s, struct txn *t,
	const struct build_opts *o, int status, struct build_result *r)
{
	struct err err = ERR_INIT;
	if (o->on_error == ON_ERROR_DROP && status == ERR_COMMAND && app->out.err_tty)
		out_note(&app->out,
			"the same with --on-error=shell opens a shell in what the step left");
	if (status == 0 && a->rm == 0 && o->keep_steps && keep_containers(s, t, o, r, &err) < 0)
		out_warn(&app->out, "option '--rm': %s", err.msg);
	if (!r->left.bytes)
		return;
	int rc = a->on_error && streq(a->on_error, "commit")
	                 ? keep_image(app, s, r, &err)
	                 : keep_container(app, s, t, o, r, &err);
	if (rc < 0)
		out_warn(&app->out, "option '--on-error': %s", err.msg);
}
