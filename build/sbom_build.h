/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner of a build's images (sbom.h), with the build's contexts, and the generator of what
 * lies beside them (sbom_generate.h). */
#pragma once
#include <stddef.h>

struct build;
struct err;

/* Before the first step: they can be run, and their images are there. Nothing without o->sbom and
 * o->generator. */
int sbom_build_check(struct build *b, struct err *err) __attribute__((warn_unused_result));
/* Of the result's image with that number, which is finished. The same. */
int sbom_build_scan(struct build *b, size_t number, struct err *err)
	__attribute__((warn_unused_result));
