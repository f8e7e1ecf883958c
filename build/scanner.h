/* SPDX-License-Identifier: Apache-2.0 */
/* A scanner's image with its commands, one after the other on the same files of its own, and the
 * directory that its documents are written to. */
#pragma once
#include "base/mem.h"
#include <stddef.h>

struct err;
struct image;
struct map;
struct network;
struct sbom_scan;
struct strv;

#define SCANNER_DOCUMENT_MAX (64 * MIB) /* syft writes 30 MiB about ten thousand packages */

struct scanner_layers {
	int *fds; /* topmost first, with room for one more */
	size_t n;
};

struct scanner {
	const struct sbom_scan *s;
	struct scanner_layers own, image; /* its files, and those of what it looks at */
	int upper, scans; /* what it writes to its root, and its documents */
	struct network *net;
};

struct scanner_command {
	const struct strv *argv;
	const struct map *env; /* more than its image has; NULL: nothing */
	const char *rootfs, *scans; /* where it finds what it looks at, and writes to */
	const char *contexts; /* the same for the contexts, with a number; NULL: it has none */
};

/* image: what is looked at. scanner_done() after a failure, too. */
int scanner_open(const struct sbom_scan *s, const struct image *image, struct scanner *r,
	struct err *err) __attribute__((warn_unused_result));
/* As sbom_box_run(). */
int scanner_run(struct scanner *r, const struct scanner_command *c, const char *id, struct err *err)
	__attribute__((warn_unused_result));
void scanner_done(struct scanner *r);
