/* SPDX-License-Identifier: Apache-2.0 */
/* dir: manifest.json, and each blob as a file that is named by its digits
 * (containers-transports(5)). */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "registry/sink.h"

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

static int read_document(
	const struct dir_source *s, const char *name, struct document *ret, struct err *err)
{
	AUTO_FD int fd = -1;
	char *data = NULL;
	size_t len = 0;
	int r = open_file(s, name, &fd, err);
	if (r == 0)
		r = fs_read_fd(fd, name, MANIFEST_MAX, &data, &len, err);
	return r < 0 ? r : document_make(data, len, NULL, ret, err);
}

static int dir_top(struct source *source, struct document *ret, struct err *err)
{
	return read_document((struct dir_source *)source, "manifest.json", ret, err);
}

static int dir_child(
	struct source *source, const struct descriptor *d, struct document *ret, struct err *err)
{
	char hex[DIGEST_STR_MAX];
	AUTO_FREE char *name = xasprintf("%s" CHILD_MANIFEST_SUFFIX, digest_hex(&d->digest, hex));
	return read_document((struct dir_source *)source, name, ret, err);
}

static int dir_open(
	struct source *source, const struct descriptor *d, struct blob_stream *ret, struct err *err)
{
	char hex[DIGEST_STR_MAX];
	return open_file((struct dir_source *)source, digest_hex(&d->digest, hex), &ret->fd, err);
}

static void dir_free(struct source *source)
{
	struct dir_source *s = (struct dir_source *)source;
	close(s->dir);
	free(s->path);
	free(s);
}

static const struct source_ops source_ops = {dir_top, dir_child, dir_open, NULL, dir_free};

int source_dir(const char *rest, struct source **ret, struct err *err)
{
	AUTO_FD int dir = open(rest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "cannot open '%s'", rest);
	struct dir_source *s = xcalloc(1, sizeof(*s));
	*s = (struct dir_source){.source = {.ops = &source_ops, .local = true, .partial = true},
		.dir = take_fd(&dir),
		.path = xstrdup(rest)};
	location_store_name(rest, NULL, &s->source.names);
	*ret = &s->source;
	return 0;
}

struct dir_sink {
	struct sink sink;
	int dir;
};

static int sink_blob(
	struct sink *k, const struct descriptor *d, int fd, int64_t *ret_id, struct err *err)
{
	struct dir_sink *s = (struct dir_sink *)k;
	AUTO_FD int from = fd;
	char hex[DIGEST_STR_MAX];
	AUTO_FD int to = openat(s->dir, digest_hex(&d->digest, hex),
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	*ret_id = 1;
	if (to < 0 || fs_copy_data(from, to, d->size) < 0)
		return err_sys(err, "cannot write '%s'", hex);
	return 0;
}

static int sink_manifest(struct sink *k, const struct document *doc, bool top, struct err *err)
{
	struct dir_sink *s = (struct dir_sink *)k;
	char hex[DIGEST_STR_MAX];
	AUTO_FREE char *name =
		top ? xstrdup("manifest.json")
		    : xasprintf("%s" CHILD_MANIFEST_SUFFIX, digest_hex(&doc->desc.digest, hex));
	return fs_write_file(s->dir, name, doc->data, doc->len, 0644, false, err);
}

static int sink_finish(struct sink *k, struct err *err)
{
	return fs_write_file(((struct dir_sink *)k)->dir, "version", VERSION_TEXT,
		strlen(VERSION_TEXT), 0644, false, err);
}

static void dir_sink_free(struct sink *k)
{
	close(((struct dir_sink *)k)->dir);
	free(k);
}

static const struct sink_ops sink_ops = {
	sink_blob, NULL, sink_manifest, sink_finish, dir_sink_free, NULL, NULL, NULL};

int sink_dir(const char *rest, struct sink **ret, struct err *err)
{
	int r = fs_mkdir_p(rest, 0755, err);
	if (r < 0)
		return r;
	AUTO_FD int dir = open(rest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "cannot open '%s'", rest);
	struct dir_sink *s = xcalloc(1, sizeof(*s));
	*s = (struct dir_sink){.sink = {.ops = &sink_ops}, .dir = take_fd(&dir)};
	*ret = &s->sink;
	return 0;
}
