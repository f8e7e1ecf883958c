/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/merged.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int open_dir(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void add(struct merged *d, int fd)
{
	d->fd = xreallocarray(d->fd, d->n + 1, sizeof(*d->fd));
	d->fd[d->n++] = fd;
}

int merged_root(const int *lower, size_t n, struct merged *ret, struct err *err)
{
	AUTO_MERGED struct merged d = {0};
	for (size_t i = 0; i < n; i++) {
		int fd = open_dir(lower[i], ".");
		if (fd < 0)
			return err_sys(err, "cannot open a layer");
		add(&d, fd);
		if (whiteout_is_opaque(fd))
			break;
	}
	*ret = d;
	d = (struct merged){0};
	return 0;
}

bool merged_stat(const struct merged *d, const char *name, struct stat *ret_st, size_t *ret_at)
{
	for (size_t i = 0; i < d->n; i++) {
		if (fstatat(d->fd[i], name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*ret_at = i;
		owner_fill_at(d->fd[i], name, ret_st);
		return !whiteout_is(d->fd[i], name, ret_st);
	}
	return false;
}

int merged_enter(const struct merged *d, const char *name, struct merged *ret, struct err *err)
{
	struct stat st;
	AUTO_MERGED struct merged sub = {0};
	*ret = sub;
	for (size_t i = 0; i < d->n; i++) {
		if (fstatat(d->fd[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISDIR(st.st_mode))
			break; /* hides what is below, as a file or as a whiteout */
		int fd = open_dir(d->fd[i], name);
		if (fd < 0)
			return err_sys(err, "cannot open '%s' of a layer", name);
		add(&sub, fd);
		if (whiteout_is_opaque(fd))
			break;
	}
	*ret = sub;
	sub = (struct merged){0};
	return 0;
}

int merged_names(const struct merged *d, struct strv *ret, struct err *err)
{
	AUTO_STRV struct strv all = STRV_INIT;
	for (size_t i = 0; i < d->n; i++) {
		AUTO_WALK_LIST struct walk_list list = {0};
		if (lseek(d->fd[i], 0, SEEK_SET) < 0)
			return err_sys(err, "cannot read a layer");
		if (walk_list_read(d->fd[i], "", &list, err) < 0)
			return err->code;
		for (size_t k = 0; k < list.n; k++)
			if (!list.items[k].descend)
				strv_add(&all, list.items[k].name);
	}
	strv_sort(&all);
	struct stat st;
	size_t at;
	for (size_t i = 0; i < all.n; i++)
		if ((i == 0 || !streq(all.v[i], all.v[i - 1])) &&
			merged_stat(d, all.v[i], &st, &at))
			strv_add(ret, all.v[i]);
	return 0;
}

void merged_done(struct merged *d)
{
	for (size_t i = 0; i < d->n; i++)
		close(d->fd[i]);
	free(d->fd);
	*d = (struct merged){0};
}
