/* SPDX-License-Identifier: Apache-2.0 */
#include "store/additional.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/store_internal.h"

static bool is_known(const struct store *s, const struct stat *st)
{
	struct stat own;
	if (fstat(s->fd, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino)
		return true;
	for (size_t i = 0; i < s->n_additional; i++)
		if (fstat(s->additional[i].fd, &own) == 0 && own.st_dev == st->st_dev &&
			own.st_ino == st->st_ino)
			return true;
	return false;
}

int additional_add(struct store *s, const char *path, struct err *err)
{
	AUTO_STORE struct store *other = NULL;
	struct stat st;
	int r = store_open(path, STORE_READ_ONLY, &other, err);
	if (r < 0)
		return err_wrap(err, "additional store");
	if (fstat(other->fd, &st) < 0)
		return err_sys(err, "cannot stat the additional store '%s'", path);
	if (is_known(s, &st))
		return 0;
	s->additional = xreallocarray(s->additional, s->n_additional + 1, sizeof(*s->additional));
	struct additional *a = &s->additional[s->n_additional++];
	*a = (struct additional){.gc_lock = -1, .same_user = st.st_uid == geteuid()};
	a->fd = take_fd(&other->fd);
	a->path = take(other->path);
	a->sound = store_is_sound(a->fd, &a->since);
	return 0;
}

int additional_find(const struct store *s, const char *name, struct stat *ret_st)
{
	for (size_t i = 0; i < s->n_additional; i++) {
		const struct additional *a = &s->additional[i];
		struct stat st;
		if (fstatat(a->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			(S_ISDIR(st.st_mode) && !a->same_user) ||
			(!a->sound && st.st_ctim.tv_sec >= a->since))
			continue;
		*ret_st = st;
		return a->fd;
	}
	return -1;
}

void additional_hold(struct store *s)
{
	for (size_t i = 0; i < s->n_additional; i++) {
		struct additional *a = &s->additional[i];
		if (a->gc_lock >= 0)
			continue;
		/* it may be on a medium, or another's, that cannot be written to */
		a->gc_lock = fs_open_plain(a->fd, "gc.lock", O_RDONLY, 0);
		while (a->gc_lock >= 0 && flock(a->gc_lock, LOCK_SH) < 0 && errno == EINTR)
			;
		if (a->gc_lock < 0)
			log_debug("additional store '%s': no lock", a->path);
	}
}

void additional_done(struct store *s)
{
	for (size_t i = 0; i < s->n_additional; i++) {
		free(s->additional[i].path);
		close(s->additional[i].fd);
		if (s->additional[i].gc_lock >= 0)
			close(s->additional[i].gc_lock);
	}
	free(s->additional);
}
