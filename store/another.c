/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that is another user's, which root can write to all the same. What root leaves there the
 * user cannot open, and files of layers that root unpacks are nobody's in the user's namespace, so
 * it is only read.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/tmp.h"
#include "store/store_internal.h"

/* Whose what we make there is: there are file systems whose files all belong to one user, whoever
 * makes them. */
static bool is_made_for(int fd, uid_t *ret)
{
	AUTO_TMP struct tmp t = TMP_INIT;
	struct err ignored = ERR_INIT;
	struct stat st;
	if (tmp_open_nameless(&t, fd, 0600, &ignored) < 0 || fstat(t.fd, &st) < 0)
		return false;
	*ret = st.st_uid;
	return true;
}

void another_look(struct store *s)
{
	struct stat st, dir;
	uid_t made;
	/* the directory may have been made by another, or the file put back by one */
	if (fstatat(s->fd, "version", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_uid == geteuid() ||
		fstat(s->fd, &dir) < 0 || dir.st_uid == geteuid())
		return;
	/* whom the kernel keeps out needs nobody else to */
	if (faccessat(s->fd, ".", W_OK | X_OK, AT_EACCESS) < 0 ||
		(is_made_for(s->fd, &made) && made == st.st_uid))
		return;
	s->is_anothers = true;
	s->owner = st.st_uid;
	s->read_only = true;
}

bool store_owner(const struct store *s, uid_t *ret)
{
	struct stat st;
	*ret = s->owner;
	if (s->is_anothers || (!s->read_only && is_made_for(s->fd, ret)))
		return true;
	if (fstatat(s->fd, "version", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*ret = st.st_uid;
	return true;
}

int another_refuse(const struct store *s, struct err *err)
{
	if (!s->is_anothers)
		return 0;
	errno = EACCES;
	return err_sys(err, "store '%s': it is of user %u, as whom it can be written to", s->path,
		(unsigned)s->owner);
}

int store_may_write(const struct store *s, struct err *err)
{
	if (another_refuse(s, err) < 0)
		return err->code;
	if (s->read_only)
		return err_set(
			err, ERR_DENIED, "the store '%s' was opened for reading only", s->path);
	return 0;
}
