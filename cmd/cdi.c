/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cdi.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "cmd/opt_groups.h"
#include "registry/remote.h"
#include "registry/yaml.h"

#define SPEC_MAX YAML_MAX
#define TROUBLE_MAX 200

/* Where a device was found. */
struct found {
	char *path; /* of the document */
	struct json *spec;
	const struct json *device; /* of it */
};

static void found_done(struct found *f)
{
	mem_free_p(&f->path);
	json_free(f->spec);
	*f = (struct found){0};
}

static bool is_part(const char *s, size_t n, const char *others)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr(others, s[i]))
			return false;
	return n > 0;
}

bool cdi_is_name(const char *text)
{
	const char *slash = strchr(text, '/'), *eq = slash ? strchr(slash, '=') : NULL;

	return eq && is_part(text, (size_t)(slash - text), "._-") &&
	       is_part(slash + 1, (size_t)(eq - slash - 1), "_-") &&
	       is_part(eq + 1, strlen(eq + 1), "._-:");
}

/* --- finding --- */

static const struct json *device_of(const struct json *spec, const char *name)
{
	const struct json *devices = json_get(spec, "devices");

	for (size_t i = 0; i < json_size(devices); i++) {
		const char *has = json_text(json_get(json_at(devices, i), "name"));
		if (has && streq(has, name))
			return json_at(devices, i);
	}
	return NULL;
}

static bool is_yaml(const char *name)
{
	return str_has_suffix(name, ".yaml") || str_has_suffix(name, ".yml");
}

/* In a process of its own, which is linked with libyaml. */
static int parse_yaml(const char *text, const char *path, struct json **ret, struct err *err)
{
	AUTO_FREE char *program = remote_program();
	AUTO_BUF struct buf out = BUF_INIT(YAML_JSON_MAX);
	const char *argv[] = {"mica-remote", "yaml", NULL};
	int status = 0;

	int r = proc_run(program, argv, text, YAML_JSON_MAX, &out, &status, err);
	if (r < 0)
		return err_wrap(err, "%s", path);
	if (status)
		return err_set(err, ERR_INVALID, "%s: %.*s", path, TROUBLE_MAX, buf_str(&out));
	return json_parse(buf_str(&out), out.len, path, ret, err);
}

/* kind: "vendor.com/class" */
static int look_into(
	const char *path, const char *kind, const char *device, struct found *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_JSON struct json *spec = NULL;
	size_t n;

	int r = fs_read_file(AT_FDCWD, path, SPEC_MAX, &text, &n, err);
	if (r == 0)
		r = is_yaml(path) ? parse_yaml(text, path, &spec, err)
		                  : json_parse(text, n, path, &spec, err);
	if (r < 0)
		return r;
	const char *has = json_text(json_get(spec, "kind"));
	if (!has || !json_text(json_get(spec, "cdiVersion")))
		return err_set(err, ERR_INVALID, "%s: 'cdiVersion' and 'kind' are wanted", path);
	const struct json *found = streq(has, kind) ? device_of(spec, device) : NULL;
	if (found && ret->device)
		return err_set(err, ERR_INVALID, "'%s' and '%s' both have the device '%s=%s'",
			ret->path, path, kind, device);
	if (found)
		*ret = (struct found){xstrdup(path), take(spec), found};
	return 0;
}

/* Names of documents, sorted. A directory that is not there has none. */
static int list(const char *dir, struct strv *ret, struct err *err)
{
	const struct dirent *d;
	DIR *handle = opendir(dir);

	if (!handle && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!handle)
		return err_sys(err, "cannot list '%s'", dir);
	while ((d = readdir(handle)))
		if (str_has_suffix(d->d_name, ".json") || is_yaml(d->d_name))
			strv_add_take(ret, path_join(dir, d->d_name));
	closedir(handle);
	strv_sort(ret);
	return 0;
}

static int find(const char *name, const struct strv *dirs, struct found *ret, struct err *err)
{
	AUTO_FREE char *kind = xstrndup(name, strcspn(name, "="));
	const char *device = name + strlen(kind) + 1;
	int r = 0;

	for (size_t i = dirs->n; i-- > 0 && r == 0 && !ret->device;) {
		AUTO_STRV struct strv names = STRV_INIT;
		r = list(dirs->v[i], &names, err);
		for (size_t k = 0; k < names.n && r == 0; k++)
			r = look_into(names.v[k], kind, device, ret, err);
	}
	if (r < 0 || ret->device)
		return r;
	AUTO_FREE char *where = strv_join(dirs, "', '");
	return err_set(err, ERR_NOT_FOUND, "no document in '%s' has the device '%s'", where, name);
}

/* --- edits --- */

static int add_env(
	const struct json *list, const char *path, struct run_spec *spec, struct err *err)
{
	for (size_t i = 0; i < json_size(list); i++) {
		const char *pair = json_text(json_at(list, i));
		const char *eq = pair ? strchr(pair, '=') : NULL;
		if (!eq || eq == pair)
			return err_set(err, ERR_INVALID, "%s: 'env' is a list of NAME=VALUE", path);
		AUTO_FREE char *key = xstrndup(pair, (size_t)(eq - pair));
		map_set(&spec->env, key, eq + 1);
	}
	return 0;
}

static int add_nodes(
	const struct json *list, const char *path, struct run_spec *spec, struct err *err)
{
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *node = json_at(list, i);
		const char *target = NULL, *host = NULL, *rights = "rwm";
		if (json_get_string(node, path, "path", &target, err) < 0 ||
			json_get_string(node, path, "hostPath", &host, err) < 0 ||
			json_get_string(node, path, "permissions", &rights, err) < 0)
			return err->code;
		if (!target || *target != '/' || !*rights ||
			strspn(rights, "rwm") != strlen(rights))
			return err_set(err, ERR_INVALID,
				"%s: 'deviceNodes' have an absolute 'path' and 'permissions' of "
				"'rwm'",
				path);
		if (box_add_device(host ? host : target, target, rights, spec, err) < 0)
			return err_wrap(err, "%s", path);
	}
	return 0;
}

/* What a mount of ours has anyway, or does not depend on. */
static bool is_usual(const char *option)
{
	static const char *const usual[] = {"bind", "rbind", "rw", "suid", "exec", "nodev",
		"private", "rprivate", "slave", "rslave"};

	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (streq(usual[i], option))
			return true;
	return false;
}

static int mount_options(
	const struct json *list, const char *path, struct run_mount *m, struct err *err)
{
	for (size_t i = 0; i < json_size(list); i++) {
		const char *option = json_text(json_at(list, i));
		if (!option)
			return err_set(err, ERR_INVALID, "%s: 'options' are strings", path);
		m->read_only |= streq(option, "ro");
		m->no_exec |= streq(option, "noexec");
		m->no_suid |= streq(option, "nosuid");
		if (!is_usual(option) && !streq(option, "ro") && !streq(option, "noexec") &&
			!streq(option, "nosuid"))
			return err_set(err, ERR_UNSUPPORTED,
				"%s: the option '%s' of a mount is not supported", path, option);
	}
	return 0;
}

static int add_mounts(
	const struct json *list, const char *path, struct run_spec *spec, struct err *err)
{
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *j = json_at(list, i);
		struct run_mount m = {.kind = RUN_MOUNT_BIND, .source = -1};
		const char *host = NULL, *target = NULL, *type = "bind";
		if (json_get_string(j, path, "hostPath", &host, err) < 0 ||
			json_get_string(j, path, "containerPath", &target, err) < 0 ||
			json_get_string(j, path, "type", &type, err) < 0 ||
			mount_options(json_get(j, "options"), path, &m, err) < 0)
			return err->code;
		if (!host || *host != '/' || !target || *target != '/')
			return err_set(err, ERR_INVALID,
				"%s: 'mounts' have an absolute 'hostPath' and 'containerPath'",
				path);
		if (*type && !streq(type, "bind") && !streq(type, "none"))
			return err_set(err, ERR_UNSUPPORTED,
				"%s: a mount of the type '%s' is not supported", path, type);
		m.source = open(host, O_PATH | O_CLOEXEC);
		if (m.source < 0)
			return err_sys(err, "%s: cannot open '%s'", path, host);
		m.target = path_clean(target);
		spec->mounts =
			xreallocarray(spec->mounts, spec->n_mounts + 1, sizeof(*spec->mounts));
		spec->mounts[spec->n_mounts++] = m;
	}
	return 0;
}

static int apply_edits(
	const struct json *edits, const char *path, struct run_spec *spec, struct err *err)
{
	static const char *const refused[] = {"hooks", "intelRdt", "netDevices"};
	const struct json *groups = json_get(edits, "additionalGids");

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		const struct json *j = json_get(edits, refused[i]);
		if (json_size(j))
			return err_set(err, ERR_UNSUPPORTED,
				"%s: '%s' is not supported: nothing but our sandbox prepares a "
				"container; take it out of the document",
				path, refused[i]);
	}
	if (add_env(json_get(edits, "env"), path, spec, err) < 0 ||
		add_nodes(json_get(edits, "deviceNodes"), path, spec, err) < 0 ||
		add_mounts(json_get(edits, "mounts"), path, spec, err) < 0)
		return err->code;
	for (size_t i = 0; i < json_size(groups); i++)
		if (json_int(json_at(groups, i)) > 0)
			strv_addf(&spec->groups, "%lld", (long long)json_int(json_at(groups, i)));
	return 0;
}

int cdi_apply(const char *name, const struct strv *dirs, struct run_spec *spec, struct err *err)
{
	struct found f = {0};

	int r = find(name, dirs, &f, err);
	if (r == 0)
		r = apply_edits(json_get(f.spec, "containerEdits"), f.path, spec, err);
	if (r == 0)
		r = apply_edits(json_get(f.device, "containerEdits"), f.path, spec, err);
	found_done(&f);
	return r < 0 ? err_wrap(err, "option '--device'") : 0;
}
