/* SPDX-License-Identifier: Apache-2.0 */
/* Other words for the same commands: "image ls" is images, "container rm" is rm, as docker and
 * podman have them; "manifest add" is the command manifest-add. */
#pragma once
#include <stdbool.h>

struct strv;
struct out;

/* Replaces the first words of a command line by those of the command that they stand for. */
void forms_apply(struct strv *words);
/* "image" and the like: nouns that are no commands by themselves. */
bool forms_is_noun(const char *word);
/* The verbs of a noun, blank-separated. New string. */
char *forms_verbs(const char *noun);
