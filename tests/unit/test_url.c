/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "registry/url.h"

static void resolves_to(const char *base, const char *location, const char *expected)
{
	struct err err = ERR_INIT;
	AUTO_URL struct url b = {0}, u = {0};
	assert_int_equal(url_parse(base, &b, &err), 0);
	if (url_resolve(&b, location, &u, &err) < 0)
		fail_msg("%s", err.msg);
	AUTO_FREE char *s = url_str(&u);
	assert_string_equal(s, expected);
}

static void refuses(const char *text)
{
	struct err err = ERR_INIT;
	struct url u = {0};
	if (url_parse(text, &u, &err) == 0)
		fail_msg("'%s' was taken", text);
}

static void splits_and_joins(void **state)
{
	(void)state;
	resolves_to("https://Example.COM", "", "https://example.com/");
	resolves_to("http://h:5000/v2/?x=1#f", "", "http://h:5000/v2/?x=1");
	resolves_to("https://h:443/a", "/b", "https://h/b");
	resolves_to("https://[::1]:5000/a", "/b", "https://[::1]:5000/b");
}

static void resolves_locations(void **state)
{
	(void)state;
	const char *base = "https://r.io/v2/x/blobs/uploads/?a=b";
	resolves_to(base, "/v2/x/blobs/uploads/1?s=t", "https://r.io/v2/x/blobs/uploads/1?s=t");
	resolves_to(base, "1?s=t", "https://r.io/v2/x/blobs/uploads/1?s=t");
	resolves_to(base, "?s=t", "https://r.io/v2/x/blobs/uploads/?s=t");
	resolves_to(base, "//cdn.io/y", "https://cdn.io/y");
	resolves_to(base, "http://cdn.io:80/y#z", "http://cdn.io/y");
}

static void refuses_what_may_not_be_followed(void **state)
{
	static const char *const bad[] = {"file:///etc/passwd", "ftp://h/", "h/path",
		"https://user:pw@h/", "https://", "https:///x", "https://h:0/", "https://h:65536/",
		"https://h:x/", "https://-h/", "https://a..b/", "https://h/a b",
		"https://h/\r\nX: y", "https://h\\@e/", "https://[::1/", "https://[1.2.3.4]/",
		"https://[fe80::1%25eth0]/"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuses(bad[i]);
}

static void compares_origins(void **state)
{
	static const char *const other[] = {
		"http://r.io/", "https://r.io:444/", "https://s.r.io/", "https://r.io.evil/"};
	struct err err = ERR_INIT;
	AUTO_URL struct url a = {0}, same = {0}, no_port = {0};
	(void)state;
	assert_int_equal(url_parse("https://r.io/x", &a, &err), 0);
	assert_int_equal(url_parse("https://R.io:443/y", &same, &err), 0);
	assert_true(url_same_origin(&a, &same));
	assert_int_equal(url_parse("https://r.io:/y", &no_port, &err), 0);
	assert_true(url_same_origin(&a, &no_port));
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		AUTO_URL struct url b = {0};
		assert_int_equal(url_parse(other[i], &b, &err), 0);
		assert_false(url_same_origin(&a, &b));
	}
}

static void knows_this_machine(void **state)
{
	static const char *const local[] = {"localhost", "LOCALHOST", "a.localhost", "127.0.0.1",
		"127.9.9.9", "127.1", "0x7f.1", "0", "169.254.169.254", "::1", "::", "fe80::1",
		"::ffff:127.0.0.1", "::ffff:169.254.169.254"};
	static const char *const remote[] = {
		"r.io", "10.0.0.1", "128.0.0.1", "2001:db8::1", "localhost.io", "127.0.0.1.nip.io"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		if (!url_host_is_local(local[i]))
			fail_msg("%s", local[i]);
	for (size_t i = 0; i < ARRAY_LEN(remote); i++)
		if (url_host_is_local(remote[i]))
			fail_msg("%s", remote[i]);
}

static void tells_owners_apart(void **state)
{
	(void)state;
	assert_true(url_same_owner("registry-1.docker.io", "auth.docker.io"));
	assert_true(url_same_owner("registry.gitlab.com", "gitlab.com"));
	assert_true(url_same_owner("localhost", "localhost"));
	assert_true(url_same_owner("registry.firm.co.uk", "login.firm.co.uk"));
	assert_true(url_same_owner("x.azurecr.io", "x.azurecr.io"));
	assert_true(url_same_owner("registry.hub.docker.com", "auth.docker.io"));
	assert_true(url_same_owner("rg.fr-par.scw.cloud", "api.scaleway.com"));
	assert_false(url_same_owner("rg.fr-par.scw.cloud", "evil.scaleway.com"));
	assert_false(url_same_owner("evil-scw.cloud", "api.scaleway.com"));
	assert_false(url_same_owner("r.io", "evil.io"));
	assert_false(url_same_owner("docker.io", "docker.io.evil.com"));
	assert_false(url_same_owner("docker.io", "notdocker.io"));
	assert_false(url_same_owner("a.co.uk", "b.co.uk"));
	assert_false(url_same_owner("x.azurecr.io", "y.azurecr.io"));
	assert_false(url_same_owner("10.0.0.1", "11.0.0.1"));
	assert_false(url_same_owner("com", "com."));
}

static void takes_who_logs_in_out_of_it(void **state)
{
	(void)state;
	static const struct {
		const char *text, *url, *user;
	} cases[] = {
		{"https://me:pw@host/x", "https://host/x", "me:pw"},
		{"https://token@host:80/x?y@z", "https://host:80/x?y@z", "token:"},
		{"http://m%40e:p%3aw%2@q@host#a@b", "http://host#a@b", "m@e:p:w%2@q"},
		{"https://:@host/", "https://host/", ":"},
		{"https://host/@x", "https://host/@x", NULL},
		{"me@host:x", "me@host:x", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		AUTO_FREE char *url = NULL, *user = NULL;
		assert_int_equal(url_split_user(cases[i].text, &url, &user, &err), 0);
		assert_string_equal(url, cases[i].url);
		assert_true(streq_null(user, cases[i].user));
	}
	static const char *const bad[] = {
		"https://a%0ab:c@host/", "https://a:%00@host/", "https://a:b%0d%0ac@host/"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;
		AUTO_FREE char *url = NULL, *user = NULL;
		assert_int_equal(url_split_user(bad[i], &url, &user, &err), ERR_INVALID);
	}
	AUTO_FREE char *basic = url_basic("me:pw");
	assert_string_equal(basic, "Basic bWU6cHc=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_and_joins),
		cmocka_unit_test(resolves_locations),
		cmocka_unit_test(refuses_what_may_not_be_followed),
		cmocka_unit_test(compares_origins),
		cmocka_unit_test(knows_this_machine),
		cmocka_unit_test(tells_owners_apart),
		cmocka_unit_test(takes_who_logs_in_out_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
