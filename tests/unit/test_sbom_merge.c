/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/sbom_merge.h"

#define RESULT_MAX 4096
#define DOCUMENTS 3

struct row {
	enum sbom_merge how;
	const char *documents[DOCUMENTS];
	const char *merged, *purls; /* NULL: refused */
};

#define NO_PURLS "{\"image_contents\":{}}\n"
#define PURLS(list) "{\"image_contents\":{\"dependencies\":[" list "]}}\n"
#define REF(category, type, locator)                                                               \
	"{\"referenceCategory\":\"" category "\",\"referenceType\":\"" type                        \
	"\",\"referenceLocator\":\"" locator "\"}"

static const struct row rows[] = {
	{SBOM_MERGE_CAT, {"a\n", "[", "c"}, "a\n[c", NO_PURLS},
	{SBOM_MERGE_NOT_SAID, {"a"}, "a", NO_PURLS},
	{SBOM_MERGE_CAT, {""}, "", NO_PURLS},
	/* a single document stays as it is written */
	{SBOM_MERGE_CYCLONEDX, {"{ \"a\": 1.50 }\n"}, "{ \"a\": 1.50 }\n", NO_PURLS},
	/* the order is that of the documents; what the first one has twice stays */
	{SBOM_MERGE_CYCLONEDX,
		{"{\"x\":1,\"components\":[{\"name\":\"b\"},{\"name\":\"a\",\"version\":\"1\"},"
		 "{\"name\":\"b\",\"version\":\"\"}]}",
			"{\"y\":2,\"components\":[{\"name\":\"a\",\"version\":\"1\",\"purl\":\"p:"
			"1\"},"
			"{\"name\":\"a\",\"version\":\"2\",\"purl\":\"p:2\"},{\"name\":\"b\"}]}",
			"{\"components\":[{\"name\":\"c\",\"purl\":\"p:0\"},"
			"{\"name\":\"a\",\"version\":\"2\",\"purl\":\"p:2\"},{\"name\":\"c\"}]}"},
		"{\"x\":1,\"components\":[{\"name\":\"b\"},{\"name\":\"a\",\"version\":\"1\"},"
		"{\"name\":\"b\",\"version\":\"\"},{\"name\":\"a\",\"version\":\"2\",\"purl\":\"p:"
		"2\"},"
		"{\"name\":\"c\",\"purl\":\"p:0\"}]}\n",
		PURLS("\"p:0\",\"p:1\",\"p:2\"")},
	{SBOM_MERGE_CYCLONEDX, {"{}", "{\"components\":[]}"}, "{}\n", NO_PURLS},
	{SBOM_MERGE_CYCLONEDX, {"{}", "{\"components\":[{\"name\":\"n\"}]}"},
		"{\"components\":[{\"name\":\"n\"}]}\n", NO_PURLS},
	{SBOM_MERGE_SPDX,
		{"{\"packages\":[{\"name\":\"a\",\"versionInfo\":\"1\"}],"
		 "\"hasExtractedLicensingInfos\":[{\"licenseId\":\"L\"}]}",
			"{\"packages\":[{\"name\":\"a\",\"versionInfo\":\"1\"},{\"name\":\"b\"}],"
			"\"hasExtractedLicensingInfos\":[{\"licenseId\":\"M\"},{\"licenseId\":"
			"\"L\"}]}"},
		"{\"packages\":[{\"name\":\"a\",\"versionInfo\":\"1\"},{\"name\":\"b\"}],"
		"\"hasExtractedLicensingInfos\":[{\"licenseId\":\"L\"},{\"licenseId\":\"M\"}]}\n",
		NO_PURLS},
	{SBOM_MERGE_SPDX,
		{"{\"packages\":[{\"name\":\"a\",\"externalRefs\":[" REF("PACKAGE-MANAGER", "purl",
			"p:1") "," REF("SECURITY", "purl", "p:2") "," REF("PACKAGE-MANAGER", "npm",
			"p:3") ",4," REF("PACKAGE_MANAGER", "purl", "p:5") "]}]}"},
		"{\"packages\":[{\"name\":\"a\",\"externalRefs\":[" REF("PACKAGE-MANAGER", "purl",
			"p:1") "," REF("SECURITY", "purl", "p:2") "," REF("PACKAGE-MANAGER", "npm",
			"p:3") ",4," REF("PACKAGE_MANAGER", "purl", "p:5") "]}]}",
		PURLS("\"p:1\",\"p:5\"")},
	{SBOM_MERGE_CYCLONEDX, {"[]"}, NULL, NULL},
	{SBOM_MERGE_CYCLONEDX, {"{}", "{"}, NULL, NULL},
	{SBOM_MERGE_CYCLONEDX, {"{}", "{}", "{\"components\":{}}"}, NULL, NULL},
	{SBOM_MERGE_CYCLONEDX, {"{\"components\":[[]]}"}, NULL, NULL},
	{SBOM_MERGE_CYCLONEDX, {"{\"components\":[{\"version\":\"1\"}]}"}, NULL, NULL},
	{SBOM_MERGE_CYCLONEDX, {"{\"components\":[{\"name\":\"a\",\"version\":1}]}"}, NULL, NULL},
	{SBOM_MERGE_SPDX, {"{\"hasExtractedLicensingInfos\":[{}]}"}, NULL, NULL},
};

static void check_row(const struct row *row)
{
	struct sbom_document d[DOCUMENTS];
	size_t n = 0;
	AUTO_BUF struct buf merged = BUF_INIT(RESULT_MAX), purls = BUF_INIT(RESULT_MAX);
	struct err err = ERR_INIT;
	for (; n < DOCUMENTS && row->documents[n]; n++)
		d[n] = (struct sbom_document){
			xstrdup(row->documents[n]), strlen(row->documents[n])};
	int r = sbom_merge(row->how, d, n, &merged, &purls, &err);
	for (size_t i = 0; i < n; i++)
		free(d[i].text);
	assert_int_equal(r, row->merged ? 0 : ERR_INVALID);
	if (!row->merged)
		return;
	assert_string_equal(buf_str(&merged), row->merged);
	assert_string_equal(buf_str(&purls), row->purls);
}

static void merges_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i]);
}

static void what_is_too_large_is_refused(void **state)
{
	char text[] = "12345678";
	const struct sbom_document d[] = {{text, 8}, {text, 8}};
	AUTO_BUF struct buf merged = BUF_INIT(10), purls = BUF_INIT(RESULT_MAX);
	struct err err = ERR_INIT;
	(void)state;
	assert_int_equal(sbom_merge(SBOM_MERGE_CAT, d, 2, &merged, &purls, &err), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_documents),
		cmocka_unit_test(what_is_too_large_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
