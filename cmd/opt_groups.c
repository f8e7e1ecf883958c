/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/opt_groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/choose.h"
#include "cmd/cmd.h"
#include "cmd/prompt.h"
#include "image/platform.h"
#include "registry/transport.h"

#define TIME_MAX_NS INT64_C(3600000000000)
#define NS_PER_S INT64_C(1000000000)
#define RETRIES_DEFAULT 3 /* buildah's */

/* --- registries ------------------------------------------------------------------------------ */

const struct opt remote_options[] = {
	OPT_STRING(0, "authfile", struct remote_args, authfile),
	OPT_STRING(0, "creds", struct remote_args, creds),
	OPT_STRING(0, "cert-dir", struct remote_args, cert_dir),
	OPT_TRISTATE(0, "tls-verify", struct remote_args, tls_verify),
	OPT_UINT(0, "retry", struct remote_args, retry),
	OPT_STRING(0, "retry-delay", struct remote_args, retry_delay),
	OPT_STRING(0, "stall-timeout", struct remote_args, stall_timeout),
	OPT_END,
};

void remote_args_init(struct remote_args *a)
{
	a->tls_verify = -1;
	a->retry = a->layer_ratio = OPT_NOT_SAID;
}

static int parse_time(
	const char *what, const char *text, int64_t least, int64_t *ret, struct err *err)
{
	if (!text)
		return 0;
	if (!num_duration(text, ret) || *ret < least || *ret > TIME_MAX_NS)
		return err_set(err, ERR_INVALID,
			"%s: '%s' is not a duration of at %s an hour, such as '2s'", what, text,
			least ? "least a second and at most" : "most");
	return 0;
}

uint64_t layer_ratio_of(uint64_t said)
{
	return said == OPT_NOT_SAID ? 0 : said ? said : UINT64_MAX;
}

int authfile_missing(const char *path, const char *said_by, struct err *err)
{
	char text[ERR_TEXT_MAX];
	int sys = errno;

	int r = err_set(err, ERR_SYS, "credential file is not accessible: stat %s: %s (%s)", path,
		err_text(sys, text), said_by);
	err->sys = sys;
	return r;
}

int remote_args_check_authfile(const struct remote_args *a, struct err *err)
{
	const char *of_env = getenv("REGISTRY_AUTH_FILE");

	if (a->authfile)
		return access(a->authfile, R_OK) == 0
		               ? 0
		               : authfile_missing(a->authfile, "option '--authfile'", err);
	if (!a->env_unchecked && of_env && *of_env && access(of_env, R_OK) < 0)
		return authfile_missing(of_env, "REGISTRY_AUTH_FILE", err);
	return 0;
}

/* As buildah: what of USER:PASSWORD is not said is asked for, once. *ret: borrowed */
static int complete_creds(struct app *app, const char *said, const char **ret, struct err *err)
{
	const char *instead = "write --creds USER:PASSWORD, or use '--authfile'";
	AUTO_SECRET char *user = NULL, *password = NULL;

	*ret = said && app->creds ? app->creds : said;
	if (!said || app->creds)
		return 0;
	size_t n = strcspn(said, ":");
	if (n && said[n] && said[n + 1])
		return 0;
	int r = 0;
	if (n)
		user = xstrndup(said, n);
	else
		r = prompt_line("Username", instead, &user, err);
	if (r == 0 && said[n] && said[n + 1])
		password = xstrdup(said + n + 1);
	else if (r == 0)
		r = prompt_secret("Password", instead, &password, err);
	if (r < 0)
		return err_wrap(err, "option '--creds'");
	*ret = app->creds = xasprintf("%s:%s", user, password);
	return 0;
}

/* To buildah a directory that is not there has no certificates. *ret: borrowed, NULL: none. */
static int find_cert_dir(const struct remote_args *a, const char **ret, struct err *err)
{
	struct stat st;
	*ret = a->cert_dir;
	if (a->cert_dir && stat(a->cert_dir, &st) < 0) {
		if (errno != ENOENT || !called_buildah())
			return err_sys(err, "option '--cert-dir': cannot open '%s'", a->cert_dir);
		*ret = NULL;
	} else if (a->cert_dir && !S_ISDIR(st.st_mode)) {
		return err_set(err, ERR_INVALID, "option '--cert-dir': '%s' is not a directory",
			a->cert_dir);
	}
	return 0;
}

int remote_args_apply(
	struct app *app, const struct remote_args *a, struct remote_opts *ret, struct err *err)
{
	uint64_t retries = app->conf.retry >= 0 ? (uint64_t)app->conf.retry : RETRIES_DEFAULT;
	int64_t delay_ns = 0, stall_ns = 0;
	const char *conf_delay = a->retry_delay ? NULL : app->conf.retry_delay;

	if (parse_time("option '--retry-delay'", a->retry_delay, 0, &delay_ns, err) < 0 ||
		parse_time("containers.conf: 'retry_delay'", conf_delay, 0, &delay_ns, err) < 0 ||
		parse_time("option '--stall-timeout'", a->stall_timeout, NS_PER_S, &stall_ns, err) <
			0)
		return err->code;
	if (a->retry != OPT_NOT_SAID)
		retries = a->retry;
	/* also where nobody is going to ask for credentials: it is a mistake all the same */
	if (remote_args_check_authfile(a, err) < 0)
		return err->code;
	const char *cert_dir;
	if (find_cert_dir(a, &cert_dir, err) < 0)
		return err->code;
	if (a->signature_policy && access(a->signature_policy, R_OK) < 0)
		return err_sys(
			err, "option '--signature-policy': cannot open '%s'", a->signature_policy);
	const char *creds;
	if (complete_creds(app, a->creds, &creds, err) < 0)
		return err->code;
	*ret = (struct remote_opts){
		.authfile = a->authfile,
		.creds = creds,
		.cert_dir = cert_dir,
		.tls_verify = a->tls_verify,
		.registries_conf = app->registries_conf,
		.registries_conf_dir = app->registries_conf_dir,
		.short_name_aliases = app->short_name_aliases,
		.choose_name = choose_possible() ? choose_name : NULL,
		.signature_policy = a->signature_policy,
		.decryption_keys = &a->decryption_keys,
		.retries = retries > UINT32_MAX ? UINT32_MAX : (unsigned)retries,
		.stall_s = (unsigned)(stall_ns / NS_PER_S),
		.layer_ratio = layer_ratio_of(a->layer_ratio),
		.blob_cache = a->blob_cache,
		.retry_delay_ms = (unsigned)(delay_ns / 1000000),
	};
	if (a->retry_delay)
		log_debug("Setting MaxPullPushRetries to %u and PullPushRetryDelay to %llds",
			ret->retries, (long long)(delay_ns / NS_PER_S));
	return 0;
}

/* --- platforms ------------------------------------------------------------------------------- */

const struct opt platform_options[] = {
	OPT_STRV(0, "platform", struct platform_args, platform),
	OPT_STRING(0, "os", struct platform_args, os),
	OPT_STRING(0, "arch", struct platform_args, arch),
	OPT_STRING(0, "variant", struct platform_args, variant),
	OPT_END,
};

static int override(char *field, size_t size, const char *name, const char *value, struct err *err)
{
	if (!value)
		return 0;
	size_t n = strlen(value);
	if (n >= size || !platform_component_is_valid(value, n))
		return err_set(err, ERR_INVALID,
			"option '--%s': '%s' is not a name of letters, digits, '_', '.' and '-'",
			name, value);
	memcpy(field, value, n + 1);
	return 0;
}

/* As buildah: "windows/" and "/arm" say one of the two, the other is the host's; "linux/amd64/"
 * says no variant. */
static int parse_platform(const char *text, struct platform *ret, struct err *err)
{
	size_t n = strlen(text);
	size_t begin = n > 1 && text[0] == '/' && !strchr(text + 1, '/');
	AUTO_FREE char *said = xstrndup(text + begin, n - begin - (n > 1 && text[n - 1] == '/'));
	return platform_parse(said, ret, err);
}

int platform_args_get(
	const struct platform_args *a, struct platform *ret, bool *ret_given, struct err *err)
{
	struct platform p;
	int r = 0;

	platform_host(&p);
	if (a->platform.n && (a->os || a->arch || a->variant))
		return err_set(err, ERR_INVALID,
			called_buildah() ? "invalid --platform may not be used with --os, --arch, "
					   "or --variant"
					 : "'--platform' may not be used with '--os', '--arch', or "
					   "'--variant': both say the platform");
	if (a->platform.n > 1 || (a->platform.n && strchr(a->platform.v[0], ',')))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--platform': one platform at a time is supported here");
	if (a->platform.n)
		r = parse_platform(a->platform.v[0], &p, err);
	if (r < 0)
		return err_wrap(err, "option '--platform'");
	if (a->arch)
		p.variant[0] = '\0'; /* the host's would not fit */
	r = override(p.os, sizeof(p.os), "os", a->os, err);
	if (r == 0)
		r = override(p.arch, sizeof(p.arch), "arch", a->arch, err);
	if (r == 0)
		r = override(p.variant, sizeof(p.variant), "variant", a->variant, err);
	if (r < 0)
		return r;
	platform_normalise_said(&p);
	*ret = p;
	*ret_given = a->platform.n || a->os || a->arch || a->variant;
	return 0;
}

int platform_args_list(const struct platform_args *a, struct platform_list *ret, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	STRV_FOREACH (w, &a->platform)
		strv_split(&words, *w, ',');
	/* what podman-remote sends when it means nothing by it */
	if (called_buildah() && words.n == 1 && streq(words.v[0], "/"))
		return 0;
	if (words.n < 2 || a->os || a->arch || a->variant) {
		struct platform p;
		bool given;
		int r = platform_args_get(a, &p, &given, err);
		if (r == 0 && given)
			platform_list_add(ret, &p);
		return r;
	}
	STRV_FOREACH (w, &words) {
		struct platform p;
		if (parse_platform(*w, &p, err) < 0)
			return err_wrap(err, "option '--platform'");
		platform_list_add(ret, &p);
	}
	return 0;
}

int platform_field_set(
	char *field, size_t size, const char *option, const char *value, struct err *err)
{
	if (!value)
		return 0;
	if (strlen(value) >= size)
		return err_set(err, ERR_INVALID, "option '--%s': longer than %zu characters",
			option, size - 1);
	(void)snprintf(field, size, "%s", value);
	return 0;
}
