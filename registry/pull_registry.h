/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a pull that only registries need: which names a short one may stand for, and whether
 * what is here is what the registry has. */
#pragma once

struct err;
struct pull_opts;
struct pulled;
struct store;

/* text: a reference, perhaps a short one. */
int registry_pull(struct store *s, const char *text, const struct pull_opts *o, struct pulled *ret,
	struct err *err) __attribute__((warn_unused_result));
