/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exec form: is the text one JSON array of strings? BuildKit needs three answers, with Go's
 * idea of JSON, where a general parser gives two; and positions are wanted for messages.
 */
#pragma once
#include <stddef.h>

#include "base/strv.h"

struct err;

enum json_words_result {
	JSON_WORDS_NO, /* not valid JSON, or no array: it is the shell form */
	JSON_WORDS_YES,
	JSON_WORDS_MIXED, /* a valid array, but not of strings only: an error */
	JSON_WORDS_NUL, /* a string with \u0000, which no argument can hold */
};

/*
 * With JSON_WORDS_YES the decoded strings are appended to words (bytes that are not UTF-8 stay, a
 * lone surrogate becomes U+FFFD) and their offsets in text to *ret_offsets (xreallocarray'd, the
 * caller's). With MIXED and NUL *ret_at is the offset of the culprit.
 */
enum json_words_result json_words(
	const char *text, struct strv *words, size_t **ret_offsets, size_t *ret_at);
