/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/mem.h"
#include "base/strv.h"
#include "build/cache.h"

static struct digest of_two(const char *a, const char *b)
{
	struct key k;
	key_init(&k, "test");
	key_str(&k, a);
	key_str(&k, b);
	return key_final(&k);
}

static void parts_do_not_run_into_each_other(void **state)
{
	(void)state;
	struct digest a = of_two("ab", "c"), b = of_two("a", "bc"), c = of_two("ab", "c");
	assert_false(digest_equal(&a, &b));
	assert_true(digest_equal(&a, &c));
}

static void nothing_differs_from_the_empty_string(void **state)
{
	(void)state;
	struct digest a = of_two("", NULL), b = of_two(NULL, ""), c = of_two("", "");
	assert_false(digest_equal(&a, &b));
	assert_false(digest_equal(&a, &c));
}

static void kinds_of_steps_differ(void **state)
{
	(void)state;
	struct key a, b;
	key_init(&a, "run");
	key_init(&b, "copy");
	struct digest x = key_final(&a), y = key_final(&b);
	assert_false(digest_equal(&x, &y));
}

static void large_parts_hash_as_their_bytes(void **state)
{
	(void)state;
	AUTO_FREE char *big = xmalloc(5000);
	memset(big, 'x', 5000);
	struct digest d[2];
	for (int i = 0; i < 2; i++) {
		struct key k;
		key_init(&k, "big");
		key_u64(&k, UINT64_MAX);
		key_bytes(&k, big, 5000);
		key_bytes(&k, big, 1020 + (size_t)i); /* around the size of the buffer */
		d[i] = key_final(&k);
	}
	assert_false(digest_equal(&d[0], &d[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_do_not_run_into_each_other),
		cmocka_unit_test(nothing_differs_from_the_empty_string),
		cmocka_unit_test(kinds_of_steps_differ),
		cmocka_unit_test(large_parts_hash_as_their_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
