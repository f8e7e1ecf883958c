/* SPDX-License-Identifier: Apache-2.0 */
/* Strict parsing of numbers: the whole string, no blanks, no sign unless said, no silent overflow.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* decimal digits only; false: not a number or above max */
bool num_u64(const char *s, uint64_t max, uint64_t *ret);
bool num_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
/* octal digits only, at most max */
bool num_octal(const char *s, uint64_t max, uint64_t *ret);
/* "64m", "1.5g", "100", "2KiB", "10kb": bytes, binary units, as docker's go-units RAMInBytes */
bool num_size(const char *s, uint64_t *ret);
/* Go's time.ParseDuration: "1h2m3.5s", "500ms", "-1s"; nanoseconds */
bool num_duration(const char *s, int64_t *ret_ns);
/* As Go prints a time.Duration of whole milliseconds: 1m30s. New string. */
char *num_duration_str(int64_t ns);
/* Go's strconv.ParseBool: "1", "t", "TRUE", "false"...; false: neither */
bool num_bool(const char *s, bool *ret);
/* "1.5" as 1500 (CPUs in thousandths) */
bool num_milli(const char *s, uint64_t *ret);
/* 1536 -> "1.5 KiB"; buf of at least 16 */
const char *num_human_size(uint64_t bytes, char *buf, size_t n);
