/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing bytes with a mandatory maximum. Appending past it sets `toobig` and drops the bytes;
 * check once at the end. data is always NUL-terminated once anything was appended (buf_str() gives
 * "" before).
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max;
	bool toobig;
};

#define BUF_INIT(maximum)                                                                          \
	{                                                                                          \
		.max = (maximum)                                                                   \
	}
void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* empty, keeps the memory */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_addstr(struct buf *b, const char *s);
void buf_addch(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_remove(struct buf *b, size_t pos, size_t n);
/* n writable bytes at the end (not yet counted in len), NULL when toobig */
char *buf_reserve(struct buf *b, size_t n);
const char *buf_str(const struct buf *b);
/* the string, now the caller's; the buf is empty after */
char *buf_take(struct buf *b);
#define AUTO_BUF __attribute__((cleanup(buf_done)))
