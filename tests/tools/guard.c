/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard DIRECTORY...: prints a line for whatever is made, removed, renamed, changed or, of its
 * files, opened in one of the directories, however short it is there, and in whatever mount
 * namespace it is done. Ends with whoever started it.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const struct {
		unsigned mask;
		const char *what;
	} kinds[] = {{IN_CREATE, "made"}, {IN_DELETE, "removed"}, {IN_MOVE, "renamed"},
		{IN_MODIFY, "written"}, {IN_ATTRIB, "changed"}, {IN_OPEN, "opened"}};
	unsigned all = 0;
	char events[65536] __attribute__((aligned(8)));
	ssize_t n;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		all |= kinds[i].mask;
	int fd = inotify_init1(IN_CLOEXEC);
	for (int i = 1; i < argc; i++) {
		if (fd < 0 || inotify_add_watch(fd, argv[i], all | IN_ONLYDIR) < 0) {
			perror("guard");
			return 125;
		}
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("on guard");
	while ((n = read(fd, events, sizeof(events))) > 0) {
		for (char *at = events; at < events + n;) {
			struct inotify_event *e = (struct inotify_event *)at;
			at += sizeof(*e) + e->len;
			/* who lists the directory opens it, and so does the test */
			if (e->mask & IN_ISDIR && e->mask & IN_OPEN)
				continue;
			for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
				if (e->mask & kinds[i].mask)
					printf("%s: %s\n", kinds[i].what, e->len ? e->name : ".");
		}
	}
	return 1;
}
