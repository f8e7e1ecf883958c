/* SPDX-License-Identifier: Apache-2.0 */
/* RUN --mount: words -> mounts of a step. Whatever can be known before the first RUN is checked
 * here. BuildKit's dispatchRunMounts is the reference. */
#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/as_buildah.h"
#include "build/copy_source.h"
#include "build/evaluate.h"
#include "build/file_expand.h"
#include "build/hidden.h"
#include "build/similar.h"
#include "build/step_words.h"

#include <stdlib.h>
#include <string.h>

static const char *const source_keys[] = {"source=", "src=", NULL};
static const char *const target_keys[] = {"target=", "dst=", "destination=", NULL};
static const char *const from_keys[] = {"from=", NULL};
static const char *const id_keys[] = {"id=", "source=", "src=", NULL};

/* Where the value of a key stands. */
static struct pos at_key(const struct eval *e, const struct step_mount *m, const char *const *keys)
{
	return containerfile_find_key(e->at.file, m->pos, keys);
}

struct mount_words {
	struct eval *e;
	struct pos pos;
};

static int expand(void *arg, const char *value, char **ret, struct err *err)
{
	struct mount_words *w = arg;
	return eval_expand(w->e, value, w->e->at.file->escape, 0, w->pos, ret, err);
}

/* from=STAGE|INDEX|IMAGE|scratch */
static int mount_from(struct eval *e, struct step_mount *m, struct err *err)
{
	const char *from = m->o.from;
	if (m->o.type == MOUNT_TMPFS || (m->o.type == MOUNT_CACHE && !from) ||
		(from && streq(from, "scratch"))) {
		m->from = MOUNT_FROM_NOTHING;
		return 0;
	}
	if (from && !*from && called_buildah())
		return eval_error(
			e, m->pos, err, ERR_INVALID, "--mount: from= points to an empty value");
	if (!from || !*from) {
		m->from = MOUNT_FROM_CONTEXT;
		return 0;
	}
	const struct stages *all = &e->b->stages;
	const struct stage *self = e->p->stage;
	const struct stage_target *t = build_target_of(e->b, self);
	const char *image = from;
	struct err why = ERR_INIT;
	size_t context = contexts_find(e->b, from);
	if (context != NO_CONTEXT) {
		const struct context *c = &e->b->contexts[context];
		if (c->kind == CONTEXT_SCRATCH) {
			m->from = MOUNT_FROM_NOTHING;
			return 0;
		}
		if (c->kind == CONTEXT_DIR) {
			m->from = MOUNT_FROM_STAGE;
			m->from_stage = c->stage + self->target;
			return stage_evaluate(e->b, c->stage + self->target, err);
		}
		image = c->location;
	}
	m->from_stage = context != NO_CONTEXT ? NO_STAGE
	                                      : stages_find(all, self->target, from, self->index);
	if (m->from_stage != NO_STAGE) {
		m->from = MOUNT_FROM_STAGE;
		return stage_evaluate(e->b, m->from_stage, err);
	}
	if (context == NO_CONTEXT && stages_find(all, self->target, from, t->end) != NO_STAGE)
		return eval_error(e, at_key(e, m, from_keys), err, ERR_INVALID,
			"cannot mount from stage '%s' to '%s': that stage has to come before this "
			"one",
			from, m->target);
	m->from = MOUNT_FROM_IMAGE;
	if (build_use_image(e->b, image, &t->platform, &m->from_image, &why) < 0 &&
		eval_from_error(e, at_key(e, m, from_keys), "--mount: from", from, &why, err) < 0 &&
		!build_can_do_without(e->b, err))
		return err->code;
	return 0;
}

/* The context must have it. */
static int check_source(struct eval *e, const struct step_mount *m, struct err *err)
{
	struct build *b = e->b;
	struct err why = ERR_INIT;
	struct node *node;
	if (b->o->call != BUILD_CALL_BUILD)
		return 0; /* it is about the file */
	if (filetree_lookup(b->context, m->source, true, &node, &why) < 0)
		return eval_error(e, m->source_pos, err, why.code, "--mount: %s", why.msg);
	if (node && copy_source_readable(b->context, NULL, node, &why) < 0)
		return eval_error(e, m->source_pos, err, why.code, "--mount: %s", why.msg);
	if (node)
		return 0;
	if (filetree_lookup(b->context, m->source, false, &node, &why) == 0 && node)
		return eval_error(e, m->source_pos, err, ERR_NOT_FOUND,
			"--mount: '%s' is a link to nothing: '%s' is not in the context", m->source,
			node->link);
	AUTO_FREE char *hidden = hidden_path(b->context, m->source, b->ignore_name);
	if (hidden)
		return eval_error(e, m->source_pos, err, ERR_NOT_FOUND, "--mount: %s", hidden);
	AUTO_FREE char *similar = similar_path(b->context, m->source);
	AUTO_FREE char *left = hidden_left(b->context);
	return eval_error(e, m->source_pos, err, ERR_NOT_FOUND,
		"--mount: no such file or directory: '%s' in the context %s (it has %s)%s%s%s%s",
		m->o.source, b->context_name, left,
		*m->o.source == '/' ? "; a path from '/' on begins in the context" : "",
		similar ? ", did you mean '" : "", similar ? similar : "", similar ? "'?" : "");
}

/* target, resolved against the working directory */
static int set_target(struct eval *e, struct step_mount *m, const char *target, struct err *err)
{
	const struct image_config *c = &e->p->config;
	AUTO_FREE char *base = xasprintf("/%s", c->working_dir ? c->working_dir : "");
	m->target = path_resolve(base, target);
	if (streq(m->target, "/"))
		return eval_error(e, at_key(e, m, target_keys), err, ERR_INVALID,
			"invalid mount target '%s': give target=DIRECTORY", m->target);
	if (path_is_below(m->target, "/proc") || streq(m->target, "/dev"))
		return eval_error(e, at_key(e, m, target_keys), err, ERR_INVALID,
			"invalid mount target '%s': it belongs to the sandbox", m->target);
	return 0;
}

static int set_files(struct eval *e, struct step_mount *m, struct err *err)
{
	const char *target = m->o.target ? m->o.target : "";
	m->source = path_clean_rel(m->o.source ? m->o.source : "");
	as_buildah_mount(&m->o);
	if (m->o.type == MOUNT_CACHE) {
		const char *ns = e->b->o->cache_ns;
		AUTO_FREE char *id = m->o.id && *m->o.id ? xstrdup(m->o.id) : path_clean(target);
		m->id = ns ? xasprintf("%s/%s", ns, id) : xstrdup(id);
	}
	if (set_target(e, m, target, err) < 0 || mount_from(e, m, err) < 0)
		return err->code;
	return m->from == MOUNT_FROM_CONTEXT ? check_source(e, m, err) : 0;
}

/* A secret that was given: its content, and what it changes about the step. */
static int use_secret(struct eval *e, struct step *step, const struct step_mount *m,
	struct secret *s, struct err *err)
{
	struct strv *warnings = &e->b->result->warnings;
	struct err why = ERR_INIT;
	if (secret_load(s, &why) < 0)
		return eval_error(e, at_key(e, m, id_keys), err, why.code, "%s", why.msg);
	AUTO_FREE char *unset = xasprintf(
		"secret '%s' is empty: the variable '%s' is not set", s->id, s->env ? s->env : "");
	if (s->env && !getenv(s->env) && !strv_has(warnings, unset))
		strv_add_take(warnings, take(unset));
	if (m->o.env && memchr(s->data, '\0', s->len))
		return eval_error(e, at_key(e, m, id_keys), err, ERR_INVALID,
			"secret '%s' has a NUL byte: it cannot be a variable", s->id);
	if (s->in_key) {
		AUTO_FREE char *word = xasprintf(STEP_WORD_SECRET "%s", s->id);
		step_word_content(step, word, s->data, s->len);
	}
	/* what ran without being looked through does not answer for it */
	if (s->leak == LEAK_FAIL) {
		AUTO_FREE char *word = xasprintf("leak of %s", s->id);
		step_wordf(step, word, "fails");
	}
	return 0;
}

/* *ret_use: false: it was not given, and need not be. */
static int set_secret(
	struct eval *e, struct step *step, struct step_mount *m, bool *ret_use, struct err *err)
{
	const struct mount_opts *o = &m->o;
	const char *id = o->source ? o->source : o->id ? o->id : path_base(o->target);
	m->id = xstrdup(id);
	struct secret *s = secrets_find(&e->b->secrets, id);
	*ret_use = s != NULL || o->env; /* a variable is there all the same, and empty */
	if (!s)
		strv_add(&step->not_given, id);
	if (!s && o->required && e->b->o->call == BUILD_CALL_BUILD)
		return eval_error(e, at_key(e, m, id_keys), err, ERR_NOT_FOUND,
			"secret required but no secret with id \"%s\" found; give it with --secret "
			"id=%s,src=FILE",
			id, id);
	if (s && use_secret(e, step, m, s, err) < 0)
		return err->code;
	if (o->target && *o->target)
		return set_target(e, m, o->target, err);
	if (o->env)
		return 0;
	const char *name = path_base(id);
	if (!*name || streq(name, ".") || streq(name, ".."))
		return eval_error(e, at_key(e, m, id_keys), err, ERR_INVALID,
			"secret '%s' cannot name a file: give a target", id);
	AUTO_FREE char *target = xasprintf("/run/secrets/%s", name);
	return set_target(e, m, target, err);
}

/* Keys that do not do are told before anything runs. */
static int start_agent(
	struct eval *e, const struct step_mount *m, struct ssh_source *agent, struct err *err)
{
	struct err why = ERR_INIT;
	if (ssh_source_start(agent, e->b->txn, &why) < 0)
		return eval_error(e, m->pos, err, why.code, "ssh agent '%s': %s", m->id, why.msg);
	return 0;
}

static int set_ssh(
	struct eval *e, struct step *step, struct step_mount *m, bool *ret_use, struct err *err)
{
	const struct mount_opts *o = &m->o;
	if (o->source)
		return eval_error(e, m->source_pos, err, ERR_INVALID, "ssh mounts have no source");
	m->id = xstrdup(o->id && *o->id ? o->id : "default");
	struct ssh_source *agent = secrets_find_ssh(&e->b->secrets, m->id);
	*ret_use = agent != NULL;
	if (!*ret_use && o->required && e->b->o->call == BUILD_CALL_BUILD)
		return eval_error(e, at_key(e, m, id_keys), err, ERR_NOT_FOUND,
			"ssh agent '%s': not found; give it with --ssh %s", m->id, m->id);
	if (agent && e->b->o->call == BUILD_CALL_BUILD && start_agent(e, m, agent, err) < 0)
		return err->code;
	AUTO_FREE char *target = o->target && *o->target
	                                 ? xstrdup(o->target)
	                                 : xasprintf("/run/buildkit/ssh_agent.%zu", step->n_ssh);
	if (set_target(e, m, target, err) < 0)
		return err->code;
	if (step->n_ssh++ == 0)
		step->ssh_sock = xstrdup(m->target);
	return 0;
}

static const char *const from_names[] = {
	[MOUNT_FROM_CONTEXT] = NULL,
	[MOUNT_FROM_STAGE] = "stage",
	[MOUNT_FROM_IMAGE] = "image",
	[MOUNT_FROM_NOTHING] = "nothing",
};

/* What it is from counts by its content, which is a file input (mount_inputs.c). */
static void mount_words(struct step *s, const struct step_mount *m, size_t number)
{
	const struct mount_opts *o = &m->o;
	const struct {
		const char *name, *text;
		uint64_t number;
	} words[] = {
		{"type", mount_type_name(o->type), 0},
		{"target", m->target, 0},
		{"source", m->source && *m->source ? m->source : NULL, 0},
		{"id", m->id, 0},
		{"env", o->env, 0},
		{"from", from_names[m->from], 0},
		{"ro", NULL, o->read_only},
		{"copy up", NULL, o->copy_up},
		{"noexec", NULL, o->no_exec},
		{"nosuid", NULL, o->no_suid},
		{"size", NULL, o->size},
		{"mode", NULL, o->has_mode ? 1 + (uint64_t)o->mode : 0},
		{"uid", NULL, o->has_uid ? 1 + (uint64_t)o->uid : 0},
		{"gid", NULL, o->has_gid ? 1 + (uint64_t)o->gid : 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		AUTO_FREE char *name = xasprintf("mount %zu %s", number, words[i].name);
		step_word(s, name, words[i].text);
		step_word_u64(s, name, words[i].number);
	}
}

static void mount_done(struct step_mount *m)
{
	mount_opts_done(&m->o);
	free(m->target);
	free(m->source);
	free(m->id);
}

/* Parents before what lies below them, else as written. */
static void insert(struct step *s, const struct step_mount *m)
{
	s->mounts = xreallocarray(s->mounts, s->n_mounts + 1, sizeof(*s->mounts));
	size_t at = s->n_mounts++;
	const char *target = m->target ? m->target : "";
	while (at > 0 && s->mounts[at - 1].target && strcmp(s->mounts[at - 1].target, target) > 0) {
		s->mounts[at] = s->mounts[at - 1];
		at--;
	}
	s->mounts[at] = *m;
}

int step_add_mount(
	struct eval *e, struct step *s, const struct inst_flag *f, size_t number, struct err *err)
{
	struct err why = ERR_INIT;
	struct step_mount m = {.pos = f->pos,
		.source_pos = containerfile_find_key(e->at.file, f->pos, source_keys),
		.from_stage = NO_STAGE,
		.from_image = NO_STAGE};
	struct mount_words words = {.e = e, .pos = f->pos};
	AUTO_FREE char *field = NULL;
	if (mount_parse(f->value ? f->value : "", expand, &words, &m.o, &field, &why) < 0)
		return eval_error(e,
			field ? containerfile_find_field(e->at.file, f->pos, field) : f->pos, err,
			why.code, "--mount: %s", why.msg);
	bool use = true;
	int r = 0;
	switch (m.o.type) {
	case MOUNT_BIND:
	case MOUNT_CACHE:
	case MOUNT_TMPFS:
		r = set_files(e, &m, err);
		break;
	case MOUNT_SECRET:
		r = set_secret(e, s, &m, &use, err);
		break;
	case MOUNT_SSH:
		r = set_ssh(e, s, &m, &use, err);
		break;
	}
	if (r == 0)
		mount_words(s, &m, number);
	if (r < 0 || !use)
		mount_done(&m);
	else
		insert(s, &m);
	return r;
}

void step_add_secret_args(struct eval *e, struct step *s)
{
	size_t number = e->at.inst->n_flags;
	STRV_FOREACH (name, &e->p->secret_args) {
		struct step_mount m = {.o = {.type = MOUNT_SECRET, .env = xstrdup(*name)},
			.id = xasprintf(SECRET_ARG "%s", *name),
			.pos = e->at.inst->pos,
			.from_stage = NO_STAGE,
			.from_image = NO_STAGE};
		const struct secret *secret = secrets_find(&e->b->secrets, m.id);
		if (!secret || map_has(&e->p->env, *name)) { /* an ENV has taken its place */
			mount_done(&m);
			continue;
		}
		AUTO_FREE char *word = xasprintf(STEP_WORD_SECRET "%s", m.id);
		step_word_content(s, word, secret->data, secret->len);
		mount_words(s, &m, ++number);
		insert(s, &m);
	}
}

static bool has_target(const struct step *s, const char *target)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (s->mounts[i].target && streq(s->mounts[i].target, target))
			return true;
	return false;
}

void step_hide_volumes(struct eval *e, struct step *s)
{
	const struct strv *volumes = &e->p->config.volumes;
	for (size_t i = 0; i < volumes->n; i++) {
		AUTO_FREE char *target = path_resolve("/", volumes->v[i]);
		if (streq(target, "/") || has_target(s, target))
			continue;
		struct step_mount m = {.o = {.type = MOUNT_TMPFS, .copy_up = true},
			.target = take(target),
			.source = xstrdup(""),
			.from = MOUNT_FROM_NOTHING,
			.pos = e->at.inst->pos,
			.from_stage = NO_STAGE,
			.from_image = NO_STAGE};
		mount_words(s, &m, e->at.inst->n_flags + e->p->secret_args.n + 1 + i);
		insert(s, &m);
	}
}

void step_mounts_done(struct step *s)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		mount_done(&s->mounts[i]);
	free(s->mounts);
}
