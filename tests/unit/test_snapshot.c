/* SPDX-License-Identifier: Apache-2.0 */
/* Each test runs in a mount namespace of its own; skipped where there is none to be had. */
#include "tests/unit/unit.h"

#include "layers/diff.h"
#include "layers/settle.h"
#include "layers/snapshot_internal.h"
#include "layers/whiteout.h"
#include "tests/unit/tars.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#define MANY 400

static int own_namespace(void **state)
{
	(void)state;
	bool ok =
		unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	snapshot_force(SNAPSHOT_PROBE);
	*state = ok ? (void *)1 : NULL;
	return 0;
}

struct stack {
	struct tree t;
	int lower[MANY];
	size_t n;
	int upper, work, at;
	const int *below;
};

/* n layers; each has a file of its own and its number in "which". lower[0] is the topmost. */
static void stack_init(struct stack *s, size_t n)
{
	s->t = tree_new();
	s->n = n;
	s->below = NULL;
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *name = xasprintf("layer-%064zu", i);
		AUTO_FREE char *own = xasprintf("own-%zu", i), *text = xasprintf("%zu", i);
		s->lower[i] = tree_sub(&s->t, name);
		tree_text(s->lower[i], own, text);
		tree_text(s->lower[i], "which", text);
	}
	s->upper = tree_sub(&s->t, "upper");
	s->work = tree_sub(&s->t, "work");
	close(tree_sub(&s->t, "at"));
}

static void stack_done(struct stack *s)
{
	for (size_t i = 0; i < s->n; i++)
		close(s->lower[i]);
	close(s->upper);
	close(s->work);
	(void)umount2(s->t.path, MNT_DETACH);
	tree_done(&s->t);
}

/* Attaches the snapshot; the descriptor of its root. */
static int attach(struct stack *s, bool writable)
{
	struct snapshot snap = {.lower = s->lower,
		.n_lower = s->n,
		.upper = writable ? s->upper : -1,
		.work = writable ? s->work : -1,
		.below = s->below};
	struct err err = ERR_INIT;
	int fd;
	if (snapshot_mount(&snap, &fd, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(move_mount(fd, "", s->t.fd, "at", MOVE_MOUNT_F_EMPTY_PATH), 0);
	close(fd);
	int at = openat(s->t.fd, "at", O_RDONLY | O_DIRECTORY);
	assert_true(at >= 0);
	return at;
}

static void detach(struct stack *s, int at)
{
	close(at);
	AUTO_FREE char *path = xasprintf("%s/at", s->t.path);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
}

static void check_stack(enum snapshot_way way, size_t n, bool writable)
{
	struct stack s;
	snapshot_force(way);
	stack_init(&s, n);
	int at = attach(&s, writable);
	AUTO_FREE char *which = tree_read(at, "which");
	assert_string_equal(which, "0");
	AUTO_FREE char *last = xasprintf("own-%zu", n - 1);
	assert_true(tree_has(at, last));
	int fd = openat(at, "new", O_WRONLY | O_CREAT, 0644);
	assert_true(writable ? fd >= 0 : fd < 0 && errno == EROFS);
	if (writable) {
		close(fd);
		assert_int_equal(unlinkat(at, last, 0), 0);
		assert_true(tree_has(s.upper, "new"));
		struct stat st = tree_stat(s.upper, last);
		assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	}
	detach(&s, at);
	stack_done(&s);
}

static void stacks_of_every_height_are_mounted(void **state)
{
	if (!*state)
		skip_because("this user cannot have a mount namespace");
	static const size_t heights[] = {1, 2, 3, 300, MANY};
	for (size_t i = 0; i < ARRAY_LEN(heights); i++) {
		check_stack(SNAPSHOT_PROBE, heights[i], false);
		check_stack(SNAPSHOT_PROBE, heights[i], true);
	}
}

static void the_ways_of_older_kernels_work(void **state)
{
	if (!*state)
		skip_because("this user cannot have a mount namespace");
	snapshot_force(SNAPSHOT_PROBE);
	if (!strstr(snapshot_method(), "mount(2)")) /* else this is such a kernel */
		check_stack(SNAPSHOT_BY_PATH, 300, true);
	check_stack(SNAPSHOT_MOUNT, 2, false);
	check_stack(SNAPSHOT_MOUNT, 300, true);
	check_stack(SNAPSHOT_MOUNT, MANY, true);
	snapshot_force(SNAPSHOT_MOUNT);
	assert_non_null(strstr(snapshot_method(), "mount(2)"));
}

static void without_layers_the_upper_directory_is_the_tree(void **state)
{
	if (!*state)
		skip_because("this user cannot have a mount namespace");
	struct stack s;
	stack_init(&s, 0);
	int at = attach(&s, true);
	tree_text(at, "f", "x");
	assert_true(tree_has(s.upper, "f"));
	detach(&s, at);
	stack_done(&s);
	struct snapshot none = {.upper = -1, .work = -1};
	struct err err = ERR_INIT;
	int fd;
	assert_int_equal(snapshot_mount(&none, &fd, &err), ERR_INVALID);
}

static void an_opaque_root_hides_the_layers_below(void **state)
{
	if (!*state)
		skip_because("this user cannot have a mount namespace");
	struct stack s;
	stack_init(&s, 3);
	assert_int_equal(whiteout_set_opaque(s.lower[1]), 0);
	int at = attach(&s, true);
	assert_true(tree_has(at, "own-0"));
	assert_true(tree_has(at, "own-1"));
	assert_false(tree_has(at, "own-2"));
	detach(&s, at);
	stack_done(&s);
}

static void what_lies_below_all_layers_is_of_none_of_them(void **state)
{
	if (!*state)
		skip_because("this user cannot have a mount namespace");
	static const enum snapshot_way ways[] = {SNAPSHOT_PROBE, SNAPSHOT_MOUNT};
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct stack s;
		snapshot_force(ways[i]);
		stack_init(&s, 2);
		AUTO_FD int below = tree_sub(&s.t, "below");
		tree_text(below, "which", "below");
		tree_text(below, "point", "");
		s.below = &below;
		int at = attach(&s, true);
		AUTO_FREE char *which = tree_read(at, "which");
		assert_string_equal(which, "0");
		assert_true(tree_has(at, "point"));
		tree_text(at, "new", "x");
		assert_false(tree_has(s.upper, "point"));
		detach(&s, at);
		stack_done(&s);
	}
}

static void a_layer_may_be_in_a_chain_twice(void **state)
{
	if (!*state)
		skip_because("this user cannot have a mount namespace");
	struct stack s;
	stack_init(&s, 4);
	close(s.lower[3]);
	s.lower[3] = dup(s.lower[1]); /* 0, 1, 2, 1 */
	int at = attach(&s, true);
	AUTO_FREE char *which = tree_read(at, "which");
	assert_string_equal(which, "0");
	assert_true(tree_has(at, "own-1"));
	assert_true(tree_has(at, "own-2"));
	detach(&s, at);
	close(s.lower[0]);
	close(s.lower[2]);
	s.lower[0] = dup(s.lower[1]);
	s.lower[2] = dup(s.lower[1]); /* the same one four times, read-only: no overlay at all */
	at = attach(&s, false);
	AUTO_FREE char *only = tree_read(at, "which");
	assert_string_equal(only, "1");
	detach(&s, at);
	stack_done(&s);
}

static void an_error_names_the_file_system(void **state)
{
	if (!*state)
		skip_because("this user cannot have a mount namespace");
	struct stack s;
	stack_init(&s, 2);
	/* an upper directory on an overlay is refused, and takes a copy */
	int at = attach(&s, true);
	struct snapshot snap = {.lower = s.lower, .n_lower = 2};
	assert_int_equal(mkdirat(at, "u", 0755), 0);
	assert_int_equal(mkdirat(at, "w", 0755), 0);
	snap.upper = openat(at, "u", O_RDONLY);
	snap.work = openat(at, "w", O_RDONLY);
	struct err err = ERR_INIT;
	int fd;
	snapshot_use(SNAPSHOT_OVERLAY, "the test");
	assert_int_equal(snapshot_mount(&snap, &fd, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "overlayfs"));
	snapshot_use(SNAPSHOT_AUTO, "");
	assert_int_equal(snapshot_mount(&snap, &fd, &err), 0);
	close(fd);
	assert_string_equal(snapshot_driver(), "copy");
	close(snap.upper);
	close(snap.work);
	detach(&s, at);
	stack_done(&s);
}

static void mark(int at, const char *name, const char *attribute)
{
	AUTO_FD int fd = openat(at, name, O_RDONLY | O_NOFOLLOW);
	assert_int_equal(fsetxattr(fd, attribute, "y", 1, 0), 0);
}

/* A layer is what its archive says, also where overlay shows it later. */
static void drivers_have_the_names_of_others_too(void **state)
{
	enum snapshot_driver d = SNAPSHOT_AUTO;

	(void)state;
	assert_true(snapshot_driver_parse("vfs", &d));
	assert_int_equal(d, SNAPSHOT_COPY);
	assert_true(snapshot_driver_parse("overlay2", &d));
	assert_int_equal(d, SNAPSHOT_OVERLAY);
	assert_false(snapshot_driver_parse("overlay3", &d));
}

static void what_a_step_marks_in_a_copy_hides_nothing(void **state)
{
	(void)state;
	struct stack s;
	struct err err = ERR_INIT;
	const struct timespec begun = {.tv_sec = 1};
	int fd;
	stack_init(&s, 2);
	const struct snapshot snap = {
		.lower = s.lower, .n_lower = 2, .upper = s.upper, .work = s.work};
	snapshot_use(SNAPSHOT_COPY, "the test");
	assert_int_equal(snapshot_mount(&snap, &fd, &err), 0);
	close(fd);
	assert_int_equal(mkdirat(s.work, "merged/new", 0755), 0);
	assert_int_equal(mkdirat(s.work, "merged/new/sub", 0755), 0);
	tree_text(s.work, "merged/new/sub/file", "");
	mark(s.work, "merged/new", "user.overlay.opaque");
	mark(s.work, "merged/new/sub", "user.overlay.redirect");
	mark(s.work, "merged/new/sub", "user.fuseoverlayfs.opaque");
	mark(s.work, "merged/new/sub/file", "user.overlay.whiteout");
	mark(s.work, "merged/new/sub/file", "user.own");
	assert_int_equal(snapshot_settle(&snap, begun, &err), 0);
	snapshot_use(SNAPSHOT_AUTO, "");
	static const char *const made[] = {"new", "new/sub", "new/sub/file"};
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		char list[64];
		AUTO_FD int at = openat(s.upper, made[i], O_RDONLY | O_NOFOLLOW);
		ssize_t n = flistxattr(at, list, sizeof(list));
		assert_int_equal(n, i == 2 ? sizeof("user.own") : 0);
	}
	stack_done(&s);
}

static unsigned seed;
static unsigned rnd(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const char *const names[] = {
	"a", "b", "c", "a/a", "a/b", "a/c", "b/a", "b/b", "b/a/x", "b/a/y", "c/z"};

/* One random change of the tree, any of which may fail. */
static void change(int at)
{
	const char *name = names[rnd(ARRAY_LEN(names))];
	struct err err = ERR_INIT;
	char text[20];
	switch (rnd(7)) {
	case 0:
		(void)!fs_remove_tree(at, name, &err);
		break;
	case 1:
	case 2:
		(void)!mkdirat(at, name, 0755);
		break;
	case 3: {
		int n = snprintf(text, sizeof(text), "%u", rnd(1000));
		AUTO_FD int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
		if (fd >= 0)
			assert_int_equal(fs_write_all(fd, text, (size_t)n), 0);
		break;
	}
	case 4:
		(void)!symlinkat(names[rnd(ARRAY_LEN(names))], at, name);
		break;
	case 5:
		(void)!linkat(at, names[rnd(ARRAY_LEN(names))], at, name, 0);
		break;
	case 6:
		(void)!renameat(at, name, at, names[rnd(ARRAY_LEN(names))]);
		break;
	}
}

/* What a step changed, archived and unpacked elsewhere onto the same layers, looks as it did. */
static void a_changeset_makes_the_same_tree_elsewhere(void **state)
{
	if (!*state)
		skip_because("this user cannot have a mount namespace");
	for (unsigned round = 0; round < 25; round++) {
		seed = round;
		struct stack s;
		stack_init(&s, 2);
		for (unsigned i = 0; i < 30; i++)
			change(s.lower[rnd(2)]);
		int at = attach(&s, true);
		for (unsigned i = 0; i < 40; i++)
			change(at);
		AUTO_MEM_WRITER struct mem_writer m = MEM_WRITER;
		struct diff_opts o = {.level = -1};
		struct err err = ERR_INIT;
		struct layer l;
		if (layer_diff(s.upper, &o, &m.w, &l, &err) < 0)
			fail_msg("%s", err.msg);
		AUTO_BUF struct buf live = BUF_INIT(MIB), again = BUF_INIT(MIB);
		/* without index, overlay shows names that are linked in the upper directory as
		 * files of their own */
		tree_describe(at, "", "dl", &live);
		detach(&s, at);

		AUTO_FD int top = tree_sub(&s.t, "top");
		if (tar_apply_bytes(m.data.data, m.data.len, top, 0, &err) < 0)
			fail_msg("seed %u: %s", round, err.msg);
		struct stack copy = s;
		copy.n = 3;
		copy.lower[0] = top;
		copy.lower[1] = s.lower[0];
		copy.lower[2] = s.lower[1];
		at = attach(&copy, false);
		tree_describe(at, "", "dl", &again);
		detach(&s, at);
		if (!streq(buf_str(&live), buf_str(&again)))
			fail_msg("seed %u:\n%s--- and\n%s", round, buf_str(&live), buf_str(&again));
		stack_done(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(stacks_of_every_height_are_mounted, own_namespace),
		cmocka_unit_test_setup(the_ways_of_older_kernels_work, own_namespace),
		cmocka_unit_test_setup(
			without_layers_the_upper_directory_is_the_tree, own_namespace),
		cmocka_unit_test_setup(an_opaque_root_hides_the_layers_below, own_namespace),
		cmocka_unit_test_setup(
			what_lies_below_all_layers_is_of_none_of_them, own_namespace),
		cmocka_unit_test_setup(a_layer_may_be_in_a_chain_twice, own_namespace),
		cmocka_unit_test_setup(an_error_names_the_file_system, own_namespace),
		cmocka_unit_test(drivers_have_the_names_of_others_too),
		cmocka_unit_test(what_a_step_marks_in_a_copy_hides_nothing),
		cmocka_unit_test_setup(a_changeset_makes_the_same_tree_elsewhere, own_namespace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
