/* SPDX-License-Identifier: Apache-2.0 */
/* The list of all commands: it exists once. */
#pragma once
#include "cmd/opt.h"

struct cmd;

extern const struct cmd *const commands[]; /* sorted by name, ends with NULL */
extern const struct opt global_options[];
/* By name or alias; NULL. */
const struct cmd *command_find(const char *name);
/* The name nearest to what was typed; NULL. */
const char *command_suggest(const char *name);
