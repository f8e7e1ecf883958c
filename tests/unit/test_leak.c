/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/tree.h"

#include "base/buf.h"
#include "build/leak.h"
#include "build/mounts.h"
#include "build/secrets.h"
#include "build/steps.h"

#define KEY "swordfish-and-chips"

static struct secret of(enum secret_leak leak, const char *data)
{
	static char id[] = "key";
	return (struct secret){.id = id,
		.leak = leak,
		.loaded = true,
		.data = (char *)(uintptr_t)data,
		.len = strlen(data)};
}

/* What is printed when the text comes in pieces of this size. */
static char *masked(const struct secrets *all, const char *text, size_t step)
{
	AUTO_BUF struct buf held = BUF_INIT(LEAK_HELD_MAX), out = BUF_INIT(MIB);
	size_t n = strlen(text);
	for (size_t at = 0; at < n; at += step)
		leak_mask(all, &held, text + at, n - at < step ? n - at : step, false, &out);
	leak_mask(all, &held, "", 0, true, &out);
	assert_int_equal(held.len, 0);
	return xstrdup(buf_str(&out));
}

static void lines_of_secrets_are_not_printed(void **state)
{
	(void)state;
	struct secret list[] = {of(LEAK_FAIL, KEY "\n"),
		of(LEAK_FAIL, "first line of it\r\nshort\nsword and shield"),
		of(LEAK_WARN, "not looked for"), of(LEAK_FAIL, "seven77")};
	const struct secrets all = {.s = list, .n = ARRAY_LEN(list)};
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"plain\ntext\n", "plain\ntext\n"},
		{"the key is " KEY "!\n", "the key is ***!\n"},
		{KEY KEY " " KEY, "****** ***"},
		{"swordswordfish-and-chipsword", "sword***word"},
		{"swordfish-and-chip\n", "swordfish-and-chip\n"},
		{"first line of it\nshort\nsword and shield\n", "***\nshort\n***\n"},
		{"not looked for seven77", "not looked for seven77"},
		{"", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t step = 1; step < 40; step++) {
			AUTO_FREE char *got = masked(&all, cases[i].text, step);
			assert_string_equal(got, cases[i].want);
		}
	}
	assert_true(leak_masks(&all));
	assert_false(leak_masks(&(struct secrets){.s = &list[2], .n = 1}));
}

static int find(const struct tree *t, struct secret *s, char **path)
{
	struct step_mount m = {.o = {.type = MOUNT_SECRET}, .id = (char[]){"key"}};
	const struct step step = {.mounts = &m, .n_mounts = 1};
	const struct secrets all = {.s = s, .n = 1};
	const struct secret *found = NULL;
	struct err err = ERR_INIT;
	int r = leak_find(t->fd, &all, &step, &found, path, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	assert_ptr_equal(found, r ? s : NULL);
	return r;
}

static void files_with_a_secret_are_found(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	struct secret s = of(LEAK_WARN, KEY "\n");
	char *path = NULL;
	tree_text(t.fd, "clean", "swordfish and chips");
	int sub = tree_sub(&t, "d");
	assert_int_equal(symlinkat("/etc/passwd", sub, "link"), 0);
	assert_int_equal(mkfifoat(sub, "fifo", 0600), 0);
	assert_int_equal(find(&t, &s, &path), 0);
	/* across the border of two pieces that are read */
	AUTO_FREE char *big = xcalloc(1, 2 * MIB + 100);
	memset(big, 'x', 2 * MIB + 50);
	memcpy(big + MIB - 7, KEY, strlen(KEY));
	tree_text(sub, "big", big);
	assert_int_equal(find(&t, &s, &path), 1);
	assert_string_equal(path, "/d/big");
	free(path);
	s.leak = LEAK_ALLOW;
	assert_int_equal(find(&t, &s, &path), 0);
	/* what is too short is in every file */
	s = of(LEAK_FAIL, "xxxxxxx");
	assert_int_equal(find(&t, &s, &path), 0);
	close(sub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_secrets_are_not_printed),
		cmocka_unit_test(files_with_a_secret_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
