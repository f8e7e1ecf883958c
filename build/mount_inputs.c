/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/cache.h"
#include "build/input_list.h"
#include "build/inputs.h"
#include "build/mount_setup.h"
#include "build/mount_setup_internal.h"
#include "build/stage_run.h"

#include <string.h>

static bool uses_stage(const struct step_mount *m)
{
	return (m->o.type == MOUNT_BIND || m->o.type == MOUNT_CACHE) && m->from == MOUNT_FROM_STAGE;
}

bool mount_has_input(const struct step_mount *m)
{
	return (m->o.type == MOUNT_BIND || m->o.type == MOUNT_CACHE) &&
	       m->from != MOUNT_FROM_NOTHING;
}

bool mounts_ready(const struct build *b, const struct step *s)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (uses_stage(&s->mounts[i]) &&
			b->runs[s->mounts[i].from_stage].state != STAGE_DONE)
			return false;
	return true;
}

bool mounts_have_inputs(const struct step *s)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (mount_has_input(&s->mounts[i]))
			return true;
	return false;
}

bool mounts_have_stages(const struct step *s)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (uses_stage(&s->mounts[i]))
			return true;
	return false;
}

char *mount_source_pattern(const char *path)
{
	AUTO_BUF struct buf p = BUF_INIT(2 * strlen(path) + 2);
	if (!*path)
		return xstrdup(".");
	for (; *path; path++) {
		if (strchr("*?[\\", *path))
			buf_addch(&p, '\\');
		buf_addch(&p, *path);
	}
	return buf_take(&p);
}

static int context_digest(struct build *b, const struct step_mount *m, struct digest *ret,
	struct buf *list, struct err *err)
{
	AUTO_FREE char *pattern = mount_source_pattern(m->source);
	struct step copy = {.kind = STEP_COPY};
	strv_add(&copy.sources, pattern);
	int r = inputs_digest(b->context, &copy, ret, list, err);
	strv_done(&copy.sources);
	return r;
}

struct digest mount_list_id(const struct step_mount *m, const struct digest *inputs)
{
	AUTO_STRV struct strv source = STRV_INIT;
	strv_add(&source, m->source);
	return input_list_id(inputs, &source);
}

void mounts_keep_lists(struct build *b, const struct step *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		AUTO_BUF struct buf list = BUF_INIT(INPUT_LIST_MAX);
		struct err ignored = ERR_INIT;
		struct digest d;
		if (mount_has_input(&s->mounts[i]) && s->mounts[i].from == MOUNT_FROM_CONTEXT &&
			context_digest(b, &s->mounts[i], &d, &list, &ignored) == 0) {
			struct digest id = mount_list_id(&s->mounts[i], &d);
			input_list_keep(b, &id, &list);
		}
	}
}

int mount_input_digest(struct build *b, const struct step_mount *m, enum stage_tree tree,
	struct digest *ret, bool *ret_known, struct err *err)
{
	*ret_known = true;
	if (m->from == MOUNT_FROM_CONTEXT)
		return context_digest(b, m, ret, NULL, err);
	if (m->from != MOUNT_FROM_STAGE) {
		*ret = image_key(&b->images[m->from_image].image);
		return 0;
	}
	const struct stage_run *r = &b->runs[m->from_stage];
	*ret = tree == TREE_TOLD ? r->told_key : r->key;
	if (tree == TREE_CONTENT)
		*ret_known = chain_content(r->chain.l, r->chain.n, ret);
	return 0;
}

int mounts_digest(struct build *b, const struct step *s, enum stage_tree tree, struct digest *ret,
	bool *ret_known, struct err *err)
{
	struct key k;
	key_init(&k, "mounts");
	*ret_known = true;
	for (size_t i = 0; i < s->n_mounts && *ret_known; i++) {
		struct digest d;
		if (!mount_has_input(&s->mounts[i]))
			continue;
		if (mount_input_digest(b, &s->mounts[i], tree, &d, ret_known, err) < 0)
			return err->code;
		key_digest(&k, &d);
	}
	*ret = key_final(&k);
	return 0;
}

bool mounts_changed(struct build *b, const struct step *s, const struct digest *inputs)
{
	struct filetree *read_before = b->context;
	struct err ignored = ERR_INIT;
	struct digest now;
	bool from_context = false, known;
	for (size_t i = 0; i < s->n_mounts; i++)
		from_context |=
			mount_has_input(&s->mounts[i]) && s->mounts[i].from == MOUNT_FROM_CONTEXT;
	if (!from_context || b->remote_context)
		return false;
	/* a stat for each file: contents are read again of those that differ */
	b->context = filetree_new(b->context_fd, b->ignore, b->statcache,
		FILETREE_RESET_OWNER | FILETREE_NO_CAPABILITIES);
	bool same = mounts_digest(b, s, TREE_IN_BUILD, &now, &known, &ignored) == 0 &&
	            digest_equal(&now, inputs);
	filetree_free(b->context);
	b->context = read_before;
	return !same;
}
