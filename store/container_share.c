/* SPDX-License-Identifier: Apache-2.0 */
#include "store/container_share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdpass.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "layers/copied.h"
#include "layers/snapshot.h"
#include "store/containers_internal.h"
#include "store/dir_list.h"

#define RUNNING "running"
#define SOCKET "socket."
#define ANSWER_S 2 /* of somebody who may have been stopped */
#define BACKLOG 16
#define MOMENT_MS 5
#define TRIES_SHIFT 8 /* a quarter of a second between two */

/* --- locks --- */

/* Of the open file, so that one kind becomes the other without being given up between (fcntl(2),
 * which flock(2) does not promise), and gone with its last holder. */
static int set_lock(int fd, short type, bool wait)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
	int r;
	while ((r = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock)) < 0 && errno == EINTR)
		;
	return r;
}

static bool is_held(void)
{
	return errno == EAGAIN || errno == EACCES;
}

/* Who waits for its turn has it for a moment, too: container_await(). */
static int lock_as_last(int fd)
{
	int r;
	for (int ms = 0; (r = set_lock(fd, F_WRLCK, false)) < 0 && is_held() && ms < MOMENT_MS;
		ms++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return r;
}

static int lock_dir(int dir, int how)
{
	int r;
	while ((r = flock(dir, how)) < 0 && errno == EINTR)
		;
	return r;
}

static int open_running(int dir)
{
	return fs_open_plain(dir, RUNNING, O_RDWR | O_CREAT, 0600);
}

int container_take_hold(
	const struct store *s, enum container_hold hold, struct container *c, struct err *err)
{
	if (hold == CONTAINER_DOCUMENT)
		return 0;
	AUTO_FD int fd = open_running(c->dir);
	c->alone = true;
	if (fd < 0 && (errno == EROFS || errno == EACCES || errno == EPERM))
		return 0; /* to be read only: nobody runs anything in it */
	if (fd < 0)
		return err_sys(err, "cannot open '" RUNNING "' of the container '%s'", c->name);
	if (set_lock(fd, F_WRLCK, false) < 0) {
		c->alone = false;
		if (!is_held())
			return err_sys(err, "cannot lock the working container '%s'", c->name);
		if (hold != CONTAINER_BESIDE || set_lock(fd, F_RDLCK, false) < 0 ||
			(container_mounted(s, c) != CONTAINER_MOUNTED &&
				container_join(c->dir, &c->root) < 0))
			return err_set(err, ERR_BUSY,
				"another process uses the working container '%s'", c->name);
	}
	c->running = take_fd(&fd);
	return 0;
}

int container_await(int dir, enum container_hold hold, unsigned tries, struct err *err)
{
	AUTO_FD int fd = open_running(dir);
	if (fd < 0 && errno == ENOENT)
		return 0; /* it was removed */
	if (fd < 0 || set_lock(fd, hold == CONTAINER_BESIDE ? F_RDLCK : F_WRLCK, true) < 0)
		return err_sys(err, "cannot wait for the working container");
	/* of all who wait none would ever be alone */
	mem_close_p(&fd);
	/* who has it and is about to end does so first; who has it and gives it to nobody may take
	 * long */
	(void)nanosleep(&(struct timespec){.tv_nsec = 1000000L << MIN(tries, TRIES_SHIFT)}, NULL);
	return 0;
}

/* --- handing out --- */

/* Below the descriptor: the path of a store may be longer than that of a socket can be. */
static struct sockaddr_un socket_address(int work, const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%.64s", work, name);
	return a;
}

static int open_work(int dir)
{
	return openat(dir, "work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int offer_at(int dir, const char *name)
{
	AUTO_FREE char *file = xasprintf(SOCKET "%s", name);
	AUTO_FD int work = open_work(dir);
	AUTO_FD int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_un a = socket_address(work, file);
	if (work < 0 || sock < 0 || bind(sock, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
		listen(sock, BACKLOG) < 0)
		return -1;
	return take_fd(&sock);
}

void container_share_begin(
	const struct store *s, struct container *c, const char *name, int *ret_offer)
{
	bool mounted = container_mounted(s, c) == CONTAINER_MOUNTED;
	*ret_offer = name ? offer_at(c->dir, name) : -1;
	bool shared = mounted || *ret_offer >= 0 || !c->alone;
	if (shared && set_lock(c->running, F_RDLCK, false) < 0)
		log_debug("nobody else can run something in '%s'", c->name);
	c->alone = !shared;
	mem_close_p(&c->root);
	(void)lock_dir(c->dir, LOCK_UN);
}

int container_share_end(const struct store *s, struct container *c, const char *name, int offer,
	bool *ret_last, struct err *err)
{
	AUTO_CONTAINER struct container now = CONTAINER_INIT;
	/* who asks from now on sees that nobody answers, and comes again */
	if (offer >= 0) {
		AUTO_FREE char *file = xasprintf(SOCKET "%s", name);
		AUTO_FD int work = open_work(c->dir);
		(void)unlinkat(work, file, 0);
		(void)close(offer);
	}
	if (lock_dir(c->dir, LOCK_EX) < 0)
		return err_sys(err, "cannot lock the working container '%s'", c->name);
	bool alone = lock_as_last(c->running) == 0;
	if (!alone && !is_held())
		return err_sys(err, "cannot lock the working container '%s'", c->name);
	int r = 0;
	if (faccessat(c->dir, "merged", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		r = container_load(c->dir, c->id, &now, err);
	*ret_last = r == 0 && alone &&
	            (container_mounted(s, &now) == CONTAINER_NOT_MOUNTED ||
			    container_mounted(s, c) == CONTAINER_MOUNTED);
	return r;
}

/* --- asking --- */

/* Where fuse-overlayfs serves somebody of another user namespace, it cannot. */
static bool can_enter(int root)
{
	AUTO_FD int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0;
}

/* *ret_fd: what came with the answer, or -1 */
static int ask(
	int work, const char *name, enum container_request request, int *ret_sock, int *ret_fd)
{
	const struct timeval patience = {.tv_sec = ANSWER_S};
	const struct sockaddr_un a = socket_address(work, name);
	AUTO_FD int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char byte = (char)request;
	bool cut;
	if (sock < 0 ||
		setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
		setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
		connect(sock, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
		send(sock, &byte, 1, MSG_NOSIGNAL) != 1 ||
		fdpass_receive(sock, &byte, 1, 0, ret_fd, &cut) != 1)
		return -1;
	*ret_sock = take_fd(&sock);
	return 0;
}

/* The names of who can be asked. */
static void list_sockets(int work, struct strv *ret)
{
	struct err gone = ERR_INIT;
	AUTO_STRV struct strv all = STRV_INIT;
	if (dir_list(work, ".", &all, &gone) < 0)
		return;
	STRV_FOREACH (name, &all)
		if (str_has_prefix(*name, SOCKET))
			strv_add(ret, *name);
}

void container_pause(const struct container *c, struct container_pause *ret)
{
	AUTO_STRV struct strv names = STRV_INIT;
	AUTO_FD int work = open_work(c->dir);
	*ret = (struct container_pause){0};
	if (work >= 0)
		list_sockets(work, &names);
	ret->socks = xcalloc(names.n + 1, sizeof(*ret->socks));
	STRV_FOREACH (name, &names) {
		int nothing = -1;
		if (ask(work, *name, CONTAINER_ASKS_PAUSE, &ret->socks[ret->n], &nothing) == 0)
			ret->n++;
		mem_close_p(&nothing);
	}
}

void container_resume(struct container_pause *p)
{
	for (size_t i = 0; i < p->n; i++)
		(void)close(p->socks[i]);
	free(p->socks);
	*p = (struct container_pause){0};
}

int container_share_hear(int offer, enum container_request *ret, int *ret_sock)
{
	const struct timeval patience = {.tv_sec = 1};
	AUTO_FD int sock = accept4(offer, NULL, NULL, SOCK_CLOEXEC);
	char byte;
	if (sock < 0 ||
		setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
		recv(sock, &byte, 1, 0) != 1)
		return -1;
	*ret = (enum container_request)byte;
	*ret_sock = take_fd(&sock);
	return 0;
}

static int ask_root(int work, const char *name, int *ret_root)
{
	AUTO_FD int sock = -1, root = -1;
	if (ask(work, name, CONTAINER_ASKS_ROOT, &sock, &root) < 0 || root < 0 || !can_enter(root))
		return -1;
	*ret_root = take_fd(&root);
	return 0;
}

/* A copy is no mount, and where it lies everybody finds it. */
static int open_copy(int work, int *ret_root)
{
	*ret_root = openat(work, COPIED_TREE, COPIED_DIR_FLAGS);
	return *ret_root < 0 ? -1 : 0;
}

int container_join(int dir, int *ret_root)
{
	AUTO_STRV struct strv names = STRV_INIT;
	AUTO_FD int work = open_work(dir);
	int r = -1;
	if (work < 0)
		return -1;
	if (snapshot_copy_used(work))
		return open_copy(work, ret_root);
	list_sockets(work, &names);
	for (size_t i = 0; i < names.n && r < 0; i++)
		r = ask_root(work, names.v[i], ret_root);
	return r;
}
