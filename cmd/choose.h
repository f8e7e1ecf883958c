/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the user of a terminal which image a short name is to be. */
#pragma once
#include <stdbool.h>

struct strv;

/* Is there somebody to ask? Standard input and output are terminals, as for podman and buildah. */
bool choose_possible(void);
/* The index of the one that is wanted; -1: none. For struct remote_opts. */
int choose_name(const char *text, const struct strv *names);
