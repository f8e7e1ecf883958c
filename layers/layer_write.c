/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/layer_write.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/gzip_stream.h"
#include "base/job.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/zstd_stream.h"
#include "layers/pack.h"
#include "layers/tar_write.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIPE_SIZE (1 * MIB) /* fs.pipe-max-size without privilege */

struct archived {
	struct digest diff_id;
	uint64_t diff_size;
	struct layer_count count;
};

struct archiver {
	const struct layer_write *l;
	int pipe[2];
};

/* The tar to out, hashed. */
static int archive(
	const struct layer_write *l, struct writer *out, struct archived *ret, struct err *err)
{
	struct hashed hash;
	struct layer_count count = {0};
	hashed_init(&hash, DIGEST_SHA256);
	AUTO_WRITER struct writer *hashing = writer_hashed(out, &hash);
	AUTO_TAR_WRITER struct tar_writer *tar = tar_writer_new(hashing);
	if (l->put(l->arg, tar, &count, err) < 0 || tar_writer_end(tar, err) < 0)
		return err->code;
	*ret = (struct archived){
		.diff_id = hash_final(&hash.hash), .diff_size = hash.count, .count = count};
	return 0;
}

static int archive_into(void *arg, struct writer *to, struct buf *out, struct err *err)
{
	const struct archiver *a = arg;
	struct archived got;
	if (archive(a->l, to, &got, err) < 0)
		return err->code;
	buf_add(out, &got, sizeof(got));
	return 0;
}

static int archiver_main(void *arg, struct buf *out, struct err *err)
{
	struct archiver *a = arg;
	close(a->pipe[0]);
	AUTO_WRITER struct writer *w = writer_to_fd(a->pipe[1], "the compressor's pipe");
	return archive_into(a, w, out, err);
}

/* A child archives and hashes, this process compresses: both cores are used, and `out` stays ours.
 */
static int archive_by_pipe(
	struct archiver *arg, struct writer *out, struct buf *result, struct err *err)
{
	struct archiver a = *arg;
	if (pipe2(a.pipe, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	(void)fcntl(a.pipe[1], F_SETPIPE_SZ, PIPE_SIZE);
	struct job job = {0};
	int code = job_start(&job, archiver_main, &a, err);
	close(a.pipe[1]);
	if (code == 0) {
		AUTO_READER struct reader *in = reader_from_fd(a.pipe[0], "the archiver's pipe");
		code = stream_copy(in, out, NULL, err);
	}
	close(a.pipe[0]);
	if (code < 0) {
		job_cancel(&job);
		return code;
	}
	return job_collect(&job, true, result, err);
}

static int write_back_main(void *arg, struct buf *out, struct err *err)
{
	const struct archiver *a = arg;
	(void)out;
	return syncfs(a->l->dir) < 0 ? err_sys(err, "cannot write back") : 0;
}

/* counted: where the packed bytes go. */
static int archive_parallel(const struct layer_write *l, const struct diff_opts *opts,
	struct writer *counted, struct archived *ret, struct err *err)
{
	struct archiver a = {.l = l};
	AUTO_BUF struct buf result = BUF_INIT(sizeof(*ret));
	struct job write_back = {0};
	struct err ignored = ERR_INIT;
	int code;
	/* it may fail: who needs it on disk syncs it, and finds most of it done */
	if (opts->write_back && job_start(&write_back, write_back_main, &a, &ignored) < 0)
		log_debug("%s", ignored.msg);
	if (opts->compression == COMPRESSION_GZIP) {
		struct pack p = {.make = archive_into, .arg = &a, .level = opts->level};
		code = pack_gzip(&p, counted, &result, err);
	} else {
		AUTO_WRITER struct writer *packer = writer_zstd(counted, opts->level);
		code = archive_by_pipe(&a, packer, &result, err);
		if (code == 0)
			code = writer_finish(packer, err);
	}
	job_cancel(&write_back);
	if (code < 0)
		return code;
	if (result.len != sizeof(*ret))
		return err_set(err, ERR_SYS, "the archiver gave no result");
	memcpy(ret, result.data, sizeof(*ret));
	return 0;
}

/* In this process. */
static int archive_alone(const struct layer_write *l, const struct diff_opts *opts,
	struct writer *counted, struct archived *ret, struct err *err)
{
	AUTO_WRITER struct writer *packer = NULL;
	switch (opts->compression) {
	case COMPRESSION_NONE:
		break;
	case COMPRESSION_GZIP:
		packer = writer_gzip(counted, opts->level);
		break;
	case COMPRESSION_ZSTD:
		packer = writer_zstd(counted, opts->level);
		break;
	}
	if (archive(l, packer ? packer : counted, ret, err) < 0)
		return err->code;
	return packer ? writer_finish(packer, err) : 0;
}

int layer_write(const struct layer_write *l, const struct diff_opts *opts, struct writer *out,
	struct layer *ret, struct err *err)
{
	bool packed = opts->compression != COMPRESSION_NONE;
	struct hashed blob;
	hashed_init(&blob, DIGEST_SHA256);
	AUTO_WRITER struct writer *counted = packed ? writer_hashed(out, &blob) : NULL;
	struct archived got;
	int code = packed && l->large ? archive_parallel(l, opts, counted, &got, err)
	                              : archive_alone(l, opts, packed ? counted : out, &got, err);
	if (code < 0)
		return code;
	*ret = (struct layer){
		.diff_id = got.diff_id,
		.diff_size = got.diff_size,
		.content = got.count.content,
		.entries = got.count.entries,
		.blob = packed ? hash_final(&blob.hash) : got.diff_id,
		.blob_size = packed ? blob.count : got.diff_size,
	};
	return 0;
}
