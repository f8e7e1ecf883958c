/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a container is mounted, as far as we can see. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/mem.h"
#include "layers/snapshot.h"
#include "store/containers.h"
#include "store/store_internal.h"

#define SPACE_MAX 64 /* "mnt:[4026531841]" */
#define MOUNTS_MAX (16 * MIB) /* of one process */
#define WAIT_MS 500
#define WAIT_STEP_MS 10

/* "" when it cannot be told: then it is nobody's. */
static void space_of(const char *process, char ret[SPACE_MAX])
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	ssize_t n = readlink(path, ret, SPACE_MAX - 1);
	ret[n > 0 ? n : 0] = '\0';
}

static bool is_mount_point(int dir, const char *name)
{
	struct statx st;
	return statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* "mnt:[4026531841]" -> "unshare.4026531841" */
static char *space_lock_name(const char *space)
{
	size_t skip = strcspn(space, "0123456789");
	return xasprintf("unshare.%.*s", (int)strspn(space + skip, "0123456789"), space + skip);
}

/* `unshare` keeps this lock: from another user namespace its processes cannot be looked at. */
static bool space_is_held(const struct store *s, const char *space)
{
	AUTO_FREE char *name = space_lock_name(space);
	AUTO_FD int fd = fs_open_plain(s->fd, name, O_RDONLY, 0);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

int container_space_hold(struct store *s, int *ret_fd, struct err *err)
{
	char space[SPACE_MAX];

	space_of("self", space);
	AUTO_FREE char *name = space_lock_name(space);
	return lock_file(s->fd, name, LOCK_SHARED, true, ret_fd, err);
}

void container_space_release(struct store *s, int fd)
{
	char space[SPACE_MAX];

	space_of("self", space);
	AUTO_FREE char *name = space_lock_name(space);
	(void)unlinkat(s->fd, name, 0);
	(void)close(fd);
}

/* It serves a mount, and lives in the mount namespace for no other reason. */
static bool is_server(int proc, const char *process)
{
	AUTO_FREE char *path = xasprintf("%s/comm", process);
	char name[32] = "";
	AUTO_FD int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, name, sizeof(name) - 1) > 0 && streq(name, "fuse-overlayfs\n");
}

/* Its mounts may be read where its namespace may not: by who is in another user namespace. */
static bool has_mount(int proc, const char *process, const char *mount_point)
{
	AUTO_FREE char *path = xasprintf("%s/mountinfo", process), *text = NULL;
	struct err ended = ERR_INIT;
	return fs_read_file(proc, path, MOUNTS_MAX, &text, NULL, &ended) == 0 &&
	       strstr(text, mount_point);
}

/* Somebody whom we can see has the container mounted, by whatever kind of mount, and wherever its
 * store is for him. */
static bool somebody_has(const struct container *c)
{
	AUTO_FREE char *mount_point = xasprintf("/" CONTAINERS_DIR "/%s/merged ", c->id);
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	bool found = false;

	while (proc && !found && (e = readdir(proc)))
		found = isdigit((unsigned char)e->d_name[0]) &&
		        has_mount(dirfd(proc), e->d_name, mount_point) &&
		        !is_server(dirfd(proc), e->d_name);
	if (proc)
		(void)closedir(proc);
	return found;
}

/* Whoever has it, and wherever, while nobody runs anything in it: they have that directory mounted,
 * too. What was there goes a moment after its last process. */
static bool stays_mounted(const struct container *c)
{
	static const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};
	AUTO_FD int upper = openat(c->dir, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int ms = 0; upper >= 0 && snapshot_is_mounted(upper); ms += WAIT_STEP_MS) {
		if (ms >= WAIT_MS)
			return true;
		(void)nanosleep(&step, NULL);
	}
	return false;
}

enum container_mounted container_mounted(const struct store *s, const struct container *c)
{
	char boot[BOOT_ID_LEN + 1];

	if (!c->mount_boot || !c->mount_space)
		return CONTAINER_NOT_MOUNTED;
	store_boot_id(boot);
	if (!streq(c->mount_boot, boot))
		return CONTAINER_NOT_MOUNTED;
	AUTO_FREE char *merged = xasprintf(CONTAINERS_DIR "/%s/merged", c->id);
	if (is_mount_point(s->fd, merged))
		return CONTAINER_MOUNTED;
	char ours[SPACE_MAX];
	space_of("self", ours);
	if (!streq(ours, c->mount_space) && (space_is_held(s, c->mount_space) || somebody_has(c) ||
						    (c->alone && stays_mounted(c))))
		return CONTAINER_MOUNTED_ELSEWHERE;
	return CONTAINER_NOT_MOUNTED;
}

bool container_was_mounted_elsewhere(const struct container *c)
{
	char ours[SPACE_MAX];

	space_of("self", ours);
	return c->mount_space && !streq(ours, c->mount_space);
}

void container_set_mounted(struct container *c, bool mounted)
{
	char boot[BOOT_ID_LEN + 1], space[SPACE_MAX];

	mem_replace(&c->mount_boot, NULL);
	mem_replace(&c->mount_space, NULL);
	if (!mounted)
		return;
	store_boot_id(boot);
	space_of("self", space);
	c->mount_boot = xstrdup(boot);
	c->mount_space = xstrdup(space);
}
