/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the manual pages, cut out of man/ by the build (cmake/help.awk). */
#pragma once

struct help {
	const char *command; /* "build"; "" for mica itself */
	const char *summary; /* one line */
	const char *text; /* what --help prints */
};

/* NULL: there is no such page. */
const struct help *help_find(const char *command);
