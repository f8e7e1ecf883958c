/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/space.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/landlock.h"
#include "base/map.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/opt_groups.h"
#include "cmd/out.h"
#include "run/caps.h"
#include "run/mode.h"
#include "run/sandbox.h"
#include "run/spec.h"

#define CAPS_TEXT_MAX 4096 /* 64 names */

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
int space_isolation(const char *text, bool *ret_chroot, const char **ret_from, struct err *err)
{
	const char *from = text ? "option '--isolation'" : "BUILDAH_ISOLATION";
	if (!text)
		text = getenv("BUILDAH_ISOLATION");
	bool said = text && *text && strcasecmp(text, "default") != 0;
	bool chroot = said && !strcasecmp(text, "chroot");
	sandbox_probe(chroot);
	bool forced = mode_is() == MODE_CHROOT;
	*ret_from = said ? from : NULL;
	*ret_chroot = said ? chroot : forced;
	if (!said || chroot)
		return 0;
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
static int apply_namespace(const char *option, const char *v, const struct run_spec *spec,
	bool *ret_host, int *ret_fd, struct err *err)
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
	if (sandbox_is_bare(spec))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--%s': '%s' is not supported: isolation 'chroot' has no "
			"namespaces, and joins none",
			option, v);
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
	if (apply_namespace("pid", v, spec, &spec->host_pid, &spec->pid_fd, err) < 0)
		return err->code;
	if (spec->pid_fd >= 0 && is_own_pids(spec->pid_fd)) {
		mem_close_p(&spec->pid_fd);
		spec->pid_fd = -1;
		spec->host_pid = true;
	}
	if (run_spec_shares_pids(spec) && !sandbox_is_bare(spec) && !landlock_scopes_signals())
		return err_set(err, ERR_UNSUPPORTED,
			"option '--pid': '%s' is not supported: only Landlock of Linux 6.12 would "
			"keep a command from the processes that it sees; leave it out",
			v);
	return 0;
}

int space_args_apply(const struct space_args *a, struct run_spec *spec, struct err *err)
{
	const char *from;
	int r = space_isolation(a->isolation, &spec->chroot, &from, err);
	if (r == 0)
		r = apply_namespace("ipc", a->ipc, spec, &spec->host_ipc, &spec->ipc_fd, err);
	if (r == 0)
		r = apply_namespace("uts", a->uts, spec, &spec->host_uts, &spec->uts_fd, err);
	if (r == 0)
		r = apply_namespace("cgroupns", a->cgroupns, spec, &spec->host_cgroupns,
			&spec->cgroupns_fd, err);
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
	if (!sandbox_is_bare(spec))
		return;
	out_warn(&app->out,
		"isolation 'chroot', since %s: steps share processes, network, host name and "
		"System V IPC with what is around them, %shave no /proc and no mounts",
		mode_reason(),
		landlock_scopes_signals() ? "and " : "can signal whose user they are, and ");
}

/* Those that --cap-add names, but not these. */
static uint64_t caps_kept_away(const struct run_spec *spec)
{
	AUTO_STRV struct strv all = STRV_INIT;
	struct err ignored = ERR_INIT;
	uint64_t asked = 0;
	strv_add(&all, "all");
	/* dropping all leaves what is named; the names were looked at before */
	if (caps_resolve(&spec->cap_add, &all, &asked, &ignored) < 0)
		return 0;
	return asked & ~sandbox_chroot_caps(asked);
}

static void warn_caps(struct app *app, const struct run_spec *spec)
{
	AUTO_BUF struct buf names = BUF_INIT(CAPS_TEXT_MAX);
	uint64_t away = caps_kept_away(spec);
	for (unsigned i = 0; i < 64; i++) {
		AUTO_FREE char *name = away >> i & 1 ? caps_name(i) : NULL;
		if (name)
			buf_addf(&names, "%s%s", names.len ? ", " : "", name);
	}
	if (names.len)
		out_warn(&app->out,
			"isolation 'chroot': option '--cap-add': steps do not get what leads out "
			"of it: %s",
			buf_str(&names));
}

void space_warn_options(struct app *app, const struct run_spec *spec, const struct space_args *a,
	const struct box_args *box, const char *hostname)
{
	const struct {
		const char *option, *value, *what;
		bool is_private;
	} said[] = {
		/* the first is so in the sandbox, too */
		{"network", box->usual_network ? NULL : box->network, "the network",
			spec->network == RUN_NETWORK_PRIVATE},
		{"pid", a->pid, "processes", !spec->host_pid},
		{"ipc", a->ipc, "System V IPC", !spec->host_ipc},
		{"uts", a->uts, "the host name", !spec->host_uts},
		{"cgroupns", a->cgroupns, "cgroups", !spec->host_cgroupns},
		{"hostname", hostname, "the host name", true},
	};
	if (!spec->chroot)
		return;
	bool bare = sandbox_is_bare(spec);
	for (size_t i = 0; i < (bare ? ARRAY_LEN(said) : 1); i++)
		if (said[i].value && *said[i].value && said[i].is_private)
			out_warn(&app->out,
				"isolation 'chroot': option '--%s': '%s' has no effect: steps "
				"share %s with what is around them",
				said[i].option, said[i].value, said[i].what);
	if (!bare)
		return;
	warn_caps(app, spec);
	STRV_FOREACH (o, &box->security_opts)
		if (str_has_prefix(*o, "no-new-privileges") && str_has_suffix(*o, "false"))
			out_warn(&app->out,
				"isolation 'chroot': option '--security-opt': '%s' has no effect: "
				"steps never gain privileges there",
				*o);
}
