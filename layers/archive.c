/* SPDX-License-Identifier: Apache-2.0 */
/* Archives by their content: the compressions that layers and ADD take, all decoded in this
 * process. */
#include "layers/archive.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/gzip_stream.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/zstd_stream.h"
#include "layers/apply_internal.h"
#include "layers/tar_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_ENTRY 512 /* an entry's header counts as content: there may be many of nothing */

static const struct {
	const char *magic;
	unsigned n;
	enum archive_kind kind;
} magics[] = {
	{"\x1f\x8b", 2, ARCHIVE_KIND_GZIP}, {"\x28\xb5\x2f\xfd", 4, ARCHIVE_KIND_ZSTD},
	{"BZh", 3, ARCHIVE_KIND_BZIP2},
	{"\xfd"
	 "7zXZ",
		6, ARCHIVE_KIND_XZ}, /* with its final NUL */
};

enum archive_kind archive_kind(const void *p, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		if (n >= magics[i].n && memcmp(p, magics[i].magic, magics[i].n) == 0)
			return magics[i].kind;
	/* a zstd stream may begin with a skippable frame (RFC 8878 3.1.2): 0x184d2a5? little endian
	 */
	const unsigned char *b = p;
	if (n >= 4 && (b[0] & 0xf0) == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18)
		return ARCHIVE_KIND_ZSTD;
	return ARCHIVE_KIND_PLAIN;
}

struct peek {
	struct reader r;
	struct reader *below;
	size_t at, n;
	char head[ARCHIVE_HEAD];
};

static ssize_t peek_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct peek *k = (struct peek *)r;
	if (k->at == k->n)
		return reader_read(k->below, p, n, err);
	if (n > k->n - k->at)
		n = k->n - k->at;
	memcpy(p, k->head + k->at, n);
	k->at += n;
	return (ssize_t)n;
}

static void peek_free(struct reader *r)
{
	free(r);
}

int archive_peek(
	struct reader *below, struct reader **ret, enum archive_kind *ret_kind, struct err *err)
{
	struct peek *k = xcalloc(1, sizeof(*k));
	k->r = (struct reader){.read = peek_read, .free = peek_free};
	k->below = below;
	while (k->n < sizeof(k->head)) {
		ssize_t got = reader_read(below, k->head + k->n, sizeof(k->head) - k->n, err);
		if (got < 0) {
			free(k);
			return (int)got;
		}
		if (got == 0)
			break;
		k->n += (size_t)got;
	}
	*ret_kind = archive_kind(k->head, k->n);
	*ret = &k->r;
	return 0;
}

/* Counts what was read of the archive as it is packed. */
struct counted {
	struct reader r;
	struct reader *below;
	uint64_t n;
};

static ssize_t counted_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct counted *c = (struct counted *)r;
	ssize_t got = reader_read(c->below, p, n, err);
	if (got > 0)
		c->n += (uint64_t)got;
	return got;
}

/* The chain from a descriptor to its unpacked bytes. */
struct source {
	struct reader *fd, *peek, *unpacked;
	struct counted counted;
	struct tar_reader *tar;
	bool gzip; /* what unpacked undoes */
};

static void source_done(struct source *s)
{
	tar_reader_free(s->tar);
	reader_free(s->unpacked);
	reader_free(s->peek);
	reader_free(s->fd);
}

static int source_open(struct source *s, int fd, struct err *err)
{
	enum archive_kind kind = ARCHIVE_KIND_PLAIN;
	s->fd = reader_from_fd(fd, "the archive");
	s->counted = (struct counted){.r = {.read = counted_read}, .below = s->fd};
	if (archive_peek(&s->counted.r, &s->peek, &kind, err) < 0)
		return err->code;
	s->gzip = kind == ARCHIVE_KIND_GZIP;
	if (s->gzip)
		s->unpacked = reader_gunzip(s->peek);
	else if (kind == ARCHIVE_KIND_ZSTD)
		s->unpacked = reader_unzstd(s->peek);
	bool filters = kind == ARCHIVE_KIND_BZIP2 || kind == ARCHIVE_KIND_XZ;
	return tar_reader_open(
		s->unpacked ? s->unpacked : s->peek, filters ? TAR_READ_FILTERS : 0, &s->tar, err);
}

int archive_probe(int fd, bool *ret_is_tar, struct err *err)
{
	off_t before = lseek(fd, 0, SEEK_CUR);
	if (before < 0)
		return err_sys(err, "cannot look into the archive");
	struct source s = {0};
	struct tar_entry e;
	struct err why = ERR_INIT;
	/* docker's rule: an archive is what has a first entry; an empty tar is a file like any
	 * other */
	int code = source_open(&s, fd, &why);
	if (code == 0)
		code = tar_reader_next(s.tar, &e, &why);
	source_done(&s);
	if (lseek(fd, before, SEEK_SET) < 0)
		return err_sys(err, "cannot look into the archive");
	if (code < 0 && why.code == ERR_SYS) {
		*err = why;
		return err->code;
	}
	*ret_is_tar = code == 1;
	return 0;
}

/* A checksum stands behind all that it is of. Garbage behind that is nobody's, as for tar(1). */
static int read_trailer(const struct source *s, struct err *err)
{
	struct err why = ERR_INIT;
	if (!s->unpacked || stream_drain(s->unpacked, &why) == 0 ||
		(s->gzip && reader_gunzip_is_whole(s->unpacked)))
		return 0;
	*err = why;
	return err->code;
}

int archive_extract(
	int fd, int dirfd, const struct apply_opts *opts, struct apply_stats *ret, struct err *err)
{
	struct source s = {0};
	struct apply_opts counted = *opts;
	counted.limits.packed = &s.counted.n;
	int code = source_open(&s, fd, err);
	if (code == 0)
		code = apply_archive(s.tar, dirfd, &counted, ret, err);
	if (code == 0)
		code = read_trailer(&s, err);
	source_done(&s);
	/* libarchive's opinion is another: what should have written it has failed */
	if (code == 0 && s.counted.n == 0)
		code = err_set(err, ERR_INVALID, "it is empty, not even an archive of nothing");
	return code;
}

struct unpack {
	int archive, dir;
	const struct apply_opts *opts;
};

static int unpack_job(void *arg, struct buf *out, struct err *err)
{
	const struct unpack *u = arg;
	const int keep[] = {u->archive};
	struct apply_stats stats;
	(void)out;
	if (layer_confine(u->dir, keep, ARRAY_LEN(keep), err) < 0)
		return err->code;
	AUTO_FD int here = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (here < 0)
		return err_sys(err, "cannot open the directory to unpack into");
	return archive_extract(u->archive, here, u->opts, &stats, err);
}

int archive_unpack(int fd, int dir, const struct apply_opts *opts, struct err *err)
{
	struct unpack u = {.archive = fd, .dir = dir, .opts = opts};
	return job_run(unpack_job, &u, NULL, err);
}

struct look {
	int archive;
	uint64_t max;
};

/* Until more than max bytes of content were seen: what archive_extract() would say of them. */
static int look_through(struct source *s, uint64_t max, struct err *err)
{
	struct tar_entry e;
	const void *data;
	size_t n;
	uint64_t offset, seen = 0;
	int code;
	while ((code = tar_reader_next(s->tar, &e, err)) == 1) {
		while ((code = tar_reader_data(s->tar, &data, &n, &offset, err)) == 1) {
			seen += n;
			if (seen > max)
				return 0;
		}
		if (code < 0)
			return code;
		seen += LOOK_ENTRY;
	}
	return code < 0 ? code : read_trailer(s, err);
}

static int look_job(void *arg, struct buf *out, struct err *err)
{
	const struct look *l = arg;
	struct source s = {0};
	bool is_tar = false;
	(void)out;
	if (layer_confine(-1, &l->archive, 1, err) < 0 ||
		archive_probe(l->archive, &is_tar, err) < 0)
		return err->code;
	if (!is_tar)
		return 0;
	int code = source_open(&s, l->archive, err);
	if (code == 0)
		code = look_through(&s, l->max, err);
	source_done(&s);
	return code;
}

int archive_look(int fd, uint64_t max, struct err *err)
{
	struct look l = {.archive = fd, .max = max};
	return job_run(look_job, &l, NULL, err);
}

static int begin_job(void *arg, struct buf *out, struct err *err)
{
	const int *fd = arg;
	struct source s = {0};
	struct tar_entry e;
	int code = layer_confine(-1, fd, 1, err);
	if (code == 0)
		code = source_open(&s, *fd, err);
	if (code == 0)
		code = tar_reader_next(s.tar, &e, err);
	source_done(&s);
	buf_addch(out, code == 1 ? 'f' : 'e');
	return code < 0 ? code : 0;
}

int archive_begin(int fd, bool *ret_empty, struct err *err)
{
	AUTO_BUF struct buf out = BUF_INIT(1);
	int r = job_run(begin_job, &fd, &out, err);
	if (r == 0)
		*ret_empty = streq(buf_str(&out), "e");
	return r;
}
