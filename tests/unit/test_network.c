/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/sandbox_fixture.h"

#include "run/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct network *start(void)
{
	struct network *n;
	struct err err = ERR_INIT;
	int r = network_start(&im.spec, &n, &err);
	if (r == ERR_NOT_FOUND)
		skip_because("%s", err.msg);
	assert_int_equal(r, 0);
	/* nothing here may reach outside of its own machine in a sandboxed build: no tun device, no
	 * network */
	if (network_ready(n, &err) < 0) {
		network_stop(n);
		skip_because("%s", err.msg);
	}
	return n;
}

static int run_in(struct network *n, const char *script)
{
	struct sandbox *s;
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fs_remove_tree(im.work, "work", &im.err), 0);
	strv_done(&im.spec.argv);
	strv_add(&im.spec.argv, "sh");
	strv_add(&im.spec.argv, "-c");
	strv_add(&im.spec.argv, script);
	im.spec.network = RUN_NETWORK_PRIVATE;
	im.spec.out = fds[1];
	assert_int_equal(sandbox_start(&im.spec, n, NULL, &s, NULL, &im.err), 0);
	close(fds[1]);
	ssize_t got = fs_read_upto(fds[0], im.out, sizeof(im.out) - 1);
	im.out[got < 0 ? 0 : got] = '\0';
	close(fds[0]);
	assert_int_equal(sandbox_wait(s, &im.result, &im.err), 0);
	return im.result.status;
}

/* Our only child. */
static void kill_helper(void)
{
	char path[64], text[64] = "";
	siginfo_t si;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fs_read_upto(fd, text, sizeof(text) - 1) > 0);
	assert_int_equal(kill((pid_t)strtol(text, NULL, 10), SIGKILL), 0);
	assert_int_equal(waitid(P_ALL, 0, &si, WEXITED | WNOWAIT), 0);
}

static void steps_share_one_connected_namespace(void **state)
{
	(void)state;
	struct network *n = start();
	assert_int_equal(run_in(n, "grep -c -E '^[a-z0-9]+\t00000000' /proc/net/route; readlink "
				   "/proc/self/ns/net"),
		0);
	assert_int_equal(strncmp(im.out, "1\nnet:", 6), 0);
	char first[256];
	snprintf(first, sizeof(first), "%.200s", im.out);
	kill_helper();
	assert_int_equal(run_in(n, "grep -c -E '^[a-z0-9]+\t00000000' /proc/net/route; readlink "
				   "/proc/self/ns/net"),
		0);
	assert_string_equal(im.out, first);
	char script[128];
	snprintf(
		script, sizeof(script), "grep -c 'nameserver %s' /etc/resolv.conf", network_dns(n));
	assert_int_equal(run_in(n, script), 0);
	network_stop(n);
}

static void the_hosts_loopback_is_out_of_reach(void **state)
{
	(void)state;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	struct network *n = start();
	char script[256];
	snprintf(script, sizeof(script),
		"for h in 127.0.0.1 10.0.2.2 169.254.1.1 $(sed -n "
		"'s/^[a-z0-9]*\\t00000000\\t\\(..\\)\\(..\\)\\(..\\)\\(..\\).*/"
		"0x\\4.0x\\3.0x\\2.0x\\1/p' "
		"/proc/net/route); do nc -w 1 $h %u </dev/null && echo reached $h; done; true",
		ntohs(a.sin_port));
	assert_int_equal(run_in(n, script), 0);
	assert_string_equal(im.out, "");
	network_stop(n);
	close(listener);
}

static void a_private_network_must_be_given(void **state)
{
	(void)state;
	struct sandbox *s;
	strv_add(&im.spec.argv, "true");
	im.spec.network = RUN_NETWORK_PRIVATE;
	assert_int_equal(sandbox_start(&im.spec, NULL, NULL, &s, NULL, &im.err), ERR_INVALID);
}

int main(void)
{
	become_root();
	const struct CMUnitTest tests[] = {
		CASE(steps_share_one_connected_namespace),
		CASE(the_hosts_loopback_is_out_of_reach),
		CASE(a_private_network_must_be_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
