/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/proc.h"
#include "image/media_type.h"
#include "store/images.h"
#include "store/lowers.h"
#include "tests/unit/store_fixture.h"

/* What text finds: "ref hex4", or the error's code as a number. */
static char *found(struct store *s, const char *text)
{
	struct err err = ERR_INIT;
	struct descriptor d;
	AUTO_FREE char *ref = NULL;
	char hex[DIGEST_STR_MAX];
	int r = image_find(s, text, &d, &ref, &err);
	if (r < 0)
		return xasprintf("%d", r);
	digest_hex(&d.digest, hex);
	descriptor_done(&d);
	return xasprintf("%s %.6s", ref ? ref : "-", hex);
}

static void expect(struct store *s, const char *text, const char *ref, const struct descriptor *d)
{
	char hex[DIGEST_STR_MAX];
	AUTO_FREE char *got = found(s, text),
		       *want = xasprintf("%s %.6s", ref ? ref : "-", digest_hex(&d->digest, hex));
	assert_string_equal(got, want);
}

static void expect_error(struct store *s, const char *text, int code)
{
	AUTO_FREE char *got = found(s, text), *want = xasprintf("%d", code);
	assert_string_equal(got, want);
}

static void finds_by_name_local_first(void **state)
{
	struct store *s = *state;
	struct descriptor hub = fixture_image(s, "docker.io/library/app:latest", "one");
	expect(s, "app", "docker.io/library/app:latest", &hub);
	expect(s, "docker.io/app", "docker.io/library/app:latest", &hub);
	struct descriptor local = fixture_image(s, "localhost/app:latest", "two");
	expect(s, "app", "localhost/app:latest", &local);
	expect(s, "app:latest", "localhost/app:latest", &local);
	expect(s, "docker.io/library/app", "docker.io/library/app:latest", &hub);
	expect(s, "library/app", "docker.io/library/app:latest", &hub);
	expect_error(s, "app:2", ERR_NOT_FOUND);
	expect_error(s, "quay.io/app", ERR_NOT_FOUND);
	expect_error(s, "app/X", ERR_INVALID);
	descriptor_done(&hub);
	descriptor_done(&local);
}

static void finds_by_id_digest_and_prefix(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct image i;
	char hex[DIGEST_STR_MAX], id[DIGEST_STR_MAX];
	struct descriptor d = fixture_image(s, "localhost/app:1", "one");
	assert_int_equal(image_load(s, &d, NULL, &i, &err), 0);
	digest_hex(&d.digest, hex);
	digest_hex(&i.id, id);
	AUTO_FREE char *full = xasprintf("sha256:%s", id),
		       *at = xasprintf("localhost/app@sha256:%s", hex);
	AUTO_FREE char *tagged = xasprintf("localhost/app:other@sha256:%s", hex),
		       *prefix = xasprintf("%.12s", id);
	AUTO_FREE char *short_digest = xasprintf("sha256:%.8s", hex);
	expect(s, full, NULL, &d);
	expect(s, id, NULL, &d);
	expect(s, prefix, NULL, &d);
	expect(s, short_digest, NULL, &d);
	expect(s, at, "localhost/app:1", &d);
	expect(s, tagged, "localhost/app:1", &d);
	id[2] = '\0';
	expect_error(s, id, ERR_NOT_FOUND); /* two digits are no ID */
	image_done(&i);
	descriptor_done(&d);
}

static void an_ambiguous_prefix_lists_the_candidates(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	/* by birthday, two of 300 images have the same first three digits */
	char hex[300][DIGEST_STR_MAX];
	struct descriptor d, ignored;
	char *ref = NULL;
	bool met = false;
	for (size_t n = 0; n < 300 && !met; n++) {
		char layer[16];
		(void)snprintf(layer, sizeof(layer), "layer %zu", n);
		d = fixture_image(s, NULL, layer);
		assert_int_equal(names_set(s, NULL, 0, &d, &err), 0);
		digest_hex(&d.digest, hex[n]);
		descriptor_done(&d);
		for (size_t m = 0; m < n && !met; m++)
			if (memcmp(hex[m], hex[n], 3) == 0) {
				AUTO_FREE char *prefix = xasprintf("%.3s", hex[n]);
				assert_int_equal(
					image_find(s, prefix, &ignored, &ref, &err), ERR_INVALID);
				assert_non_null(strstr(err.msg, "ambiguous"));
				hex[m][16] = '\0';
				assert_non_null(strstr(err.msg, hex[m]));
				met = true;
			}
	}
	assert_true(met);
}

static struct descriptor index_of(
	struct store *s, const struct descriptor *d, size_t n, const char *const *arch)
{
	struct index ix = {0};
	for (size_t i = 0; i < n; i++) {
		struct descriptor copy;
		descriptor_copy(&copy, &d[i]);
		copy.has_platform = true;
		copy.platform = (struct platform){.os = "linux"};
		(void)snprintf(copy.platform.arch, sizeof(copy.platform.arch), "%s", arch[i]);
		index_add(&ix, &copy);
		descriptor_done(&copy);
	}
	AUTO_FREE char *text = index_dump(&ix);
	index_done(&ix);
	return fixture_blob(s, MT_OCI_INDEX, text);
}

static void chooses_by_platform_from_an_index(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct descriptor d[2] = {fixture_image(s, NULL, "one"), fixture_image(s, NULL, "two")};
	struct descriptor top = index_of(s, d, 2, (const char *const[]){"s390x", "ppc64le"});
	const struct platform want = {.os = "linux", .arch = "ppc64le"},
			      none = {.os = "linux", .arch = "mips"};
	struct image i;
	assert_int_equal(image_load(s, &top, &want, &i, &err), 0);
	assert_true(digest_equal(&i.manifest_desc.digest, &d[1].digest));
	assert_true(digest_equal(&i.top.digest, &top.digest));
	image_done(&i);
	assert_int_equal(image_load(s, &top, &none, &i, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "linux/mips"));
	/* the host's is neither, but what is here can be inspected */
	assert_int_equal(blob_remove(s, &d[0].digest, &err), 0);
	assert_int_equal(image_load(s, &top, NULL, &i, &err), 0);
	assert_true(digest_equal(&i.manifest_desc.digest, &d[1].digest));
	image_done(&i);
	descriptor_done(&d[0]);
	descriptor_done(&d[1]);
	descriptor_done(&top);
}

static void refuses_a_damaged_or_missing_document(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct image i;
	char hex[DIGEST_STR_MAX];
	struct descriptor d = fixture_image(s, "localhost/app:1", "one");
	AUTO_FREE char *path = xasprintf("blobs/sha256/%s", digest_hex(&d.digest, hex));
	int fd = openat(store_fd(s), path, O_RDWR);
	assert_int_equal(pwrite(fd, "X", 1, 5), 1);
	close(fd);
	assert_int_equal(image_load(s, &d, NULL, &i, &err), ERR_CORRUPT);
	assert_int_equal(blob_remove(s, &d.digest, &err), 0);
	assert_int_equal(image_load(s, &d, NULL, &i, &err), ERR_NOT_FOUND);
	d.size = MANIFEST_MAX + 1;
	assert_int_equal(image_load(s, &d, NULL, &i, &err), ERR_LIMIT);
	descriptor_done(&d);
}

static void refuses_layers_that_do_not_match_the_diff_ids(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct image i;
	struct manifest m = {0};
	struct descriptor l = fixture_blob(s, MT_OCI_LAYER, "one");
	m.config = fixture_blob(s, MT_OCI_CONFIG,
		"{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
	manifest_add_layer(&m, &l);
	AUTO_FREE char *text = manifest_dump(&m);
	struct descriptor d = fixture_blob(s, MT_OCI_MANIFEST, text);
	assert_int_equal(image_load(s, &d, NULL, &i, &err), ERR_INVALID);
	manifest_done(&m);
	descriptor_done(&l);
	descriptor_done(&d);
}

static void lowers_come_topmost_first_and_all_or_none(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct descriptor a = fixture_image(s, NULL, "one"), b = fixture_image(s, NULL, "two");
	struct digest ids[3] = {digest_of("one", 3), digest_of("two", 3), digest_of("three", 5)};
	int fds[3];
	AUTO_FREE char *text = NULL;
	assert_int_equal(image_lowers(s, ids, 2, fds, &err), 0);
	assert_int_equal(fs_read_file(fds[0], "file", 100, &text, NULL, &err), 0);
	assert_string_equal(text, "two");
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(image_lowers(s, ids, 3, fds, &err), ERR_NOT_FOUND);
	char buf[DIGEST_STR_MAX];
	assert_non_null(strstr(err.msg, digest_str(&ids[2], buf)));
	descriptor_done(&a);
	descriptor_done(&b);
}

/* The store is an OCI layout, and its names are what containers/image takes after "oci:PATH:". */
static void skopeo_reads_it_in_place(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	static const char *const names[] = {"docker.io/library/debian:stable",
		"localhost:5000/team/app:1.0_x", "localhost/a-b:latest"};
	AUTO_FREE char *skopeo = proc_find("skopeo");
	if (!skopeo)
		skip_because("skopeo is not installed");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_BUF struct buf out = BUF_INIT(1 << 20);
		char hex[DIGEST_STR_MAX];
		int status;
		struct descriptor d = fixture_image(s, names[i], names[i]);
		AUTO_FREE char *where = xasprintf("oci:%s:%s", store_path(s), names[i]);
		const char *const argv[] = {
			"skopeo", "inspect", "--format", "{{.Digest}}", where, NULL};
		assert_int_equal(proc_run(skopeo, argv, NULL, 1 << 20, &out, &status, &err), 0);
		assert_int_equal(status, 0);
		assert_non_null(strstr(buf_str(&out), digest_str(&d.digest, hex)));
		descriptor_done(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(finds_by_name_local_first),
		STORE_TEST(finds_by_id_digest_and_prefix),
		STORE_TEST(an_ambiguous_prefix_lists_the_candidates),
		STORE_TEST(chooses_by_platform_from_an_index),
		STORE_TEST(refuses_a_damaged_or_missing_document),
		STORE_TEST(refuses_layers_that_do_not_match_the_diff_ids),
		STORE_TEST(skopeo_reads_it_in_place),
		STORE_TEST(lowers_come_topmost_first_and_all_or_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
