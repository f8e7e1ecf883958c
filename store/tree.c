/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/tmp.h"
#include "store/additional.h"
#include "store/store_internal.h"

bool tree_has(struct store *s, const struct digest *diff_id)
{
	char name[STORE_PATH_MAX];
	struct stat st;
	store_name(name, LAYERS_DIR, diff_id);
	return (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
		       additional_find(s, name, &st) >= 0) &&
	       S_ISDIR(st.st_mode);
}

int tree_open(struct store *s, const struct digest *diff_id, int *ret_fd, struct err *err)
{
	char name[STORE_PATH_MAX], buf[DIGEST_STR_MAX];
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	int other, fd = openat(s->fd, store_name(name, LAYERS_DIR, diff_id), flags);
	if (fd < 0 && errno == ENOENT && (other = additional_find(s, name, &st)) >= 0)
		fd = openat(other, name, flags);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "layer %s is not unpacked in the store",
			digest_str(diff_id, buf));
	if (fd < 0) {
		(void)err_sys(err, "cannot open layer %s", digest_str(diff_id, buf));
		return store_damage(err);
	}
	*ret_fd = fd;
	return 0;
}

int tree_publish(struct store *s, struct txn *t, const char *name, const struct digest *diff_id,
	struct err *err)
{
	char to[STORE_PATH_MAX], buf[DIGEST_STR_MAX];
	/* not replacing: an empty layer is an empty directory, over which a plain rename would go
	 */
	int r = fs_rename_new(txn_fd(t), name, s->fd, store_name(to, LAYERS_DIR, diff_id));
	if (r < 0 && errno == EEXIST)
		return 0;
	if (r < 0)
		return err_sys(err, "cannot name layer %s", digest_str(diff_id, buf));
	s->dirty = true;
	return 0;
}

int tree_remove(struct store *s, const struct digest *diff_id, struct err *err)
{
	char path[STORE_PATH_MAX];
	return store_remove(s, store_name(path, LAYERS_DIR, diff_id), err);
}
