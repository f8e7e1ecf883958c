/* SPDX-License-Identifier: Apache-2.0 */
#include "build/lint_stage.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/evaluate.h"
#include "build/file_expand.h"
#include "build/file_ignore.h"
#include "build/lint.h"
#include "build/suggest.h"
#include "build/weight.h"
#include "build/windows_path.h"
#include "image/reference.h"

#include <stdlib.h>
#include <string.h>

void lint_inherit(struct stage_plan *p, const struct stage_plan *base)
{
	p->lint.workdir = base->lint.workdir;
	p->lint.base_unknown = base->lint.base_unknown;
	strv_copy(&p->lint.args, &base->lint.args);
}

void lint_stage_done(struct lint_stage *s)
{
	strv_done(&s->args);
}

/* The key of an environment that is closest to a name. */
static const char *closest(const struct map *env, const char *name)
{
	const char **keys = xcalloc(env->n + 1, sizeof(*keys));
	size_t n = 0;
	MAP_FOREACH (v, env)
		keys[n++] = v->key;
	const char *found = suggest(name, keys, n);
	free(keys);
	return found;
}

/* --- FROM ------------------------------------------------------------------------------------ */

/* ARGs before the first FROM with their defaults, as if no --build-arg had been given. */
static void default_args(const struct build *b, struct map *ret)
{
	const struct stages *s = &b->stages;
	size_t expanded = 0;
	char text[128];
	platform_args(ret, &s->targets[0].platform);
	map_set(ret, "TARGETPLATFORM", platform_str(&s->targets[0].platform, text));
	SOURCE_FOREACH (w, s->files, s->n_files) {
		const struct inst *i = w.at.inst;
		if (i->kind == INST_FROM)
			return;
		for (size_t a = 0; i->kind == INST_ARG && a < i->args.n; a++) {
			const char *eq = strchr(i->args.v[a], '=');
			AUTO_FREE char *name = xstrndup(i->args.v[a], strcspn(i->args.v[a], "="));
			AUTO_FREE char *value = NULL;
			struct err ignored = ERR_INIT;
			if (eq && expand_word(eq + 1, w.at.file->escape, ret, 0, &value, NULL, NULL,
					  &ignored) < 0)
				continue;
			if (value || !map_has(ret, name))
				map_set(ret, name, value);
			expanded += value ? strlen(value) : 0;
			/* stages_plan() refuses it, unless --build-arg makes it short */
			if (ret->n > WEIGHT_NAMES_MAX || expanded > WEIGHT_EXPANDED_MAX)
				return;
		}
	}
}

/* What names a word uses; false when it cannot be expanded. */
static bool look(const struct source_inst *at, const char *word, const struct map *env, char **ret,
	struct strv *used, struct strv *unset)
{
	struct err ignored = ERR_INIT;
	return expand_word(word, at->file->escape, env, 0, ret, used, unset, &ignored) == 0;
}

static void undefined_in_from(struct build *b, const struct source_inst *at, struct pos pos,
	const struct strv *unset, const struct map *declared)
{
	STRV_FOREACH (name, unset) {
		if (map_has(declared, *name))
			continue;
		const char *near = closest(declared, *name);
		lint_add(&b->result->lint, LINT_UNDEFINED_ARG_IN_FROM, at->file, at->inst, pos,
			"FROM argument '%s' is not declared%s%s%s", *name,
			near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	}
}

static void platform_flag(struct build *b, const struct stage *st, const struct map *declared)
{
	const struct source_inst *at = &st->from;
	const struct stage_target *t = build_target_of(b, st);
	struct lint *l = &b->result->lint;
	struct pos pos;
	const char *raw = inst_flag(at->inst, "platform", &pos);
	AUTO_STRV struct strv used = STRV_INIT;
	AUTO_STRV struct strv unset = STRV_INIT;
	AUTO_FREE char *text = NULL;
	if (!raw || !look(at, raw, &t->global_args, &text, &used, &unset))
		return;
	undefined_in_from(b, at, pos, &unset, declared);
	const char *target = map_get(&t->global_args, "TARGETPLATFORM");
	if (used.n == 1 && streq(used.v[0], "TARGETPLATFORM") && target && streq(text, target))
		lint_add(l, LINT_REDUNDANT_TARGET_PLATFORM, at->file, at->inst, pos,
			"Setting platform to predefined %s in FROM is redundant as this is the "
			"default behavior",
			raw);
	struct platform p;
	struct err ignored = ERR_INIT;
	if (used.n || platform_parse(text, &p, &ignored) < 0)
		return;
	/* a stage that says in its name what it is for */
	if (st->name && (strstr(st->name, p.os) || strstr(st->name, p.arch)))
		return;
	lint_add(l, LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, at->file, at->inst, pos,
		"FROM --platform flag should not use constant value \"%s\"", text);
}

void lint_from(struct build *b)
{
	AUTO_MAP struct map defaults = MAP_INIT;
	AUTO_MAP struct map declared = MAP_INIT;
	/* the other platforms have the same lines */
	const struct stage_target *t = &b->stages.targets[0];
	default_args(b, &defaults);
	map_copy(&declared, &t->global_args);
	MAP_FOREACH (v, &defaults)
		if (!map_has(&declared, v->key))
			map_set(&declared, v->key, NULL);
	for (size_t i = t->first; i < t->end; i++) {
		const struct stage *st = &b->stages.s[i];
		const struct source_inst *at = &st->from;
		AUTO_STRV struct strv unset = STRV_INIT;
		AUTO_FREE char *now = NULL, *text = NULL;
		/* the stage that a named context was given for is of no file */
		if (!at->inst || !at->inst->args.n)
			continue;
		const char *raw = at->inst->args.v[0];
		if (look(at, raw, &t->global_args, &now, NULL, &unset))
			undefined_in_from(b, at, at->inst->arg_pos[0], &unset, &declared);
		AUTO_REFERENCE struct reference ref = {0};
		struct err ignored = ERR_INIT;
		if (strchr(raw, '$') && look(at, raw, &defaults, &text, NULL, NULL) &&
			reference_parse(text, &ref, &ignored) < 0)
			lint_add(&b->result->lint, LINT_INVALID_DEFAULT_ARG_IN_FROM, at->file,
				at->inst, at->inst->arg_pos[0],
				"Default value for ARG %s results in empty or invalid base image "
				"name",
				raw);
		platform_flag(b, st, &declared);
	}
}

void lint_base_image(struct build *b, const struct stage_plan *p)
{
	const struct stage *st = p->stage;
	const struct platform *want =
		st->has_platform ? &st->platform : &build_target_of(b, st)->platform;
	const struct platform *have = &p->config.platform;
	char wanted[128], had[128];
	if (!*have->os || !*have->arch ||
		(streq(want->os, have->os) && streq(want->arch, have->arch)))
		return;
	lint_add(&b->result->lint, LINT_INVALID_BASE_IMAGE_PLATFORM, st->from.file, st->from.inst,
		st->from.inst->arg_pos[0],
		"Base image %s was pulled with platform \"%s\", expected \"%s\" for current build",
		st->base, platform_str(have, had), platform_str(want, wanted));
}

/* --- instructions ---------------------------------------------------------------------------- */

static void used_once(struct eval *e, const struct inst **last)
{
	if (*last) {
		/* the one before is the one that does not count */
		AUTO_FREE char *word = lint_keyword(e->at.inst);
		lint_add(&e->b->result->lint, LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, e->at.file,
			*last, (*last)->pos,
			"Multiple %s instructions should not be used in the same stage because "
			"only the last one will be used",
			word);
	}
	*last = e->at.inst;
}

static void command(struct eval *e, const struct inst **last)
{
	used_once(e, last);
	if (e->at.inst->json || e->p->config.shell.n)
		return;
	AUTO_FREE char *word = lint_keyword(e->at.inst);
	lint_add(&e->b->result->lint, LINT_JSON_ARGS_RECOMMENDED, e->at.file, e->at.inst,
		e->at.inst->pos,
		"JSON arguments recommended for %s to prevent unintended behavior related to OS "
		"signals",
		word);
}

static void key_values(struct eval *e)
{
	const struct inst *i = e->at.inst;
	if (!i->old_env)
		return;
	AUTO_FREE char *word = lint_keyword(i);
	lint_add(&e->b->result->lint, LINT_LEGACY_KEY_VALUE_FORMAT, e->at.file, i, i->pos,
		"\"%s key=value\" should be used instead of legacy \"%s key value\" format", word,
		word);
}

static void workdir(struct eval *e)
{
	const struct inst *i = e->at.inst;
	AUTO_FREE char *path = NULL;
	struct err ignored = ERR_INIT;
	if (e->p->lint.workdir)
		return;
	e->p->lint.workdir = true;
	if (expand_word(i->args.v[0], e->at.file->escape, &e->p->env, 0, &path, NULL, NULL,
		    &ignored) < 0 ||
		windows_path_read(e->p->config.platform.os, &path, &ignored) < 0 || *path == '/')
		return;
	lint_add(&e->b->result->lint, LINT_WORKDIR_RELATIVE_PATH, e->at.file, i, eval_arg_pos(e, 0),
		"Relative workdir \"%s\" can have unexpected results if the base image changes",
		path);
}

void lint_arg(struct eval *e, size_t k, const char *name)
{
	const struct inst *i = e->at.inst;
	const char *eq = strchr(i->args.v[k], '=');
	if (!e->trigger && !map_has(&e->b->o->secret_args, name))
		lint_secret(&e->b->result->lint, e->at.file, i, i->arg_pos[k], name,
			eq ? eq + 1 : NULL);
	if (!strv_has(&e->p->lint.args, name))
		strv_add(&e->p->lint.args, name);
}

void lint_inst(struct eval *e)
{
	const struct inst *i = e->at.inst;
	struct lint_stage *s = &e->p->lint;
	if (e->trigger)
		return;
	switch (i->kind) {
	case INST_CMD:
		command(e, &s->cmd);
		break;
	case INST_ENTRYPOINT:
		command(e, &s->entrypoint);
		break;
	case INST_HEALTHCHECK:
		used_once(e, &s->healthcheck);
		break;
	case INST_ENV:
		for (size_t k = 0; k + 1 < i->args.n; k += 2)
			lint_secret(&e->b->result->lint, e->at.file, i, i->arg_pos[k], i->args.v[k],
				i->args.v[k + 1]);
		key_values(e);
		break;
	case INST_LABEL:
		lint_secret_text(&e->b->result->lint, e->at.file, i);
		key_values(e);
		break;
	case INST_ADD:
	case INST_COPY:
	case INST_ONBUILD:
	case INST_RUN:
		lint_secret_text(&e->b->result->lint, e->at.file, i);
		break;
	case INST_WORKDIR:
		workdir(e);
		break;
	case INST_ARG:
	case INST_EXPOSE:
	case INST_FROM:
	case INST_INCLUDE:
	case INST_MAINTAINER:
	case INST_SHELL:
	case INST_STOPSIGNAL:
	case INST_USER:
	case INST_VOLUME:
		break;
	}
}

void lint_unset(struct eval *e, struct pos pos, const struct strv *names)
{
	if (e->trigger || e->p->lint.base_unknown)
		return;
	STRV_FOREACH (name, names) {
		if (strv_has(&e->p->lint.args, *name))
			continue;
		const char *near = closest(&e->p->env, *name);
		struct pos at = containerfile_find_variable(e->at.file, pos, *name);
		lint_add(&e->b->result->lint, LINT_UNDEFINED_VAR, e->at.file, e->at.inst, at,
			"Usage of undefined variable '$%s'%s%s%s", *name,
			near ? " (did you mean $" : "", near ? near : "", near ? "?)" : "");
	}
}

/* --- COPY and ADD ---------------------------------------------------------------------------- */

void lint_source(struct eval *e, const struct step *s, const char *source, struct pos pos)
{
	struct build *b = e->b;
	struct node *n = NULL;
	struct err ignored = ERR_INIT;
	struct filetree *t = s->context == NO_CONTEXT ? b->context : b->contexts[s->context].tree;
	AUTO_FREE char *clean = path_resolve("/", source);
	/* "dir/" says that it is known */
	if (e->trigger || s->parents || path_has_trailing_slash(source) || streq(clean, "/") ||
		strpbrk(source, "*?[") || filetree_lookup(t, source, true, &n, &ignored) < 0 ||
		!n || !S_ISDIR(n->st.st_mode))
		return;
	lint_add(&b->result->lint, LINT_COPY_DIRECTORY_CONTENTS, e->at.file, e->at.inst, pos,
		"%s of the directory '%s' copies what is in it, not the directory",
		e->at.inst->name, source);
}

void lint_source_ignored(struct eval *e, const char *source, struct pos pos)
{
	if (!e->trigger)
		lint_add(&e->b->result->lint, LINT_COPY_IGNORED_FILE, e->at.file, e->at.inst, pos,
			"Attempting to %s file \"%s\" that is excluded by .dockerignore",
			e->at.inst->kind == INST_ADD ? "Add" : "Copy", source);
}

void lint_source_nothing(struct eval *e, const char *source, const char *why, struct pos pos)
{
	if (!e->trigger)
		lint_add(&e->b->result->lint, LINT_COPY_MATCHES_NOTHING, e->at.file, e->at.inst,
			pos, "%s: nothing in the context matches '%s' (%s)", e->at.inst->name,
			source, why);
}

void lint_dest(struct eval *e, const struct step *s)
{
	STRV_FOREACH (v, &e->p->config.volumes) {
		AUTO_FREE char *volume = path_resolve("/", *v);
		size_t len = strlen(volume);
		if (e->trigger || streq(volume, "/") || strncmp(s->dest, volume, len) != 0 ||
			(s->dest[len] && s->dest[len] != '/'))
			continue;
		lint_add(&e->b->result->lint, LINT_COPY_BELOW_VOLUME, e->at.file, e->at.inst,
			eval_arg_pos(e, e->at.inst->args.n - 1), "%s writes below the volume '%s'",
			e->at.inst->name, *v);
	}
}

void lint_stage_end(struct build *b, const struct stage_plan *p)
{
	const struct stage *st = p->stage;
	const struct stage_target *t = build_target_of(b, st);
	struct platform host;
	platform_host(&host);
	if (st->index == t->stage || st->has_platform || st->scratch ||
		st->base_stage != NO_STAGE || streq(host.arch, t->platform.arch))
		return;
	for (size_t i = 0; i < p->n_steps; i++) {
		if (p->steps[i].kind != STEP_RUN)
			continue;
		lint_add(&b->result->lint, LINT_EMULATED_STAGE, st->from.file, st->from.inst,
			st->from.inst->pos, "RUN of this stage is emulated: %s on %s",
			t->platform.arch, host.arch);
		return;
	}
}
