/* SPDX-License-Identifier: Apache-2.0 */
#include "build/chmod.h"

#include "base/num.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define WHO_U 04700
#define WHO_G 02070
#define WHO_O 01007

static bool parse_clause(const char **p, struct chmod *c)
{
	mode_t who = 0;
	for (;; (*p)++) {
		if (**p == 'u')
			who |= WHO_U;
		else if (**p == 'g')
			who |= WHO_G;
		else if (**p == 'o')
			who |= WHO_O;
		else if (**p == 'a')
			who |= WHO_U | WHO_G | WHO_O;
		else
			break;
	}
	if (!who)
		who = WHO_U | WHO_G | WHO_O;
	bool any = false;
	while (**p == '+' || **p == '-' || **p == '=') {
		if (c->n == CHMOD_CLAUSES_MAX)
			return false;
		c->clause[c->n].who = who;
		c->clause[c->n].op = *(*p)++;
		size_t len = strspn(*p, "rwxXstugo");
		if (len >= sizeof(c->clause[c->n].perms))
			return false;
		memcpy(c->clause[c->n].perms, *p, len);
		c->clause[c->n].perms[len] = '\0';
		*p += len;
		c->n++;
		any = true;
	}
	return any;
}

bool chmod_parse(const char *text, struct chmod *ret)
{
	uint64_t octal;
	memset(ret, 0, sizeof(*ret));
	if (num_octal(text, 07777, &octal)) {
		ret->octal = true;
		ret->mode = (mode_t)octal;
		return true;
	}
	for (;;) {
		if (!parse_clause(&text, ret))
			return false;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

/* Bits that the letters mean, before the who mask. */
static mode_t perm_bits(const char *perms, mode_t mode)
{
	mode_t bits = 0;
	for (; *perms; perms++) {
		mode_t copied;
		switch (*perms) {
		case 'r':
			bits |= 0444;
			break;
		case 'w':
			bits |= 0222;
			break;
		case 'x':
			bits |= 0111;
			break;
		case 'X':
			bits |= S_ISDIR(mode) || (mode & 0111) ? 0111 : 0;
			break;
		case 's':
			bits |= 06000;
			break;
		case 't':
			bits |= 01000;
			break;
		default: /* u, g, o: what that class has now */
			copied = *perms == 'u' ? mode >> 6 : *perms == 'g' ? mode >> 3 : mode;
			copied &= 7;
			bits |= copied << 6 | copied << 3 | copied;
			break;
		}
	}
	return bits;
}

mode_t chmod_apply(const struct chmod *c, mode_t st_mode)
{
	if (c->octal)
		return c->mode;
	mode_t mode = st_mode;
	for (unsigned i = 0; i < c->n; i++) {
		mode_t who = c->clause[i].who;
		mode_t bits = perm_bits(c->clause[i].perms, mode) & who;
		if (c->clause[i].op == '+')
			mode |= bits;
		else if (c->clause[i].op == '-')
			mode &= ~bits;
		else
			mode = (mode & ~(who & 0777)) | bits;
	}
	return mode & 07777;
}
