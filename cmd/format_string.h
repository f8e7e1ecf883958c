/* SPDX-License-Identifier: Apache-2.0 */
/* String and character constants of templates, in Go's spelling. */
#pragma once
#include <stddef.h>

struct json;

/* The constant at s (n bytes), which begins with ", ` or ': "a\t\u00e9", `raw`, 'x'. *ret: new, a
 * string, or the number of the character. Returns its length; 0: it has no end, or an escape that
 * there is not. */
size_t string_read(const char *s, size_t n, struct json **ret);
