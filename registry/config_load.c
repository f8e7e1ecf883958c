/* SPDX-License-Identifier: Apache-2.0 */
/* Which files registries.conf is: the one that was named, or the user's, or the system's; and
 * drop-ins. */
#include "registry/config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/toml.h"
#include "image/reference.h"

#define DROP_INS_MAX 256

static int add_file(struct registries *rs, const char *path, bool must_exist, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, path, TOML_MAX, &text, &n, err);
	if (r == ERR_NOT_FOUND && !must_exist) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	log_debug("reading %s", path);
	strv_add(&rs->files, path);
	return registries_add(rs, text, n, path, err);
}

static int add_drop_ins(struct registries *rs, const char *dir, struct err *err)
{
	DIR *d = opendir(dir);
	if (!d)
		return 0;
	AUTO_STRV struct strv names = STRV_INIT;
	for (struct dirent *e; (e = readdir(d)) && names.n < DROP_INS_MAX;)
		if (e->d_name[0] != '.' && str_has_suffix(e->d_name, ".conf"))
			strv_add(&names, e->d_name);
	closedir(d);
	strv_sort(&names);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = path_join(dir, *name);
		int r = add_file(rs, path, false, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* $XDG_CONFIG_HOME or ~/.config, with containers/NAME; NULL without a home. New string. */
static char *user_config(const char *name)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (xdg && *xdg == '/')
		return xasprintf("%s/containers/%s", xdg, name);
	return home && *home == '/' ? xasprintf("%s/.config/containers/%s", home, name) : NULL;
}

int registries_load(const char *path, const char *dir, struct registries *ret, struct err *err)
{
	struct registries rs = {0};
	int r;
	if (!path || !*path)
		path = getenv("CONTAINERS_REGISTRIES_CONF");
	if (path && *path) {
		r = add_file(&rs, path, true, err);
	} else {
		AUTO_FREE char *user = user_config("registries.conf");
		AUTO_FREE char *user_dir = user_config("registries.conf.d");
		bool has_user = user && access(user, F_OK) == 0;
		r = add_file(&rs, has_user ? user : "/etc/containers/registries.conf", false, err);
		if (r == 0 && !dir && !has_user)
			r = add_drop_ins(&rs, "/etc/containers/registries.conf.d", err);
		if (r == 0 && !dir && user_dir)
			r = add_drop_ins(&rs, user_dir, err);
	}
	if (r == 0 && dir)
		r = add_drop_ins(&rs, dir, err);
	if (r == 0)
		r = registries_add_sources(&rs, getenv("BUILD_REGISTRY_SOURCES"), err);
	if (r < 0) {
		registries_done(&rs);
		return r;
	}
	*ret = rs;
	return 0;
}

/* Below `mica unshare` everybody is root: MICA_UID tells. New string, or NULL. */
static char *alias_cache(void)
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CACHE_HOME");
	if (geteuid() == 0 && !getenv("MICA_UID"))
		return xstrdup("/var/cache/containers/short-name-aliases.conf");
	if (xdg && *xdg == '/')
		return xasprintf("%s/containers/short-name-aliases.conf", xdg);
	return home && *home == '/'
	               ? xasprintf("%s/.cache/containers/short-name-aliases.conf", home)
	               : NULL;
}

int registries_aliases(struct registries *rs, const char *path, struct err *err)
{
	AUTO_FREE char *usual = path ? NULL : alias_cache();
	AUTO_REGISTRIES struct registries chosen = {0};
	if (!path)
		path = usual;
	int r = path ? add_file(&chosen, path, false, err) : 0;
	if (r == 0)
		map_merge(&rs->aliases, &chosen.aliases);
	return r;
}

/* The file as containers/image writes it, so that either reads what the other has noted. */
static int write_aliases(const char *path, const struct map *aliases, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(TOML_MAX);
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : NULL;

	buf_addstr(&b, "[aliases]\n");
	MAP_FOREACH (e, aliases)
		buf_addf(&b, "  \"%s\" = \"%s\"\n", e->key, e->value);
	if (b.toobig)
		return err_set(err, ERR_LIMIT, "'%s' would be too large", path);
	if (dir && *dir && fs_mkdir_p(dir, 0700, err) < 0)
		return err->code;
	return fs_write_file(AT_FDCWD, path, b.data, b.len, 0600, false, err);
}

int registries_note_alias(const char *path, const char *name, const char *full, struct err *err)
{
	AUTO_FREE char *usual = path ? NULL : alias_cache();
	AUTO_FREE char *key = xstrndup(name, strcspn(name, ":@"));
	AUTO_REGISTRIES struct registries chosen = {0};
	AUTO_REFERENCE struct reference ref = {0};

	path = path ? path : usual;
	if (!path)
		return 0;
	int r = reference_parse(full, &ref, err);
	if (r == 0)
		r = add_file(&chosen, path, false, err);
	if (r < 0)
		return r;
	AUTO_FREE char *value = reference_name(&ref);
	map_set(&chosen.aliases, key, value);
	return write_aliases(path, &chosen.aliases, err);
}
