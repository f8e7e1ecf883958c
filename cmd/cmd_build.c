/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/called.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/progress.h"
#include "build/build.h"
#include "cmd/build_args.h"
#include "cmd/build_call.h"
#include "cmd/cmd.h"
#include "cmd/push.h"
#include "cmd/relay.h"
#include "store/names.h"
#include "store/store.h"

static int tick(void *arg)
{
	return out_progress_tick(arg);
}

static void summary(struct app *app, const struct build_result *r, uint64_t ms)
{
	char fresh[16], total[16], id[DIGEST_STR_MAX];
	num_human_size(r->new_bytes, fresh, sizeof(fresh));
	uint64_t bytes = 0;
	for (size_t i = 0; i < r->n_images; i++)
		bytes += r->images[i].bytes;
	num_human_size(bytes, total, sizeof(total));
	AUTO_FREE char *names = strv_join(&r->refs, ", ");
	out_note(&app->out, "built %s%s%s in %llu.%02llu s: %u run, %u cached, %s new, image %s",
		names, *names ? " " : "", digest_str(&r->root.digest, id),
		(unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000 / 10), r->steps_run,
		r->steps_cached, fresh, total);
}

static void say_name(const struct build_opts *o, const char *name)
{
	AUTO_FREE char *line = xasprintf("Successfully tagged %s", name);
	progress_step(o->progress, line);
}

/* Of what had names before, as a base image to which nothing was added. */
static void say_older_names(
	struct store *s, const struct build_opts *o, const struct build_result *r)
{
	struct names all = {0};
	struct err ignored = ERR_INIT;
	if (!called_buildah() || !r->refs.n || names_list(s, &all, &ignored) < 0)
		return;
	for (size_t i = 0; i < all.count; i++)
		if (all.n[i].ref && digest_equal(&all.n[i].manifest.digest, &r->root.digest) &&
			!strv_has(&r->refs, all.n[i].ref))
			say_name(o, all.n[i].ref);
	names_done(&all);
}

/* For scripts, as buildah: the image, by the first digits of its ID, and each name as it now stands
 * in the store. */
static void say_names(struct store *s, const struct build_opts *o, const struct outputs *out,
	const struct build_result *r)
{
	AUTO_STRV struct strv ids = STRV_INIT;
	outputs_image_ids(out, r, &ids);
	if (ids.n && called_buildah())
		progress_say(o->progress, PUSH_DONE);
	STRV_FOREACH (id, &ids) {
		AUTO_FREE char *line = xasprintf("--> %.12s", *id);
		if (!called_buildah() || !out->iidfile)
			progress_step(o->progress, line);
	}
	STRV_FOREACH (name, &r->refs)
		say_name(o, *name);
	say_older_names(s, o, r);
}

/* Standard output has it, unless an output takes that. With buildah a file that was named for it
 * has it instead, or the log. */
static void print_id(
	struct app *app, const struct build_args *a, const struct outputs *out, const char *id)
{
	if (out->to_stdout || (called_buildah() && out->iidfile))
		return;
	if (called_buildah() && a->extra.logfile)
		(void)fprintf(app->out.err, "%s\n", id);
	else
		out_printf(&app->out, "%s\n", id);
}

/* An image that is nowhere has no ID to give. */
static void report(struct app *app, const struct build_args *a, const struct outputs *out,
	const struct build_result *r, uint64_t began)
{
	AUTO_STRV struct strv ids = STRV_INIT;
	if (!a->quiet)
		summary(app, r, clock_ms() - began);
	outputs_image_ids(out, r, &ids);
	STRV_FOREACH (id, &ids) {
		log_debug("created new image ID %s", *id);
		print_id(app, a, out, *id);
	}
}

/* A chain of layers takes a descriptor each: we may have as many as we are allowed; the steps have
 * what we had. */
static void raise_descriptors(struct run_spec *box)
{
	struct rlimit now;
	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur == now.rlim_max)
		return;
	struct rlimit raised = {.rlim_cur = now.rlim_max, .rlim_max = now.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &raised) < 0)
		return;
	for (size_t i = 0; i < box->n_rlimits; i++)
		if (box->rlimits[i].resource == RLIMIT_NOFILE)
			return;
	box->rlimits = xreallocarray(box->rlimits, box->n_rlimits + 1, sizeof(*box->rlimits));
	box->rlimits[box->n_rlimits++] = (struct run_rlimit){
		.resource = RLIMIT_NOFILE, .soft = now.rlim_cur, .hard = now.rlim_max};
}

/* --progress, else what docker takes from the environment. */
static int progress_mode(const struct build_args *a, enum progress_mode *ret, struct err *err)
{
	const char *text = a->progress, *from = "option '--progress'";
	if (!text) {
		text = getenv("BUILDKIT_PROGRESS");
		from = "BUILDKIT_PROGRESS";
	}
	*ret = PROGRESS_AUTO;
	if (text && *text && !progress_mode_parse(text, ret))
		return err_set(err, ERR_INVALID,
			"%s: '%s' is not one of 'auto', 'plain', 'tty', 'quiet', 'rawjson', 'none'",
			from, text);
	if (a->quiet && a->progress && *a->progress && *ret != PROGRESS_AUTO &&
		*ret != PROGRESS_QUIET)
		return err_set(err, ERR_INVALID,
			"'--quiet' cannot be combined with '--progress=%s': leave one of them out",
			text);
	if (a->quiet)
		*ret = PROGRESS_QUIET;
	return 0;
}

struct work {
	const struct build_args *a;
	struct build_opts o;
	struct outputs out;
	struct call call;
	enum progress_mode mode;
	struct build_result result;
	uint64_t began;
};

static int open_log(
	struct app *app, const struct extra_args *a, const struct build_opts *o, struct err *err)
{
	if (a->logsplit && !a->logfile)
		return err_set(err, ERR_INVALID, "option '--logsplit' needs '--logfile'");
	if (a->logsplit && o->all_platforms)
		return err_set(err, ERR_INVALID,
			"option '--logsplit' cannot be combined with '--all-platforms': name them "
			"with '--platform'");
	return a->logfile
	               ? out_log_to(&app->out, a->logfile, a->logsplit ? &o->platforms : NULL, err)
	               : 0;
}

/* What the command line says, before anything is opened. */
static int prepare(struct app *app, struct build_args *a, const struct strv *rest, struct work *w,
	struct err *err)
{
	const char *call = a->call ? a->call : a->print ? a->print : a->check ? "check" : NULL;
	if (progress_mode(a, &w->mode, err) < 0 || build_args_apply(app, a, rest, &w->o, err) < 0 ||
		call_parse(call, &w->call, err) < 0)
		return err->code;
	a->quiet |= w->mode == PROGRESS_QUIET || w->mode == PROGRESS_NONE;
	w->o.call = w->call.what;
	raise_descriptors(&w->o.box);
	if (w->o.call == BUILD_CALL_BUILD &&
		outputs_prepare(&a->output, &a->tags, &w->o, &w->out, err) < 0)
		return err->code;
	return open_log(app, &a->extra, &w->o, err);
}

static int reach(void *arg, struct err *err)
{
	const struct work *w = arg;
	return outputs_reach(&w->out, &w->o.pull.remote, err);
}

static int run_build(
	struct app *app, struct store *s, struct txn *t, struct work *w, struct err *err)
{
	struct relay relays[RELAYS];
	struct err why = ERR_INIT;
	if (!w->o.stdin)
		return build_run(s, t, &w->o, &w->result, err);
	app->begun = true; /* what is read is gone */
	int rc = relay_stdin(relays, err);
	if (rc == 0)
		rc = build_run(s, t, &w->o, &w->result, err);
	if (relays_end(relays, &why) < 0 && rc == 0) {
		*err = why;
		rc = why.code;
	}
	return rc;
}

static int carry_out(
	struct app *app, struct store *s, struct txn *t, struct work *w, struct err *err)
{
	struct build_result *r = &w->result;
	bool build = w->o.call == BUILD_CALL_BUILD;
	app->out.steps_out = called_buildah() && !w->a->extra.logfile && !w->out.to_stdout;
	w->o.progress = out_progress(&app->out, w->mode);
	w->o.errors_apart = out_errors_apart(&app->out);
	if (w->o.progress && w->a->no_steps)
		w->o.progress->step = NULL;
	w->o.tick = tick;
	w->o.tick_arg = &app->out;
	w->o.ready = reach;
	w->o.ready_arg = w;
	struct left_place place = {.app = app, .txn = t};
	left_prepare(&place, &w->o);
	space_warn(app, &w->o.box);
	space_warn_options(app, &w->o.box, &w->a->extra.space, &w->a->box, w->o.box.hostname);
	int rc = run_build(app, s, t, w, err);
	if (rc == 0 && build)
		rc = outputs_write(&w->out, s, t, &w->o, r, err);
	if (rc == 0 && build)
		say_names(s, &w->o, &w->out, r);
	if (rc == 0 && build && w->a->rewrite_timestamp && !r->has_epoch)
		out_warn(&app->out, "'--rewrite-timestamp' without a source date epoch has no "
				    "effect: give '--source-date-epoch'");
	STRV_FOREACH (line, &r->warnings)
		out_warn(&app->out, "%s", *line);
	STRV_FOREACH (line, &r->explanations)
		out_note(&app->out, "%s", *line);
	if (build && !w->a->quiet)
		call_print_warnings(&app->out, &r->lint);
	int found = call_print(&app->out, &w->call, r, rc < 0);
	if (rc == 0 && !build)
		rc = outputs_write_call(&w->a->output, r, err) < 0 ? err->code : found;
	else if (rc == 0)
		report(app, w->a, &w->out, r, w->began);
	else if (r->log)
		out_note(&app->out, "the complete log is in %s", r->log);
	left_tell(&w->a->left, app, s, t, &w->o, rc, r);
	out_progress_done(&app->out);
	return rc;
}

static int build_main(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *t = NULL;
	struct work w = {.a = args, .began = clock_ms()};
	const uint64_t began = clock_us();
	struct err log_err = ERR_INIT;

	build_opts_init(&w.o);
	int rc = prepare(app, args, rest, &w, err);
	if (rc == 0)
		rc = app_store(app, 0, &s, err);
	if (rc == 0)
		rc = txn_begin(s, &t, err);
	if (rc == 0)
		rc = outputs_check(&w.out, s, err);
	if (rc == 0)
		rc = carry_out(app, s, t, &w, err);
	if (rc == 0)
		rc = usage_report(&w.a->usage, &app->out, began, err);
	if (out_log_done(&app->out, &log_err) < 0 && rc == 0) {
		*err = log_err;
		rc = err->code;
	}
	outputs_done(&w.out);
	build_result_done(&w.result);
	build_opts_done(&w.o);
	return rc;
}

const struct cmd cmd_build = {
	.name = "build",
	.aliases = "bud build-using-dockerfile",
	.options = build_options,
	.args_size = sizeof(struct build_args),
	.max_args = 1,
	.flags = CMD_USERNS | CMD_AGAIN | CMD_COLLECT | CMD_BUILDAH_ORDER,
	.init = build_args_init,
	.run = build_main,
};
