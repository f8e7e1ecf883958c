/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swap A B STOP SECONDS: exchanges the names A and B without a pause (renameat2 with
 * RENAME_EXCHANGE: at each moment each of them is one or the other), until the file STOP is there
 * or the time is over. Prints how often. Static: it runs in images that have nothing else.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_A_LOOK 64

static time_t now(void)
{
	struct timespec t;
	return clock_gettime(CLOCK_MONOTONIC, &t) < 0 ? 0 : t.tv_sec;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: swap A B STOP SECONDS\n");
		return 125;
	}
	unsigned long rounds = 0;
	struct stat st;
	time_t end = now() + strtol(argv[4], NULL, 10);
	while (stat(argv[3], &st) < 0 && now() < end)
		for (int i = 0; i < ROUNDS_A_LOOK; i++)
			rounds += renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2],
					  RENAME_EXCHANGE) == 0;
	printf("%lu exchanges\n", rounds);
	return rounds == 0;
}
