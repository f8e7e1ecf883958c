/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/unit.h"

#include "image/chain_id.h"

static void follows_the_specification(void **state)
{
	(void)state;
	struct digest d[3] = {digest_of("a", 1), digest_of("b", 1), digest_of("c", 1)}, chain[3];
	char buf[DIGEST_STR_MAX], other[DIGEST_STR_MAX], text[2 * DIGEST_STR_MAX];
	for (size_t i = 0; i < 3; i++)
		chain[i] = chain_id(d, i + 1);
	assert_true(digest_equal(&chain[0], &d[0]));
	(void)snprintf(
		text, sizeof(text), "%s %s", digest_str(&d[0], buf), digest_str(&d[1], other));
	struct digest want = digest_of(text, strlen(text));
	assert_true(digest_equal(&chain[1], &want));
	(void)snprintf(
		text, sizeof(text), "%s %s", digest_str(&chain[1], buf), digest_str(&d[2], other));
	want = digest_of(text, strlen(text));
	assert_true(digest_equal(&chain[2], &want));
	struct digest none = chain_id(d, 0);
	assert_true(digest_is_zero(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_specification),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
