/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/sandbox_fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static struct image im;

static int set_up(void **state)
{
	(void)state;
	image_init(&im);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	image_done(&im);
	return 0;
}

static void assert_prints(const char *script, const char *expected)
{
	assert_int_equal(image_run(&im, script), 0);
	assert_string_equal(im.out, expected);
}

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

/* --- what it cannot reach --- */

static void makes_proc_sys_read_only(void **state)
{
	(void)state;
	assert_int_equal(image_run(&im, "echo x > /proc/sys/kernel/core_pattern"), 1);
	assert_non_null(strstr(im.out, "Read-only"));
	assert_int_equal(image_run(&im, "mkdir /sys/fs/cgroup/x || mkdir /sys/x"), 1);
	assert_int_equal(
		image_run(&im, "test -s /proc/kcore || test -s /proc/keys || ls /sys/firmware/*"),
		1);
}

static void makes_device_nodes_useless(void **state)
{
	(void)state;
	/* the root disk, where this machine has one, else any */
	struct stat st;
	unsigned major_nr = 8, minor_nr = 0;
	if (stat("/", &st) == 0 && major(st.st_dev) != 0) {
		major_nr = major(st.st_dev);
		minor_nr = minor(st.st_dev);
	}
	char script[512];
	snprintf(script, sizeof(script),
		"for d in /tmp /dev /dev/shm /; do mknod $d/disk b %u %u 2>/dev/null && head -c 1 "
		"$d/disk >/dev/null 2>&1 && echo opened $d; "
		"rm -f $d/disk; done; true",
		major_nr, minor_nr);
	assert_prints(script, "");
	/* in the image itself */
	if (userns_is_rootless())
		return;
	assert_int_equal(mknodat(im.lower, "disk", S_IFBLK | 0666, makedev(major_nr, minor_nr)), 0);
	assert_int_equal(image_run(&im, "head -c 1 /disk"), 1);
}

static void shows_shm_as_buildkit_does(void **state)
{
	(void)state;
	assert_prints("grep -o ' /dev/shm tmpfs rw,nosuid,relatime,size=65536k' /proc/mounts",
		" /dev/shm tmpfs rw,nosuid,relatime,size=65536k\n");
}

static void has_no_privileged_system_calls(void **state)
{
	(void)state;
	assert_int_equal(image_run(&im, "mount -t tmpfs none /tmp"), 1);
	assert_int_equal(image_run(&im, "umount /proc/sys"), 1);
	assert_int_equal(
		image_run(&im, "cat /proc/1/environ || readlink /proc/1/exe || ls /proc/1/root/"),
		1);
}

static void uses_its_own_dev_whatever_the_image_has(void **state)
{
	(void)state;
	char host[] = "/tmp/mica-test-XXXXXX", link[128];
	assert_non_null(mkdtemp(host));
	int dir = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_file(dir, "ptmx", "marker", 0644);
	put_file(dir, "null", "marker", 0644);
	snprintf(link, sizeof(link), "../../../../..%s", host);
	assert_int_equal(symlinkat(link, im.lower, "dev"), 0);
	assert_int_equal(symlinkat("/tmp/p", im.lower, "proc"), 0);
	assert_int_equal(symlinkat("/bin/../sys2", im.lower, "sys"), 0);
	assert_prints("echo x > /dev/null; : > /dev/ptmx; cat /dev/null; test -d /proc/self && "
		      "test -d /sys/class && echo in",
		"in\n");
	AUTO_FREE char *text = NULL;
	size_t n;
	assert_int_equal(fs_read_file(dir, "null", 100, &text, &n, &im.err), 0);
	assert_string_equal(text, "marker");
	struct stat st;
	assert_int_equal(fstatat(dir, "pts", &st, AT_SYMLINK_NOFOLLOW), -1);
	close(dir);
	assert_int_equal(fs_remove_tree(AT_FDCWD, host, &im.err), 0);
}

static void keeps_a_linked_resolv_conf_inside(void **state)
{
	(void)state;
	char host[96], marker[112];
	snprintf(host, sizeof(host), "%s/host", im.dir);
	assert_int_equal(mkdir(host, 0755), 0);
	int dir = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_file(dir, "marker", "untouched", 0644);
	snprintf(marker, sizeof(marker), "%s/marker", host);
	assert_int_equal(symlinkat(marker, im.lower, "etc/resolv.conf"), 0);
	assert_int_equal(symlinkat("../../../run/hosts", im.lower, "etc/hosts"), 0);
	assert_prints("echo changed > /etc/resolv.conf; cat /etc/resolv.conf; grep -c localhost "
		      "/run/hosts",
		"changed\n2\n");
	AUTO_FREE char *text = NULL;
	size_t n;
	assert_int_equal(fs_read_file(dir, "marker", 100, &text, &n, &im.err), 0);
	assert_string_equal(text, "untouched");
	char names[256];
	assert_string_equal(image_upper(&im, "", names, sizeof(names)), "dev proc sys");
	close(dir);
}

static void gives_the_loopback_interface_and_no_other(void **state)
{
	(void)state;
	assert_prints("tail -n +3 /proc/net/dev | sed 's/:.*//' | tr -d ' '", "lo\n");
	assert_prints("ifconfig lo | grep -c 'UP LOOPBACK'", "1\n");
}

/* --- what stays in the image --- */

static void leaves_only_proc_sys_and_dev(void **state)
{
	(void)state;
	char names[256];
	assert_int_equal(
		image_run(&im, "echo '1.2.3.4 foo' >> /etc/hosts; echo x >> /etc/resolv.conf; "
			       "touch /dev/x /dev/shm/y; cat /etc/hosts"),
		0);
	assert_non_null(strstr(im.out, "1.2.3.4 foo"));
	assert_string_equal(image_upper(&im, "", names, sizeof(names)), "dev proc sys");
}

static void leaves_nothing_else_in_an_image_without_etc(void **state)
{
	(void)state;
	char names[256];
	assert_int_equal(renameat(im.lower, "etc", im.lower, "not-etc"), 0);
	assert_prints("id -u; ls /etc | tr '\\n' ' '", "0\nhosts resolv.conf ");
	assert_string_equal(image_upper(&im, "", names, sizeof(names)), "dev proc sys");
	/* a link to nowhere is followed inside the root, and what is made there goes again */
	assert_int_equal(symlinkat("/../a/b", im.lower, "etc"), 0);
	assert_prints("ls /a/b | tr '\\n' ' '", "hosts resolv.conf ");
	assert_string_equal(image_upper(&im, "", names, sizeof(names)), "dev proc sys");
}

static void keeps_what_the_step_did_next_to_a_stub(void **state)
{
	(void)state;
	char names[256];
	assert_int_equal(image_run(&im, "echo mine > /etc/hostname"), 0);
	assert_string_equal(image_upper(&im, "etc", names, sizeof(names)), "hostname");
	assert_int_equal(image_run(&im, "chmod 700 /etc"), 0);
	assert_string_equal(image_upper(&im, "etc", names, sizeof(names)), "hostname");
}

static void leaves_the_times_of_the_image_alone(void **state)
{
	(void)state;
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	assert_int_equal(utimensat(im.lower, "etc", old, 0), 0);
	assert_prints("stat -c %Y /etc | grep -c -v 1000", "1\n"); /* the stubs are in it */
	char names[256];
	assert_string_equal(image_upper(&im, "", names, sizeof(names)), "dev proc sys");
}

static void does_not_follow_what_the_step_put_in_place_of_a_stub(void **state)
{
	(void)state;
	/* CVE-2024-23652: the mount point's parent becomes a link to a directory of the host with a
	 * file of that name */
	char host[96], script[512];
	snprintf(host, sizeof(host), "%s/host", im.dir);
	assert_int_equal(mkdir(host, 0755), 0);
	int dir = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_file(dir, "y", "", 0644);
	im.spec.mounts = xcalloc(1, sizeof(*im.spec.mounts));
	im.spec.n_mounts = 1;
	im.spec.mounts[0] = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = dir,
		.target = xstrdup("/x/y"),
		.read_only = true};
	int file = openat(dir, "y", O_PATH | O_CLOEXEC);
	im.spec.mounts[0].source = file;
	snprintf(script, sizeof(script), "mv /x /z && ln -s %s /x", host);
	assert_int_equal(image_run(&im, script), 0);
	struct stat st;
	assert_int_equal(fstatat(dir, "y", &st, 0), 0);
	char names[256];
	assert_string_equal(image_upper(&im, "z", names, sizeof(names)), "");
	close(file);
	close(dir);
}

static void makes_files_that_exist_in_memory_only(void **state)
{
	(void)state;
	static const char data[] = "two\0parts";
	char names[256];
	im.spec.mounts = xcalloc(1, sizeof(*im.spec.mounts));
	im.spec.n_mounts = 1;
	im.spec.mounts[0] = (struct run_mount){.kind = RUN_MOUNT_FILE,
		.target = xstrdup("/run/secrets/s"),
		.data = data,
		.len = sizeof(data) - 1,
		.mode = 0440,
		.read_only = true};
	assert_prints("stat -c '%a %u:%g %s' /run/secrets/s; tr '\\0' : </run/secrets/s; echo; "
		      "(echo x >/run/secrets/s) 2>/dev/null || ls -A /dev/.source 2>/dev/null || "
		      "echo no",
		"440 0:0 9\ntwo:parts\nno\n");
	assert_string_equal(image_upper(&im, "", names, sizeof(names)), "dev proc sys");
}

static void shows_a_part_of_a_detached_mount(void **state)
{
	(void)state;
	int lower = open_dir(im.dir, "tree");
	assert_int_equal(mkdirat(lower, "d", 0755), 0);
	put_file(lower, "d/file", "part", 0644);
	put_file(lower, "whole", "whole", 0644);
	/* links lead to places in the tree, not outside of it */
	assert_int_equal(symlinkat("/d/../../../d", lower, "link"), 0);
	static const char *const below[] = {"d", "link", "d/file", ""};
	struct err err = ERR_INIT;
	int trees[4];
	im.spec.mounts = xcalloc(4, sizeof(*im.spec.mounts));
	im.spec.n_mounts = 4;
	for (size_t i = 0; i < 4; i++) {
		struct snapshot snap = {.lower = &lower, .n_lower = 1, .upper = -1, .work = -1};
		assert_int_equal(snapshot_mount(&snap, &trees[i], &err), 0);
		im.spec.mounts[i] = (struct run_mount){.kind = RUN_MOUNT_BIND,
			.source = trees[i],
			.below = below[i],
			.target = xasprintf("/m%zu", i),
			.read_only = true};
	}
	assert_prints("cat /m0/file /m1/file /m2 /m3/whole; ls -A /m0; touch /m0/x 2>/dev/null; "
		      "grep -c ' /dev/.source ' /proc/mounts || true",
		"partpartpartwholefile\n0\n");
	for (size_t i = 0; i < 4; i++)
		close(trees[i]);
	close(lower);
}

static void hides_nothing_when_it_is_insecure(void **state)
{
	(void)state;
	im.spec.insecure = true;
	assert_prints("grep Seccomp: /proc/self/status; grep -c ' /proc/sys ' /proc/mounts; "
		      "mount -t tmpfs t /etc && echo mounted",
		"Seccomp:\t0\n0\nmounted\n");
	im.spec.insecure = false;
	assert_prints("grep Seccomp: /proc/self/status; grep -c ' /proc/sys ' /proc/mounts",
		"Seccomp:\t2\n1\n");
}

static void mounts_what_the_caller_asks_for(void **state)
{
	(void)state;
	char names[256];
	im.spec.mounts = xcalloc(3, sizeof(*im.spec.mounts));
	im.spec.n_mounts = 3;
	int dir = open_dir(im.dir, "bind");
	put_file(dir, "file", "hello", 0644);
	int file = openat(dir, "file", O_PATH | O_CLOEXEC);
	im.spec.mounts[0] = (struct run_mount){.kind = RUN_MOUNT_TMPFS,
		.source = -1,
		.target = xstrdup("/newdir/sub"),
		.size = 4096};
	im.spec.mounts[1] = (struct run_mount){
		.kind = RUN_MOUNT_BIND, .source = dir, .target = xstrdup("mnt"), .read_only = true};
	im.spec.mounts[2] = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = file,
		.target = xstrdup("/newdir/f"),
		.read_only = false};
	assert_prints("cat /mnt/file; touch /newdir/sub/x && echo; (echo x > /mnt/file) "
		      "2>/dev/null; echo $?; echo -n changed > /newdir/f; cat /mnt/file",
		"hello\n1\nchanged");
	assert_string_equal(image_upper(&im, "", names, sizeof(names)), "dev proc sys");
	close(file);
	close(dir);
}

static void refuses_mounts_over_the_kernels_own(void **state)
{
	(void)state;
	static const char *const bad[] = {"/", "/proc", "/proc/sys", "/proc/self/attr", "/dev",
		"/etc/..", "/link", "link/sys"};
	assert_int_equal(symlinkat("/proc", im.lower, "link"), 0);
	im.spec.mounts = xcalloc(1, sizeof(*im.spec.mounts));
	im.spec.n_mounts = 1;
	im.spec.mounts[0].kind = RUN_MOUNT_TMPFS;
	im.spec.mounts[0].source = -1;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		mem_replace(&im.spec.mounts[0].target, xstrdup(bad[i]));
		assert_int_equal(image_run(&im, "true"), ERR_INVALID);
	}
}

static void adds_hosts(void **state)
{
	(void)state;
	strv_add(&im.spec.add_hosts, "db:10.1.2.3");
	strv_add(&im.spec.add_hosts, "six:fd00::1");
	strv_add(&im.spec.dns, "9.9.9.9");
	assert_prints("tail -n 2 /etc/hosts; grep nameserver /etc/resolv.conf",
		"10.1.2.3\tdb\nfd00::1\tsix\nnameserver 9.9.9.9\n");
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
		CASE(makes_proc_sys_read_only),
		CASE(makes_device_nodes_useless),
		CASE(shows_shm_as_buildkit_does),
		CASE(has_no_privileged_system_calls),
		CASE(uses_its_own_dev_whatever_the_image_has),
		CASE(keeps_a_linked_resolv_conf_inside),
		CASE(gives_the_loopback_interface_and_no_other),
		CASE(leaves_only_proc_sys_and_dev),
		CASE(leaves_nothing_else_in_an_image_without_etc),
		CASE(keeps_what_the_step_did_next_to_a_stub),
		CASE(leaves_the_times_of_the_image_alone),
		CASE(does_not_follow_what_the_step_put_in_place_of_a_stub),
		CASE(makes_files_that_exist_in_memory_only),
		CASE(shows_a_part_of_a_detached_mount),
		CASE(hides_nothing_when_it_is_insecure),
		CASE(mounts_what_the_caller_asks_for),
		CASE(refuses_mounts_over_the_kernels_own),
		CASE(adds_hosts),
		CASE(reports_an_out_of_memory_kill),
		CASE(survives_a_fork_bomb),
		CASE(removes_its_cgroups),
		CASE(a_hundred_runs_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
