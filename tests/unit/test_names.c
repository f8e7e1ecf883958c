/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/names.h"
#include "store/store.h"
#include "tests/unit/store_fixture.h"

static struct descriptor manifest(const char *text)
{
	return (struct descriptor){.media_type = xstrdup(MT_OCI_MANIFEST),
		.digest = digest_of(text, strlen(text)),
		.size = strlen(text)};
}

static void set(struct store *s, const char *ref, const char *text)
{
	struct err err = ERR_INIT;
	struct descriptor d = manifest(text);
	assert_int_equal(names_set(s, &ref, ref ? 1 : 0, &d, &err), 0);
	descriptor_done(&d);
}

/* "ref=first byte of digest" for each line, joined by blanks */
static char *listing(struct store *s)
{
	struct err err = ERR_INIT;
	struct names n;
	AUTO_STRV struct strv v = STRV_INIT;
	assert_int_equal(names_list(s, &n, &err), 0);
	for (size_t i = 0; i < n.count; i++) {
		char buf[DIGEST_STR_MAX];
		strv_addf(&v, "%s=%.4s", n.n[i].ref ? n.n[i].ref : "-",
			digest_hex(&n.n[i].manifest.digest, buf));
	}
	names_done(&n);
	return strv_join(&v, " ");
}

#define A "ca97" /* sha256("a") = ca978112..., "b" = 3e23..., "c" = 2e7d... */
#define B "3e23"
#define C "2e7d"

static void expect(struct store *s, const char *want)
{
	AUTO_FREE char *got = listing(s);
	assert_string_equal(got, want);
}

static void a_name_points_to_what_was_set_last(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct descriptor d;
	set(s, "localhost/x:1", "a");
	set(s, "localhost/y:1", "b");
	expect(s, "localhost/x:1=" A " localhost/y:1=" B);
	assert_int_equal(name_get(s, "localhost/y:1", &d, &err), 0);
	assert_string_equal(d.media_type, MT_OCI_MANIFEST);
	assert_int_equal(d.size, 1);
	descriptor_done(&d);
	assert_int_equal(name_get(s, "localhost/y", &d, &err), ERR_NOT_FOUND);
}

static void an_image_that_loses_its_last_name_stays_without_one(void **state)
{
	struct store *s = *state;
	set(s, "localhost/x:1", "a");
	set(s, "localhost/x:1", "b");
	expect(s, "localhost/x:1=" B " -=" A);
	/* named again, the line without a name goes */
	set(s, "localhost/z:1", "a");
	expect(s, "localhost/x:1=" B " localhost/z:1=" A);
}

static void an_image_with_another_name_leaves_no_unnamed_line(void **state)
{
	struct store *s = *state;
	set(s, "localhost/x:1", "a");
	set(s, "localhost/x:2", "a");
	set(s, "localhost/x:1", "b");
	expect(s, "localhost/x:1=" B " localhost/x:2=" A);
}

static void without_references_the_manifest_is_kept_once(void **state)
{
	struct store *s = *state;
	set(s, NULL, "a");
	set(s, NULL, "a");
	expect(s, "-=" A);
	set(s, "localhost/x:1", "b");
	set(s, NULL, "b");
	expect(s, "-=" A " localhost/x:1=" B);
}

static void setting_the_same_again_writes_nothing(void **state)
{
	struct store *s = *state;
	struct stat before, after;
	set(s, "localhost/x:1", "a");
	assert_int_equal(fstatat(store_fd(s), "index.json", &before, 0), 0);
	set(s, "localhost/x:1", "a");
	assert_int_equal(fstatat(store_fd(s), "index.json", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void removing_keeps_or_forgets(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	set(s, "localhost/x:1", "a");
	set(s, "localhost/y:1", "b");
	assert_int_equal(name_remove(s, "localhost/x:1", true, &err), 0);
	expect(s, "localhost/y:1=" B " -=" A);
	assert_int_equal(name_remove(s, "localhost/y:1", false, &err), 0);
	expect(s, "-=" A);
	assert_int_equal(name_remove(s, "localhost/y:1", false, &err), ERR_NOT_FOUND);
}

static void a_manifest_is_forgotten_under_all_its_names(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	AUTO_STRV struct strv removed = STRV_INIT;
	set(s, "localhost/x:1", "a");
	set(s, "localhost/y:1", "b");
	set(s, "localhost/x:2", "a");
	struct digest d = digest_of("a", 1);
	assert_int_equal(names_remove_manifest(s, &d, &removed, &err), 0);
	expect(s, "localhost/y:1=" B);
	assert_int_equal(removed.n, 2);
	assert_string_equal(removed.v[1], "localhost/x:2");
}

static void what_another_tool_wrote_survives(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	static const char foreign[] =
		"{ \"schemaVersion\": 2,\n  \"manifests\": [ { \"mediaType\": \"" MT_OCI_MANIFEST
		"\",\n"
		"\"digest\": "
		"\"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\", "
		"\"size\": 1,\n"
		"\"annotations\": {\"" ANNOTATION_REF_NAME
		"\": \"localhost/x:1\", \"org.example\": \"kept\"} } ],\n"
		"\"annotations\": {\"top\": \"too\"} }\n";
	assert_int_equal(fs_write_file(store_fd(s), "index.json", foreign, strlen(foreign), 0644,
				 false, &err),
		0);
	expect(s, "localhost/x:1=" A);
	set(s, "localhost/y:1", "b");
	expect(s, "localhost/x:1=" A " localhost/y:1=" B);
	AUTO_FREE char *text = NULL;
	assert_int_equal(fs_read_file(store_fd(s), "index.json", 1 << 20, &text, NULL, &err), 0);
	assert_non_null(strstr(text, "\"org.example\":\"kept\""));
	assert_non_null(strstr(text, "\"annotations\":{\"top\":\"too\"}}"));
	/* and again, in our own form now */
	set(s, "localhost/z:1", "c");
	expect(s, "localhost/x:1=" A " localhost/y:1=" B " localhost/z:1=" C);
}

static void a_damaged_index_is_an_error_and_stays_as_it_is(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct descriptor d = manifest("a");
	const char *ref = "localhost/x:1";
	assert_int_equal(
		fs_write_file(store_fd(s), "index.json", "{\"manifests\":[", 14, 0644, false, &err),
		0);
	assert_int_equal(names_set(s, &ref, 1, &d, &err), ERR_INVALID);
	descriptor_done(&d);
	AUTO_FREE char *text = NULL;
	assert_int_equal(fs_read_file(store_fd(s), "index.json", 1 << 20, &text, NULL, &err), 0);
	assert_string_equal(text, "{\"manifests\":[");
}

static void ten_thousand_names_are_cheap(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	AUTO_STRV struct strv refs = STRV_INIT;
	for (unsigned i = 0; i < 10000; i++)
		strv_addf(&refs, "registry.example.com:5000/team/project-%u/image:v1.2.%u", i / 10,
			i);
	struct descriptor d = manifest("a");
	/* one call, then single ones; the time is what hangs a test when a lookup parses all */
	for (size_t i = 0; i < refs.n; i += 2500)
		assert_int_equal(
			names_set(s, (const char *const *)(const void *)&refs.v[i], 3, &d, &err),
			0);
	descriptor_done(&d);
	expect(s, "registry.example.com:5000/team/project-0/image:v1.2.0=" A
		  " registry.example.com:5000/team/project-0/image:v1.2.1=" A
		  " registry.example.com:5000/team/project-0/image:v1.2.2=" A
		  " registry.example.com:5000/team/project-250/image:v1.2.2500=" A
		  " registry.example.com:5000/team/project-250/image:v1.2.2501=" A
		  " registry.example.com:5000/team/project-250/image:v1.2.2502=" A
		  " registry.example.com:5000/team/project-500/image:v1.2.5000=" A
		  " registry.example.com:5000/team/project-500/image:v1.2.5001=" A
		  " registry.example.com:5000/team/project-500/image:v1.2.5002=" A
		  " registry.example.com:5000/team/project-750/image:v1.2.7500=" A
		  " registry.example.com:5000/team/project-750/image:v1.2.7501=" A
		  " registry.example.com:5000/team/project-750/image:v1.2.7502=" A);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_name_points_to_what_was_set_last),
		STORE_TEST(an_image_that_loses_its_last_name_stays_without_one),
		STORE_TEST(an_image_with_another_name_leaves_no_unnamed_line),
		STORE_TEST(without_references_the_manifest_is_kept_once),
		STORE_TEST(setting_the_same_again_writes_nothing),
		STORE_TEST(removing_keeps_or_forgets),
		STORE_TEST(a_manifest_is_forgotten_under_all_its_names),
		STORE_TEST(what_another_tool_wrote_survives),
		STORE_TEST(a_damaged_index_is_an_error_and_stays_as_it_is),
		STORE_TEST(ten_thousand_names_are_cheap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
