/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ssh_forward.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64 /* at the same time; more have to wait */
#define CHUNK (64 * KIB)

struct forward {
	int listener;
	int agent; /* O_PATH of its socket */
	int fds[2 * CONNECTIONS_MAX]; /* the step's and the agent's, in pairs */
	size_t n;
};

/* A path that leads to what is below an open directory, and is never too long. */
static void socket_address(struct sockaddr_un *a, int fd, const char *name)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d%s%s", fd, *name ? "/" : "",
		name);
}

static void add_connection(struct forward *f)
{
	struct sockaddr_un to;
	AUTO_FD int client = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	AUTO_FD int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socket_address(&to, f->agent, "");
	if (client < 0 || agent < 0 || connect(agent, (struct sockaddr *)&to, sizeof(to)) < 0)
		return; /* the client sees a connection that ends */
	f->fds[2 * f->n] = take_fd(&client);
	f->fds[2 * f->n + 1] = take_fd(&agent);
	f->n++;
}

static void end_connection(struct forward *f, size_t i)
{
	close(f->fds[2 * i]);
	close(f->fds[2 * i + 1]);
	f->n--;
	memmove(&f->fds[2 * i], &f->fds[2 * i + 2], (f->n - i) * 2 * sizeof(int));
}

/* False at the end. Requests and answers take turns, so waiting in a write holds up only a step
 * that does not read its answer. */
static bool carry(int from, int to)
{
	static char chunk[CHUNK];
	ssize_t n;
	do {
		n = read(from, chunk, sizeof(chunk));
	} while (n < 0 && errno == EINTR);
	return n > 0 && fs_write_all(to, chunk, (size_t)n) == 0;
}

static int forward_job(void *arg, struct buf *out, struct err *err)
{
	struct forward *f = arg;
	(void)out;
	for (;;) {
		struct pollfd p[2 * CONNECTIONS_MAX + 1];
		size_t n = f->n;
		for (size_t i = 0; i < 2 * n; i++)
			p[i] = (struct pollfd){.fd = f->fds[i], .events = POLLIN};
		p[2 * n] = (struct pollfd){
			.fd = n < CONNECTIONS_MAX ? f->listener : -1, .events = POLLIN};
		if (poll(p, 2 * n + 1, -1) < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for the ssh agent");
		for (size_t i = n; i-- > 0;) {
			const int *pair = &f->fds[2 * i];
			if ((p[2 * i].revents && !carry(pair[0], pair[1])) ||
				(p[2 * i + 1].revents && !carry(pair[1], pair[0])))
				end_connection(f, i);
		}
		if (p[2 * n].revents)
			add_connection(f);
	}
}

int ssh_forward_start(const char *agent, int dir, mode_t mode, uid_t uid, gid_t gid,
	struct job *ret_job, int *ret_fd, struct err *err)
{
	struct sockaddr_un at;
	AUTO_FD int peer = open(agent, O_PATH | O_CLOEXEC);
	AUTO_FD int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socket_address(&at, dir, "agent");
	if (peer < 0)
		return err_sys(err, "cannot open the ssh agent '%s'", agent);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		listen(listener, 16) < 0 || owner_set_at(dir, "agent", uid, gid) < 0 ||
		fchmodat(dir, "agent", mode, 0) < 0)
		return err_sys(err, "cannot make a socket for the ssh agent");
	AUTO_FD int fd = openat(dir, "agent", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot make a socket for the ssh agent");
	struct forward f = {.listener = listener, .agent = peer};
	if (job_start(ret_job, forward_job, &f, err) < 0)
		return err->code;
	*ret_fd = take_fd(&fd);
	return 0;
}
