/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked for of the software in an image: which scanner looks for it, with which commands,
 * and where its documents go. buildah's --sbom and its kin. */
#pragma once
#include "base/strv.h"
#include "build/sbom_merge.h"
#include <stdbool.h>

struct err;

struct sbom_opts {
	const char *image; /* the scanner's; NULL: nothing is scanned */
	struct strv commands; /* with {ROOTFS}, {CONTEXT} and {OUTPUT} */
	enum sbom_merge merge;
	const char *output, *purl_output; /* files of this machine, NULL: none */
	const char *image_output, *image_purl_output; /* paths in the image, NULL: none */
};

/* "syft", "trivy-spdx" ...; sets image, commands and merge. ERR_INVALID */
int sbom_preset(const char *name, struct sbom_opts *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Can it be done, and will it leave something? ERR_INVALID */
int sbom_opts_check(const struct sbom_opts *o, struct err *err) __attribute__((warn_unused_result));
/* Does it change the image? */
bool sbom_goes_into_image(const struct sbom_opts *o);
void sbom_opts_done(struct sbom_opts *o);
