/* SPDX-License-Identifier: Apache-2.0 */
/* Where the hierarchies are mounted, and where we are in them: /proc/self/mountinfo and cgroup. */
#include "run/cgroup_internal.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const controller_names[CONTROLLERS] = {"cpu", "cpuset", "memory", "pids", "devices"};

unsigned controllers_parse(const char *list, char sep)
{
	unsigned set = 0;
	for (const char *s = list; *s;) {
		size_t n = 0;
		while (s[n] && s[n] != sep && s[n] != '\n')
			n++;
		for (size_t i = 0; i < CONTROLLERS; i++)
			if (strlen(controller_names[i]) == n &&
				memcmp(controller_names[i], s, n) == 0)
				set |= 1U << i;
		s += n;
		if (*s)
			s++;
	}
	return set;
}

int cgroup_write(int dirfd, const char *file, const char *text)
{
	AUTO_FD int fd = openat(dirfd, file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	return write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

int cgroup_read(int dirfd, const char *file, char *buf, size_t n)
{
	AUTO_FD int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t got = read(fd, buf, n - 1);
	if (got < 0)
		return -1;
	buf[got] = '\0';
	/* half a line, in a list of processes, is the number of another one */
	char *whole = (size_t)got == n - 1 ? strrchr(buf, '\n') : NULL;
	if (whole)
		got = whole - buf + 1;
	while (got > 0 && buf[got - 1] == '\n')
		buf[--got] = '\0';
	return 0;
}

uint64_t cgroup_read_key(int dirfd, const char *file, const char *key)
{
	char text[4096];
	if (cgroup_read(dirfd, file, text, sizeof(text)) < 0)
		return 0;
	size_t n = strlen(key);
	for (char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, key, n) == 0 && line[n] == ' ')
			return strtoull(line + n + 1, NULL, 10);
	}
	return 0;
}

int cgroup_refused(struct err *err, const char *flag, const char *file)
{
	int sys = errno;
	err_sys(err, "%s: cannot set %s", flag, file);
	/* a value that the kernel does not take is the user's mistake, anything else this host's
	 * limit */
	err->code = sys == EINVAL || sys == ERANGE ? ERR_INVALID : ERR_UNSUPPORTED;
	return err->code;
}

int cgroup_set_refused(
	struct err *err, const char *flag, const char *want, int dir, const char *have)
{
	char text[256];
	if (cgroup_read(dir, have, text, sizeof(text)) < 0)
		return cgroup_refused(err, flag, have);
	return err_set(err, ERR_INVALID, "%s: '%s': what can be used here is '%s', or some of it",
		flag, want, text);
}

/* Where path (from /proc/self/cgroup) lies below a mount whose root is `root` of the hierarchy. */
static char *own_dir(const char *mount, const char *root, const char *path)
{
	if (!streq(root, "/") && path_is_below(path, root))
		path += strlen(root);
	else if (str_has_prefix(path, "/..")) /* outside of our cgroup namespace */
		path = "";
	return path_join(mount, *path ? path : "/");
}

/* Our cgroup in the hierarchy of these controllers (v1) or in version 2, from /proc/self/cgroup;
 * NULL: none. */
static char *find_own_path(const char *table, bool v2, unsigned controllers)
{
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, table, '\n');
	STRV_FOREACH (line, &lines) {
		char *list = strchr(*line, ':');
		char *path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		list++;
		if (v2 ? !*list : (*list && (controllers_parse(list, ',') & controllers)))
			return xstrdup(path);
	}
	return NULL;
}

/* One line of mountinfo(5): id parent dev root mount options [tags...] - type source super-options
 */
static void add_mount(struct hierarchies *hs, char *line, const char *table)
{
	char *f[6];
	char *save = line;
	for (size_t i = 0; i < ARRAY_LEN(f); i++) {
		f[i] = save;
		save = strchr(save, ' ');
		if (!save)
			return;
		*save++ = '\0';
	}
	char *dash = str_has_prefix(save, "- ") ? save : strstr(save, " - ");
	if (!dash || hs->n == HIERARCHIES_MAX)
		return;
	char *type = dash + (*dash == ' ' ? 3 : 2);
	bool v2 = str_has_prefix(type, "cgroup2 ");
	if (!v2 && !str_has_prefix(type, "cgroup "))
		return;

	struct hierarchy h = {.v2 = v2};
	const char *options = strrchr(type, ' ') + 1;
	if (!v2 && (h.controllers = controllers_parse(options, ',')) == 0)
		return;
	for (size_t i = 0; i < hs->n; i++) /* the same hierarchy mounted a second time */
		if (hs->h[i].v2 == v2 && hs->h[i].controllers == h.controllers)
			return;
	AUTO_FREE char *path = find_own_path(table, v2, h.controllers);
	if (!path)
		return;
	h.mount = xstrdup(f[4]);
	h.own = own_dir(f[4], f[3], path);
	h.name = xstrdup(path_base(f[4]));
	hs->h[hs->n++] = h;
}

static int find(struct hierarchies *hs, struct err *err)
{
	AUTO_FREE char *mounts = NULL;
	AUTO_FREE char *table = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 * MIB, &mounts, &n, err);
	if (r == 0)
		r = fs_read_file(AT_FDCWD, "/proc/self/cgroup", MIB, &table, &n, err);
	if (r < 0)
		return r;
	for (char *line = mounts; line && *line;) {
		char *end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		add_mount(hs, line, table);
		line = end;
	}
	unsigned v1 = 0;
	for (size_t i = 0; i < hs->n; i++)
		v1 |= hs->h[i].v2 ? 0 : hs->h[i].controllers;
	/* What version 2 can control. Not only what our own cgroup has: it need not be the one that
	 * is divided, and service managers hand down no more than was asked for. */
	for (size_t i = 0; i < hs->n; i++) {
		char text[256];
		if (!hs->h[i].v2)
			continue;
		AUTO_FD int fd = open(hs->h[i].mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && cgroup_read(fd, "cgroup.controllers", text, sizeof(text)) == 0)
			hs->h[i].controllers =
				controllers_parse(text, ' ') | (CONTROLLER_DEVICES & ~v1);
	}
	return 0;
}

int hierarchies_find(struct hierarchies **ret, struct err *err)
{
	static struct hierarchies found;
	static bool known;
	int r = known ? 0 : find(&found, err);
	known = r == 0;
	*ret = &found;
	return r;
}
