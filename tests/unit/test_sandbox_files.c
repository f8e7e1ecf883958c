/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox has for files: devices, mounts, and what becomes of the image around them. */
#include "tests/unit/unit.h"

#include "tests/unit/sandbox_fixture.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>

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

/* as what watches a machine does: the mounts stay until it is closed */
static int read_mounts_of(int pidfd)
{
	char path[64];
	AUTO_FREE char *info = NULL;
	size_t n;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	assert_int_equal(fs_read_file(AT_FDCWD, path, 4096, &info, &n, &im.err), 0);
	const char *pid = strstr(info, "Pid:");
	assert_non_null(pid);
	snprintf(path, sizeof(path), "/proc/%ld/mountinfo", strtol(pid + 4, NULL, 10));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void leaves_nothing_while_somebody_reads_its_mounts(void **state)
{
	(void)state;
	char names[256];
	int in[2];
	struct sandbox *s;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	im.spec.in = in[0];
	strv_add(&im.spec.argv, "cat");
	assert_int_equal(sandbox_start(&im.spec, NULL, NULL, &s, NULL, &im.err), 0);
	int mounts = read_mounts_of(sandbox_pidfd(s));
	close(in[1]);
	assert_int_equal(sandbox_wait(s, &im.result, &im.err), 0);
	assert_int_equal(im.result.status, 0);
	assert_string_equal(image_upper(&im, "", names, sizeof(names)), "dev proc sys");
	close(mounts);
	close(in[0]);
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

static void tells_the_caller_that_the_disk_is_full(void **state)
{
	(void)state;
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/upper", im.dir);
	if (mount("full", path, "tmpfs", 0, "nr_inodes=1") < 0)
		skip_because("a tmpfs cannot be mounted here");
	int full = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	im.spec.root = (struct snapshot){.upper = full, .work = -1};
	int r = image_run(&im, "true");
	close(full);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(r, ERR_SYS);
	assert_int_equal(im.err.sys, ENOSPC);
}

int main(void)
{
	become_root();
	const struct CMUnitTest tests[] = {
		CASE(makes_proc_sys_read_only),
		CASE(makes_device_nodes_useless),
		CASE(shows_shm_as_buildkit_does),
		CASE(has_no_privileged_system_calls),
		CASE(uses_its_own_dev_whatever_the_image_has),
		CASE(keeps_a_linked_resolv_conf_inside),
		CASE(gives_the_loopback_interface_and_no_other),
		CASE(leaves_only_proc_sys_and_dev),
		CASE(leaves_nothing_else_in_an_image_without_etc),
		CASE(leaves_nothing_while_somebody_reads_its_mounts),
		CASE(keeps_what_the_step_did_next_to_a_stub),
		CASE(leaves_the_times_of_the_image_alone),
		CASE(does_not_follow_what_the_step_put_in_place_of_a_stub),
		CASE(makes_files_that_exist_in_memory_only),
		CASE(shows_a_part_of_a_detached_mount),
		CASE(hides_nothing_when_it_is_insecure),
		CASE(mounts_what_the_caller_asks_for),
		CASE(refuses_mounts_over_the_kernels_own),
		CASE(adds_hosts),
		CASE(tells_the_caller_that_the_disk_is_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
