/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot as a plain copy of all layers below: slow, but it needs nothing from the kernel except
 * a bind mount (copied.h). Hard links are not kept in a copy that is written to: a change to one
 * name must not reach the other, as overlayfs has it. settle_copy.c is the way back.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "layers/copied.h"
#include "layers/copier.h"
#include "layers/merged.h"
#include "layers/snapshot_internal.h"
#include "layers/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

bool snapshot_copy_used(int work)
{
	struct stat st;

	/* a power cut may leave it empty, and then nothing is known of the copy */
	return fstatat(work, COPIED_RECORD, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_size >= (off_t)sizeof(struct timespec);
}

int snapshot_copy_forget(int work, struct err *err)
{
	return unlinkat(work, COPIED_RECORD, 0) < 0 && errno != ENOENT
	               ? err_sys(err, "cannot remove the record of a copied snapshot")
	               : 0;
}

int snapshot_copy_mount(const struct snapshot *s, int *ret_fd, struct err *err)
{
	AUTO_MERGED struct merged from = {0};
	struct stat st;
	/* what is in the upper directory already lies on top */
	AUTO_FREE int *all = xreallocarray(NULL, s->n_lower + 1, sizeof(*all));
	size_t n = 0;
	if (s->upper >= 0)
		all[n++] = s->upper;
	for (size_t i = 0; i < s->n_lower; i++)
		all[n++] = s->lower[i];
	if (s->work < 0)
		return err_set(err, ERR_UNSUPPORTED, "there is no place for a copy of the layers");
	if (merged_root(all, n, &from, err) < 0)
		return err->code;
	if (mkdirat(s->work, COPIED_TREE, 0700) < 0)
		return err_sys(err, "cannot make a directory for the copy of the layers");
	AUTO_FD int to = openat(s->work, COPIED_TREE, COPIED_DIR_FLAGS);
	if (to < 0 || owner_stat(from.fd[0], &st) < 0)
		return err_sys(err, "cannot open the directory for the copy of the layers");
	AUTO_LINKS struct links *links = s->upper < 0 ? links_new() : NULL;
	AUTO_COPIED struct copied done = {0};
	struct copier c = {.root = to, .links = links, .done = &done, .path = BUF_INIT(PATH_MAX)};
	int r = copier_tree(&c, &from, to, err);
	if (r == 0)
		r = copied_attributes(to, &st, from.fd[0], "/", err);
	if (r == 0 && s->upper >= 0)
		r = copied_write(s->work, &done, err);
	buf_done(&c.path);
	return r < 0 ? r : snapshot_clone(to, s->upper < 0, ret_fd, err);
}
