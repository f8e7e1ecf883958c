/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner of a build's images (sbom.h), with the build's contexts. */
#pragma once

struct build;
struct built_image;
struct err;

/* Before the first step: it can be run, and its image is there. Nothing without o->sbom. */
int sbom_build_check(struct build *b, struct err *err) __attribute__((warn_unused_result));
/* Of an image that is finished. Nothing without o->sbom. */
int sbom_build_scan(struct build *b, struct built_image *image, struct err *err)
	__attribute__((warn_unused_result));
