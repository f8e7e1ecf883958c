/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/unit/unit.h"

#include "base/mem.h"
#include "registry/proxy.h"

#define HERE "localhost,127.0.0.0/8,::1"

static void becomes(const char *no_proxy, const char *expected)
{
	AUTO_FREE char *text = proxy_exceptions(no_proxy);
	assert_string_equal(text, expected);
}

static void this_machine_is_asked_directly(void **state)
{
	(void)state;
	becomes(NULL, HERE);
	becomes("", HERE);
	becomes(" , ,", HERE);
}

static void names_subdomains_and_networks_are_kept(void **state)
{
	(void)state;
	becomes("a.example,.b.example *.c.example", HERE ",a.example,.b.example,.c.example");
	becomes("10.0.0.0/8, fd00::/8,192.168.1.2", HERE ",10.0.0.0/8,fd00::/8,192.168.1.2");
	becomes("a.example,*", "*");
}

static void ports_are_taken_off(void **state)
{
	(void)state;
	becomes("a.example:5000,[fd00::1]:5000,fd00::2", HERE ",a.example,[fd00::1],fd00::2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_machine_is_asked_directly),
		cmocka_unit_test(names_subdomains_and_networks_are_kept),
		cmocka_unit_test(ports_are_taken_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
