/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/toml.h"

#define ETC "/etc/containers"
#define DROP_INS_MAX 1000

/* --- files ----------------------------------------------------------------------------------- */

char *conf_user_file(const char *name)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg && *xdg == '/')
		return xasprintf("%s/containers/%s", xdg, name);
	return home && *home == '/' ? xasprintf("%s/.config/containers/%s", home, name) : NULL;
}

/* *ret_text NULL: there is none, which is an error only when it was named */
static int read_conf(
	const char *path, bool named, char **ret_text, size_t *ret_len, struct err *err)
{
	struct err why = ERR_INIT;
	int r = fs_read_file(AT_FDCWD, path, TOML_MAX, ret_text, ret_len, &why);

	/* a file that others may not read is not meant for us */
	if (!named && (r == ERR_NOT_FOUND || why.sys == EACCES || why.sys == ENOTDIR)) {
		*ret_text = NULL;
		return 0;
	}
	if (r < 0)
		*err = why;
	else
		log_debug("reading %s", path);
	return r;
}

static int add_file(struct conf *c, const char *path, bool named, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	int r = read_conf(path, named, &text, &n, err);
	return r == 0 && text ? conf_add(c, text, n, path, err) : r;
}

static int add_drop_ins(struct conf *c, const char *dir, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	DIR *d = opendir(dir);
	int r = 0;

	if (!d)
		return 0;
	for (struct dirent *e; (e = readdir(d)) && names.n < DROP_INS_MAX;)
		if (e->d_name[0] != '.' && str_has_suffix(e->d_name, ".conf"))
			strv_add(&names, e->d_name);
	(void)closedir(d);
	strv_sort(&names);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = path_join(dir, *name);
		if (r == 0)
			r = add_file(c, path, false, err);
	}
	return r;
}

/* --- containers.conf ------------------------------------------------------------------------- */

enum kind { KIND_LIST, KIND_TEXT, KIND_SWITCH, KIND_NUMBER };

/* clang-format off */
static const struct {
	const char *table, *key;
	enum kind kind;
	size_t offset;
	const char *option; /* whose value it is; NULL: what is wrong is told of the key */
} known[] = {
	{"containers", "base_hosts_file", KIND_TEXT, offsetof(struct conf, base_hosts_file), NULL},
	{"containers", "cgroupns", KIND_TEXT, offsetof(struct conf, cgroupns), "cgroupns"},
	{"containers", "container_name_as_hostname", KIND_SWITCH,
		offsetof(struct conf, name_as_hostname), NULL},
	{"containers", "default_capabilities", KIND_LIST,
		offsetof(struct conf, capabilities), NULL},
	{"containers", "default_sysctls", KIND_LIST, offsetof(struct conf, sysctls), NULL},
	{"containers", "default_ulimits", KIND_LIST, offsetof(struct conf, ulimits), "ulimit"},
	{"containers", "devices", KIND_LIST, offsetof(struct conf, devices), "device"},
	{"containers", "dns_options", KIND_LIST, offsetof(struct conf, dns_options), "dns-option"},
	{"containers", "dns_searches", KIND_LIST, offsetof(struct conf, dns_search), "dns-search"},
	{"containers", "dns_servers", KIND_LIST, offsetof(struct conf, dns), "dns"},
	{"containers", "host_containers_internal_ip", KIND_TEXT,
		offsetof(struct conf, host_address), NULL},
	{"containers", "http_proxy", KIND_SWITCH, offsetof(struct conf, http_proxy), NULL},
	{"containers", "ipcns", KIND_TEXT, offsetof(struct conf, ipcns), "ipc"},
	{"containers", "netns", KIND_TEXT, offsetof(struct conf, netns), "network"},
	{"containers", "no_hosts", KIND_SWITCH, offsetof(struct conf, no_hosts), NULL},
	{"containers", "pidns", KIND_TEXT, offsetof(struct conf, pidns), "pid"},
	{"containers", "seccomp_profile", KIND_TEXT,
		offsetof(struct conf, seccomp_profile), "security-opt"},
	{"containers", "shm_size", KIND_TEXT, offsetof(struct conf, shm_size), NULL},
	{"containers", "userns", KIND_TEXT, offsetof(struct conf, userns), "userns"},
	{"containers", "utsns", KIND_TEXT, offsetof(struct conf, utsns), "uts"},
	{"containers", "volumes", KIND_LIST, offsetof(struct conf, volumes), "volume"},
	{"engine", "add_compression", KIND_LIST, offsetof(struct conf, add_compression), NULL},
	{"engine", "cdi_spec_dirs", KIND_LIST, offsetof(struct conf, cdi_spec_dirs), NULL},
	{"engine", "env", KIND_LIST, offsetof(struct conf, engine_env), NULL},
	{"engine", "image_copy_tmp_dir", KIND_TEXT, offsetof(struct conf, copy_tmp_dir), NULL},
	{"engine", "network_cmd_options", KIND_LIST, offsetof(struct conf, slirp_options), NULL},
	{"engine", "retry", KIND_NUMBER, offsetof(struct conf, retry), NULL},
	{"engine", "retry_delay", KIND_TEXT, offsetof(struct conf, retry_delay), NULL},
	{"network", "default_rootless_network_cmd", KIND_TEXT,
		offsetof(struct conf, network_helper), NULL},
	{"network", "pasta_options", KIND_LIST, offsetof(struct conf, pasta_options), NULL},
};
/* clang-format on */

/* Strings, and {append=true} or {append=false}. */
static int set_list(const struct json *list, const char *what, const char *key, struct strv *ret,
	struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	bool append = false;

	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *item = json_at(list, i);
		if (json_is(item, JSON_KIND_OBJECT))
			append = json_bool(json_get(item, "append"));
		else if (json_is(item, JSON_KIND_STRING))
			strv_add(&words, json_text(item));
		else
			return err_set(err, ERR_INVALID, "%s: '%s' has an item that is no string",
				what, key);
	}
	if (!append)
		strv_done(ret);
	STRV_FOREACH (word, &words)
		strv_add(ret, *word);
	return 0;
}

static int set_known(
	struct conf *c, size_t i, const struct json *table, const char *what, struct err *err)
{
	void *field = (char *)c + known[i].offset;
	const char *key = known[i].key, *text = NULL;
	struct json *list = NULL;
	bool yes = *(int *)field > 0;
	int r = 0;

	switch (known[i].kind) {
	case KIND_LIST:
		r = json_get_kind(table, what, key, JSON_KIND_ARRAY, &list, err);
		return r == 0 && list ? set_list(list, what, key, field, err) : r;
	case KIND_TEXT:
		r = json_get_string(table, what, key, &text, err);
		if (r == 0 && text)
			mem_replace(field, *text ? xstrdup(text) : NULL);
		return r;
	case KIND_NUMBER:
		r = json_get_int(table, what, key, field, err);
		if (r == 0 && json_get(table, key) && *(int64_t *)field < 0)
			return err_set(err, ERR_INVALID, "%s: '%s' is less than 0", what, key);
		return r;
	case KIND_SWITCH:
		if (!json_get(table, key))
			return 0;
		r = json_get_bool(table, what, key, &yes, err);
		*(int *)field = yes;
		return r;
	}
	return r;
}

int conf_add(struct conf *c, const char *text, size_t n, const char *what, struct err *err)
{
	AUTO_JSON struct json *top = NULL;

	int r = toml_parse(text, n, what, &top, err);
	for (size_t i = 0; i < ARRAY_LEN(known) && r == 0; i++) {
		struct json *table = NULL;
		r = json_get_kind(top, what, known[i].table, JSON_KIND_OBJECT, &table, err);
		if (r == 0 && table)
			r = set_known(c, i, table, what, err);
	}
	return r;
}

static int load_default(struct conf *c, struct err *err)
{
	AUTO_FREE char *user = conf_user_file("containers.conf");
	AUTO_FREE char *user_dir = conf_user_file("containers.conf.d");

	int r = add_file(c, ETC "/containers.conf", false, err);
	if (r == 0)
		r = add_drop_ins(c, ETC "/containers.conf.d", err);
	if (r == 0 && user)
		r = add_file(c, user, false, err);
	return r == 0 && user_dir ? add_drop_ins(c, user_dir, err) : r;
}

int conf_load(struct conf *ret, struct err *err)
{
	const char *named = getenv("CONTAINERS_CONF"), *last = getenv("CONTAINERS_CONF_OVERRIDE");

	conf_init(ret);
	int r = named && *named ? add_file(ret, named, true, err) : load_default(ret, err);
	if (r == 0 && last && *last)
		r = add_file(ret, last, true, err);
	if (r < 0)
		conf_done(ret);
	return r;
}

void conf_init(struct conf *c)
{
	*c = (struct conf){.http_proxy = -1, .no_hosts = -1, .name_as_hostname = -1, .retry = -1};
}

void conf_done(struct conf *c)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		void *field = (char *)c + known[i].offset;
		if (known[i].kind == KIND_LIST)
			strv_done(field);
		else if (known[i].kind == KIND_TEXT)
			mem_replace(field, NULL);
	}
	strv_done(&c->filled);
	free(c->network);
	conf_init(c);
}

void conf_blame(const struct conf *c, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!known[i].option || !strv_has(&c->filled, known[i].option))
			continue;
		AUTO_FREE char *option = xasprintf("option '--%s'", known[i].option);
		if (!str_has_prefix(err->msg, option))
			continue;
		AUTO_FREE char *rest = xstrdup(err->msg + strlen(option));
		(void)err_set(err, err->code, "containers.conf: '%s'%s", known[i].key, rest);
		return;
	}
}

/* --- storage.conf ---------------------------------------------------------------------------- */

static bool is_rootless(void)
{
	return geteuid() != 0 || getenv("MICA_UID");
}

/* The file that counts, a new string; NULL: there is none. */
static char *storage_file(bool *ret_named)
{
	const char *named = getenv("CONTAINERS_STORAGE_CONF");
	AUTO_FREE char *user = is_rootless() ? conf_user_file("storage.conf") : NULL;
	const char *const places[] = {
		user, ETC "/storage.conf", "/usr/share/containers/storage.conf"};

	*ret_named = named && *named;
	if (*ret_named)
		return xstrdup(named);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (places[i] && access(places[i], R_OK) == 0)
			return xstrdup(places[i]);
	return NULL;
}

/* Where containers-storage is without a word about it. */
static bool is_usual_place(const char *path)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	AUTO_FREE char *of_data = xasprintf("%s/containers/storage", data ? data : "");
	AUTO_FREE char *of_home = xasprintf("%s/.local/share/containers/storage", home ? home : "");

	return streq(path, "/var/lib/containers/storage") || streq(path, of_data) ||
	       streq(path, of_home);
}

/* $HOME, $UID and $USER, as rootless_storage_path has them. New string. */
static char *expand(const char *path)
{
	const char *user = getenv("MICA_UID");
	AUTO_FREE char *uid = user ? xstrdup(user) : xasprintf("%u", (unsigned)getuid());
	const char *const names[] = {"$HOME", "$UID", "$USER"};
	const char *const values[] = {getenv("HOME"), uid, getenv("USER")};
	AUTO_FREE char *now = xstrdup(path);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *at = strstr(now, names[i]);
		if (at)
			mem_replace(
				&now, xasprintf("%.*s%s%s", (int)(at - now), now,
					      values[i] ? values[i] : "", at + strlen(names[i])));
	}
	return take(now);
}

static int relative_place(bool rootless, const char *path, const char *what, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: '%s': '%s' is not an absolute path", what,
		rootless ? "rootless_storage_path" : "graphroot", path);
}

static void find_limits(const struct json *table, struct strv *ret)
{
	static const char *const names[] = {"size", "inodes"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = json_text(json_get(table, names[i]));
		if (value && *value && !strv_has(ret, names[i]))
			strv_add(ret, names[i]);
	}
}

static int parse_options(
	struct storage_conf *c, const struct json *options, const char *what, struct err *err)
{
	const char *user = NULL;

	if (json_get_strv(options, what, "additionalimagestores", &c->additional, err) < 0 ||
		json_get_string(options, what, "root-auto-userns-user", &user, err) < 0)
		return err->code;
	if (user && *user)
		c->auto_user = xstrdup(user);
	find_limits(options, &c->limits);
	find_limits(json_get(options, "overlay"), &c->limits);
	return 0;
}

static int parse_storage(struct storage_conf *c, const char *text, size_t n, const char *what,
	bool own, struct err *err)
{
	AUTO_JSON struct json *top = NULL;
	struct json *storage = NULL, *options = NULL;
	const char *driver = NULL, *root = NULL, *rootless = NULL;

	int r = toml_parse(text, n, what, &top, err);
	if (r == 0)
		r = json_get_kind(top, what, "storage", JSON_KIND_OBJECT, &storage, err);
	if (r < 0 || !storage)
		return r;
	if (json_get_string(storage, what, "driver", &driver, err) < 0 ||
		json_get_string(storage, what, "graphroot", &root, err) < 0 ||
		json_get_string(storage, what, "rootless_storage_path", &rootless, err) < 0 ||
		json_get_kind(storage, what, "options", JSON_KIND_OBJECT, &options, err) < 0 ||
		(options && parse_options(c, options, what, err) < 0))
		return err->code;
	if (driver && *driver)
		c->driver = xstrdup(driver);
	/* root's graphroot is not for others */
	if (is_rootless() && (rootless || !own))
		root = rootless;
	AUTO_FREE char *place = root && *root ? expand(root) : NULL;
	if (place && *place != '/')
		return relative_place(root == rootless, root, what, err);
	if (place && !is_usual_place(place))
		c->root = path_join(place, "mica");
	return 0;
}

int storage_conf_load(struct storage_conf *ret, struct err *err)
{
	AUTO_STORAGE_CONF struct storage_conf c = {0};
	AUTO_FREE char *text = NULL;
	bool named;
	AUTO_FREE char *path = storage_file(&named);
	size_t n = 0;

	int r = path ? read_conf(path, named, &text, &n, err) : 0;
	bool own =
		path &&
		(named || (!str_has_prefix(path, ETC "/") && !str_has_prefix(path, "/usr/share/")));
	if (r == 0 && text)
		r = parse_storage(&c, text, n, path, own, err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct storage_conf){0};
	return 0;
}

void storage_conf_done(struct storage_conf *c)
{
	free(c->driver);
	free(c->root);
	strv_done(&c->additional);
	free(c->auto_user);
	strv_done(&c->limits);
	*c = (struct storage_conf){0};
}
