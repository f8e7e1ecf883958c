/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <time.h>

#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/strv.h"
#include "store/dir_list.h"
#include "store/statcache.h"
#include "tests/unit/store_fixture.h"

/* A stat of a file that was last changed age_ms ago. */
static struct stat file(uint64_t ino, int64_t age_ms)
{
	struct timespec now = clock_now();
	int64_t ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - age_ms * 1000000;
	struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	return (struct stat){.st_dev = 7, .st_ino = ino, .st_size = 10, .st_mtim = t, .st_ctim = t};
}

static struct statcache *open_cache(struct store *s)
{
	struct err err = ERR_INIT;
	struct statcache *sc;
	assert_int_equal(statcache_open(s, "/usr", &sc, &err), 0);
	return sc;
}

static void save(struct statcache *sc)
{
	struct err err = ERR_INIT;
	assert_int_equal(statcache_save(sc, &err), 0);
	statcache_free(sc);
}

static void remembers_across_processes(void **state)
{
	struct store *s = *state;
	struct statcache *sc = open_cache(s);
	struct stat st = file(1, 60000), other = file(2, 60000), plain = file(3, 60000);
	struct digest d = digest_of("x", 1), got;
	bool mark;
	assert_false(statcache_get(sc, &st, &got, &mark));
	statcache_put(sc, &st, &d, true);
	statcache_put(sc, &plain, &d, false);
	assert_true(statcache_get(sc, &st, &got, &mark) && mark);
	save(sc);
	sc = open_cache(s);
	assert_true(statcache_get(sc, &plain, &got, &mark) && !mark);
	assert_true(statcache_get(sc, &st, &got, &mark) && mark);
	assert_true(digest_equal(&got, &d));
	assert_false(statcache_get(sc, &other, &got, &mark));
	statcache_free(sc);
}

static void any_difference_is_a_miss(void **state)
{
	struct store *s = *state;
	struct statcache *sc = open_cache(s);
	struct stat st = file(1, 60000), changed;
	struct digest d = digest_of("x", 1), got;
	bool mark;
	statcache_put(sc, &st, &d, false);
	save(sc);
	sc = open_cache(s);
#define MISSES(change)                                                                             \
	do {                                                                                       \
		changed = st;                                                                      \
		change;                                                                            \
		assert_false(statcache_get(sc, &changed, &got, &mark));                            \
	} while (0)
	MISSES(changed.st_dev++);
	MISSES(changed.st_ino++);
	MISSES(changed.st_size++);
	MISSES(changed.st_mtim.tv_sec++);
	MISSES(changed.st_mtim.tv_nsec ^= 1);
	MISSES(changed.st_ctim.tv_sec--);
	MISSES(changed.st_ctim.tv_nsec ^= 1);
	assert_true(statcache_get(sc, &st, &got, &mark));
	statcache_free(sc);
}

static void a_file_changed_just_now_is_not_believed(void **state)
{
	struct store *s = *state;
	struct statcache *sc = open_cache(s);
	struct digest d = digest_of("x", 1), got;
	bool mark;
	struct stat fresh = file(1, 50), future = file(2, -5000), settled = file(3, 500),
		    whole = file(4, 1500), late = file(5, 60000);
	whole.st_mtim.tv_nsec = whole.st_ctim.tv_nsec = 0; /* a file system that keeps seconds */
	late.st_ctim = fresh.st_ctim; /* an old mtime, set back by hand */
	statcache_put(sc, &fresh, &d, false);
	statcache_put(sc, &future, &d, false);
	statcache_put(sc, &settled, &d, false);
	statcache_put(sc, &late, &d, false);
	whole.st_mtim.tv_sec++;
	whole.st_ctim.tv_sec++;
	statcache_put(sc, &whole, &d, false);
	assert_false(statcache_get(sc, &fresh, &got, &mark));
	assert_false(statcache_get(sc, &future, &got, &mark));
	assert_false(statcache_get(sc, &whole, &got, &mark));
	assert_false(statcache_get(sc, &late, &got, &mark));
	assert_true(statcache_get(sc, &settled, &got, &mark));
	statcache_free(sc);
}

static void files_that_are_gone_do_not_stay_for_ever(void **state)
{
	struct store *s = *state;
	struct statcache *sc = open_cache(s);
	struct stat st = file(1, 60000);
	struct digest d = digest_of("x", 1), got;
	bool mark;
	for (ino_t ino = 1; ino <= 250000; ino++) {
		st.st_ino = ino;
		statcache_put(sc, &st, &d, false);
	}
	save(sc);
	sc = open_cache(s); /* looks at one, and has another: what it did not ask for stays */
	st.st_ino = 7;
	assert_true(statcache_get(sc, &st, &got, &mark));
	for (ino_t ino = 250001; ino <= 270000; ino++) {
		st.st_ino = ino;
		statcache_put(sc, &st, &d, false);
	}
	save(sc);
	sc = open_cache(s);
	st.st_ino = 1;
	assert_true(statcache_get(sc, &st, &got, &mark));
	st.st_ino = 270001;
	statcache_put(sc, &st, &d, false);
	save(sc);
	sc = open_cache(s);
	for (ino_t ino = 1; ino <= 270001; ino++) {
		st.st_ino = ino;
		assert_int_equal(statcache_get(sc, &st, &got, &mark), ino == 1 || ino == 270001);
	}
	statcache_free(sc);
}

static void a_damaged_file_counts_as_empty(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	AUTO_STRV struct strv names = STRV_INIT;
	struct statcache *sc = open_cache(s);
	struct stat st = file(1, 60000);
	struct digest d = digest_of("x", 1), got;
	bool mark;
	statcache_put(sc, &st, &d, false);
	save(sc);
	assert_int_equal(dir_list(store_fd(s), "cache/stat", &names, &err), 0);
	assert_int_equal(names.n, 1);
	AUTO_FREE char *path = xasprintf("cache/stat/%s", names.v[0]), *data = NULL;
	size_t n;
	assert_int_equal(fs_read_file(store_fd(s), path, 1 << 24, &data, &n, &err), 0);
	/* each byte of the header, and of the one entry */
	for (size_t at = 0; at < n; at++) {
		if (at >= 32 && !data[at])
			continue;
		data[at] ^= 0x55;
		assert_int_equal(fs_write_file(store_fd(s), path, data, n, 0600, false, &err), 0);
		data[at] ^= 0x55;
		sc = open_cache(s);
		if (at < 24 || at >= 32) /* the count only matters for when to shrink */
			assert_false(statcache_get(sc, &st, &got, &mark));
		statcache_free(sc);
	}
	assert_int_equal(fs_write_file(store_fd(s), path, data, n - 1, 0600, false, &err), 0);
	sc = open_cache(s);
	assert_false(statcache_get(sc, &st, &got, &mark));
	statcache_put(sc, &st, &d, false);
	save(sc);
	sc = open_cache(s);
	assert_true(statcache_get(sc, &st, &got, &mark));
	statcache_free(sc);
}

static void holds_many(void **state)
{
	struct store *s = *state;
	struct statcache *sc = open_cache(s);
	struct digest got;
	bool mark;
	struct stat st = file(0, 60000);
	for (uint64_t i = 1; i <= 20000; i++) {
		struct digest d = digest_of(&i, sizeof(i));
		st.st_ino = i * 3;
		statcache_put(sc, &st, &d, false);
	}
	save(sc);
	sc = open_cache(s);
	for (uint64_t i = 1; i <= 20000; i++) {
		struct digest d = digest_of(&i, sizeof(i));
		st.st_ino = i * 3;
		assert_true(statcache_get(sc, &st, &got, &mark));
		assert_true(digest_equal(&got, &d));
	}
	statcache_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(remembers_across_processes),
		STORE_TEST(any_difference_is_a_miss),
		STORE_TEST(a_file_changed_just_now_is_not_believed),
		STORE_TEST(files_that_are_gone_do_not_stay_for_ever),
		STORE_TEST(a_damaged_file_counts_as_empty),
		STORE_TEST(holds_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
