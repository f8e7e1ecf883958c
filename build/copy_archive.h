/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A large directory that is copied, straight into a layer: its files are read once, archived and
 * compressed on the way, and never written. The layer is byte for byte the one that copying into an
 * upper directory and archiving that would make, but for the times of the directories that the
 * destination implies, which are of the moment. Whoever needs its directory unpacks it (chain.h).
 *
 * Of what is simple alone; all else is copied: one directory, not with --link, whose files, links
 * and directories find nothing in their way that would have to be removed, kept or told about.
 */
#pragma once
#include "build/copy.h"
#include <stdbool.h>

struct diff_opts;
struct err;
struct layer;

/* blob: the descriptor that gets the layer. *ret_done: false when it has to be copied, with nothing
 * written. */
int copy_archive(const struct copy_work *w, const struct diff_opts *opts, int blob,
	struct layer *ret, bool *ret_done, struct err *err) __attribute__((warn_unused_result));
