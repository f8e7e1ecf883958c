/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/base64.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "registry/credentials.h"
#include "registry/exposed.h"

/* user:password in base64 */
#define B64_HOST "aG9zdDpo" /* host:h */
#define B64_NS "bnM6bg==" /* ns:n */
#define B64_REPO "cmVwbzpy" /* repo:r */

static void user_is(const char *text, enum auth_form form, const char *host, const char *repository,
	const char *expected)
{
	AUTO_CREDENTIALS struct credentials c = {0};
	struct err err = ERR_INIT;
	int r = credentials_from_text(
		text, strlen(text), "auth.json", form, host, repository, &c, &err);
	if (!expected) {
		assert_true(r < 0);
		return;
	}
	if (r < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(c.user ? c.user : c.identity_token, expected);
}

static void the_most_specific_key_wins(void **state)
{
	static const char text[] =
		"{\"auths\":{\"r.io\":{\"auth\":\"" B64_HOST "\"},\"r.io/ns\":{\"auth\":\"" B64_NS
		"\"},\"r.io/ns/x\":{\"auth\":\"" B64_REPO "\"}}}";
	(void)state;
	user_is(text, AUTH_FORM_CONTAINERS, "r.io", "ns/x", "repo");
	user_is(text, AUTH_FORM_CONTAINERS, "r.io", "ns/y", "ns");
	user_is(text, AUTH_FORM_CONTAINERS, "r.io", "nsx/y", "host");
	user_is(text, AUTH_FORM_CONTAINERS, "r.io", NULL, "host");
	user_is(text, AUTH_FORM_CONTAINERS, "r.io:443", "ns/x", NULL);
	user_is(text, AUTH_FORM_CONTAINERS, "evil.r.io", "ns/x", NULL);
}

static void reads_dockers_keys(void **state)
{
	static const char text[] =
		"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"" B64_HOST
		"\"},\"https://q.io/v2/\":{\"auth\":\"" B64_NS "\"}}}";
	(void)state;
	user_is(text, AUTH_FORM_DOCKER, "docker.io", "library/busybox", "host");
	user_is(text, AUTH_FORM_DOCKER, "q.io", "x", "ns");
	/* of whatever file: it may be named as --authfile */
	user_is(text, AUTH_FORM_CONTAINERS, "docker.io", "library/busybox", "host");
	user_is(text, AUTH_FORM_CONTAINERS, "q.io", "x", "ns");
	/* the older file is the list alone */
	user_is("{\"https://q.io/v1/\":{\"auth\":\"" B64_NS "\",\"email\":\"a@b\"}}",
		AUTH_FORM_DOCKERCFG, "q.io", "x", "ns");
	user_is(text, AUTH_FORM_DOCKERCFG, "q.io", "x", NULL);
}

static void reads_identity_tokens(void **state)
{
	(void)state;
	user_is("{\"auths\":{\"r.io\":{\"identitytoken\":\"tok\"}}}", AUTH_FORM_CONTAINERS, "r.io",
		"x", "tok");
}

static void refuses_bad_entries(void **state)
{
	(void)state;
	user_is("{\"auths\":{\"r.io\":{\"auth\":\"%%%\"}}}", AUTH_FORM_CONTAINERS, "r.io", "x",
		NULL);
	user_is("{\"auths\":{\"r.io\":{\"auth\":\"OnB3\"}}}", AUTH_FORM_CONTAINERS, "r.io", "x",
		NULL);
	user_is("{\"auths\":{\"r.io\":{}}}", AUTH_FORM_CONTAINERS, "r.io", "x", NULL);
	user_is("{\"auths\":[]}", AUTH_FORM_CONTAINERS, "r.io", "x", NULL);
	user_is("[]", AUTH_FORM_CONTAINERS, "r.io", "x", NULL);
}

/* cve: CVE-2021-41092 */
static void a_missing_or_ill_named_helper_is_an_error_and_not_nobody(void **state)
{
	static const char *const names[] = {"is-not-installed", "../../tmp/x", "-x", "A", ""};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_FREE char *text =
			xasprintf("{\"credHelpers\":{\"r.io\":\"%s\"},\"auths\":{}}", names[i]);
		struct credentials c = {0};
		struct err err = ERR_INIT;
		int r = credentials_from_text(text, strlen(text), "auth.json", AUTH_FORM_CONTAINERS,
			"r.io", "x", &c, &err);
		/* an empty name is no helper at all */
		assert_int_equal(r, !*names[i] ? ERR_NOT_FOUND : i == 0 ? ERR_AUTH : ERR_INVALID);
	}
}

static void what_is_of_another_kind_is_an_error_and_not_nobody(void **state)
{
	static const char *const bad[] = {"{\"credsStore\":5}", "{\"credHelpers\":{\"r.io\":5}}",
		"{\"auths\":{\"r.io\":\"x\"}}", "{\"auths\":{\"other\":[]}}"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct credentials c = {0};
		struct err err = ERR_INIT;
		assert_int_equal(credentials_from_text(bad[i], strlen(bad[i]), "auth.json",
					 AUTH_FORM_CONTAINERS, "r.io", "x", &c, &err),
			ERR_INVALID);
	}
	user_is("{\"auths\":{\"r.io\":null},\"credsStore\":null}", AUTH_FORM_CONTAINERS, "r.io",
		"x", NULL);
}

static void base64_goes_both_ways(void **state)
{
	static const char *const pairs[][2] = {
		{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Z===", "Zg==Zg==", "Zm9v\n", "Zm 9"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		AUTO_FREE char *to = base64_encode(pairs[i][0], strlen(pairs[i][0]));
		unsigned long n;
		AUTO_FREE char *from = base64_decode(pairs[i][1], &n);
		assert_string_equal(to, pairs[i][1]);
		assert_non_null(from);
		assert_string_equal(from, pairs[i][0]);
		assert_int_equal(n, strlen(pairs[i][0]));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		unsigned long n;
		AUTO_FREE char *from = base64_decode(bad[i], &n);
		if (from)
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void what_is_stored_is_found_and_removed_and_the_rest_survives(void **state)
{
	char dir[] = "/tmp/mica-credentials-XXXXXX";
	struct err err = ERR_INIT;
	struct stat st;
	(void)state;
	assert_non_null(mkdtemp(dir));
	AUTO_FREE char *file = xasprintf("%s/sub/auth.json", dir);
	AUTO_FREE char *from = NULL, *again = NULL;
	const struct credential_places in_file = {.authfile = file};
	struct credentials in = {.user = xstrdup("me"), .password = xstrdup("a:b")};
	AUTO_CREDENTIALS struct credentials out = {0};
	assert_int_equal(credentials_store(&in_file, "r.io", &in, NULL, &err), 0);
	assert_int_equal(credentials_store(&in_file, "q.io/ns", &in, NULL, &err), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(credentials_find(&in_file, "r.io", "x", NULL, &out, &from, &err), 0);
	assert_string_equal(out.user, "me");
	assert_string_equal(out.password, "a:b");
	credentials_done(&out);
	/* a link to the file stays one */
	AUTO_FREE char *link = xasprintf("%s/link", dir);
	const struct credential_places in_link = {.authfile = link};
	assert_int_equal(symlink("sub/auth.json", link), 0);
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(credentials_store(&in_link, "s.io", &in, NULL, &err), 0);
	credentials_done(&in);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(file, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(credentials_remove(&in_link, "s.io", &err), 0);
	assert_int_equal(credentials_remove(&in_file, "r.io", &err), 0);
	assert_int_equal(credentials_remove(&in_file, "r.io", &err), ERR_NOT_FOUND);
	assert_int_equal(
		credentials_find(&in_file, "r.io", "x", NULL, &out, &again, &err), ERR_NOT_FOUND);
	assert_int_equal(credentials_find(&in_file, "q.io", "ns/x", NULL, &out, &again, &err), 0);
	assert_string_equal(again, from);
	assert_int_equal(fs_remove_tree(AT_FDCWD, dir, &err), 0);
}

static void dockers_file_has_its_names_and_no_helpers_of_ours(void **state)
{
	char dir[] = "/tmp/mica-docker-XXXXXX";
	struct err err = ERR_INIT;
	AUTO_STRV struct strv helpers = STRV_INIT;
	(void)state;
	assert_non_null(mkdtemp(dir));
	AUTO_FREE char *file = xasprintf("%s/config.json", dir);
	AUTO_FREE char *text = NULL, *from = NULL;
	size_t n;
	strv_add(&helpers, "is-not-installed");
	const struct credential_places docker = {
		.authfile = file, .docker = true, .helpers = &helpers};
	struct credentials in = {.user = xstrdup("me"), .password = xstrdup("a")};
	AUTO_CREDENTIALS struct credentials out = {0};
	assert_int_equal(credentials_store(&docker, "docker.io", &in, NULL, &err), 0);
	assert_int_equal(fs_read_file(AT_FDCWD, file, 4096, &text, &n, &err), 0);
	assert_non_null(strstr(text, "\"https://index.docker.io/v1/\""));
	/* there they would be those of all of q.io */
	assert_int_equal(credentials_store(&docker, "q.io/ns", &in, NULL, &err), ERR_UNSUPPORTED);
	credentials_done(&in);
	const struct credential_places ours = {.authfile = file};
	assert_int_equal(credentials_find(&ours, "docker.io", "x", NULL, &out, &from, &err), 0);
	assert_int_equal(credentials_remove(&docker, "docker.io", &err), 0);
	assert_int_equal(credentials_remove(&docker, "docker.io", &err), ERR_NOT_FOUND);
	assert_int_equal(fs_remove_tree(AT_FDCWD, dir, &err), 0);
}

static void what_others_can_read_is_exposed(void **state)
{
	static const struct {
		mode_t dir, file;
		bool exposed;
	} cases[] = {{0755, 0644, true}, {0755, 0640, true}, {0755, 0604, true},
		{0755, 0600, false}, {0700, 0666, false}, {0750, 0604, false}, {0750, 0644, true},
		{0711, 0640, true}};
	char dir[] = "/tmp/mica-exposed-XXXXXX";
	(void)state;
	assert_non_null(mkdtemp(dir));
	AUTO_FREE char *path = xasprintf("%s/auth.json", dir);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(chmod(dir, cases[i].dir), 0);
		assert_int_equal(fchmod(fd, cases[i].file), 0);
		assert_int_equal(file_is_exposed(path), cases[i].exposed);
	}
	assert_int_equal(unlink(path), 0);
	assert_false(file_is_exposed(path));
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_key_wins),
		cmocka_unit_test(reads_dockers_keys),
		cmocka_unit_test(reads_identity_tokens),
		cmocka_unit_test(refuses_bad_entries),
		cmocka_unit_test(a_missing_or_ill_named_helper_is_an_error_and_not_nobody),
		cmocka_unit_test(what_is_of_another_kind_is_an_error_and_not_nobody),
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(what_is_stored_is_found_and_removed_and_the_rest_survives),
		cmocka_unit_test(dockers_file_has_its_names_and_no_helpers_of_ours),
		cmocka_unit_test(what_others_can_read_is_exposed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
