/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "image/media_type.h"

static void knows_what_each_type_is(void **state)
{
	(void)state;
	assert_int_equal(media_kind(MT_OCI_MANIFEST), MEDIA_MANIFEST);
	assert_int_equal(media_kind(MT_DOCKER_LIST), MEDIA_INDEX);
	assert_int_equal(media_kind(MT_DOCKER_CONFIG), MEDIA_CONFIG);
	assert_int_equal(media_kind(MT_OCI_LAYER_ZSTD), MEDIA_LAYER);
	assert_int_equal(media_kind("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
		MEDIA_FOREIGN_LAYER);
	assert_int_equal(media_kind("application/vnd.docker.distribution.manifest.v1+prettyjws"),
		MEDIA_SCHEMA1);
	assert_int_equal(media_kind("text/html"), MEDIA_UNKNOWN);
	assert_int_equal(media_kind(""), MEDIA_UNKNOWN);
	assert_int_equal(media_kind(NULL), MEDIA_UNKNOWN);
}

static void parameters_do_not_count(void **state)
{
	(void)state;
	assert_int_equal(media_kind(MT_OCI_INDEX "; charset=utf-8"), MEDIA_INDEX);
	assert_int_equal(media_kind(MT_OCI_LAYER "x"), MEDIA_UNKNOWN);
	assert_int_equal(media_kind("application/vnd.oci.image.layer.v1.ta"), MEDIA_UNKNOWN);
}

static void tells_docker_from_oci(void **state)
{
	(void)state;
	assert_true(media_is_docker(MT_DOCKER_LAYER_GZIP));
	assert_false(media_is_docker(MT_OCI_LAYER_GZIP));
	assert_false(media_is_docker(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_what_each_type_is),
		cmocka_unit_test(parameters_do_not_count),
		cmocka_unit_test(tells_docker_from_oci),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
