/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/choose.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/strv.h"

#define ANSWER_MAX 16

bool choose_possible(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* Byte by byte: what is typed ahead is not ours. */
static bool read_answer(char ret[ANSWER_MAX])
{
	size_t n = 0;
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1) {
		if (c == '\n') {
			ret[n] = '\0';
			return true;
		}
		if (n < ANSWER_MAX - 1)
			ret[n++] = c;
	}
	return false;
}

int choose_name(const char *text, const struct strv *names)
{
	char answer[ANSWER_MAX];
	uint64_t number;

	fprintf(stderr, "The short name '%s' may be:\n", text);
	for (size_t i = 0; i < names->n; i++)
		fprintf(stderr, "  %zu  %s\n", i + 1, names->v[i]);
	for (;;) {
		fprintf(stderr, "Which one? [1] ");
		if (!read_answer(answer))
			return -1;
		if (!*answer)
			return 0;
		if (num_u64(answer, names->n, &number) && number > 0)
			return (int)number - 1;
	}
}
