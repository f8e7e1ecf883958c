/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ahead.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/room.h"
#include "build/as_buildah.h"
#include "build/build_internal.h"
#include "build/copy_internal.h"
#include "build/error_excerpt.h"
#include "build/missing.h"
#include "build/stage_run_internal.h"
#include "build/step_record.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

/* As step_error(), but the step has not begun. why->text is freed. */
static int fail(struct build *b, const struct step *s, struct blame *why, struct err *err)
{
	struct err said = *err;
	if (!why->text) {
		if (err->code == ERR_CANCELLED || b->cache_failed)
			return err->code;
		room_tell(store_path(b->store), &said);
		why->text = xasprintf("%s: %s", s->at.inst->name, said.msg);
	} else {
		said.code = ERR_NOT_FOUND;
	}
	(void)containerfile_error(why->file, why->pos, err, said.code, "%s", why->text);
	free(why->text);
	err->sys = said.sys;
	return as_buildah_error(s->at.inst, err);
}

static struct blame nobody(const struct step *s)
{
	return (struct blame){.file = s->at.file, .pos = s->at.inst->pos};
}

static bool is_complete(const struct build *b, size_t stage)
{
	return stage == NO_STAGE || b->runs[stage].state == STAGE_DONE;
}

/* What the step took before from the very same files is there. */
static bool was_taken(struct build *b, const struct step *s)
{
	struct digest source = stage_source_key(b, s), ignored;
	return inputs_recall(b, s, &source, &ignored);
}

static int check_sources(struct build *b, const struct step *s, struct err *err)
{
	struct chain own = {0};
	AUTO_FD int root = -1;
	struct blame why = nobody(s);
	const struct chain *c = missing_tree_of(b, s, &own);
	bool missing = false;
	int rc = 0;
	if (c && s->sources.n && is_complete(b, s->from_stage) && !was_taken(b, s)) {
		rc = missing_tree_open(b, c, -1, &root, err);
		struct filetree *t = rc == 0 ? filetree_new(root, NULL, NULL, 0) : NULL;
		missing = t && missing_source(b, s, t, &why);
		filetree_free(t);
	}
	chain_done(&own);
	return rc < 0 || missing ? fail(b, s, &why, err) : 0;
}

static int check_mount(
	struct build *b, const struct step *s, const struct step_mount *m, struct err *err)
{
	struct chain own = {0};
	AUTO_FD int root = -1;
	struct blame why = nobody(s);
	const struct chain *c = missing_tree_of_mount(b, m, &own);
	bool missing = false;
	int rc = 0;
	if (c && *m->source && is_complete(b, m->from_stage)) {
		rc = missing_tree_open(b, c, -1, &root, err);
		missing = rc == 0 && missing_mount(b, s, m, root, &why);
	}
	chain_done(&own);
	return rc < 0 || missing ? fail(b, s, &why, err) : 0;
}

static bool has_names(const char *user)
{
	return user && user[strspn(user, "0123456789:+")];
}

/* Of the step that runs on what is there now. */
static int check_user(struct build *b, const struct stage_run *r, struct err *err)
{
	const struct step *s = stage_step(r);
	const char *user = s->kind == STEP_RUN ? s->user : s->kind == STEP_COPY ? s->chown : NULL;
	struct blame why = nobody(s);
	AUTO_FD int root = -1;
	uid_t uid;
	gid_t gid;
	if (!has_names(user) || (s->kind == STEP_RUN && !r->chain.n))
		return 0;
	if (missing_tree_open(b, &r->chain, -1, &root, err) < 0)
		return fail(b, s, &why, err);
	if (s->kind == STEP_RUN)
		return missing_user(s, root, &why) ? fail(b, s, &why, err) : 0;
	const struct copy_work w = {.step = s, .root = root, .empty_root = r->chain.n == 0};
	if (copy_owner(&w, user, &uid, &gid, err) == 0)
		return 0;
	(void)inst_flag(s->at.inst, "chown", &why.pos);
	(void)err_wrap(err, "--chown=%s", user);
	return fail(b, s, &why, err);
}

static int check_stage(struct build *b, const struct stage_run *r, struct err *err)
{
	/* what is at work tells for itself */
	size_t next = r->next + (r->state == STAGE_BUSY);
	if (r->started && next == r->next && check_user(b, r, err) < 0)
		return err->code;
	for (size_t i = next; i < r->plan->n_steps; i++) {
		const struct step *s = &r->plan->steps[i];
		if (check_sources(b, s, err) < 0)
			return err->code;
		for (size_t k = 0; k < s->n_mounts; k++)
			if (check_mount(b, s, &s->mounts[k], err) < 0)
				return err->code;
	}
	return 0;
}

int ahead_check(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->stages.n; i++) {
		const struct stage_run *r = &b->runs[i];
		if (b->plans[i].evaluated && r->state != STAGE_DONE && check_stage(b, r, err) < 0)
			return err->code;
	}
	return 0;
}
