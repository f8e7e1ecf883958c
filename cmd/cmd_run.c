/* SPDX-License-Identifier: Apache-2.0 */
/* run: a command in a working container, whose files it may change (run_container.c); or in an
 * image, on an upper directory that is thrown away afterwards. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/root.h"
#include "build/platforms.h"
#include "cmd/box_cache.h"
#include "cmd/box_mount.h"
#include "cmd/box_run.h"
#include "cmd/cmd.h"
#include "cmd/global.h"
#include "cmd/image_get.h"
#include "cmd/run_args.h"
#include "layers/settle.h"
#include "layers/snapshot.h"
#include "run/spec.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/lowers.h"
#include "store/store.h"

const struct opt run_options[] = {
	OPT_BOOL(0, "add-history", struct run_args, add_history),
	OPT_STRING(0, "contextdir", struct run_args, contextdir),
	OPT_STRING(0, "entrypoint", struct run_args, entrypoint),
	OPT_STRV('e', "env", struct run_args, env),
	OPT_STRING('h', "hostname", struct run_args, hostname),
	OPT_TRISTATE(0, "http-proxy", struct run_args, http_proxy),
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
	OPT_UINT(0, "layer-ratio", struct run_args, remote.layer_ratio),
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

void run_args_init(void *args)
{
	struct run_args *a = args;
	a->tty = -1;
	a->http_proxy = -1;
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

size_t run_first_word(const struct strv *rest)
{
	return rest->n > 1 && streq(rest->v[1], "--") ? 2 : 1;
}

static int set_command(const struct run_args *a, const struct image_config *c,
	const struct strv *rest, struct strv *argv, struct err *err)
{
	size_t first = run_first_word(rest);

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

int run_fill_spec(const struct run_args *a, const struct image_config *c, struct box_mounts *mounts,
	struct run_spec *spec, struct err *err)
{
	spec->network = RUN_NETWORK_PRIVATE;
	spec->tty = a->tty == 1;
	map_copy(&spec->env, &c->env);
	if ((a->http_proxy < 0 ? mounts->app->conf.http_proxy : a->http_proxy) != 0)
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
	spec->cwd_of_user = true;
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

int run_make_volumes(
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
	r = run_make_volumes(txn, &image->config.volumes, &spec->root, err);
	if (r == 0)
		r = box_run(app, txn, spec, NULL, NULL, err);
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
	r = run_fill_spec(a, &image.config, &mounts, &spec, err);
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

/* --- which -------------------------------------------------------------------------------------
 */

/* buildah runs working containers only: a name that is wrong is not asked for in registries. */
static bool may_be_image(struct store *s, const struct run_args *a, const char *text)
{
	AUTO_FREE char *ref = NULL;
	struct descriptor top = {0};
	struct err ignored = ERR_INIT;

	if (!called_buildah() || a->pull)
		return true;
	int r = image_find_named(s, text, &top, &ref, &ignored);
	descriptor_done(&top);
	return r != ERR_NOT_FOUND;
}

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
	if (r != ERR_NOT_FOUND || !may_be_image(s, a, rest->v[0])) {
		*err = unknown;
		return r;
	}
	/* first of all: from here on nothing that is found or pulled can be collected */
	r = txn_begin(s, &txn, err);
	if (r == 0)
		r = global_fill_box(app, &a->box, &a->space, &a->volumes, err);
	if (r == 0)
		r = conf_fill_network(&app->conf, &a->box, err);
	return r < 0 ? r : run_image(app, s, txn, a, rest, err);
}

const struct cmd cmd_run = {
	.name = "run",
	.options = run_options,
	.args_size = sizeof(struct run_args),
	.min_args = 1,
	.max_args = CMD_ANY,
	.flags = CMD_USERNS | CMD_AGAIN | CMD_OPTIONS_FIRST,
	.init = run_args_init,
	.run = run_run,
};
