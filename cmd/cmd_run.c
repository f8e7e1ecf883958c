/* SPDX-License-Identifier: Apache-2.0 */
/* run: an image in the sandbox, on an upper directory that is thrown away afterwards. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/root.h"
#include "build/platforms.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "cmd/opt_groups.h"
#include "cmd/text.h"
#include "layers/settle.h"
#include "layers/snapshot.h"
#include "registry/transport.h"
#include "run/network.h"
#include "run/sandbox.h"
#include "store/images.h"
#include "store/lowers.h"
#include "store/names.h"
#include "store/store.h"

#define EXIT_NOT_EXECUTABLE 126 /* as a shell has it, and docker */
#define EXIT_NOT_FOUND 127
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct run_args {
	bool init, interactive, tty, quiet;
	struct strv env, volumes;
	const char *workdir, *user, *hostname, *entrypoint, *pull;
	struct remote_args remote;
	struct platform_args platform;
	struct box_args box;
};

static const struct opt run_options[] = {
	OPT_STRING(0, "entrypoint", struct run_args, entrypoint),
	OPT_STRV('e', "env", struct run_args, env),
	OPT_STRING('h', "hostname", struct run_args, hostname),
	OPT_BOOL(0, "init", struct run_args, init),
	OPT_BOOL('i', "interactive", struct run_args, interactive),
	OPT_MAYBE_STRING(0, "pull", struct run_args, pull, "always"),
	OPT_BOOL('q', "quiet", struct run_args, quiet),
	OPT_BOOL('t', "tty", struct run_args, tty),
	OPT_ALIAS(0, "terminal", "tty"),
	OPT_STRING('u', "user", struct run_args, user),
	OPT_STRV('v', "volume", struct run_args, volumes),
	OPT_STRING('w', "workdir", struct run_args, workdir),
	OPT_ALIAS(0, "workingdir", "workdir"),
	OPT_GROUP(box_options, struct run_args, box),
	OPT_GROUP(remote_options, struct run_args, remote),
	OPT_GROUP(platform_options, struct run_args, platform),
	OPT_IGNORED_BOOL(0, "rm"),
	OPT_REFUSED_WHY('d', "detach", "there is no daemon to leave it to"),
	OPT_REFUSED_WHY(0, "name", "what runs is gone when it ends"),
	OPT_REFUSED_WHY(0, "privileged", "the sandbox cannot be switched off"),
	OPT_REFUSED_WHY('p', "publish", "use '--network=host'"),
	OPT_REFUSED(0, "device"),
	OPT_REFUSED(0, "mount"),
	OPT_END,
};

static void run_init(void *args)
{
	remote_args_init(&((struct run_args *)args)->remote);
}

/* --- what to run ----------------------------------------------------------------------------- */

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

static int set_command(const struct run_args *a, const struct image_config *c,
	const struct strv *rest, struct strv *argv, struct err *err)
{
	size_t first = rest->n > 1 && streq(rest->v[1], "--") ? 2 : 1;

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

static int set_environment(
	const struct run_args *a, const struct image_config *c, struct map *env, struct err *err)
{
	map_copy(env, &c->env);
	if (!map_has(env, "PATH"))
		map_set(env, "PATH", DEFAULT_PATH);
	if (a->tty)
		map_set(env, "TERM", getenv("TERM") ? getenv("TERM") : "xterm");
	STRV_FOREACH (word, &a->env) {
		const char *eq = strchr(*word, '=');
		AUTO_FREE char *key = eq ? xstrndup(*word, (size_t)(eq - *word)) : xstrdup(*word);
		const char *value = eq ? eq + 1 : getenv(key);
		if (!*key)
			return err_set(err, ERR_INVALID, "option '--env': '%s' has no name", *word);
		if (value)
			map_set(env, key, value);
	}
	return 0;
}

static int parse_volume_options(const char *text, bool *ret_read_only, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;

	strv_split(&words, text, ',');
	STRV_FOREACH (w, &words) {
		if (streq(*w, "ro"))
			*ret_read_only = true;
		else if (!streq(*w, "rw") && !streq(*w, "z") && !streq(*w, "Z"))
			/* z and Z are about labels, which there are none of here */
			return err_set(err, ERR_UNSUPPORTED,
				"option '--volume': '%s' is not one of 'ro', 'rw', 'z', 'Z'", *w);
	}
	return 0;
}

/* The source is opened here and now: what is mounted later is this very file, whatever its name
 * means by then. */
static int add_volume(const char *text, struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv parts = STRV_INIT;
	bool read_only = false;
	int r = 0;

	strv_split(&parts, text, ':');
	if (parts.n < 2 || parts.n > 3 || !*parts.v[0] || *parts.v[1] != '/')
		return err_set(err, ERR_INVALID,
			"option '--volume': '%s' is not SOURCE:/TARGET[:OPTIONS]", text);
	if (*parts.v[0] != '/' && *parts.v[0] != '.')
		return err_set(err, ERR_UNSUPPORTED,
			"option '--volume': '%s' is a volume's name, only paths are supported",
			parts.v[0]);
	if (parts.n == 3)
		r = parse_volume_options(parts.v[2], &read_only, err);
	if (r < 0)
		return r;
	int fd = open(parts.v[0], O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "option '--volume': cannot open '%s'", parts.v[0]);
	spec->mounts[spec->n_mounts++] = (struct run_mount){
		.kind = RUN_MOUNT_BIND,
		.source = fd,
		.target = xstrdup(parts.v[1]),
		.read_only = read_only,
	};
	return 0;
}

static int fill_spec(const struct run_args *a, const struct image_config *c,
	const struct strv *rest, struct run_spec *spec, struct err *err)
{
	spec->network = RUN_NETWORK_PRIVATE;
	int r = box_args_apply(&a->box, spec, err);
	if (r == 0)
		r = set_command(a, c, rest, &spec->argv, err);
	if (r == 0)
		r = set_environment(a, c, &spec->env, err);
	spec->mounts = xcalloc(a->volumes.n + 1, sizeof(*spec->mounts));
	for (size_t i = 0; i < a->volumes.n && r == 0; i++)
		r = add_volume(a->volumes.v[i], spec, err);
	const char *cwd = a->workdir ? a->workdir : c->working_dir;
	const char *user = a->user ? a->user : c->user;
	spec->cwd = xstrdup(cwd && *cwd ? cwd : "/");
	spec->user = xstrdup(user ? user : "");
	spec->hostname = a->hostname ? xstrdup(a->hostname) : NULL;
	spec->as_pid1 = !a->init;
	spec->tty = a->tty;
	spec->in = a->interactive ? STDIN_FILENO : -1;
	spec->out = STDOUT_FILENO;
	spec->errfd = STDERR_FILENO;
	return r;
}

static void spec_close(struct run_spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		(void)close(spec->mounts[i].source);
	run_spec_done(spec);
}

/* --- the image ------------------------------------------------------------------------------- */

static bool is_for(struct store *s, const struct descriptor *top, const struct platform *want)
{
	AUTO_IMAGE struct image image = {0};
	struct err ignored = ERR_INIT;
	return image_load(s, top, want, &image, &ignored) == 0 &&
	       platform_match(want, &image.config.platform) >= 0;
}

/* An ID is never pulled; a name is, as the policy says. */
static int get_image(struct app *app, struct store *s, const struct run_args *a, const char *text,
	struct image *ret, struct err *err)
{
	struct pull_opts o = {0};
	struct pulled pulled = {0};
	struct descriptor top = {0};
	AUTO_FREE char *ref = NULL;
	struct err not_here = ERR_INIT;

	if (a->pull && !pull_policy_parse(a->pull, &o.policy))
		return err_set(err, ERR_INVALID,
			"option '--pull': '%s' is not one of 'always', 'missing', 'never', 'newer'",
			a->pull);
	int r = platform_args_get(&a->platform, &o.platform, &o.has_platform, err);
	if (r < 0)
		return r;
	bool here = image_find(s, text, &top, &ref, &not_here) == 0;
	bool by_id = here && !ref;
	if (here && o.has_platform && !is_for(s, &top, &o.platform)) {
		if (by_id)
			r = err_set(err, ERR_UNSUPPORTED, "'%s' is not for that platform", text);
		here = false;
	}
	if (here)
		name_used(s, &top);
	if (r == 0 && (!here || (!by_id && (o.policy == PULL_ALWAYS || o.policy == PULL_NEWER)))) {
		remote_args_apply(app, &a->remote, &o.remote);
		o.progress = out_progress(&app->out, a->quiet ? PROGRESS_QUIET : PROGRESS_AUTO);
		r = image_pull(s, text, &o, &pulled, err);
		out_progress_done(&app->out);
		if (r == 0) {
			descriptor_done(&top);
			descriptor_copy(&top, &pulled.top);
		}
		pulled_done(&pulled);
	}
	if (r == 0)
		r = image_load(s, &top, o.has_platform ? &o.platform : NULL, ret, err);
	descriptor_done(&top);
	if (r == 0)
		r = image_unpack(s, ret, NULL, err);
	return r;
}

/* --- running --------------------------------------------------------------------------------- */

static int note_cgroup(void *txn, const char *path, struct err *err)
{
	return txn_note_cgroup(txn, path, err);
}

/* The reason why the workload could not be started, as an exit status; else the error stays one. */
static int start_failed(struct app *app, int r, struct err *err)
{
	int status = 0;

	if (r == ERR_NOT_FOUND)
		status = EXIT_NOT_FOUND;
	else if (r == ERR_DENIED)
		status = EXIT_NOT_EXECUTABLE;
	if (!status)
		return r;
	out_error(&app->out, err);
	return status;
}

static int run_sandbox(struct app *app, struct txn *txn, struct run_spec *spec, struct err *err)
{
	const struct sandbox_hooks hooks = {note_cgroup, txn};
	struct network *net = NULL;
	struct sandbox *sandbox = NULL;
	struct sandbox_result result = {0};
	AUTO_FD int master = -1;

	int r = sandbox_check_limits(&spec->limits, err);
	if (r == 0 && spec->network == RUN_NETWORK_PRIVATE)
		r = network_start(&net, err);
	if (r < 0)
		return r;
	r = sandbox_start(spec, net, &hooks, &sandbox, spec->tty ? &master : NULL, err);
	if (r < 0) {
		network_stop(net);
		return start_failed(app, r, err);
	}
	r = attach(sandbox, master, spec->in >= 0, err);
	if (r < 0)
		sandbox_kill(sandbox);
	struct err wait_err = ERR_INIT;
	int waited = sandbox_wait(sandbox, &result, r < 0 ? &wait_err : err);
	network_stop(net);
	if (r < 0 || waited < 0)
		return r < 0 ? r : waited;
	if (result.oom_killed) {
		char limit[TEXT_NUM_MAX], peak[TEXT_NUM_MAX];
		out_warn(&app->out,
			"the memory limit of %s was reached (peak %s): a process was killed",
			num_human_size(result.memory_limit, limit, sizeof(limit)),
			num_human_size(result.memory_peak, peak, sizeof(peak)));
	}
	if (result.pids_limit_hit)
		out_warn(&app->out, "the limit of processes was reached");
	return result.status;
}

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
		r = run_sandbox(app, txn, spec, err);
	for (size_t i = 0; i < n; i++)
		(void)close(lowers[i]);
	return r;
}

static int run_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct run_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *txn = NULL;
	AUTO_IMAGE struct image image = {0};
	struct run_spec spec;

	int r = app_store(app, false, &s, err);
	/* first of all: from here on nothing that is found or pulled can be collected */
	if (r == 0)
		r = txn_begin(s, &txn, err);
	if (r == 0)
		r = get_image(app, s, a, rest->v[0], &image, err);
	if (r < 0)
		return r;
	run_spec_init(&spec);
	r = fill_spec(a, &image.config, rest, &spec, err);
	if (r == 0)
		r = platform_check(
			s, &image.config.platform, &image, true, &spec.argv, &spec.env, err);
	if (r == 0)
		r = run_on(app, s, txn, &image, &spec, err);
	spec_close(&spec);
	return r;
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
