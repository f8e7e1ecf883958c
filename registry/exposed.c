/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/exposed.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"

/* Those of S_IRGRP and S_IROTH who can walk to the path too. A directory's group may be another
 * one: then they pass as others. */
static mode_t who_arrives(mode_t readers, char *path)
{
	struct stat st;
	for (char *slash; readers && (slash = strrchr(path, '/'));) {
		*slash = '\0';
		if (stat(*path ? path : "/", &st) < 0)
			return 0;
		if (!(st.st_mode & S_IXOTH))
			readers &= ~(mode_t)S_IROTH;
		if (!(st.st_mode & (S_IXGRP | S_IXOTH)))
			readers &= ~(mode_t)S_IRGRP;
	}
	return readers;
}

bool file_is_exposed(const char *path)
{
	struct stat st;
	struct statvfs fs;
	AUTO_FREE char *real = realpath(path, NULL);
	return real && stat(real, &st) == 0 && st.st_uid == geteuid() && statvfs(real, &fs) == 0 &&
	       !(fs.f_flag & ST_RDONLY) && who_arrives(st.st_mode & (S_IRGRP | S_IROTH), real);
}
