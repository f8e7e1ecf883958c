/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "registry/gpg.h"

#define GOOD                                                                                       \
	"[GNUPG:] NEWSIG\n[GNUPG:] PLAINTEXT 62 0 x\n[GNUPG:] GOODSIG 1 a\n"                       \
	"[GNUPG:] VALIDSIG 1 2\n[GNUPG:] TRUST_FULLY\n"

static int check(const char *lines)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *text = xstrdup(lines);
	return gpg_check_status(text, &err);
}

static void one_good_signature_over_one_text_is_what_counts(void **state)
{
	static const char *const wrong[] = {"", "[GNUPG:] NEWSIG\n[GNUPG:] PLAINTEXT 62 0 x\n",
		GOOD GOOD, GOOD "[GNUPG:] PLAINTEXT 62 0 y\n", GOOD "[GNUPG:] NEWSIG\n",
		GOOD "[GNUPG:] EXPKEYSIG 1 a\n", GOOD "[GNUPG:] ERRSIG 1 2\n",
		GOOD "[GNUPG:] BEGIN_DECRYPTION\n", GOOD "gpg: [GNUPG:] TRUST_FULLY\n"};
	(void)state;
	assert_int_equal(check(GOOD), 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(check(wrong[i]), ERR_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_good_signature_over_one_text_is_what_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
