/* SPDX-License-Identifier: Apache-2.0 */
#include "build/secrets.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/csv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECRET_MAX (500 * KIB) /* BuildKit's */

static int set_leak(struct secret *s, const char *value, struct err *err)
{
	static const char *const names[] = {
		[LEAK_WARN] = "warn", [LEAK_ALLOW] = "allow", [LEAK_FAIL] = "fail"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (streq(value, names[i])) {
			s->leak = (enum secret_leak)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "leak=%s is not one of 'warn', 'allow', 'fail'", value);
}

static int set_field(struct secret *s, const char *field, const char **ret_type, struct err *err)
{
	const char *value;
	AUTO_FREE char *key = csv_key(field, &value);
	if (!value || !*value)
		return err_set(err, ERR_INVALID, "'%s' is not KEY=VALUE", field);
	if (streq(key, "id"))
		mem_replace(&s->id, xstrdup(value));
	else if (streq(key, "src") || streq(key, "source"))
		mem_replace(&s->file, xstrdup(value));
	else if (streq(key, "env"))
		mem_replace(&s->env, xstrdup(value));
	else if (streq(key, "type") && (streq(value, "file") || streq(value, "env")))
		*ret_type = streq(value, "env") ? "env" : "file";
	else if (streq(key, "type"))
		return err_set(err, ERR_INVALID, "type '%s' is not one of 'file', 'env'", value);
	else if (streq(key, "cache") && streq(value, "digest"))
		s->in_key = true;
	else if (streq(key, "cache"))
		return err_set(err, ERR_INVALID,
			"cache=%s: 'digest' is what there is; without it a changed secret does not "
			"run a step again",
			value);
	else if (streq(key, "leak"))
		return set_leak(s, value, err);
	else
		return err_set(err, ERR_INVALID,
			"incorrect secret flag format: '%s' is not one of 'id', 'src', 'env', "
			"'type', 'cache', 'leak'",
			key);
	return 0;
}

static int check_secret(struct secret *s, const char *type, struct err *err)
{
	struct stat st;
	if (!s->id)
		return err_set(err, ERR_INVALID, "there is no id=");
	if (streq(type, "env") && !s->env)
		s->env = take(s->file);
	/* with type=file, too, as buildx has it */
	if (!s->env && !s->file && getenv(s->id))
		s->env = xstrdup(s->id);
	if (!s->env && !s->file)
		s->file = xstrdup(s->id);
	if (s->file && stat(s->file, &st) < 0)
		return err_sys(err, "cannot find the file '%s'", s->file);
	if (s->file && S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is a directory", s->file);
	return 0;
}

static void secret_done(struct secret *s)
{
	if (s->data)
		explicit_bzero(s->data, s->len);
	free(s->data);
	free(s->id);
	free(s->file);
	free(s->env);
}

static int parse_secret(const char *text, struct secret *ret, struct err *err)
{
	AUTO_STRV struct strv fields = STRV_INIT;
	struct secret s = {0};
	const char *type = "";
	int r = csv_fields(text, &fields, err);
	for (size_t i = 0; r == 0 && i < fields.n; i++)
		r = set_field(&s, fields.v[i], &type, err);
	if (r == 0)
		r = check_secret(&s, type, err);
	if (r == 0)
		*ret = s;
	else
		secret_done(&s);
	return r;
}

int secrets_parse(
	const struct strv *secrets, const struct strv *ssh, struct secrets *ret, struct err *err)
{
	struct secrets all = {
		.s = xcalloc(secrets->n + 1, sizeof(*all.s)),
		.ssh = xcalloc(ssh->n + 1, sizeof(*all.ssh)),
	};
	int r = 0;
	for (size_t i = 0; r == 0 && i < secrets->n; i++) {
		r = parse_secret(secrets->v[i], &all.s[i], err);
		if (r < 0)
			(void)err_wrap(err, "option '--secret': '%s'", secrets->v[i]);
		else
			all.n++;
	}
	for (size_t i = 0; r == 0 && i < ssh->n; i++) {
		r = ssh_source_parse(ssh->v[i], &all.ssh[i], err);
		if (r < 0)
			(void)err_wrap(err, "option '--ssh': '%s'", ssh->v[i]);
		else
			all.n_ssh++;
	}
	if (r == 0)
		*ret = all;
	else
		secrets_done(&all);
	return r;
}

int secrets_add_args(struct secrets *s, const struct map *args, struct err *err)
{
	MAP_FOREACH (a, args) {
		const char *value = a->value ? a->value : getenv(a->key);
		if (!value)
			return err_set(err, ERR_NOT_FOUND,
				"option '--build-arg-secret': the variable '%s' is not set: set "
				"it, or give %s=VALUE",
				a->key, a->key);
		s->s = xreallocarray(s->s, s->n + 1, sizeof(*s->s));
		s->s[s->n++] = (struct secret){.id = xasprintf(SECRET_ARG "%s", a->key),
			.in_key = true,
			.leak = LEAK_FAIL,
			.loaded = true,
			.data = xstrdup(value),
			.len = strlen(value)};
	}
	return 0;
}

void secrets_done(struct secrets *s)
{
	for (size_t i = 0; i < s->n; i++)
		secret_done(&s->s[i]);
	for (size_t i = 0; i < s->n_ssh; i++)
		ssh_source_done(&s->ssh[i]);
	free(s->s);
	free(s->ssh);
	*s = (struct secrets){0};
}

/* The last one given counts. */
struct secret *secrets_find(const struct secrets *s, const char *id)
{
	for (size_t i = s->n; i-- > 0;)
		if (streq(s->s[i].id, id))
			return &s->s[i];
	return NULL;
}

struct ssh_source *secrets_find_ssh(const struct secrets *s, const char *id)
{
	for (size_t i = s->n_ssh; i-- > 0;)
		if (streq(s->ssh[i].id, id))
			return &s->ssh[i];
	return NULL;
}

int secret_load(struct secret *s, struct err *err)
{
	if (s->loaded)
		return 0;
	if (s->env) { /* also when a file is named, as docker has it */
		const char *value = getenv(s->env);
		s->data = xstrdup(value ? value : "");
		s->len = strlen(s->data);
	} else if (fs_read_file(AT_FDCWD, s->file, SECRET_MAX, &s->data, &s->len, err) < 0) {
		return err_wrap(err, "secret '%s'", s->id);
	}
	s->loaded = true;
	return 0;
}
