/* SPDX-License-Identifier: Apache-2.0 */
#include "run/network.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/strv.h"
#include "run/spec.h"
#include "run/userns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Measured here: slirp4netns is ready after 10 ms, pasta after 40 ms. */
#define READY_TIMEOUT_MS 10000

/* The helper gets the net namespace as descriptor 3 and says on descriptor 0 that it is ready:
 * standard output and error are for its chatter. */
#define HELPER_NETNS "/proc/self/fd/3"
#define HELPER_READY 0

struct helper {
	const char *name;
	const char *dns; /* where it answers DNS questions with the help of the host's resolver */
	const char *gateway; /* the host, if it may be reached; NULL: the host's own gateway */
	void (*arguments)(struct strv *argv, bool gateway, const struct network_choice *c);
};

#define PASTA_DNS "169.254.1.1"

static void pasta_arguments(struct strv *argv, bool gateway, const struct network_choice *c)
{
	static const char *const fixed[] = {"pasta", "--config-net", "--foreground", "--quiet",
		"--netns", HELPER_NETNS, "--pid", "/proc/self/fd/0"};
	/* unless said otherwise no port is forwarded either way */
	static const char *const usual[][3] = {{"-t", "--tcp-ports", "none"},
		{"-u", "--udp-ports", "none"}, {"-T", "--tcp-ns", "none"},
		{"-U", "--udp-ns", "none"}, {"--dns-forward", "--dns-forward", PASTA_DNS}};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		strv_add(argv, fixed[i]);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		if (network_choice_has(c, usual[i][0], usual[i][1]))
			continue;
		strv_add(argv, usual[i][0]);
		strv_add(argv, usual[i][2]);
	}
	STRV_FOREACH (word, &c->options)
		strv_add(argv, *word);
	/* else the host is reachable under the gateway's address */
	if (!gateway)
		strv_add(argv, "--no-map-gw");
	/* as real root it would become nobody before it can enter the namespace; it sandboxes
	 * itself afterwards in any case */
	if (!userns_is_rootless()) {
		strv_add(argv, "--runas");
		strv_add(argv, "0:0");
	}
}

static void slirp_arguments(struct strv *argv, bool gateway, const struct network_choice *c)
{
	static const char *const fixed[] = {"slirp4netns", "--configure", "--mtu=65520",
		"--enable-sandbox", "--netns-type=path", "--ready-fd=0"};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		strv_add(argv, fixed[i]);
	if (!gateway)
		strv_add(argv, "--disable-host-loopback");
	STRV_FOREACH (word, &c->options)
		strv_add(argv, *word);
	strv_add(argv, HELPER_NETNS);
	strv_add(argv, "tap0");
}

static const struct helper helpers[] = {
	{"pasta", PASTA_DNS, NULL, pasta_arguments},
	{"slirp4netns", "10.0.2.3", "10.0.2.2", slirp_arguments},
};

struct network {
	int netns;
	size_t which; /* in helpers */
	pid_t pid; /* 0: none */
	int ready; /* read end; -1 once it is */
	const struct network_choice *choice;
	bool gateway; /* wanted */
	char host_gateway[INET_ADDRSTRLEN]; /* of the host's default route; "": it has none */
};

/*
 * In a child, because a process cannot make a namespace without moving into it. It must not outlive
 * the parent, whose locks it would keep: it dies with it, holds nothing but `sock`, and waits on
 * that, whose other end only the parent has.
 */
static _Noreturn void make_namespace(int sock, pid_t parent)
{
	char end;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || dup2(sock, 0) < 0 ||
		proc_close_fds(1, ~0U) < 0)
		_exit(125);
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int failed = unshare(CLONE_NEWNET) < 0 ? errno : 0;
	int inet = failed ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!failed && (inet < 0 || ioctl(inet, SIOCSIFFLAGS, &req) < 0))
		failed = errno;
	if (send(0, &failed, sizeof(failed), MSG_NOSIGNAL) == sizeof(failed))
		(void)!read(0, &end, 1); /* until the parent has opened it and kills us */
	_exit(0);
}

static int open_namespace(int *ret_fd, struct err *err)
{
	int socks[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return err_sys(err, "cannot create a socket pair");
	AUTO_FD int answer = socks[0];
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0)
		make_namespace(socks[1], parent);
	int saved = errno;
	close(socks[1]);
	errno = saved;
	if (pid < 0)
		return err_sys(err, "cannot fork");
	int failed = EPIPE;
	int r = 0;
	if (read(answer, &failed, sizeof(failed)) != sizeof(failed) || failed != 0) {
		errno = failed;
		r = err_sys(err, "cannot create a net namespace");
	} else {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (*ret_fd < 0)
			r = err_sys(err, "cannot open a net namespace");
	}
	(void)kill(pid, SIGKILL);
	(void)proc_wait(pid, NULL);
	return r;
}

/* The first helper from n->which on that is wanted and installed. ERR_NOT_FOUND: none. */
static int start_helper(struct network *n, struct err *err)
{
	const char *wanted = n->choice->helper;
	for (; n->which < ARRAY_LEN(helpers); n->which++) {
		const char *name = helpers[n->which].name;
		AUTO_FREE char *program = !wanted || streq(wanted, name) ? proc_find(name) : NULL;
		if (!program)
			continue;
		int fds[2];
		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_sys(err, "cannot create a pipe");
		AUTO_STRV struct strv argv = STRV_INIT;
		helpers[n->which].arguments(&argv, n->gateway, n->choice);
		/* slirp4netns makes '/' private and nothing below it, and then leaves it: where
		 * mounts are shared, that would unmount the machine's */
		const struct proc_opts opts = {.in = fds[1],
			.out = -1,
			.errfd = -1,
			.keep_fd = n->netns,
			.own_mounts = true};
		int r = proc_spawn(
			program, (const char *const *)strv_argv(&argv), &opts, &n->pid, err);
		close(fds[1]);
		if (r < 0) {
			close(fds[0]);
			return r;
		}
		n->ready = fds[0];
		return 0;
	}
	if (wanted)
		return err_set(
			err, ERR_NOT_FOUND, "'--network=%s': %s is not installed", wanted, wanted);
	return err_set(err, ERR_NOT_FOUND,
		"a private network needs pasta (package passt) or slirp4netns, and neither is "
		"installed: install one, or say '--network=host'");
}

static void stop_helper(struct network *n)
{
	if (n->pid > 0) {
		(void)kill(n->pid, SIGKILL);
		(void)proc_wait(n->pid, NULL);
	}
	n->pid = 0;
	mem_close_p(&n->ready);
}

static bool parse_hex(const char *s, uint32_t *ret)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(s, &end, 16);
	if (errno || end == s || *end || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* The gateway of the default route with the lowest metric, from route(5) of the kernel's table:
 * addresses are in hexadecimal, as they are in memory. pasta takes the same one. */
static void find_gateway(char ret[INET_ADDRSTRLEN])
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	uint64_t best = UINT64_MAX;
	if (fs_read_file(AT_FDCWD, "/proc/self/net/route", MIB, &text, &n, &ignored) < 0)
		return;
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		/* name, destination, gateway, flags, two counters, metric, mask */
		AUTO_STRV struct strv f = STRV_INIT;
		uint32_t dest, gateway, flags, mask;
		uint64_t metric;
		strv_split(&f, *line, '\t');
		if (f.n < 8 || !parse_hex(f.v[1], &dest) || !parse_hex(f.v[2], &gateway) ||
			!parse_hex(f.v[3], &flags) || !num_u64(f.v[6], UINT32_MAX, &metric) ||
			!parse_hex(f.v[7], &mask))
			continue;
		if (dest || mask || !(flags & RTF_GATEWAY) || metric >= best)
			continue;
		const struct in_addr address = {.s_addr = gateway};
		if (inet_ntop(AF_INET, &address, ret, INET_ADDRSTRLEN))
			best = metric;
	}
}

int network_start(const struct run_spec *spec, struct network **ret, struct err *err)
{
	struct network *n = xcalloc(1, sizeof(*n));
	n->netns = n->ready = -1;
	n->choice = &spec->helper;
	n->gateway = run_spec_needs_gateway(spec) || spec->helper.gateway;
	find_gateway(n->host_gateway);
	int r = open_namespace(&n->netns, err);
	if (r == 0)
		r = start_helper(n, err);
	if (r < 0) {
		network_stop(n);
		return r;
	}
	*ret = n;
	return 0;
}

/* The usual reason is that of a container that was not given the device. */
static int not_connected(const struct network *n, const char *helper, bool late, struct err *err)
{
	AUTO_FD int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tun < 0)
		return err_set(err, ERR_NETWORK,
			"a private network needs '/dev/net/tun', which cannot be opened (%s): "
			"say '--network=host', or let it be opened",
			err_text(errno, (char[ERR_TEXT_MAX]){0}));
	return err_set(err, ERR_NETWORK, "%s could not connect the private network%s%s", helper,
		late ? " in time" : "",
		n->choice->options.n ? "; does it know what '--network' gives it?" : "");
}

/* Somebody killed it, as who looks for memory does. */
static bool helper_is_gone(const struct network *n)
{
	siginfo_t si = {0};
	return n->pid > 0 && waitid(P_PID, (id_t)n->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       si.si_pid;
}

int network_ready(struct network *n, struct err *err)
{
	if (n->ready < 0 && helper_is_gone(n)) {
		stop_helper(n);
		if (start_helper(n, err) < 0)
			return err->code;
	}
	while (n->ready >= 0) {
		char buf[64];
		struct pollfd p = {.fd = n->ready, .events = POLLIN};
		int polled;
		do {
			polled = poll(&p, 1, READY_TIMEOUT_MS);
		} while (polled < 0 && errno == EINTR);
		ssize_t got = polled > 0 ? read(n->ready, buf, sizeof(buf)) : -1;
		if (got > 0) {
			mem_close_p(&n->ready);
			break;
		}
		/* pasta copies the host's addresses and has nothing to do on a host without any;
		 * slirp4netns brings its own */
		const char *name = helpers[n->which].name;
		stop_helper(n);
		n->which++;
		if (start_helper(n, err) < 0)
			return not_connected(n, name, polled == 0, err);
	}
	if (n->gateway && !network_gateway(n))
		return err_set(err, ERR_UNSUPPORTED,
			"'host-gateway': this machine has no default route, so %s has no address "
			"for it",
			network_helper(n));
	return 0;
}

int network_netns(const struct network *n)
{
	return n->netns;
}

const char *network_helper(const struct network *n)
{
	return n->which < ARRAY_LEN(helpers) ? helpers[n->which].name : "none";
}

const char *network_dns(const struct network *n)
{
	if (*n->choice->dns)
		return n->choice->dns;
	return n->which < ARRAY_LEN(helpers) ? helpers[n->which].dns : NULL;
}

const char *network_gateway(const struct network *n)
{
	if (!n->gateway || n->which >= ARRAY_LEN(helpers))
		return NULL;
	if (*n->choice->host)
		return n->choice->host;
	if (helpers[n->which].gateway)
		return helpers[n->which].gateway;
	return *n->host_gateway ? n->host_gateway : NULL;
}

void network_stop(struct network *n)
{
	if (!n)
		return;
	stop_helper(n);
	mem_close_p(&n->netns);
	free(n);
}
