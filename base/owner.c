/* SPDX-License-Identifier: Apache-2.0 */
#include "base/owner.h"

#include "base/idmap.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OWN OWNER_ATTRIBUTES "owner"
#define UNSAID ((uint32_t)-1)
#define SAID 4102444800LL /* 2100-01-01 */
#define TEXT_MAX 32 /* "4294967295:4294967295" */
#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

bool owner_is_kept(void)
{
	static enum { UNKNOWN, NO, YES } kept;
	if (kept == UNKNOWN)
		kept = idmap_own() == IDMAP_ONE ? YES : NO;
	return kept == YES;
}

/* --- of files and directories --- */

/* Of which nothing is said, that stays as it is. */
static bool parse_own(const char *text, uid_t *uid, gid_t *gid)
{
	char *end;
	uid_t u = (uid_t)strtoul(text, &end, 10);
	if (*end != ':')
		return false;
	gid_t g = (gid_t)strtoul(end + 1, NULL, 10);
	*uid = u == UNSAID ? *uid : u;
	*gid = g == UNSAID ? *gid : g;
	return true;
}

static bool read_own(int fd, uid_t *uid, gid_t *gid)
{
	char text[TEXT_MAX + 1] = "";
	ssize_t n = fgetxattr(fd, OWN, text, TEXT_MAX);
	if (n < 0 && errno == EBADF) { /* O_PATH */
		char path[64];
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = getxattr(path, OWN, text, TEXT_MAX);
	}
	return n > 0 && parse_own(text, uid, gid);
}

static int write_own(int fd, uid_t uid, gid_t gid, bool always)
{
	char text[TEXT_MAX];
	uid_t was_uid = always ? UNSAID : 0;
	gid_t was_gid = always ? UNSAID : 0;
	if (uid == UNSAID || gid == UNSAID)
		(void)read_own(fd, &was_uid, &was_gid);
	uid = uid == UNSAID ? was_uid : uid;
	gid = gid == UNSAID ? was_gid : gid;
	if (uid == 0 && gid == 0 && !always) {
		if (fremovexattr(fd, OWN) < 0 && errno != ENODATA && errno != EOPNOTSUPP)
			return -1;
		return 0;
	}
	int n = snprintf(text, sizeof(text), "%u:%u", uid, gid);
	return fsetxattr(fd, OWN, text, (size_t)n, 0);
}

/* --- of what has no attributes --- */

/* A group that is no number of nanoseconds cannot be kept; nobody has one. */
#define NS_MAX 999999999u

static bool read_other(const struct stat *st, uid_t *uid, gid_t *gid)
{
	int64_t sec = st->st_atim.tv_sec - SAID;
	if (sec < 0 || sec > UINT32_MAX)
		return false;
	*uid = (uid_t)sec;
	*gid = (gid_t)st->st_atim.tv_nsec;
	return true;
}

static int write_other(
	int dirfd, const char *name, const struct stat *st, uid_t uid, gid_t gid, bool always)
{
	uid_t was_uid = 0;
	gid_t was_gid = 0;
	bool said = read_other(st, &was_uid, &was_gid);
	uid = uid == UNSAID ? was_uid : uid;
	gid = gid == UNSAID ? was_gid : gid;
	if (uid == 0 && gid == 0 && !always && !said)
		return 0;
	const struct timespec times[2] = {
		{SAID + (int64_t)uid, gid > NS_MAX ? NS_MAX : gid}, {.tv_nsec = UTIME_OMIT}};
	return utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);
}

/* --- both --- */

static bool has_attributes(mode_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode);
}

static int say(int fd, uid_t uid, gid_t gid, bool always)
{
	return owner_is_kept() ? write_own(fd, uid, gid, always) : fchown(fd, uid, gid);
}

static int say_at(int dirfd, const char *name, uid_t uid, gid_t gid, bool always)
{
	struct stat st;
	if (!owner_is_kept())
		return fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (!has_attributes(st.st_mode))
		return write_other(dirfd, name, &st, uid, gid, always);
	AUTO_FD int fd = openat(dirfd, name, OPEN_FLAGS);
	return fd < 0 ? -1 : write_own(fd, uid, gid, always);
}

int owner_set(int fd, uid_t uid, gid_t gid)
{
	return say(fd, uid, gid, false);
}

int owner_say(int fd, uid_t uid, gid_t gid)
{
	return say(fd, uid, gid, true);
}

int owner_set_at(int dirfd, const char *name, uid_t uid, gid_t gid)
{
	return say_at(dirfd, name, uid, gid, false);
}

int owner_say_at(int dirfd, const char *name, uid_t uid, gid_t gid)
{
	return say_at(dirfd, name, uid, gid, true);
}

int owner_stat(int fd, struct stat *ret)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -1;
	if (owner_is_kept()) {
		st.st_uid = st.st_gid = 0;
		(void)(has_attributes(st.st_mode) ? read_own(fd, &st.st_uid, &st.st_gid)
						  : read_other(&st, &st.st_uid, &st.st_gid));
	}
	*ret = st;
	return 0;
}

void owner_fill_at(int dirfd, const char *name, struct stat *st)
{
	if (!owner_is_kept())
		return;
	st->st_uid = st->st_gid = 0;
	if (!has_attributes(st->st_mode)) {
		(void)read_other(st, &st->st_uid, &st->st_gid);
		return;
	}
	/* a file that we may not read is not ours: the context of a build */
	AUTO_FD int fd = openat(dirfd, name, OPEN_FLAGS);
	if (fd >= 0)
		(void)read_own(fd, &st->st_uid, &st->st_gid);
}

int owner_stat_at(int dirfd, const char *name, struct stat *ret)
{
	if (fstatat(dirfd, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	owner_fill_at(dirfd, name, ret);
	return 0;
}

bool owner_is_said(int fd)
{
	return fgetxattr(fd, OWN, NULL, 0) >= 0;
}

int owner_complete(int fd, uid_t uid, gid_t gid)
{
	uid_t said_uid = UNSAID;
	gid_t said_gid = UNSAID;
	(void)read_own(fd, &said_uid, &said_gid);
	if (said_uid != UNSAID && said_gid != UNSAID)
		return 0;
	return owner_set(
		fd, said_uid == UNSAID ? uid : said_uid, said_gid == UNSAID ? gid : said_gid);
}

int owner_complete_at(int dirfd, const char *name, uid_t uid, gid_t gid)
{
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	uid_t said_uid;
	gid_t said_gid;
	return read_other(&st, &said_uid, &said_gid) ? 0 : owner_set_at(dirfd, name, uid, gid);
}

bool owner_said(const char *path, struct stat *st)
{
	char text[TEXT_MAX + 1] = "";
	if (!has_attributes(st->st_mode))
		return read_other(st, &st->st_uid, &st->st_gid);
	return getxattr(path, OWN, text, TEXT_MAX) > 0 && parse_own(text, &st->st_uid, &st->st_gid);
}
