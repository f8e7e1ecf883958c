/* SPDX-License-Identifier: Apache-2.0 */
#include "build/missing.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/root.h"
#include "build/build_internal.h"
#include "build/selection.h"
#include "build/similar.h"
#include "build/stage_run.h"
#include "layers/snapshot.h"
#include "run/user.h"
#include "store/store.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int missing_tree_open(struct build *b, const struct chain *c, int top, int *ret_fd, struct err *err)
{
	AUTO_FREE int *below = NULL;
	AUTO_FREE char *work_name = NULL;
	AUTO_FD int work = -1;
	if (chain_open(b, c, &below, err) < 0)
		return err->code;
	/* as one more layer: a volatile upper directory cannot be mounted again */
	AUTO_FREE int *lowers = xcalloc(c->n + 1, sizeof(*lowers));
	size_t n = 0;
	if (top >= 0)
		lowers[n++] = top;
	for (size_t i = 0; i < c->n; i++)
		lowers[n++] = below[i];
	if (n != 1 && txn_mkdir(b->txn, "work", &work_name, &work, err) < 0)
		return err->code;
	if (!n) {
		*ret_fd = take_fd(&work); /* nothing is in it */
		return 0;
	}
	struct snapshot snap = {.lower = lowers, .n_lower = n, .upper = -1, .work = work};
	return snapshot_mount(&snap, ret_fd, err);
}

const struct chain *missing_tree_of(struct build *b, const struct step *s, struct chain *own)
{
	if (s->kind != STEP_COPY || s->from == COPY_FROM_CONTEXT)
		return NULL;
	if (s->from == COPY_FROM_STAGE)
		return &b->runs[s->from_stage].chain;
	if (s->from == COPY_FROM_IMAGE)
		chain_of_image(b, &b->images[s->from_image].image, own);
	return own;
}

const struct chain *missing_tree_of_mount(
	struct build *b, const struct step_mount *m, struct chain *own)
{
	if (m->o.type != MOUNT_BIND && m->o.type != MOUNT_CACHE)
		return NULL;
	if (m->from == MOUNT_FROM_STAGE)
		return &b->runs[m->from_stage].chain;
	if (m->from == MOUNT_FROM_IMAGE)
		chain_of_image(b, &b->images[m->from_image].image, own);
	else if (m->from != MOUNT_FROM_NOTHING || (m->o.type == MOUNT_CACHE && !m->o.from))
		return NULL;
	return own;
}

/* "the stage 'base'", "stage 0", "the image 'busybox'" */
static char *name_of(const struct build *b, size_t stage, size_t image)
{
	if (stage == NO_STAGE && image == NO_STAGE)
		return xstrdup("scratch, which is empty");
	if (stage == NO_STAGE)
		return xasprintf("the image '%s'", b->images[image].text);
	const struct stage *st = &b->stages.s[stage];
	return st->name ? xasprintf("the stage '%s'", st->name)
	                : xasprintf("stage %zu", st->index - build_target_of(b, st)->first);
}

/* Takes name. */
static char *nothing_there(struct filetree *t, const char *what, const char *path, char *name)
{
	struct err ignored = ERR_INIT;
	struct node *link;
	AUTO_FREE char *owned = name;
	if (filetree_lookup(t, path, false, &link, &ignored) == 0 && link && link->link)
		return xasprintf("%s: '%s' is a link to nothing: '%s' is not in %s", what, path,
			link->link, owned);
	AUTO_FREE char *similar = similar_path(t, path);
	return xasprintf("%s: no such file or directory: '%s' in %s%s%s%s", what, path, owned,
		similar ? ", did you mean '/" : "", similar ? similar : "", similar ? "'?" : "");
}

/* As the copy finds it (copy.c), which takes nothing yet. *ret_named: it names something, were it
 * a link to nothing. */
static int look_for(struct filetree *t, const struct step *s, const char *source, bool *ret_named,
	struct err *err)
{
	const struct walk nothing = {0};
	AUTO_SELECTION struct selection sel = {0};
	struct match *m = NULL;
	size_t n = 0, taken = 0;
	if (selection_init(&sel, source, s->parents, &s->excludes, err) < 0 ||
		filetree_glob(t, sel.root, &m, &n, err) < 0)
		return err->code;
	*ret_named = n > 0;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct node *node;
		size_t things = 1;
		rc = filetree_follow(t, &m[i], &node, err);
		if (rc == 0 && s->parents && S_ISDIR(node->st.st_mode))
			rc = selection_walk(&sel, t, node, &nothing, &things, err);
		taken += things;
	}
	matches_free(m, n);
	return rc < 0 || taken ? rc : selection_nothing(&sel, t, source, s->parents, err);
}

static bool is_plainly_there(const struct step *s, struct filetree *t, const char *source)
{
	struct stat st;
	return !s->parents && !strpbrk(source, "*?[\\") &&
	       root_stat(filetree_rootfd(t), *source ? source : "/", &st) == 0;
}

bool missing_source(
	const struct build *b, const struct step *s, struct filetree *t, struct blame *ret)
{
	const char *what = s->at.inst->name;
	for (size_t i = 0; i < s->sources.n; i++) {
		const char *source = s->sources.v[i];
		struct err why = ERR_INIT, ignored = ERR_INIT;
		struct node *link;
		bool named = false;
		if ((i < s->n_remote && s->remote[i]) || is_plainly_there(s, t, source) ||
			look_for(t, s, source, &named, &why) == 0)
			continue;
		if (why.code != ERR_NOT_FOUND && why.code != ERR_INVALID)
			return false;
		ret->pos = s->source_pos[i];
		/* of a link to nothing the error tells */
		ret->text =
			!named && filetree_lookup(t, source, false, &link, &ignored) == 0 && !link
				? nothing_there(
					  t, what, source, name_of(b, s->from_stage, s->from_image))
				: xasprintf("%s: %s", what, why.msg);
		return true;
	}
	return false;
}

bool missing_mount(const struct build *b, const struct step *s, const struct step_mount *m,
	int root, struct blame *ret)
{
	struct stat st;
	const char *source = *m->source ? m->source : "/";
	bool there = root_stat(root, source, &st) == 0;
	if (!there && errno != ENOENT && errno != ENOTDIR)
		return false;
	if (there && (m->o.type != MOUNT_CACHE || S_ISDIR(st.st_mode)))
		return false;
	AUTO_FREE char *path = xasprintf("/%s", m->source);
	ret->pos = m->source_pos;
	if (there) {
		ret->text =
			xasprintf("%s: --mount: '%s' is not a directory: it cannot start a cache",
				s->at.inst->name, path);
		return true;
	}
	struct filetree *t = filetree_new(root, NULL, NULL, 0);
	ret->text =
		nothing_there(t, "RUN: --mount", path, name_of(b, m->from_stage, m->from_image));
	filetree_free(t);
	return true;
}

bool missing_user(const struct step *s, int root, struct blame *ret)
{
	const struct source_inst *at = &s->user_at;
	struct user user;
	struct err err = ERR_INIT;
	if (!s->user || user_resolve(root, s->user, &user, &err) == 0 ||
		(err.code != ERR_NOT_FOUND && err.code != ERR_INVALID))
		return false;
	const char *advice =
		err.code == ERR_NOT_FOUND ? "; make it in a RUN before, or give its number" : "";
	if (!at->inst) {
		ret->text = xasprintf(
			"%s: the USER of the base image: %s%s", s->at.inst->name, err.msg, advice);
		return true;
	}
	bool same = at->file == s->at.file;
	ret->file = at->file;
	ret->pos = at->inst->arg_pos[0];
	ret->text = xasprintf("USER: %s, for the %s in line %u%s%s%s", err.msg, s->at.inst->name,
		s->at.inst->pos.line, same ? "" : " of ", same ? "" : s->at.file->name, advice);
	return true;
}
