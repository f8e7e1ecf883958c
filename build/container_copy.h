/* SPDX-License-Identifier: Apache-2.0 */
/* copy and add: files from this machine, another container, an image or the network into a working
 * container. */
#pragma once
#include "base/digest.h"
#include "base/strv.h"
#include "registry/transport.h"
#include <stdbool.h>

struct container;
struct err;
struct progress;
struct store;
struct txn;

struct container_copy {
	bool add; /* archives are unpacked */
	struct strv sources; /* URLs are fetched */
	const char *dest; /* NULL: the working directory */
	int source_root; /* what the sources are below of */
	const char *source_name; /* for messages; NULL: sources are paths of this machine */
	char *ignore_file; /* NULL: none */
	const char *chown, *chmod, *checksum; /* NULL: not said */
	const struct timespec *time; /* NULL: files keep their times */
	struct strv excludes; /* patterns, below each source */
	bool exclude_from_root; /* below source_root, as those of ignore_file */
	bool parents;
	bool link; /* to links/N, the next one, and not into the container */
	bool keep_owner; /* of what no chown is said for: its own, not root */
	struct remote_opts remote;
	struct progress *progress; /* of downloads; NULL: not told */
};

enum container_copied { COPIED_FILE, COPIED_DIR, COPIED_SEVERAL };

/* c is locked. *ret_digest: of what was copied; *ret_what: what history calls it. notes: what the
 * user should know. */
int container_copy(struct store *s, struct txn *t, const struct container *c,
	const struct container_copy *o, struct digest *ret_digest, enum container_copied *ret_what,
	struct strv *notes, struct err *err) __attribute__((warn_unused_result));
