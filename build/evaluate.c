/* SPDX-License-Identifier: Apache-2.0 */
/* A stage's instructions -> steps and config: bases, ONBUILD triggers, scopes. What an instruction
 * does is in inst_*.c. */
#include "build/evaluate.h"
#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/url_user.h"
#include "build/as_buildah.h"
#include "build/base_image.h"
#include "build/file_expand.h"
#include "build/keep_steps.h"
#include "build/remote_file.h"
#include "build/told.h"
#include "build/weight.h"
#include "build/windows_path.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define DEPTH_MAX 250 /* a stack of 8 MiB takes some thousand of them */
#define TRIGGERS_MAX 1000 /* ONBUILD triggers of one image */

int eval_expand(struct eval *e, const char *word, char escape, int flags, struct pos pos,
	char **ret, struct err *err)
{
	AUTO_STRV struct strv used = STRV_INIT, unset = STRV_INIT;
	AUTO_FREE char *text = NULL;
	if (expand_word(word, escape, &e->p->env, flags, &text, &used, &unset, err) < 0)
		return err->code;
	STRV_FOREACH (name, &used)
		if (strv_has(&e->p->secret_args, *name) && !map_has(&e->p->env, *name))
			return err_set(err, ERR_DENIED,
				"%s cannot use '$%s': its value is secret (--build-arg-secret), "
				"and for commands of RUN alone",
				e->at.inst->name, *name);
	*ret = take(text);
	lint_unset(e, pos, &unset);
	return eval_weigh_word(e, *ret, err);
}

/* COPY a "${b:?c d}" has been split into four words, COPY "my file" b into three. */
static char *blank_hint(const struct eval *e, const char *word)
{
	const struct inst *i = e->at.inst;
	bool quote = (*word == '"' || *word == '\'') && !strchr(word + 1, *word);
	bool brace = strstr(word, "${") && !strchr(word, '}');
	bool list = i->kind == INST_COPY || i->kind == INST_ADD || i->kind == INST_VOLUME;
	if (i->json || !list || !(quote || brace))
		return xstrdup("");
	return xasprintf("; words of %s end at blanks, write [\"...\", \"...\"]", i->name);
}

int eval_word(struct eval *e, const char *word, struct pos pos, char **ret, struct err *err)
{
	struct err why = ERR_INIT;
	if (eval_expand(e, word, e->at.file->escape, 0, pos, ret, &why) == 0)
		return 0;
	AUTO_FREE char *hint = blank_hint(e, word);
	return eval_error(e, pos, err, why.code, "%s%s", why.msg, hint);
}

int eval_words(struct eval *e, const char *text, struct pos pos, struct strv *ret, struct err *err)
{
	struct err why = ERR_INIT;
	if (expand_words(text, e->at.file->escape, &e->p->env, 0, ret, &why) < 0)
		return eval_error(e, pos, err, why.code, "%s", why.msg);
	return 0;
}

int eval_flag(struct eval *e, const char *name, char **ret, struct err *err)
{
	struct pos pos;
	const char *raw = inst_flag(e->at.inst, name, &pos);
	*ret = NULL;
	return raw ? eval_word(e, raw, pos, ret, err) : 0;
}

int eval_path(struct eval *e, struct pos pos, char **path, struct err *err)
{
	struct err why = ERR_INIT;
	if (windows_path_read(e->p->config.platform.os, path, &why) == 0)
		return 0;
	return eval_error(e, pos, err, why.code, "%s: %s", e->at.inst->name, why.msg);
}

char *eval_dir(const struct eval *e)
{
	const struct image_config *c = &e->p->config;
	AUTO_FREE char *dir = xstrdup(c->working_dir ? c->working_dir : "");
	windows_path_reread(c->platform.os, dir);
	return xasprintf("/%s", dir);
}

struct pos eval_arg_pos(const struct eval *e, size_t i)
{
	return i < e->at.inst->args.n ? e->at.inst->arg_pos[i] : e->at.inst->pos;
}

void eval_history(struct eval *e, const char *created_by, bool empty)
{
	const char *comment = e->b->o->comment ? e->b->o->comment : "mica";
	image_config_add_history(&e->p->config, NULL, created_by, comment, empty);
	e->b->kept += strlen(created_by);
}

void eval_history_text(struct eval *e, const char *created_by)
{
	struct history *last = &e->p->config.history[e->p->config.n_history - 1];
	mem_replace(&last->created_by, xstrdup(created_by));
	e->b->kept += strlen(created_by);
}

struct step *eval_add_step(struct eval *e, enum step_kind kind)
{
	struct stage_plan *p = e->p;
	p->steps = xreallocarray(p->steps, p->n_steps + 1, sizeof(*p->steps));
	struct step *s = &p->steps[p->n_steps++];
	*s = (struct step){
		.kind = kind,
		.at = e->at,
		.title = url_user_hidden(e->at.inst->text),
		.history = p->config.n_history - 1,
		.number = p->n_insts,
		.from_stage = NO_STAGE,
		.from_image = NO_STAGE,
		.context = NO_CONTEXT,
	};
	return s;
}

int eval_from_error(const struct eval *e, struct pos pos, const char *flag, const char *from,
	const struct err *why, struct err *err)
{
	const struct stage *st = e->p->stage;
	const char *near = stages_suggest(&e->b->stages, st->target, from, st->index);
	if (near)
		return eval_error(e, pos, err, why->code,
			"%s=%s: no such stage, did you mean '%s'? As an image: %s", flag, from,
			near, why->msg);
	return eval_error(e, pos, err, why->code,
		"%s=%s is not a stage of this file; as an image: %s", flag, from, why->msg);
}

static void add_shell(const struct image_config *c, struct strv *ret)
{
	static const char *const usual[] = {"/bin/sh", "-c", NULL};
	static const char *const windows[] = {"cmd", "/S", "/C", NULL};
	const char *const *words = streq(c->platform.os, "windows") ? windows : usual;
	if (c->shell.n)
		strv_copy(ret, &c->shell);
	else
		for (; *words; words++)
			strv_add(ret, *words);
}

void eval_command(const struct eval *e, struct strv *ret)
{
	const struct inst *inst = e->at.inst;
	if (!inst->json)
		add_shell(&e->p->config, ret);
	for (size_t i = 0; i < inst->args.n; i++)
		strv_add(ret, inst->args.v[i]);
	/* a bare RUN runs an empty command */
	if (!inst->json && !inst->args.n && !(inst->kind == INST_RUN && called_buildah()))
		strv_add(ret, "");
}

static int dispatch(struct eval *e, struct err *err)
{
	struct stage_plan *p = e->p;
	p->insts = xreallocarray(p->insts, p->n_insts + 1, sizeof(*p->insts));
	p->insts[p->n_insts++] = e->at;
	lint_inst(e);
	switch (e->at.inst->kind) {
	case INST_RUN:
		return inst_run(e, err);
	case INST_ADD:
	case INST_COPY:
		return inst_copy(e, err);
	case INST_WORKDIR:
		return inst_workdir(e, err);
	case INST_ARG:
	case INST_CMD:
	case INST_ENTRYPOINT:
	case INST_ENV:
	case INST_EXPOSE:
	case INST_HEALTHCHECK:
	case INST_LABEL:
	case INST_MAINTAINER:
	case INST_ONBUILD:
	case INST_SHELL:
	case INST_STOPSIGNAL:
	case INST_USER:
	case INST_VOLUME:
		return inst_metadata(e, err);
	case INST_FROM:
	case INST_INCLUDE:
		break;
	}
	return eval_error(
		e, e->at.inst->pos, err, ERR_INVALID, "%s is not allowed here", e->at.inst->name);
}

static int evaluate_inst(struct eval *e, struct err *err)
{
	if (dispatch(e, err) < 0 || eval_weigh(e, err) < 0)
		return err->code;
	step_config_keep(e->b, e->p);
	return 0;
}

/* What it is when nobody says where steps begin, and in the form of the image's system. */
static int begin_dir(const struct stage *st, struct image_config *c, struct err *err)
{
	const char *os = c->platform.os;
	struct err why = ERR_INIT;
	if (!c->working_dir || !*c->working_dir)
		mem_replace(&c->working_dir, xstrdup("/"));
	if (windows_path_read(os, &c->working_dir, &why) < 0)
		return containerfile_error(st->from.file, st->from.inst->pos, err, why.code,
			"the working directory of the base image: %s", why.msg);
	windows_path_write(os, c->working_dir);
	return 0;
}

/* The config a stage starts from. */
static int start_from_base(struct build *b, struct stage_plan *p, struct err *err)
{
	struct stage *st = p->stage;
	const struct platform *platform = base_image_platform(b, st);
	p->base_image = NO_STAGE;
	if (st->scratch) {
		image_config_init(&p->config, platform);
	} else if (st->base_stage != NO_STAGE) {
		if (stage_evaluate(b, st->base_stage, err) < 0)
			return err->code;
		const struct stage_plan *base = &b->plans[st->base_stage];
		image_config_copy(&p->config, &base->config);
		map_copy(&p->env, &base->env);
		map_merge(&p->env, &p->config.env); /* ENV of what lies below wins over its ARG */
		strv_copy(&p->declared, &base->declared);
		strv_copy(&p->secret_args, &base->secret_args);
		p->user_at = base->user_at;
		lint_inherit(p, base);
		if (b->o->drop_labels)
			map_done(&p->config.labels);
		p->base_history = p->config.n_history;
		return 0;
	} else {
		struct err why = ERR_INIT;
		int rc = build_use_image(b, st->base, platform, &p->base_image, &why);
		if (rc < 0 && base_image_error(b, st, &why, err) < 0 &&
			!build_can_do_without(b, err))
			return err->code;
		p->lint.base_unknown = rc < 0;
		if (rc < 0) {
			image_config_init(&p->config, platform);
		} else {
			image_config_copy(&p->config, &b->images[p->base_image].image.config);
			lint_base_image(b, p);
			as_buildah_platform(b, platform, &p->config.platform);
		}
	}
	if (begin_dir(st, &p->config, err) < 0)
		return err->code;
	p->base_history = p->config.n_history;
	if (b->o->drop_labels)
		map_done(&p->config.labels);
	/* BuildKit knows none for Windows, which has one of its own */
	if (!map_has(&p->config.env, "PATH") && !streq(p->config.platform.os, "windows"))
		map_set(&p->config.env, "PATH", DEFAULT_PATH);
	map_merge(&p->config.env, &b->o->env);
	map_copy(&p->env, &p->config.env);
	return 0;
}

static int run_triggers(struct build *b, struct stage_plan *p, struct err *err)
{
	AUTO_STRV struct strv triggers = STRV_INIT;
	const struct source_inst *from = &p->stage->from;
	struct pos pos = eval_arg_pos(&(struct eval){.at = *from}, 0);
	strv_copy(&triggers, &p->config.on_build);
	strv_done(&p->config.on_build);
	if (p->stage->replaced)
		return 0; /* nothing is built on the image: the stage is the image */
	if (triggers.n > TRIGGERS_MAX)
		return containerfile_error(from->file, pos, err, ERR_LIMIT,
			"the base image has more than %d ONBUILD triggers", TRIGGERS_MAX);
	AUTO_FREE char *name = xasprintf("%s:%u:%u: ONBUILD trigger of %s", from->file->name,
		pos.line, pos.column, p->stage->base);
	for (size_t i = 0; i < triggers.n; i++) {
		struct containerfile *f = xcalloc(1, sizeof(*f));
		b->triggers = xreallocarray(
			b->triggers, b->n_triggers + 1, sizeof(struct containerfile *));
		b->triggers[b->n_triggers++] = f;
		if (inst_parse_trigger(name, triggers.v[i], f, err) < 0)
			return err->code;
		for (size_t k = 0; k < f->n; k++) {
			struct eval e = {.b = b,
				.p = p,
				.at = {.file = f, .inst = &f->insts[k]},
				.trigger = true};
			if (f->insts[k].kind == INST_ONBUILD || f->insts[k].kind == INST_FROM ||
				f->insts[k].kind == INST_MAINTAINER)
				return eval_error(&e, f->insts[k].pos, err, ERR_INVALID,
					"%s is not allowed as an ONBUILD trigger",
					f->insts[k].name);
			if (evaluate_inst(&e, err) < 0)
				return as_buildah_error(e.at.inst, err);
		}
	}
	return 0;
}

static int evaluate_stage(struct build *b, struct stage_plan *p, struct err *err)
{
	p->stage->needed = true;
	bool several = told_is_one_of_several(b, p->stage),
	     here = !several && base_image_is_here(b, p->stage);
	if (!several && !here) /* before its image is pulled */
		told_from(b, p, p->stage->n_insts);
	struct eval from = {.b = b, .p = p, .at = p->stage->from};
	int rc = start_from_base(b, p, err);
	if (rc == 0)
		rc = eval_weigh_base(&from, err);
	if (rc == 0)
		rc = run_triggers(b, p, err);
	size_t triggers = p->n_insts, all = triggers + p->stage->n_insts;
	if (here)
		told_from(b, p, all);
	if (rc < 0)
		return rc;
	if (!several && !here && triggers)
		told_triggers(b, p, triggers, all);
	for (size_t k = 0; k < p->stage->n_insts; k++) {
		struct eval e = {.b = b, .p = p, .at = p->stage->insts[k]};
		if (evaluate_inst(&e, err) < 0)
			return as_buildah_error(e.at.inst, err);
	}
	lint_stage_end(b, p);
	return 0;
}

int stage_evaluate(struct build *b, size_t i, struct err *err)
{
	struct stage_plan *p = &b->plans[i];
	if (p->evaluated)
		return 0;
	p->evaluated = true; /* only earlier stages can be named, so there are no cycles */
	p->stage = &b->stages.s[i];
	if (b->depth == DEPTH_MAX)
		return containerfile_error(p->stage->from.file, p->stage->from.inst->pos, err,
			ERR_LIMIT, "more than %d stages are built on one another", DEPTH_MAX);
	b->depth++;
	int rc = evaluate_stage(b, p, err);
	b->depth--;
	return rc;
}

static void inline_done(struct inline_file *f)
{
	free(f->name);
	free(f->content);
}

void step_done(struct step *s)
{
	free(s->title);
	map_done(&s->named);
	strv_done(&s->argv);
	map_done(&s->env);
	map_done(&s->quiet_env);
	free(s->cwd);
	free(s->user);
	if (s->script)
		inline_done(s->script);
	free(s->script);
	free(s->ssh_sock);
	strv_done(&s->not_given);
	step_mounts_done(s);
	for (size_t i = 0; i < s->n_remote; i++) {
		if (s->remote[i])
			remote_file_done(s->remote[i]);
		free(s->remote[i]);
	}
	free(s->remote);
	strv_done(&s->sources);
	free(s->source_pos);
	for (size_t i = 0; i < s->n_inlines; i++)
		inline_done(&s->inlines[i]);
	free(s->inlines);
	free(s->dest);
	free(s->chown);
	free(s->chmod);
	strv_done(&s->excludes);
	strv_done(&s->dirs);
}

void stage_plan_done(struct stage_plan *p)
{
	for (size_t i = 0; i < p->n_steps; i++)
		step_done(&p->steps[i]);
	free(p->steps);
	free(p->insts);
	step_configs_done(p);
	if (p->evaluated)
		image_config_done(&p->config);
	map_done(&p->env);
	strv_done(&p->declared);
	strv_done(&p->secret_args);
	lint_stage_done(&p->lint);
}
