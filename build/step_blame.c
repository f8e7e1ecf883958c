/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_blame.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/error_excerpt.h"
#include "build/stage_run.h"

#include <string.h>

/* A COPY --from. */
static bool blame_source(struct build *b, const struct stage_run *r, struct blame *ret)
{
	const struct step *s = &r->plan->steps[r->next];
	return r->source && (s->from == COPY_FROM_STAGE || s->from == COPY_FROM_IMAGE) &&
	       missing_source(b, s, r->source, ret);
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

static bool blame_mount(
	struct build *b, const struct step *s, const struct step_mount *m, struct blame *ret)
{
	struct chain own = {0};
	const struct chain *c = missing_tree_of_mount(b, m, &own);
	struct err err = ERR_INIT;
	AUTO_FD int root = -1;
	bool missing = c && missing_tree_open(b, c, -1, &root, &err) == 0 &&
	               missing_mount(b, s, m, root, ret);
	chain_done(&own);
	return missing;
}

static bool blame_user(struct build *b, const struct stage_run *r, struct blame *ret)
{
	const struct step *s = &r->plan->steps[r->next];
	struct err err = ERR_INIT;
	AUTO_FD int root = -1;
	return missing_tree_open(b, &r->chain, r->upper_fd, &root, &err) == 0 &&
	       missing_user(s, root, ret);
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
		if (blame_mount(b, s, &s->mounts[i], ret))
			return true;
	return blame_mount_point(s, why, ret) || (input && blame_user(b, r, ret));
}
