/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/strv.h"
#include "cmd/conf.h"
#include "cmd/opt_groups.h"

static void add(struct conf *c, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(conf_add(c, text, strlen(text), "containers.conf", &err), 0);
}

static void refuse(const char *text, const char *message)
{
	AUTO_CONF struct conf c;
	struct err err = ERR_INIT;

	conf_init(&c);
	assert_int_equal(conf_add(&c, text, strlen(text), "containers.conf", &err), ERR_INVALID);
	if (!strstr(err.msg, message))
		fail_msg("'%s' does not say '%s'", err.msg, message);
}

static void a_later_file_wins_key_by_key(void **state)
{
	AUTO_CONF struct conf c;

	(void)state;
	conf_init(&c);
	assert_int_equal(c.retry, -1);
	add(&c, "[containers]\nnetns = \"host\"\ndns_servers = [\"1.1.1.1\"]\nno_hosts = true\n"
		"[engine]\nretry = 5\nunknown = 3\n[somewhere.else]\nx = 1\n");
	add(&c, "[containers]\nshm_size = \"1m\"\ndns_servers = [\"8.8.8.8\"]\nno_hosts = false\n");
	assert_string_equal(c.netns, "host");
	assert_string_equal(c.shm_size, "1m");
	assert_int_equal(c.dns.n, 1);
	assert_string_equal(c.dns.v[0], "8.8.8.8");
	assert_int_equal(c.no_hosts, 0);
	assert_int_equal(c.http_proxy, -1);
	assert_int_equal(c.retry, 5);
}

static void a_list_may_append(void **state)
{
	AUTO_CONF struct conf c;

	(void)state;
	conf_init(&c);
	add(&c, "[engine]\nenv = [\"A=1\"]\n");
	add(&c, "[engine]\nenv = [\"B=2\", {append = true}]\n");
	assert_int_equal(c.engine_env.n, 2);
	assert_string_equal(c.engine_env.v[1], "B=2");
	add(&c, "[engine]\nenv = [{append = false}, \"C=3\"]\n");
	assert_int_equal(c.engine_env.n, 1);
}

static void what_is_not_of_its_kind_is_refused(void **state)
{
	(void)state;
	refuse("[containers]\ndns_servers = \"1.1.1.1\"\n", "'dns_servers' is not");
	refuse("[containers]\ndns_servers = [1]\n", "'dns_servers' has an item that is no string");
	refuse("[engine]\nretry = \"3\"\n", "'retry' is not");
	refuse("[containers]\nno_hosts = 1\n", "'no_hosts' is not");
	refuse("[engine]\nretry = -1\n", "containers.conf: 'retry' is less than 0");
	refuse("containers = 1\n", "'containers' is not");
	refuse("[containers\n", "containers.conf:1");
}

static void options_win_over_the_file(void **state)
{
	AUTO_CONF struct conf c;
	struct box_args a = {0};
	AUTO_STRV struct strv volumes = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	conf_init(&c);
	add(&c, "[containers]\nnetns = \"none\"\ndns_servers = [\"1.1.1.1\"]\nshm_size = \"2k\"\n"
		"default_ulimits = [\"nofile=10:20\"]\nvolumes = [\"/a:/b\"]\n"
		"default_capabilities = [\"CHOWN\", \"KILL\"]\nseccomp_profile = \"/p\"\n");
	a.network = "host";
	strv_add(&a.dns, "9.9.9.9");
	strv_add(&a.cap_drop, "cap_kill");
	strv_add(&a.cap_add, "SYS_ADMIN");
	assert_int_equal(conf_fill_box(&c, &a, &volumes, &err), 0);
	assert_string_equal(a.network, "host");
	assert_int_equal(a.dns.n, 1);
	assert_string_equal(a.dns.v[0], "9.9.9.9");
	assert_string_equal(a.ulimits.v[0], "nofile=10:20");
	assert_int_equal(a.shm_size, 2048);
	assert_string_equal(volumes.v[0], "/a:/b");
	assert_string_equal(a.security_opts.v[0], "seccomp=/p");
	assert_string_equal(a.cap_drop.v[0], "all");
	assert_int_equal(a.cap_add.n, 2);
	assert_string_equal(a.cap_add.v[0], "SYS_ADMIN");
	assert_string_equal(a.cap_add.v[1], "CHOWN");
	opt_done(box_options, &a);
}

static void what_is_wrong_with_a_value_is_told_of_where_it_is_from(void **state)
{
	AUTO_CONF struct conf c;
	struct box_args a = {0};
	struct err err = ERR_INIT;
	(void)state;
	conf_init(&c);
	add(&c, "[containers]\ndefault_ulimits=['what=1']\ndns_servers=['x']\n");
	strv_add(&a.dns, "y");
	AUTO_STRV struct strv volumes = STRV_INIT;
	assert_int_equal(conf_fill_box(&c, &a, &volumes, &err), 0);
	assert_int_equal(err_set(&err, ERR_INVALID, "option '--ulimit': wrong"), ERR_INVALID);
	conf_blame(&c, &err);
	assert_string_equal(err.msg, "containers.conf: 'default_ulimits': wrong");
	assert_int_equal(err_set(&err, ERR_INVALID, "option '--dns': wrong"), ERR_INVALID);
	conf_blame(&c, &err);
	assert_string_equal(err.msg, "option '--dns': wrong");
	strv_done(&a.ulimits);
	strv_done(&a.dns);
}

static void an_unknown_capability_is_refused(void **state)
{
	AUTO_CONF struct conf c;
	struct box_args a = {0};
	AUTO_STRV struct strv volumes = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	conf_init(&c);
	add(&c, "[containers]\ndefault_capabilities = [\"FLY\"]\n");
	assert_int_equal(conf_fill_box(&c, &a, &volumes, &err), ERR_INVALID);
	opt_done(box_options, &a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_file_wins_key_by_key),
		cmocka_unit_test(a_list_may_append),
		cmocka_unit_test(what_is_not_of_its_kind_is_refused),
		cmocka_unit_test(options_win_over_the_file),
		cmocka_unit_test(what_is_wrong_with_a_value_is_told_of_where_it_is_from),
		cmocka_unit_test(an_unknown_capability_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
