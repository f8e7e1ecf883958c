/* SPDX-License-Identifier: Apache-2.0 */
/* copy and add: files into a working container. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/root.h"
#include "build/container_copy.h"
#include "build/container_tree.h"
#include "build/image_tree.h"
#include "build/remote_file.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "cmd/image_get.h"
#include "cmd/moment.h"
#include "cmd/opt_groups.h"
#include "layers/snapshot.h"
#include "store/images.h"

struct copy_args {
	bool quiet, add_history, link, parents;
	const char *chown, *chmod, *contextdir, *ignorefile, *from, *checksum, *timestamp;
	struct strv excludes;
	struct remote_args remote;
};

static const struct opt copy_options[] = {
	OPT_BOOL(0, "add-history", struct copy_args, add_history),
	OPT_STRING(0, "checksum", struct copy_args, checksum),
	OPT_STRING(0, "chmod", struct copy_args, chmod),
	OPT_STRING(0, "chown", struct copy_args, chown),
	OPT_STRING(0, "contextdir", struct copy_args, contextdir),
	OPT_STRV(0, "exclude", struct copy_args, excludes),
	OPT_STRING(0, "from", struct copy_args, from),
	OPT_STRING(0, "ignorefile", struct copy_args, ignorefile),
	OPT_BOOL(0, "link", struct copy_args, link),
	OPT_BOOL(0, "parents", struct copy_args, parents),
	OPT_BOOL('q', "quiet", struct copy_args, quiet),
	OPT_STRING(0, "timestamp", struct copy_args, timestamp),
	OPT_GROUP(remote_options, struct copy_args, remote),
	OPT_UINT(0, "layer-ratio", struct copy_args, remote.layer_ratio),
	OPT_STRV(0, "decryption-key", struct copy_args, remote.decryption_keys),
	OPT_STRING(0, "signature-policy", struct copy_args, remote.signature_policy),
	OPT_END,
};

static void copy_init(void *args)
{
	struct remote_args *remote = &((struct copy_args *)args)->remote;

	remote_args_init(remote);
	remote->env_unchecked = true;
}

/* --- where the sources are --- */

static int mount_container(
	struct container_use *u, struct container *from, int *ret_fd, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {.upper = -1, .work = -1, .merged = -1};

	int r = container_tree_open(u->s, u->t, from, &tree, err);
	return r < 0 ? r : snapshot_mount(&tree.snap, ret_fd, err);
}

/* --from: a container, else an image, which is pulled if it is missing. The container itself is one
 * that we have already. */
static int open_from(struct app *app, const struct copy_args *a, struct container_use *u,
	int *ret_fd, struct err *err)
{
	AUTO_CONTAINER struct container other;
	AUTO_IMAGE struct image image = {0};
	const struct platform_args host = {0};
	struct err unknown = ERR_INIT;
	const struct image_get_args get = {
		.platform = &host, .remote = &a->remote, .quiet = a->quiet};

	container_init(&other);
	int r = container_find(u->s, a->from, &other, &unknown);
	if (r == 0 && streq(other.id, u->c.id))
		return mount_container(u, &u->c, ret_fd, err);
	if (r == 0) {
		container_done(&other);
		r = container_open(u->s, a->from, CONTAINER_BESIDE, false, &other, err);
		return r < 0 ? r : mount_container(u, &other, ret_fd, err);
	}
	if (r != ERR_NOT_FOUND) {
		*err = unknown;
		return r;
	}
	r = image_get(app, u->s, &get, a->from, &image, NULL, err);
	return r < 0 ? r
	             : image_tree_mount(
			       u->s, u->t, &image, image.config.n_diff_ids, NULL, ret_fd, err);
}

/* As it is below the context directory: an absolute path may say where it is on this machine, which
 * is how buildah has it. */
static char *in_context(const char *context, const char *word)
{
	AUTO_FREE char *clean = path_clean(word);

	return *word == '/' && !streq(context, "/") && path_is_below(clean, context)
	               ? xasprintf("/%s", clean + strlen(context))
	               : xstrdup(word);
}

static void add_sources(const struct copy_args *a, const struct strv *rest, const char *cwd,
	const char *context, struct strv *ret)
{
	size_t n = rest->n > 2 ? rest->n - 1 : rest->n;

	for (size_t i = 1; i < n; i++) {
		const char *word = rest->v[i];
		if (remote_file_is_url(word) || (!context && (a->from || a->parents))) {
			strv_add(ret, word);
			continue;
		}
		AUTO_FREE char *path =
			context ? in_context(context, word) : path_resolve(cwd, word);
		strv_add(ret, path);
	}
}

/* The ignore file of a context directory, where none is named. New string, NULL: it has none. */
static char *find_ignore_file(const char *context)
{
	static const char *const names[] = {".containerignore", ".dockerignore"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_FREE char *path = path_join(context, names[i]);
		if (access(path, F_OK) == 0)
			return take(path);
	}
	return NULL;
}

/* The context directory is one of what --from names. */
static int enter_context(const char *context, int *root, struct err *err)
{
	AUTO_FD int whole = take_fd(root);

	*root = root_open(whole, context, O_RDONLY | O_DIRECTORY, 0);
	return *root < 0 ? err_sys(err, "cannot open the context directory '%s'", context) : 0;
}

/* Sources are below the context directory, below what --from names, or paths of this machine: then
 * they are below "/", where their links lead to the right places. */
static int set_sources(struct app *app, const struct copy_args *a, const struct strv *rest,
	struct container_use *u, struct container_copy *o, struct err *err)
{
	char cwd[PATH_MAX];

	if (a->ignorefile && !a->contextdir)
		return err_set(err, ERR_INVALID,
			"--ignorefile option requires that you specify a context dir using "
			"--contextdir");
	if (!getcwd(cwd, sizeof(cwd)))
		return err_sys(err, "cannot find the working directory");
	AUTO_FREE char *context =
		a->contextdir ? path_resolve(a->from ? "/" : cwd, a->contextdir) : NULL;
	o->exclude_from_root = context || a->from || called_buildah();
	add_sources(a, rest, cwd, context, &o->sources);
	o->dest = rest->n > 2 ? rest->v[rest->n - 1] : NULL;
	o->ignore_file = a->ignorefile         ? xstrdup(a->ignorefile)
	                 : context && !a->from ? find_ignore_file(context)
	                                       : NULL;
	if (a->from) {
		int r = open_from(app, a, u, &o->source_root, err);
		return r < 0 || !context ? r : enter_context(context, &o->source_root, err);
	}
	const char *root = context ? context : a->parents ? cwd : "/";
	o->source_root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return o->source_root < 0 ? err_sys(err, "cannot open the context directory '%s'", root)
	                          : 0;
}

/* --- the command --- */

static const char *const copied_names[] = {
	[COPIED_FILE] = "file", [COPIED_DIR] = "dir", [COPIED_SEVERAL] = "multi"};

static int keep_history(struct container *c, const char *verb, enum container_copied what,
	const char *hex, struct err *err)
{
	AUTO_FREE char *text =
		xasprintf("/bin/sh -c #(nop) %s %s:%s", verb, copied_names[what], hex);
	history_add(c, text);
	return container_save(c, err);
}

static int keep_link(struct container *c, const struct container_copy *o,
	enum container_copied what, const char *hex, struct err *err)
{
	strv_addf(&c->links, "/bin/sh -c #(nop) %s --link %s:%s in %s", o->add ? "ADD" : "COPY",
		copied_names[what], hex, o->dest ? o->dest : "");
	return container_save(c, err);
}

struct telling {
	struct progress progress; /* first */
	struct out *out;
};

static void tell(struct progress *p, const char *line)
{
	out_note(((struct telling *)p)->out, "%s", line);
}

static int copy_to(struct app *app, const struct copy_args *a, const struct strv *rest,
	struct container_copy *o, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;
	AUTO_STRV struct strv notes = STRV_INIT;
	enum container_copied what = COPIED_SEVERAL;
	struct digest digest;
	char hex[DIGEST_STR_MAX];

	if (rest->n < 2)
		return err_set(err, ERR_INVALID, "src must be specified");
	int r = container_use(app, rest->v[0], CONTAINER_BESIDE, &u, err);
	if (r == 0)
		r = set_sources(app, a, rest, &u, o, err);
	if (r == 0)
		r = container_copy(u.s, u.t, &u.c, o, &digest, &what, &notes, err);
	STRV_FOREACH (line, &notes)
		out_note(&app->out, "%s", *line);
	if (r < 0)
		return r;
	digest_hex(&digest, hex);
	if (a->link)
		r = keep_link(&u.c, o, what, hex, err);
	else if (history_wanted(a->add_history))
		r = keep_history(&u.c, o->add ? "ADD" : "COPY", what, hex, err);
	if (r == 0 && !a->quiet)
		out_printf(&app->out, "%s\n", hex);
	return r;
}

static int run(struct app *app, const struct copy_args *a, bool add, const struct strv *rest,
	struct err *err)
{
	struct container_copy o = {.add = add,
		.source_root = -1,
		.source_name = a->from         ? a->from
	                       : a->contextdir ? a->contextdir
	                       : a->parents    ? "."
	                                       : NULL,
		.chown = a->chown,
		.chmod = a->chmod,
		.checksum = a->checksum,
		.parents = a->parents,
		.link = a->link,
		.keep_owner = a->from != NULL};
	struct telling telling = {.progress.note = tell, .out = &app->out};
	struct timespec time = {0};

	o.progress = &telling.progress;
	if (a->timestamp) {
		if (moment_epoch(a->timestamp, "option '--timestamp'", &time.tv_sec, err) < 0)
			return err->code;
		o.time = &time;
	}
	strv_copy(&o.excludes, &a->excludes);
	if (remote_args_apply(app, &a->remote, &o.remote, err) < 0)
		return err->code;
	int r = copy_to(app, a, rest, &o, err);
	mem_close_p(&o.source_root);
	snapshot_end();
	strv_done(&o.sources);
	free(o.ignore_file);
	strv_done(&o.excludes);
	return r;
}

static int copy_run_cmd(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	return run(app, args, false, rest, err);
}

static int add_run_cmd(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	return run(app, args, true, rest, err);
}

const struct cmd cmd_copy = {
	.name = "copy",
	.options = copy_options,
	.args_size = sizeof(struct copy_args),
	.min_args = 1,
	.max_args = CMD_ANY,
	.flags = CMD_USERNS | CMD_AGAIN | CMD_BUILDAH_WORDS,
	.init = copy_init,
	.run = copy_run_cmd,
};

const struct cmd cmd_add = {
	.name = "add",
	.options = copy_options,
	.args_size = sizeof(struct copy_args),
	.min_args = 1,
	.max_args = CMD_ANY,
	.flags = CMD_USERNS | CMD_AGAIN | CMD_BUILDAH_WORDS,
	.init = copy_init,
	.run = add_run_cmd,
};
