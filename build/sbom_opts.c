/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom_opts.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

#define SYFT "ghcr.io/anchore/syft"
#define TRIVY "ghcr.io/aquasecurity/trivy"

/* buildah-build(1); %s is what is looked at */
static const struct {
	const char *name, *image, *command;
	enum sbom_merge merge;
} presets[] = {
	{"syft", SYFT, "/syft scan -q dir:%s --output cyclonedx-json={OUTPUT}",
		SBOM_MERGE_CYCLONEDX},
	{"syft-cyclonedx", SYFT, "/syft scan -q dir:%s --output cyclonedx-json={OUTPUT}",
		SBOM_MERGE_CYCLONEDX},
	{"syft-spdx", SYFT, "/syft scan -q dir:%s --output spdx-json={OUTPUT}", SBOM_MERGE_SPDX},
	{"trivy", TRIVY, "trivy filesystem -q %s --format cyclonedx --output {OUTPUT}",
		SBOM_MERGE_CYCLONEDX},
	{"trivy-cyclonedx", TRIVY, "trivy filesystem -q %s --format cyclonedx --output {OUTPUT}",
		SBOM_MERGE_CYCLONEDX},
	{"trivy-spdx", TRIVY, "trivy filesystem -q %s --format spdx-json --output {OUTPUT}",
		SBOM_MERGE_SPDX},
};

int sbom_preset(const char *name, struct sbom_opts *ret, struct err *err)
{
	static const char *const looked_at[] = {"{ROOTFS}", "{CONTEXT}"};
	for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
		if (!streq(name, presets[i].name))
			continue;
		const char *at = strstr(presets[i].command, "%s");
		for (size_t k = 0; k < ARRAY_LEN(looked_at); k++)
			strv_addf(&ret->commands, "%.*s%s%s", (int)(at - presets[i].command),
				presets[i].command, looked_at[k], at + 2);
		ret->image = presets[i].image;
		ret->merge = presets[i].merge;
		return 0;
	}
	return err_set(err, ERR_INVALID,
		"option '--sbom': '%s' is not one of 'syft', 'syft-cyclonedx', 'syft-spdx', "
		"'trivy', 'trivy-cyclonedx', 'trivy-spdx'",
		name);
}

static int check_command(const char *text, struct err *err)
{
	if (!strstr(text, "{ROOTFS}") && !strstr(text, "{CONTEXT}"))
		return err_set(err, ERR_INVALID,
			"option '--sbom-scanner-command': '%s' names neither {ROOTFS} nor "
			"{CONTEXT}, so there is nothing that it looks at",
			text);
	if (!strstr(text, "{OUTPUT}"))
		return err_set(err, ERR_INVALID,
			"option '--sbom-scanner-command': '%s' does not name {OUTPUT}, the file "
			"that it is to write",
			text);
	return 0;
}

static int check_path(const char *option, const char *path, struct err *err)
{
	if (!path || path[strlen(path) - 1] != '/')
		return 0;
	return err_set(err, ERR_INVALID, "option '--%s': '%s' is a directory, and not a file",
		option, path);
}

int sbom_opts_check(const struct sbom_opts *o, struct err *err)
{
	if (!o->image || !*o->image || !o->commands.n)
		return err_set(err, ERR_INVALID,
			"a scanner needs both '--sbom-scanner-image' and "
			"'--sbom-scanner-command'");
	if (!o->output && !o->purl_output && !sbom_goes_into_image(o))
		return err_set(err, ERR_INVALID,
			"what the scanner finds goes nowhere: give '--sbom-output', "
			"'--sbom-purl-output', '--sbom-image-output' or "
			"'--sbom-image-purl-output'");
	if (o->commands.n > 1 && o->merge == SBOM_MERGE_NOT_SAID)
		return err_set(err, ERR_INVALID,
			"several '--sbom-scanner-command' need a '--sbom-merge-strategy'");
	STRV_FOREACH (command, &o->commands)
		if (check_command(*command, err) < 0)
			return err->code;
	if (check_path("sbom-image-output", o->image_output, err) < 0 ||
		check_path("sbom-image-purl-output", o->image_purl_output, err) < 0)
		return err->code;
	if (o->image_output && o->image_purl_output && streq(o->image_output, o->image_purl_output))
		return err_set(err, ERR_INVALID,
			"'--sbom-image-output' and '--sbom-image-purl-output' are the same file "
			"'%s'",
			o->image_output);
	return 0;
}

bool sbom_goes_into_image(const struct sbom_opts *o)
{
	return o->image_output || o->image_purl_output;
}

void sbom_opts_done(struct sbom_opts *o)
{
	strv_done(&o->commands);
}
