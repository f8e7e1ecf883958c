/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images are looked through for the software in them, by a scanner which is an image itself. Its
 * commands run in the sandbox as a RUN would, with the files of the image on /.rootfs and the
 * contexts on /.context0 and so on, all read-only. Each writes a document to a directory that is
 * its own; the documents are read as what they are, somebody else's.
 */
#pragma once
#include "layers/layer.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct built_image;
struct err;
struct image;
struct progress;
struct run_spec;
struct sbom_opts;
struct store;
struct txn;

struct sbom_scan {
	struct store *store;
	struct txn *txn;
	struct progress *progress;
	const struct sbom_opts *opts; /* sbom_opts_check() has seen them */
	const struct image *scanner;
	const struct run_spec *box; /* what surrounds it; its mounts and devices are not used */
	const int *contexts; /* directories */
	size_t n_contexts;
	uint64_t deadline_ms; /* by clock_ms(), 0: none */
	enum compression compression; /* of a layer with the documents */
	bool clamp, force; /* times in it, as struct diff_opts */
	int64_t clamp_s;
};

/* What goes to this machine's files, as text. */
struct sbom_found {
	char *sbom, *purls;
	size_t sbom_len, purls_len;
};
void sbom_found_done(struct sbom_found *f);

/* Can the box run it at all? ERR_UNSUPPORTED; before anything else is done. */
int sbom_check_box(const struct run_spec *box, struct err *err) __attribute__((warn_unused_result));
/* The image, which is in OCI's form, gets one more layer if the options say so; its manifest is
 * another one then. ret: zeroed. Errors as sbom_run(). */
int sbom_scan(const struct sbom_scan *s, struct built_image *image, struct sbom_found *ret,
	struct err *err) __attribute__((warn_unused_result));
