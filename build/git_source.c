/* SPDX-License-Identifier: Apache-2.0 */
#include "build/git_source.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/strv.h"
#include "build/secrets.h"
#include "registry/offline.h"
#include "registry/url.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_MAX (1 * MIB) /* ls-remote of one name, or what git complains about */
#define COMMIT_LEN 40 /* SHA-1; a SHA-256 repository's is longer */
#define COMMIT_LONG_LEN 64
#define CHECKSUM_MIN 7
#define DEPTH_MAX 500 /* directories: one descriptor each */

bool git_source_is(const char *s)
{
	static const char *const prefixes[] = {"git://", "git@", "ssh://"};
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_has_prefix(s, prefixes[i]))
			return true;
	size_t n = strcspn(s, "?#");
	return (str_has_prefix(s, "http://") || str_has_prefix(s, "https://")) && n > 4 &&
	       strncmp(s + n - 4, ".git", 4) == 0;
}

static bool is_hex(const char *s)
{
	return strspn(s, "0123456789abcdef") == strlen(s);
}

static bool is_commit(const char *s)
{
	size_t n = strlen(s);
	return (n == COMMIT_LEN || n == COMMIT_LONG_LEN) && is_hex(s);
}

/* git-check-ref-format(1), and never an option. */
static int check_ref(const char *ref, struct err *err)
{
	for (const char *p = ref; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr("~^:?*[\\", *p))
			return err_set(err, ERR_INVALID, "'%s' cannot be a git ref", ref);
	if (*ref == '-' || *ref == '/' || strstr(ref, "..") || strstr(ref, "@{") ||
		strstr(ref, "/-") || str_has_suffix(ref, "/") || str_has_suffix(ref, ".lock"))
		return err_set(err, ERR_INVALID, "'%s' cannot be a git ref", ref);
	return 0;
}

/* ssh://[USER@]HOST.. and USER@HOST:PATH: nothing in them may be an option of ssh. */
static int check_ssh(const char *url, struct err *err)
{
	const char *scheme = str_has_prefix(url, "git@") ? NULL : strstr(url, "://");
	const char *rest = scheme ? scheme + 3 : url;
	size_t authority = strcspn(rest, scheme ? "/" : ":/");
	const char *at = memchr(rest, '@', authority);
	const char *host = at ? at + 1 : rest;
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return err_set(err, ERR_INVALID, "the URL has blanks or control bytes");
	if (at && at != (const char *)memrchr(rest, '@', authority))
		return err_set(err, ERR_INVALID, "the URL has more than one '@' before its path");
	/* without the colon git takes it for a path of this machine */
	if (!scheme && (strstr(url, "://") || rest[authority] != ':'))
		return err_set(err, ERR_INVALID, "the URL is neither USER@HOST:PATH nor ssh://");
	if (at && memchr(rest, ':', (size_t)(at - rest)))
		return err_set(err, ERR_INVALID, "URL holds a password");
	if (*rest == '-' || *host == '-' || host == rest + authority || !rest[authority] ||
		rest[authority + 1] == '-')
		return err_set(err, ERR_INVALID,
			"the URL has no host or no path, or one that begins with '-'");
	return 0;
}

static int set_ref(struct git_source *g, const char *ref, struct err *err)
{
	if (!*ref)
		return 0;
	mem_replace(&g->ref, xstrdup(ref));
	return check_ref(ref, err);
}

int git_source_set_checksum(struct git_source *g, const char *value, struct err *err)
{
	size_t n = strlen(value);
	if (n < CHECKSUM_MIN || n > COMMIT_LONG_LEN || !is_hex(value))
		return err_set(err, ERR_INVALID, "checksum '%s' is not a commit", value);
	mem_replace(&g->checksum, xstrdup(value));
	return 0;
}

/* As Go's strconv.ParseBool has it; without a value: true. */
static int set_bool(bool *field, const char *key, const char *value, struct err *err)
{
	*field = true;
	if (*value && !num_bool(value, field))
		return err_set(
			err, ERR_INVALID, "query '%s': '%s' is neither true nor false", key, value);
	return 0;
}

static int set_query(struct git_source *g, const char *key, const char *value, struct err *err)
{
	if (streq(key, "ref"))
		return set_ref(g, value, err);
	if (streq(key, "branch") || streq(key, "tag")) {
		AUTO_FREE char *ref =
			xasprintf("refs/%s/%s", streq(key, "tag") ? "tags" : "heads", value);
		return set_ref(g, ref, err);
	}
	if (streq(key, "subdir")) {
		mem_replace(&g->subdir, path_clean_rel(value));
		return 0;
	}
	if (streq(key, "keep-git-dir"))
		return set_bool(&g->keep_git_dir, key, value, err);
	if (streq(key, "submodules")) {
		bool on = true;
		int rc = set_bool(&on, key, value, err);
		g->no_submodules = !on;
		return rc;
	}
	if (streq(key, "checksum") || streq(key, "commit"))
		return git_source_set_checksum(g, value, err);
	return err_set(
		err, ERR_INVALID, "unexpected query '%s' in the URL of a git repository", key);
}

static int parse_query(struct git_source *g, const char *query, struct err *err)
{
	AUTO_STRV struct strv pairs = STRV_INIT;
	strv_split(&pairs, query, '&');
	STRV_FOREACH (pair, &pairs) {
		char *eq = strchr(*pair, '=');
		if (!**pair)
			continue;
		if (eq)
			*eq = '\0';
		if (set_query(g, *pair, eq ? eq + 1 : "", err) < 0)
			return err->code;
	}
	return 0;
}

static int parse_fragment(struct git_source *g, const char *fragment, struct err *err)
{
	size_t n = strcspn(fragment, ":");
	AUTO_FREE char *ref = xstrndup(fragment, n);
	if (fragment[n])
		mem_replace(&g->subdir, path_clean_rel(fragment + n + 1));
	return set_ref(g, ref, err);
}

/* Not in the URL: arguments of git can be read by everybody. */
static int set_user(struct git_source *g, const struct url *u, const char *user, struct err *err)
{
	AUTO_FREE char *origin = url_origin(u), *basic = url_basic(user);
	int r = git_auth_set(&g->auth, origin, basic, false, err);
	explicit_bzero(basic, strlen(basic));
	return r;
}

static int set_url(struct git_source *g, const char *url, struct err *err)
{
	AUTO_URL struct url u = {0};
	AUTO_FREE char *plain = NULL, *user = NULL;
	if (!str_has_prefix(url, "http")) {
		g->url = xstrdup(url);
		return check_ssh(url, err);
	}
	if (url_split_user(url, &plain, &user, err) < 0 || url_parse(plain, &u, err) < 0 ||
		(user && set_user(g, &u, user, err) < 0))
		return err->code;
	g->url = take(plain);
	return 0;
}

int git_source_parse(const char *source, struct git_source *ret, struct err *err)
{
	AUTO_GIT_SOURCE struct git_source g = {.subdir = xstrdup("")};
	const char *hash = strchr(source, '#');
	AUTO_FREE char *before = hash ? xstrndup(source, (size_t)(hash - source)) : xstrdup(source);
	char *query = strchr(before, '?');
	if (query)
		*query++ = '\0';
	if (set_url(&g, before, err) < 0 || (query && parse_query(&g, query, err) < 0) ||
		(hash && parse_fragment(&g, hash + 1, err) < 0))
		return err->code;
	*ret = g;
	g = (struct git_source){0};
	return 0;
}

/* The secret NAME.HOST, else NAME; NULL: neither was given, or an empty one. */
static int find_secret(const struct secrets *given, const char *name, const char *host,
	const struct secret **ret, struct err *err)
{
	AUTO_FREE char *of_host = xasprintf("%s.%s", name, host);
	struct secret *s = secrets_find(given, of_host);
	if (!s)
		s = secrets_find(given, name);
	if (s && secret_load(s, err) < 0)
		return err->code;
	*ret = s && s->len ? s : NULL;
	return 0;
}

int git_source_authorize(struct git_source *g, const struct secrets *given, struct err *err)
{
	AUTO_URL struct url u = {0};
	const struct secret *header = NULL, *token = NULL;
	if (!str_has_prefix(g->url, "https://"))
		return 0;
	if (url_parse(g->url, &u, err) < 0)
		return err->code;
	AUTO_FREE char *origin = url_origin(&u);
	const char *host = origin + strlen("https://"); /* with the port, if it is not 443 */
	if (find_secret(given, "GIT_AUTH_HEADER", host, &header, err) < 0 ||
		(!header && find_secret(given, "GIT_AUTH_TOKEN", host, &token, err) < 0))
		return err->code;
	if (!header && !token)
		return 0;
	return git_auth_set(&g->auth, origin, (header ? header : token)->data, token != NULL, err);
}

/* By our descriptor: ssh, whatever starts it, finds it for as long as this process lives. */
void git_source_set_agent(struct git_source *g, const struct ssh_source *agent)
{
	mem_replace(&g->auth.agent, xasprintf("/proc/%d/fd/%d", (int)getpid(), agent->socket));
}

void git_source_done(struct git_source *g)
{
	free(g->url);
	free(g->ref);
	free(g->full_ref);
	free(g->subdir);
	free(g->checksum);
	free(g->commit);
	git_auth_done(&g->auth);
}

/* From lines "COMMIT<TAB>REF". git prefers branches in case of ambiguity; a tag's "^{}" follows it
 * and is the commit. */
static int choose(struct git_source *g, const char *text, struct err *err)
{
	const char *ref = g->ref ? g->ref : "HEAD";
	AUTO_FREE char *partial = xasprintf("refs/%s", ref),
		       *head = xasprintf("refs/heads/%s", ref),
		       *tag = xasprintf("refs/tags/%s", ref);
	const char *wanted[] = {ref, partial, head, tag};
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, text, '\n');
	for (size_t w = 0; w < ARRAY_LEN(wanted) && !g->commit; w++) {
		AUTO_FREE char *peeled = xasprintf("%s^{}", wanted[w]);
		STRV_FOREACH (line, &lines) {
			char *tab = strchr(*line, '\t');
			if (!tab || (!streq(tab + 1, wanted[w]) && !streq(tab + 1, peeled)))
				continue;
			AUTO_FREE char *commit = xstrndup(*line, (size_t)(tab - *line));
			if (!is_commit(commit))
				return err_set(
					err, ERR_INVALID, "the server's list of refs is not valid");
			mem_replace(&g->commit, take(commit));
			mem_replace(&g->full_ref, xstrdup(wanted[w]));
		}
	}
	/* git's own words, which scripts look for */
	return g->commit ? 0 : err_set(err, ERR_NOT_FOUND, "couldn't find remote ref %s", ref);
}

static int check_offline(const struct git_source *g, struct err *err)
{
	AUTO_FREE char *shown = url_shown(g->url, false);
	return offline_check(shown, err);
}

int git_source_resolve(struct git_source *g, struct err *err)
{
	AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX);
	if (g->ref && is_commit(g->ref)) {
		g->commit = xstrdup(g->ref);
	} else if (!g->ref && g->checksum && is_commit(g->checksum)) {
		g->commit = xstrdup(g->checksum);
	} else {
		const char *ref = g->ref ? g->ref : "HEAD";
		AUTO_FREE char *peeled = xasprintf("%s^{}", ref);
		const char *const args[] = {"ls-remote", "--", g->url, ref, peeled, NULL};
		if (check_offline(g, err) < 0 || git_run(-1, &g->auth, args, &out, err) < 0 ||
			choose(g, buf_str(&out), err) < 0)
			return err->code;
	}
	if (g->checksum && !str_has_prefix(g->commit, g->checksum))
		return err_set(err, ERR_CORRUPT, "commit is %s, but the checksum says %s",
			g->commit, g->checksum);
	return 0;
}

/* One commit where the server can do that; dumb servers give everything. */
static int fetch(const struct git_source *g, int dirfd, struct err *err)
{
	const char *const what = g->full_ref ? g->full_ref : g->commit;
	const char *const shallow[] = {
		"fetch", "-q", "--depth=1", "--no-tags", "--", g->url, what, NULL};
	const char *const named[] = {"fetch", "-q", "--no-tags", "--", g->url, what, NULL};
	const char *const all[] = {"fetch", "-q", "--no-tags", "--", g->url,
		"+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", NULL};
	struct err first = ERR_INIT;
	if (check_offline(g, err) < 0)
		return err->code;
	if (git_run(dirfd, &g->auth, shallow, NULL, &first) == 0)
		return 0;
	if (git_run(dirfd, &g->auth, g->full_ref ? named : all, NULL, err) < 0)
		return err->code;
	return 0;
}

static bool has_submodules(int dirfd)
{
	struct stat st;
	return fstatat(dirfd, ".gitmodules", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* Files get the time of the commit and not that of the checkout, so that images do not depend on
 * the latter. */
static int set_times(int dirfd, int64_t time, unsigned depth, struct err *err)
{
	const struct timespec times[2] = {{.tv_sec = time}, {.tv_sec = time}};
	const struct dirent *d;
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "the repository has more than %d levels", DEPTH_MAX);
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		mem_close_p(&fd);
		return err_sys(err, "cannot list the repository");
	}
	int rc = 0;
	while (rc == 0 && (d = readdir(dir))) {
		if (streq(d->d_name, ".") || streq(d->d_name, ".."))
			continue;
		AUTO_FD int sub =
			openat(fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			rc = set_times(sub, time, depth + 1, err);
		else if (utimensat(fd, d->d_name, times, AT_SYMLINK_NOFOLLOW) < 0)
			rc = err_sys(err, "cannot set the time of '%s'", d->d_name);
	}
	if (rc == 0 && futimens(fd, times) < 0)
		rc = err_sys(err, "cannot set the time of a directory");
	closedir(dir);
	return rc;
}

static int commit_time(struct git_source *g, int dirfd, struct err *err)
{
	const char *const show[] = {
		"show", "-s", "--no-show-signature", "--format=%ct", g->commit, "--", NULL};
	AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX);
	if (git_run(dirfd, &g->auth, show, &out, err) < 0)
		return err->code;
	AUTO_FREE char *text = xstrndup(buf_str(&out), strcspn(buf_str(&out), "\n"));
	if (!num_i64(text, 0, INT64_MAX, &g->time))
		g->time = 0; /* before 1970, or nonsense: git takes both */
	return 0;
}

int git_source_checkout(struct git_source *g, int dirfd, struct err *err)
{
	const char *const init[] = {"init", "-q", "--template=", NULL};
	const char *const head[] = {"rev-parse", "--verify", "-q", "FETCH_HEAD^{commit}", NULL};
	const char *const checkout[] = {"checkout", "-q", "--detach", g->commit, "--", NULL};
	const char *const origin[] = {"remote", "add", "origin", g->url, NULL};
	const char *const submodules[] = {
		"submodule", "-q", "update", "--init", "--recursive", "--depth=1", NULL};
	AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX);
	mode_t mask = umask(022);
	int rc = git_run(dirfd, &g->auth, init, NULL, err);
	if (rc == 0)
		rc = fetch(g, dirfd, err);
	if (rc == 0 && g->full_ref) {
		rc = git_run(dirfd, &g->auth, head, &out, err);
		if (rc == 0 && !str_has_prefix(buf_str(&out), g->commit))
			rc = err_set(err, ERR_CORRUPT,
				"'%s' is another commit now than at the build's begin",
				g->full_ref);
	}
	if (rc == 0)
		rc = git_run(dirfd, &g->auth, checkout, NULL, err);
	if (rc == 0 && g->keep_git_dir)
		rc = git_run(dirfd, &g->auth, origin, NULL, err);
	if (rc == 0 && !g->no_submodules && has_submodules(dirfd))
		rc = git_run(dirfd, &g->auth, submodules, NULL, err);
	if (rc == 0)
		rc = commit_time(g, dirfd, err);
	if (rc == 0)
		rc = set_times(dirfd, g->time, 0, err);
	umask(mask);
	return rc;
}
