/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/gzip_stream.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/zstd_stream.h"
#include "layers/apply.h"
#include "layers/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BYTES_DEFAULT (1024 * GIB)

/*
 * The blob's bytes, hashed and copied as they come. A blob that is longer than its descriptor says
 * fails here at once, whatever the reader above makes of it; what lies above sees only verified
 * amounts.
 */
struct intake {
	struct reader r;
	struct reader *fd;
	struct writer *copy; /* or NULL */
	struct hashed hash;
	uint64_t max;
	struct err failed;
};

static ssize_t intake_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct intake *in = (struct intake *)r;
	if (in->failed.code) {
		*err = in->failed;
		return err->code;
	}
	ssize_t got = reader_read(in->fd, p, n, &in->failed);
	if (got > 0) {
		hash_update(&in->hash.hash, p, (size_t)got);
		in->hash.count += (uint64_t)got;
		if (in->max && in->hash.count > in->max)
			(void)err_set(&in->failed, ERR_CORRUPT,
				"the blob is larger than %llu bytes", (unsigned long long)in->max);
		else if (in->copy)
			(void)!writer_write(in->copy, p, (size_t)got, &in->failed);
	}
	if (in->failed.code) {
		*err = in->failed;
		return err->code;
	}
	return got;
}

static int unpack(struct reader *tar, const struct intake *in, const struct layer_receive *r,
	int root, struct layer *ret, struct err *err)
{
	if (r->dir < 0)
		return stream_drain(tar, err);
	struct apply_stats stats = {0};
	struct apply_opts opts = r->opts;
	opts.limits.packed = &in->hash.count;
	if (layer_apply(tar, root, &opts, &stats, err) < 0)
		return err->code;
	ret->content = stats.content;
	ret->entries = stats.entries;
	return 0;
}

/* *ret_plain: the blob is the tar itself, so its digest is the diff ID and need not be computed
 * twice. */
static int decode(struct intake *in, const struct layer_receive *r, int root, struct layer *ret,
	bool *ret_plain, struct err *err)
{
	AUTO_READER struct reader *peek = NULL;
	enum archive_kind kind = ARCHIVE_KIND_PLAIN;
	if (archive_peek(&in->r, &peek, &kind, err) < 0)
		return err->code;
	AUTO_READER struct reader *unpacked = NULL;
	switch (kind) {
	case ARCHIVE_KIND_GZIP:
		unpacked = reader_gunzip(peek);
		break;
	case ARCHIVE_KIND_ZSTD:
		unpacked = reader_unzstd(peek);
		break;
	case ARCHIVE_KIND_BZIP2:
	case ARCHIVE_KIND_XZ:
		return err_set(err, ERR_UNSUPPORTED, "a layer compressed with %s is not supported",
			kind == ARCHIVE_KIND_XZ ? "xz" : "bzip2");
	case ARCHIVE_KIND_PLAIN:
		break;
	}
	uint64_t max = r->opts.limits.max_bytes ? r->opts.limits.max_bytes : BYTES_DEFAULT;
	AUTO_READER struct reader *limited =
		reader_limit(unpacked ? unpacked : peek, max, "the unpacked layer");
	if (!unpacked && r->blob_alg == r->diff_alg) {
		*ret_plain = true;
		return unpack(limited, in, r, root, ret, err);
	}
	struct hashed tar;
	hashed_init(&tar, r->diff_alg);
	AUTO_READER struct reader *hashing = reader_hashed(limited, &tar);
	if (unpack(hashing, in, r, root, ret, err) < 0)
		return err->code;
	ret->diff_id = hash_final(&tar.hash);
	ret->diff_size = tar.count;
	return 0;
}

static int confine(const struct layer_receive *r, int *ret_root, struct err *err)
{
	int keep[] = {r->in, r->copy};
	if (layer_confine(r->dir, keep, ARRAY_LEN(keep), err) < 0)
		return err->code;
	if (r->dir < 0)
		return 0;
	*ret_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_root < 0 ? err_sys(err, "cannot open the confined root") : 0;
}

int layer_receive(const struct layer_receive *r, struct layer *ret, struct err *err)
{
	AUTO_FD int root = -1;
	if (confine(r, &root, err) < 0)
		return err->code;
	AUTO_READER struct reader *fd = reader_from_fd(r->in, "the layer");
	AUTO_WRITER struct writer *copy =
		r->copy >= 0 ? writer_to_fd(r->copy, "the blob file") : NULL;
	struct intake *in = xcalloc(1, sizeof(*in));
	in->r.read = intake_read;
	in->fd = fd;
	in->copy = copy;
	in->max = r->max_blob;
	hashed_init(&in->hash, r->blob_alg);
	struct layer l = {0};
	bool plain = false;
	int code = decode(in, r, root, &l, &plain, err);
	/* to the end in any case: the sender must not block, and what the transfer itself failed
	 * with comes first only when nothing failed before */
	struct err late = ERR_INIT;
	if (stream_drain(&in->r, code == 0 ? err : &late) < 0 && code == 0)
		code = err->code;
	if (code == 0 && copy)
		code = writer_finish(copy, err);
	if (code == 0) {
		l.blob = hash_final(&in->hash.hash);
		l.blob_size = in->hash.count;
		if (plain) {
			l.diff_id = l.blob;
			l.diff_size = l.blob_size;
		}
		*ret = l;
	}
	free(in);
	return code;
}
