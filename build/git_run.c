/* SPDX-License-Identifier: Apache-2.0 */
#include "build/git_run.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/tool_run.h"
#include "registry/credentials.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX (1 * MIB) /* ls-remote of one name, or what git complains about */
#define MINUTES_MAX 30 /* for one command */
#define FILE_MAX (16 * GIB) /* a pack of more is no honest repository's */
#define HEADER_MAX 8192 /* what web servers take */
#define MESSAGE_MAX 300 /* of what git complains about */

int git_auth_set(
	struct git_auth *a, const char *origin, const char *secret, bool token, struct err *err)
{
	size_t n = strcspn(secret, "\r\n");
	if (!n || secret[n + strspn(secret + n, "\r\n")] || n > HEADER_MAX)
		return err_set(err, ERR_INVALID,
			"the secret for the git server is not one line of 1 to %d bytes",
			HEADER_MAX);
	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)secret[i]))
			return err_set(err, ERR_INVALID,
				"the secret for the git server has control bytes");
	AUTO_FREE char *pair = xasprintf("x-access-token:%.*s", (int)n, secret);
	AUTO_FREE char *encoded = base64_encode(pair, strlen(pair));
	git_auth_done(a);
	a->origin = xstrdup(origin);
	a->header = token ? xasprintf("basic %s", encoded) : xstrndup(secret, n);
	explicit_bzero(pair, strlen(pair));
	explicit_bzero(encoded, strlen(encoded));
	return 0;
}

void git_auth_done(struct git_auth *a)
{
	if (a->header)
		explicit_bzero(a->header, strlen(a->header));
	free(a->header);
	free(a->origin);
	free(a->agent);
	*a = (struct git_auth){0};
}

static void git_env(struct strv *env, int dirfd, const struct git_auth *auth)
{
	static const char *const fixed[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
		"HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false",
		"GIT_ALLOW_PROTOCOL=http:https:ssh:git"};
	static const char *const passed[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
		"all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		strv_add(env, fixed[i]);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (getenv(passed[i]))
			strv_addf(env, "%s=%s", passed[i], getenv(passed[i]));
	/* a repository around us is not asked how, which may be by a command (core.gitProxy) */
	if (dirfd < 0)
		strv_add(env, "GIT_DIR=/nonexistent");
	bool nobody = auth->no_keys && !auth->agent;
	strv_addf(env, "GIT_SSH_COMMAND=ssh -oBatchMode=yes%s",
		nobody ? " -oPubkeyAuthentication=no -oHostbasedAuthentication=no"
			 " -oGSSAPIAuthentication=no"
		       : "");
	const char *agent = auth->agent ? auth->agent : getenv("SSH_AUTH_SOCK");
	if (agent && !nobody)
		strv_addf(env, "SSH_AUTH_SOCK=%s", agent);
	/* its TLS library may not be one that knows them */
	if (getenv("SSL_CERT_FILE"))
		strv_addf(env, "GIT_SSL_CAINFO=%s", getenv("SSL_CERT_FILE"));
	if (getenv("SSL_CERT_DIR"))
		strv_addf(env, "GIT_SSL_CAPATH=%s", getenv("SSL_CERT_DIR"));
	if (!auth->header)
		return;
	/* not an argument, which everybody can read; and only for its own server: git would send it
	 * on where a redirect leads */
	strv_add(env, "GIT_CONFIG_COUNT=2");
	strv_addf(env, "GIT_CONFIG_KEY_0=http.%s/.extraHeader", auth->origin);
	strv_addf(env, "GIT_CONFIG_VALUE_0=Authorization: %s", auth->header);
	strv_addf(env, "GIT_CONFIG_KEY_1=http.%s/.followRedirects", auth->origin);
	strv_add(env, "GIT_CONFIG_VALUE_1=false");
}

/* The line that says what went wrong, without what could move a terminal's cursor. */
static char *complaint(const struct buf *errs)
{
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, buf_str(errs), '\n');
	const char *best = "", *before = "", *cause = "";
	STRV_FOREACH (line, &lines) {
		const char *number = strstr(*line, "errno=");
		if (str_has_prefix(*line, "fatal: ") || str_has_prefix(*line, "error: "))
			best = *line + strlen("fatal: ");
		else if (*best && number)
			cause = number + strlen("errno="); /* of each address: of the last */
		else if (!*best && **line)
			before = *line;
	}
	/* of ssh git knows no more than that; what ssh said stands above */
	if (str_has_prefix(best, "Could not read from remote repository") && *before)
		best = before;
	/* what is listed below it is left out, but for the cause */
	size_t n = strnlen(best, MESSAGE_MAX);
	while (n > 0 && (best[n - 1] == ':' || best[n - 1] == ' '))
		n--;
	char *text = xasprintf("%.*s%s%.*s", (int)n, best, *cause ? ": " : "", MESSAGE_MAX, cause);
	text[strcspn(text, "\r")] = '\0'; /* ssh ends its lines as for a terminal */
	for (char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = ' ';
	return text;
}

int git_run(int dirfd, const struct git_auth *auth, const char *const args[], struct buf *out,
	struct err *err)
{
	static const char *const always[] = {"-c", "core.hooksPath=/dev/null", "-c",
		"protocol.file.allow=never", "-c", "core.fsmonitor=false", "-c",
		"core.autocrlf=false", "-c", "credential.helper=", "-c", "gc.auto=0", "-c",
		"init.defaultBranch=main", "-c", "advice.detachedHead=false", "-c",
		"http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60"};
	AUTO_STRV struct strv argv = STRV_INIT, env = STRV_INIT;
	strv_add(&argv, "git");
	if (dirfd >= 0) {
		strv_add(&argv, "-C");
		strv_add(&argv, "/proc/self/fd/3");
	}
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		strv_add(&argv, always[i]);
	for (; *args; args++)
		strv_add(&argv, *args);
	git_env(&env, dirfd, auth);
	AUTO_BUF struct buf own = BUF_INIT(OUTPUT_MAX), errs = BUF_INIT(OUTPUT_MAX);
	const struct tool git = {.name = "git",
		.argv = &argv,
		.env = &env,
		.in = -1,
		.dirfd = dirfd,
		.max_file = FILE_MAX,
		.minutes = MINUTES_MAX};
	int status = 0;
	int rc = tool_run(&git, out ? out : &own, &errs, &status, err);
	if (rc < 0 || status == 0)
		return rc;
	AUTO_FREE char *why = complaint(&errs);
	return err_set(err, ERR_NETWORK, "git: %s", *why ? why : "failed");
}
