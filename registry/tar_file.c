/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/tar_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/room.h"
#include "base/stream.h"
#include "base/tmp.h"
#include "layers/apply.h"
#include "layers/tar_write.h"
#include "registry/source.h"
#include "store/store.h"

#define FILE_MODE (S_IFREG | 0644)
#define DIR_MODE (S_IFDIR | 0755)

struct tar_file {
	struct tmp tmp;
	int dir, fd; /* fd: written directly, or -1 */
	char *name; /* in dir */
	char *path; /* of dir, for messages */
	struct writer *out;
	struct tar_writer *tar;
	uint64_t bytes; /* that are in it */
};

static int open_output(struct tar_file *a, const char *path, struct err *err)
{
	struct stat st;
	bool there = stat(path, &st) == 0;
	int own = there ? fs_own_output(&st) : -1;
	if (own >= 0 || (there && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
		a->fd = own >= 0 ? fcntl(own, F_DUPFD_CLOEXEC, 3)
		                 : open(path, O_WRONLY | O_CLOEXEC);
		return a->fd < 0 ? err_sys(err, "cannot open '%s'", path) : 0;
	}
	AUTO_FREE char *file = fs_follow(path);
	AUTO_FREE char *dir = path_dir(file);
	a->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->dir < 0)
		return err_sys(err, "cannot open '%s'", dir);
	a->path = take(dir);
	a->name = xstrdup(path_base(file));
	return tmp_open_nameless(&a->tmp, a->dir, 0644, err);
}

int tar_file_new(const char *path, struct tar_file **ret, struct err *err)
{
	struct tar_file *a = xcalloc(1, sizeof(*a));
	*a = (struct tar_file){.tmp = TMP_INIT, .dir = -1, .fd = -1};
	int r = open_output(a, path, err);
	if (r < 0) {
		tar_file_free(a);
		return r;
	}
	a->out = writer_to_output(a->fd >= 0 ? a->fd : a->tmp.fd, path);
	a->tar = tar_writer_new(a->out);
	*ret = a;
	return 0;
}

struct tar_file *tar_file_new_fd(int fd, const char *name)
{
	struct tar_file *a = xcalloc(1, sizeof(*a));
	*a = (struct tar_file){.tmp = TMP_INIT, .dir = -1, .fd = -1};
	a->out = writer_to_output(fd, name);
	a->tar = tar_writer_new(a->out);
	return a;
}

void tar_file_free(struct tar_file *a)
{
	if (!a)
		return;
	tar_writer_free(a->tar);
	writer_free(a->out);
	tmp_done(&a->tmp);
	if (a->dir >= 0)
		close(a->dir);
	if (a->fd >= 0)
		close(a->fd);
	free(a->name);
	free(a->path);
	free(a);
}

/* Root's, with the time 0: the same image gives the same archive. */
static int add_header(
	struct tar_file *a, const char *name, mode_t mode, uint64_t size, struct err *err)
{
	struct tar_entry e = {.path = name, .mode = mode, .size = size};
	return tar_writer_header(a->tar, &e, err);
}

static int add_content(
	struct tar_file *a, const char *name, struct reader *r, uint64_t size, struct err *err)
{
	int rc = add_header(a, name, FILE_MODE, size, err);
	while (rc == 0 && size) {
		void *p;
		size_t n;
		rc = tar_writer_space(a->tar, &p, &n, err);
		if (rc < 0)
			break;
		ssize_t got = reader_read(r, p, n < size ? n : (size_t)size, err);
		if (got <= 0)
			return got < 0 ? (int)got
			               : err_set(err, ERR_CORRUPT, "'%s' ends early", name);
		tar_writer_commit(a->tar, (size_t)got);
		size -= (uint64_t)got;
	}
	return rc;
}

int tar_file_add_reader(
	struct tar_file *a, const char *name, struct reader *r, uint64_t size, struct err *err)
{
	a->bytes += size;
	if ((a->dir < 0 || room_check(a->dir, a->path, size, err) == 0) &&
		add_content(a, name, r, size, err) == 0)
		return 0;
	room_need(a->bytes, err);
	return err->code;
}

int tar_file_add_file(struct tar_file *a, const char *name, int fd, uint64_t size, struct err *err)
{
	AUTO_READER struct reader *r = reader_from_fd(fd, name);
	return tar_file_add_reader(a, name, r, size, err);
}

int tar_file_add_text(struct tar_file *a, const char *name, const char *text, struct err *err)
{
	int r = add_header(a, name, FILE_MODE, strlen(text), err);
	return r < 0 ? r : tar_writer_data(a->tar, text, strlen(text), err);
}

int tar_file_add_dir(struct tar_file *a, const char *name, struct err *err)
{
	return add_header(a, name, DIR_MODE, 0, err);
}

int tar_file_finish(struct tar_file *a, struct err *err)
{
	int r = tar_writer_end(a->tar, err);
	return r < 0 || a->dir < 0 ? r : tmp_publish(&a->tmp, a->dir, a->name, false, err);
}

/* --- reading: the archive is unpacked by a job that can touch nothing else, then read as a
 * directory --- */

int tar_file_unpack_fd(struct txn *t, int file, const char *what, uint64_t layer_ratio, int *ret_fd,
	struct err *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_FD int dir = -1;
	int r = txn_mkdir(t, "archive", &name, &dir, err);
	if (r < 0)
		return r;
	const struct apply_opts opts = {.flags = APPLY_PLAIN | APPLY_NO_OWNER | APPLY_SKIP_DEVICES,
		.limits = apply_limits_of(layer_ratio)};
	r = archive_unpack(file, dir, &opts, err);
	struct stat st;
	if (r < 0 && fstat(file, &st) == 0)
		room_need((uint64_t)st.st_size, err);
	if (r < 0)
		return err_wrap(err, "archive '%s'", what);
	*ret_fd = take_fd(&dir);
	return 0;
}

int tar_file_unpack(
	struct txn *t, const char *path, uint64_t layer_ratio, int *ret_fd, struct err *err)
{
	/* not O_NONBLOCK: `docker save | mica load` reads a pipe */
	AUTO_FD int file = open(path, O_RDONLY | O_CLOEXEC);
	return file < 0 ? err_sys(err, "cannot open '%s'", path)
	                : tar_file_unpack_fd(t, file, path, layer_ratio, ret_fd, err);
}
