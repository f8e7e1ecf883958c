/* SPDX-License-Identifier: Apache-2.0 */
#include "build/logfile.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct logfile {
	struct store *store;
	struct txn *txn;
	size_t size;
	int fd; /* -1: nothing was written yet */
	int failed; /* errno of the first write that failed */
	char *last; /* the step that wrote last */
};

struct logfile *logfile_new(struct store *s, struct txn *t)
{
	struct logfile *l = xcalloc(1, sizeof(*l));
	l->store = s;
	l->txn = t;
	l->fd = -1;
	return l;
}

static void put(struct logfile *l, const char *data, size_t n)
{
	static const char cut[] = "\n=== the log is full: what follows is not kept\n";
	if (l->failed || l->size > LOG_MAX)
		return;
	bool full = n > LOG_MAX - l->size;
	if (full)
		n = LOG_MAX - l->size;
	if (fs_write_all(l->fd, data, n) < 0 ||
		(full && fs_write_all(l->fd, cut, sizeof(cut) - 1) < 0))
		l->failed = errno;
	l->size += n + full;
}

void logfile_add(struct logfile *l, const char *id, const char *data, size_t n)
{
	if (l->fd < 0 && !l->failed) {
		l->fd = openat(
			txn_fd(l->txn), "log", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (l->fd < 0)
			l->failed = errno;
	}
	if (!l->last || !streq(l->last, id)) {
		AUTO_FREE char *head = xasprintf("%s=== %s\n", l->last ? "\n" : "", id);
		put(l, head, strlen(head));
		mem_replace(&l->last, xstrdup(id));
	}
	put(l, data, n);
}

static void drop_old(int dir)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	if (!d) {
		mem_close_p(&own);
		return;
	}
	for (struct dirent *e; (e = readdir(d));)
		if (str_has_prefix(e->d_name, "build-"))
			strv_add(&names, e->d_name);
	closedir(d);
	strv_sort(&names); /* their names begin with the time */
	for (size_t i = 0; i + LOGS_KEPT < names.n; i++)
		unlinkat(dir, names.v[i], 0);
}

int logfile_keep(struct logfile *l, char **ret_path, struct err *err)
{
	*ret_path = NULL;
	if (l->failed) {
		errno = l->failed;
		return err_sys(err, "cannot write the build's log");
	}
	if (l->fd < 0)
		return 0;
	if (mkdirat(store_fd(l->store), "logs", 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make the directory logs");
	AUTO_FD int dir = openat(store_fd(l->store), "logs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "cannot open the directory logs");
	struct timespec now = clock_now();
	struct tm tm;
	char when[32];
	if (!gmtime_r(&now.tv_sec, &tm) || !strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm))
		when[0] = '\0';
	AUTO_FREE char *name = xasprintf("build-%s-%s.log", when, txn_id(l->txn));
	if (renameat(txn_fd(l->txn), "log", dir, name) < 0)
		return err_sys(err, "cannot keep the log '%s'", name);
	drop_old(dir);
	*ret_path = xasprintf("%s/logs/%s", store_path(l->store), name);
	return 0;
}

void logfile_free(struct logfile *l)
{
	if (!l)
		return;
	mem_close_p(&l->fd);
	free(l->last);
	free(l);
}
