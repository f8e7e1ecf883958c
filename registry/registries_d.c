/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registries_d.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/reference.h"
#include "registry/scopes.h"

#define FILE_MAX (1 * MIB)
#define FILES_MAX 256
#define SYSTEM_DIR "/etc/containers/registries.d"
#define SYSTEM_PLACE "file:///var/lib/containers/sigstore"
#define USER_PLACE "/.local/share/containers/sigstore"

/* --- one file --- */

struct document {
	yaml_document_t *yaml;
	const char *what; /* for messages */
	struct registries_d *to;
};

static const char *scalar(const yaml_node_t *n)
{
	/* no text of ours has a NUL in it, so one that has is another text */
	if (!n || n->type != YAML_SCALAR_NODE ||
		strlen((const char *)n->data.scalar.value) != n->data.scalar.length)
		return NULL;
	return (const char *)n->data.scalar.value;
}

static int wrong_line(
	const struct document *d, const yaml_node_t *n, const char *text, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s:%zu: %s", d->what, n->start_mark.line + 1, text);
}

static bool is_place(const char *url)
{
	return str_has_prefix(url, "file:///") || str_has_prefix(url, "https://") ||
	       str_has_prefix(url, "http://");
}

/* *to is set by the first of both names that has a value. */
static int set_place(const struct document *d, const yaml_node_t *value, char **to, struct err *err)
{
	const char *url = scalar(value);
	if (!url || (*url && !is_place(url)))
		return wrong_line(
			d, value, "a lookaside is no file:///, https:// or http:// URL", err);
	if (*url)
		mem_replace(to, xstrdup(url));
	return 0;
}

static const struct lookaside *find(const struct registries_d *d, const char *scope)
{
	for (size_t i = 0; i < d->n; i++)
		if (streq(d->l[i].scope, scope))
			return &d->l[i];
	return NULL;
}

static int add_namespace(
	const struct document *d, const char *scope, const yaml_node_t *node, struct err *err)
{
	AUTO_FREE char *old_read = NULL, *old_write = NULL;
	const struct lookaside *before = find(d->to, scope);
	if (node->type != YAML_MAPPING_NODE)
		return wrong_line(d, node, "a namespace is no mapping", err);
	if (before)
		return err_set(err, ERR_INVALID, "%s:%zu: '%s' is configured in '%s' already",
			d->what, node->start_mark.line + 1, *scope ? scope : "default-docker",
			before->file);
	d->to->l = xreallocarray(d->to->l, d->to->n + 1, sizeof(*d->to->l));
	struct lookaside *l = &d->to->l[d->to->n++];
	*l = (struct lookaside){.scope = xstrdup(scope), .file = xstrdup(d->what)};
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top; p++) {
		const char *key = scalar(yaml_document_get_node(d->yaml, p->key));
		const yaml_node_t *value = yaml_document_get_node(d->yaml, p->value);
		char **to = !key                              ? NULL
		            : streq(key, "lookaside")         ? &l->read
		            : streq(key, "lookaside-staging") ? &l->write
		            : streq(key, "sigstore")          ? &old_read
		            : streq(key, "sigstore-staging")  ? &old_write
		                                              : NULL;
		if (to && set_place(d, value, to, err) < 0)
			return err->code;
	}
	if (!l->read)
		l->read = take(old_read);
	if (!l->write)
		l->write = take(old_write);
	return 0;
}

static int add_namespaces(const struct document *d, const yaml_node_t *node, struct err *err)
{
	if (node->type != YAML_MAPPING_NODE)
		return wrong_line(d, node, "'docker' is no mapping", err);
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(d->yaml, p->key);
		const char *scope = scalar(key);
		if (!scope || !*scope)
			return wrong_line(d, key, "a namespace has no name", err);
		if (add_namespace(d, scope, yaml_document_get_node(d->yaml, p->value), err) < 0)
			return err->code;
	}
	return 0;
}

/* An empty value is as good as none. */
static bool is_nothing(const yaml_node_t *n)
{
	const char *text = scalar(n);
	return text && (!*text || streq(text, "~") || streq(text, "null"));
}

static int add_document(const struct document *d, struct err *err)
{
	const yaml_node_t *root = yaml_document_get_root_node(d->yaml);
	if (!root || is_nothing(root)) /* comments only */
		return 0;
	if (root->type != YAML_MAPPING_NODE)
		return wrong_line(d, root, "the file is no mapping", err);
	for (const yaml_node_pair_t *p = root->data.mapping.pairs.start;
		p < root->data.mapping.pairs.top; p++) {
		const char *key = scalar(yaml_document_get_node(d->yaml, p->key));
		const yaml_node_t *value = yaml_document_get_node(d->yaml, p->value);
		int r = 0;
		if (!key || is_nothing(value))
			continue;
		if (streq(key, "default-docker"))
			r = add_namespace(d, "", value, err);
		else if (streq(key, "docker"))
			r = add_namespaces(d, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int registries_d_add(
	struct registries_d *d, const char *text, size_t n, const char *what, struct err *err)
{
	yaml_parser_t parser;
	yaml_document_t yaml;
	struct document document = {.yaml = &yaml, .what = what, .to = d};
	if (!yaml_parser_initialize(&parser))
		return err_set(err, ERR_SYS, "cannot start the YAML parser");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	int r;
	if (yaml_parser_load(&parser, &yaml)) {
		r = add_document(&document, err);
		yaml_document_delete(&yaml);
	} else {
		r = err_set(err, ERR_INVALID, "%s:%zu: %s", what, parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "not YAML");
	}
	yaml_parser_delete(&parser);
	return r;
}

/* --- the directory --- */

static int add_file(
	struct registries_d *d, int dir, const char *path, const char *name, struct err *err)
{
	AUTO_FREE char *text = NULL, *what = xasprintf("%s/%s", path, name);
	size_t n;
	int r = fs_read_file(dir, name, FILE_MAX, &text, &n, err);
	return r < 0 ? err_wrap(err, "%s", path) : registries_d_add(d, text, n, what, err);
}

static int list_files(int fd, const char *path, struct strv *ret, struct err *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	if (!dir) {
		int r = err_sys(err, "cannot read '%s'", path);
		if (copy >= 0)
			close(copy);
		return r;
	}
	const struct dirent *e;
	while (ret->n <= FILES_MAX && (e = readdir(dir)))
		if (str_has_suffix(e->d_name, ".yaml"))
			strv_add(ret, e->d_name);
	closedir(dir);
	if (ret->n > FILES_MAX)
		return err_set(err, ERR_LIMIT, "'%s' has more than %d files", path, FILES_MAX);
	strv_sort(ret);
	return 0;
}

/* New string. */
static char *usual_dir(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	AUTO_FREE char *user = NULL;
	if (xdg && *xdg == '/')
		user = xasprintf("%s/containers/registries.d", xdg);
	else if (home && *home == '/')
		user = xasprintf("%s/.config/containers/registries.d", home);
	return user && access(user, F_OK) == 0 ? take(user) : xstrdup(SYSTEM_DIR);
}

int registries_d_load(const char *dir, struct registries_d *ret, struct err *err)
{
	AUTO_FREE char *path = dir ? xstrdup(dir) : usual_dir();
	AUTO_STRV struct strv files = STRV_INIT;
	AUTO_REGISTRIES_D struct registries_d d = {0};
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && (errno != ENOENT || dir))
		return err_sys(err, "cannot open '%s'", path);
	if (fd >= 0 && list_files(fd, path, &files, err) < 0)
		return err->code;
	STRV_FOREACH (name, &files)
		if (add_file(&d, fd, path, *name, err) < 0)
			return err->code;
	*ret = d;
	d = (struct registries_d){0};
	return 0;
}

void registries_d_done(struct registries_d *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->l[i].scope);
		free(d->l[i].file);
		free(d->l[i].read);
		free(d->l[i].write);
	}
	free(d->l);
	*d = (struct registries_d){0};
}

/* Below `mica unshare` everybody is root: MICA_UID tells. */
static char *usual_place(void)
{
	const char *home = getenv("HOME");
	if (geteuid() == 0 && !getenv("MICA_UID"))
		return xstrdup(SYSTEM_PLACE);
	return home && *home == '/' ? xasprintf("file://%s" USER_PLACE, home) : NULL;
}

char *registries_d_place(const struct registries_d *d, const struct reference *ref, bool write)
{
	AUTO_STRV struct strv scopes = STRV_INIT;
	registry_scopes(ref, &scopes);
	strv_add(&scopes, "");
	STRV_FOREACH (scope, &scopes) {
		const struct lookaside *l = find(d, *scope);
		const char *url = !l ? NULL : write && l->write ? l->write : l->read;
		if (url)
			return xstrdup(url);
	}
	return usual_place();
}
