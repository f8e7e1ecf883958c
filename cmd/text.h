/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people: how wide it is, what of it is safe to print, and numbers in the words that
 * docker and buildah use. No locale is needed: text is UTF-8. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Columns that s takes on a terminal: wide characters count 2, combining ones 0. */
size_t text_width(const char *s);
/* The longest prefix of s, in bytes, that fits into `columns`. */
size_t text_fit(const char *s, size_t columns);

/* Control bytes, C1 controls and broken UTF-8 spelt out ("\x1b"); tabs stay, line ends too with
 * TEXT_LINES. New string. */
enum text_flags {
	TEXT_LINES = 1 << 0,
	TEXT_STRIP = 1 << 1 /* whole escape sequences (colours, titles) are dropped instead */
};
char *text_clean(const char *s, size_t n, int flags);

#define TEXT_NUM_MAX 32
/* 2230000 -> "2.23 MB": three digits, powers of 1000, as buildah images prints it. Returns buf. */
char *text_size(uint64_t bytes, char buf[TEXT_NUM_MAX]);
/* "3.2s", "1m03s", "2h05m". Returns buf. */
char *text_duration(uint64_t ms, char buf[TEXT_NUM_MAX]);
/* "3 years", "About an hour": docker's units.HumanDuration. Returns buf. */
char *text_age(int64_t seconds, char buf[TEXT_NUM_MAX]);
