/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/opt_groups.h"
#include "cmd/prompt.h"
#include "registry/login.h"

#define SECRET_MAX 65536 /* tokens can be long */
#define INSTEAD "use --username and --password-stdin"

/* --authfile --compat-auth-file: the same document, of which docker's has a part */
struct authfile_args {
	const char *authfile, *compat;
};

static const struct opt authfile_options[] = {
	OPT_STRING(0, "authfile", struct authfile_args, authfile),
	OPT_STRING(0, "compat-auth-file", struct authfile_args, compat),
	OPT_END,
};

static int authfile_of(const struct authfile_args *a, struct remote_opts *o, struct err *err)
{
	if (a->authfile && a->compat)
		return err_set(err, ERR_INVALID,
			"options for paths to the credential file and to the Docker-compatible "
			"credential file can not be set simultaneously");
	o->authfile = a->authfile ? a->authfile : a->compat;
	o->docker_authfile = a->compat;
	return 0;
}

struct login_args {
	const char *user, *password, *cert_dir;
	struct authfile_args file;
	bool password_stdin, get_login, verbose;
	int tls_verify;
};

static const struct opt login_options[] = {
	OPT_GROUP(authfile_options, struct login_args, file),
	OPT_STRING(0, "cert-dir", struct login_args, cert_dir),
	OPT_BOOL(0, "get-login", struct login_args, get_login),
	OPT_STRING('p', "password", struct login_args, password),
	OPT_BOOL(0, "password-stdin", struct login_args, password_stdin),
	OPT_TRISTATE(0, "tls-verify", struct login_args, tls_verify),
	OPT_STRING('u', "username", struct login_args, user),
	OPT_BOOL('v', "verbose", struct login_args, verbose),
	OPT_END,
};

static void login_init(void *args)
{
	((struct login_args *)args)->tls_verify = -1;
}

/* "https://registry.example/v2/" is what people copy from their browsers: the registry. */
static char *registry_name(const char *text)
{
	const char *s = str_has_prefix(text, "https://")  ? text + 8
	                : str_has_prefix(text, "http://") ? text + 7
	                                                  : text;
	size_t n = s == text ? strlen(s) : strcspn(s, "/");

	while (n && s[n - 1] == '/')
		n--;
	return xstrndup(s, n);
}

static void cut_line_end(char *s)
{
	size_t n = strlen(s);

	while (n && (s[n - 1] == '\n' || s[n - 1] == '\r'))
		s[--n] = '\0';
}

static int get_password(const struct login_args *a, char **ret, struct err *err)
{
	size_t n;

	if (a->password) {
		*ret = xstrdup(a->password);
		return 0;
	}
	if (!a->password_stdin)
		return prompt_secret("Password", INSTEAD, ret, err);
	AUTO_SECRET char *text = NULL;
	int r = fs_read_fd(STDIN_FILENO, "standard input", SECRET_MAX, &text, &n, err);
	if (r < 0)
		return r;
	if (strlen(text) != n)
		return err_set(err, ERR_INVALID,
			"option '--password-stdin': a password has no NUL byte in it");
	cut_line_end(text);
	*ret = take(text);
	return 0;
}

/* Without a word about who one is: what is kept already may do. */
static int try_kept(struct app *app, const char *registry, const struct remote_opts *o,
	bool *ret_done, struct err *err)
{
	AUTO_FREE char *user = NULL;
	struct err why = ERR_INIT;

	int r = registry_login_user(registry, o, &user, &why);
	if (r == ERR_NOT_FOUND)
		return 0;
	if (r == 0) {
		out_printf(
			&app->out, "Authenticating with existing credentials for %s\n", registry);
		r = registry_login_again(registry, o, &why);
	}
	if (r == ERR_NOT_FOUND)
		return 0;
	if (r == ERR_AUTH) {
		out_printf(&app->out,
			"Existing credentials are invalid, please enter valid username and "
			"password\n");
		return 0;
	}
	if (r < 0) {
		*err = why;
		return r;
	}
	out_printf(
		&app->out, "Existing credentials are valid. Already logged in to %s\n", registry);
	*ret_done = true;
	return 0;
}

static int login_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct login_args *a = args;
	AUTO_FREE char *registry = registry_name(rest->v[0]);
	AUTO_FREE char *user = NULL, *where = NULL;
	AUTO_SECRET char *password = NULL;
	bool done = false;
	struct remote_opts o = {
		.cert_dir = a->cert_dir,
		.tls_verify = a->tls_verify,
		.registries_conf = app->registries_conf,
		.registries_conf_dir = app->registries_conf_dir,
	};
	int r = authfile_of(&a->file, &o, err);
	if (r < 0)
		return r;
	if (a->get_login) {
		r = registry_login_user(registry, &o, &user, err);
		if (r == 0)
			out_printf(&app->out, "%s\n", user);
		return r;
	}
	if (a->password && a->password_stdin)
		return err_set(
			err, ERR_INVALID, "Can't specify both --password-stdin and --password");
	if (a->password_stdin && !a->user)
		return err_set(err, ERR_INVALID, "Must provide --username with --password-stdin");
	if (!a->user && !a->password && try_kept(app, registry, &o, &done, err) < 0)
		return err->code;
	if (done)
		return 0;
	if (a->user)
		user = xstrdup(a->user);
	else
		r = prompt_line("Username", INSTEAD, &user, err);
	if (r == 0)
		r = get_password(a, &password, err);
	if (r == 0)
		r = registry_login(registry, user, password, &o, &where, err);
	if (r == 0 && a->verbose)
		out_printf(&app->out, "Used:  %s\n", where);
	if (r == 0)
		out_printf(&app->out, "Login Succeeded!\n");
	return r;
}

const struct cmd cmd_login = {
	.name = "login",
	.options = login_options,
	.args_size = sizeof(struct login_args),
	.min_args = 1,
	.max_args = 1,
	.init = login_init,
	.run = login_run,
};

/* --- logout ---------------------------------------------------------------------------------- */

struct logout_args {
	bool all;
	struct authfile_args file;
};

static const struct opt logout_options[] = {
	OPT_BOOL('a', "all", struct logout_args, all),
	OPT_GROUP(authfile_options, struct logout_args, file),
	OPT_END,
};

static int logout_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct logout_args *a = args;
	AUTO_FREE char *registry = rest->n ? registry_name(rest->v[0]) : NULL;
	AUTO_FREE char *elsewhere = NULL;
	struct remote_opts o = {
		.tls_verify = -1,
		.registries_conf = app->registries_conf,
		.registries_conf_dir = app->registries_conf_dir,
	};

	if (a->all && rest->n)
		return err_set(err, ERR_INVALID, "--all takes no arguments");
	if (!a->all && !rest->n)
		return err_set(err, ERR_INVALID, "registry must be given. See '%s logout --help'",
			called_name());
	int r = authfile_of(&a->file, &o, err);
	if (r == 0 && o.authfile && access(o.authfile, R_OK) < 0)
		r = authfile_missing(o.authfile, "option '--authfile'", err);
	if (r == 0)
		r = registry_logout(registry, a->all, &o, &elsewhere, err);
	if (r == 0 && elsewhere)
		out_printf(&app->out,
			"Not logged into %s with current tool. Existing credentials are in %s: "
			"remove them with 'docker logout', or with '--authfile'\n",
			registry, elsewhere);
	else if (r == 0 && a->all)
		out_printf(&app->out, "Removed login credentials for all registries\n");
	else if (r == 0)
		out_printf(&app->out, "Removed login credentials for %s\n", registry);
	return r;
}

const struct cmd cmd_logout = {
	.name = "logout",
	.options = logout_options,
	.args_size = sizeof(struct logout_args),
	.max_args = 1,
	.flags = CMD_BUILDAH_ORDER,
	.run = logout_run,
};
