/* SPDX-License-Identifier: Apache-2.0 */
/* Character classes as Go's unicode package has them: BuildKit's lexers decide by these where words
 * and names end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool rune_is_space(uint32_t rune);
bool rune_is_digit(uint32_t rune);
bool rune_is_letter_or_digit(uint32_t rune);

/* strings.TrimSpace: moves *s and *len to what is left without white space at both ends */
void text_trim(const char **s, size_t *len);
/* the number of bytes of white space at the start */
size_t text_leading_space(const char *s, size_t len);
