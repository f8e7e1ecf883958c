/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_number.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define NUMBER_MAX 64 /* bytes of a constant */
#define DIGITS_MAX 17 /* of a double, so that no two have the same */
#define EXPONENT_MIN (-4)
#define EXPONENT_END 6 /* Go's bounds between digits and an exponent */

/* --- reading --- */

static bool is_hex(const char *s)
{
	return s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
}

/* How far a number may go: letters and digits, one point, a sign behind an exponent. */
static size_t extent(const char *s, size_t n)
{
	size_t i = n && (*s == '-' || *s == '+');
	bool hex = n - i >= 2 && is_hex(s + i);

	for (; i < n; i++) {
		bool sign = (s[i] == '-' || s[i] == '+') && i && !hex &&
		            (s[i - 1] == 'e' || s[i - 1] == 'E');
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '.' && !sign)
			break;
	}
	return i;
}

/* "0b11" is 2, and then the digits are behind its letter */
static int base_of(const char **digits)
{
	const char *s = *digits;

	if (s[0] != '0' || !s[1])
		return 10;
	switch (s[1]) {
	case 'b':
	case 'B':
		*digits += 2;
		return 2;
	case 'o':
	case 'O':
		*digits += 2;
		return 8;
	case 'x':
	case 'X':
		*digits += 2;
		return 16;
	default:
		return 8;
	}
}

static struct json *integer(const char *text)
{
	bool negative = *text == '-';
	const char *digits = text + (*text == '-' || *text == '+');
	AUTO_FREE char *with_sign = NULL;
	char *end;

	int base = base_of(&digits);
	if (!isalnum((unsigned char)*digits))
		return NULL;
	with_sign = xasprintf("%s%s", negative ? "-" : "", digits);
	errno = 0;
	long long value = strtoll(with_sign, &end, base);
	return errno || *end ? NULL : json_new_int(value);
}

static struct json *real(const char *text)
{
	char *end;

	errno = 0;
	double value = strtod(text, &end);
	return errno || *end ? NULL : json_new_real(value);
}

size_t number_read(const char *s, size_t n, struct json **ret)
{
	size_t length = extent(s, n), used = 0;
	char text[NUMBER_MAX];

	if (length >= sizeof(text))
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (s[i] != '_')
			text[used++] = s[i];
		else if (i + 1 == length || !isxdigit((unsigned char)s[i + 1])) /* between digits */
			return 0;
	}
	text[used] = '\0';
	bool has_point = strchr(text, '.') || (!is_hex(text) && strpbrk(text, "eE"));
	*ret = has_point ? real(text) : integer(text);
	return *ret ? length : 0;
}

/* --- writing --- */

char *number_real(double value)
{
	char text[NUMBER_MAX];
	int digits = 1;

	for (; digits <= DIGITS_MAX; digits++) {
		(void)snprintf(text, sizeof(text), "%.*e", digits - 1, value);
		if (strtod(text, NULL) == value)
			break;
	}
	const char *e = strchr(text, 'e');
	int exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
	if (exponent < EXPONENT_MIN || exponent >= EXPONENT_END)
		return xstrdup(text);
	return xasprintf("%.*f", digits > exponent + 1 ? digits - 1 - exponent : 0, value);
}
