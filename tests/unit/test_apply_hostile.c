/* SPDX-License-Identifier: Apache-2.0 */
/* Archives made to reach what is beside the directory, or to break who reads them. */
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/job.h"
#include "layers/archive.h"
#include "tests/unit/tars.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>

/* A directory "root" to unpack into, and a marker beside it that must survive. */
struct jail {
	struct tree outer;
	int root;
};

static void jail_init(struct jail *j)
{
	j->outer = tree_new();
	tree_text(j->outer.fd, "marker", "intact");
	int d = tree_sub(&j->outer, "outside");
	tree_text(d, "file", "intact");
	close(d);
	j->root = tree_sub(&j->outer, "root");
}

static void jail_check(struct jail *j)
{
	AUTO_FREE char *marker = tree_read(j->outer.fd, "marker"),
		       *file = tree_read(j->outer.fd, "outside/file");
	assert_string_equal(marker, "intact");
	assert_string_equal(file, "intact");
	assert_int_equal(tree_stat(j->outer.fd, "marker").st_nlink, 1);
	assert_int_equal(tree_stat(j->outer.fd, "marker").st_mode & 07777, 0644);
	struct dirent **list;
	int n = scandirat(j->outer.fd, "outside", &list, NULL, alphasort);
	assert_int_equal(n, 3);
	while (n)
		free(list[--n]);
	free(list);
	close(j->root);
	tree_done(&j->outer);
}

/* cve: buildkit@4ed7a2ff3 */
static void names_with_dotdot_are_refused_in_layers(void **state)
{
	(void)state;
	static const char *const names[] = {"../marker", "a/../../marker", "a/..", "..",
		"/../marker", "a/../b", "../.wh.marker", "a/../../.wh.marker", ".wh...", ".wh..",
		".wh./../marker"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct jail j;
		jail_init(&j);
		AUTO_TAR struct tar a;
		tar_init(&a);
		tar_file(&a, names[i], "overwritten");
		struct err err = ERR_INIT;
		assert_int_equal(tar_apply(&a, j.root, 0, &err), ERR_INVALID);
		jail_check(&j);
	}
}

static void absolute_names_land_inside(void **state)
{
	(void)state;
	struct jail j;
	jail_init(&j);
	AUTO_TAR struct tar a;
	tar_init(&a);
	AUTO_FREE char *name = xasprintf("%s/marker", j.outer.path);
	tar_file(&a, name, "inside");
	tar_file(&a, "//etc//./passwd", "inside");
	tar_hardlink(&a, "h", "/etc/passwd");
	tar_apply_ok(&a, j.root, 0);
	assert_true(tree_has(j.root, name + 1));
	assert_int_equal(tree_stat(j.root, "etc/passwd").st_nlink, 2);
	jail_check(&j);
}

static void links_of_the_archive_lead_nowhere_outside(void **state)
{
	(void)state;
	struct jail j;
	jail_init(&j);
	AUTO_FREE char *outside = xasprintf("%s/outside", j.outer.path);
	AUTO_FREE char *file = xasprintf("%s/outside/file", j.outer.path);
	const struct {
		const char *link, *target, *through;
	} cases[] = {
		{"a", outside, "a/file"},
		{"b", "../outside", "b/file"},
		{"c", "../../../../../../../../tmp", "c/new"},
		{"d", "/", "d/etc/x"},
		{"e/../e", ".", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_TAR struct tar a;
		tar_init(&a);
		tar_link(&a, cases[i].link, cases[i].target);
		if (cases[i].through)
			tar_file(&a, cases[i].through, "overwritten");
		struct err err = ERR_INIT;
		(void)!tar_apply(&a, j.root, 0, &err);
	}
	/* onto a link: the link itself is replaced */
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_link(&a, "f", file);
	tar_file(&a, "f", "mine");
	tar_link(&a, "g", file);
	tar_dir(&a, "g", 0777);
	tar_link(&a, "h", outside);
	tar_device(&a, "h", S_IFIFO | 0666, 0, 0);
	tar_apply_ok(&a, j.root, 0);
	assert_true(S_ISREG(tree_stat(j.root, "f").st_mode));
	assert_true(S_ISDIR(tree_stat(j.root, "g").st_mode));
	jail_check(&j);
}

static void hard_links_stay_inside(void **state)
{
	(void)state;
	struct jail j;
	jail_init(&j);
	AUTO_FREE char *file = xasprintf("%s/outside/file", j.outer.path);
	static const char *const targets[] = {"../outside/file", "../marker", "l/../../marker",
		"lo", "l2/file", "missing", ".", "d"};
	for (size_t i = 0; i <= ARRAY_LEN(targets); i++) {
		AUTO_TAR struct tar a;
		tar_init(&a);
		AUTO_FREE char *outside = xasprintf("%s/outside", j.outer.path);
		tar_link(&a, "l2", outside);
		tar_dir(&a, "d", 0755);
		tar_hardlink(&a, "h", i < ARRAY_LEN(targets) ? targets[i] : file);
		struct err err = ERR_INIT;
		assert_int_equal(tar_apply(&a, j.root, 0, &err), ERR_INVALID);
		assert_false(tree_has(j.root, "h"));
	}
	/* to a link: the link gets a second name, its target is not touched */
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_link(&a, "s", file);
	tar_hardlink(&a, "t", "s");
	tar_apply_ok(&a, j.root, 0);
	assert_true(S_ISLNK(tree_stat(j.root, "t").st_mode));
	jail_check(&j);
}

/* cve: CVE-2021-29136 */
static void the_root_is_not_replaced(void **state)
{
	(void)state;
	static const char *const bad[] = {".", "./", "/", ".wh..", ".wh...", ".wh.", "x/.wh."};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct jail j;
		jail_init(&j);
		AUTO_TAR struct tar a;
		tar_init(&a);
		if (i < 3)
			tar_link(&a, bad[i], "../outside");
		else
			tar_file(&a, bad[i], "");
		struct err err = ERR_INIT;
		assert_int_equal(tar_apply(&a, j.root, 0, &err), ERR_INVALID);
		jail_check(&j);
	}
	struct jail j;
	jail_init(&j);
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_dir(&a, ".", 0711);
	tar_apply_ok(&a, j.root, 0);
	assert_int_equal(tree_stat(j.root, ".").st_mode & 07777, 0711);
	assert_int_equal(tree_stat(j.root, ".").st_mtim.tv_sec, 1500000000);
	jail_check(&j);
}

static void odd_names_are_refused_with_a_limit(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	char name[5001];
	memset(name, 'n', 5000);
	name[5000] = '\0';
	struct err err = ERR_INIT;
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_file(&a, name, "");
	assert_int_equal(tar_apply(&a, t.fd, 0, &err), ERR_LIMIT);
	AUTO_TAR struct tar b;
	tar_init(&b);
	tar_file(&b, "", "");
	assert_int_equal(tar_apply(&b, t.fd, 0, &err), ERR_INVALID);
	AUTO_TAR struct tar c;
	tar_init(&c);
	tar_file(&c, ".wh.d/x", "");
	assert_int_equal(tar_apply(&c, t.fd, 0, &err), ERR_INVALID);
}

static void truncated_and_damaged_archives_are_refused(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	char content[3000];
	memset(content, 'c', sizeof(content));
	struct tar_entry e = {.path = "f", .mode = S_IFREG | 0644, .size = sizeof(content)};
	tar_entry(&a, &e, content);
	tar_end(&a);
	struct err err = ERR_INIT;
	for (size_t n = 1; n < 512 + sizeof(content); n += 100)
		assert_int_equal(tar_apply_bytes(a.mem.data.data, n, t.fd, 0, &err), ERR_CORRUPT);
	a.mem.data.data[0] ^= 1; /* the header's checksum does not hold any more */
	assert_int_equal(
		tar_apply_bytes(a.mem.data.data, a.mem.data.len, t.fd, 0, &err), ERR_CORRUPT);
	assert_int_equal(tar_apply_bytes("hello", 5, t.fd, 0, &err), ERR_CORRUPT);
	assert_int_equal(tar_apply_bytes("", 0, t.fd, 0, &err), 0);
}

static void a_negative_size_is_refused(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_file(&a, "f", "");
	tar_end(&a);
	/* base 256, as GNU tar writes large numbers: -1; then the checksum again */
	unsigned char *h = (unsigned char *)a.mem.data.data;
	memset(h + 124, 0xff, 12);
	memset(h + 148, ' ', 8);
	unsigned sum = 0;
	for (size_t i = 0; i < 512; i++)
		sum += h[i];
	(void)snprintf((char *)h + 148, 8, "%06o", sum);
	struct err err = ERR_INIT;
	assert_true(tar_apply_bytes(h, a.mem.data.len, t.fd, 0, &err) < 0);
}

static void limits_hold(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_file(&a, "a", "x");
	tar_file(&a, "b", "x");
	tar_end(&a);
	struct err err = ERR_INIT;
	struct apply_opts opts = {.limits = {.max_entries = 1}};
	AUTO_READER struct reader *r = reader_from_mem(a.mem.data.data, a.mem.data.len);
	assert_int_equal(layer_apply(r, t.fd, &opts, NULL, &err), ERR_LIMIT);
	opts.limits = (struct apply_limits){.max_bytes = 1000};
	AUTO_READER struct reader *again = reader_from_mem(a.mem.data.data, a.mem.data.len);
	assert_int_equal(layer_apply(again, t.fd, &opts, NULL, &err), ERR_LIMIT);
}

static void an_archive_for_add_stays_inside_and_merges(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	struct jail j;
	jail_init(&j);
	int top = openat(j.root, ".", O_RDONLY);
	assert_int_equal(mkdirat(top, "top", 02775), 0);
	assert_int_equal(fchmodat(top, "top", 02775, 0), 0);
	assert_int_equal(fchownat(top, "top", 0, 99, 0), 0);
	assert_int_equal(fchmodat(top, "top", 02775, 0), 0);
	tree_text(top, "top/keep", "keep");
	tree_text(top, "top/f", "old");
	tree_text(top, "top/hidden", "x");
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_dir(&a, "./", 0700);
	tar_file(&a, "../../up", "x");
	tar_file(&a, "top/f", "new");
	tar_file(&a, "top/.wh.hidden", "");
	tar_dir(&a, "d", 0755);
	tar_link(&a, "l", "d");
	tar_file(&a, "l/through", "x");
	tar_apply_ok(&a, j.root, APPLY_PLAIN);
	assert_int_equal(tree_stat(top, ".").st_mode & 07777, 0755);
	assert_true(tree_has(top, "up"));
	assert_true(tree_has(top, "d/through"));
	assert_true(tree_has(top, "top/keep"));
	assert_false(tree_has(top, "top/hidden"));
	AUTO_FREE char *f = tree_read(top, "top/f");
	assert_string_equal(f, "new");
	/* not the group of the setgid directory */
	assert_int_equal(tree_stat(top, "top/f").st_gid, 0);
	close(top);
	jail_check(&j);
}

/* A descriptor that leads out of the root, as no worker is given: the lock on files is there
 * without the root. */
static int opens_outside(void *arg, struct buf *out, struct err *err)
{
	const int *fds = arg;
	if (layer_confine(fds[0], &fds[1], 1, err) < 0)
		return err->code;
	buf_addf(out, "%d ", openat(fds[1], "passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
	buf_addf(out, "%d", open("/inside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ? errno : 0);
	return 0;
}

static void files_are_locked_even_where_a_descriptor_leads_out(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct jail j;
	AUTO_BUF struct buf out = BUF_INIT(100);
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 2)
		skip_because("no Landlock that lets files be renamed between directories");
	jail_init(&j);
	int fds[2] = {j.root, open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC)};
	assert_int_equal(job_run(opens_outside, fds, &out, &err), 0);
	close(fds[1]);
	char expected[32];
	(void)snprintf(expected, sizeof(expected), "%d 0", EACCES);
	assert_string_equal(buf_str(&out), expected);
	(void)unlinkat(j.root, "inside", 0);
	jail_check(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_with_dotdot_are_refused_in_layers),
		cmocka_unit_test(absolute_names_land_inside),
		cmocka_unit_test(links_of_the_archive_lead_nowhere_outside),
		cmocka_unit_test(hard_links_stay_inside),
		cmocka_unit_test(the_root_is_not_replaced),
		cmocka_unit_test(odd_names_are_refused_with_a_limit),
		cmocka_unit_test(truncated_and_damaged_archives_are_refused),
		cmocka_unit_test(a_negative_size_is_refused),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(an_archive_for_add_stays_inside_and_merges),
		cmocka_unit_test(files_are_locked_even_where_a_descriptor_leads_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
