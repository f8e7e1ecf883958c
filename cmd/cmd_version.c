/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/utsname.h>

#include "base/called.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/table.h"
#include "cmd/version.h"
#include "image/platform.h"

struct version_args {
	bool json;
	const char *format;
};

static const struct opt version_options[] = {
	OPT_STRING('f', "format", struct version_args, format),
	OPT_BOOL(0, "json", struct version_args, json),
	OPT_END,
};

/* Docker and podman ask for .Client.Version; there is no server, which is the same program. */
static struct json *for_template(const struct json *fields, const struct platform *host)
{
	static const char *const sides[] = {"Client", "Server"};
	static const char *const names[][2] = {{"Version", "version"}, {"OsArch", "osArch"}};
	struct json *o = json_new_object();

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		struct json *side = json_new_object();
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			json_set(side, names[k][0], json_ref(json_get(fields, names[k][1])));
		json_set_string(side, "Os", host->os);
		json_set_string(side, "Arch", host->arch);
		json_set(o, sides[i], side);
	}
	json_set(o, "Version", json_ref(json_get(fields, "version")));
	json_set(o, "Mica", json_ref(json_get(fields, "mica")));
	json_set(o, "ImageSpec", json_ref(json_get(fields, "imageSpec")));
	json_set(o, "RuntimeSpec", json_ref(json_get(fields, "runtimeSpec")));
	json_set(o, "OSArch", json_ref(json_get(fields, "osArch")));
	return o;
}

/* What buildah tells of parts that are not in here, as one tells it that was not told them. */
static void add_buildah(struct json *o)
{
	static const char *const names[] = {
		"goVersion", "cniSpec", "libcniVersion", "imageVersion", "gitCommit"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		json_set_string(o, names[i], "");
	json_set_string(o, "built", "Thu Jan  1 00:00:00 1970");
}

static int version_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct version_args *a = args;
	struct platform host;
	char platform[100];

	(void)rest;
	a->format = table_template(a->format);
	platform_host(&host);
	host.variant[0] = '\0';
	platform_str(&host, platform);
	const char *const fields[][3] = {
		{"version", "Version", called_buildah() ? BUILDAH_VERSION : MICA_VERSION},
		{"mica", "Mica", MICA_VERSION},
		{"imageSpec", "Image Spec", IMAGE_SPEC_VERSION},
		{"runtimeSpec", "Runtime Spec", RUNTIME_SPEC_VERSION},
		{"distributionSpec", "Distribution Spec", DISTRIBUTION_SPEC_VERSION},
		{"compiler", "Compiler", __VERSION__},
		{"osArch", "OS/Arch", platform},
		{"buildPlatform", "BuildPlatform", platform},
	};
	const size_t n = sizeof(fields) / sizeof(fields[0]);
	bool json = a->json || (a->format && streq(a->format, "json"));
	AUTO_JSON struct json *o = json || a->format ? json_new_object() : NULL;

	for (size_t i = 0; i < n; i++) {
		int gap = 19 - (int)strlen(fields[i][1]);
		if (o)
			json_set_string(o, fields[i][0], fields[i][2]);
		else
			out_printf(&app->out, "%s:%*s%s\n", fields[i][1], gap, "", fields[i][2]);
	}
	if (json)
		add_buildah(o);
	if (json)
		out_json(&app->out, o);
	if (json || !a->format)
		return 0;
	AUTO_JSON struct json *known = for_template(o, &host);
	return table_print_one(&app->out, a->format, known, err);
}

const struct cmd cmd_version = {
	.name = "version",
	.options = version_options,
	.args_size = sizeof(struct version_args),
	.flags = CMD_PLAIN,
	.run = version_run,
};
