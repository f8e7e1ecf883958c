/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stream.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_BUF (128 * KIB)

ssize_t reader_read(struct reader *r, void *p, size_t n, struct err *err)
{
	return r->read(r, p, n, err);
}

void reader_free(struct reader *r)
{
	if (r)
		r->free(r);
}

int writer_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	return n ? w->write(w, p, n, err) : 0;
}

int writer_finish(struct writer *w, struct err *err)
{
	return w->finish ? w->finish(w, err) : 0;
}

void writer_free(struct writer *w)
{
	if (w)
		w->free(w);
}

struct fd_stream {
	struct reader r;
	struct writer w;
	int fd;
	struct err failed; /* sticky; code 0 while all is well */
	char name[];
};

static struct fd_stream *fd_stream_new(int fd, const char *name)
{
	size_t n = strlen(name) + 1;
	struct fd_stream *s = xcalloc(1, sizeof(*s) + n);
	s->fd = fd;
	memcpy(s->name, name, n);
	return s;
}

static ssize_t fd_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct fd_stream *s =
		(struct fd_stream *)(void *)((char *)r - offsetof(struct fd_stream, r));
	for (;;) {
		ssize_t got = read(s->fd, p, n);
		if (got >= 0)
			return got;
		if (errno != EINTR)
			return err_sys(err, "cannot read %s", s->name);
	}
}

static void fd_reader_free(struct reader *r)
{
	free((char *)r - offsetof(struct fd_stream, r));
}

struct reader *reader_from_fd(int fd, const char *name)
{
	struct fd_stream *s = fd_stream_new(fd, name);
	s->r = (struct reader){.read = fd_read, .free = fd_reader_free};
	return &s->r;
}

static int fd_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	struct fd_stream *s =
		(struct fd_stream *)(void *)((char *)w - offsetof(struct fd_stream, w));
	if (!s->failed.code && fs_write_all(s->fd, p, n) < 0)
		(void)err_sys(&s->failed, "cannot write %s", s->name);
	if (s->failed.code)
		*err = s->failed;
	return s->failed.code;
}

static void fd_writer_free(struct writer *w)
{
	free((char *)w - offsetof(struct fd_stream, w));
}

static int output_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	struct fd_stream *s =
		(struct fd_stream *)(void *)((char *)w - offsetof(struct fd_stream, w));
	if (fd_write(w, p, n, err) == 0)
		return 0;
	room_tell_of(s->fd, s->name, &s->failed);
	*err = s->failed;
	return err->code;
}

struct writer *writer_to_output(int fd, const char *name)
{
	struct fd_stream *s = fd_stream_new(fd, name);
	s->w = (struct writer){.write = output_write, .free = fd_writer_free};
	return &s->w;
}

struct writer *writer_to_fd(int fd, const char *name)
{
	struct fd_stream *s = fd_stream_new(fd, name);
	s->w = (struct writer){.write = fd_write, .free = fd_writer_free};
	return &s->w;
}

struct mem_reader {
	struct reader r;
	const char *p;
	size_t left;
};

static ssize_t mem_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct mem_reader *m = (struct mem_reader *)r;
	(void)err;
	if (n > m->left)
		n = m->left;
	memcpy(p, m->p, n);
	m->p += n;
	m->left -= n;
	return (ssize_t)n;
}

static void plain_reader_free(struct reader *r)
{
	free(r);
}

struct reader *reader_from_mem(const void *p, size_t n)
{
	struct mem_reader *m = xcalloc(1, sizeof(*m));
	m->r = (struct reader){.read = mem_read, .free = plain_reader_free};
	m->p = p;
	m->left = n;
	return &m->r;
}

static int null_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	(void)w;
	(void)p;
	(void)n;
	(void)err;
	return 0;
}

static void plain_writer_free(struct writer *w)
{
	free(w);
}

struct writer *writer_null(void)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	*w = (struct writer){.write = null_write, .free = plain_writer_free};
	return w;
}

void hashed_init(struct hashed *h, enum digest_alg alg)
{
	hash_init(&h->hash, alg);
	h->count = 0;
}

static void hashed_update(struct hashed *h, const void *p, size_t n)
{
	hash_update(&h->hash, p, n);
	h->count += n;
}

struct hash_reader {
	struct reader r;
	struct reader *below;
	struct hashed *h;
};

static ssize_t hash_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct hash_reader *h = (struct hash_reader *)r;
	ssize_t got = reader_read(h->below, p, n, err);
	if (got > 0)
		hashed_update(h->h, p, (size_t)got);
	return got;
}

struct reader *reader_hashed(struct reader *below, struct hashed *h)
{
	struct hash_reader *r = xcalloc(1, sizeof(*r));
	r->r = (struct reader){.read = hash_read, .free = plain_reader_free};
	r->below = below;
	r->h = h;
	return &r->r;
}

struct hash_writer {
	struct writer w;
	struct writer *below;
	struct hashed *h;
};

static int hash_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	struct hash_writer *h = (struct hash_writer *)w;
	hashed_update(h->h, p, n);
	return writer_write(h->below, p, n, err);
}

struct writer *writer_hashed(struct writer *below, struct hashed *h)
{
	struct hash_writer *w = xcalloc(1, sizeof(*w));
	w->w = (struct writer){.write = hash_write, .free = plain_writer_free};
	w->below = below;
	w->h = h;
	return &w->w;
}

struct limit_reader {
	struct reader r;
	struct reader *below;
	uint64_t max, seen;
	char what[];
};

static ssize_t limit_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct limit_reader *l = (struct limit_reader *)r;
	ssize_t got = reader_read(l->below, p, n, err);
	if (got <= 0)
		return got;
	l->seen += (uint64_t)got;
	if (l->seen > l->max)
		return err_set(err, ERR_LIMIT, "%s is larger than %llu bytes", l->what,
			(unsigned long long)l->max);
	return got;
}

struct reader *reader_limit(struct reader *below, uint64_t max, const char *what)
{
	size_t n = strlen(what) + 1;
	struct limit_reader *l = xcalloc(1, sizeof(*l) + n);
	l->r = (struct reader){.read = limit_read, .free = plain_reader_free};
	l->below = below;
	l->max = max;
	memcpy(l->what, what, n);
	return &l->r;
}

int stream_copy(struct reader *r, struct writer *w, uint64_t *ret_n, struct err *err)
{
	AUTO_FREE char *buf = xmalloc(COPY_BUF);
	uint64_t total = 0;
	for (;;) {
		ssize_t n = reader_read(r, buf, COPY_BUF, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		if (writer_write(w, buf, (size_t)n, err) < 0)
			return err->code;
		total += (uint64_t)n;
	}
	if (ret_n)
		*ret_n = total;
	return 0;
}

int stream_drain(struct reader *r, struct err *err)
{
	AUTO_FREE char *buf = xmalloc(COPY_BUF);
	for (;;) {
		ssize_t n = reader_read(r, buf, COPY_BUF, err);
		if (n <= 0)
			return (int)n;
	}
}
