/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tar_content.h"

#include "base/err.h"
#include "layers/tar_write.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

int tar_changed_error(const char *path, struct err *err)
{
	errno = EAGAIN;
	return err_sys(err, "'%s' changed while it was read", path);
}

/* size bytes from the descriptor's position. at_end: the file must end there. */
static int put_bytes(
	struct tar_writer *t, int fd, uint64_t size, bool at_end, const char *path, struct err *err)
{
	for (;;) {
		void *p;
		size_t n;
		if (tar_writer_space(t, &p, &n, err) < 0)
			return err->code;
		/* one byte more than is left, so that a small file needs one read to get its
		 * content and to see its end */
		if (n > size)
			n = (size_t)size + at_end;
		ssize_t got = n ? read(fd, p, n) : 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "cannot read '%s'", path);
		if ((uint64_t)got > size || (got == 0 && size))
			return tar_changed_error(path, err);
		tar_writer_commit(t, (size_t)got);
		size -= (uint64_t)got;
		if (size == 0 && (!at_end || (size_t)got < n))
			return 0;
	}
}

/* Data from the file, zeros for its holes without reading them. */
static int put_sparse(
	struct tar_writer *t, int fd, uint64_t size, const char *path, struct err *err)
{
	for (uint64_t at = 0; at < size;) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return put_bytes(t, fd, size - at, true, path, err);
		uint64_t start = data < 0 || (uint64_t)data > size ? size : (uint64_t)data;
		if (tar_writer_zeros(t, start - at, err) < 0)
			return err->code;
		if (start == size)
			break;
		off_t hole = lseek(fd, (off_t)start, SEEK_HOLE);
		uint64_t end = hole < 0 || (uint64_t)hole > size ? size : (uint64_t)hole;
		if (lseek(fd, (off_t)start, SEEK_SET) < 0)
			return err_sys(err, "cannot seek in '%s'", path);
		if (put_bytes(t, fd, end - start, false, path, err) < 0)
			return err->code;
		at = end;
	}
	struct stat st;
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != size)
		return tar_changed_error(path, err);
	return 0;
}

int tar_writer_file(
	struct tar_writer *t, int fd, const struct stat *st, const char *path, struct err *err)
{
	uint64_t size = (uint64_t)st->st_size;
	if (size == 0)
		return 0;
	/* st_blocks counts 512 bytes whatever the file system's block is */
	if ((uint64_t)st->st_blocks * 512 < size)
		return put_sparse(t, fd, size, path, err);
	return put_bytes(t, fd, size, true, path, err);
}
