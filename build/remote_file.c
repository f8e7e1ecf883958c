/* SPDX-License-Identifier: Apache-2.0 */
#include "build/remote_file.h"

#include "base/buf.h"
#include "base/called.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root.h"
#include "base/stream.h"
#include "build/build_internal.h"
#include "build/cache.h"
#include "build/git_source.h"
#include "registry/download.h"
#include "registry/url.h"
#include "store/records.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define UNNAMED "__unnamed__" /* BuildKit's name for what has none in its URL */
#define DOWNLOAD "download" /* and for ".." */

bool remote_file_is_url(const char *source)
{
	return git_source_is(source) || str_has_prefix(source, "http://") ||
	       str_has_prefix(source, "https://");
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The last component of the path, escapes decoded. ERR_INVALID: it cannot name a file. */
static int name_of(const struct url *u, char **ret, struct err *err)
{
	size_t n = strcspn(u->target, "?");
	AUTO_FREE char *path = xstrndup(u->target, n);
	char *to = path;
	for (const char *p = path; *p; p++, to++) {
		if (*p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
			*to = (char)(hex(p[1]) << 4 | hex(p[2]));
			if (!*to)
				return err_set(err, ERR_INVALID, "the URL's path has a NUL byte");
			p += 2;
		} else {
			*to = *p;
		}
	}
	*to = '\0';
	while (to > path && to[-1] == '/')
		*--to = '\0';
	const char *base = path_base(path);
	if (streq(base, ".."))
		base = DOWNLOAD;
	*ret = xstrdup(*base && !streq(base, ".") ? base : UNNAMED);
	return 0;
}

int remote_file_init_git(struct remote_file *f, const char *url, struct err *err)
{
	AUTO_GIT_SOURCE struct git_source g = {0};
	if (git_source_parse(url, &g, err) < 0)
		return err->code;
	*f = (struct remote_file){.url = xstrdup(url),
		.name = xstrdup(""),
		.dirfd = -1,
		.git = xmemdup(&g, sizeof(g))};
	g = (struct git_source){0};
	return 0;
}

int remote_file_init(struct remote_file *f, const char *url, struct err *err)
{
	if (git_source_is(url))
		return remote_file_init_git(f, url, err);
	AUTO_URL struct url parsed = {0};
	AUTO_FREE char *name = NULL, *plain = NULL, *user = NULL;
	if (url_split_user(url, &plain, &user, err) < 0 || url_parse(plain, &parsed, err) < 0 ||
		name_of(&parsed, &name, err) < 0)
		return err->code;
	*f = (struct remote_file){.url = xstrdup(url), .name = take(name), .dirfd = -1};
	return 0;
}

int remote_file_pin(struct remote_file *f, const char *checksum, struct err *err)
{
	struct git_source *g = f->git;
	if (!g) {
		if (digest_parse(checksum, &f->digest, err) < 0)
			return err_wrap(err, "--checksum");
		f->pinned = true;
		return 0;
	}
	if (g->checksum && !streq(checksum, g->checksum))
		return err_set(err, ERR_INVALID, "--checksum and the URL name different commits");
	return git_source_set_checksum(g, checksum, err) < 0 ? err_wrap(err, "--checksum") : 0;
}

void remote_file_done(struct remote_file *f)
{
	if (f->git)
		git_source_done(f->git);
	free(f->git);
	free(f->url);
	free(f->name);
	free(f->dir);
	mem_close_p(&f->dirfd);
}

/* What a server said of a URL, as a record of the cache. */
struct memory {
	char *etag, *last_modified;
	struct digest digest;
	bool known;
};

static void memory_done(struct memory *m)
{
	free(m->etag);
	free(m->last_modified);
}

static struct digest memory_key(const struct remote_file *f)
{
	struct key k;
	key_init(&k, "url");
	key_str(&k, f->url);
	return key_final(&k);
}

static void remember(struct build *b, const struct remote_file *f, struct memory *ret)
{
	struct record rec = {0};
	struct err ignored = ERR_INIT;
	struct digest key = memory_key(f);
	AUTO_JSON struct json *j = NULL;
	if (record_get(b->store, &key, &rec, &ignored) < 0)
		return;
	if (rec.inputs && json_parse(rec.inputs, strlen(rec.inputs), "URL", &j, &ignored) == 0) {
		const char *digest = json_text(json_get(j, "digest"));
		const char *etag = json_text(json_get(j, "etag"));
		const char *modified = json_text(json_get(j, "last_modified"));
		ret->known = digest && digest_parse_hex(digest, &ret->digest);
		if (ret->known && etag)
			ret->etag = xstrdup(etag);
		if (ret->known && modified)
			ret->last_modified = xstrdup(modified);
	}
	record_done(&rec);
}

static int keep(
	struct build *b, const struct remote_file *f, const struct downloaded *d, struct err *err)
{
	char text[DIGEST_STR_MAX];
	AUTO_JSON struct json *j = json_new_object();
	struct digest key = memory_key(f);
	json_set_string(j, "digest", digest_hex(&f->digest, text));
	json_set_string(j, "etag", d->etag);
	json_set_string(j, "last_modified", d->last_modified);
	struct timespec now = clock_now();
	struct record rec = {.inputs = json_dump(j, 0),
		.created_s = now.tv_sec,
		.created_ns = (uint32_t)now.tv_nsec};
	int rc = record_put(b->store, &key, &rec, err);
	record_done(&rec);
	return rc;
}

time_t remote_file_time(const char *last_modified)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"};
	for (size_t i = 0; last_modified && i < ARRAY_LEN(forms); i++) {
		struct tm tm = {0};
		const char *end = strptime(last_modified, forms[i], &tm);
		if (end && !*end)
			return timegm(&tm);
	}
	return 0;
}

static int digest_fd(int fd, const char *name, struct digest *ret, struct err *err)
{
	struct hashed h;
	hashed_init(&h, DIGEST_SHA256);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot read '%s'", name);
	AUTO_READER struct reader *file = reader_from_fd(fd, name);
	AUTO_READER struct reader *r = reader_hashed(file, &h);
	if (stream_drain(r, err) < 0)
		return err->code;
	*ret = hash_final(&h.hash);
	return 0;
}

/* m: what the server is asked about; NULL: the content is wanted in any case. */
static int fetch(struct build *b, struct remote_file *f, const struct memory *m,
	struct downloaded *ret, struct digest *ret_digest, struct err *err)
{
	AUTO_FD int fd = openat(
		f->dirfd, f->name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "cannot create '%s'", f->name);
	const struct download d = {.url = f->url,
		.fd = fd,
		.etag = m ? m->etag : NULL,
		.last_modified = m ? m->last_modified : NULL,
		/* a job has no view of its own */
		.progress = m ? b->o->progress : NULL};
	if (download(&d, &b->o->pull.remote, ret, err) < 0)
		return err->code;
	if (ret->unchanged)
		return 0;
	if (digest_fd(fd, f->name, ret_digest, err) < 0)
		return err->code;
	struct timespec t = {.tv_sec = remote_file_time(ret->last_modified)};
	struct timespec times[2] = {t, t};
	if (fchmod(fd, 0600) < 0 || futimens(fd, times) < 0)
		return err_sys(err, "cannot set mode and time of '%s'", f->name);
	f->here = true;
	return 0;
}

static int look_git(struct build *b, struct remote_file *f, struct err *err)
{
	struct key k;
	struct ssh_source *agent = secrets_find_ssh(&b->secrets, "default");
	if (agent && ssh_source_start(agent, b->txn, err) < 0)
		return err_wrap(err, "ssh agent 'default'");
	if (agent)
		git_source_set_agent(f->git, agent);
	/* who wrote the Containerfile need not be who the keys belong to */
	f->git->auth.no_keys = !f->named_by_user;
	if (git_source_authorize(f->git, &b->secrets, err) < 0)
		return err->code;
	if (git_source_resolve(f->git, err) < 0)
		return !agent && !f->named_by_user && err->code == ERR_NETWORK &&
		                       !str_has_prefix(f->url, "http") &&
		                       !str_has_prefix(f->url, "git://")
		               ? err_wrap(err, "without --ssh default no keys are used")
		               : err->code;
	key_init(&k, "git");
	key_str(&k, f->git->commit);
	key_str(&k, f->git->subdir);
	key_u64(&k, f->git->keep_git_dir);
	key_u64(&k, f->git->no_submodules);
	f->digest = key_final(&k);
	return 0;
}

/* The subdirectory is the repository's to shape: a link in it leads nowhere else. */
static int get_git(struct remote_file *f, struct err *err)
{
	if (git_source_checkout(f->git, f->dirfd, err) < 0)
		return err->code;
	int sub = path_is_below(f->git->subdir, ".git")
	                  ? -1
	                  : root_open(f->dirfd, f->git->subdir, O_RDONLY | O_DIRECTORY, 0);
	if (sub < 0)
		return err_set(
			err, ERR_NOT_FOUND, "no directory '%s' in the repository", f->git->subdir);
	close(f->dirfd);
	f->dirfd = sub;
	f->here = true;
	return 0;
}

/* The same URL is the same file all through a build. */
static const struct remote_file *looked_at(const struct build *b, const struct remote_file *f)
{
	for (size_t i = 0; i < b->n_looked; i++)
		if (streq(b->looked[i]->url, f->url))
			return b->looked[i];
	return NULL;
}

static int share(struct remote_file *f, const struct remote_file *o, struct err *err)
{
	f->digest = o->digest;
	if (!o->here)
		return 0;
	mem_close_p(&f->dirfd);
	f->dirfd = fcntl(o->dirfd, F_DUPFD_CLOEXEC, 0);
	if (f->dirfd < 0)
		return err_sys(err, "cannot share '%s'", f->name);
	f->here = true;
	return 0;
}

int remote_file_look(struct build *b, struct remote_file *f, struct err *err)
{
	/* now, since jobs that run at the same time cannot agree on names */
	if (txn_mkdir(b->txn, "fetch", &f->dir, &f->dirfd, err) < 0)
		return err->code;
	if (f->git)
		return look_git(b, f, err);
	if (f->pinned)
		return 0;
	const struct remote_file *before = looked_at(b, f);
	if (before)
		return share(f, before, err);
	struct memory m = {0};
	AUTO_DOWNLOADED struct downloaded d = {0};
	remember(b, f, &m);
	int rc = fetch(b, f, &m, &d, &f->digest, err);
	if (rc == 0 && d.unchanged && !m.known)
		rc = err_set(err, ERR_NETWORK, "the server answered a question nobody asked (304)");
	if (rc == 0 && d.unchanged)
		f->digest = m.digest;
	else if (rc == 0)
		rc = keep(b, f, &d, err);
	memory_done(&m);
	if (rc == 0) {
		b->looked = xreallocarray(b->looked, b->n_looked + 1, sizeof(*b->looked));
		b->looked[b->n_looked++] = f;
	}
	return rc;
}

int remote_file_get(struct build *b, struct remote_file *f, struct err *err)
{
	char want[DIGEST_STR_MAX], have[DIGEST_STR_MAX];
	struct digest got;
	AUTO_DOWNLOADED struct downloaded d = {0};
	if (f->here)
		return 0;
	if (f->git)
		return get_git(f, err);
	if (fetch(b, f, NULL, &d, &got, err) < 0)
		return err->code;
	if (d.unchanged)
		return err_set(
			err, ERR_NETWORK, "the server answered a question nobody asked (304)");
	if (digest_equal(&got, &f->digest))
		return 0;
	(void)digest_str(&got, have);
	(void)digest_str(&f->digest, want);
	if (f->pinned && called_buildah())
		return err_set(err, ERR_CORRUPT,
			"unexpected response digest for \"%s\": %s, want %s ('--checksum')", f->url,
			have, want);
	return err_set(err, ERR_CORRUPT, "content is %s, but %s %s", have,
		f->pinned ? "--checksum says" : "at the build's begin it was", want);
}
