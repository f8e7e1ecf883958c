/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/build_extra.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/shell_words.h"
#include "build/build.h"
#include "cmd/conf.h"
#include "cmd/env_words.h"
#include "cmd/volume_words.h"

#define ARG_FILE_MAX (1 * MIB)

#define NO_STAGES "stages other than the target are no images: build them with '--target'"

const struct opt extra_options[] = {
	OPT_STRV(0, "build-arg-file", struct extra_args, arg_files),
	OPT_STRV(0, "build-arg-secret", struct extra_args, secret_args),
	OPT_STRV(0, "env", struct extra_args, env),
	OPT_STRING(0, "from", struct extra_args, from),
	OPT_TRISTATE(0, "http-proxy", struct extra_args, http_proxy),
	OPT_STRING(0, "logfile", struct extra_args, logfile),
	OPT_BOOL(0, "logsplit", struct extra_args, logsplit),
	OPT_TRISTATE(0, "layers", struct extra_args, layers),
	OPT_BOOL(0, "no-hostname", struct extra_args, no_hostname),
	OPT_TRISTATE(0, "no-hosts", struct extra_args, no_hosts),
	OPT_TRISTATE(0, "skip-unused-stages", struct extra_args, skip_unused),
	OPT_BOOL(0, "stdin", struct extra_args, stdin),
	OPT_BOOL(0, "compat-volumes", struct extra_args, compat_volumes),
	OPT_STRV(0, "unset-expose", struct extra_args, unset_ports),
	OPT_STRV(0, "unset-volume", struct extra_args, unset_volumes),
	OPT_STRV(0, "unsetenv", struct extra_args, unset_env),
	OPT_STRV(0, "unsetlabel", struct extra_args, unset_labels),
	OPT_STRV(0, "cpp-flag", struct extra_args, cpp_flags),
	OPT_STRV('v', "volume", struct extra_args, volumes),
	OPT_IGNORED(0, "builder"),
	OPT_IGNORED_BOOL(0, "compress"),
	OPT_IGNORED_BOOL(0, "debug"),
	OPT_IGNORED_BOOL(0, "disable-content-trust"),
	OPT_IGNORED(0, "runtime"),
	OPT_IGNORED(0, "runtime-flag"),
	OPT_STRV(0, "hooks-dir", struct extra_args, hooks_dirs),
	OPT_REFUSED_WHY(0, "policy", "sources are not checked against a policy"),
	OPT_REFUSED_WHY(0, "save-stages", NO_STAGES),
	OPT_REFUSED_WHY(0, "source-policy-file", "sources are not rewritten by a policy"),
	OPT_REFUSED_WHY(0, "stage-labels", NO_STAGES),
	OPT_REFUSED_WHY(
		0, "transient-run-mounts", "mounts are given by 'RUN --mount' or '--volume'"),
	OPT_END,
};

void extra_args_init(struct extra_args *a)
{
	a->skip_unused = -1;
	a->http_proxy = -1;
	a->no_hosts = -1;
	a->layers = -1;
}

/* Lines NAME=VALUE; empty ones and those that begin with # are left out; NAME alone is the
 * environment's. */
static int read_arg_file(const char *path, struct map *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	AUTO_STRV struct strv lines = STRV_INIT;
	if (fs_read_file(AT_FDCWD, path, ARG_FILE_MAX, &text, &len, err) < 0)
		return err_wrap(err, "option '--build-arg-file'");
	strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.n; i++) {
		char *line = lines.v[i] + strspn(lines.v[i], " \t");
		size_t n = strlen(line);
		if (n && line[n - 1] == '\r')
			line[n - 1] = '\0';
		if (!*line || *line == '#')
			continue;
		char *eq = strchr(line, '=');
		if (eq == line)
			return err_set(err, ERR_INVALID,
				"option '--build-arg-file': %s:%zu: no name before '='", path,
				i + 1);
		if (eq)
			*eq++ = '\0';
		map_set(ret, line, eq);
	}
	return 0;
}

static int add_volume(const char *text, struct build_opts *o, struct err *err)
{
	struct volume_words v;
	if (volume_words_parse(text, &v, err) < 0)
		return err->code;
	bool places = v.upper >= 0;
	volume_words_done(&v);
	struct run_mount **list = v.overlay ? &o->overlays : &o->box.mounts;
	size_t *n = v.overlay ? &o->n_overlays : &o->box.n_mounts;
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = v.mount;
	strv_add(&o->volumes, text);
	if (places)
		return err_set(err, ERR_UNSUPPORTED,
			"option '--volume': 'upperdir' is not supported: each step has an overlay "
			"of its own");
	return 0;
}

/* "80", "53/udp": what is no port would take out nothing, and nobody would know. */
static int check_port(const char *port, struct err *err)
{
	uint64_t number;
	AUTO_FREE char *digits = xstrndup(port, strcspn(port, "/"));
	if (num_u64(digits, UINT16_MAX, &number))
		return 0;
	return err_set(err, ERR_INVALID,
		"option '--unset-expose': '%s' is not a port, such as '80' or '53/udp'", port);
}

/* A directory without hooks asks for nothing. */
static int refuse_hooks(const struct strv *dirs, struct err *err)
{
	STRV_FOREACH (path, dirs) {
		DIR *dir = opendir(*path);
		const struct dirent *e = NULL;
		while (dir && (e = readdir(dir)) && !str_has_suffix(e->d_name, ".json"))
			continue;
		if (e)
			(void)err_set(err, ERR_UNSUPPORTED,
				"option '--hooks-dir': '%s/%s': hooks of an OCI runtime are not "
				"run: the sandbox is mica's own",
				*path, e->d_name);
		if (dir)
			closedir(dir);
		if (e)
			return err->code;
	}
	return 0;
}

int extra_args_apply(
	const struct extra_args *a, const struct conf *c, struct build_opts *o, struct err *err)
{
	if (space_args_apply(&a->space, &o->box, err) < 0 ||
		env_words_set(&a->env, &o->env, err) < 0)
		return err->code;
	if (refuse_hooks(&a->hooks_dirs, err) < 0)
		return err->code;
	space_words(&a->space, &o->box, &o->spaces);
	o->all_stages = a->skip_unused == 0;
	STRV_FOREACH (path, &a->arg_files)
		if (read_arg_file(*path, &o->build_args, err) < 0)
			return err->code;
	STRV_FOREACH (v, &a->volumes)
		if (add_volume(*v, o, err) < 0)
			return err->code;
	STRV_FOREACH (port, &a->unset_ports)
		if (check_port(*port, err) < 0)
			return err->code;
	strv_copy(&o->unset_ports, &a->unset_ports);
	strv_copy(&o->unset_volumes, &a->unset_volumes);
	strv_copy(&o->unset_env, &a->unset_env);
	strv_copy(&o->unset_labels, &a->unset_labels);
	const char *usual = getenv("BUILDAH_CPPFLAGS");
	if (usual && shell_words(usual, &o->cpp_flags, err) < 0)
		return err_wrap(err, "$BUILDAH_CPPFLAGS");
	STRV_FOREACH (flag, &a->cpp_flags)
		strv_add(&o->cpp_flags, *flag);
	o->from = a->from;
	o->http_proxy = (a->http_proxy < 0 ? c->http_proxy : a->http_proxy) != 0;
	o->stdin = a->stdin;
	o->compat_volumes = a->compat_volumes;
	o->box.hostname_file = called_buildah() && !a->no_hostname;
	o->box.no_hosts = (a->no_hosts < 0 ? c->no_hosts : a->no_hosts) > 0;
	if (a->no_hosts == 1 && o->box.add_hosts.n)
		return err_set(err, ERR_INVALID,
			"--no-hosts and --add-host conflict, can not be used together");
	return 0;
}

int extra_args_layers(const struct extra_args *a, bool *ret, bool *ret_asked, struct err *err)
{
	const char *text = getenv("BUILDAH_LAYERS");
	*ret = a->layers < 0 ? !called_buildah() : a->layers != 0;
	*ret_asked = a->layers >= 0 || (text && *text);
	if (a->layers < 0 && text && *text && !num_bool(text, ret))
		return err_set(
			err, ERR_INVALID, "BUILDAH_LAYERS: '%s' is not 'true' or 'false'", text);
	return 0;
}

/* --- build arguments that mean something to the builder --------------------------------------- */

static const char *build_arg(const struct build_opts *o, const char *name)
{
	const char *value = map_get(&o->build_args, name);
	if (!value && map_has(&o->build_args, name))
		value = getenv(name);
	return value && *value ? value : NULL;
}

/* As in /etc/hosts, and what sethostname(2) takes. */
static bool is_hostname(const char *s)
{
	size_t n = strlen(s);
	return n <= HOST_NAME_MAX && *s != '-' && *s != '.' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == n;
}

int buildkit_args_apply(struct build_opts *o, struct err *err)
{
	MAP_FOREACH (a, &o->secret_args)
		if (map_has(&o->build_args, a->key))
			return err_set(err, ERR_INVALID,
				"option '--build-arg-secret': '%s' is given by --build-arg, too: "
				"give one of them",
				a->key);
	const char *host = build_arg(o, "BUILDKIT_SANDBOX_HOSTNAME");
	const char *multi = build_arg(o, "BUILDKIT_MULTI_PLATFORM");
	if (host && !is_hostname(host))
		return err_set(err, ERR_INVALID,
			"option '--build-arg BUILDKIT_SANDBOX_HOSTNAME': '%s' is not a host name",
			host);
	if (host)
		o->box.hostname = xstrdup(host);
	if (multi && !num_bool(multi, &o->always_index))
		return err_set(err, ERR_INVALID,
			"option '--build-arg BUILDKIT_MULTI_PLATFORM': '%s' is not 'true' or "
			"'false'",
			multi);
	o->cache_ns = build_arg(o, "BUILDKIT_CACHE_MOUNT_NS");
	return 0;
}
