/* SPDX-License-Identifier: Apache-2.0 */
/* run: a command in a working container, whose files it may change; or in an image, on an upper
 * directory that is thrown away afterwards. */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/called.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/root.h"
#include "build/container_tree.h"
#include "build/platforms.h"
#include "cmd/box_mount.h"
#include "cmd/box_run.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "cmd/global.h"
#include "cmd/image_get.h"
#include "cmd/opt_groups.h"
#include "cmd/space.h"
#include "layers/adopt.h"
#include "layers/settle.h"
#include "layers/snapshot.h"
#include "run/caps.h"
#include "run/sandbox.h"
#include "run/spec.h"
#include "run/userns.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/lowers.h"
#include "store/store.h"

struct run_args {
	bool init, interactive, quiet, add_history, http_proxy, no_hosts, no_hostname;
	int tty;
	struct strv env, volumes, mounts;
	const char *workdir, *user, *hostname, *entrypoint, *pull, *contextdir;
	struct remote_args remote;
	struct platform_args platform;
	struct space_args space;
	struct box_args box;
};

static const struct opt run_options[] = {
	OPT_BOOL(0, "add-history", struct run_args, add_history),
	OPT_STRING(0, "contextdir", struct run_args, contextdir),
	OPT_STRING(0, "entrypoint", struct run_args, entrypoint),
	OPT_STRV('e', "env", struct run_args, env),
	OPT_STRING('h', "hostname", struct run_args, hostname),
	OPT_BOOL(0, "http-proxy", struct run_args, http_proxy),
	OPT_BOOL(0, "init", struct run_args, init),
	OPT_BOOL('i', "interactive", struct run_args, interactive),
	OPT_STRV(0, "mount", struct run_args, mounts),
	OPT_BOOL(0, "no-hostname", struct run_args, no_hostname),
	OPT_BOOL(0, "no-hosts", struct run_args, no_hosts),
	OPT_MAYBE_STRING(0, "pull", struct run_args, pull, "always"),
	OPT_BOOL('q', "quiet", struct run_args, quiet),
	OPT_TRISTATE('t', "tty", struct run_args, tty),
	OPT_ALIAS(0, "terminal", "tty"),
	OPT_STRING('u', "user", struct run_args, user),
	OPT_STRV('v', "volume", struct run_args, volumes),
	OPT_STRING('w', "workdir", struct run_args, workdir),
	OPT_ALIAS(0, "workingdir", "workdir"),
	OPT_GROUP(box_options, struct run_args, box),
	OPT_GROUP(remote_options, struct run_args, remote),
	OPT_GROUP(platform_options, struct run_args, platform),
	OPT_GROUP(space_options, struct run_args, space),
	OPT_IGNORED_BOOL(0, "no-pivot"),
	OPT_IGNORED_BOOL(0, "rm"),
	OPT_IGNORED(0, "runtime"),
	OPT_IGNORED(0, "runtime-flag"),
	OPT_REFUSED_WHY('d', "detach", "there is no daemon to leave it to"),
	OPT_REFUSED_WHY(0, "name", "what runs is gone when it ends"),
	OPT_REFUSED_WHY(0, "privileged", "the sandbox cannot be switched off"),
	OPT_REFUSED_WHY('p', "publish", "use '--network=host'"),
	OPT_END,
};

static void run_init(void *args)
{
	struct run_args *a = args;
	a->tty = -1;
	remote_args_init(&a->remote);
}

/* --- the spec ----------------------------------------------------------------------------------
 */

/* A JSON list, or one word; "" means none */
static int entrypoint_words(const char *text, struct strv *ret, struct err *err)
{
	AUTO_JSON struct json *list = NULL;

	if (*text != '[') {
		if (*text)
			strv_add(ret, text);
		return 0;
	}
	int r = json_parse(text, strlen(text), "option '--entrypoint'", &list, err);
	for (size_t i = 0; r == 0 && i < json_size(list); i++) {
		const char *word = json_text(json_at(list, i));
		if (!word)
			return err_set(
				err, ERR_INVALID, "option '--entrypoint': not a list of strings");
		strv_add(ret, word);
	}
	return r;
}

/* Where the command's own words begin. */
static size_t first_word(const struct strv *rest)
{
	return rest->n > 1 && streq(rest->v[1], "--") ? 2 : 1;
}

static int set_command(const struct run_args *a, const struct image_config *c,
	const struct strv *rest, struct strv *argv, struct err *err)
{
	size_t first = first_word(rest);

	if (a->entrypoint) {
		int r = entrypoint_words(a->entrypoint, argv, err);
		if (r < 0)
			return r;
	} else {
		STRV_FOREACH (word, &c->entrypoint)
			strv_add(argv, *word);
	}
	for (size_t i = first; i < rest->n; i++)
		strv_add(argv, rest->v[i]);
	/* another entry point does not know what to do with the image's arguments */
	if (rest->n <= first && !a->entrypoint)
		STRV_FOREACH (word, &c->cmd)
			strv_add(argv, *word);
	if (!argv->n)
		return err_set(
			err, ERR_INVALID, "the image '%s' has no command: name one", rest->v[0]);
	return 0;
}

static void add_proxies(struct map *env)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);
		if (value && !map_has(env, names[i]))
			map_set(env, names[i], value);
	}
}

/* All but the command and the root. */
static int fill_spec(const struct run_args *a, const struct image_config *c,
	struct box_mounts *mounts, struct run_spec *spec, struct err *err)
{
	spec->network = RUN_NETWORK_PRIVATE;
	spec->tty = a->tty == 1;
	map_copy(&spec->env, &c->env);
	if (a->http_proxy)
		add_proxies(&spec->env);
	int r = space_args_apply(&a->space, spec, err);
	if (r == 0)
		r = box_args_apply(&a->box, spec, err);
	if (r == 0)
		r = box_set_env(&a->env, spec->tty, &spec->env, err);
	for (size_t i = 0; i < a->volumes.n && r == 0; i++)
		r = box_add_volume(mounts, a->volumes.v[i], spec, err);
	for (size_t i = 0; i < a->mounts.n && r == 0; i++)
		r = box_add_mount(mounts, a->mounts.v[i], spec, err);
	if (r == 0)
		r = box_open_caches(mounts, spec, err);
	const char *cwd = a->workdir ? a->workdir : c->working_dir;
	const char *user = a->user ? a->user : c->user;
	spec->cwd = xstrdup(cwd && *cwd ? cwd : "/");
	spec->user = xstrdup(user ? user : "");
	spec->hostname = a->hostname ? xstrdup(a->hostname) : NULL;
	spec->no_hosts = a->no_hosts;
	spec->as_pid1 = !a->init;
	spec->in = a->interactive ? STDIN_FILENO : -1;
	spec->out = STDOUT_FILENO;
	spec->errfd = STDERR_FILENO;
	if (r == 0)
		space_warn_options(mounts->app, spec, &a->space, &a->box, a->hostname);
	return r;
}

/* --- an image --------------------------------------------------------------------------------- */

/* What the image has in a VOLUME stays; the rest is on the upper directory, which is the
 * container's own as an anonymous volume would be. */
static int make_volumes(
	struct txn *txn, const struct strv *volumes, const struct snapshot *root, struct err *err)
{
	struct snapshot own = *root;
	AUTO_FREE char *work_name = NULL;
	AUTO_FD int work = -1, fd = -1;

	if (!volumes->n)
		return 0;
	/* a volatile overlay marks its work directory: it cannot be mounted with it again */
	int r = txn_mkdir(txn, "work", &work_name, &work, err);
	own.work = work;
	if (r == 0)
		r = snapshot_mount(&own, &fd, err);
	for (size_t i = 0; r == 0 && i < volumes->n; i++)
		if (root_mkdir_p(fd, volumes->v[i], 0755, 0, 0, NULL) < 0)
			r = err_sys(err, "cannot make the volume '%s'", volumes->v[i]);
	mem_close_p(&fd);
	fd = -1;
	if (r == 0)
		r = snapshot_settle(&own, (struct timespec){0}, err);
	return r;
}

/* What programs look for to learn where they are: podman's and buildah's file, and the name. */
static void add_identity(const struct run_args *a, const struct container *c,
	struct box_mounts *mounts, struct run_spec *spec)
{
	char id[DIGEST_STR_MAX];

	if (!a->no_hostname)
		box_add_text(mounts, "/etc/hostname", xasprintf("%s\n", spec->hostname), spec);
	if (!strchr(c->name, ':'))
		strv_addf(&spec->add_hosts, "%s:127.0.0.1", c->name);
	spec->host_names = true;
	box_add_text(mounts, "/run/.containerenv",
		xasprintf("engine=\"%s-%s\"\nname=\"%s\"\nid=\"%s\"\nimage=\"%s\"\n"
			  "imageid=\"%s\"\nrootless=%d\n",
			called_name(), called_buildah() ? BUILDAH_VERSION : MICA_VERSION, c->name,
			c->id, c->image_name, c->scratch ? "" : digest_hex(&c->image_id, id),
			userns_is_rootless()),
		spec);
}

static int run_on(struct app *app, struct store *s, struct txn *txn, const struct image *image,
	struct run_spec *spec, struct err *err)
{
	size_t n = image->config.n_diff_ids;
	AUTO_FREE int *lowers = xcalloc(n + 1, sizeof(*lowers));
	AUTO_FREE char *upper_name = NULL;
	AUTO_FREE char *work_name = NULL;
	AUTO_FD int upper = -1, work = -1;

	int r = txn_mkdir(txn, "upper", &upper_name, &upper, err);
	if (r == 0)
		r = txn_mkdir(txn, "work", &work_name, &work, err);
	if (r == 0)
		r = image_lowers(s, image->config.diff_ids, n, lowers, err);
	if (r < 0)
		return r;
	spec->root = (struct snapshot){.lower = lowers, .n_lower = n, .upper = upper, .work = work};
	r = make_volumes(txn, &image->config.volumes, &spec->root, err);
	if (r == 0)
		r = box_run(app, txn, spec, NULL, err);
	for (size_t i = 0; i < n; i++)
		(void)close(lowers[i]);
	return r;
}

static int run_image(struct app *app, struct store *s, struct txn *txn, const struct run_args *a,
	const struct strv *rest, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	const struct image_get_args get = {
		.pull = a->pull, .platform = &a->platform, .remote = &a->remote, .quiet = a->quiet};
	struct box_mounts mounts = {
		.app = app, .s = s, .t = txn, .contextdir = a->contextdir, .get = &get};
	struct run_spec spec;

	int r = image_get(app, s, &get, rest->v[0], &image, NULL, err);
	if (r < 0)
		return r;
	run_spec_init(&spec);
	r = fill_spec(a, &image.config, &mounts, &spec, err);
	if (r == 0)
		r = set_command(a, &image.config, rest, &spec.argv, err);
	if (r == 0)
		r = platform_check(
			s, &image.config.platform, &image, true, &spec.argv, &spec.env, err);
	if (r == 0)
		r = run_on(app, s, txn, &image, &spec, err);
	box_close(&spec);
	box_mounts_done(&mounts);
	return r;
}

/* --- a working container -----------------------------------------------------------------------
 */

/* Is the word one of `option`, and the capability among those that we say the opposite of? */
static bool is_undone(const char *word, const char *option, const struct strv *names)
{
	if (!str_has_prefix(word, option))
		return false;
	int cap = caps_number(word + strlen(option));
	STRV_FOREACH (name, names)
		if (!strcasecmp(*name, "all") || (cap >= 0 && caps_number(*name) == cap))
			return true;
	return false;
}

/* The options of `from`, then our own, which win. *words: what *ret borrows from. */
static int merge_options(const struct container *c, const struct run_args *own, struct strv *words,
	struct run_args *ret, struct err *err)
{
	AUTO_STRV struct strv none = STRV_INIT;

	run_init(ret);
	STRV_FOREACH (word, &c->options)
		if (!is_undone(*word, "--cap-add=", &own->box.cap_drop) &&
			!is_undone(*word, "--cap-drop=", &own->box.cap_add))
			strv_add(words, *word);
	opt_words(run_options, own, words);
	return opt_parse(
		run_options, ret, "mica run", (int)words->n, strv_argv(words), 0, &none, err);
}

/* What may be in a host name, of a container's. "": nothing. New string. */
static char *name_to_hostname(const char *name)
{
	char *text = xcalloc(1, HOST_NAME_MAX + 1);

	for (size_t n = 0; *name && n < HOST_NAME_MAX; name++)
		if (isalnum((unsigned char)*name) || (n && strchr(".-", *name)))
			text[n++] = *name;
	return text;
}

static char *own_hostname(const struct app *app, const struct container *c)
{
	AUTO_FREE char *named = app->conf.name_as_hostname == 1 ? name_to_hostname(c->name) : NULL;

	if (c->hostname)
		return xstrdup(c->hostname);
	return named && *named ? take(named) : xasprintf("%.12s", c->id);
}

/* As buildah: neither entry point nor default command, a name of its own, our standard input, and a
 * terminal where we have one. */
static int container_spec(struct run_args *a, const struct container *c, const struct strv *rest,
	struct box_mounts *mounts, struct run_spec *spec, struct err *err)
{
	if (a->tty < 0)
		a->tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	a->interactive = true;
	if (rest->n <= first_word(rest))
		return err_set(err, ERR_INVALID, "command must be specified");
	int r = fill_spec(a, &c->config, mounts, spec, err);
	for (size_t i = first_word(rest); i < rest->n; i++)
		strv_add(&spec->argv, rest->v[i]);
	if (!spec->hostname)
		spec->hostname = own_hostname(mounts->app, c);
	if (!map_has(&spec->env, "HOSTNAME"))
		map_set(&spec->env, "HOSTNAME", spec->hostname);
	add_identity(a, c, mounts, spec);
	return r;
}

static int keep_history(struct container *c, const struct strv *rest, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;

	for (size_t i = first_word(rest); i < rest->n; i++)
		strv_add(&words, rest->v[i]);
	AUTO_FREE char *text = strv_join(&words, " ");
	AUTO_FREE char *created_by = xasprintf("/bin/sh -c %s", text);
	history_add(c, created_by);
	return container_save(c, err);
}

static int run_tree(
	struct app *app, struct container_use *u, struct run_spec *spec, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {.upper = -1, .work = -1, .merged = -1};
	struct err settling = ERR_INIT;
	struct sandbox_result result = {0};
	struct timespec begun = clock_now();

	begun.tv_sec--; /* the clock of files goes in ticks */
	int r = container_tree_open(u->s, u->t, &u->c, &tree, err);
	if (r < 0)
		return r;
	spec->root = tree.snap;
	r = make_volumes(u->t, &u->c.config.volumes, &spec->root, err);
	if (r == 0)
		r = box_run(app, u->t, spec, &result, err);
	/* what a failed command has done stays done */
	int settled = container_tree_settle(&tree, &settling);
	if (settled == 0 && tree.merged < 0)
		settled = snapshot_adopt(&tree.snap, result.uid, result.gid, begun, &settling);
	if (r >= 0 && settled < 0) {
		*err = settling;
		return settled;
	}
	return r;
}

static int run_container(
	struct app *app, const struct run_args *own, const struct strv *rest, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;
	AUTO_STRV struct strv words = STRV_INIT;
	AUTO_IMAGE struct image base = {0};
	struct run_args a = {0};
	struct image_get_args get = {0};
	struct box_mounts mounts = {.app = app, .get = &get};
	struct run_spec spec;

	run_spec_init(&spec);
	int r = container_use(app, rest->v[0], &u, err);
	if (r == 0)
		r = merge_options(&u.c, own, &words, &a, err);
	get = (struct image_get_args){
		.platform = &a.platform, .remote = &a.remote, .quiet = a.quiet};
	mounts.s = u.s;
	mounts.t = u.t;
	mounts.contextdir = a.contextdir;
	if (r == 0)
		r = container_spec(&a, &u.c, rest, &mounts, &spec, err);
	if (r == 0 && !u.c.scratch)
		r = image_load(u.s, &u.c.manifest, NULL, &base, err);
	if (r == 0 && !u.c.scratch)
		r = platform_check(
			u.s, &base.config.platform, &base, true, &spec.argv, &spec.env, err);
	if (r == 0)
		r = run_tree(app, &u, &spec, err);
	if (r == 0 && history_wanted(a.add_history))
		r = keep_history(&u.c, rest, err);
	box_close(&spec);
	box_mounts_done(&mounts);
	opt_done(run_options, &a);
	return r;
}

/* --- which -------------------------------------------------------------------------------------
 */

static int run_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct run_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *txn = NULL;
	AUTO_CONTAINER struct container c;
	struct err unknown = ERR_INIT;

	container_init(&c);
	int r = app_store(app, 0, &s, err);
	if (r < 0)
		return r;
	r = container_find(s, rest->v[0], &c, &unknown);
	if (r == 0)
		return run_container(app, a, rest, err);
	if (r != ERR_NOT_FOUND) {
		*err = unknown;
		return r;
	}
	/* first of all: from here on nothing that is found or pulled can be collected */
	r = txn_begin(s, &txn, err);
	if (r == 0)
		r = global_fill_box(app, &a->box, &a->space, &a->volumes, err);
	return r < 0 ? r : run_image(app, s, txn, a, rest, err);
}

const struct cmd cmd_run = {
	.name = "run",
	.options = run_options,
	.args_size = sizeof(struct run_args),
	.min_args = 1,
	.max_args = CMD_ANY,
	.flags = CMD_USERNS | CMD_OPTIONS_FIRST,
	.init = run_init,
	.run = run_run,
};
