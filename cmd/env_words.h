/* SPDX-License-Identifier: Apache-2.0 */
/* The words of --env, as buildah and podman have them. */
#pragma once

struct err;
struct map;
struct strv;

/* NAME=VALUE; NAME is our own environment's, PREFIX* all of those in it, where they are set.
 * ERR_INVALID: no name. */
int env_words_set(const struct strv *words, struct map *env, struct err *err)
	__attribute__((warn_unused_result));
