/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, unsigned long n)
{
	const unsigned char *p = data;
	char *out = xmalloc((n + 2) / 3 * 4 + 1), *o = out;
	for (unsigned long i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16;
		v |= i + 1 < n ? (unsigned)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? (unsigned)p[i + 2] : 0;
		*o++ = alphabet[v >> 18];
		*o++ = alphabet[(v >> 12) & 63];
		*o++ = (char)(i + 1 < n ? alphabet[(v >> 6) & 63] : '=');
		*o++ = (char)(i + 2 < n ? alphabet[v & 63] : '=');
	}
	*o = '\0';
	return out;
}

char *base64_decode(const char *text, unsigned long *ret_n)
{
	size_t n = strlen(text);
	if (n % 4 != 0)
		return NULL;
	size_t pad = n && text[n - 1] == '=' ? 1 + (text[n - 2] == '=') : 0;
	char *out = xmalloc(n / 4 * 3 + 1);
	size_t len = 0;
	for (size_t i = 0; i < n; i += 4) {
		unsigned v = 0;
		for (size_t k = 0; k < 4; k++) {
			const char *at = i + k < n - pad ? strchr(alphabet, text[i + k]) : alphabet;
			if (!at || !*at) {
				free(out);
				return NULL;
			}
			v = v << 6 | (unsigned)(at - alphabet);
		}
		out[len++] = (char)(v >> 16);
		out[len++] = (char)(v >> 8 & 0xff);
		out[len++] = (char)(v & 0xff);
	}
	len -= pad;
	out[len] = '\0';
	*ret_n = len;
	return out;
}
