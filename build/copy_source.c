/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy_source.h"
#include "base/err.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root.h"
#include "build/archive_check.h"
#include "build/as_buildah.h"
#include "build/evaluate.h"
#include "build/hidden.h"
#include "build/selection.h"
#include "build/similar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static bool has_wildcard(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

/* For a walk. */
static int is_readable(void *arg, struct node *n, struct err *err)
{
	struct filetree *t = arg;
	const mode_t mode = n->st.st_mode;
	/* what everybody may read, nearly always, costs nothing, nor what has been read */
	if ((mode & S_IROTH) || !(S_ISREG(mode) || S_ISDIR(mode)) ||
		(S_ISREG(mode) && filetree_knows(t, n)))
		return 0;
	AUTO_FREE char *path = node_path(n);
	AUTO_FD int fd =
		root_open(filetree_rootfd(t), *path ? path : "/", O_RDONLY | O_NONBLOCK, 0);
	if (fd >= 0 || errno != EACCES)
		return 0; /* the step tells what else there is */
	return err_set(err, ERR_DENIED,
		"cannot open '%s': permission denied; let who builds read it, or name it in the "
		"ignore file",
		path);
}

/* Directories are listed for the step's key, too. */
int copy_source_readable(
	struct filetree *t, const struct selection *sel, struct node *n, struct err *err)
{
	const struct walk walk = {.enter = is_readable, .met = is_readable, .arg = t};
	if (is_readable(t, n, err) < 0)
		return err->code;
	return S_ISDIR(n->st.st_mode) ? selection_walk(sel, t, n, &walk, NULL, err) : 0;
}

/* How many things the source word names; with --parents: takes. open: what it names can be read. */
static int count_taken(struct filetree *t, const struct step *s, const char *source, bool open,
	size_t *ret, struct err *err)
{
	AUTO_SELECTION struct selection sel = {0};
	struct match *m = NULL;
	size_t n = 0;
	if (selection_init(&sel, source, s->parents, &s->excludes, err) < 0 ||
		filetree_glob(t, sel.root, &m, &n, err) < 0)
		return err->code;
	*ret = s->parents ? 0 : n;
	int rc = 0;
	for (size_t i = 0; rc == 0 && s->parents && i < n; i++) {
		const struct walk nothing = {0};
		size_t things = 1;
		if (S_ISDIR(m[i].node->st.st_mode))
			rc = selection_walk(&sel, t, m[i].node, &nothing, &things, err);
		*ret += things;
	}
	struct node *followed;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = filetree_follow(t, &m[i], &followed, err);
		if (rc == 0 && open)
			rc = copy_source_readable(t, &sel, followed, err);
	}
	if (rc == 0 && !sel.required && !has_wildcard(source))
		*ret = 1; /* the rest is excluded, which is fine */
	matches_free(m, n);
	return rc;
}

/* Does it begin with ".."? */
static bool climbs_out(const char *source)
{
	source += strspn(source, "/");
	return strncmp(source, "..", 2) == 0 && (!source[2] || source[2] == '/');
}

/* What BuildKit sends for a pattern is what an ignore file would mean by it: there "**" is any
 * number of directories, where for the copy it is one. */
static bool is_sent(struct filetree *t, const char *source)
{
	static const struct strv none;
	const struct walk nothing = {0};
	AUTO_SELECTION struct selection sel = {0};
	struct err ignored = ERR_INIT;
	size_t n = 0;
	return strstr(source, "**") && selection_init(&sel, source, true, &none, &ignored) == 0 &&
	       selection_walk(&sel, t, filetree_root(t), &nothing, &n, &ignored) == 0 && n > 0;
}

/* Whether it was enough is known when all instructions are. */
static void remember(struct build *b, const struct eval *e, const char *source, const char *top,
	const char *why, struct filetree *t, struct pos pos)
{
	b->unmatched = xreallocarray(b->unmatched, b->n_unmatched + 1, sizeof(*b->unmatched));
	b->unmatched[b->n_unmatched++] = (struct unmatched){.at = e->at,
		.pos = pos,
		.source = xstrdup(source),
		.top = path_clean_rel(top),
		.why = xstrdup(why),
		.tree = t};
}

/* Who set the rules of the context that s copies from; NULL: nobody is known. */
static const char *rules_of(const struct build *b, const struct step *s)
{
	const struct context *named = s->context == NO_CONTEXT ? NULL : &b->contexts[s->context];
	return named ? named->ignore_name : b->ignore_name;
}

/* Blanks separate words: the name that this one and the next ones make, if there is such a file. */
static char *with_blanks(struct filetree *t, const struct inst *inst, struct pos pos)
{
	struct err ignored = ERR_INIT;
	struct node *node;
	AUTO_FREE char *name = NULL;
	for (size_t i = 0; !inst->json && i + 1 < inst->args.n; i++) {
		if (!name && (inst->arg_pos[i].line != pos.line ||
				     inst->arg_pos[i].column != pos.column))
			continue;
		mem_replace(&name, name ? xasprintf("%s %s", name, inst->args.v[i])
					: xstrdup(inst->args.v[i]));
		if (filetree_lookup(t, name, true, &node, &ignored) == 0 && node)
			return take(name);
	}
	return NULL;
}

/* About paths that look as if they were meant otherwise. */
static const char *what_to_do(const char *source)
{
	if (*source == '-')
		return "; a flag begins with two dashes, and has '=' before its value";
	if (climbs_out(source))
		return "; escaping context directory error: nothing outside of it can be copied";
	if (strstr(source, "://"))
		return "; ADD fetches http:, https: and git URLs";
	if (*source == '/')
		return "; a path from '/' on begins in the context";
	return "";
}

/* What only a build needs is told by a build alone. */
static int cannot_take(struct eval *e, struct pos pos, const struct err *why, struct err *err)
{
	if (e->b->o->call != BUILD_CALL_BUILD)
		return 0;
	return eval_error(e, pos, err, why->code, "%s: %s", e->at.inst->name, why->msg);
}

static int not_there(struct eval *e, const struct step *s, struct filetree *t, const char *source,
	struct pos pos, struct err *err)
{
	struct build *b = e->b;
	const struct context *named = s->context == NO_CONTEXT ? NULL : &b->contexts[s->context];
	const char *context_name = named ? named->location : b->context_name;
	AUTO_FREE char *hidden = hidden_path(t, source, rules_of(b, s));
	if (b->o->call != BUILD_CALL_BUILD) {
		if (hidden && b->o->call == BUILD_CALL_CHECK)
			lint_source_ignored(e, source, pos);
		return 0; /* it is about the file */
	}
	if (hidden) {
		(void)eval_error(e, pos, err, ERR_NOT_FOUND, "%s: %s", e->at.inst->name, hidden);
		return as_buildah_hidden(context_name, rules_of(b, s), source, err);
	}
	if (!named && b->no_files)
		return eval_error(e, pos, err, ERR_NOT_FOUND,
			"%s: there is no build context to copy '%s' from: only a Containerfile was "
			"given",
			e->at.inst->name, source);
	AUTO_FREE char *similar = similar_path(t, source), *left = hidden_left(t);
	AUTO_FREE char *whole = with_blanks(t, e->at.inst, pos);
	if (whole)
		return eval_error(e, pos, err, ERR_NOT_FOUND,
			"%s: no such file or directory: '%s' in the context %s (it has %s); for "
			"'%s' write a list: [\"%s\", \"%s\"]",
			e->at.inst->name, source, context_name, left, whole, whole,
			e->at.inst->args.v[e->at.inst->args.n - 1]);
	return eval_error(e, pos, err, ERR_NOT_FOUND,
		"%s: no such file or directory: '%s' in the context %s (it has %s)%s%s%s%s",
		e->at.inst->name, source, context_name, left, what_to_do(source),
		similar ? ", did you mean '" : "", similar ? similar : "", similar ? "'?" : "");
}

int copy_source_check(
	struct eval *e, const struct step *s, const char *source, struct pos pos, struct err *err)
{
	struct build *b = e->b;
	const struct context *named = s->context == NO_CONTEXT ? NULL : &b->contexts[s->context];
	struct filetree *t = named ? named->tree : b->context;
	struct err why = ERR_INIT;
	if (has_wildcard(source) && !glob_valid(source))
		return eval_error(e, pos, err, ERR_INVALID,
			"%s: '%s' is not a well-formed pattern%s", e->at.inst->name, source,
			*source == '[' ? ", and its line no list such as [\"a\", \"b\"]" : "");
	size_t n = 0;
	if (count_taken(t, s, source, b->o->call == BUILD_CALL_BUILD, &n, &why) < 0)
		return cannot_take(e, pos, &why, err);
	if (n) {
		e->matched = true;
		lint_source(e, s, source, pos);
		return archives_check(e, t, s, source, pos, err);
	}
	/* a pattern may match nothing, but not in a directory that is not there */
	AUTO_FREE char *top = selection_top(source);
	struct node *found = NULL;
	if (has_wildcard(source)) {
		if (!s->parents && filetree_lookup(t, top, true, &found, &why) < 0)
			return cannot_take(e, pos, &why, err);
		if (s->parents || found) {
			AUTO_FREE char *hidden = hidden_matches(t, s, source, rules_of(b, s)),
				       *left = hidden_left(t);
			AUTO_FREE char *there = xasprintf(
				"it has %s%s%s", left, hidden ? "; " : "", hidden ? hidden : "");
			lint_source_nothing(e, source, there, pos);
			if (!s->parents && *top && !is_sent(t, source))
				remember(b, e, source, top, there, t, pos);
			return 0;
		}
		source = top;
	}
	return not_there(e, s, t, source, pos, err);
}

/* --- patterns that match nothing --- */

static bool lies_in(const char *inner, const char *outer)
{
	size_t n = strlen(outer);
	return !n || (strncmp(inner, outer, n) == 0 && (!inner[n] || inner[n] == '/'));
}

/* Does a source word name top, something in it, or a directory that it is in? */
static int word_brings(struct filetree *t, const struct step *s, const char *word, const char *top,
	bool *ret, struct err *err)
{
	AUTO_SELECTION struct selection sel = {0};
	struct match *m = NULL;
	size_t n = 0;
	if (selection_init(&sel, word, s->parents, &s->excludes, err) < 0 ||
		filetree_glob(t, sel.root, &m, &n, err) < 0)
		return err->code;
	for (size_t i = 0; i < n && !*ret; i++) {
		AUTO_FREE char *path = path_clean_rel(m[i].path);
		*ret = lies_in(path, top) || lies_in(top, path);
	}
	matches_free(m, n);
	return 0;
}

static int step_brings(const struct build *b, const struct step *s, const struct unmatched *u,
	bool *ret, struct err *err)
{
	const struct filetree *t =
		s->context == NO_CONTEXT ? b->context : b->contexts[s->context].tree;
	for (size_t i = 0; i < s->n_mounts; i++)
		*ret |= s->mounts[i].from == MOUNT_FROM_CONTEXT && s->mounts[i].source &&
		        u->tree == b->context &&
		        (lies_in(s->mounts[i].source, u->top) ||
				lies_in(u->top, s->mounts[i].source));
	if (s->kind != STEP_COPY || s->from != COPY_FROM_CONTEXT || t != u->tree)
		return 0;
	/* of a named one BuildKit sends each instruction what that names */
	if (t != b->context && s->at.inst != u->at.inst)
		return 0;
	for (size_t i = 0; i < s->sources.n && !*ret; i++)
		if ((i >= s->n_remote || !s->remote[i]) &&
			word_brings(u->tree, s, s->sources.v[i], u->top, ret, err) < 0)
			return err->code;
	return 0;
}

int copy_sources_check(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->n_unmatched; i++) {
		const struct unmatched *u = &b->unmatched[i];
		bool there = false;
		for (size_t k = 0; k < b->stages.n && !there; k++)
			for (size_t j = 0; j < b->plans[k].n_steps && !there; j++)
				if (step_brings(b, &b->plans[k].steps[j], u, &there, err) < 0)
					return err->code;
		if (!there)
			return containerfile_error(u->at.file, u->pos, err, ERR_NOT_FOUND,
				"%s: nothing in the context matches '%s', and nothing else is "
				"taken from '%s'%s (%s)",
				u->at.inst->name, u->source, u->top,
				u->tree == b->context ? "" : " by it", u->why);
	}
	return 0;
}

void copy_sources_done(struct build *b)
{
	for (size_t i = 0; i < b->n_unmatched; i++) {
		free(b->unmatched[i].source);
		free(b->unmatched[i].top);
		free(b->unmatched[i].why);
	}
	free(b->unmatched);
}
