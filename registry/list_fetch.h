/* SPDX-License-Identifier: Apache-2.0 */
/* What a list's images have left where they were found (store/list_sources.h). */
#pragma once
#include <stdbool.h>

struct descriptor;
struct err;
struct progress;
struct remote_opts;
struct store;

/* Are layers of the image not in the store, because a list has left them elsewhere? */
bool list_has_left(struct store *s, const struct descriptor *manifest);
/* Fetches the layers of the image that are not in the store, if a list has left them elsewhere.
 * remote NULL: as nobody has said anything. */
int list_fetch(struct store *s, const struct descriptor *manifest, const struct remote_opts *remote,
	struct progress *progress, struct err *err) __attribute__((warn_unused_result));
/* Of all its images; of itself when it is no list. */
int list_fetch_all(struct store *s, const struct descriptor *list, const struct remote_opts *remote,
	struct progress *progress, struct err *err) __attribute__((warn_unused_result));
