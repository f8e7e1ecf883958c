/* SPDX-License-Identifier: Apache-2.0 */
#include "build/remote_context.h"

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "build/build_internal.h"
#include "build/git_source.h"
#include "build/remote_file.h"
#include "layers/apply.h"
#include "registry/download.h"
#include "registry/url.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARCHIVE_MAX (64 * GIB) /* packed, and again unpacked: what no honest context is */
#define GITHUB "github.com/"

static bool is_github(const char *where)
{
	struct stat st;
	return str_has_prefix(where, GITHUB) && stat(where, &st) < 0;
}

bool remote_context_is(const char *where)
{
	return streq(where, "-") || remote_file_is_url(where) || is_github(where);
}

void remote_context_done(struct remote_context *c)
{
	mem_close_p(&c->fd);
	c->fd = -1;
	free(c->text);
	c->text = NULL;
	free(c->uri);
	c->uri = NULL;
	free(c->commit);
	c->commit = NULL;
}

/* --- repositories --- */

static char *git_shown(const struct git_source *g)
{
	AUTO_FREE char *url = url_shown(g->url, true);
	return xasprintf("%s%s%s", url, g->ref ? "#" : "", g->ref ? g->ref : "");
}

static int get_git(struct build *b, const char *where, bool keep_git, struct remote_context *ret,
	struct err *err)
{
	struct remote_file f = {0};
	AUTO_FREE char *github = is_github(where) ? xasprintf("https://%s", where) : NULL;
	if (remote_file_init_git(&f, github ? github : where, err) < 0)
		return err->code;
	f.named_by_user = true;
	f.git->keep_git_dir |= keep_git;
	int rc = remote_file_look(b, &f, err);
	if (rc == 0)
		rc = remote_file_get(b, &f, err);
	if (rc == 0 && !f.git->keep_git_dir)
		rc = fs_remove_tree(f.dirfd, ".git", err);
	if (rc == 0)
		*ret = (struct remote_context){.fd = take_fd(&f.dirfd),
			.has_time = true,
			.time = f.git->time,
			.uri = git_shown(f.git),
			.commit = xstrdup(f.git->commit)};
	remote_file_done(&f);
	return rc;
}

/* --- archives and text --- */

static int make_file(struct build *b, int *ret, struct err *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_FD int dir = -1;
	if (txn_mkdir(b->txn, "fetch", &name, &dir, err) < 0)
		return err->code;
	int fd = openat(dir, "context", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "cannot create a file for the build context");
	/* nobody else needs its name */
	if (unlinkat(dir, "context", 0) < 0) {
		close(fd);
		return err_sys(err, "cannot unlink a file of the build context");
	}
	*ret = fd;
	return 0;
}

/* *ret_time: when the server says that it was changed; 0: it does not */
static int fetch(
	struct build *b, const char *url, uint64_t max, int *ret, time_t *ret_time, struct err *err)
{
	AUTO_FD int fd = -1;
	AUTO_DOWNLOADED struct downloaded d = {0};
	const struct download what = {.url = url, .max = max, .progress = b->o->progress};
	if (make_file(b, &fd, err) < 0)
		return err->code;
	struct download to = what;
	to.fd = fd;
	if (download(&to, &b->o->pull.remote, &d, err) < 0)
		return err->code;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot read what was fetched");
	*ret_time = remote_file_time(d.last_modified);
	*ret = take_fd(&fd);
	return 0;
}

/* A pipe is written to a file, since two passes are made over it. */
static int take_stdin(struct build *b, int *ret, struct err *err)
{
	char chunk[64 * KIB];
	uint64_t total = 0;
	struct stat st;
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode)) {
		*ret = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		return *ret < 0 ? err_sys(err, "cannot use standard input") : 0;
	}
	AUTO_FD int fd = -1;
	if (make_file(b, &fd, err) < 0)
		return err->code;
	for (;;) {
		ssize_t n = fs_read_upto(STDIN_FILENO, chunk, sizeof(chunk));
		if (n < 0)
			return err_sys(err, "cannot read standard input");
		if (n == 0)
			break;
		total += (uint64_t)n;
		if (total > ARCHIVE_MAX)
			return err_set(err, ERR_LIMIT, "is larger than %llu bytes", ARCHIVE_MAX);
		if (fs_write_all(fd, chunk, (size_t)n) < 0)
			return err_sys(err, "cannot keep standard input");
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot read standard input");
	*ret = take_fd(&fd);
	return 0;
}

static int make_dir(struct build *b, int *ret, struct err *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_FD int dir = -1;
	if (txn_mkdir(b->txn, "context", &name, &dir, err) < 0)
		return err->code;
	*ret = take_fd(&dir);
	return 0;
}

/* So that the image does not tell when its context was made. */
static int set_time(int dir, struct err *err)
{
	const struct timespec times[2] = {{0}, {0}};
	return futimens(dir, times) < 0 ? err_sys(err, "cannot set the time of the build context")
	                                : 0;
}

static int unpack(struct build *b, int archive, struct remote_context *ret, struct err *err)
{
	AUTO_FD int dir = -1;
	/* the time is that of the archive's entry for it, if there is one */
	if (make_dir(b, &dir, err) < 0 || set_time(dir, err) < 0)
		return err->code;
	struct apply_opts opts = {.flags = APPLY_PLAIN | APPLY_CONTEXT,
		.limits = apply_limits_of(b->o->pull.remote.layer_ratio)};
	opts.limits.max_bytes = ARCHIVE_MAX;
	if (archive_unpack(archive, dir, &opts, err) < 0)
		return err->code;
	*ret = (struct remote_context){.fd = take_fd(&dir), .owners = true};
	return 0;
}

static int keep_text(int dir, const struct remote_context *c, time_t time, struct err *err)
{
	const struct timespec times[2] = {{.tv_sec = time}, {.tv_sec = time}};
	AUTO_FD int fd = openat(dir, "context", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fs_write_all(fd, c->text, c->len) < 0 || fchmod(fd, 0600) < 0 ||
		futimens(fd, times) < 0)
		return err_sys(err, "cannot keep what was fetched");
	return 0;
}

/* url: where the text is from; NULL: standard input */
static int take_text(struct build *b, int fd, const char *url, time_t time,
	struct remote_context *ret, struct err *err)
{
	struct remote_context c = {.fd = -1};
	if (fs_read_fd(fd, url ? url : "standard input", REMOTE_CONTEXT_TEXT_MAX, &c.text, &c.len,
		    err) < 0)
		return err->code;
	int rc = 0;
	if (!c.len)
		rc = err_set(err, ERR_INVALID,
			url ? "is empty: an archive or a Containerfile is expected there"
			    : "nothing was written to standard input: an archive or a "
			      "Containerfile is expected there");
	else if (memchr(c.text, '\0', c.len))
		rc = err_set(err, ERR_INVALID, "is neither a tar archive nor a Containerfile");
	if (rc == 0)
		rc = make_dir(b, &c.fd, err);
	if (rc == 0 && url)
		rc = keep_text(c.fd, &c, time, err);
	if (rc == 0)
		rc = set_time(c.fd, err);
	if (rc < 0)
		remote_context_done(&c);
	else
		*ret = c;
	return rc;
}

static int get_file(struct build *b, const char *where, struct remote_context *ret, struct err *err)
{
	bool is_tar, from_stdin = streq(where, "-");
	time_t time = 0;
	AUTO_FD int fd = -1;
	int rc = from_stdin ? take_stdin(b, &fd, err)
	                    : fetch(b, where, ARCHIVE_MAX, &fd, &time, err);
	if (rc < 0 || archive_probe(fd, &is_tar, err) < 0)
		return err->code;
	return is_tar ? unpack(b, fd, ret, err)
	              : take_text(b, fd, from_stdin ? NULL : where, time, ret, err);
}

int remote_context_get(struct build *b, const char *where, bool keep_git,
	struct remote_context *ret, struct err *err)
{
	bool git = git_source_is(where) || is_github(where);
	int rc = git ? get_git(b, where, keep_git, ret, err) : get_file(b, where, ret, err);
	AUTO_FREE char *shown = url_shown(where, git);
	if (rc < 0 && git && called_buildah())
		(void)err_wrap(err, "failed while performing \"git fetch\"");
	return rc < 0 ? err_wrap(err, "the build context '%s'", shown) : 0;
}

int remote_context_text(
	struct build *b, const char *url, char **ret, size_t *ret_len, struct err *err)
{
	time_t time;
	AUTO_FD int fd = -1;
	if (fetch(b, url, REMOTE_CONTEXT_TEXT_MAX, &fd, &time, err) < 0)
		return err->code;
	return fs_read_fd(fd, url, REMOTE_CONTEXT_TEXT_MAX, ret, ret_len, err);
}
