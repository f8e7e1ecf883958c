/* SPDX-License-Identifier: Apache-2.0 */
/* What a list's images have left where they were found (store/list_sources.h). */
#pragma once

struct descriptor;
struct err;
struct progress;
struct remote_opts;
struct store;

/* Fetches the layers of one image of the list that are not in the store, where it is known where
 * they are. */
int list_fetch(struct store *s, const struct descriptor *list, const struct descriptor *manifest,
	const struct remote_opts *remote, struct progress *progress, struct err *err)
	__attribute__((warn_unused_result));
/* Of all its images; nothing when it is no list. */
int list_fetch_all(struct store *s, const struct descriptor *list, const struct remote_opts *remote,
	struct progress *progress, struct err *err) __attribute__((warn_unused_result));
