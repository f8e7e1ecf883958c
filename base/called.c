/* SPDX-License-Identifier: Apache-2.0 */
#include "base/called.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define HINTS_MAX (1 * MIB) /* of a message */

bool called_buildah(void)
{
	/* init.c clears our arguments, in which the name lies */
	static enum { UNKNOWN, NO, YES } known;

	if (known == UNKNOWN)
		known = streq(program_invocation_short_name, "buildah") ? YES : NO;
	return known == YES;
}

const char *called_name(void)
{
	return called_buildah() ? "buildah" : "mica";
}

char *called_hints(const char *text)
{
	static const char ours[] = "mica ";
	AUTO_BUF struct buf b = BUF_INIT(HINTS_MAX);

	if (!called_buildah())
		return xstrdup(text);
	buf_addstr(&b, "");
	for (const char *at; (at = strpbrk(text, "'`")); text = at) {
		buf_add(&b, text, (size_t)(++at - text));
		if (str_has_prefix(at, ours)) {
			buf_addstr(&b, "buildah ");
			at += strlen(ours);
		}
	}
	buf_addstr(&b, text);
	return buf_take(&b);
}
