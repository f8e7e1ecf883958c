/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("hello, %s, from user %d\n", argv[i], (int)getuid());
	return argc > 1 ? 0 : 1;
}
