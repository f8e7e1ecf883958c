/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "image/descriptor.h"
#include "store/origins.h"
#include "store/store.h"
#include "tests/unit/store_fixture.h"

static struct descriptor blob(const char *content)
{
	return (struct descriptor){.digest = digest_of(content, strlen(content))};
}

static void note(struct store *s, const char *place, const char *content)
{
	struct descriptor d = blob(content);
	const struct descriptor *list[] = {&d};
	origins_add(s, place, list, 1);
}

static void are(struct store *s, const char *content, const char *expected)
{
	AUTO_ORIGINS struct origins *o = origins_load(s);
	struct descriptor d = blob(content);
	AUTO_FREE char *places = origins_of(o, &d.digest);
	if (expected)
		assert_string_equal(places, expected);
	else
		assert_null(places);
}

static void the_newest_place_comes_first(void **state)
{
	struct store *s = *state;
	are(s, "a", NULL);
	note(s, "r.io/one", "a");
	note(s, "r.io:5000/two", "a");
	note(s, "r.io/other", "b");
	note(s, "r.io/one", "a");
	are(s, "a", "r.io:5000/two r.io/one");
	are(s, "b", "r.io/other");
	are(s, "c", NULL);
	for (int i = 0; i < 10; i++) {
		AUTO_FREE char *place = xasprintf("r.io/n%d", i);
		note(s, place, "a");
	}
	are(s, "a", "r.io/n9 r.io/n8 r.io/n7 r.io/n6");
}

static void what_is_no_place_is_not_noted(void **state)
{
	struct store *s = *state;
	note(s, "r.io/x y", "line");
	note(s, "r.io/x\nr.io/y", "line");
	are(s, "line", NULL);
}

static void the_oldest_are_forgotten_and_the_file_stays_small(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct stat st;
	AUTO_FREE char *old = xmalloc(1 << 20);
	memset(old, 'x', 1 << 20);
	for (size_t i = 99; i < 1 << 20; i += 100)
		old[i] = '\n';
	old[(1 << 20) - 1] = '\n';
	assert_int_equal(fs_write_file(store_fd(s), "origins", old, 1 << 20, 0600, false, &err), 0);
	note(s, "r.io/new", "new");
	are(s, "new", "r.io/new");
	assert_int_equal(fstatat(store_fd(s), "origins", &st, 0), 0);
	assert_true(st.st_size < (1 << 20) * 3 / 4);
	/* damaged beyond use: begun anew */
	AUTO_FREE char *more = xcalloc(1, 3 << 20);
	assert_int_equal(
		fs_write_file(store_fd(s), "origins", more, 3 << 20, 0600, false, &err), 0);
	note(s, "r.io/new", "new");
	are(s, "new", "r.io/new");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(the_newest_place_comes_first),
		STORE_TEST(what_is_no_place_is_not_noted),
		STORE_TEST(the_oldest_are_forgotten_and_the_file_stays_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
