/* SPDX-License-Identifier: Apache-2.0 */
/* Prints "COMMAND OPTION" for every option of every table: what options-vs-pages.sh compares with
 * the manual pages. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/commands.h"

static void print(const struct opt *o, void *arg)
{
	const char *command = arg;

	if (o->letter)
		printf("%s -%c\n", command, o->letter);
	printf("%s --%s\n", command, o->name);
}

int main(void)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "mica");
	opt_each(global_options, print, name);
	for (size_t i = 0; commands[i]; i++) {
		(void)snprintf(name, sizeof(name), "%s", commands[i]->name);
		opt_each(commands[i]->options, print, name);
	}
	return 0;
}
