/* SPDX-License-Identifier: Apache-2.0 */
#include "base/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"

#define TOLD " free in '"
#define BYTES "bytes are" TOLD
#define NEEDED ", at least "
#define FEW_INODES 1000
#define FULL_BYTES (1 * MIB) /* less is no room for a program */
#define FULL_INODES 64 /* the same; what it had made first may be gone when it is asked */
#define MANY_BYTES (16 * MIB) /* it is not for want of them that there is no room */
#define STAT_BLOCK 512 /* st_blocks, whatever the file system's own is */

int room_of(int fd, struct room *ret)
{
	struct statvfs fs;
	if (fstatvfs(fd, &fs) < 0)
		return -1;
	*ret = (struct room){
		.bytes = fs.f_blocks ? (uint64_t)fs.f_bavail * fs.f_frsize : ROOM_ANY,
		.inodes = fs.f_files ? fs.f_favail : ROOM_ANY,
		.block = fs.f_frsize ? fs.f_frsize : 1,
	};
	return 0;
}

const char *room_lack(const struct room *room, unsigned long long *ret_free)
{
	bool inodes = room->bytes >= FULL_BYTES;
	if (inodes && room->inodes >= FULL_INODES)
		return NULL;
	*ret_free = inodes ? room->inodes : room->bytes;
	return inodes ? "inodes" : "bytes";
}

bool room_is_short(const struct err *err)
{
	return err_is_sys(err, ENOSPC) || err_is_sys(err, EDQUOT);
}

static void append(struct err *err, const char *text)
{
	size_t n = strlen(err->msg);
	(void)snprintf(err->msg + n, sizeof(err->msg) - n, "%s", text);
}

static void tell_limit(struct err *err)
{
	struct rlimit most;
	if (strchr(err->msg, '(') || getrlimit(RLIMIT_FSIZE, &most) < 0)
		return;
	AUTO_FREE char *text = most.rlim_cur == RLIM_INFINITY
	                               ? xstrdup(" (its file system takes none as large)")
	                               : xasprintf(" (a limit of %llu bytes: see 'ulimit -f')",
						 (unsigned long long)most.rlim_cur);
	append(err, text);
}

static char *needs(const struct err *err, unsigned long long more_than_free)
{
	unsigned long long least = err->need > more_than_free ? err->need : more_than_free;
	AUTO_FREE char *most = err->most > least ? xasprintf(", at most %llu", err->most) : NULL;
	return xasprintf(NEEDED "%llu are needed%s)", least, most ? most : "");
}

/* What was told before it was known. */
static void tell_again(struct err *err)
{
	char *told = strstr(err->msg, BYTES);
	char *number = told ? strstr(told, NEEDED) : NULL;
	if (!number)
		return;
	AUTO_FREE char *text = needs(err, strtoull(number + sizeof(NEEDED) - 1, NULL, 10));
	(void)snprintf(number, sizeof(err->msg) - (size_t)(number - err->msg), "%s", text);
}

void room_need(uint64_t bytes, struct err *err)
{
	if (!room_is_short(err) || bytes <= err->need)
		return;
	err->need = bytes;
	tell_again(err);
}

void room_need_most(uint64_t bytes, struct err *err)
{
	if (!room_is_short(err))
		return;
	err->most = bytes;
	tell_again(err);
}

/* Some are free again when what failed was taken back. */
static bool is_short_of_inodes(const struct room *room, const struct err *err)
{
	return room->inodes == 0 ||
	       (room->inodes < FEW_INODES && room->bytes > MANY_BYTES && room->bytes > err->need);
}

void room_tell_of(int fd, const char *path, struct err *err)
{
	struct stat st;
	struct room room;
	if (err_is_sys(err, EFBIG))
		tell_limit(err);
	if (!room_is_short(err) || strstr(err->msg, TOLD) || fstat(fd, &st) < 0 ||
		room_of(fd, &room) < 0)
		return;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) /* a device is as large as it is */
		room = (struct room){.bytes = 0, .inodes = ROOM_ANY, .block = 1};
	if (room.bytes == ROOM_ANY)
		return;
	if (S_ISREG(st.st_mode) && !st.st_nlink)
		room.bytes += (uint64_t)st.st_blocks * STAT_BLOCK;
	bool inodes = is_short_of_inodes(&room, err);
	AUTO_FREE char *more =
		err->sys == EDQUOT ? xstrdup(", but a quota keeps them)")
		: inodes ? xasprintf(NEEDED "%llu are needed)", (unsigned long long)room.inodes + 1)
			 : needs(err, room.bytes + room.block);
	AUTO_FREE char *text = xasprintf(" (%llu %s are" TOLD "%s'%s",
		(unsigned long long)(inodes ? room.inodes : room.bytes),
		inodes ? "inodes" : "bytes", path, more);
	append(err, text);
}

void room_tell(const char *path, struct err *err)
{
	AUTO_FREE char *at = xstrdup(path);
	int fd;
	/* the nearest directory on the way up that is there */
	while ((fd = open(at, O_PATH | O_CLOEXEC)) < 0) {
		if (errno != ENOENT || streq(at, "/") || streq(at, "."))
			return;
		mem_replace(&at, path_dir(at));
	}
	room_tell_of(fd, at, err);
	close(fd);
}

int room_check(int fd, const char *path, uint64_t bytes, struct err *err)
{
	struct room room;
	if (room_of(fd, &room) < 0)
		return err_sys(err, "cannot look for room in '%s'", path);
	if (room.bytes >= bytes)
		return 0;
	errno = ENOSPC;
	(void)err_sys(err, "there is no room for it");
	AUTO_FREE char *text = xasprintf(" (%llu bytes are" TOLD "%s', at least %llu are needed)",
		(unsigned long long)room.bytes, path, (unsigned long long)bytes);
	append(err, text);
	return err->code;
}
