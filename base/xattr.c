/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xattr.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAMES_MAX 256 /* attributes of one file */
#define LIST_MAX (64 * KIB) /* XATTR_LIST_MAX of the kernel */
#define VALUE_MAX (64 * KIB) /* XATTR_SIZE_MAX of the kernel */
#define SMALL 512 /* most lists and values fit here without allocation */
#define PROC_PATH_MAX 4200 /* "/proc/self/fd/N/" and a name of up to PATH_MAX */

bool xattr_travels(const char *name)
{
	if (str_has_prefix(name, "user."))
		return !str_has_prefix(name, "user.overlay.") &&
		       !str_has_prefix(name, "user.fuseoverlayfs.") &&
		       !str_has_prefix(name, OWNER_ATTRIBUTES) && name[5] != '\0';
	return streq(name, XATTR_CAPABILITY);
}

/* A file named by directory and name, or (fd >= 0) by its own descriptor. */
struct target {
	int fd;
	char path[PROC_PATH_MAX];
};

static int target_set(struct target *t, int dirfd, const char *name, struct err *err)
{
	if (*name == '\0') {
		t->fd = dirfd;
		return 0;
	}
	t->fd = -1;
	int n = dirfd == AT_FDCWD
	                ? snprintf(t->path, sizeof(t->path), "%s", name)
	                : snprintf(t->path, sizeof(t->path), "/proc/self/fd/%d/%s", dirfd, name);
	if (n < 0 || (size_t)n >= sizeof(t->path))
		return err_set(err, ERR_LIMIT, "name '%.60s...' is too long", name);
	return 0;
}

static ssize_t target_list(const struct target *t, char *buf, size_t n)
{
	return t->fd >= 0 ? flistxattr(t->fd, buf, n) : llistxattr(t->path, buf, n);
}

static ssize_t target_get(const struct target *t, const char *name, void *buf, size_t n)
{
	return t->fd >= 0 ? fgetxattr(t->fd, name, buf, n) : lgetxattr(t->path, name, buf, n);
}

struct list {
	char small[SMALL];
	char *big;
	const char *names;
	size_t n;
};

static void list_done(struct list *l)
{
	free(l->big);
}
#define AUTO_LIST __attribute__((cleanup(list_done)))

static int list_read(struct list *l, const struct target *t, const char *file, struct err *err)
{
	l->names = l->small;
	ssize_t n = target_list(t, l->small, sizeof(l->small));
	if (n < 0 && errno == ERANGE) {
		l->names = l->big = xmalloc(LIST_MAX);
		n = target_list(t, l->big, LIST_MAX);
	}
	if (n < 0 && errno != EOPNOTSUPP && errno != ENOSYS)
		return err_sys(err, "cannot list the attributes of '%s'", file);
	l->n = n < 0 ? 0 : (size_t)n;
	return 0;
}

static int read_value(const struct target *t, struct xattr *x, const char *file, struct err *err)
{
	char small[SMALL];
	ssize_t n = target_get(t, x->name, small, sizeof(small));
	if (n >= 0) {
		x->len = (size_t)n;
		x->value = xmemdup(small, x->len);
		return 0;
	}
	if (errno != ERANGE)
		return err_sys(err, "cannot read attribute '%s' of '%s'", x->name, file);
	AUTO_FREE char *big = xmalloc(VALUE_MAX);
	n = target_get(t, x->name, big, VALUE_MAX);
	if (n < 0)
		return err_sys(err, "cannot read attribute '%s' of '%s'", x->name, file);
	x->len = (size_t)n;
	x->value = xmemdup(big, x->len);
	return 0;
}

static int cmp_names(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name, ((const struct xattr *)b)->name);
}

int xattrs_read(int dirfd, const char *name, struct xattrs *ret, struct err *err)
{
	const char *file = *name ? name : ".";
	struct target t;
	AUTO_LIST struct list list = {0};
	*ret = (struct xattrs){0};
	if (target_set(&t, dirfd, name, err) < 0 || list_read(&list, &t, file, err) < 0)
		return err->code;

	AUTO_XATTRS struct xattrs all = {0};
	for (const char *p = list.names; p < list.names + list.n; p += strlen(p) + 1) {
		if (!xattr_travels(p))
			continue;
		if (all.n == NAMES_MAX)
			return err_set(err, ERR_LIMIT, "'%s' has more than %d attributes", file,
				NAMES_MAX);
		if (!all.x)
			all.x = xcalloc(NAMES_MAX, sizeof(*all.x));
		all.x[all.n++].name = xstrdup(p);
		if (read_value(&t, &all.x[all.n - 1], file, err) < 0)
			return err->code;
	}
	if (all.n > 1)
		qsort(all.x, all.n, sizeof(*all.x), cmp_names);
	*ret = all;
	all = (struct xattrs){0};
	return 0;
}

int xattrs_are_plain(int dirfd, const char *name, bool *ret, struct err *err)
{
	struct target t;
	AUTO_LIST struct list list = {0};
	if (target_set(&t, dirfd, name, err) < 0 || list_read(&list, &t, name, err) < 0)
		return err->code;
	*ret = true;
	for (const char *p = list.names; p < list.names + list.n; p += strlen(p) + 1)
		if (streq(p, XATTR_CAPABILITY) ||
			(!xattr_travels(p) && !str_has_prefix(p, "security.")))
			*ret = false;
	return 0;
}

uint64_t xattrs_size(int dirfd, const char *name)
{
	struct err ignored = ERR_INIT;
	struct target t;
	AUTO_LIST struct list list = {0};
	if (target_set(&t, dirfd, name, &ignored) < 0 || list_read(&list, &t, name, &ignored) < 0)
		return 0;
	uint64_t sum = list.n;
	for (const char *p = list.names; p < list.names + list.n; p += strlen(p) + 1) {
		ssize_t n = target_get(&t, p, NULL, 0);
		sum += n > 0 ? (uint64_t)n : 0;
	}
	return sum;
}

int xattr_set(int dirfd, const char *name, const struct xattr *x, struct err *err)
{
	struct target t;
	if (target_set(&t, dirfd, name, err) < 0)
		return err->code;
	int ret = t.fd >= 0 ? fsetxattr(t.fd, x->name, x->value, x->len, 0)
	                    : lsetxattr(t.path, x->name, x->value, x->len, 0);
	if (ret == 0)
		return 0;
	bool unsupported =
		errno == EOPNOTSUPP || (errno == EPERM && str_has_prefix(x->name, "security."));
	(void)err_sys(err, "cannot set attribute '%s' of '%s'", x->name, *name ? name : ".");
	if (unsupported)
		err->code = ERR_UNSUPPORTED;
	return err->code;
}

void xattrs_drop(struct xattrs *x, const char *name)
{
	size_t kept = 0;
	for (size_t i = 0; i < x->n; i++) {
		if (streq(x->x[i].name, name)) {
			free(x->x[i].name);
			free(x->x[i].value);
		} else {
			x->x[kept++] = x->x[i];
		}
	}
	x->n = kept;
}

void xattrs_done(struct xattrs *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free(x->x[i].name);
		free(x->x[i].value);
	}
	free(x->x);
	*x = (struct xattrs){0};
}
