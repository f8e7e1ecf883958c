/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/strv.h"
#include "run/caps.h"

#include <linux/capability.h>

#define BIT(n) (1ULL << (n))
#define DEFAULT_SET 0xa80425fbULL /* as docker has it */

static uint64_t resolve(const char *add, const char *drop)
{
	AUTO_STRV struct strv a = STRV_INIT;
	AUTO_STRV struct strv d = STRV_INIT;
	struct err err = ERR_INIT;
	uint64_t set = 0;
	if (add)
		strv_split(&a, add, ',');
	if (drop)
		strv_split(&d, drop, ',');
	assert_int_equal(caps_resolve(&a, &d, &set, &err), 0);
	return set;
}

static void starts_from_dockers_set(void **state)
{
	(void)state;
	assert_int_equal(resolve(NULL, NULL), DEFAULT_SET);
}

static void adds_and_drops_by_any_spelling(void **state)
{
	(void)state;
	assert_int_equal(resolve("CAP_SYS_ADMIN", NULL), DEFAULT_SET | BIT(CAP_SYS_ADMIN));
	assert_int_equal(resolve("net_admin,Cap_Sys_Ptrace", NULL),
		DEFAULT_SET | BIT(CAP_NET_ADMIN) | BIT(CAP_SYS_PTRACE));
	assert_int_equal(resolve(NULL, "mknod"), DEFAULT_SET & ~BIT(CAP_MKNOD));
	assert_int_equal(resolve(NULL, "all"), 0);
	assert_int_equal(resolve("chown", "ALL"), BIT(CAP_CHOWN));
	assert_true((resolve("all", NULL) & DEFAULT_SET) == DEFAULT_SET);
	assert_int_equal(resolve("all", "sys_admin") & BIT(CAP_SYS_ADMIN), 0);
}

static void refuses_unknown_names(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "cap_", "sys_admin,", "21", "cap_21", "fly", "sys admin"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_STRV struct strv add = STRV_INIT;
		const struct strv none = STRV_INIT;
		struct err err = ERR_INIT;
		uint64_t set;
		strv_add(&add, bad[i]);
		assert_int_equal(caps_resolve(&add, &none, &set, &err), ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_from_dockers_set),
		cmocka_unit_test(adds_and_drops_by_any_spelling),
		cmocka_unit_test(refuses_unknown_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
