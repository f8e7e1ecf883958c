/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/diff_trees.h"

#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "layers/merged.h"

void changes_add(struct changes *c, const char *kind, const char *dir, const char *name)
{
	strv_addf(&c->paths, "%s/%s", dir, name);
	strv_add(&c->kinds, kind);
}

void changes_done(struct changes *c)
{
	strv_done(&c->paths);
	strv_done(&c->kinds);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		return false;
	if (S_ISDIR(a->st_mode))
		return true;
	return a->st_rdev == b->st_rdev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int walk(struct changes *c, const struct merged *now, const struct merged *before,
	const char *path, unsigned depth, struct err *err);

/* The name in both trees, or in one: of a directory that is gone nothing more is told. */
static int look(struct changes *c, const struct merged *now, const struct merged *before,
	const char *path, const char *name, unsigned depth, struct err *err)
{
	AUTO_MERGED struct merged inner = {0}, inner_before = {0};
	struct stat st, old;
	size_t at;
	const bool is = merged_stat(now, name, &st, &at),
		   was = merged_stat(before, name, &old, &at);

	if (!is) {
		changes_add(c, "D", path, name);
		return 0;
	}
	const size_t told = c->paths.n;
	const bool same = was && is_same(&st, &old);
	changes_add(c, was ? "C" : "A", path, name);
	if (S_ISDIR(st.st_mode)) {
		AUTO_FREE char *here = xasprintf("%s/%s", path, name);
		if (merged_enter(now, name, &inner, err) < 0 ||
			(was && S_ISDIR(old.st_mode) &&
				merged_enter(before, name, &inner_before, err) < 0) ||
			walk(c, &inner, &inner_before, here, depth + 1, err) < 0)
			return err->code;
	}
	if (same && c->paths.n == told + 1) {
		strv_remove(&c->paths, told);
		strv_remove(&c->kinds, told);
	}
	return 0;
}

static int walk(struct changes *c, const struct merged *now, const struct merged *before,
	const char *path, unsigned depth, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT, old = STRV_INIT;
	size_t i = 0, k = 0;

	if (depth > CHANGES_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "directories more than %d deep", CHANGES_DEPTH_MAX);
	if ((now->n && merged_names(now, &names, err) < 0) ||
		(before->n && merged_names(before, &old, err) < 0))
		return err->code;
	while (i < names.n || k < old.n) { /* both are sorted */
		const int order = i == names.n ? 1 : k == old.n ? -1 : strcmp(names.v[i], old.v[k]);
		const char *name = order <= 0 ? names.v[i] : old.v[k];
		if (look(c, now, before, path, name, depth, err) < 0)
			return err->code;
		i += order <= 0;
		k += order >= 0;
	}
	return 0;
}

int diff_trees(
	struct changes *c, const struct merged *now, const struct merged *before, struct err *err)
{
	return walk(c, now, before, "", 0, err);
}
