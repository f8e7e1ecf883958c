/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/root.h"
#include "image/media_type.h"

void document_done(struct document *d)
{
	free(d->data);
	descriptor_done(&d->desc);
	*d = (struct document){0};
}

int document_make(char *data, size_t len, const char *media_type, enum digest_alg alg,
	struct document *ret, struct err *err)
{
	AUTO_FREE char *owned = data;
	int kind;
	/* a type that says nothing (text/plain, application/octet-stream) is as good as none */
	if (media_kind(media_type) == MEDIA_UNKNOWN)
		media_type = NULL;
	int r = document_kind(data, len, media_type, &kind, err);
	if (r < 0)
		return r;
	if (kind != MEDIA_MANIFEST && kind != MEDIA_INDEX)
		return kind == MEDIA_SCHEMA1
		               ? err_set(err, ERR_UNSUPPORTED,
					 "manifest has the old format 'schema 1', which is not "
					 "supported; push the image again with a current tool")
		               : err_set(err, ERR_INVALID,
					 "document is neither a manifest nor an index");
	char *type;
	if (kind == MEDIA_MANIFEST) {
		struct manifest m;
		r = manifest_parse(data, len, media_type, &m, err);
		if (r < 0)
			return r;
		type = xstrdup(m.media_type);
		manifest_done(&m);
	} else {
		struct index ix;
		r = index_parse(data, len, media_type, &ix, err);
		if (r < 0)
			return r;
		type = xstrdup(ix.media_type);
		index_done(&ix);
	}
	*ret = (struct document){.data = take(owned),
		.len = len,
		.desc = {.media_type = type, .digest = digest_of_as(alg, data, len), .size = len}};
	return 0;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	strv_done(&s->names);
	free(s->place);
	s->ops->free(s);
}

int source_close(struct source *s, struct blob_stream *b, struct err *err)
{
	if (s->ops->close)
		return s->ops->close(s, b, err);
	if (b->fd >= 0)
		close(take_fd(&b->fd));
	return 0;
}

int source_open_file(
	int dir, bool foreign, const char *where, const char *name, int *ret_fd, struct err *err)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
	AUTO_FD int fd = foreign ? root_open(dir, name, flags, 0) : openat(dir, name, flags);
	struct stat st;
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "'%s' has no '%s'", where, name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open '%s' in '%s'", name, where);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' in '%s' is not a regular file", name, where);
	*ret_fd = take_fd(&fd);
	return 0;
}

const char *source_blame(const struct source *s)
{
	return s && s->local ? "its file is damaged" : "the registry or the network corrupted it";
}

int source_check_size(int fd, const char *where, const char *name, uint64_t size, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot stat '%s' in '%s'", name, where);
	if ((uint64_t)st.st_size == size)
		return 0;
	return err_set(err, ERR_CORRUPT, "'%s' in '%s' has %llu bytes in place of %llu", name,
		where, (unsigned long long)st.st_size, (unsigned long long)size);
}
