/* SPDX-License-Identifier: Apache-2.0 */
/* "a 'b c' d\ e" -> a, b c, d e: words as a shell splits them, without expanding anything. */
#pragma once

struct err;
struct strv;

/* Appends to *ret. ERR_INVALID: a quote is not closed, or a backslash ends the text. */
int shell_words(const char *text, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
