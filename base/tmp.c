/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tmp.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void tmp_random_name(char *buf, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[64];
	if (n > sizeof(bytes))
		n = sizeof(bytes);
	size_t have = 0;
	while (have < n) {
		ssize_t r = getrandom(bytes + have, n - have, 0);
		if (r > 0)
			have += (size_t)r;
	}
	for (size_t i = 0; i < n; i++)
		buf[i] = digits[bytes[i] & 15];
	buf[n] = '\0';
}

#define PREFIX ".tmp-"
#define RANDOM_LEN 20

static void choose_name(struct tmp *t)
{
	char random[RANDOM_LEN + 1];
	tmp_random_name(random, sizeof(random) - 1);
	snprintf(t->name, sizeof(t->name), PREFIX "%s", random);
}

bool tmp_is_name(const char *name)
{
	const char *random = name + strlen(PREFIX);
	return str_has_prefix(name, PREFIX) && strlen(random) == RANDOM_LEN &&
	       strspn(random, "0123456789abcdef") == RANDOM_LEN;
}

int tmp_open(struct tmp *t, int dirfd, mode_t mode, struct err *err)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		choose_name(t);
		t->fd = openat(dirfd, t->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (t->fd >= 0) {
			t->dirfd = dirfd;
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	t->name[0] = '\0';
	return err_sys(err, "cannot create a temporary file");
}

int tmp_open_nameless(struct tmp *t, int dirfd, mode_t mode, struct err *err)
{
	/* it gets its name through /proc */
	if (access("/proc/self/fd", X_OK) == 0)
		t->fd = openat(dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
	if (t->fd < 0)
		return tmp_open(t, dirfd, mode, err);
	t->name[0] = '\0';
	t->dirfd = dirfd;
	return 0;
}

/* One that replaces another file is renamed, as no link is made over one. */
static int give_name(struct tmp *t)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->fd);
	for (int attempt = 0; attempt < 100; attempt++) {
		choose_name(t);
		if (linkat(AT_FDCWD, path, t->dirfd, t->name, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	t->name[0] = '\0';
	return -1;
}

int tmp_publish(struct tmp *t, int todirfd, const char *name, bool durable, struct err *err)
{
	if (durable && fsync(t->fd) < 0)
		return err_sys(err, "cannot write '%s' to disk", name);
	if (!t->name[0] && give_name(t) < 0)
		return err_sys(err, "cannot name the file '%s'", name);
	/* close reports what write could not (ENOSPC, EDQUOT on some file systems) */
	if (close(take_fd(&t->fd)) < 0)
		return err_sys(err, "cannot write '%s'", name);
	if (renameat(t->dirfd, t->name, todirfd, name) < 0)
		return err_sys(err, "cannot rename to '%s'", name);
	t->name[0] = '\0';
	if (durable && fsync(todirfd) < 0)
		return err_sys(err, "cannot write the directory of '%s' to disk", name);
	return 0;
}

void tmp_done(struct tmp *t)
{
	if (t->fd >= 0)
		close(take_fd(&t->fd));
	if (t->name[0])
		unlinkat(t->dirfd, t->name, 0);
	t->name[0] = '\0';
}
