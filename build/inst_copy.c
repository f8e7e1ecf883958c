/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and ADD: words and flags -> a step; sources are looked for in the context before anything
 * runs. */
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/as_buildah.h"
#include "build/chmod.h"
#include "build/copy_source.h"
#include "build/evaluate.h"
#include "build/file_expand.h"
#include "build/file_ignore.h"
#include "build/git_source.h"
#include "build/history.h"
#include "build/remote_file.h"
#include "build/step_words.h"
#include "registry/url.h"

#include <stdlib.h>
#include <string.h>

/* --from=NAME of a --build-context */
static int copy_from_context(
	struct eval *e, struct step *s, const char *from, struct pos pos, struct err *err)
{
	const struct context *c = &e->b->contexts[s->context];
	struct err why = ERR_INIT;
	switch (c->kind) {
	case CONTEXT_DIR:
		return 0;
	case CONTEXT_SCRATCH:
		s->from = COPY_FROM_NOTHING;
		return 0;
	case CONTEXT_IMAGE:
		s->from = COPY_FROM_IMAGE;
		if (build_use_image(e->b, c->location,
			    &build_target_of(e->b, e->p->stage)->platform, &s->from_image,
			    &why) < 0 &&
			eval_error(e, pos, err, why.code, "--from=%s: %s", from, why.msg) < 0 &&
			!build_can_do_without(e->b, err))
			return err->code;
		return 0;
	}
	return 0;
}

/* --from=STAGE|INDEX|IMAGE */
static int copy_from(struct eval *e, struct step *s, struct err *err)
{
	struct pos pos;
	s->context = e->p->stage->context;
	if (!inst_flag(e->at.inst, "from", &pos))
		return 0;
	AUTO_FREE char *from = NULL;
	if (eval_flag(e, "from", &from, err) < 0)
		return err->code;
	if (!*from && strchr(inst_flag(e->at.inst, "from", &pos), '$'))
		return eval_error(e, pos, err, ERR_INVALID,
			"--from=%s: the variable has no value; give it one with ARG or --build-arg",
			inst_flag(e->at.inst, "from", NULL));
	if (!*from)
		return 0; /* as BuildKit: no name, no other source */
	s->context = contexts_find(e->b, from);
	if (s->context != NO_CONTEXT)
		return copy_from_context(e, s, from, pos, err);
	struct stages *all = &e->b->stages;
	const struct stage_target *t = build_target_of(e->b, e->p->stage);
	size_t self = e->p->stage->index, target = e->p->stage->target;
	size_t stage = stages_find(all, target, from, self);
	size_t later = stage == NO_STAGE ? stages_find(all, target, from, t->end) : NO_STAGE;
	if (later != NO_STAGE && later != self)
		return eval_error(e, pos, err, ERR_INVALID,
			"--from=%s: that stage comes later; move it before this one", from);
	if (later == self)
		stage = self;
	if (stage != NO_STAGE) {
		if (stage == self)
			return eval_error(e, pos, err, ERR_INVALID,
				"COPY --from=%s: no stage or image found with that name: a stage "
				"cannot copy from itself",
				from);
		s->from = COPY_FROM_STAGE;
		s->from_stage = stage;
		struct err why = ERR_INIT;
		if (stage_evaluate(e->b, stage, &why) < 0) {
			*err = why;
			return err->code;
		}
		return 0;
	}
	if (streq(from, "scratch")) {
		s->from = COPY_FROM_NOTHING;
		return 0;
	}
	if (from[strspn(from, "0123456789")] == '\0')
		return eval_error(e, pos, err, ERR_INVALID,
			"--from=%s: no stage of that number; this one is %zu, and those before it "
			"can be named",
			from, self - t->first);
	struct err why = ERR_INIT;
	s->from = COPY_FROM_IMAGE;
	if (build_use_image(e->b, from, &t->platform, &s->from_image, &why) < 0 &&
		eval_from_error(e, pos, "--from", from, &why, err) < 0 &&
		!build_can_do_without(e->b, err))
		return err->code;
	return 0;
}

/* Points into the content, which need not be shown as a whole. */
static int inline_error(struct eval *e, const struct heredoc *h, const char *raw,
	const struct err *why, struct err *err)
{
	size_t at;
	if (!expand_find_error(raw, '\\', &e->p->env, EXPAND_NO_QUOTES, &at))
		return eval_error(e, h->pos, err, why->code, "%s", why->msg);
	AUTO_FREE char *shown = xasprintf("failed to process '%.200s': ", raw);
	const char *cause = why->msg + (str_has_prefix(why->msg, shown) ? strlen(shown) : 0);
	return eval_error(e, containerfile_find_content(e->at.file, h, at), err, why->code,
		"%s: here-document '%s': %s", e->at.inst->name, h->name, cause);
}

static int add_inline(struct eval *e, struct step *s, const struct heredoc *h, struct err *err)
{
	AUTO_FREE char *content = NULL;
	size_t len = h->len;
	if (h->expand) {
		struct err why = ERR_INIT;
		AUTO_FREE char *raw = xstrndup(h->content, h->len);
		if (eval_expand(e, raw, '\\', EXPAND_NO_QUOTES, h->pos, &content, &why) < 0)
			return inline_error(e, h, raw, &why, err);
		len = strlen(content);
	} else {
		content = xmemdup(h->content, h->len);
	}
	s->inlines = xreallocarray(s->inlines, s->n_inlines + 1, sizeof(*s->inlines));
	s->inlines[s->n_inlines++] = (struct inline_file){
		.name = path_clean_rel(h->name), .content = take(content), .len = len};
	return 0;
}

static void add_source(struct step *s, const char *word, struct pos pos)
{
	strv_add(&s->sources, word);
	s->source_pos = xreallocarray(s->source_pos, s->sources.n, sizeof(*s->source_pos));
	s->source_pos[s->sources.n - 1] = pos;
}

static int copy_url(
	struct eval *e, struct step *s, const char *url, struct pos pos, struct err *err)
{
	AUTO_FREE char *checksum = NULL, *shown = url_shown(url, true);
	struct err why = ERR_INIT;
	if (eval_flag(e, "checksum", &checksum, err) < 0)
		return err->code;
	add_source(s, url, pos);
	s->remote = xreallocarray(s->remote, s->sources.n, sizeof(*s->remote));
	for (size_t i = s->n_remote; i < s->sources.n; i++)
		s->remote[i] = NULL;
	s->n_remote = s->sources.n;
	struct remote_file *f = xcalloc(1, sizeof(*f));
	if (remote_file_init(f, url, &why) < 0) {
		free(f);
		return eval_error(e, pos, err, why.code, "ADD %s: %s", shown, why.msg);
	}
	s->remote[s->n_remote - 1] = f;
	struct pos flag = pos;
	(void)inst_flag(e->at.inst, "checksum", &flag);
	if (checksum && *checksum && remote_file_pin(f, checksum, &why) < 0)
		return eval_error(e, flag, err, why.code, "%s", why.msg);
	if (f->git && (inst_flag_is_true(e->at.inst, "keep-git-dir") || as_buildah_keeps_git()))
		f->git->keep_git_dir = true;
	if (e->b->o->call == BUILD_CALL_BUILD && remote_file_look(e->b, f, &why) < 0)
		return eval_error(e, pos, err, why.code, "cannot fetch %s: %s", shown, why.msg);
	return 0;
}

static int copy_sources(struct eval *e, struct step *s, struct err *err)
{
	const struct inst *inst = e->at.inst;
	for (size_t i = 0; i + 1 < inst->args.n; i++) {
		const struct heredoc *h = inst_heredoc(inst, inst->args.v[i]);
		if (h) {
			e->matched = true;
			if (add_inline(e, s, h, err) < 0)
				return err->code;
			continue;
		}
		AUTO_FREE char *word = NULL;
		if (eval_word(e, inst->args.v[i], inst->arg_pos[i], &word, err) < 0)
			return err->code;
		if (s->add && remote_file_is_url(word)) {
			e->matched = true;
			if (copy_url(e, s, word, inst->arg_pos[i], err) < 0)
				return err->code;
			continue;
		}
		e->matched |= s->from != COPY_FROM_CONTEXT;
		if (s->from == COPY_FROM_CONTEXT && !s->add && remote_file_is_url(word))
			return eval_error(e, inst->arg_pos[i], err, ERR_INVALID,
				"building COPY: source can't be a URL for COPY; ADD takes URLs");
		if (eval_path(e, inst->arg_pos[i], &word, err) < 0 ||
			(s->from == COPY_FROM_CONTEXT &&
				copy_source_check(e, s, word, inst->arg_pos[i], err) < 0))
			return err->code;
		add_source(s, word, inst->arg_pos[i]);
	}
	return as_buildah_matched(e, err);
}

/* --checksum is of one thing that comes from elsewhere. */
static int check_checksum(struct eval *e, const struct step *s, struct err *err)
{
	struct pos pos;
	AUTO_FREE char *checksum = NULL;
	if (eval_flag(e, "checksum", &checksum, err) < 0)
		return err->code;
	if (!checksum || !*checksum || !inst_flag(e->at.inst, "checksum", &pos))
		return 0;
	if (s->sources.n + s->n_inlines > 1)
		return eval_error(e, pos, err, ERR_INVALID,
			"--checksum cannot be specified for several sources");
	if (!s->n_remote)
		return eval_error(
			e, pos, err, ERR_INVALID, "--checksum requires a source that is a URL");
	return 0;
}

static int copy_dest(struct eval *e, struct step *s, char **ret_word, struct err *err)
{
	const struct inst *inst = e->at.inst;
	AUTO_FREE char *word = NULL;
	struct pos pos = inst->arg_pos[inst->args.n - 1];
	if (eval_word(e, inst->args.v[inst->args.n - 1], pos, &word, err) < 0)
		return err->code;
	AUTO_FREE char *base = eval_dir(e);
	AUTO_FREE char *path = xstrdup(word);
	if (eval_path(e, pos, &path, err) < 0)
		return err->code;
	AUTO_FREE char *dest = path_resolve(base, path);
	bool slash = !*path || streq(path, ".") || path_has_trailing_slash(path);
	s->dest = slash && !streq(dest, "/") ? xasprintf("%s/", dest) : take(dest);
	*ret_word = take(word);
	return 0;
}

static int copy_excludes(struct eval *e, struct step *s, struct err *err)
{
	const struct inst *inst = e->at.inst;
	for (size_t i = 0; i < inst->n_flags; i++) {
		const struct inst_flag *f = &inst->flags[i];
		/* as in an ignore file: no variables */
		AUTO_FREE char *pattern = xstrdup(f->value ? f->value : "");
		struct ignore *checked = NULL;
		struct err why = ERR_INIT;
		if (!streq(f->name, "exclude"))
			continue;
		if (ignore_from_patterns(&pattern, 1, &checked, &why) < 0)
			return eval_error(e, f->pos, err, why.code, "--exclude: %s", why.msg);
		ignore_free(checked);
		/* unlike in an ignore file, a slash in front stays, and no path begins with one */
		if (pattern[*pattern == '!'] != '/')
			strv_add(&s->excludes, pattern);
	}
	return 0;
}

static int copy_chmod(struct eval *e, struct step *s, struct err *err)
{
	struct pos pos;
	struct chmod mode;
	if (eval_flag(e, "chmod", &s->chmod, err) < 0)
		return err->code;
	if (s->chmod && !*s->chmod)
		mem_replace(&s->chmod, NULL);
	if (s->chmod && inst_flag(e->at.inst, "chmod", &pos) && !chmod_parse(s->chmod, &mode))
		return eval_error(e, pos, err, ERR_INVALID,
			"--chmod=%s: neither an octal mode such as 0755 nor a symbolic one such as "
			"u=rwX,go=rX",
			s->chmod);
	return 0;
}

/* Users by name are looked up in what lies below, so such a copy is no layer of its own. */
static bool has_names(const char *chown)
{
	return chown && strspn(chown, "0123456789:") != strlen(chown);
}

static int copy_flags(struct eval *e, struct step *s, struct err *err)
{
	const struct inst *inst = e->at.inst;
	if (eval_flag(e, "chown", &s->chown, err) < 0 || copy_chmod(e, s, err) < 0 ||
		copy_excludes(e, s, err) < 0)
		return err->code;
	if (s->chown && !*s->chown)
		mem_replace(&s->chown, NULL);
	if (as_buildah_chown(e, s->chown, err) < 0)
		return err->code;
	s->parents = inst_flag_is_true(inst, "parents");
	/* BuildKit copies in place when there is a mode to set */
	s->link = inst_flag_is_true(inst, "link") && !has_names(s->chown) && !s->chmod;
	/* local archives are unpacked unless told otherwise, remote ones only when told */
	s->unpack_remote = s->add && inst_flag_is_true(inst, "unpack");
	s->unpack = s->add && (s->unpack_remote || !inst_flag(inst, "unpack", NULL));
	s->archive_owners = as_buildah_unpacks(s);
	s->plain_dirs = as_buildah_makes_dirs(s);
	return 0;
}

/* "./a" and "/a" are a, but for --parents. */
static const char *source_word(const struct step *s, const char *source)
{
	const char *a = source;
	while (!s->parents && (*a == '/' || str_has_prefix(a, "./")))
		a += *a == '/' ? 1 : 2;
	return *a ? a : source;
}

static void copy_words(struct step *s)
{
	AUTO_STRV struct strv sources = STRV_INIT;
	STRV_FOREACH (source, &s->sources)
		strv_add(&sources, source_word(s, *source));
	step_word_u64(s, "unpack", (uint64_t)s->unpack + s->unpack_remote);
	step_word_u64(s, "parents", s->parents);
	step_word_list(s, "exclude", &s->excludes);
	step_word_list(s, "source", &sources);
	step_word(s, "destination", s->dest);
	step_word(s, "chown", s->chown);
	step_word_u64(s, "owners of archives", s->archive_owners);
	step_word_u64(s, "no setuid", s->strip_ids);
	step_word_u64(s, "plain directories", s->plain_dirs);
	step_word(s, "chmod", s->chmod);
	for (size_t i = 0; i < s->n_inlines; i++) {
		AUTO_FREE char *name = xasprintf("here-document %zu", i + 1);
		AUTO_FREE char *content = xasprintf("content of %s", name);
		step_word(s, name, s->inlines[i].name);
		step_word_content(s, content, s->inlines[i].content, s->inlines[i].len);
	}
	step_words_end(s, "copy");
}

int inst_copy(struct eval *e, struct err *err)
{
	const struct inst *inst = e->at.inst;
	if (inst->args.n < 2)
		return eval_error(e, inst->pos, err, ERR_INVALID,
			"%s needs at least one source and a destination", inst->name);
	eval_history(e, inst->text, false);
	struct step *s = eval_add_step(e, STEP_COPY);
	size_t index = e->p->n_steps - 1;
	s->add = inst->kind == INST_ADD;
	if (copy_flags(e, s, err) < 0 || copy_from(e, s, err) < 0)
		return err->code;
	s = &e->p->steps[index];
	AUTO_FREE char *dest = NULL;
	s->strip_ids = as_buildah_strips(s);
	if (copy_sources(e, s, err) < 0 || check_checksum(e, s, err) < 0 ||
		copy_dest(e, s, &dest, err) < 0)
		return err->code;
	AUTO_FREE char *by = history_copy(s, dest);
	eval_history_text(e, by);
	lint_dest(e, s);
	copy_words(s);
	return 0;
}
