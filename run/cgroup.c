/* SPDX-License-Identifier: Apache-2.0 */
#include "run/cgroup.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/tmp.h"
#include "run/cgroup_internal.h"
#include "run/spec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A cgroup stays busy for a moment after its last process was reaped. */
#define REMOVE_TRIES 200
#define REMOVE_PAUSE_US 1000
#define NAME_DIGITS 16
#define LOCK_TRIES 20

struct cgroup {
	struct cgroup_dir dirs[CONTROLLERS];
	size_t n;
	bool has_cpuset; /* or may have, from above */
};

/* Which controllers do these limits need, and which flag asks for them? */
static unsigned needed(const struct run_limits *l, const char *flags[CONTROLLERS])
{
	unsigned set = 0;
	if (l->cpu_quota_us || l->cpu_period_us || l->cpu_shares) {
		set |= CONTROLLER_CPU;
		flags[0] = l->cpu_shares     ? "--cpu-shares"
		           : l->cpu_quota_us ? "--cpu-quota"
		                             : "--cpu-period";
	}
	if (l->cpuset_cpus || l->cpuset_mems) {
		set |= CONTROLLER_CPUSET;
		flags[1] = l->cpuset_cpus ? "--cpuset-cpus" : "--cpuset-mems";
	}
	if (l->memory) {
		set |= CONTROLLER_MEMORY;
		flags[2] = "--memory";
	}
	if (l->pids) {
		set |= CONTROLLER_PIDS;
		flags[3] = "--pids-limit";
	}
	if (cgroup_devices_needed(l)) {
		set |= CONTROLLER_DEVICES;
		flags[4] = "--device";
	}
	return set;
}

/*
 * The cgroup that the user names, from the top of the hierarchy; what is missing of it is made, and
 * stays. Version 1: each of them gets the processors and memory nodes of the one above. Version 2:
 * each hands the controllers down.
 */
static int given_parent(const struct hierarchy *h, unsigned need, const char *parent,
	char **ret_parent, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	AUTO_FREE char *clean = path_clean_rel(parent), *dir = xstrdup(h->mount);
	strv_split(&names, clean, '/');
	STRV_FOREACH (name, &names) {
		bool ready = !h->v2 || cgroup_v2_delegate(dir, need);
		if (ready && **name) {
			mem_replace(&dir, path_join(dir, *name));
			ready = (mkdir(dir, 0755) == 0 || errno == EEXIST) &&
			        (h->v2 || cgroup_v1_inherit(dir, h->controllers));
		}
		if (!ready) {
			err_sys(err, "cannot prepare cgroup '%s'", dir);
			return err->code = ERR_UNSUPPORTED;
		}
	}
	if (h->v2 && !cgroup_v2_delegate(dir, need)) {
		err_sys(err, "cgroup '%s' cannot be divided", dir);
		return err->code = ERR_UNSUPPORTED;
	}
	*ret_parent = take(dir);
	return 0;
}

static int find_parent(const struct hierarchy *h, unsigned need, const struct run_limits *l,
	char **ret_parent, struct err *err)
{
	if (l->parent)
		return given_parent(h, need, l->parent, ret_parent, err) < 0
		               ? err_wrap(err, "--cgroup-parent")
		               : 0;
	return h->v2 ? cgroup_v2_parent(h, need, ret_parent, err)
	             : cgroup_v1_parent(h, need, ret_parent, err);
}

struct note {
	int (*fn)(void *arg, const char *path, struct err *err);
	void *arg;
};

static bool is_name(const char *name)
{
	return str_has_prefix(name, "mica-") && strlen(name) == strlen("mica-") + NAME_DIGITS;
}

/*
 * A store knows the cgroups of those who died over it (store/sweep.c), and one that was removed
 * knows nothing more. What of ours is empty and has no maker who holds its lock is nobody's; the
 * kernel removes no other.
 */
static void remove_old(const char *parent)
{
	DIR *dir = opendir(parent);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_type != DT_DIR || !is_name(e->d_name))
			continue;
		AUTO_FD int fd = openat(
			dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
			unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR) < 0)
			log_debug("cgroup '%s' in '%s' is still used", e->d_name, parent);
	}
	if (dir)
		closedir(dir);
}

/* Somebody may take it for nobody's before it is locked: then it is made again. One that another
 * user keeps us from locking will do too. 0 or -1 with errno. */
static int make_locked(struct cgroup_dir *d)
{
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (mkdir(d->path, 0755) < 0 && (errno != EEXIST || i == 0))
			return -1;
		AUTO_FD int fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;
		AUTO_FD int procs = fd < 0 ? -1 : openat(fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
		if (procs >= 0 && (locked || i == LOCK_TRIES - 1)) {
			d->fd = take_fd(&fd);
			d->procs = take_fd(&procs);
			return 0;
		}
		if (procs < 0 && errno != ENOENT)
			break;
		usleep(REMOVE_PAUSE_US);
	}
	int sys = errno;
	(void)rmdir(d->path);
	errno = sys;
	return -1;
}

static int make_dir(struct cgroup *g, struct hierarchy *h, unsigned need,
	const struct run_limits *l, const char *name, const struct note *note, struct err *err)
{
	AUTO_FREE char *parent = NULL;
	int r = find_parent(h, h->v2 ? need & ~CONTROLLER_DEVICES : need, l, &parent, err);
	if (r < 0)
		return r;
	AUTO_FREE char *path = path_join(parent, name);
	if (note->fn) {
		r = note->fn(note->arg, path, err);
		if (r < 0)
			return r;
	}
	if (!h->swept)
		remove_old(parent);
	h->swept = true;
	struct cgroup_dir *d = &g->dirs[g->n];
	*d = (struct cgroup_dir){.v2 = h->v2, .controllers = need, .path = path};
	if (make_locked(d) < 0) {
		err_sys(err, "cannot create cgroup '%s'", path);
		return err->code = ERR_UNSUPPORTED;
	}
	d->path = take(path);
	d->hierarchy = xstrdup(h->name);
	g->n++;
	return 0;
}

/* A directory in each hierarchy that has some of the controllers. */
static int make_dirs(
	struct cgroup *g, const struct run_limits *l, const struct note *note, struct err *err)
{
	struct hierarchies *hs;
	const char *flags[CONTROLLERS] = {0};
	unsigned left = needed(l, flags);
	/* who names a cgroup wants its limits, whatever they are */
	unsigned also = l->parent ? (1U << CONTROLLERS) - 1 : 0;
	char name[32] = "mica-";
	tmp_random_name(name + 5, NAME_DIGITS);
	int r = hierarchies_find(&hs, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < hs->n && (left | also); i++) {
		unsigned here = hs->h[i].controllers & (hs->h[i].v2 ? left : left | also);
		if (!here)
			continue;
		r = make_dir(g, &hs->h[i], here, l, name, note, err);
		if (r == ERR_UNSUPPORTED && (here & left) && !l->parent)
			return err_wrap(err, "%s", flags[__builtin_ctz(here)]);
		if (r < 0)
			return r;
		left &= ~here;
		also &= ~here;
	}
	if (left) {
		int i = __builtin_ctz(left);
		return err_set(err, ERR_UNSUPPORTED,
			"%s: this host has no '%s' cgroup controller that we may use", flags[i],
			controller_names[i]);
	}
	return 0;
}

/* In version 2 alone, and only where nothing speaks against it: the sandbox works without. */
static int make_plain_dir(
	struct cgroup *g, const struct run_limits *l, const struct note *note, struct err *err)
{
	struct hierarchies *hs;
	char name[32] = "mica-";
	tmp_random_name(name + 5, NAME_DIGITS);
	int r = hierarchies_find(&hs, err);
	if (r < 0)
		r = ERR_UNSUPPORTED; /* no /proc, so no sandbox either: let that one say it */
	for (size_t i = 0; r == 0 && i < hs->n && g->n == 0; i++)
		if (hs->h[i].v2)
			r = make_dir(g, &hs->h[i], 0, l, name, note, err);
	if (r == 0 && l->parent && g->n == 0)
		return err_set(err, ERR_UNSUPPORTED, "--cgroup-parent: this host has no cgroups");
	if (r != ERR_UNSUPPORTED || l->parent)
		return r;
	log_debug("the sandbox has no cgroup of its own: %s", err->msg);
	err_clear(err);
	return 0;
}

int cgroup_create(const struct run_limits *l,
	int (*note)(void *arg, const char *path, struct err *err), void *arg, struct cgroup **ret,
	struct err *err)
{
	const char *flags[CONTROLLERS] = {0};
	if (l->memory_swap && !l->memory)
		return err_set(err, ERR_INVALID, "--memory-swap needs --memory");
	struct note n = {.fn = note, .arg = arg};
	struct cgroup *g = xcalloc(1, sizeof(*g));
	int r = needed(l, flags) || l->parent ? make_dirs(g, l, &n, err) : 0;
	if (r == 0 && g->n == 0)
		r = make_plain_dir(g, l, &n, err);
	for (size_t i = 0; i < g->n && r == 0; i++)
		r = g->dirs[i].v2 ? cgroup_v2_limit(&g->dirs[i], l, err)
		                  : cgroup_v1_limit(&g->dirs[i], l, err);
	if (r < 0) {
		struct err ignored = ERR_INIT;
		(void)!cgroup_remove(g, &ignored);
		return r;
	}
	g->has_cpuset = l->cpuset_cpus || l->cpuset_mems || l->parent;
	*ret = g->n ? g : NULL;
	if (g->n == 0)
		free(g);
	return 0;
}

int cgroup_check(const struct run_limits *l, struct err *err)
{
	const char *flags[CONTROLLERS] = {0};
	if (!needed(l, flags) && !l->memory_swap && !l->parent)
		return 0;
	/* The only honest check is to do it. */
	struct cgroup *g;
	int r = cgroup_create(l, NULL, NULL, &g, err);
	return r < 0 ? r : cgroup_remove(g, err);
}

/* On Linux 5.10 who is born in a cgroup keeps the processors of its parent process, and who enters
 * it has those of the cgroup. */
int cgroup_clone_fd(const struct cgroup *g)
{
	return g && !g->has_cpuset && g->n == 1 && g->dirs[0].v2 ? g->dirs[0].fd : -1;
}

int cgroup_join(const struct cgroup *g, struct err *err)
{
	for (size_t i = 0; g && i < g->n; i++)
		if (write(g->dirs[i].procs, "0", 1) < 0 && g->dirs[i].controllers)
			return err_sys(err, "cannot enter cgroup '%s'", g->dirs[i].path);
	return 0;
}

void cgroup_hold(const struct cgroup *g, bool hold)
{
	for (size_t i = 0; g && i < g->n; i++)
		if (g->dirs[i].v2 &&
			cgroup_write(g->dirs[i].fd, "cgroup.freeze", hold ? "1" : "0") < 0)
			log_debug("cannot freeze or thaw cgroup '%s'", g->dirs[i].path);
}

bool cgroup_is_held(const struct cgroup *g)
{
	size_t n = 0;
	for (size_t i = 0; g && i < g->n; i++) {
		if (!g->dirs[i].v2)
			continue;
		if (cgroup_read_key(g->dirs[i].fd, "cgroup.events", "frozen") != 1)
			return false;
		n++;
	}
	return n > 0;
}

void cgroup_usage(const struct cgroup *g, struct cgroup_usage *ret)
{
	*ret = (struct cgroup_usage){0};
	for (size_t i = 0; g && i < g->n; i++) {
		const struct cgroup_dir *d = &g->dirs[i];
		if (d->controllers & CONTROLLER_MEMORY) {
			char text[32];
			const char *peak = d->v2 ? "memory.peak" : "memory.max_usage_in_bytes";
			if (cgroup_read(d->fd, peak, text, sizeof(text)) == 0)
				(void)num_u64(text, UINT64_MAX, &ret->memory_peak);
			ret->oom_killed = cgroup_read_key(d->fd,
						  d->v2 ? "memory.events" : "memory.oom_control",
						  "oom_kill") > 0;
		}
		if (d->controllers & CONTROLLER_PIDS)
			ret->pids_limit_hit = cgroup_read_key(d->fd, "pids.events", "max") > 0;
	}
}

/* What is left in it came from outside of the pid namespace, or the namespace is still dying. */
static void kill_left(const struct cgroup_dir *d)
{
	char text[4096];
	if (d->v2 && cgroup_write(d->fd, "cgroup.kill", "1") == 0)
		return;
	if (cgroup_read(d->fd, "cgroup.procs", text, sizeof(text)) < 0)
		return;
	for (char *s = text; *s;) {
		char *end;
		long pid = strtol(s, &end, 10);
		if (end == s)
			break;
		if (pid > 0)
			(void)kill((pid_t)pid, SIGKILL);
		s = end;
	}
}

int cgroup_remove(struct cgroup *g, struct err *err)
{
	int result = 0;
	for (size_t i = g ? g->n : 0; i-- > 0;) {
		struct cgroup_dir *d = &g->dirs[i];
		int r = -1;
		for (int tries = 0; tries < REMOVE_TRIES; tries++) {
			r = rmdir(d->path);
			if (r == 0 || errno != EBUSY)
				break;
			kill_left(d);
			usleep(REMOVE_PAUSE_US);
		}
		if (r < 0 && errno != ENOENT) {
			result = err_sys(err, "cannot remove cgroup '%s'", d->path);
			if (err->sys == EBUSY)
				result = err->code = ERR_BUSY;
		}
		if (d->procs >= 0)
			close(d->procs);
		if (d->fd >= 0)
			close(d->fd);
		free(d->path);
		free(d->hierarchy);
	}
	free(g);
	return result;
}

const char *cgroup_v1_hierarchy(const struct cgroup *g, size_t i)
{
	for (size_t j = 0; g && j < g->n; j++)
		if (!g->dirs[j].v2 && i-- == 0)
			return g->dirs[j].hierarchy;
	return NULL;
}

bool cgroup_is_unified(void)
{
	struct stat st;
	return stat("/sys/fs/cgroup/cgroup.procs", &st) == 0 ||
	       stat("/sys/fs/cgroup/cgroup.controllers", &st) == 0;
}
