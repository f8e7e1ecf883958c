/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/space.h"

#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/landlock.h"
#include "base/map.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "run/mode.h"
#include "run/spec.h"

const struct opt space_options[] = {
	OPT_STRING(0, "cgroupns", struct space_args, cgroupns),
	OPT_STRING(0, "ipc", struct space_args, ipc),
	OPT_STRING(0, "isolation", struct space_args, isolation),
	OPT_STRING(0, "pid", struct space_args, pid),
	OPT_STRING(0, "uts", struct space_args, uts),
	OPT_GROUP(users_options, struct space_args, users),
	OPT_END,
};

/* The words are buildah's: oci and rootless are the one sandbox here. */
static int apply_isolation(const char *text, struct run_spec *spec, struct err *err)
{
	const char *from = text ? "option '--isolation'" : "BUILDAH_ISOLATION";
	if (!text)
		text = getenv("BUILDAH_ISOLATION");
	bool forced = mode_is() == MODE_CHROOT;
	if (!text || !*text || !strcasecmp(text, "default")) {
		spec->chroot = forced;
		return 0;
	}
	if (!strcasecmp(text, "chroot")) {
		if (mode_is() == MODE_SINGLE)
			return err_set(err, ERR_UNSUPPORTED,
				"%s: 'chroot' needs users other than this one: leave it out", from);
		spec->chroot = true;
		return 0;
	}
	if (strcasecmp(text, "oci") != 0 && strcasecmp(text, "rootless") != 0)
		return err_set(err, ERR_INVALID,
			"%s: '%s' is not one of 'oci', 'rootless', 'chroot'", from, text);
	if (forced)
		return err_set(err, ERR_UNSUPPORTED, "%s: '%s': %s", from, text, mode_reason());
	return 0;
}

static bool is_private(const char *v)
{
	return !v || !*v || streq(v, "private") || streq(v, "container");
}

const char *space_path(const char *v)
{
	return str_has_prefix(v, "ns:") ? v + 3 : v;
}

/* host, or the namespace of a file: PATH or ns:PATH */
static int apply_namespace(
	const char *option, const char *v, bool *ret_host, int *ret_fd, struct err *err)
{
	if (is_private(v))
		return 0;
	if (streq(v, "host")) {
		*ret_host = true;
		return 0;
	}
	const char *path = space_path(v);
	if (*path != '/')
		return err_set(err, ERR_INVALID,
			"option '--%s': '%s' is not one of 'private', 'host', '/PATH'", option, v);
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(err, "option '--%s': cannot open '%s'", option, path) : 0;
}

/* Ours by its path is what 'host' means. */
static bool is_own_pids(int fd)
{
	struct stat st, own;
	return fstat(fd, &st) == 0 && stat("/proc/self/ns/pid", &own) == 0 &&
	       st.st_dev == own.st_dev && st.st_ino == own.st_ino;
}

static int apply_pid(const char *v, struct run_spec *spec, struct err *err)
{
	if (apply_namespace("pid", v, &spec->host_pid, &spec->pid_fd, err) < 0)
		return err->code;
	if (spec->pid_fd >= 0 && is_own_pids(spec->pid_fd)) {
		mem_close_p(&spec->pid_fd);
		spec->pid_fd = -1;
		spec->host_pid = true;
	}
	if (run_spec_shares_pids(spec) && !spec->chroot && !landlock_scopes_signals())
		return err_set(err, ERR_UNSUPPORTED,
			"option '--pid': '%s' is not supported: only Landlock of Linux 6.12 would "
			"keep a command from the processes that it sees; leave it out",
			v);
	return 0;
}

int space_args_apply(const struct space_args *a, struct run_spec *spec, struct err *err)
{
	int r = apply_isolation(a->isolation, spec, err);
	if (r == 0)
		r = apply_namespace("ipc", a->ipc, &spec->host_ipc, &spec->ipc_fd, err);
	if (r == 0)
		r = apply_namespace("uts", a->uts, &spec->host_uts, &spec->uts_fd, err);
	if (r == 0)
		r = apply_namespace(
			"cgroupns", a->cgroupns, &spec->host_cgroupns, &spec->cgroupns_fd, err);
	if (r == 0)
		r = apply_pid(a->pid, spec, err);
	return r < 0 ? r : users_args_apply(&a->users, spec, err);
}

static void add_word(struct map *words, const char *name, bool host, int fd, const char *v)
{
	if (host || fd >= 0)
		map_set(words, name, host ? "host" : space_path(v));
}

void space_words(const struct space_args *a, const struct run_spec *spec, struct map *ret)
{
	add_word(ret, "ipc", spec->host_ipc, spec->ipc_fd, a->ipc);
	add_word(ret, "uts", spec->host_uts, spec->uts_fd, a->uts);
	add_word(ret, "cgroup", spec->host_cgroupns, spec->cgroupns_fd, a->cgroupns);
	add_word(ret, "pid", spec->host_pid, spec->pid_fd, a->pid);
}

void space_warn(struct app *app, const struct run_spec *spec)
{
	if (!spec->chroot)
		return;
	bool forced = mode_is() == MODE_CHROOT;
	out_warn(&app->out,
		"isolation 'chroot'%s%s: steps share processes, network, host name and System V "
		"IPC with what is around them, %shave no /proc%s",
		forced ? ", since " : "", forced ? mode_reason() : "",
		landlock_scopes_signals() ? "and " : "can signal whose user they are, and ",
		forced ? " and no mounts" : "");
}
