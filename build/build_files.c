/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_files.h"

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root.h"
#include "base/strv.h"
#include "build/as_buildah.h"
#include "build/build.h"
#include "build/build_internal.h"
#include "build/contexts.h"
#include "build/file_ignore.h"
#include "build/file_parse.h"
#include "build/include.h"
#include "build/preprocess.h"
#include "build/remote_context.h"
#include "build/suggest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (16 * MIB) /* a Containerfile */
#define IGNORE_FILE_MAX (1 * MIB)
#define NAMES_MAX 1000 /* of a directory that are looked at for one that is meant */

/* A file below the context is read through it: a link that somebody put there must not lead to a
 * file of the host, lines of which an error would then show. */
struct place {
	char *path; /* below the context, else as the user gave it; "-" is standard input */
	bool in_context;
	bool is_url;
	bool is_context; /* the context was a Containerfile: path is its name */
};

/* A name in the context's directory that may be meant: one like `typed`, or, when nothing was, one
 * that says what it is. New string or NULL. */
static char *similar_name(const struct build *b, const char *typed)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int fd = openat(b->context_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		mem_close_p(&fd);
		return NULL;
	}
	for (const struct dirent *d; names.n < NAMES_MAX && (d = readdir(dir));)
		if (typed || strcasestr(d->d_name, "dockerfile") ||
			strcasestr(d->d_name, "containerfile"))
			strv_add(&names, d->d_name);
	closedir(dir);
	strv_sort(&names);
	const char *found = typed     ? suggest(typed, (const char *const *)names.v, names.n)
	                    : names.n ? names.v[0]
	                              : NULL;
	return found ? xstrdup(found) : NULL;
}

/* Without -f: Containerfile, then Dockerfile of the context, also as BuildKit has it at last. */
static int default_file(const struct build *b, struct place *ret, struct err *err)
{
	static const char *const names[] = {"Containerfile", "Dockerfile", "dockerfile"};
	struct stat st;
	if (b->context_text) {
		bool standard_input = streq(b->o->context, "-");
		*ret = (struct place){.path = xstrdup(standard_input ? "stdin" : b->context_name),
			.is_context = true};
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (root_lstat(b->context_fd, names[i], &st) == 0) {
			*ret = (struct place){.path = xstrdup(names[i]), .in_context = true};
			return 0;
		}
	}
	AUTO_FREE char *near = similar_name(b, NULL);
	return err_set(err, ERR_NOT_FOUND,
		"cannot find Containerfile or Dockerfile in '%s': no such file or directory; name "
		"one with -f%s%s%s",
		b->context_name, near ? ", such as '" : "", near ? near : "", near ? "'" : "");
}

/* Does the path go above where it starts? */
static bool climbs_out(const char *path)
{
	long depth = 0;
	for (const char *p = path; *p && depth >= 0; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");
		if (n == 2 && strncmp(p, "..", 2) == 0)
			depth--;
		else if (n && !(n == 1 && *p == '.'))
			depth++;
		p += n;
	}
	return depth < 0;
}

/* What follows the context's directory in the path, NULL when the path does not lead through it.
 * Directories are compared, not words: each may be written in many ways. */
static char *part_in_context(const struct build *b, const char *given)
{
	struct stat context, st;
	AUTO_FREE char *cwd = *given == '/' ? xstrdup("") : getcwd(NULL, 0);
	if (!cwd || fstat(b->context_fd, &context) < 0)
		return NULL;
	/* nothing is outside of "/" */
	if (stat("/", &st) == 0 && st.st_dev == context.st_dev && st.st_ino == context.st_ino)
		return NULL;
	AUTO_FREE char *path = xasprintf("%s/%s", cwd, given);
	const char *rest = NULL;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (stat(path, &st) == 0 && st.st_dev == context.st_dev &&
			st.st_ino == context.st_ino)
			rest = slash + 1 + strspn(slash + 1, "/");
		*slash = '/';
	}
	return rest && !climbs_out(rest) ? xstrdup(rest) : NULL;
}

static int is_directory(const char *given, struct err *err)
{
	if (called_buildah())
		return err_set(err, ERR_INVALID,
			"containerfile: \"%s\" cannot be path to a directory", given);
	return err_set(
		err, ERR_INVALID, "-f %s: it is a directory; name a Containerfile in it", given);
}

/* As given, else below the context, as buildah looks for it; the other way round when the context
 * is not of this machine. */
static int find_file(const struct build *b, const char *given, struct place *ret, struct err *err)
{
	struct stat st;
	char *inside = b->remote_context ? NULL : part_in_context(b, given);
	if (b->remote_context && root_lstat(b->context_fd, given, &st) == 0)
		inside = xstrdup(given);
	if (!inside && stat(given, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return is_directory(given, err);
		*ret = (struct place){.path = xstrdup(given)};
		return 0;
	}
	int why = errno;
	if (inside && root_lstat(b->context_fd, inside, &st) < 0) {
		why = errno;
		mem_replace(&inside, NULL);
	}
	if (!inside && given[0] != '/' && root_lstat(b->context_fd, given, &st) == 0)
		inside = xstrdup(given);
	errno = why;
	if (!inside && why == ENOTDIR)
		return err_sys(err, "cannot open %s", given);
	if (!inside) {
		AUTO_FREE char *near = similar_name(b, path_base(given));
		return err_set(err, ERR_NOT_FOUND,
			"cannot open '%s': no such file here or in the context%s%s%s", given,
			near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	*ret = (struct place){.path = inside, .in_context = true};
	if (S_ISDIR(st.st_mode))
		return is_directory(given, err);
	return 0;
}

static int read_place(struct build *b, const struct place *p, const char *suffix, size_t max,
	char **ret_text, size_t *ret_len, struct err *err)
{
	if (p->is_url && *suffix)
		return err_set(err, ERR_NOT_FOUND, "no file beside a URL");
	if (p->is_url)
		return remote_context_text(b, p->path, ret_text, ret_len, err);
	AUTO_FREE char *path = xasprintf("%s%s", p->path, suffix);
	if (p->in_context)
		return context_read_file(b->context_fd, path, max, ret_text, ret_len, err);
	/* a FIFO is fine here: the user named it */
	return fs_read_file(AT_FDCWD, path, max, ret_text, ret_len, err);
}

static int read_file(struct build *b, const struct place *p, struct containerfile **files,
	size_t *n, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	struct containerfile f = {0};
	bool standard_input = !p->in_context && streq(p->path, "-");
	const char *name = standard_input ? "stdin" : p->path;
	if (p->is_context) {
		text = take(b->context_text);
		len = b->context_text_len;
	}
	int rc = p->is_context ? 0
	         : standard_input
	                 ? fs_read_fd(STDIN_FILENO, "standard input", FILE_MAX, &text, &len, err)
	                 : read_place(b, p, "", FILE_MAX, &text, &len, err);
	if (rc == 0 && !len && p->in_context)
		rc = err_set(err, ERR_INVALID, "no contents in \"%s/%s\": it needs a FROM at least",
			b->context_name, p->path);
	if (rc == 0)
		rc = preprocess(b, p->path, &text, &len, err);
	/* a check shows what it is about, also when that cannot be read */
	if (rc == 0 && b->o->call == BUILD_CALL_CHECK)
		(void)lint_text_source(&b->result->lint, name, text, len);
	if (rc < 0)
		return rc;
	if ((*n ? containerfile_parse_further : containerfile_parse)(name, text, len, &f, err) < 0)
		return as_buildah_parse_error(p->path, *n > 0, err);
	*files = xreallocarray(*files, *n + 1, sizeof(**files));
	(*files)[(*n)++] = f;
	return 0;
}

static int find(const struct build *b, size_t i, struct place *ret, struct err *err)
{
	const struct strv *given = &b->o->files;
	if (given->n == 0)
		return default_file(b, ret, err);
	if (b->context_text)
		return err_set(err, ERR_INVALID,
			"the build context '%s' is a Containerfile: it cannot be combined with -f",
			streq(b->o->context, "-") ? "-" : b->context_name);
	bool url =
		str_has_prefix(given->v[i], "http://") || str_has_prefix(given->v[i], "https://");
	if (url) {
		*ret = (struct place){.path = xstrdup(given->v[i]), .is_url = true};
		return 0;
	}
	if (!streq(given->v[i], "-"))
		return find_file(b, given->v[i], ret, err);
	if (b->o->context && streq(b->o->context, "-"))
		return err_set(
			err, ERR_INVALID, "-f - and the context '-' cannot both be standard input");
	*ret = (struct place){.path = xstrdup("-")};
	return 0;
}

static int use_ignore_file(
	struct build *b, const char *name, const char *text, size_t len, struct err *err)
{
	b->ignore_name = xstrdup(name);
	return ignore_parse(name, text, len, &b->ignore, err);
}

/* --ignorefile; else, of a context of this machine, FILE.containerignore and FILE.dockerignore
 * beside the first Containerfile; else the context's own. */
static int read_ignore(struct build *b, const struct place *file, struct err *err)
{
	static const char *const suffixes[] = {".containerignore", ".dockerignore"};
	AUTO_FREE char *text = NULL;
	size_t len;
	if (b->o->ignore_file) {
		if (fs_read_file(AT_FDCWD, b->o->ignore_file, IGNORE_FILE_MAX, &text, &len, err) <
			0)
			return err_wrap(err, "option '--ignorefile'");
		return use_ignore_file(b, b->o->ignore_file, text, len, err);
	}
	if (b->remote_context)
		return 0;
	bool beside =
		file->in_context || (!streq(file->path, "-") && !file->is_url && !file->is_context);
	for (size_t i = 0; beside && i < ARRAY_LEN(suffixes); i++) {
		AUTO_FREE char *name = xasprintf("%s%s", file->path, suffixes[i]);
		int rc = read_place(b, file, suffixes[i], IGNORE_FILE_MAX, &text, &len, err);
		if (rc == 0)
			return use_ignore_file(b, name, text, len, err);
		if (rc != ERR_NOT_FOUND)
			return rc;
		err_clear(err);
	}
	return context_read_ignore(b->context_fd, &b->ignore_name, &b->ignore, err);
}

int build_files_read(struct build *b, struct containerfile **files, size_t *n, struct err *err)
{
	size_t wanted = b->o->files.n ? b->o->files.n : 1;
	struct place *places = xcalloc(wanted, sizeof(*places));
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < wanted; i++) {
		rc = find(b, i, &places[i], err);
		if (rc == 0)
			rc = read_file(b, &places[i], files, n, err);
	}
	if (rc == 0)
		rc = include_read(b, files, n, err);
	if (rc == 0)
		rc = read_ignore(b, &places[0], err);
	for (size_t i = 0; i < wanted; i++)
		free(places[i].path);
	free(places);
	return rc;
}
