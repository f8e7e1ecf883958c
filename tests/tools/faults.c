/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults KIND: does what sanitizers are to find, beside a table as large as their own. sanitize.sh
 * looks whether they do, with what sanitize.c makes of their runtime.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char table[8 << 20];
static char *volatile kept[1 << 19];
static char *volatile first = table;
static int volatile large = INT_MAX;

int main(int argc, char **argv)
{
	const char *kind = argc == 2 ? argv[1] : "";

	if (strcmp(kind, "none") == 0) {
		first = malloc(10);
		kept[0] = malloc(11);
		kept[1 << 18] = malloc(12);
		kept[(1 << 19) - 1] = malloc(13);
	} else if (strcmp(kind, "leak") == 0) {
		for (int i = 0; i < 3; i++) { /* some stale copy may be left of the last one */
			kept[1 << 18] = malloc(14);
		}
	} else if (strcmp(kind, "global") == 0) {
		first[sizeof(table)] = 1;
	} else if (strcmp(kind, "heap") == 0) {
		kept[0] = malloc(15);
		free(kept[0]);
		kept[0][0] = 1;
	} else if (strcmp(kind, "undefined") == 0) {
		return large + argc < 0;
	} else {
		fputs("usage: faults none|leak|global|heap|undefined\n", stderr);
		return 2;
	}
	return 0;
}
