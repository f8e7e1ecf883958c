/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ssh_forward.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "build/ssh_requests.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64 /* at the same time; more have to wait */
#define CHUNK (64 * KIB)

struct connection {
	int step, agent;
	struct buf held; /* the beginning of a request */
};

struct forward {
	int listener;
	int agent; /* O_PATH of its socket */
	bool raw; /* requests are not looked at */
	struct connection c[CONNECTIONS_MAX];
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
	AUTO_FD int step = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	AUTO_FD int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socket_address(&to, f->agent, "");
	if (step < 0 || agent < 0 || connect(agent, (struct sockaddr *)&to, sizeof(to)) < 0)
		return; /* the step sees a connection that ends */
	struct connection *c = &f->c[f->n++];
	*c = (struct connection){.step = take_fd(&step), .agent = take_fd(&agent)};
	buf_init(&c->held, SSH_MESSAGE_MAX);
}

static void end_connection(struct forward *f, size_t i)
{
	close(f->c[i].step);
	close(f->c[i].agent);
	buf_done(&f->c[i].held);
	f->n--;
	memmove(&f->c[i], &f->c[i + 1], (f->n - i) * sizeof(f->c[0]));
}

static ssize_t receive(int from, char *chunk)
{
	ssize_t n;
	do {
		n = read(from, chunk, CHUNK);
	} while (n < 0 && errno == EINTR);
	return n;
}

/*
 * What has come from one side, to the other; false at the end. Requests and answers take turns, so
 * waiting in a write holds up only a step that does not read its answer.
 */
static bool carry(int from, int to)
{
	static char chunk[CHUNK];
	ssize_t n = receive(from, chunk);
	return n > 0 && fs_write_all(to, chunk, (size_t)n) == 0;
}

static bool carry_requests(struct connection *c)
{
	static char chunk[CHUNK];
	AUTO_BUF struct buf agent = BUF_INIT(SSH_MESSAGE_MAX + CHUNK), step = BUF_INIT(2 * CHUNK);
	ssize_t n = receive(c->step, chunk);
	return n > 0 && ssh_requests(&c->held, chunk, (size_t)n, &agent, &step) &&
	       fs_write_all(c->agent, buf_str(&agent), agent.len) == 0 &&
	       fs_write_all(c->step, buf_str(&step), step.len) == 0;
}

static int forward_job(void *arg, struct buf *out, struct err *err)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct forward *f = arg;
	(void)out;
	/* who does not wait for an answer ends its own connection and no other */
	sigaction(SIGPIPE, &ignore, NULL);
	for (;;) {
		struct pollfd p[2 * CONNECTIONS_MAX + 1];
		size_t n = f->n;
		for (size_t i = 0; i < n; i++) {
			p[2 * i] = (struct pollfd){.fd = f->c[i].step, .events = POLLIN};
			p[2 * i + 1] = (struct pollfd){.fd = f->c[i].agent, .events = POLLIN};
		}
		p[2 * n] = (struct pollfd){
			.fd = n < CONNECTIONS_MAX ? f->listener : -1, .events = POLLIN};
		if (poll(p, 2 * n + 1, -1) < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for the ssh agent");
		for (size_t i = n; i-- > 0;) {
			struct connection *c = &f->c[i];
			if ((p[2 * i].revents &&
				    !(f->raw ? carry(c->step, c->agent) : carry_requests(c))) ||
				(p[2 * i + 1].revents && !carry(c->agent, c->step)))
				end_connection(f, i);
		}
		if (p[2 * n].revents)
			add_connection(f);
	}
}

int ssh_forward_start(const struct ssh_source *agent, int dir, mode_t mode, uid_t uid, gid_t gid,
	struct job *ret_job, int *ret_fd, struct err *err)
{
	struct sockaddr_un at;
	AUTO_FD int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socket_address(&at, dir, "agent");
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		listen(listener, 16) < 0 || owner_set_at(dir, "agent", uid, gid) < 0 ||
		fchmodat(dir, "agent", mode, 0) < 0)
		return err_sys(err, "cannot make a socket for the ssh agent");
	AUTO_FD int fd = openat(dir, "agent", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot make a socket for the ssh agent");
	struct forward f = {.listener = listener, .agent = agent->socket, .raw = agent->raw};
	if (job_start(ret_job, forward_job, &f, err) < 0)
		return err->code;
	*ret_fd = take_fd(&fd);
	return 0;
}
