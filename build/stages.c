/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stages.h"
#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "build/build.h"
#include "build/error_excerpt.h"
#include "build/file_expand.h"
#include "build/platforms.h"
#include "build/suggest.h"
#include "build/weight.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STAGES_MAX 10000

bool is_proxy_arg(const char *name)
{
	static const char *const names[] = {
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

void platform_args(struct map *ret, const struct platform *target)
{
	struct platform host;
	char text[128];
	platform_host(&host);
	map_set(ret, "BUILDPLATFORM", platform_str(&host, text));
	map_set(ret, "BUILDOS", host.os);
	map_set(ret, "BUILDOSVERSION", host.os_version);
	map_set(ret, "BUILDARCH", host.arch);
	map_set(ret, "BUILDVARIANT", host.variant);
	map_set(ret, "TARGETPLATFORM", platform_str(target, text));
	map_set(ret, "TARGETOS", target->os);
	map_set(ret, "TARGETOSVERSION", target->os_version);
	map_set(ret, "TARGETARCH", target->arch);
	map_set(ret, "TARGETVARIANT", target->variant);
}

/* ARG before the first FROM: its default is expanded with the global ARGs before it; --build-arg
 * wins. */
static int global_arg(struct stage_target *t, const struct source_inst *at,
	const struct build_opts *o, struct err *err)
{
	for (size_t i = 0; i < at->inst->args.n; i++) {
		const char *word = at->inst->args.v[i];
		const char *eq = strchr(word, '=');
		AUTO_FREE char *name = eq ? xstrndup(word, (size_t)(eq - word)) : xstrdup(word);
		AUTO_FREE char *value = NULL;
		struct err why = ERR_INIT;
		const char *given = map_get(&o->build_args, name);
		if (!given && map_has(&o->build_args, name))
			given = getenv(name);
		/* a default that is not needed is not looked at, as in a stage */
		if (given)
			value = xstrdup(given);
		else if (eq && expand_word(eq + 1, at->file->escape, &t->global_args, 0, &value,
				       NULL, NULL, &why) < 0)
			return containerfile_error(
				at->file, at->inst->arg_pos[i], err, ERR_INVALID, "%s", why.msg);
		if (value) {
			map_set(&t->global_args, name, value);
			t->expanded += strlen(value);
		}
		if (t->global_args.n > WEIGHT_NAMES_MAX || t->expanded > WEIGHT_EXPANDED_MAX)
			return containerfile_error(at->file, at->inst->pos, err, ERR_LIMIT,
				"ARGs before the first FROM: more than %d names or %llu bytes",
				WEIGHT_NAMES_MAX, WEIGHT_EXPANDED_MAX);
	}
	return 0;
}

size_t stages_find(const struct stages *s, size_t target, const char *name, size_t before)
{
	AUTO_FREE char *wanted = str_lower(xstrdup(name));
	const size_t first = s->targets[target].first;
	for (size_t i = before; i-- > first;) /* the last one of a name wins */
		if (s->s[i].name && streq(s->s[i].name, wanted))
			return i;
	uint64_t number;
	if (before > first && num_u64(name, before - first - 1, &number))
		return first + (size_t)number;
	return NO_STAGE;
}

bool stage_is_called(const struct stage *st, const char *name)
{
	return st->name && strcasecmp(st->name, name) == 0;
}

const char *stages_suggest(const struct stages *s, size_t target, const char *name, size_t before)
{
	const char **names = xcalloc(before + 1, sizeof(*names));
	size_t n = 0;
	for (size_t i = s->targets[target].first; i < before; i++)
		if (s->s[i].name)
			names[n++] = s->s[i].name;
	const char *found = suggest(name, names, n);
	free(names);
	return found;
}

static int set_platform(
	struct stage *st, const struct source_inst *at, const struct map *global, struct err *err)
{
	struct pos pos;
	struct err why = ERR_INIT;
	AUTO_FREE char *text = NULL;
	const char *platform = inst_flag(at->inst, "platform", &pos);
	if (!platform)
		return 0;
	if (expand_word(platform, at->file->escape, global, 0, &text, NULL, NULL, &why) < 0)
		return containerfile_error(at->file, pos, err, ERR_INVALID, "%s", why.msg);
	if (*text && platform_parse(text, &st->platform, &why) < 0)
		return containerfile_error(at->file, pos, err, ERR_INVALID, "%s", why.msg);
	if (*text && !st->scratch && st->base_stage == NO_STAGE &&
		!platform_is_known(&st->platform)) {
		AUTO_FREE char *unknown = platform_unknown(&st->platform);
		return containerfile_error(
			at->file, pos, err, ERR_INVALID, "--platform=%s%s", text, unknown);
	}
	if (!*text && *platform)
		return containerfile_error(at->file, pos, err, ERR_INVALID,
			"--platform=%s is empty; declare its variable with ARG before the "
			"first FROM, or pass --build-arg",
			platform);
	/* of nothing, BuildKit makes an image for the target's platform whatever is said */
	st->has_platform = *text && (!st->scratch || called_buildah());
	return 0;
}

/* from: instead of what the first FROM names, or NULL. */
static int add_stage(
	struct stages *s, const struct source_inst *at, const char *from, struct err *err)
{
	const struct inst *inst = at->inst;
	const size_t target = s->n_targets - 1;
	const struct stage_target *t = &s->targets[target];
	if (s->n >= STAGES_MAX)
		return containerfile_error(
			at->file, inst->pos, err, ERR_LIMIT, "more than %d stages", STAGES_MAX);
	s->s = xreallocarray(s->s, s->n + 1, sizeof(*s->s));
	struct stage *st = &s->s[s->n];
	*st = (struct stage){.index = s->n, .target = target, .from = *at, .base_stage = NO_STAGE};
	s->targets[target].end = ++s->n;
	struct err why = ERR_INIT;
	AUTO_STRV struct strv unset = STRV_INIT;
	if (st->index == t->first && from)
		st->base = xstrdup(from);
	else if (expand_word(inst->args.v[0], at->file->escape, &t->global_args, 0, &st->base, NULL,
			 &unset, &why) < 0)
		return containerfile_error(
			at->file, inst->arg_pos[0], err, ERR_INVALID, "%s", why.msg);
	if (!*st->base)
		return containerfile_error(at->file, inst->arg_pos[0], err, ERR_INVALID,
			"the base image '%s' is empty%s%s%s; declare it with ARG before the first "
			"FROM, or pass --build-arg",
			inst->args.v[0], unset.n ? ": '" : "", unset.n ? unset.v[0] : "",
			unset.n ? "' is not set" : "");
	if (unset.n)
		st->unset = xstrdup(unset.v[0]);
	if (inst->args.n == 3)
		st->name = str_lower(xstrdup(inst->args.v[2]));
	st->base_stage = stages_find(s, target, st->base, st->index);
	/* names of stages are lower case here; a bare number is a stage, as with buildah */
	if (st->base_stage != NO_STAGE && !streq_null(s->s[st->base_stage].name, st->base) &&
		st->base[strspn(st->base, "0123456789")])
		st->base_stage = NO_STAGE;
	st->scratch = st->base_stage == NO_STAGE && streq(st->base, "scratch");
	return set_platform(st, at, &t->global_args, err);
}

static int add_inst(
	struct stages *s, const struct source_inst *at, const struct build_opts *o, struct err *err)
{
	if (at->inst->kind == INST_FROM)
		return add_stage(s, at, o->from, err);
	struct stage_target *t = &s->targets[s->n_targets - 1];
	if (s->n == t->first) {
		if (at->inst->kind == INST_ARG)
			return global_arg(t, at, o, err);
		return containerfile_error(at->file, at->inst->pos, err, ERR_INVALID,
			"no FROM before %s", at->inst->name);
	}
	struct stage *st = &s->s[s->n - 1];
	st->insts = xreallocarray(st->insts, st->n_insts + 1, sizeof(*st->insts));
	st->insts[st->n_insts++] = *at;
	return 0;
}

static int find_target(struct stages *s, const struct build_opts *o, struct err *err)
{
	struct stage_target *t = &s->targets[s->n_targets - 1];
	t->stage = s->n - 1;
	if (!o->target || !*o->target)
		return 0;
	t->stage = stages_find(s, s->n_targets - 1, o->target, s->n);
	if (t->stage != NO_STAGE)
		return 0;
	AUTO_STRV struct strv names = STRV_INIT;
	for (size_t i = t->first; i < s->n; i++)
		if (s->s[i].name)
			strv_add(&names, s->s[i].name);
	AUTO_FREE char *list = strv_join(&names, ", ");
	const char *near = stages_suggest(s, s->n_targets - 1, o->target, s->n);
	return err_set(err, ERR_INVALID, "--target=%s: no such stage%s%s%s %s has %s%s", o->target,
		near ? ", did you mean '" : ";", near ? near : "", near ? "'?" : "",
		s->files[0].name, names.n ? "" : "no named stages", list);
}

/* What TARGETSTAGE is: --target, else the name of the last stage, if it has one. */
static char *target_stage_name(const struct stages *s, const struct build_opts *o)
{
	const struct inst *last = NULL;
	if (o->target && *o->target)
		return xstrdup(o->target);
	SOURCE_FOREACH (w, s->files, s->n_files)
		if (w.at.inst->kind == INST_FROM)
			last = w.at.inst;
	return last && last->args.n == 3 ? str_lower(xstrdup(last->args.v[2])) : xstrdup("default");
}

/* The stages for one more platform. */
static int plan_target(struct stages *s, const struct platform *platform,
	const struct build_opts *o, struct err *err)
{
	struct stage_target *t = &s->targets[s->n_targets++];
	*t = (struct stage_target){.platform = *platform, .first = s->n};
	platform_args(&t->global_args, platform);
	AUTO_FREE char *target_name = target_stage_name(s, o);
	map_set(&t->global_args, "TARGETSTAGE", target_name);
	MAP_FOREACH (e, &t->global_args)
		if (map_get(&o->build_args, e->key))
			map_set(&t->global_args, e->key, map_get(&o->build_args, e->key));
	SOURCE_FOREACH (w, s->files, s->n_files)
		if (add_inst(s, &w.at, o, err) < 0)
			return err->code;
	if (s->n == t->first)
		return err_set(err, ERR_INVALID, "%s: no FROM: there is nothing to build",
			s->n_files ? s->files[0].name : "Containerfile");
	return find_target(s, o, err);
}

int stages_plan(struct containerfile *files, size_t n_files, const struct build_opts *o,
	const struct platform_list *platforms, struct stages *ret, struct err *err)
{
	*ret = (struct stages){.files = files, .n_files = n_files};
	struct platform host;
	struct platform_list one = {.p = &host, .n = 1};
	platform_host(&host);
	if (!platforms->n)
		platforms = &one;
	ret->targets = xcalloc(platforms->n, sizeof(*ret->targets));
	for (size_t i = 0; i < platforms->n; i++)
		if (plan_target(ret, &platforms->p[i], o, err) < 0)
			return err->code;
	return 0;
}

void stages_done(struct stages *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->s[i].name);
		free(s->s[i].base);
		free(s->s[i].unset);
		free(s->s[i].insts);
	}
	free(s->s);
	for (size_t i = 0; i < s->n_files; i++)
		containerfile_done(&s->files[i]);
	free(s->files);
	for (size_t i = 0; i < s->n_targets; i++)
		map_done(&s->targets[i].global_args);
	free(s->targets);
	strv_done(&s->warnings);
	*s = (struct stages){0};
}
