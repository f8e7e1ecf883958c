/* SPDX-License-Identifier: Apache-2.0 */
/* --sbom and its kin, of build and commit. */
#pragma once
#include "cmd/opt.h"
#include <stdbool.h>

struct app;
struct built_image;
struct err;
struct image_get_args;
struct sbom_found;
struct sbom_opts;
struct sbom_scan;

struct sbom_args {
	const char *preset, *image, *strategy;
	struct strv commands;
	const char *output, *purl_output, *image_output, *image_purl_output;
};
extern const struct opt sbom_options[];

bool sbom_args_given(const struct sbom_args *a);
/* Borrows from a; files that are to be written can be. ERR_INVALID */
int sbom_args_apply(const struct sbom_args *a, struct sbom_opts *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Has an image scanned that is no build's: the box is what `run` has when nothing is said. what:
 * all but box and scanner. */
int sbom_scan_image(struct app *app, const struct image_get_args *get, const struct sbom_scan *what,
	struct built_image *image, struct sbom_found *ret, struct err *err)
	__attribute__((warn_unused_result));
/* What was found, to the files of this machine that the options name. */
int sbom_write_files(const struct sbom_opts *o, const struct sbom_found *found, struct err *err)
	__attribute__((warn_unused_result));
