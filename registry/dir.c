/* SPDX-License-Identifier: Apache-2.0 */
/* dir: manifest.json, and each blob as a file that is named by its digits
 * (containers-transports(5)). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/room.h"
#include "base/strv.h"
#include "base/tmp.h"
#include "registry/lookaside.h"
#include "registry/made.h"
#include "registry/sink.h"

#define VERSION_TEXT_MAX (4 * KIB)
#define VERSION_TEXT "Directory Transport Version: 1.1\n"
#define CHILD_MANIFEST_SUFFIX ".manifest.json"

struct dir_source {
	struct source source;
	int dir;
	char *path;
};

static int open_file(const struct dir_source *s, const char *name, int *ret_fd, struct err *err)
{
	return source_open_file(s->dir, false, s->path, name, ret_fd, err);
}

static int read_document(const struct dir_source *s, const char *name, enum digest_alg alg,
	struct document *ret, struct err *err)
{
	AUTO_FD int fd = -1;
	char *data = NULL;
	size_t len = 0;
	int r = open_file(s, name, &fd, err);
	if (r == 0)
		r = fs_read_fd(fd, name, MANIFEST_MAX, &data, &len, err);
	return r < 0 ? r : document_make(data, len, NULL, alg, ret, err);
}

static int dir_top(struct source *source, struct document *ret, struct err *err)
{
	return read_document((struct dir_source *)source, "manifest.json", DIGEST_SHA256, ret, err);
}

static int dir_child(
	struct source *source, const struct descriptor *d, struct document *ret, struct err *err)
{
	char hex[DIGEST_STR_MAX];
	AUTO_FREE char *name = xasprintf("%s" CHILD_MANIFEST_SUFFIX, digest_hex(&d->digest, hex));
	return read_document((struct dir_source *)source, name, d->digest.alg, ret, err);
}

static int dir_open(
	struct source *source, const struct descriptor *d, struct blob_stream *ret, struct err *err)
{
	struct dir_source *s = (struct dir_source *)source;
	char hex[DIGEST_STR_MAX];
	AUTO_FD int fd = -1;
	int r = open_file(s, digest_hex(&d->digest, hex), &fd, err);
	if (r == 0)
		r = source_check_size(fd, s->path, hex, d->size, err);
	ret->fd = r == 0 ? take_fd(&fd) : -1;
	return r;
}

/* "signature-N", or of an index' manifest "HEX.signature-N" */
static char *signature_prefix(const struct document *doc, bool top)
{
	char hex[DIGEST_STR_MAX];
	return top ? xstrdup("") : xasprintf("%s.", digest_hex(&doc->desc.digest, hex));
}

static int dir_signatures(struct source *source, const struct document *doc, bool top,
	struct strv *ret, struct err *err)
{
	const struct dir_source *s = (const struct dir_source *)source;
	AUTO_FREE char *prefix = signature_prefix(doc, top);
	return signature_files_read(s->dir, prefix, s->path, ret, err);
}

static void dir_free(struct source *source)
{
	struct dir_source *s = (struct dir_source *)source;
	close(s->dir);
	free(s->path);
	free(s);
}

static const struct source_ops source_ops = {
	dir_top, dir_child, dir_open, NULL, dir_free, dir_signatures, NULL};

int source_dir(const char *rest, struct source **ret, struct err *err)
{
	AUTO_FD int dir = open(rest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "cannot open '%s'", rest);
	struct dir_source *s = xcalloc(1, sizeof(*s));
	*s = (struct dir_source){.source = {.ops = &source_ops, .local = true, .partial = true},
		.dir = take_fd(&dir),
		.path = xstrdup(rest)};
	*ret = &s->source;
	return 0;
}

struct dir_sink {
	struct sink sink;
	int dir;
	char *path;
	struct made made;
	struct map written; /* names of files */
};

/* Its own name, so that what was of the image before is told from it. */
static void note_file(struct dir_sink *s, const char *name)
{
	made_file(&s->made, name);
	map_set(&s->written, name, NULL);
}

static int sink_blob(
	struct sink *k, const struct descriptor *d, int fd, int64_t *ret_id, struct err *err)
{
	struct dir_sink *s = (struct dir_sink *)k;
	AUTO_FD int from = fd;
	AUTO_TMP struct tmp tmp = TMP_INIT;
	char hex[DIGEST_STR_MAX];
	*ret_id = 1;
	if (sink_check_blob(from, &d->digest, err) < 0)
		return err->code;
	note_file(s, digest_hex(&d->digest, hex));
	int r = room_check(s->dir, s->path, d->size, err);
	if (r == 0)
		r = tmp_open_nameless(&tmp, s->dir, 0644, err);
	if (r == 0 && fs_copy_data(from, tmp.fd, d->size) < 0)
		r = err_sys(err, "cannot write '%s'", hex);
	return r < 0 ? r : tmp_publish(&tmp, s->dir, hex, false, err);
}

static int put_text(
	struct dir_sink *s, const char *name, const char *text, size_t n, struct err *err)
{
	note_file(s, name);
	return fs_write_file(s->dir, name, text, n, 0644, false, err);
}

static int sink_manifest(struct sink *k, const struct document *doc, bool top, struct err *err)
{
	struct dir_sink *s = (struct dir_sink *)k;
	char hex[DIGEST_STR_MAX];
	AUTO_FREE char *name =
		top ? xstrdup("manifest.json")
		    : xasprintf("%s" CHILD_MANIFEST_SUFFIX, digest_hex(&doc->desc.digest, hex));
	/* those of an image that was there before are not this one's */
	int r = top ? signature_files_cut(s->dir, "", 1, err) : 0;
	return r < 0 ? r : put_text(s, name, doc->data, doc->len, err);
}

static int sink_signatures(struct sink *k, const struct document *doc, bool top,
	const struct strv *signatures, struct err *err)
{
	struct dir_sink *s = (struct dir_sink *)k;
	AUTO_FREE char *prefix = signature_prefix(doc, top);
	for (size_t i = 1; i <= signatures->n; i++) {
		AUTO_FREE char *name = xasprintf("%ssignature-%zu", prefix, i);
		note_file(s, name);
	}
	return signature_files_write(s->dir, prefix, signatures, err);
}

/* HEX and HEX.manifest.json, HEX.signature-N: what an image that was there before had. */
static bool is_of_images(const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");
	return (n == 64 || n == 128) && (!name[n] || streq(name + n, CHILD_MANIFEST_SUFFIX) ||
						str_has_prefix(name + n, ".signature-"));
}

static int sink_finish(struct sink *k, struct err *err)
{
	struct dir_sink *s = (struct dir_sink *)k;
	AUTO_STRV struct strv old = STRV_INIT;
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		mem_close_p(&fd);
		return err_sys(err, "cannot read the directory");
	}
	for (struct dirent *e; (e = readdir(d));)
		if (is_of_images(e->d_name) && !map_has(&s->written, e->d_name))
			strv_add(&old, e->d_name);
	closedir(d);
	STRV_FOREACH (name, &old)
		if (unlinkat(s->dir, *name, 0) < 0 && errno != ENOENT)
			return err_sys(err, "cannot remove '%s'", *name);
	made_keep(&s->made);
	return 0;
}

static void dir_sink_free(struct sink *k)
{
	struct dir_sink *s = (struct dir_sink *)k;
	made_done(&s->made);
	map_done(&s->written);
	if (s->dir >= 0)
		close(s->dir);
	free(s->path);
	free(s);
}

static const struct sink_ops sink_ops = {sink_blob, NULL, sink_manifest, sink_finish, dir_sink_free,
	NULL, NULL, NULL, sink_signatures};

/* 1: there is nothing in it, or it is not there. */
static int is_empty(const char *path)
{
	DIR *d = opendir(path);
	int r = 1;
	if (!d)
		return errno == ENOENT;
	for (struct dirent *e; r && (e = readdir(d));)
		r = streq(e->d_name, ".") || streq(e->d_name, "..");
	closedir(d);
	return r;
}

int sink_dir_may(const char *path, struct err *err)
{
	AUTO_FREE char *version = path_join(path, "version");
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	if (fs_check_dir(path, err) < 0)
		return err->code;
	if (is_empty(path) ||
		(fs_read_plain(AT_FDCWD, version, VERSION_TEXT_MAX, &text, &n, &ignored) == 0 &&
			str_has_prefix(text, "Directory Transport Version: ")))
		return 0;
	return err_set(err, ERR_EXISTS,
		"'%s' holds other files and no image of dir: (a file 'version'): not a containers "
		"image directory, don't want to overwrite important data",
		path);
}

static int open_target(struct dir_sink *s, const char *path, struct err *err)
{
	int r = made_mkdir(&s->made, path, err);
	if (r < 0)
		return r;
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return err_sys(err, "cannot open '%s'", path);
	made_in(&s->made, s->dir, "manifest.json");
	/* first, so that what a kill leaves is a place for the next push */
	return put_text(s, "version", VERSION_TEXT, strlen(VERSION_TEXT), err);
}

int sink_dir(const char *rest, struct sink **ret, struct err *err)
{
	struct dir_sink *s = xcalloc(1, sizeof(*s));
	*s = (struct dir_sink){
		.sink = {.ops = &sink_ops}, .dir = -1, .path = xstrdup(rest), .made = MADE_INIT};
	int r = sink_dir_may(rest, err);
	if (r == 0)
		r = open_target(s, rest, err);
	if (r < 0) {
		sink_free(&s->sink);
		return r;
	}
	*ret = &s->sink;
	return 0;
}
