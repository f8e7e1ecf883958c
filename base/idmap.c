/* SPDX-License-Identifier: Apache-2.0 */
#include "base/idmap.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAP_MAX (64 * KIB) /* the kernel takes 340 lines */

enum idmap idmap_parse(const char *text)
{
	/* the first line: inside, outside, count; a text that ends early gives zeros */
	char *p;
	unsigned long long inside = strtoull(text, &p, 10);
	unsigned long long outside = strtoull(p, &p, 10);
	unsigned long long count = strtoull(p, &p, 10);
	if (inside == 0 && outside == 0 && count == UINT32_MAX)
		return IDMAP_ALL;
	const char *line = strchr(text, '\n');
	return count == 1 && (!line || !line[1]) ? IDMAP_ONE : IDMAP_SOME;
}

enum idmap idmap_own(void)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	if (fs_read_file(AT_FDCWD, "/proc/self/uid_map", MAP_MAX, &text, NULL, &ignored) < 0)
		return IDMAP_ALL;
	return idmap_parse(text);
}
