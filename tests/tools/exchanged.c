/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: what is executed as "/exchanged" is our own program by then, as if somebody had made
 * the name a link to it after it was looked at, and before the kernel did. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int execve(const char *path, char *const argv[], char *const env[])
{
	const char *now = strcmp(path, "/exchanged") == 0 ? "/proc/self/exe" : path;
	return (int)syscall(SYS_execve, now, argv, env);
}
