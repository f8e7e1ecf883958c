/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4648 4, strict: padding is required, nothing follows it. */
#pragma once

/* New string. */
char *base64_encode(const void *data, unsigned long n);
/* New bytes, with a NUL behind them; NULL when it is no base64. */
char *base64_decode(const char *text, unsigned long *ret_n);
