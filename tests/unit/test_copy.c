/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "build/copy.h"
#include "build/inputs.h"
#include "tests/unit/tree.h"

struct fixture {
	struct tree t;
	int from, to;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->t = tree_new();
	f->from = tree_sub(&f->t, "from");
	f->to = tree_sub(&f->t, "to");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	close(f->from);
	close(f->to);
	tree_done(&f->t);
	free(f);
	return 0;
}

static int copy(const struct fixture *f, struct step *s, const char *source, const char *dest,
	struct err *err)
{
	struct filetree *tree = filetree_new(f->from, NULL, NULL, FILETREE_RESET_OWNER);
	strv_done(&s->sources);
	strv_add(&s->sources, source);
	s->dest = (char *)(uintptr_t)dest;
	const struct copy_work w = {.step = s, .source = tree, .root = f->to};
	int rc = copy_run(&w, err);
	filetree_free(tree);
	strv_done(&s->sources);
	return rc;
}

static void copies(const struct fixture *f, struct step *s, const char *source, const char *dest)
{
	struct err err = ERR_INIT;
	if (copy(f, s, source, dest, &err) < 0)
		fail_msg("%s", err.msg);
}

static void expect_text(int dirfd, const char *path, const char *text)
{
	AUTO_FREE char *data = tree_read(dirfd, path);
	assert_string_equal(data, text);
}

static struct digest inputs_of(const struct fixture *f, struct step *s, const char *source)
{
	struct err err = ERR_INIT;
	struct digest d;
	struct filetree *tree = filetree_new(f->from, NULL, NULL, FILETREE_RESET_OWNER);
	strv_add(&s->sources, source);
	if (inputs_digest(tree, s, &d, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	strv_done(&s->sources);
	filetree_free(tree);
	return d;
}

static void never_leaves_the_root_by_a_link_in_the_destination(void **state)
{
	struct fixture *f = *state;
	struct step s = {0};
	tree_text(f->from, "x", "x");
	assert_int_equal(symlinkat("/outside", f->to, "abs"), 0);
	assert_int_equal(symlinkat("../../outside", f->to, "rel"), 0);
	copies(f, &s, "x", "/abs/");
	expect_text(f->to, "outside/x", "x");
	copies(f, &s, "x", "/rel");
	expect_text(f->to, "outside/x", "x");
	assert_false(tree_has(f->t.fd, "outside"));
}

static void never_leaves_the_root_by_a_link_in_the_source(void **state)
{
	struct fixture *f = *state;
	struct step s = {0};
	struct err err = ERR_INIT;
	tree_text(f->t.fd, "host", "host");
	assert_int_equal(symlinkat("../host", f->from, "l"), 0);
	assert_int_equal(copy(f, &s, "l", "/x", &err), ERR_NOT_FOUND);
	assert_false(tree_has(f->to, "x"));
}

static void replaces_files_but_no_directories(void **state)
{
	struct fixture *f = *state;
	struct step s = {0};
	struct err err = ERR_INIT;
	close(tree_sub(&f->t, "from/d"));
	close(tree_sub(&f->t, "from/d/x"));
	tree_text(f->from, "x", "new");
	tree_text(f->to, "y", "old");
	copies(f, &s, "x", "/y");
	expect_text(f->to, "y", "new");
	tree_text(f->to, "x", "a file");
	assert_true(copy(f, &s, "d", "/", &err) < 0);
}

static void many_files_arrive_with_all_that_they_and_their_directories_are(void **state)
{
	struct fixture *f = *state;
	struct step s = {0};
	char name[40];
	close(tree_sub(&f->t, "from/many"));
	for (unsigned d = 0; d < 10; d++) {
		(void)snprintf(name, sizeof(name), "from/many/d%u", d);
		close(tree_sub(&f->t, name));
		for (unsigned i = 0; i < 60; i++) {
			(void)snprintf(name, sizeof(name), "many/d%u/f%u", d, i);
			tree_write(f->from, name, name, strlen(name), i % 2 ? 0640 : 04755);
			tree_time(f->from, name, 1000 + i, d);
		}
		(void)snprintf(name, sizeof(name), "many/d%u", d);
		assert_int_equal(fchmodat(f->from, name, 0550, 0), 0);
		tree_time(f->from, name, 5000 + d, 7);
	}
	copies(f, &s, "many", "/z/");
	for (unsigned d = 0; d < 10; d++) {
		for (unsigned i = 0; i < 60; i++) {
			(void)snprintf(name, sizeof(name), "z/d%u/f%u", d, i);
			struct stat st = tree_stat(f->to, name);
			assert_int_equal(st.st_mode & 07777, i % 2 ? 0640 : 04755);
			assert_int_equal(st.st_mtim.tv_sec, 1000 + i);
			assert_int_equal(st.st_mtim.tv_nsec, d);
			AUTO_FREE char *text = tree_read(f->to, name);
			assert_string_equal(text + strlen("many"), name + strlen("z"));
		}
		(void)snprintf(name, sizeof(name), "z/d%u", d);
		struct stat st = tree_stat(f->to, name);
		assert_int_equal(st.st_mode & 07777, 0550);
		assert_int_equal(st.st_mtim.tv_sec, 5000 + d);
	}
}

static void a_file_that_cannot_be_replaced_among_many_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct step s = {0};
	struct err err = ERR_INIT;
	char name[40];
	close(tree_sub(&f->t, "from/many"));
	for (unsigned i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "many/f%u", i);
		tree_text(f->from, name, "");
	}
	close(tree_sub(&f->t, "to/z"));
	close(tree_sub(&f->t, "to/z/f599"));
	assert_int_equal(copy(f, &s, "many", "/z/", &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "f599"));
}

static void keeps_hard_links_together(void **state)
{
	struct fixture *f = *state;
	struct step s = {0};
	close(tree_sub(&f->t, "from/d"));
	tree_text(f->from, "d/a", "a");
	assert_int_equal(linkat(f->from, "d/a", f->from, "d/b", 0), 0);
	copies(f, &s, "d", "/z/");
	assert_int_equal(tree_stat(f->to, "z/a").st_ino, tree_stat(f->to, "z/b").st_ino);
}

static void gives_modes_and_times_of_the_source_or_those_asked_for(void **state)
{
	struct fixture *f = *state;
	struct step s = {0};
	tree_write(f->from, "x", "x", 1, 0640);
	tree_time(f->from, "x", 1000, 5);
	copies(f, &s, "x", "/a");
	assert_int_equal(tree_stat(f->to, "a").st_mode & 07777, 0640);
	assert_int_equal(tree_stat(f->to, "a").st_mtim.tv_sec, 1000);
	s.chmod = (char *)(uintptr_t) "go+x";
	copies(f, &s, "x", "/b");
	assert_int_equal(tree_stat(f->to, "b").st_mode & 07777, 0651);
}

static void copies_a_fifo_without_opening_it(void **state)
{
	struct fixture *f = *state;
	struct step s = {0};
	close(tree_sub(&f->t, "from/d"));
	assert_int_equal(mkfifoat(f->from, "d/p", 0600), 0);
	copies(f, &s, "d", "/z/");
	assert_true(S_ISFIFO(tree_stat(f->to, "z/p").st_mode));
}

static void inputs_are_what_is_copied_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct step s = {0}, without = {0};
	close(tree_sub(&f->t, "from/d"));
	tree_text(f->from, "d/a", "a");
	tree_text(f->from, "d/b.md", "b");
	strv_add(&without.excludes, "**/*.md");
	struct digest all = inputs_of(f, &s, "d"), some = inputs_of(f, &without, "d");
	assert_false(digest_equal(&all, &some));

	tree_time(f->from, "d/a", 1, 0);
	struct digest later = inputs_of(f, &s, "d");
	assert_true(digest_equal(&all, &later));

	tree_text(f->from, "d/b.md", "changed");
	struct digest all2 = inputs_of(f, &s, "d"), some2 = inputs_of(f, &without, "d");
	assert_false(digest_equal(&all, &all2));
	assert_true(digest_equal(&some, &some2));

	assert_int_equal(renameat(f->from, "d/a", f->from, "d/c"), 0);
	struct digest renamed = inputs_of(f, &without, "d");
	assert_false(digest_equal(&some, &renamed));
	strv_done(&without.excludes);
}

static void names_of_parents_are_inputs(void **state)
{
	struct fixture *f = *state;
	struct step s = {.parents = true};
	close(tree_sub(&f->t, "from/d"));
	tree_text(f->from, "d/a", "a");
	struct digest before = inputs_of(f, &s, "*/a");
	assert_int_equal(renameat(f->from, "d", f->from, "e"), 0);
	struct digest after = inputs_of(f, &s, "*/a");
	assert_false(digest_equal(&before, &after));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			never_leaves_the_root_by_a_link_in_the_destination, setup, teardown),
		cmocka_unit_test_setup_teardown(
			never_leaves_the_root_by_a_link_in_the_source, setup, teardown),
		cmocka_unit_test_setup_teardown(replaces_files_but_no_directories, setup, teardown),
		cmocka_unit_test_setup_teardown(
			many_files_arrive_with_all_that_they_and_their_directories_are, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_file_that_cannot_be_replaced_among_many_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_hard_links_together, setup, teardown),
		cmocka_unit_test_setup_teardown(
			gives_modes_and_times_of_the_source_or_those_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(copies_a_fifo_without_opening_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			inputs_are_what_is_copied_and_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_parents_are_inputs, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
