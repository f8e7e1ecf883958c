/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "cmd/called.h"
#include "cmd/cmd.h"
#include "cmd/version.h"
#include "image/platform.h"

struct version_args {
	bool json;
};

static const struct opt version_options[] = {
	OPT_BOOL(0, "json", struct version_args, json),
	OPT_END,
};

static int version_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct version_args *a = args;
	struct platform host;
	char platform[100];

	(void)rest;
	(void)err;
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
	AUTO_JSON struct json *o = a->json ? json_new_object() : NULL;

	for (size_t i = 0; i < n; i++) {
		int gap = 19 - (int)strlen(fields[i][1]);
		if (o)
			json_set_string(o, fields[i][0], fields[i][2]);
		else
			out_printf(&app->out, "%s:%*s%s\n", fields[i][1], gap, "", fields[i][2]);
	}
	if (o)
		out_json(&app->out, o);
	return 0;
}

const struct cmd cmd_version = {
	.name = "version",
	.options = version_options,
	.args_size = sizeof(struct version_args),
	.flags = CMD_PLAIN,
	.run = version_run,
};
