/* SPDX-License-Identifier: Apache-2.0 */
/* Times as Unix seconds and nanoseconds, and RFC 3339 text. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_STR_MAX 40

/* now, wall clock */
struct timespec clock_now(void);
bool clock_before(struct timespec a, struct timespec b);
/* monotonic milliseconds / microseconds, for durations */
uint64_t clock_ms(void);
uint64_t clock_us(void);
/* "2024-05-01T12:00:00.123456789Z", without a fraction when ns is 0 (trailing zeros cut, as Go's
 * RFC3339Nano); buf of CLOCK_STR_MAX */
char *clock_format(struct timespec t, char buf[CLOCK_STR_MAX]);
bool clock_parse(const char *s, struct timespec *ret);
