/* SPDX-License-Identifier: Apache-2.0 */
/*
 * without CALL[,CALL...] PROGRAM [ARGUMENT...]: the program on a kernel that does not know these
 * system calls: they fail with ENOSYS, in it and in everything that it starts. CALL! is known and
 * forbidden: EPERM.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: without CALL[,CALL...] PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	/* root may do without, and then set-user-ID programs still work */
	if (!f || (geteuid() == 0 && seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0) < 0))
		return 125;
	char *save = NULL;
	for (char *name = strtok_r(argv[1], ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		char *forbidden = strchr(name, '!');
		if (forbidden)
			*forbidden = '\0';
		int nr = seccomp_syscall_resolve_name(name);
		unsigned how = SCMP_ACT_ERRNO(forbidden ? EPERM : ENOSYS);
		if (nr < 0 || seccomp_rule_add(f, how, nr, 0) < 0) {
			fprintf(stderr, "without: no system call '%s'\n", name);
			return 125;
		}
	}
	if (seccomp_load(f) < 0) {
		perror("without: cannot load the filter");
		return 125;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
