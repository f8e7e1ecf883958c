/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/onbuild.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "build/config_change.h"
#include "build/file_expand.h"
#include "build/file_parse.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/container_args.h"

struct trigger {
	struct app *app;
	const char *name; /* of the container */
	const struct inst *inst;
	char escape;
	bool quiet;
};

/* A command of ours, as if these words had been given. */
static int call(struct app *app, const char *name, const struct strv *words, struct err *err)
{
	const struct cmd *cmd = command_find(name);
	AUTO_FREE void *args = xcalloc(1, cmd->args_size + 1);
	AUTO_STRV struct strv rest = STRV_INIT;
	int flags = cmd->flags & CMD_OPTIONS_FIRST ? OPT_STOP_AT_POSITIONAL : 0;

	if (cmd->init)
		cmd->init(args);
	int r = opt_parse(
		cmd->options, args, cmd->name, (int)words->n, strv_argv(words), flags, &rest, err);
	if (r == 0)
		r = cmd->run(app, args, &rest, err);
	opt_done(cmd->options, args);
	return r;
}

static void add_flags(const struct inst *i, struct strv *words)
{
	for (size_t k = 0; k < i->n_flags; k++) {
		const struct inst_flag *f = &i->flags[k];
		strv_addf(
			words, "--%s%s%s", f->name, f->value ? "=" : "", f->value ? f->value : "");
	}
}

/* COPY, ADD */
static int copy(const struct trigger *t, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	if (t->inst->n_heredocs)
		return err_set(err, ERR_UNSUPPORTED, "here-documents are for builds");
	add_flags(t->inst, &words);
	strv_add(&words, "--quiet");
	strv_add(&words, "--");
	strv_add(&words, t->name);
	int r = container_use(t->app, t->name, CONTAINER_DOCUMENT, &u, err);
	for (size_t i = 0; i < t->inst->args.n && r == 0; i++)
		r = expand_words(t->inst->args.v[i], t->escape, &u.c.config.env, 0, &words, err);
	container_use_done(&u);
	u = (struct container_use)CONTAINER_USE_INIT;
	return r < 0 ? r : call(t->app, t->inst->kind == INST_ADD ? "add" : "copy", &words, err);
}

/* Scripts take the container's name from standard output. */
static int call_run(const struct trigger *t, const struct strv *words, struct err *err)
{
	AUTO_FD int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	AUTO_FD int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (out < 0 || null < 0 || dup2(t->quiet ? null : STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_sys(err, "cannot redirect standard output");
	int r = call(t->app, "run", words, err);
	if (dup2(out, STDOUT_FILENO) < 0 && r >= 0)
		return err_sys(err, "cannot restore standard output");
	if (r <= 0)
		return r;
	(void)err_set(err, ERR_COMMAND, "the command ended with status %d", r);
	err->sys = r;
	return err->code;
}

static int run_words(const struct trigger *t, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	if (t->inst->n_heredocs)
		return err_set(err, ERR_UNSUPPORTED, "here-documents are for builds");
	add_flags(t->inst, &words);
	STRV_FOREACH (mount, &t->inst->mounts)
		strv_addf(&words, "--mount=%s", *mount);
	strv_add(&words, t->name);
	strv_add(&words, "--");
	if (container_use(t->app, t->name, CONTAINER_DOCUMENT, &u, err) < 0)
		return err->code;
	if (!t->inst->json) {
		STRV_FOREACH (word, &u.c.config.shell)
			strv_add(&words, *word);
		if (!u.c.config.shell.n) {
			strv_add(&words, "/bin/sh");
			strv_add(&words, "-c");
		}
	}
	container_use_done(&u);
	u = (struct container_use)CONTAINER_USE_INIT;
	STRV_FOREACH (word, &t->inst->args)
		strv_add(&words, *word);
	return call_run(t, &words, err);
}

static int configure(const struct trigger *t, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	int r = container_use(t->app, t->name, CONTAINER_DOCUMENT, &u, err);
	if (r == 0)
		r = config_change(&u.c.config, t->inst->text, err);
	return r < 0 ? r : container_save(&u.c, err);
}

static int carry_out(const struct trigger *t, struct err *err)
{
	switch (t->inst->kind) {
	case INST_ADD:
	case INST_COPY:
		return copy(t, err);
	case INST_RUN:
		return run_words(t, err);
	case INST_ARG:
	case INST_HEALTHCHECK:
		out_warn(&t->app->out, "ONBUILD %s: from leaves it out", t->inst->text);
		return 0;
	default:
		return configure(t, err);
	}
}

int onbuild_run(
	struct app *app, const char *name, const struct strv *triggers, bool quiet, struct err *err)
{
	size_t step = 0;

	STRV_FOREACH (text, triggers) {
		AUTO_CONTAINERFILE struct containerfile f = {0};
		AUTO_FREE char *file = xasprintf("FROM scratch\n%s", *text);
		if (!quiet)
			out_note(&app->out, "STEP %zu: %s", ++step, *text);
		int r = containerfile_parse("ONBUILD", file, strlen(file), &f, err);
		for (size_t i = 1; i < f.n && r == 0; i++) {
			const struct trigger t = {.app = app,
				.name = name,
				.inst = &f.insts[i],
				.escape = f.escape,
				.quiet = quiet};
			r = carry_out(&t, err);
		}
		if (r < 0)
			return err_wrap(err, "ONBUILD %s", *text);
	}
	return 0;
}
