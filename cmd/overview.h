/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct out;

/* What `mica` and `mica --help` print: the global options, and the commands in groups. */
void overview_print(struct out *out);
/* What `mica image --help` and its like print: the verbs of the noun, and what they do. */
void overview_print_noun(struct out *out, const char *noun);
