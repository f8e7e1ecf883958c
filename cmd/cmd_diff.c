/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "build/container_tree.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "cmd/diff_trees.h"
#include "layers/merged.h"
#include "layers/walk.h"
#include "layers/whiteout.h"
#include "registry/transport.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/lowers.h"
#include "store/store.h"

struct diff_args {
	const char *type, *format;
};

static const struct opt diff_options[] = {
	OPT_STRING(0, "format", struct diff_args, format),
	OPT_STRING('t', "type", struct diff_args, type),
	OPT_END,
};

/* --- finding --------------------------------------------------------------------------------- */

static int walk(struct changes *c, int dir, const struct merged *below, const char *path,
	unsigned depth, struct err *err);

/* What an opaque directory hides, and does not have itself. */
static int add_hidden(
	struct changes *c, int dir, const struct merged *below, const char *path, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	struct stat st;

	if (!below->n || !whiteout_is_opaque(dir))
		return 0;
	int r = merged_names(below, &names, err);
	STRV_FOREACH (name, &names)
		if (r == 0 && fstatat(dir, *name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			changes_add(c, "D", path, *name);
	return r;
}

static int walk_dir(struct changes *c, int parent, const char *name, const struct merged *below,
	const char *path, unsigned depth, struct err *err)
{
	AUTO_MERGED struct merged inner = {0};
	AUTO_FREE char *here = xasprintf("%s/%s", path, name);
	AUTO_FD int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return err_sys(err, "cannot open '%s'", here);
	int r = below->n ? merged_enter(below, name, &inner, err) : 0;
	if (r == 0)
		r = add_hidden(c, dir, &inner, here, err);
	return r < 0 ? r : walk(c, dir, &inner, here, depth + 1, err);
}

static int walk(struct changes *c, int dir, const struct merged *below, const char *path,
	unsigned depth, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	struct stat st;
	size_t at;

	if (depth > CHANGES_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "directories more than %d deep", CHANGES_DEPTH_MAX);
	int r = walk_list_read(dir, path, &list, err);
	for (size_t i = 0; i < list.n && r == 0; i++) {
		const struct walk_item *item = &list.items[i];
		bool there = below->n && merged_stat(below, item->name, &st, &at);
		if (item->descend)
			continue;
		if (!item->whiteout)
			changes_add(c, there ? "C" : "A", path, item->name);
		else if (there)
			changes_add(c, "D", path, item->name);
		if (!item->whiteout && item->type == DT_DIR)
			r = walk_dir(c, dir, item->name, below, path, depth, err);
	}
	return r;
}

/* upper against the trees of n diff IDs */
static int compare(struct store *s, int upper, const struct digest *diff_ids, size_t n,
	struct changes *ret, struct err *err)
{
	AUTO_MERGED struct merged below = {0};
	AUTO_FREE int *lowers = xcalloc(n + 1, sizeof(*lowers));

	int r = image_lowers(s, diff_ids, n, lowers, err);
	if (r < 0)
		return r;
	r = n ? merged_root(lowers, n, &below, err) : 0;
	for (size_t i = 0; i < n; i++)
		(void)close(lowers[i]);
	return r < 0 ? r : walk(ret, upper, &below, "", 0, err);
}

/* The topmost layer against those below it. */
static int diff_image(struct store *s, const char *text, struct changes *ret, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	int lower = -1;

	int r = image_find_loaded(s, text, &image, NULL, err);
	if (r == 0)
		r = image_unpack(s, &image, NULL, err);
	size_t n = image.config.n_diff_ids;
	if (r < 0 || !n)
		return r;
	r = image_lowers(s, &image.config.diff_ids[n - 1], 1, &lower, err);
	if (r < 0)
		return r;
	AUTO_FD int path_only = lower;
	AUTO_FD int upper = openat(path_only, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0)
		return err_sys(err, "cannot open a layer of '%s'", text);
	return compare(s, upper, image.config.diff_ids, n - 1, ret, err);
}

/* What was done in a mount that is no overlay. */
static int catch_up(struct container_use *u, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {.upper = -1, .work = -1, .merged = -1};

	int r = container_tree_open(u->s, u->t, &u->c, &tree, err);
	return r < 0 ? r : container_tree_catch_up(u->s, &u->c, &tree, err);
}

/* *ret_upper: what it has changed. */
static int open_container(
	struct app *app, const char *text, struct container_use *u, int *ret_upper, struct err *err)
{
	AUTO_IMAGE struct image base = {0};

	int r = container_look(app, text, CONTAINER_ALONE, u, err);
	if (r == 0 && u->c.config.n_diff_ids)
		r = image_load(u->s, &u->c.manifest, NULL, &base, err);
	if (r == 0 && u->c.config.n_diff_ids)
		r = image_unpack(u->s, &base, NULL, err);
	if (r == 0 && txn_fd(u->t) >= 0 &&
		container_mounted(u->s, &u->c) != CONTAINER_MOUNTED_ELSEWHERE)
		r = catch_up(u, err);
	if (r < 0)
		return r;
	*ret_upper = openat(u->c.dir, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_upper < 0 ? err_sys(err, "cannot open the files of the container '%s'", text)
	                      : 0;
}

static int diff_container(struct app *app, const char *text, struct changes *ret, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;
	AUTO_FD int upper = -1;

	int r = open_container(app, text, &u, &upper, err);
	return r < 0 ? r
	             : compare(u.s, upper, u.c.config.diff_ids, u.c.config.n_diff_ids, ret, err);
}

/* --- two of them ----------------------------------------------------------------------------- */

/* upper: -1 for an image; the trees of n diff IDs below it. */
static int stack(struct store *s, int upper, const struct digest *diff_ids, size_t n,
	struct merged *ret, struct err *err)
{
	AUTO_FREE int *all = xcalloc(n + 1, sizeof(*all));
	const size_t own = upper >= 0;

	all[0] = upper;
	int r = image_lowers(s, diff_ids, n, all + own, err);
	if (r < 0)
		return r;
	r = n + own ? merged_root(all, n + own, ret, err) : 0;
	for (size_t i = 0; i < n; i++)
		(void)close(all[own + i]);
	return r;
}

static int stack_image(struct store *s, const char *text, struct merged *ret, struct err *err)
{
	AUTO_IMAGE struct image image = {0};

	int r = image_find_loaded(s, text, &image, NULL, err);
	if (r == 0)
		r = image_unpack(s, &image, NULL, err);
	return r < 0 ? r : stack(s, -1, image.config.diff_ids, image.config.n_diff_ids, ret, err);
}

static int stack_container(struct app *app, const char *text, struct merged *ret, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;
	AUTO_FD int upper = -1;

	int r = open_container(app, text, &u, &upper, err);
	return r < 0 ? r : stack(u.s, upper, u.c.config.diff_ids, u.c.config.n_diff_ids, ret, err);
}

/* --- showing --------------------------------------------------------------------------------- */

static void print_lines(struct out *out, const struct changes *c)
{
	for (size_t i = 0; i < c->paths.n; i++)
		out_printf(out, "%s %s\n", c->kinds.v[i], c->paths.v[i]);
}

static void print_json(struct out *out, const struct changes *c)
{
	static const char *const names[][2] = {{"C", "changed"}, {"A", "added"}, {"D", "deleted"}};
	AUTO_JSON struct json *o = json_new_object();

	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		struct json *list = json_new_array();
		for (size_t i = 0; i < c->paths.n; i++)
			if (streq(c->kinds.v[i], names[k][0]))
				json_add(list, json_new_string(c->paths.v[i]));
		if (json_size(list))
			json_set(o, names[k][1], list);
		else
			json_free(list);
	}
	out_json(out, o);
}

/* A working container is looked for first, as inspect does. */
static int is_container(
	struct store *s, const struct diff_args *a, const char *text, bool *ret, struct err *err)
{
	AUTO_CONTAINER struct container c;
	struct err unknown = ERR_INIT;
	bool image = !a->type || streq(a->type, "image");
	bool container = !a->type || streq(a->type, "container");

	container_init(&c);
	if (!image && !container)
		return err_set(err, ERR_INVALID,
			"option '--type': '%s' is not one of 'container', 'image'", a->type);
	int r = container ? container_find(s, text, &c, &unknown) : ERR_NOT_FOUND;
	*ret = r == 0;
	if (r == 0 || (r == ERR_NOT_FOUND && image))
		return 0;
	*err = unknown;
	return r;
}

static int find_changes(struct app *app, const struct diff_args *a, const struct strv *names,
	struct changes *ret, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_MERGED struct merged now = {0}, before = {0};
	bool container = false;

	int r = app_store(app, 0, &s, err);
	for (size_t i = 0; i < names->n && r == 0; i++) {
		const char *text = names->v[i];
		r = is_container(s, a, text, &container, err);
		struct merged *tree = i == 0 ? &now : &before;
		if (r == 0 && names->n > 1)
			r = container ? stack_container(app, text, tree, err)
			              : stack_image(s, text, tree, err);
	}
	if (r == 0 && names->n > 1)
		return diff_trees(ret, &now, &before, err);
	if (r < 0)
		return r;
	return container ? diff_container(app, names->v[0], ret, err)
	                 : diff_image(s, names->v[0], ret, err);
}

static int diff_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct diff_args *a = args;
	struct changes changes = {0};

	if (a->format && !streq(a->format, "json"))
		return err_set(
			err, ERR_INVALID, "option '--format': '%s' is not 'json'", a->format);
	int r = find_changes(app, a, rest, &changes, err);
	if (r == 0 && a->format)
		print_json(&app->out, &changes);
	else if (r == 0)
		print_lines(&app->out, &changes);
	changes_done(&changes);
	return r;
}

const struct cmd cmd_diff = {
	.name = "diff",
	.options = diff_options,
	.args_size = sizeof(struct diff_args),
	.min_args = 1,
	.max_args = 2,
	.flags = CMD_USERNS,
	.run = diff_run,
};
