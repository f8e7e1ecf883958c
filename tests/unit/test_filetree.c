/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "build/file_ignore.h"
#include "build/filetree.h"
#include "build/selection.h"
#include "tests/unit/tree.h"

/* a/1 a/b/2 a/b/3.md c -> a/b d -> /../a e -> e */
static struct tree sample(void)
{
	struct tree t = tree_new();
	close(tree_sub(&t, "a"));
	close(tree_sub(&t, "a/b"));
	tree_text(t.fd, "a/1", "one");
	tree_text(t.fd, "a/b/2", "two");
	tree_text(t.fd, "a/b/3.md", "three");
	assert_int_equal(symlinkat("a/b", t.fd, "c"), 0);
	assert_int_equal(symlinkat("/../a", t.fd, "d"), 0);
	assert_int_equal(symlinkat("e", t.fd, "e"), 0);
	return t;
}

static void expect_lookup(struct filetree *f, const char *path, bool follow, const char *expected)
{
	struct err err = ERR_INIT;
	struct node *n;
	if (filetree_lookup(f, path, follow, &n, &err) < 0)
		fail_msg("%s", err.msg);
	if (!expected) {
		assert_null(n);
		return;
	}
	assert_non_null(n);
	AUTO_FREE char *found = node_path(n);
	assert_string_equal(found, expected);
}

static void follows_links_inside_the_root_only(void **state)
{
	AUTO_TREE struct tree t = sample();
	struct filetree *f = filetree_new(t.fd, NULL, NULL, FILETREE_RESET_OWNER);
	struct err err = ERR_INIT;
	struct node *n;
	(void)state;
	/* what they lead to is text to BuildKit: a/1, whatever is in its way */
	assert_int_equal(symlinkat("c/../a/1", t.fd, "f"), 0);
	assert_int_equal(symlinkat("/none/../a/", t.fd, "g"), 0);
	expect_lookup(f, "f", true, "a/1");
	expect_lookup(f, "g/1", true, "a/1");
	expect_lookup(f, "c/2", false, "a/b/2");
	expect_lookup(f, "c", false, "c");
	expect_lookup(f, "c", true, "a/b");
	expect_lookup(f, "d/1", false, "a/1");
	expect_lookup(f, "../../a/./b/../1", false, "a/1");
	expect_lookup(f, "a/none", false, NULL);
	expect_lookup(f, "a/1/below", false, NULL);
	assert_int_equal(filetree_lookup(f, "e", true, &n, &err), ERR_INVALID);
	filetree_free(f);
}

static void expect_glob(struct filetree *f, const char *pattern, const char *expected)
{
	struct err err = ERR_INIT;
	struct match *m;
	size_t n;
	AUTO_STRV struct strv paths = STRV_INIT;
	if (filetree_glob(f, pattern, &m, &n, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < n; i++)
		strv_add(&paths, m[i].path);
	AUTO_FREE char *list = strv_join(&paths, " ");
	assert_string_equal(list, expected);
	matches_free(m, n);
}

static void finds_what_a_pattern_names(void **state)
{
	AUTO_TREE struct tree t = sample();
	struct filetree *f = filetree_new(t.fd, NULL, NULL, FILETREE_RESET_OWNER);
	(void)state;
	expect_glob(f, "a/*", "a/1 a/b");
	expect_glob(f, "a/b/*.md", "a/b/3.md");
	expect_glob(f, "c/*.md", "c/3.md");
	expect_glob(f, "a/b", "a/b");
	expect_glob(f, "x*", "");
	filetree_free(f);
}

static void hides_what_is_ignored_but_not_its_exceptions(void **state)
{
	static const char rules[] = "a/b\n!a/b/2\n";
	AUTO_TREE struct tree t = sample();
	struct err err = ERR_INIT;
	struct ignore *ig;
	unsigned line = 0;
	(void)state;
	assert_int_equal(ignore_parse("rules", rules, strlen(rules), &ig, &err), 0);
	struct filetree *f = filetree_new(t.fd, ig, NULL, FILETREE_RESET_OWNER);
	expect_lookup(f, "a/b/2", false, "a/b/2");
	expect_lookup(f, "a/b/3.md", false, NULL);
	assert_true(filetree_hidden_by(f, "a/b/3.md", &line));
	assert_int_equal(line, 1);
	assert_int_equal(filetree_count(f), 5);
	filetree_free(f);
	ignore_free(ig);
}

static int note(void *arg, struct node *n, struct err *err)
{
	(void)err;
	strv_add(arg, n->name);
	return 0;
}

static int note_end(void *arg, struct node *n, struct err *err)
{
	(void)n;
	(void)err;
	strv_add(arg, ")");
	return 0;
}

/* Names in the order of the walk; a directory's end is ")". */
static void expect_walk(struct filetree *f, const char *source, bool parents, const char *exclude,
	const char *expected)
{
	struct err err = ERR_INIT;
	struct node *n;
	size_t count;
	AUTO_STRV struct strv excludes = STRV_INIT, seen = STRV_INIT;
	AUTO_SELECTION struct selection sel = {0};
	if (exclude)
		strv_split(&excludes, exclude, ' ');
	assert_int_equal(selection_init(&sel, source, parents, &excludes, &err), 0);
	assert_int_equal(filetree_lookup(f, sel.root, true, &n, &err), 0);
	assert_non_null(n);
	const struct walk w = {.enter = note, .leave = note_end, .met = note, .arg = &seen};
	assert_int_equal(selection_walk(&sel, f, n, &w, &count, &err), 0);
	AUTO_FREE char *list = strv_join(&seen, " ");
	assert_string_equal(list, expected);
}

static void walks_over_what_is_selected(void **state)
{
	AUTO_TREE struct tree t = sample();
	struct filetree *f = filetree_new(t.fd, NULL, NULL, FILETREE_RESET_OWNER);
	(void)state;
	expect_walk(f, "a", false, NULL, "1 b 2 3.md )");
	expect_walk(f, "a", false, "**/*.md", "1 b 2 )");
	expect_walk(f, "a", false, "b", "1");
	expect_walk(f, "a", false, "b !b/2", "1 b 2 )");
	expect_walk(f, "a", false, "*", "");
	expect_walk(f, "a/b/2", true, NULL, "a b 2 ) )");
	expect_walk(f, "/./a//b/*.md", true, NULL, "a b 3.md ) )");
	expect_walk(f, "a/./**/2", true, NULL, "b 2 )");
	expect_walk(f, "a/./b/./2", true, NULL, "b 2 )");
	expect_walk(f, "a/b", true, "a/b/2", "a b 3.md ) )");
	expect_walk(f, "a/x*", true, NULL, "");
	filetree_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_links_inside_the_root_only),
		cmocka_unit_test(finds_what_a_pattern_names),
		cmocka_unit_test(hides_what_is_ignored_but_not_its_exceptions),
		cmocka_unit_test(walks_over_what_is_selected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
