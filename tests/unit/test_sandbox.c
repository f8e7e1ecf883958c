/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/sandbox_fixture.h"

#include "base/buf.h"
#include "base/job.h"
#include "run/init.h"
#include "run/mounts.h"

#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* --- how it ends --- */

static void passes_the_exit_status_on(void **state)
{
	(void)state;
	assert_int_equal(image_run(&im, "exit 0"), 0);
	assert_int_equal(image_run(&im, "exit 7"), 7);
	assert_int_equal(image_run(&im, "exit 255"), 255);
}

static void reports_a_signal_as_128_plus_its_number(void **state)
{
	(void)state;
	assert_int_equal(image_run(&im, "kill -9 $$"), 137);
	assert_int_equal(image_run(&im, "kill -TERM $$"), 143);
}

static void the_workload_is_pid_1_when_asked_for(void **state)
{
	(void)state;
	assert_int_equal(image_run(&im, "test $$ = 1"), 1);
	im.spec.as_pid1 = true;
	/* signals without a handler do nothing to it, and all else dies with it */
	assert_int_equal(image_run(&im, "test $$ = 1 && kill -9 $$; sleep 1000 & test \"$(ls -d "
					"/proc/[0-9]* | wc -l)\" -le 6 && exit 7"),
		7);
	strv_done(&im.spec.argv);
	strv_add(&im.spec.argv, "no-such-program");
	assert_int_equal(image_exec(&im), ERR_NOT_FOUND);
	im.spec.as_pid1 = false;
}

static void tells_a_missing_program_from_a_forbidden_one(void **state)
{
	(void)state;
	strv_add(&im.spec.argv, "no-such-program");
	assert_int_equal(image_exec(&im), ERR_NOT_FOUND);
	assert_non_null(strstr(im.err.msg, "no-such-program"));
	strv_done(&im.spec.argv);
	strv_add(&im.spec.argv, "/etc/passwd");
	assert_int_equal(image_exec(&im), ERR_DENIED);
	put_file(im.lower, "bin/script", "#!/no/interpreter\n", 0755);
	strv_done(&im.spec.argv);
	strv_add(&im.spec.argv, "script");
	assert_int_equal(image_exec(&im), ERR_NOT_FOUND);
	assert_non_null(strstr(im.err.msg, "interpreter"));
}

static void does_not_execute_the_caller_itself(void **state)
{
	(void)state;
	/* CVE-2019-5736 */
	static const char *const names[] = {
		"evil", "evil2", "/proc/self/exe", "link", "/bin/evil2"};
	put_file(im.lower, "bin/evil", "#!/proc/self/exe\n", 0755);
	put_file(im.lower, "bin/evil2", "#! /bin/evil x\n", 0755);
	assert_int_equal(symlinkat("/proc/thread-self/exe", im.lower, "bin/link"), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		strv_done(&im.spec.argv);
		strv_add(&im.spec.argv, names[i]);
		assert_int_equal(image_exec(&im), ERR_DENIED);
	}
	put_file(im.lower, "bin/good", "#!/bin/sh\necho fine\n", 0755);
	assert_prints("good", "fine\n");
}

static void forwards_a_signal_to_the_workload(void **state)
{
	(void)state;
	struct sandbox *s;
	int fds[2];
	char c;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	im.spec.out = fds[1];
	strv_add(&im.spec.argv, "sh");
	strv_add(&im.spec.argv, "-c");
	strv_add(&im.spec.argv, "trap 'exit 42' TERM; echo; while :; do sleep 0.01; done");
	assert_int_equal(sandbox_start(&im.spec, NULL, NULL, &s, NULL, &im.err), 0);
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	sandbox_signal(s, SIGTERM);
	assert_int_equal(sandbox_wait(s, &im.result, &im.err), 0);
	assert_int_equal(im.result.status, 42);
	close(fds[0]);
	im.spec.out = -1;
}

static void kills_everything_at_once(void **state)
{
	(void)state;
	struct sandbox *s;
	strv_add(&im.spec.argv, "sh");
	strv_add(&im.spec.argv, "-c");
	strv_add(&im.spec.argv, "trap '' TERM INT HUP; setsid sleep 100 & sleep 100");
	assert_int_equal(sandbox_start(&im.spec, NULL, NULL, &s, NULL, &im.err), 0);
	struct pollfd p = {.fd = sandbox_pidfd(s), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 0), 0);
	sandbox_kill(s);
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(sandbox_wait(s, &im.result, &im.err), 0);
	assert_int_equal(im.result.status, 137);
}

static void leaves_no_background_process(void **state)
{
	(void)state;
	/* the pipe of image_run ends only when nobody holds it */
	assert_prints("(sleep 100 &); setsid sleep 100 & echo done", "done\n");
}

static void dies_with_its_caller(void **state)
{
	(void)state;
	int fds[2];
	char c;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t caller = fork();
	assert_true(caller >= 0);
	if (caller == 0) {
		struct sandbox *s;
		im.spec.out = fds[1];
		strv_add(&im.spec.argv, "sleep");
		strv_add(&im.spec.argv, "100");
		if (sandbox_start(&im.spec, NULL, NULL, &s, NULL, &im.err) < 0)
			_exit(1);
		(void)kill(getpid(), SIGKILL);
	}
	close(fds[1]);
	assert_int_equal(waitpid(caller, NULL, 0), caller);
	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

/* --- what the workload gets --- */

static void hands_over_three_descriptors_only(void **state)
{
	(void)state;
	/* not O_CLOEXEC, as a careless library would leave it */
	int leak = open("/etc/hostname", O_RDONLY);
	/* ls itself holds one on the directory */
	assert_prints("ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 ");
	assert_prints("ls /proc/1/fd 2>/dev/null | wc -l", "0\n");
	close(leak);
}

static void reads_nothing_by_default(void **state)
{
	(void)state;
	assert_prints("cat; echo $?", "0\n");
}

static void gives_the_environment_and_nothing_else(void **state)
{
	(void)state;
	setenv("REGISTRY_TOKEN", "marker-of-the-host", 1);
	map_set(&im.spec.env, "A", "b=c");
	map_set(&im.spec.env, "*", NULL);
	strv_add(&im.spec.argv, "env");
	assert_int_equal(image_exec(&im), 0);
	assert_string_equal(im.out, "PATH=/bin\nA=b=c\nHOME=/root\n");
	strv_add(&im.spec.cap_add, "all");
	assert_int_equal(
		image_run(
			&im, "cat /proc/*/environ /proc/*/cmdline | grep -c marker-of-the-hos[t]"),
		1);
	unsetenv("REGISTRY_TOKEN");
}

static void sets_home_from_the_accounts(void **state)
{
	(void)state;
	im.spec.user = xstrdup("joe");
	assert_prints("echo $HOME", "/home/joe\n");
	map_set(&im.spec.env, "HOME", "/x");
	assert_prints("echo $HOME", "/x\n");
}

/* cve: CVE-2022-36109 CVE-2022-2989 CVE-2022-2990 CVE-2023-25173 */
static void becomes_the_user_with_exactly_its_groups(void **state)
{
	(void)state;
	im.spec.user = xstrdup("joe");
	assert_prints("id", "uid=1000(joe) gid=1000(joe) groups=50(staff),1000(joe)\n");
	mem_replace(&im.spec.user, xstrdup("12:34"));
	assert_prints("id", "uid=12 gid=34 groups=34\n");
	mem_replace(&im.spec.user, xstrdup("nobody-here"));
	assert_int_equal(image_run(&im, "true"), ERR_INVALID);
}

static void gives_a_user_that_is_not_root_no_capability(void **state)
{
	(void)state;
	im.spec.user = xstrdup("joe");
	assert_prints(
		"grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status | tr -d '\\t' | tr '\\n' ' '",
		"CapInh:0000000000000000 CapPrm:0000000000000000 CapEff:0000000000000000 "
		"CapAmb:0000000000000000 ");
}

static void gives_root_the_default_capabilities(void **state)
{
	(void)state;
	assert_prints("grep -E 'Cap(Inh|Eff|Bnd)' /proc/self/status | tr -d '\\t' | tr '\\n' ' '",
		"CapInh:0000000000000000 CapEff:00000000a80425fb CapBnd:00000000a80425fb ");
	strv_add(&im.spec.cap_drop, "all");
	strv_add(&im.spec.cap_add, "chown");
	assert_prints("grep CapBnd /proc/self/status | tr -d '\\t'", "CapBnd:0000000000000001\n");
}

static void runs_in_the_working_directory(void **state)
{
	(void)state;
	assert_prints("pwd", "/\n");
	im.spec.cwd = xstrdup("/new/deep");
	assert_prints("pwd", "/new/deep\n");
	char names[256];
	assert_string_equal(image_upper(&im, "new", names, sizeof(names)), "deep");
}

static void refuses_working_directories_outside(void **state)
{
	(void)state;
	static const char *const bad[] = {"/proc/self/fd/3", "/proc/self/cwd", "/proc/1/cwd",
		"/proc/self/root/tmp", "/proc/self/fd/7/../.."};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		mem_replace(&im.spec.cwd, xstrdup(bad[i]));
		assert_true(image_run(&im, "pwd") < 0);
	}
}

static void is_alone_with_its_host_name(void **state)
{
	(void)state;
	im.spec.hostname = xstrdup("box");
	assert_prints("hostname; set -- /proc/[0-9]*; echo $#", "box\n2\n");
}

static void applies_resource_limits(void **state)
{
	(void)state;
	im.spec.rlimits = xcalloc(1, sizeof(*im.spec.rlimits));
	im.spec.n_rlimits = 1;
	im.spec.rlimits[0] =
		(struct run_rlimit){.resource = 7 /* RLIMIT_NOFILE */, .soft = 99, .hard = 99};
	assert_prints("ulimit -n", "99\n");
}

static void sets_no_new_privs(void **state)
{
	(void)state;
	im.spec.no_new_privs = true;
	assert_prints(
		"grep -E 'NoNewPrivs|Seccomp:' /proc/self/status | tr -d '\\t' | tr '\\n' ' '",
		"NoNewPrivs:1 Seccomp:2 ");
}

static void opens_a_terminal(void **state)
{
	(void)state;
	struct sandbox *s;
	int master = -1;
	char out[512];
	size_t n = 0;
	ssize_t got;
	im.spec.tty = true;
	strv_add(&im.spec.argv, "sh");
	strv_add(&im.spec.argv, "-c");
	strv_add(&im.spec.argv,
		"tty; test -t 0 && test -t 2 && echo yes >/dev/tty; stat -c %t:%T /dev/console");
	assert_int_equal(sandbox_start(&im.spec, NULL, NULL, &s, &master, &im.err), 0);
	assert_true(master >= 0);
	while (n < sizeof(out) - 1 && (got = read(master, out + n, sizeof(out) - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(master);
	assert_int_equal(sandbox_wait(s, &im.result, &im.err), 0);
	assert_string_equal(out, "/dev/pts/0\r\nyes\r\n88:0\r\n");
}

/* --- limits --- */

static int note_path(void *arg, const char *path, struct err *err)
{
	(void)err;
	strv_add(arg, path);
	return 0;
}

static void skip_without_limits(void)
{
	struct err err = ERR_INIT;
	struct run_limits l = {.memory = 64 * MIB, .pids = 10};
	if (sandbox_check_limits(&l, &err) < 0)
		skip_because("%s", err.msg);
}

static void reports_an_out_of_memory_kill(void **state)
{
	(void)state;
	skip_without_limits();
	im.spec.limits.memory = 16 * MIB;
	im.spec.limits.memory_swap = 16 * MIB;
	assert_int_not_equal(image_run(&im, "dd if=/dev/zero of=/dev/shm/big bs=1M count=64; echo "
					    "x | head -c 100000000 /dev/zero | tail -n 1"),
		0);
	assert_true(im.result.oom_killed);
	assert_int_equal(im.result.memory_limit, 16 * MIB);
	assert_in_range(im.result.memory_peak, 8 * MIB, 17 * MIB);
}

static void survives_a_fork_bomb(void **state)
{
	(void)state;
	skip_without_limits();
	im.spec.limits.pids = 20;
	(void)image_run(&im, "b() { b | b & }; b; sleep 0.2");
	assert_true(im.result.pids_limit_hit);
}

static void removes_its_cgroups(void **state)
{
	(void)state;
	skip_without_limits();
	AUTO_STRV struct strv paths = STRV_INIT;
	const struct sandbox_hooks hooks = {.note_cgroup = note_path, .arg = &paths};
	struct sandbox *s;
	im.spec.limits.memory = 64 * MIB;
	im.spec.limits.pids = 10;
	strv_add(&im.spec.argv, "true");
	assert_int_equal(sandbox_start(&im.spec, NULL, &hooks, &s, NULL, &im.err), 0);
	assert_true(paths.n > 0);
	assert_int_equal(access(paths.v[0], F_OK), 0);
	assert_int_equal(sandbox_wait(s, &im.result, &im.err), 0);
	STRV_FOREACH (path, &paths)
		assert_int_equal(access(*path, F_OK), -1);
}

/* Mounts of ours in this namespace: other programs come and go with theirs. */
static bool is_mounted_here(void)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *text = NULL;
	size_t len;
	assert_int_equal(
		fs_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 * MIB, &text, &len, &err), 0);
	return strstr(text, im.dir) != NULL;
}

static size_t count_fds(void)
{
	size_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void a_hundred_runs_leave_nothing_behind(void **state)
{
	(void)state;
	size_t fds = count_fds();
	for (int i = 0; i < 100; i++)
		assert_int_equal(image_run(&im, "true"), 0);
	assert_false(is_mounted_here());
	assert_true(count_fds() <= fds + SHM_CONTEXTS);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child */
	assert_int_equal(errno, ECHILD);
}

static int tells_dumpable(void *arg, struct buf *out, struct err *err)
{
	(void)arg;
	if (init_protect(err) < 0)
		return err->code;
	buf_addf(out, "%d", prctl(PR_GET_DUMPABLE));
	return 0;
}

/* What else keeps the workload from it is that it has fewer capabilities. */
static void cannot_be_traced_whoever_one_is(void **state)
{
	struct err err = ERR_INIT;
	AUTO_BUF struct buf out = BUF_INIT(16);
	(void)state;
	assert_int_equal(job_run(tells_dumpable, NULL, &out, &err), 0);
	assert_string_equal(buf_str(&out), "0");
}

int main(void)
{
	become_root();
	const struct CMUnitTest tests[] = {
		CASE(passes_the_exit_status_on),
		CASE(reports_a_signal_as_128_plus_its_number),
		CASE(the_workload_is_pid_1_when_asked_for),
		CASE(tells_a_missing_program_from_a_forbidden_one),
		CASE(does_not_execute_the_caller_itself),
		CASE(forwards_a_signal_to_the_workload),
		CASE(kills_everything_at_once),
		CASE(leaves_no_background_process),
		CASE(dies_with_its_caller),
		CASE(hands_over_three_descriptors_only),
		CASE(reads_nothing_by_default),
		CASE(gives_the_environment_and_nothing_else),
		CASE(sets_home_from_the_accounts),
		CASE(becomes_the_user_with_exactly_its_groups),
		CASE(gives_a_user_that_is_not_root_no_capability),
		CASE(gives_root_the_default_capabilities),
		CASE(runs_in_the_working_directory),
		CASE(refuses_working_directories_outside),
		CASE(is_alone_with_its_host_name),
		CASE(applies_resource_limits),
		CASE(sets_no_new_privs),
		CASE(opens_a_terminal),
		CASE(reports_an_out_of_memory_kill),
		CASE(survives_a_fork_bomb),
		CASE(removes_its_cgroups),
		CASE(cannot_be_traced_whoever_one_is),
		CASE(a_hundred_runs_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
