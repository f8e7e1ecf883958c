/* SPDX-License-Identifier: Apache-2.0 */
/* The list of all commands: it exists once. */
#pragma once
#include <stdbool.h>

#include "cmd/opt.h"

struct cmd;

extern const struct cmd *const commands[]; /* sorted by name, ends with NULL */
extern const struct opt global_options[];
/* By name or alias; NULL. */
const struct cmd *command_find(const char *name);
/* "manifest-add" stands with manifest, and not with the others; "list" is an alias of one. */
bool command_is_of_family(const char *name);
/* As the user writes it: "mica manifest add". New string. */
char *command_title(const struct cmd *cmd);
/* The name nearest to what was typed; NULL. */
const char *command_suggest(const char *name);
