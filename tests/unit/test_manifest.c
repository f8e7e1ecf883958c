/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "image/docker_schema2.h"
#include "image/manifest.h"
#include "image/media_type.h"

#define DIGEST                                                                                     \
	"\"digest\":\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define CONFIG "\"config\":{\"mediaType\":\"" MT_OCI_CONFIG "\"," DIGEST ",\"size\":2}"
#define LARGER "{\"mediaType\":\"" MT_OCI_LAYER_GZIP "\"," DIGEST ",\"size\":4}"
#define LAYER "{\"mediaType\":\"" MT_OCI_LAYER_GZIP "\"," DIGEST ",\"size\":3}"
#define MANIFEST                                                                                   \
	"{\"schemaVersion\":2,\"mediaType\":\"" MT_OCI_MANIFEST "\"," CONFIG ",\"layers\":[" LAYER \
	"]}"
#define ENTRY_LARGER "{\"mediaType\":\"" MT_OCI_MANIFEST "\"," DIGEST ",\"size\":4}"
#define ENTRY(arch, more)                                                                          \
	"{\"mediaType\":\"" MT_OCI_MANIFEST "\"," DIGEST ",\"size\":3" more                        \
	",\"platform\":{\"architecture\":\"" arch "\",\"os\":\"linux\"}}"

static int parse(const char *text, const char *type, struct manifest *ret, struct err *err)
{
	return manifest_parse(text, strlen(text), type, ret, err);
}

static void a_manifest_goes_to_text_and_back(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct manifest m;
	assert_int_equal(parse(MANIFEST, MT_OCI_MANIFEST "; charset=utf-8", &m, &err), 0);
	assert_int_equal(m.n_layers, 1);
	assert_int_equal(m.layers[0].size, 3);
	AUTO_FREE char *text = manifest_dump(&m);
	assert_string_equal(text, MANIFEST);
	manifest_done(&m);
}

static void the_media_type_comes_from_whoever_says_it(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct manifest m;
	static const char bare[] = "{\"schemaVersion\":2," CONFIG ",\"layers\":null}";
	assert_int_equal(parse(bare, NULL, &m, &err), 0);
	assert_string_equal(m.media_type, MT_OCI_MANIFEST);
	assert_int_equal(m.n_layers, 0);
	manifest_done(&m);
	assert_int_equal(parse(bare, MT_DOCKER_MANIFEST, &m, &err), 0);
	assert_string_equal(m.media_type, MT_DOCKER_MANIFEST);
	manifest_done(&m);
	assert_int_equal(parse(MANIFEST, "application/json", &m, &err), 0);
	assert_string_equal(m.media_type, MT_OCI_MANIFEST);
	manifest_done(&m);
}

static void refuses_documents_that_contradict_themselves(void **state)
{
	(void)state;
	static const struct {
		const char *text, *type;
		int code;
	} bad[] = {
		/* CVE-2021-41190 */
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}", NULL,
			ERR_INVALID},
		{"{\"schemaVersion\":2,\"manifests\":[],\"fsLayers\":[]}", NULL, ERR_INVALID},
		{"{\"schemaVersion\":2,\"mediaType\":\"" MT_OCI_INDEX "\"," CONFIG
		 ",\"layers\":[]}",
			NULL, ERR_INVALID},
		{MANIFEST, MT_OCI_INDEX, ERR_INVALID},
		{MANIFEST, MT_DOCKER_MANIFEST, ERR_INVALID},
		{MANIFEST, "text/html", ERR_INVALID},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", "text/html", ERR_UNSUPPORTED},
		{"{\"schemaVersion\":2,\"manifests\":[]}", NULL, ERR_INVALID}, /* an index */
		{"{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, ERR_UNSUPPORTED},
		{"{\"schemaVersion\":3," CONFIG ",\"layers\":[]}", NULL, ERR_INVALID},
		{"{" CONFIG ",\"layers\":[]}", NULL, ERR_INVALID},
		{"{\"schemaVersion\":2}", NULL, ERR_INVALID},
		{"{\"schemaVersion\":2,\"layers\":[]}", NULL, ERR_INVALID},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[{}]}", NULL, ERR_INVALID},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", NULL, ERR_INVALID},
		{"{\"schemaVersion\":2," CONFIG "," CONFIG ",\"layers\":[]}", NULL,
			ERR_INVALID}, /* twice */
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER "," LARGER "]}", NULL,
			ERR_INVALID},
		/* what readers in Go take for "layers", "manifests", "config", "size" */
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"Layers\":[]}", NULL, ERR_INVALID},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manife\u017ft\u017f\":[]}", NULL,
			ERR_INVALID},
		{"{\"schemaVersion\":2," CONFIG ",\"CONFIG\":{},\"layers\":[]}", NULL, ERR_INVALID},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" MT_OCI_LAYER_GZIP
		 "\"," DIGEST ",\"size\":3,\"Size\":4}]}",
			NULL, ERR_INVALID},
		{"[]", NULL, ERR_INVALID},
		{"", NULL, ERR_INVALID},
		{"<html>", NULL, ERR_INVALID},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;
		struct manifest m;
		int r = parse(bad[i].text, bad[i].type, &m, &err);
		if (r != bad[i].code)
			fail_msg("%s: %d %s", bad[i].text, r, err.msg);
	}
}

static void an_index_has_one_size_for_a_digest(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct index ix;
	static const char good[] =
		"{\"schemaVersion\":2,\"manifests\":[" ENTRY("a", "") "," ENTRY("b", "") "]}";
	static const char bad[] =
		"{\"schemaVersion\":2,\"manifests\":[" ENTRY("a", "") "," ENTRY_LARGER "]}";
	assert_int_equal(index_parse(good, strlen(good), NULL, &ix, &err), 0);
	index_done(&ix);
	assert_int_equal(index_parse(bad, strlen(bad), NULL, &ix, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "has 3 and 4 bytes"));
}

static void limits_size_and_number(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct manifest m;
	AUTO_BUF struct buf b = BUF_INIT(8 * MIB);
	buf_addstr(&b, "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER);
	for (size_t i = 1; i < 1001; i++)
		buf_addstr(&b, "," LAYER);
	buf_addstr(&b, "]}");
	assert_int_equal(manifest_parse(b.data, b.len, NULL, &m, &err), ERR_LIMIT);
	while (b.len <= MANIFEST_MAX)
		buf_addch(&b, ' ');
	assert_int_equal(manifest_parse(b.data, b.len, NULL, &m, &err), ERR_LIMIT);
	int kind;
	assert_int_equal(document_kind(b.data, b.len, NULL, &kind, &err), ERR_LIMIT);
}

static void tells_what_a_document_is(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	int kind;
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":[]}",
			  schema1[] = "{\"schemaVersion\":1,\"fsLayers\":[]}";
	assert_int_equal(document_kind(MANIFEST, strlen(MANIFEST), NULL, &kind, &err), 0);
	assert_int_equal(kind, MEDIA_MANIFEST);
	assert_int_equal(document_kind(index, strlen(index), MT_DOCKER_LIST, &kind, &err), 0);
	assert_int_equal(kind, MEDIA_INDEX);
	assert_int_equal(document_kind(schema1, strlen(schema1), NULL, &kind, &err), 0);
	assert_int_equal(kind, MEDIA_SCHEMA1);
	assert_int_equal(
		document_kind(index, strlen(index), MT_OCI_MANIFEST, &kind, &err), ERR_INVALID);
}

static struct index index_from(const char *text)
{
	struct err err = ERR_INIT;
	struct index ix;
	if (index_parse(text, strlen(text), NULL, &ix, &err) < 0)
		fail_msg("%s", err.msg);
	return ix;
}

static void an_index_chooses_images_by_platform(void **state)
{
	(void)state;
	const struct platform amd64 = {.os = "linux", .arch = "amd64"},
			      riscv = {.os = "linux", .arch = "riscv64"};
	struct index ix = index_from("{\"schemaVersion\":2,\"manifests\":[" ENTRY("amd64",
		",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-"
		"manifest\"}") "," ENTRY("arm64", "") "," ENTRY("amd64", "") "," ENTRY("riscv64",
		",\"artifactType\":\"x/y\"") "]}");
	assert_ptr_equal(index_choose(&ix, &amd64), &ix.manifests[2]);
	assert_null(index_choose(&ix, &riscv));
	AUTO_FREE char *text = index_dump(&ix);
	index_done(&ix);
	ix = index_from(text);
	assert_int_equal(ix.n_manifests, 4);
	index_done(&ix);
}

static void an_entry_without_a_platform_serves_only_alone(void **state)
{
	(void)state;
	const struct platform amd64 = {.os = "linux", .arch = "amd64"};
	struct index ix =
		index_from("{\"schemaVersion\":2,\"manifests\":[" LAYER
			   ",{\"mediaType\":\"" MT_OCI_MANIFEST "\"," DIGEST ",\"size\":3}]}");
	assert_ptr_equal(index_choose(&ix, &amd64), &ix.manifests[1]);
	index_add(&ix, &ix.manifests[1]);
	assert_null(index_choose(&ix, &amd64));
	index_done(&ix);
}

static void docker_and_oci_differ_in_types_only(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct manifest m, docker, oci;
	assert_int_equal(parse(MANIFEST, NULL, &m, &err), 0);
	map_set(&m.annotations, "k", "v");
	assert_int_equal(manifest_to_docker(&m, &docker, &err), 0);
	assert_string_equal(docker.media_type, MT_DOCKER_MANIFEST);
	assert_string_equal(docker.config.media_type, MT_DOCKER_CONFIG);
	assert_string_equal(docker.layers[0].media_type, MT_DOCKER_LAYER_GZIP);
	assert_true(digest_equal(&docker.layers[0].digest, &m.layers[0].digest));
	assert_int_equal(docker.annotations.n, 0);
	assert_int_equal(manifest_to_oci(&docker, &oci, &err), 0);
	AUTO_FREE char *text = manifest_dump(&oci);
	assert_string_equal(text, MANIFEST);
	manifest_done(&oci);
	manifest_done(&docker);
	mem_replace(&m.layers[0].media_type, xstrdup(MT_OCI_LAYER_ZSTD));
	assert_int_equal(manifest_to_docker(&m, &docker, &err), ERR_UNSUPPORTED);
	mem_replace(&m.layers[0].media_type, xstrdup("application/x"));
	assert_int_equal(manifest_to_docker(&m, &docker, &err), ERR_UNSUPPORTED);
	manifest_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_goes_to_text_and_back),
		cmocka_unit_test(the_media_type_comes_from_whoever_says_it),
		cmocka_unit_test(refuses_documents_that_contradict_themselves),
		cmocka_unit_test(an_index_has_one_size_for_a_digest),
		cmocka_unit_test(limits_size_and_number),
		cmocka_unit_test(tells_what_a_document_is),
		cmocka_unit_test(an_index_chooses_images_by_platform),
		cmocka_unit_test(an_entry_without_a_platform_serves_only_alone),
		cmocka_unit_test(docker_and_oci_differ_in_types_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
