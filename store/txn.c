/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions. tmp/ID is made, and its lock taken, while the directory tmp itself is locked
 * shared; the sweep looks for dead ones while it is locked exclusively. So a directory whose lock
 * is missing or free belongs to nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tmp.h"
#include "store/additional.h"
#include "store/ballast.h"
#include "store/dying.h"
#include "store/gc.h"
#include "store/store_internal.h"

#define HURRY_MS 300 /* of the second within which an interrupted command ends */
#define ID_LEN 16

struct txn {
	struct store *store;
	int fd;
	int owner; /* note_owner() */
	int gc_lock;
	bool has_cgroups;
	bool left_running;
	bool hurry;
	unsigned count; /* of directories made */
	char id[ID_LEN + 1];
};

static int lock_dir(int fd, int op)
{
	int r;
	while ((r = flock(fd, op)) < 0 && errno == EINTR)
		;
	return r;
}

static int make(struct txn *t, int tmp_fd, struct err *err)
{
	if (lock_dir(tmp_fd, LOCK_SH) < 0)
		return err_sys(err, "cannot lock '%s/" TMP_DIR "'", t->store->path);
	tmp_random_name(t->id, ID_LEN);
	if (mkdirat(tmp_fd, t->id, 0700) < 0)
		return err_sys(err, "cannot make a directory in '%s/" TMP_DIR "'", t->store->path);
	t->fd = openat(tmp_fd, t->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->fd < 0)
		return err_sys(err, "cannot open '%s/" TMP_DIR "/%s'", t->store->path, t->id);
	if (lock_dir(t->fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, "cannot lock \'%s/" TMP_DIR "/%s\'", t->store->path, t->id);
	t->owner = note_owner(t->fd);
	(void)lock_dir(tmp_fd, LOCK_UN); /* closing does it too */
	return 0;
}

int txn_begin(struct store *s, struct txn **ret, struct err *err)
{
	AUTO_FD int tmp_fd = -1;
	int r;

	if (store_may_write(s, err) < 0)
		return err->code;
	if ((r = recover_after_boot(s, err)) < 0 ||
		(r = store_open_dir(s, TMP_DIR, &tmp_fd, err)) < 0)
		return r;
	struct txn *t = xcalloc(1, sizeof(*t));
	*t = (struct txn){.store = s, .fd = -1, .owner = -1, .gc_lock = -1};
	r = store_lock(s, "gc.lock", LOCK_SHARED, true, &t->gc_lock, err);
	if (r == 0) {
		struct err ignored = ERR_INIT;
		sweep_dead(s, false, &ignored);
		ballast_make(s);
		additional_hold(s);
		r = make(t, tmp_fd, err);
	}
	if (r < 0) {
		txn_end(t);
		return r;
	}
	*ret = t;
	return 0;
}

/* flock(2) asks for no right to write. -1: there is none, or it is not for us to open. */
static int share_of_another(const struct store *s)
{
	int fd = fs_open_plain(s->fd, "gc.lock", O_RDONLY, 0);
	if (fd >= 0 && lock_dir(fd, LOCK_SH) < 0)
		log_debug("store '%s': no share of 'gc.lock'", s->path);
	return fd;
}

int txn_read(struct store *s, struct txn **ret, struct err *err)
{
	int lock = -1;
	int r = s->read_only ? 0 : recover_after_boot(s, err);
	if (r == 0 && !s->read_only)
		r = store_lock(s, "gc.lock", LOCK_SHARED, true, &lock, err);
	if (r < 0 && !store_is_closed(err))
		return r;
	if (r < 0 || s->read_only) {
		err_clear(err);
		lock = share_of_another(s);
	}
	additional_hold(s);
	*ret = xcalloc(1, sizeof(**ret));
	**ret = (struct txn){.store = s, .fd = -1, .owner = -1, .gc_lock = lock};
	return 0;
}

void store_clear_leftovers(struct store *s)
{
	struct err why = ERR_INIT;
	struct txn *t = NULL;
	int gc_lock;
	/* who has it alone sweeps all that there is: not waited for by those who only read */
	int r = store_lock(s, "gc.lock", LOCK_SHARED, false, &gc_lock, &why);
	if (r == 0) {
		close(gc_lock);
		r = txn_begin(s, &t, &why);
	}
	if (r == 0)
		txn_end(t);
	else
		log_debug("what dead commands have left: %s", why.msg);
}

int txn_fd(const struct txn *t)
{
	return t->fd;
}

const char *txn_id(const struct txn *t)
{
	return t->id;
}

int txn_mkdir(struct txn *t, const char *prefix, char **ret_name, int *ret_fd, struct err *err)
{
	AUTO_FREE char *name = NULL;
	/* a job counts on from where we were when it began, as we do */
	int r;
	do {
		mem_replace(&name, xasprintf("%s%u", prefix, t->count++));
		r = mkdirat(t->fd, name, 0755);
	} while (r < 0 && errno == EEXIST);
	if (r < 0)
		return err_sys(err, "cannot make the directory '%s' in the store", name);
	AUTO_FD int fd = openat(t->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* whatever the umask: it may become the root of an image */
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_sys(err, "cannot open the directory '%s' in the store", name);
	*ret_fd = take_fd(&fd);
	*ret_name = take(name);
	return 0;
}

int txn_note_cgroup(struct txn *t, const char *path, struct err *err)
{
	if (path[0] != '/' || strchr(path, '\n'))
		return err_set(err, ERR_INVALID, "'%s' is no path of a cgroup", path);
	AUTO_FREE char *line = xasprintf("%s\n", path);
	AUTO_FD int fd = openat(t->fd, "cgroups", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || fs_write_all(fd, line, strlen(line)) < 0)
		return err_sys(err, "cannot note the cgroup '%s'", path);
	t->has_cgroups = true;
	return 0;
}

/* Makes up for a sweep that was deferred because of us, unless others are at work still. */
static void sweep_if_wanted(struct store *s)
{
	const struct gc_opts names_are_gone = {0};
	struct gc_result result;
	struct err e = ERR_INIT;
	/* the unnamed files in the making hold a lock of their own, and end later */
	if (s->scratch || faccessat(s->fd, GC_WANTED_FILE, F_OK, 0) < 0)
		return;
	if (store_gc(s, &names_are_gone, &result, NULL, &e) < 0)
		log_debug("the deferred sweep: %s", e.msg);
}

void txn_left_running(struct txn *t)
{
	t->left_running = true;
}

void txn_hurry(struct txn *t)
{
	t->hurry = true;
}

void txn_end(struct txn *t)
{
	if (!t)
		return;
	struct err e = ERR_INIT;
	AUTO_FD int tmp_fd = -1;
	if (t->left_running)
		sweep_processes(t->id);
	/* what cannot be removed now is left to the sweep: without a holder of its lock it counts
	 * as dead */
	bool done = t->fd >= 0 && (!t->has_cgroups || sweep_cgroups(t->fd));
	if (done && (store_open_dir(t->store, TMP_DIR, &tmp_fd, &e) < 0 ||
			    fs_remove_tree_until(
				    tmp_fd, t->id, t->hurry ? clock_ms() + HURRY_MS : 0, &e) < 0))
		log_debug("transaction %s: %s", t->id, e.msg);
	if (t->fd >= 0)
		close(t->fd);
	forget_owner(t->owner);
	struct store *held = t->gc_lock >= 0 ? t->store : NULL;
	if (held)
		close(t->gc_lock);
	free(t);
	if (held)
		sweep_if_wanted(held);
}
