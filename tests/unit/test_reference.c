/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void expect(const char *text, const char *want)
{
	struct err err = ERR_INIT;
	AUTO_REFERENCE struct reference r = {0};
	if (reference_parse(text, &r, &err) < 0)
		fail_msg("'%s': %s", text, err.msg);
	AUTO_FREE char *got = reference_str(&r);
	assert_string_equal(got, want);
}

static void expect_local(const char *text, const char *want)
{
	struct err err = ERR_INIT;
	AUTO_REFERENCE struct reference r = {0};
	assert_int_equal(reference_parse_local(text, &r, &err), 0);
	AUTO_FREE char *got = reference_str(&r);
	assert_string_equal(got, want);
}

static void refuse(const char *text, const char *why)
{
	struct err err = ERR_INIT;
	struct reference r;
	if (reference_parse(text, &r, &err) == 0)
		fail_msg("'%s' was accepted", text);
	assert_int_equal(err.code, ERR_INVALID);
	if (!strstr(err.msg, why))
		fail_msg("'%s': \"%s\" does not say \"%s\"", text, err.msg, why);
}

static void short_names_are_of_docker_hub(void **state)
{
	(void)state;
	expect("busybox", "docker.io/library/busybox");
	expect("busybox:1.36", "docker.io/library/busybox:1.36");
	expect("team/app", "docker.io/team/app");
	expect("docker.io/busybox", "docker.io/library/busybox");
	expect("index.docker.io/busybox", "docker.io/library/busybox");
	expect("sha256:abc", "docker.io/library/sha256:abc");
}

static void a_first_part_like_a_host_is_the_registry(void **state)
{
	(void)state;
	expect("localhost/x", "localhost/x");
	expect("localhost:5000/x:1", "localhost:5000/x:1");
	expect("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c");
	expect("[::1]:5000/x", "[::1]:5000/x");
	expect("[2001:db8::1]/x:t", "[2001:db8::1]/x:t");
	expect("quay.io/a/b", "quay.io/a/b");
	expect("Registry/x", "Registry/x"); /* upper case can only be a host */
	expect("xn--n3h.example/x", "xn--n3h.example/x");
}

static void tags_and_digests_are_kept(void **state)
{
	(void)state;
	expect("a@sha256:" HEX, "docker.io/library/a@sha256:" HEX);
	expect("a:t@sha256:" HEX, "docker.io/library/a:t@sha256:" HEX);
	expect("a:_T.1-x", "docker.io/library/a:_T.1-x");
	expect("a/b--c_d__e.f", "docker.io/a/b--c_d__e.f");
}

static void things_built_here_are_of_localhost(void **state)
{
	(void)state;
	expect_local("app", "localhost/app:latest");
	expect_local("library/app", "localhost/library/app:latest");
	expect_local("team/app:1", "localhost/team/app:1");
	expect_local("quay.io/team/app", "quay.io/team/app:latest");
	expect_local("app@sha256:" HEX, "localhost/app@sha256:" HEX);
}

static void the_default_tag_is_for_bare_names_only(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_REFERENCE struct reference r = {0};
	assert_int_equal(reference_parse("a", &r, &err), 0);
	assert_true(r.was_short);
	reference_default_tag(&r);
	assert_string_equal(r.tag, "latest");
	reference_done(&r);
	assert_int_equal(reference_parse("quay.io/a@sha256:" HEX, &r, &err), 0);
	assert_false(r.was_short);
	reference_default_tag(&r);
	assert_null(r.tag);
	AUTO_FREE char *name = reference_name(&r);
	assert_string_equal(name, "quay.io/a");
}

static void refusals_say_what_is_wrong(void **state)
{
	(void)state;
	refuse("", "empty");
	refuse("Busybox", "lowercase");
	refuse("quay.io/Team/app", "lowercase");
	refuse("team/App", "lowercase");
	refuse("FOO_BAR/app", "lowercase");
	refuse("a b", "blanks");
	refuse("a\nb", "blanks");
	refuse("a\x7f", "control");
	refuse("b\xc3\xbc"
	       "cher",
		"non-ASCII");
	refuse("-a", "'-a'");
	refuse("a..b", "'a..b'");
	refuse("../a", "..");
	refuse("a/../b", "'..'");
	refuse("a//b", "empty part");
	refuse("a/", "empty part");
	refuse("/a", "empty part");
	refuse("a___b", "'a___b'");
	refuse("a._b", "'a._b'");
	refuse("a-", "'a-'");
	refuse("a:", "empty tag");
	refuse("a:-x", "invalid tag '-x'");
	refuse("a:x..y", "'..' in the tag");
	refuse("a:x/y:z$", "tag");
	refuse("localhost:99999/x", "invalid registry");
	refuse("localhost:/x", "invalid registry");
	refuse("-host.io/x", "invalid registry");
	refuse("ho..st/x", "invalid registry");
	refuse("[::1/x", "invalid registry");
	refuse("a@sha256:abc", "'a@sha256:abc'");
	refuse("a@", "'a@'");
	refuse(":tag", "no repository");
	refuse("@sha256:" HEX, "no repository");
	refuse(HEX, "image ID");
}

static void lengths_are_limited(void **state)
{
	(void)state;
	char name[300], text[700];
	memset(name, 'a', sizeof(name));
	name[244] = '\0'; /* docker.io/ + 245 is 255 with a '/' in it */
	(void)snprintf(text, sizeof(text), "quay.io/%.240s", name);
	struct err err = ERR_INIT;
	struct reference r;
	assert_int_equal(reference_parse(text, &r, &err), 0);
	reference_done(&r);
	(void)snprintf(text, sizeof(text), "quay.io/aaaa/%s", name);
	refuse(text, "longer than 255");
	(void)snprintf(text, sizeof(text), "a:%.129s", name);
	refuse(text, "longer than 128");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_names_are_of_docker_hub),
		cmocka_unit_test(a_first_part_like_a_host_is_the_registry),
		cmocka_unit_test(tags_and_digests_are_kept),
		cmocka_unit_test(things_built_here_are_of_localhost),
		cmocka_unit_test(the_default_tag_is_for_bare_names_only),
		cmocka_unit_test(refusals_say_what_is_wrong),
		cmocka_unit_test(lengths_are_limited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
