/* SPDX-License-Identifier: Apache-2.0 */
#include "base/called.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define HINTS_MAX (1 * MIB) /* of a message */

static bool by_verb;

const char *called_name(void)
{
	/* init.c clears our arguments, in which the name lies */
	static const char *name;

	if (!name)
		name = streq(program_invocation_short_name, "buildah") ? "buildah" : "mica";
	return name;
}

void called_verb(const char *verb)
{
	by_verb = streq(verb, "bud") || streq(verb, "build-using-dockerfile");
}

bool called_buildah(void)
{
	return by_verb || streq(called_name(), "buildah");
}

char *called_hints(const char *text)
{
	static const char ours[] = "mica ";
	AUTO_BUF struct buf b = BUF_INIT(HINTS_MAX);

	if (streq(called_name(), "mica"))
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
