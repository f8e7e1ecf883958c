/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_blame.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/selection.h"
#include "build/similar.h"
#include "build/stage_run.h"
#include "layers/snapshot.h"
#include "run/user.h"

#include <string.h>
#include <sys/stat.h>

/* All layers of a chain, to be read. top: an upper directory above them, or -1. */
static int open_tree(struct build *b, const struct chain *c, int top, int *ret_fd, struct err *err)
{
	AUTO_FREE int *below = NULL;
	if (chain_open(b, c, &below, err) < 0)
		return err->code;
	/* as one more layer: a volatile upper directory cannot be mounted again */
	AUTO_FREE int *lowers = xcalloc(c->n + 1, sizeof(*lowers));
	size_t n = 0;
	if (top >= 0)
		lowers[n++] = top;
	for (size_t i = 0; i < c->n; i++)
		lowers[n++] = below[i];
	struct snapshot snap = {.lower = lowers, .n_lower = n, .upper = -1, .work = -1};
	return n ? snapshot_mount(&snap, ret_fd, err)
	         : err_set(err, ERR_NOT_FOUND, "there is no layer");
}

/* "stage 'base'", "stage 0", "image 'busybox'" */
static char *name_of(const struct build *b, size_t stage, size_t image)
{
	if (stage == NO_STAGE)
		return xasprintf("the image '%s'", b->images[image].text);
	const struct stage *st = &b->stages.s[stage];
	return st->name ? xasprintf("the stage '%s'", st->name)
	                : xasprintf("stage %zu", st->index - build_target_of(b, st)->first);
}

/* Takes name. */
static char *nothing_there(struct filetree *t, const char *what, const char *path, char *name)
{
	AUTO_FREE char *owned = name, *similar = similar_path(t, path);
	return xasprintf("%s: no such file or directory: '%s' in %s%s%s%s", what, path, owned,
		similar ? ", did you mean '/" : "", similar ? similar : "", similar ? "'?" : "");
}

/* --- COPY --from --- */

/* What the word names is not there, or a link to what is not there. */
static bool is_missing(struct filetree *t, const struct step *s, const char *source)
{
	AUTO_SELECTION struct selection sel = {0};
	struct match *m = NULL;
	struct node *node;
	size_t n = 0;
	struct err err = ERR_INIT;
	if (selection_init(&sel, source, s->parents, &s->excludes, &err) < 0 ||
		filetree_glob(t, sel.root, &m, &n, &err) < 0)
		return false;
	bool missing = n == 0;
	if (s->parents && n) {
		const struct walk w = {0};
		size_t taken = 0;
		missing = selection_walk(&sel, t, m[0].node, &w, &taken, &err) == 0 && !taken;
	}
	for (size_t i = 0; i < n && !missing; i++)
		missing = filetree_lookup(t, m[i].path, true, &node, &err) == 0 && !node;
	matches_free(m, n);
	return missing;
}

static bool blame_source(struct build *b, const struct stage_run *r, struct blame *ret)
{
	const struct step *s = &r->plan->steps[r->next];
	struct node *link;
	struct err err = ERR_INIT;
	if (!r->source || (s->from != COPY_FROM_STAGE && s->from != COPY_FROM_IMAGE))
		return false;
	for (size_t i = 0; i < s->sources.n; i++) {
		if ((i < s->n_remote && s->remote[i]) || !is_missing(r->source, s, s->sources.v[i]))
			continue;
		ret->pos = s->source_pos[i];
		/* of a link to nothing the error tells */
		if (filetree_lookup(r->source, s->sources.v[i], false, &link, &err) == 0 && !link)
			ret->text = nothing_there(r->source, s->at.inst->name, s->sources.v[i],
				name_of(b, s->from == COPY_FROM_STAGE ? s->from_stage : NO_STAGE,
					s->from_image));
		return true;
	}
	return false;
}

/* An archive that ADD unpacks. */
static bool blame_archive(const struct step *s, const struct err *why, struct blame *ret)
{
	if (!str_has_prefix(why->msg, "cannot unpack "))
		return false;
	for (size_t i = 0; i < s->sources.n; i++) {
		AUTO_FREE char *said = xasprintf("cannot unpack '%s'", s->sources.v[i]);
		if (s->sources.n > 1 && !str_has_prefix(why->msg, said))
			continue;
		ret->pos = s->source_pos[i];
		return true;
	}
	return false;
}

/* --- RUN --mount --- */

static bool blame_mount(struct build *b, const struct step_mount *m, struct blame *ret)
{
	struct chain own = {0};
	const struct chain *c = &own;
	struct err err = ERR_INIT;
	AUTO_FD int root = -1;
	bool stage = m->from == MOUNT_FROM_STAGE, missing = false;
	if (m->o.type != MOUNT_BIND && m->o.type != MOUNT_CACHE)
		return false;
	if (stage)
		c = &b->runs[m->from_stage].chain;
	else if (m->from == MOUNT_FROM_IMAGE)
		chain_of_image(b, &b->images[m->from_image].image, &own);
	else
		return false;
	if (open_tree(b, c, -1, &root, &err) == 0) {
		struct filetree *t = filetree_new(root, NULL, NULL, false);
		struct node *node;
		missing = filetree_lookup(t, m->source, true, &node, &err) == 0 && !node;
		if (missing) {
			AUTO_FREE char *path = xasprintf("/%s", m->source);
			ret->pos = m->source_pos;
			ret->text = nothing_there(t, "RUN: --mount", path,
				name_of(b, stage ? m->from_stage : NO_STAGE, m->from_image));
		}
		filetree_free(t);
	}
	chain_done(&own);
	return missing;
}

/* --- USER --- */

static bool blame_user(struct build *b, const struct stage_run *r, struct blame *ret)
{
	const struct step *s = &r->plan->steps[r->next];
	const struct source_inst *at = &s->user_at;
	struct user user;
	struct err err = ERR_INIT;
	AUTO_FD int root = -1;
	if (!at->inst || open_tree(b, &r->chain, r->upper_fd, &root, &err) < 0 ||
		user_resolve(root, s->user, &user, &err) == 0)
		return false;
	ret->file = at->file;
	ret->pos = at->inst->arg_pos[0];
	bool same = at->file == s->at.file;
	ret->text = xasprintf("USER: %s, for the %s in line %u%s%s%s", err.msg, s->at.inst->name,
		s->at.inst->pos.line, same ? "" : " of ", same ? "" : s->at.file->name,
		err.code == ERR_NOT_FOUND ? "; make it in a RUN before, or give its number" : "");
	return true;
}

/* --- places: the error names them, what does the work knows no words of ours --- */

static bool blame_dest(const struct step *s, const struct err *why, struct blame *ret)
{
	static const char *const said[] = {"cannot copy to ", "cannot copy the directory ",
		"cannot replace ", "cannot resolve ", "cannot make the directory "};
	const struct inst *inst = s->at.inst;
	for (size_t i = 0; i < ARRAY_LEN(said) && inst->args.n; i++)
		if (str_has_prefix(why->msg, said[i])) {
			ret->pos = inst->arg_pos[inst->args.n - 1];
			return true;
		}
	return str_has_prefix(why->msg, "--chown=") && inst_flag(inst, "chown", &ret->pos);
}

static bool blame_mount_point(const struct step *s, const struct err *why, struct blame *ret)
{
	static const char *const keys[] = {"target=", "dst=", "destination=", NULL};
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct step_mount *m = &s->mounts[i];
		if (!m->target)
			continue;
		AUTO_FREE char *said = xasprintf("mount target '%s'", m->target);
		AUTO_FREE char *part = xasprintf("cannot open '%s' in the cache mount '%s'",
			m->source ? m->source : "", m->id ? m->id : "");
		bool of_part = str_has_prefix(why->msg, part);
		if (of_part || strstr(why->msg, said)) {
			ret->pos = of_part ? m->source_pos
			                   : containerfile_find_key(s->at.file, m->pos, keys);
			return true;
		}
	}
	return false;
}

bool step_blame(
	struct build *b, const struct stage_run *r, const struct err *why, struct blame *ret)
{
	const struct step *s = &r->plan->steps[r->next];
	const bool input = why->code == ERR_NOT_FOUND || why->code == ERR_INVALID;
	*ret = (struct blame){.file = s->at.file, .pos = s->at.inst->pos};
	if (s->kind == STEP_COPY)
		return (input && blame_source(b, r, ret)) || blame_archive(s, why, ret) ||
		       blame_dest(s, why, ret);
	if (s->kind == STEP_WORKDIR)
		return blame_dest(s, why, ret) || (input && blame_user(b, r, ret));
	for (size_t i = 0; input && i < s->n_mounts; i++)
		if (blame_mount(b, &s->mounts[i], ret))
			return true;
	return blame_mount_point(s, why, ret) || (input && blame_user(b, r, ret));
}
