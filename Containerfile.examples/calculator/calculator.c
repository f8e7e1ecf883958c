/* SPDX-License-Identifier: Apache-2.0 */
/* Reads "A op B" line by line. */
#include <stdio.h>
#include <stdlib.h>

#include <readline/readline.h>

static long result(long a, char op, long b)
{
	switch (op) {
	case '+':
		return a + b;
	case '-':
		return a - b;
	case '*':
		return a * b;
	default:
		return b ? a / b : 0;
	}
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		printf("%s %s\n", argv[0], VERSION);
		return 0;
	}
	char *line;
	rl_outstream = stderr;
	while ((line = readline(""))) {
		long a, b;
		char op;
		if (sscanf(line, "%ld %c %ld", &a, &op, &b) == 3)
			printf("%ld\n", result(a, op, b));
		else
			fprintf(stderr, "not understood: %s\n", line);
		free(line);
	}
	return 0;
}
