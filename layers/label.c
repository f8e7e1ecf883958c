/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/label.h"

#include "base/err.h"
#include "base/mem.h"
#include "layers/walk.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LABEL_NAME "security.selinux"
#define LABEL_MAX 4096 /* the kernel takes less than a page */
#define DEPTH_MAX 400 /* each takes a descriptor */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static char *files_label, *shared_label;

void label_use(const char *files, const char *shared)
{
	free(files_label);
	free(shared_label);
	files_label = files ? xstrdup(files) : NULL;
	shared_label = shared ? xstrdup(shared) : NULL;
}

const char *label_files(void)
{
	return files_label;
}

const char *label_shared(void)
{
	return shared_label;
}

struct labelling {
	const char *label, *name;
	unsigned depth;
};

static int failed(const struct labelling *l, const char *file, struct err *err)
{
	return err_sys(
		err, "cannot label '%s' in '%s' for SELinux as '%s'", file, l->name, l->label);
}

/* One component, so that nothing is followed. */
static int label_entry(const struct labelling *l, int dir, const char *name, struct err *err)
{
	char path[NAME_MAX + 64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	return lsetxattr(path, LABEL_NAME, l->label, strlen(l->label) + 1, 0) < 0
	               ? failed(l, name, err)
	               : 0;
}

static int label_dir(struct labelling *l, int dir, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	if (++l->depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT,
			"'%s' cannot be labelled: directories are nested more "
			"than %d deep",
			l->name, DEPTH_MAX);
	if (walk_list_read(dir, l->name, &list, err) < 0)
		return err->code;
	for (size_t i = 0; i < list.n; i++) {
		const struct walk_item *it = &list.items[i];
		if (!it->descend) {
			if (label_entry(l, dir, it->name, err) < 0)
				return err->code;
			continue;
		}
		AUTO_FD int sub = openat(dir, it->name, DIR_FLAGS);
		if (sub < 0)
			return failed(l, it->name, err);
		if (label_dir(l, sub, err) < 0)
			return err->code;
	}
	l->depth--;
	return 0;
}

static const char *own_path(int fd, char ret[32])
{
	snprintf(ret, 32, "/proc/self/fd/%d", fd);
	return ret;
}

int label_tree(int fd, const char *label, const char *name, struct err *err)
{
	struct labelling l = {.label = label, .name = name};
	struct stat st;
	char path[32];
	if (fstat(fd, &st) < 0)
		return failed(&l, ".", err);
	if (S_ISDIR(st.st_mode)) {
		AUTO_FD int dir = openat(fd, ".", DIR_FLAGS);
		if (dir < 0)
			return failed(&l, ".", err);
		if (label_dir(&l, dir, err) < 0)
			return err->code;
	}
	/* last, since it tells that all below has it */
	return setxattr(own_path(fd, path), LABEL_NAME, label, strlen(label) + 1, 0) < 0
	               ? failed(&l, ".", err)
	               : 0;
}

int label_tree_once(int fd, const char *label, const char *name, struct err *err)
{
	char path[32], now[LABEL_MAX + 1];
	ssize_t n = getxattr(own_path(fd, path), LABEL_NAME, now, LABEL_MAX);
	if (n > 0) {
		now[n] = '\0';
		if (streq(now, label))
			return 0;
	}
	return label_tree(fd, label, name, err);
}
