/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/sbom_opts.h"

static int check(struct sbom_opts *o, const char *first, const char *second, struct err *err)
{
	err_clear(err);
	if (first)
		strv_add(&o->commands, first);
	if (second)
		strv_add(&o->commands, second);
	int r = sbom_opts_check(o, err);
	sbom_opts_done(o);
	return r;
}

#define GOOD "scan {ROOTFS} {OUTPUT}"

static void options_fit_together(void **state)
{
	static const struct {
		struct sbom_opts o;
		const char *first, *second;
		const char *why; /* NULL: it is right */
	} rows[] = {
		{{.image = "i", .output = "o"}, GOOD, NULL, NULL},
		{{.image = "i", .image_purl_output = "/p", .merge = SBOM_MERGE_CAT}, GOOD,
			"scan {CONTEXT} {OUTPUT}", NULL},
		{{.output = "o"}, GOOD, NULL, "needs both"},
		{{.image = "i", .output = "o"}, NULL, NULL, "needs both"},
		{{.image = "i"}, GOOD, NULL, "goes nowhere"},
		{{.image = "i", .output = "o"}, GOOD, GOOD, "need a '--sbom-merge-strategy'"},
		{{.image = "i", .output = "o"}, "scan {OUTPUT}", NULL, "nothing that it looks at"},
		{{.image = "i", .output = "o"}, "scan {ROOTFS}", NULL, "does not name {OUTPUT}"},
		{{.image = "i", .image_output = "/etc/"}, GOOD, NULL, "'/etc/' is a directory"},
		{{.image = "i", .image_output = "/x", .image_purl_output = "/x"}, GOOD, NULL,
			"are the same file '/x'"},
	};
	struct err err = ERR_INIT;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sbom_opts o = rows[i].o;
		int r = check(&o, rows[i].first, rows[i].second, &err);
		assert_int_equal(r, rows[i].why ? ERR_INVALID : 0);
		if (rows[i].why && !strstr(err.msg, rows[i].why))
			fail_msg("%s, and not: %s", err.msg, rows[i].why);
	}
}

static void presets_are_those_of_buildah(void **state)
{
	struct sbom_opts o = {.output = "o"};
	struct err err = ERR_INIT;
	(void)state;
	assert_int_equal(sbom_preset("trivy-spdx", &o, &err), 0);
	assert_string_equal(o.image, "ghcr.io/aquasecurity/trivy");
	assert_int_equal(o.merge, SBOM_MERGE_SPDX);
	assert_int_equal(o.commands.n, 2);
	assert_string_equal(o.commands.v[1],
		"trivy filesystem -q {CONTEXT} --format spdx-json --output {OUTPUT}");
	assert_int_equal(check(&o, NULL, NULL, &err), 0);
	assert_int_equal(sbom_preset("trivy-x", &o, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_fit_together),
		cmocka_unit_test(presets_are_those_of_buildah),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
