/* SPDX-License-Identifier: Apache-2.0 */
#include "build/chmod.h"

#include "base/num.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define WHO_U 04700
#define WHO_G 02070
#define WHO_O 00007
#define WHO_ALL 06777 /* not the sticky bit: 't' alone reaches it */
#define STICKY 01000

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
			who |= WHO_ALL;
		else
			break;
	}
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

static mode_t change(mode_t mode, char op, mode_t who, mode_t perm)
{
	mode_t bits = perm & (who ? who : 07777);
	if (op == '-')
		return mode & ~bits;
	return (op == '=' ? mode & ~(who ? who : WHO_ALL) : mode) | bits;
}

/* What the class has now, as permissions of all of them. */
static mode_t copied(mode_t mode, char class)
{
	mode_t bits = (class == 'u' ? mode >> 6 : class == 'g' ? mode >> 3 : mode) & 7;
	return bits << 6 | bits << 3 | bits;
}

/* One class taken over: read, write and execute only, set-id bits stay. */
static mode_t copy_class(mode_t mode, char op, mode_t who, char class)
{
	who = (who ? who : WHO_ALL) & 0777;
	return change(mode, op, who, copied(mode, class));
}

/*
 * As BSD's setmode(3), which BuildKit's library follows: '=' takes the set-id bits of its classes
 * away, a class among the letters is carried out on its own, X looks at the mode before all
 * clauses, and t counts for u and g too.
 */
static mode_t apply_clause(mode_t mode, mode_t before, mode_t who, char op, const char *letters)
{
	mode_t perm = 0;
	bool x_if = false, done = false;
	for (const char *p = letters; *p; p++) {
		bool above_others = !who || (who & ~(mode_t)WHO_O);
		switch (*p) {
		case 'r':
			perm |= 0444;
			break;
		case 'w':
			perm |= 0222;
			break;
		case 'X':
			if (op != '-') {
				x_if = true;
				break;
			}
			__attribute__((fallthrough));
		case 'x':
			perm |= 0111;
			break;
		case 's':
			perm |= above_others ? 06000 : 0;
			break;
		case 't':
			who |= above_others ? STICKY : 0;
			perm |= above_others ? STICKY : 0;
			break;
		default:
			if (perm)
				mode = change(mode, op, who, perm);
			perm = 0;
			done = true;
			mode = copy_class(mode, op, who, *p);
			break;
		}
	}
	if (perm || (op == '=' && !done))
		mode = change(mode, op, who, perm);
	if (x_if && (S_ISDIR(before) || (before & 0111)))
		mode = change(mode, '+', who, 0111);
	return mode;
}

mode_t chmod_apply(const struct chmod *c, mode_t st_mode)
{
	if (c->octal)
		return c->mode;
	mode_t mode = st_mode;
	for (unsigned i = 0; i < c->n; i++)
		mode = apply_clause(
			mode, st_mode, c->clause[i].who, c->clause[i].op, c->clause[i].perms);
	return mode & 07777;
}

mode_t chmod_new_dir(const struct chmod *c)
{
	return c->octal ? c->mode & 0777 : 0755;
}
