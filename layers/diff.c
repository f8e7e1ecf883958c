/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/diff.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/gzip_stream.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/proc.h"
#include "base/stream.h"
#include "base/xattr.h"
#include "base/zstd_stream.h"
#include "layers/pack.h"
#include "layers/tar_write.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* From here on archiving and compressing run in two processes; below, forking costs more than it
 * gains. */
#define PARALLEL_BYTES (4 * MIB)
#define PARALLEL_FILES 2000
#define PIPE_SIZE (1 * MIB) /* fs.pipe-max-size without privilege */

struct diff {
	const struct diff_opts *opts;
	struct tar_writer *tar;
	struct links *links;
	struct buf path;
	uint64_t entries;
	uint64_t content;
};

static int changed_error(struct diff *d, struct err *err)
{
	errno = EAGAIN;
	return err_sys(err, "'%s' changed while it was read", d->path.data);
}

/* size bytes from the descriptor's position. at_end: the file must end there. */
static int put_bytes(struct diff *d, int fd, uint64_t size, bool at_end, struct err *err)
{
	for (;;) {
		void *p;
		size_t n;
		if (tar_writer_space(d->tar, &p, &n, err) < 0)
			return err->code;
		/* one byte more than is left, so that a small file needs one read to get its
		 * content and to see its end */
		if (n > size)
			n = (size_t)size + at_end;
		ssize_t got = n ? read(fd, p, n) : 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "cannot read '%s'", d->path.data);
		if ((uint64_t)got > size || (got == 0 && size))
			return changed_error(d, err);
		tar_writer_commit(d->tar, (size_t)got);
		size -= (uint64_t)got;
		if (size == 0 && (!at_end || (size_t)got < n))
			return 0;
	}
}

/* Data from the file, zeros for its holes without reading them. */
static int put_sparse(struct diff *d, int fd, uint64_t size, struct err *err)
{
	for (uint64_t at = 0; at < size;) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return put_bytes(d, fd, size - at, true, err);
		uint64_t start = data < 0 || (uint64_t)data > size ? size : (uint64_t)data;
		if (tar_writer_zeros(d->tar, start - at, err) < 0)
			return err->code;
		if (start == size)
			break;
		off_t hole = lseek(fd, (off_t)start, SEEK_HOLE);
		uint64_t end = hole < 0 || (uint64_t)hole > size ? size : (uint64_t)hole;
		if (lseek(fd, (off_t)start, SEEK_SET) < 0)
			return err_sys(err, "cannot seek in '%s'", d->path.data);
		if (put_bytes(d, fd, end - start, false, err) < 0)
			return err->code;
		at = end;
	}
	struct stat st;
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != size)
		return changed_error(d, err);
	return 0;
}

static void entry_from_stat(const struct diff *d, const struct stat *st, struct tar_entry *e)
{
	*e = (struct tar_entry){
		.path = d->path.data,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	};
	const struct diff_opts *o = d->opts;
	if (o->force ||
		(o->clamp && (e->mtime > o->clamp_s || (e->mtime == o->clamp_s && e->mtime_ns)))) {
		e->mtime = o->clamp_s;
		e->mtime_ns = 0;
	}
}

static int put_header(struct diff *d, const struct tar_entry *e, struct err *err)
{
	d->entries++;
	return tar_writer_header(d->tar, e, err);
}

/* A further name of a file that is in the archive already: 1, it was written; 0, it was not. */
static int put_hardlink(struct diff *d, const struct stat *st, struct tar_entry *e, struct err *err)
{
	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 0;
	e->link = links_meet(d->links, st, e->path);
	if (!e->link)
		return 0;
	e->hardlink = true;
	return put_header(d, e, err) < 0 ? err->code : 1;
}

static int put_file(struct diff *d, int dirfd, const char *name, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || owner_stat(fd, &st) < 0)
		return err_sys(err, "cannot open '%s'", d->path.data);
	if (!S_ISREG(st.st_mode))
		return changed_error(d, err);
	struct tar_entry e;
	entry_from_stat(d, &st, &e);
	int ret = put_hardlink(d, &st, &e, err);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	AUTO_XATTRS struct xattrs x = {0};
	if (xattrs_read(fd, "", &x, err) < 0)
		return err_wrap(err, "'%s'", d->path.data);
	e.xattrs = x.x;
	e.n_xattrs = x.n;
	e.size = (uint64_t)st.st_size;
	d->content += e.size;
	if (put_header(d, &e, err) < 0)
		return err->code;
	if (e.size == 0)
		return 0;
	/* st_blocks counts 512 bytes whatever the file system's block is */
	if ((uint64_t)st.st_blocks * 512 < e.size)
		return put_sparse(d, fd, e.size, err);
	return put_bytes(d, fd, e.size, true, err);
}

/* The directory itself; what is in it comes at its place in the order. */
static int put_dir(struct diff *d, int dirfd, const char *name, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || owner_stat(fd, &st) < 0)
		return err_sys(err, "cannot open '%s'", d->path.data);
	AUTO_XATTRS struct xattrs x = {0};
	if (xattrs_read(fd, "", &x, err) < 0)
		return err_wrap(err, "'%s'", d->path.data);
	struct tar_entry e;
	entry_from_stat(d, &st, &e);
	e.xattrs = x.x;
	e.n_xattrs = x.n;
	return put_header(d, &e, err);
}

/* Links, devices and fifos. Their attributes never travel: user.* cannot be on them, and
 * capabilities mean nothing. */
static int put_other(struct diff *d, int dirfd, const char *name, struct err *err)
{
	struct stat st;
	if (owner_stat_at(dirfd, name, &st) < 0)
		return err_sys(err, "cannot stat '%s'", d->path.data);
	if (S_ISSOCK(st.st_mode))
		return 0;
	struct tar_entry e;
	entry_from_stat(d, &st, &e);
	int ret = put_hardlink(d, &st, &e, err);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	char target[PATH_MAX];
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);
		if (n < 0)
			return err_sys(err, "cannot read link '%s'", d->path.data);
		target[n] = '\0';
		e.link = target;
		e.mode = S_IFLNK | 0777;
	} else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		return changed_error(d, err);
	}
	e.major = major(st.st_rdev);
	e.minor = minor(st.st_rdev);
	return put_header(d, &e, err);
}

/* An empty file of a fixed name says what is gone. Its own times and owners have no meaning. */
static int put_whiteout(struct diff *d, struct err *err)
{
	struct tar_entry e = {.path = d->path.data, .mode = S_IFREG};
	return put_header(d, &e, err);
}

static int path_push(struct diff *d, const char *prefix, const char *name, struct err *err)
{
	if (d->path.len)
		buf_addch(&d->path, '/');
	buf_addstr(&d->path, prefix);
	buf_addstr(&d->path, name);
	if (d->path.toobig)
		return err_set(err, ERR_LIMIT, "a path is longer than %d bytes: '%.60s...'",
			PATH_MAX - 1, d->path.data);
	return 0;
}

static int put_tree(struct diff *d, int fd, struct err *err);

static int put_item(struct diff *d, int dirfd, const struct walk_item *item, struct err *err)
{
	size_t before = d->path.len;
	if (!item->whiteout && str_has_prefix(item->name, WHITEOUT_PREFIX)) {
		if (item->descend)
			return 0;
		return err_set(err, ERR_UNSUPPORTED,
			"'%s%s%s': names that begin with '.wh.' cannot be stored in a layer",
			buf_str(&d->path), before ? "/" : "", item->name);
	}
	if (path_push(d, item->whiteout ? WHITEOUT_PREFIX : "", item->name, err) < 0)
		return err->code;
	int ret;
	if (item->whiteout) {
		ret = put_whiteout(d, err);
	} else if (item->descend) {
		AUTO_FD int fd =
			openat(dirfd, item->name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
		ret = fd < 0 ? err_sys(err, "cannot open '%s'", d->path.data)
		             : put_tree(d, fd, err);
	} else if (item->type == DT_REG) {
		ret = put_file(d, dirfd, item->name, err);
	} else if (item->type == DT_DIR) {
		ret = put_dir(d, dirfd, item->name, err);
	} else {
		ret = put_other(d, dirfd, item->name, err);
	}
	buf_remove(&d->path, before, d->path.len - before);
	return ret;
}

static int put_tree(struct diff *d, int fd, struct err *err)
{
	size_t before = d->path.len;
	if (whiteout_is_opaque(fd)) {
		if (path_push(d, "", WHITEOUT_OPAQUE, err) < 0 || put_whiteout(d, err) < 0)
			return err->code;
		buf_remove(&d->path, before, d->path.len - before);
	}
	AUTO_WALK_LIST struct walk_list list = {0};
	if (walk_list_read(fd, before ? d->path.data : "/", &list, err) < 0)
		return err->code;
	for (size_t i = 0; i < list.n; i++)
		if (put_item(d, fd, &list.items[i], err) < 0)
			return err->code;
	return 0;
}

static int put_part(struct diff *d, const struct tree_part *part, struct err *err)
{
	AUTO_LINKS struct links *links = links_new();
	AUTO_FD int fd = openat(part->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open the directory to archive");
	d->links = links;
	if (part->prefix) {
		struct stat st = {.st_mode = S_IFDIR | 0755};
		struct tar_entry e;
		if (path_push(d, "", part->prefix, err) < 0)
			return err->code;
		entry_from_stat(d, &st, &e);
		if (put_header(d, &e, err) < 0)
			return err->code;
	}
	int code = put_tree(d, fd, err);
	buf_clear(&d->path);
	return code;
}

struct archived {
	struct digest diff_id;
	uint64_t diff_size, content, entries;
};

static int archive_parts(const struct tree_part *parts, size_t n, const struct diff_opts *opts,
	struct writer *out, struct archived *ret, struct err *err)
{
	AUTO_TAR_WRITER struct tar_writer *tar = tar_writer_new(out);
	struct diff d = {.opts = opts, .tar = tar, .path = BUF_INIT(PATH_MAX - 1)};
	int code = 0;
	for (size_t i = 0; code == 0 && i < n; i++)
		code = put_part(&d, &parts[i], err);
	buf_done(&d.path);
	if (code < 0 || tar_writer_end(tar, err) < 0)
		return err->code;
	*ret = (struct archived){.content = d.content, .entries = d.entries};
	return 0;
}

int tree_archive(const struct tree_part *parts, size_t n, const struct diff_opts *opts,
	struct writer *out, struct err *err)
{
	struct archived ignored;
	return archive_parts(parts, n, opts, out, &ignored, err);
}

/* The tree as a tar to out, hashed. */
static int archive_tree(int upper, const struct diff_opts *opts, struct writer *out,
	struct archived *ret, struct err *err)
{
	struct hashed hash;
	hashed_init(&hash);
	AUTO_WRITER struct writer *hashing = writer_hashed(out, &hash);
	const struct tree_part part = {.dir = upper};
	if (archive_parts(&part, 1, opts, hashing, ret, err) < 0)
		return err->code;
	ret->diff_id = sha256_final(&hash.sha);
	ret->diff_size = hash.count;
	return 0;
}

struct weight {
	uint64_t bytes, files;
};

/* Counts until the tree is known to be large; errors and sizes are found again, and reported, when
 * it is archived. */
static bool is_large(int dirfd, const char *name, struct weight *w, unsigned depth)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	AUTO_WALK_LIST struct walk_list list = {0};
	struct err err = ERR_INIT;
	if (fd < 0 || depth > 64 || walk_list_read(fd, "", &list, &err) < 0)
		return false;
	w->files += list.n;
	for (size_t i = 0; i < list.n && w->files < PARALLEL_FILES && w->bytes < PARALLEL_BYTES;
		i++) {
		struct stat st;
		if (list.items[i].descend)
			(void)is_large(fd, list.items[i].name, w, depth + 1);
		else if (list.items[i].type == DT_REG &&
			 fstatat(fd, list.items[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			w->bytes += (uint64_t)st.st_size;
	}
	return w->files >= PARALLEL_FILES || w->bytes >= PARALLEL_BYTES;
}

struct archiver {
	int upper;
	const struct diff_opts *opts;
	int pipe[2];
};

static int archive_into(void *arg, struct writer *to, struct buf *out, struct err *err)
{
	const struct archiver *a = arg;
	struct archived got;
	if (archive_tree(a->upper, a->opts, to, &got, err) < 0)
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
	return syncfs(a->upper) < 0 ? err_sys(err, "cannot write back") : 0;
}

/* counted: where the packed bytes go. */
static int archive_parallel(int upper, const struct diff_opts *opts, struct writer *counted,
	struct archived *ret, struct err *err)
{
	struct archiver a = {.upper = upper, .opts = opts};
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

bool layer_diff_is_empty(int upper)
{
	AUTO_FD int fd = openat(upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_WALK_LIST struct walk_list list = {0};
	struct err err = ERR_INIT;
	return fd >= 0 && !whiteout_is_opaque(fd) && walk_list_read(fd, "/", &list, &err) == 0 &&
	       list.n == 0;
}

/* In this process. */
static int archive_alone(int upper, const struct diff_opts *opts, struct writer *counted,
	struct archived *ret, struct err *err)
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
	if (archive_tree(upper, opts, packer ? packer : counted, ret, err) < 0)
		return err->code;
	return packer ? writer_finish(packer, err) : 0;
}

int layer_diff(int upper, const struct diff_opts *opts, struct writer *out, struct layer *ret,
	struct err *err)
{
	bool packed = opts->compression != COMPRESSION_NONE;
	struct hashed blob;
	hashed_init(&blob);
	AUTO_WRITER struct writer *counted = packed ? writer_hashed(out, &blob) : NULL;
	struct archived got;
	struct weight weight = {0};
	int code = packed && is_large(upper, ".", &weight, 0)
	                   ? archive_parallel(upper, opts, counted, &got, err)
	                   : archive_alone(upper, opts, packed ? counted : out, &got, err);
	if (code < 0)
		return code;
	*ret = (struct layer){
		.diff_id = got.diff_id,
		.diff_size = got.diff_size,
		.content = got.content,
		.entries = got.entries,
		.blob = packed ? sha256_final(&blob.sha) : got.diff_id,
		.blob_size = packed ? blob.count : got.diff_size,
	};
	return 0;
}
