/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over a corpus: every build of every compiler replays every input ever found.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
		return 2;
	}
	unsigned count = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		int fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC);
		struct stat st;
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		uint8_t *data = malloc((size_t)st.st_size + 1);
		ssize_t n = data ? read(fd, data, (size_t)st.st_size) : -1;
		close(fd);
		if (n < 0) {
			perror(e->d_name);
			free(data);
			closedir(dir);
			return 2;
		}
		LLVMFuzzerTestOneInput(data, (size_t)n);
		free(data);
		count++;
	}
	closedir(dir);
	printf("%u inputs\n", count);
	return count ? 0 : 2;
}
