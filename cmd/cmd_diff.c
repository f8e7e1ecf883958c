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
#include "layers/merged.h"
#include "layers/walk.h"
#include "layers/whiteout.h"
#include "registry/transport.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/lowers.h"
#include "store/store.h"

#define DEPTH_MAX 1000 /* directories in one another: 4,096 bytes hold no more that have names */

struct diff_args {
	const char *type, *format;
};

static const struct opt diff_options[] = {
	OPT_STRING(0, "format", struct diff_args, format),
	OPT_STRING('t', "type", struct diff_args, type),
	OPT_END,
};

/* --- finding --------------------------------------------------------------------------------- */

struct changes {
	struct strv paths;
	struct strv kinds; /* "A", "C", "D" of each */
};

static void add(struct changes *c, const char *kind, const char *dir, const char *name)
{
	strv_addf(&c->paths, "%s/%s", dir, name);
	strv_add(&c->kinds, kind);
}

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
			add(c, "D", path, *name);
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

	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "directories more than %d deep", DEPTH_MAX);
	int r = walk_list_read(dir, path, &list, err);
	for (size_t i = 0; i < list.n && r == 0; i++) {
		const struct walk_item *item = &list.items[i];
		bool there = below->n && merged_stat(below, item->name, &st, &at);
		if (item->descend)
			continue;
		if (!item->whiteout)
			add(c, there ? "C" : "A", path, item->name);
		else if (there)
			add(c, "D", path, item->name);
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

static int diff_container(struct app *app, const char *text, struct changes *ret, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;
	AUTO_IMAGE struct image base = {0};

	int r = container_look(app, text, &u, err);
	if (r == 0 && u.c.config.n_diff_ids)
		r = image_load(u.s, &u.c.manifest, NULL, &base, err);
	if (r == 0 && u.c.config.n_diff_ids)
		r = image_unpack(u.s, &base, NULL, err);
	if (r == 0 && txn_fd(u.t) >= 0 &&
		container_mounted(u.s, &u.c) != CONTAINER_MOUNTED_ELSEWHERE)
		r = catch_up(&u, err);
	if (r < 0)
		return r;
	AUTO_FD int upper =
		openat(u.c.dir, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (upper < 0)
		return err_sys(err, "cannot open the files of the container '%s'", text);
	return compare(u.s, upper, u.c.config.diff_ids, u.c.config.n_diff_ids, ret, err);
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
static int find_changes(struct app *app, const struct diff_args *a, const char *text,
	struct changes *ret, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_CONTAINER struct container c;
	struct err unknown = ERR_INIT;
	bool image = !a->type || streq(a->type, "image");
	bool container = !a->type || streq(a->type, "container");

	container_init(&c);
	if (!image && !container)
		return err_set(err, ERR_INVALID,
			"option '--type': '%s' is not one of 'container', 'image'", a->type);
	int r = app_store(app, 0, &s, err);
	if (r < 0)
		return r;
	r = container ? container_find(s, text, &c, &unknown) : ERR_NOT_FOUND;
	if (r == 0)
		return diff_container(app, text, ret, err);
	if (r == ERR_NOT_FOUND && image)
		return diff_image(s, text, ret, err);
	*err = unknown;
	return r;
}

static int diff_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct diff_args *a = args;
	struct changes changes = {0};

	if (a->format && !streq(a->format, "json"))
		return err_set(
			err, ERR_INVALID, "option '--format': '%s' is not 'json'", a->format);
	int r = find_changes(app, a, rest->v[0], &changes, err);
	if (r == 0 && a->format)
		print_json(&app->out, &changes);
	else if (r == 0)
		print_lines(&app->out, &changes);
	strv_done(&changes.paths);
	strv_done(&changes.kinds);
	return r;
}

const struct cmd cmd_diff = {
	.name = "diff",
	.options = diff_options,
	.args_size = sizeof(struct diff_args),
	.min_args = 1,
	.max_args = 1,
	.flags = CMD_USERNS,
	.run = diff_run,
};
