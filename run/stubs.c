/* SPDX-License-Identifier: Apache-2.0 */
#include "run/stubs.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/root.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define STUBS "stubs"
#define NOTED_MAX (1024 * sizeof(struct report_stub))

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

void stub_remove(const struct stub *s)
{
	const struct report_stub *made = &s->made;
	struct stat st;
	if (fstatat(s->parent, made->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		st.st_dev != made->dev || st.st_ino != made->ino)
		return;
	if (!made->is_dir && (!S_ISREG(st.st_mode) || st.st_size != 0))
		return;
	struct stat parent;
	bool quiet = fstat(s->parent, &parent) == 0 && same_time(&parent.st_mtim, &made->after);
	if (unlinkat(s->parent, made->name, made->is_dir ? AT_REMOVEDIR : 0) < 0)
		return;
	if (quiet) {
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, made->before};
		(void)futimens(s->parent, times);
	}
}

/* As it is: nobody else reads it, and it is gone when the root is. */
void stub_note(int dir, const struct stub *s)
{
	AUTO_FD int fd = fs_open_plain(dir, STUBS, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || fs_write_all(fd, &s->made, sizeof(s->made)) < 0)
		log_debug("the mount point '%s' stays where it was made", s->made.name);
}

void stubs_remove_noted(int dir, int root)
{
	AUTO_FREE char *data = NULL;
	struct err none = ERR_INIT;
	size_t n;
	if (fs_read_plain(dir, STUBS, NOTED_MAX, &data, &n, &none) < 0)
		return;
	/* the last noted first: one may lie in another */
	for (n -= n % sizeof(struct report_stub); n > 0;) {
		struct stub s;
		n -= sizeof(s.made);
		memcpy(&s.made, data + n, sizeof(s.made));
		s.parent =
			root_open(root, *s.made.dir ? s.made.dir : "/", O_RDONLY | O_DIRECTORY, 0);
		if (s.parent >= 0)
			stub_remove(&s);
		mem_close_p(&s.parent);
	}
	(void)unlinkat(dir, STUBS, 0);
}
