/* SPDX-License-Identifier: Apache-2.0 */
/* Each case installs the filter in a child and looks at what the kernel answers: the program is
 * judged by what it does. */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/fs.h"
#include "run/seccomp.h"
#include "run/seccomp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* errno of the call under the filter (0: it worked), 1000 + signal when it killed */
static int answer(const struct sock_fprog *f, long nr, const long args[6])
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err err = ERR_INIT;
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_apply(f, &err) < 0)
			_exit(254);
		long r = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
		_exit(r < 0 ? errno : 0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

#define ANSWER(f, nr, ...) answer(f, nr, (const long[6]){__VA_ARGS__})

static const struct sock_fprog *compile(const struct seccomp_rule *rules, size_t n)
{
	static struct sock_fprog prog;
	struct err err = ERR_INIT;
	free(prog.filter);
	const struct seccomp_profile p = {
		.fallback = SECCOMP_RET_ALLOW, .rules = rules, .n_rules = n};
	const uint32_t arch = seccomp_arch_native();
	assert_int_equal(seccomp_compile(&p, 0, &arch, 1, &prog, &err), 0);
	return &prog;
}

static void the_default_allows_the_usual_and_refuses_the_rest(void **state)
{
	(void)state;
	const struct sock_fprog *f;
	struct err err = ERR_INIT;
	assert_int_equal(seccomp_filter(NULL, 0xa80425fb, 0, &f, &err), 0);
	assert_in_range(f->len, 50, 1000);
	assert_int_equal(ANSWER(f, SYS_getpid, 0), 0);
	assert_int_equal(ANSWER(f, SYS_openat, -1, (long)"relative", 0), EBADF);
	assert_int_equal(ANSWER(f, SYS_userfaultfd, 0), EPERM);
	assert_int_equal(ANSWER(f, SYS_bpf, 0), EPERM);
	assert_int_equal(ANSWER(f, SYS_keyctl, 0), EPERM);
	assert_int_equal(ANSWER(f, SYS_init_module, 0), EPERM);
	assert_int_equal(ANSWER(f, SYS_io_uring_setup, 1, 0), ENOSYS);
	assert_int_equal(ANSWER(f, 6000, 0), ENOSYS);
	assert_int_equal(ANSWER(f, SYS_socket, AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	assert_int_equal(ANSWER(f, SYS_socket, AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
	assert_int_equal(
		ANSWER(f, SYS_socket, (1L << 32) | AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	assert_int_equal(ANSWER(f, SYS_socket, AF_UNIX, SOCK_STREAM, 0), 0);
	assert_int_equal(ANSWER(f, SYS_ioctl, -1, TIOCSTI), EPERM);
	assert_int_equal(ANSWER(f, SYS_ioctl, -1, (1L << 32) | TIOCSTI), EPERM);
	assert_int_equal(ANSWER(f, SYS_ioctl, -1, TIOCGWINSZ), EBADF);
	assert_int_equal(ANSWER(f, SYS_personality, 0xffffffff), 0);
	assert_int_equal(ANSWER(f, SYS_personality, 8), 0);
	assert_int_equal(ANSWER(f, SYS_personality, ADDR_NO_RANDOMIZE), ENOSYS);
}

static void capabilities_open_their_system_calls(void **state)
{
	(void)state;
	const struct sock_fprog *f;
	struct err err = ERR_INIT;
	assert_int_equal(seccomp_filter(NULL, 0xa80425fb | 1ULL << 21, 0, &f, &err), 0);
	assert_int_equal(ANSWER(f, SYS_bpf, -1, 0, 0), EINVAL);
	assert_int_equal(ANSWER(f, SYS_kcmp, 0), EPERM);
	const struct sock_fprog *again;
	assert_int_equal(seccomp_filter(NULL, 0xa80425fb | 1ULL << 21, 0, &again, &err), 0);
	assert_ptr_equal(f, again);
}

static void says_that_a_limit_of_core_is_set_and_leaves_it(void **state)
{
	(void)state;
	const struct sock_fprog *f;
	struct err err = ERR_INIT;
	const struct rlimit wrong = {.rlim_cur = 1, .rlim_max = 0};
	struct rlimit old = {0};
	const long l = (long)&wrong, core = 1L << 32 | RLIMIT_CORE;
	assert_int_equal(seccomp_filter(NULL, 0, 0, &f, &err), 0);
	assert_int_equal(ANSWER(f, SYS_setrlimit, RLIMIT_CORE, l), EINVAL);
	assert_int_equal(seccomp_filter(NULL, 0, SECCOMP_KEEP_CORE, &f, &err), 0);
	assert_int_equal(ANSWER(f, SYS_setrlimit, core, l), 0);
	assert_int_equal(ANSWER(f, SYS_setrlimit, RLIMIT_NOFILE, l), EINVAL);
	assert_int_equal(ANSWER(f, SYS_prlimit64, 0, core, l, 0), 0);
	assert_int_equal(ANSWER(f, SYS_prlimit64, 1, core, l, 0), EPERM);
	assert_int_equal(ANSWER(f, SYS_prlimit64, 0, core, l, (long)&old), EPERM);
	assert_int_equal(ANSWER(f, SYS_prlimit64, 0, core, 0, (long)&old), 0);
	assert_int_equal(ANSWER(f, SYS_prlimit64, 0, RLIMIT_NOFILE, l, 0), EINVAL);
}

static void keeps_the_limits_and_priorities_of_others(void **state)
{
	(void)state;
	const struct sock_fprog *f;
	struct err err = ERR_INIT;
	const struct rlimit limit = {0, 0};
	const struct sched_param param = {0};
	const unsigned long first = 1;
	const long attr[6] = {48};
	const long self = getpid();
	assert_int_equal(seccomp_keep_others(&f, &err), 0);
	for (long pid = 0; pid <= self; pid += self) {
		int want = pid ? EPERM : 0;
		const long whole = pid ? 1L << 32 | pid : 0;
		assert_int_equal(ANSWER(f, SYS_prlimit64, pid, RLIMIT_CORE, (long)&limit, 0), want);
		assert_int_equal(
			ANSWER(f, SYS_sched_setaffinity, pid, sizeof(first), (long)&first), want);
		assert_int_equal(ANSWER(f, SYS_sched_setattr, pid, (long)&attr, 0), want);
		assert_int_equal(ANSWER(f, SYS_sched_setparam, pid, (long)&param), want);
		assert_int_equal(
			ANSWER(f, SYS_sched_setscheduler, whole, SCHED_BATCH, (long)&param), want);
		assert_int_equal(ANSWER(f, SYS_setpriority, PRIO_PROCESS, pid, 19), want);
		assert_int_equal(ANSWER(f, SYS_setpriority, PRIO_PGRP, whole, 19), want);
		assert_int_equal(ANSWER(f, SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, 3 << 13), want);
	}
	assert_int_equal(ANSWER(f, SYS_setpriority, PRIO_USER, 0, 19), EPERM);
	assert_int_equal(ANSWER(f, SYS_setpriority, 1L << 32 | PRIO_USER, 0, 19), EPERM);
	assert_int_equal(ANSWER(f, SYS_ioprio_set, IOPRIO_WHO_USER, 0, 3 << 13), EPERM);
	assert_int_equal(ANSWER(f, SYS_prlimit64, getppid(), RLIMIT_CORE, 0, 0), 0);
	assert_int_equal(ANSWER(f, SYS_getpriority, PRIO_PROCESS, self), 0);
}

static void the_built_in_profile_is_the_installed_one(void **state)
{
	(void)state;
	struct sock_fprog prog;
	struct err err = ERR_INIT;
	const uint32_t arch = seccomp_arch_native();
	assert_int_equal(seccomp_compile(&seccomp_builtin, 0xa80425fb, &arch, 1, &prog, &err), 0);
	assert_int_equal(ANSWER(&prog, SYS_getpid, 0), 0);
	assert_int_equal(ANSWER(&prog, SYS_clone3, 0), EINVAL);
	assert_int_equal(ANSWER(&prog, SYS_userfaultfd, 0), EPERM);
	assert_int_equal(ANSWER(&prog, SYS_mount, 0), EFAULT);
	free(prog.filter);
}

static void compares_64_bit_arguments(void **state)
{
	(void)state;
	static const struct {
		enum seccomp_op op;
		long value, value_two, yes, no;
	} cases[] = {
		{OP_EQ, 5, 0, 5, 6},
		{OP_EQ, 5, 0, 5, 0x100000005},
		{OP_NE, 5, 0, 0x100000005, 5},
		{OP_NE, 5, 0, 4, 5},
		{OP_GT, 5, 0, 6, 5},
		{OP_GT, 5, 0, 0x100000000, 4},
		{OP_GT, 0x100000005, 0, 0x100000006, 7},
		{OP_GE, 5, 0, 5, 4},
		{OP_GE, 0x100000005, 0, 0x200000000, 0x100000004},
		{OP_LT, 5, 0, 4, 5},
		{OP_LT, 0x100000005, 0, 6, 0x100000005},
		{OP_LE, 5, 0, 5, 6},
		{OP_LE, 5, 0, 0, 0x100000000},
		{OP_MASKED_EQ, 0xf0, 0x30, 0x7f3f, 0x4f},
		{OP_MASKED_EQ, 0xf000000000, 0x3000000000, 0x3000000001, 0x4000000000},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct seccomp_rule rule = {
			.names = "getpriority",
			.action = SECCOMP_RET_ERRNO | 77,
			.n_args = 1,
			.args = {{.index = 1,
				.op = cases[i].op,
				.value = (uint64_t)cases[i].value,
				.value_two = (uint64_t)cases[i].value_two}},
		};
		const struct sock_fprog *f = compile(&rule, 1);
		assert_int_equal(ANSWER(f, SYS_getpriority, 0, cases[i].yes), 77);
		assert_int_not_equal(ANSWER(f, SYS_getpriority, 0, cases[i].no), 77);
	}
}

static void all_arguments_of_a_rule_must_match_and_the_first_rule_wins(void **state)
{
	(void)state;
	const struct seccomp_rule rules[] = {
		{.names = "getpriority",
			.action = SECCOMP_RET_ERRNO | 71,
			.n_args = 2,
			.args = {{.index = 0, .op = OP_EQ, .value = 1},
				{.index = 1, .op = OP_EQ, .value = 2}}},
		{.names = "nonsense getpriority",
			.action = SECCOMP_RET_ERRNO | 72,
			.n_args = 1,
			.args = {{.index = 0, .op = OP_EQ, .value = 1}}},
		{.names = "getpriority", .action = SECCOMP_RET_ERRNO | 73},
		{.names = "getpriority", .action = SECCOMP_RET_ALLOW},
		{.names = "getppid", .action = SECCOMP_RET_KILL_PROCESS},
	};
	const struct sock_fprog *f = compile(rules, 5);
	assert_int_equal(ANSWER(f, SYS_getpriority, 1, 2), 71);
	assert_int_equal(ANSWER(f, SYS_getpriority, 1, 3), 72);
	assert_int_equal(ANSWER(f, SYS_getpriority, 2, 2), 73);
	assert_int_equal(ANSWER(f, SYS_getppid, 0), 1000 + SIGSYS);
	assert_int_equal(ANSWER(f, SYS_getuid, 0), 0);
}

static int filter_of(const char *text, struct err *err)
{
	char path[] = "/tmp/mica-test-XXXXXX";
	int fd = mkstemp(path);
	const struct sock_fprog *f;
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	close(fd);
	int r = seccomp_filter(path, 0, 0, &f, err);
	if (r == 0)
		r = ANSWER(f, SYS_getppid, 0);
	unlink(path);
	return r;
}

static void reads_profiles(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(filter_of("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":"
				   "[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
				 &err),
		EPERM);
	assert_int_equal(filter_of("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":"
				   "\"getppid\",\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":9}]}",
				 &err),
		9);
	assert_int_equal(filter_of("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":"
				   "[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\","
				   "\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}}]}",
				 &err),
		0);
	assert_int_equal(filter_of("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":"
				   "[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\","
				   "\"includes\":{\"minKernel\":\"99.0\"}}]}",
				 &err),
		0);
}

static void refuses_profiles_that_it_does_not_understand(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"defaultAction\":\"SCMP_ACT_ANYTHING\",\"syscalls\":[]}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":70000,\"syscalls\":[]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_"
		"ERRNO\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getppid\"],"
		"\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":9,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getppid\"],"
		"\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"op\":\"SCMP_CMP_XX\"}]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":\"all\"}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		assert_int_equal(filter_of(bad[i], &err), ERR_INVALID);
	}
	struct err err = ERR_INIT;
	assert_int_equal(filter_of("{\"defaultAction\":\"SCMP_ACT_NOTIFY\",\"syscalls\":[]}", &err),
		ERR_UNSUPPORTED);
	const struct sock_fprog *f;
	assert_int_equal(seccomp_filter("/nonexistent.json", 0, 0, &f, &err), ERR_NOT_FOUND);
	assert_int_equal(seccomp_filter("unconfined", 0, 0, &f, &err), 0);
	assert_int_equal(f->len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_allows_the_usual_and_refuses_the_rest),
		cmocka_unit_test(capabilities_open_their_system_calls),
		cmocka_unit_test(says_that_a_limit_of_core_is_set_and_leaves_it),
		cmocka_unit_test(keeps_the_limits_and_priorities_of_others),
		cmocka_unit_test(the_built_in_profile_is_the_installed_one),
		cmocka_unit_test(compares_64_bit_arguments),
		cmocka_unit_test(all_arguments_of_a_rule_must_match_and_the_first_rule_wins),
		cmocka_unit_test(reads_profiles),
		cmocka_unit_test(refuses_profiles_that_it_does_not_understand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
