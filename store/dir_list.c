/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dir_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/store_internal.h"

int dir_list(int dirfd, const char *path, struct strv *ret, struct err *err)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int r = store_cannot_open(dirfd, path, err);
		if (fd >= 0)
			close(fd);
		return r;
	}
	errno = 0;
	for (struct dirent *e; (e = readdir(dir)); errno = 0)
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			strv_add(ret, e->d_name);
	int r = errno ? err_sys(err, "cannot read the directory '%s'", path) : 0;
	closedir(dir);
	strv_sort(ret);
	return r;
}
