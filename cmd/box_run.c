/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/box_run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/strv.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "cmd/text.h"
#include "run/network.h"
#include "run/sandbox.h"
#include "store/store.h"

#define EXIT_NOT_EXECUTABLE 126 /* as a shell has it, and docker */
#define EXIT_NOT_FOUND 127

int box_set_env(const struct strv *words, bool tty, struct map *env, struct err *err)
{
	if (!map_has(env, "PATH"))
		map_set(env, "PATH", DEFAULT_PATH);
	if (tty)
		map_set(env, "TERM", getenv("TERM") ? getenv("TERM") : "xterm");
	STRV_FOREACH (word, words) {
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

static struct run_mount *add_mount(struct run_spec *spec)
{
	spec->mounts = xreallocarray(spec->mounts, spec->n_mounts + 1, sizeof(*spec->mounts));
	return &spec->mounts[spec->n_mounts++];
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

int box_add_volume(const char *text, struct run_spec *spec, struct err *err)
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
	*add_mount(spec) = (struct run_mount){
		.kind = RUN_MOUNT_BIND,
		.source = fd,
		.target = xstrdup(parts.v[1]),
		.read_only = read_only,
	};
	return 0;
}

/* --- --mount --- */

struct mount_words {
	const char *type, *source, *target, *size;
	bool read_only;
};

/* A switch: "ro", "ro=true", "rw=false" */
static bool is_on(const char *value)
{
	return !value || !*value || streq(value, "true") || streq(value, "1");
}

static int mount_word(char *word, struct mount_words *m, struct err *err)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (streq(word, "type"))
		m->type = value;
	else if (streq(word, "source") || streq(word, "src"))
		m->source = value;
	else if (streq(word, "target") || streq(word, "dst") || streq(word, "destination"))
		m->target = value;
	else if (streq(word, "tmpfs-size"))
		m->size = value;
	else if (streq(word, "ro") || streq(word, "readonly"))
		m->read_only = is_on(value);
	else if (streq(word, "rw") || streq(word, "readwrite"))
		m->read_only = !is_on(value);
	else if (!streq(word, "z") && !streq(word, "Z") && !streq(word, "bind-propagation"))
		/* nothing is labelled here, and no mount of the sandbox reaches anywhere */
		return err_set(err, ERR_UNSUPPORTED,
			"option '--mount': '%s' is not one of 'type', 'source', 'target', 'ro', "
			"'rw', 'tmpfs-size'",
			word);
	return 0;
}

static int add_bind(
	const struct mount_words *m, const char *contextdir, struct run_spec *spec, struct err *err)
{
	AUTO_FREE char *source =
		path_resolve(contextdir ? contextdir : ".", m->source ? m->source : ".");
	int fd = open(source, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "option '--mount': cannot open '%s'", source);
	*add_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = fd,
		.target = xstrdup(m->target),
		.read_only = m->read_only};
	return 0;
}

int box_add_mount(const char *text, const char *contextdir, struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	struct mount_words m = {.type = "bind"};
	uint64_t size = 0;

	strv_split(&words, text, ',');
	STRV_FOREACH (w, &words)
		if (mount_word(*w, &m, err) < 0)
			return err->code;
	if (!m.target || *m.target != '/')
		return err_set(err, ERR_INVALID,
			"option '--mount': '%s' has no target that begins with '/'", text);
	if (m.type && streq(m.type, "bind"))
		return add_bind(&m, contextdir, spec, err);
	if (!m.type || !streq(m.type, "tmpfs"))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--mount': type '%s' is not one of 'bind', 'tmpfs' (others are for "
			"RUN --mount of a Containerfile)",
			m.type ? m.type : "");
	if (m.size && !num_size(m.size, &size))
		return err_set(err, ERR_INVALID, "option '--mount': '%s' is not a size", m.size);
	*add_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_TMPFS,
		.source = -1,
		.target = xstrdup(m.target),
		.read_only = m.read_only,
		.size = size};
	return 0;
}

void box_close(struct run_spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (spec->mounts[i].source >= 0)
			(void)close(spec->mounts[i].source);
	run_spec_done(spec);
}

/* --- running --- */

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

int box_run(struct app *app, struct txn *txn, struct run_spec *spec, struct err *err)
{
	const struct sandbox_hooks hooks = {.note_cgroup = note_cgroup, .arg = txn};
	struct network *net = NULL;
	struct sandbox *sandbox = NULL;
	struct sandbox_result result = {0};
	AUTO_FD int master = -1;

	int r = sandbox_check_limits(&spec->limits, err);
	if (r == 0 && spec->network == RUN_NETWORK_PRIVATE)
		r = network_start(run_spec_needs_gateway(spec), &net, err);
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
