/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/help.h"

#include <stddef.h>

#include "base/mem.h"

static const struct help pages[] = {
#include "help_pages.inc"
};

const struct help *help_find(const char *command)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (streq(pages[i].command, command))
			return &pages[i];
	return NULL;
}
