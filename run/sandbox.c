/* SPDX-License-Identifier: Apache-2.0 */
#include "run/sandbox.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/proc.h"
#include "base/root.h"
#include "base/xattr.h"
#include "layers/label.h"
#include "run/caps.h"
#include "run/cgroup.h"
#include "run/executed.h"
#include "run/init.h"
#include "run/mounts.h"
#include "run/network.h"
#include "run/removed.h"
#include "run/report.h"
#include "run/rlimits.h"
#include "run/sandbox_internal.h"
#include "run/seccomp.h"
#include "run/stubs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* More mount points than this in one step is a mistake or an attack on our descriptors. */
#define STUBS_MAX 512
#define STOP_MS 500 /* what waits for a disk does not stop before it has been answered */

struct sandbox {
	pid_t pid;
	int pidfd;
	int mounts; /* its mount namespace, or -1 */
	int root; /* keeps the file system alive until the stubs are removed */
	int upper; /* a descriptor of our own, or -1 */
	struct cgroup *cgroup;
	uint64_t memory_limit;
	struct report_user user;
	bool chroot;
	bool held;
	bool shared; /* others use its root */
	int notes; /* borrowed, or -1: sandbox_share_root() */
	bool adopts; /* no pid namespace of its own: adopt.c */
	struct chroot_files *files; /* of a chroot */
	struct stub *stubs;
	size_t n_stubs;
	struct report_dir *dirs;
	size_t n_dirs;
};

static struct sandbox *sandbox_new(const struct run_spec *spec)
{
	struct sandbox *s = xcalloc(1, sizeof(*s));
	s->pidfd = s->mounts = s->root = s->upper = s->notes = -1;
	s->memory_limit = spec->limits.memory;
	s->chroot = spec->chroot;
	s->shared = spec->root.mounted != NULL;
	s->adopts = spec->chroot || run_spec_shares_pids(spec);
	return s;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* A directory that overlay copied into the upper for a stub and that differs in nothing from the
 * lower one goes again, so that it is no change. */
static void prune_dir(const struct sandbox *s, const struct report_dir *d)
{
	const char *name;
	struct stat st;
	AUTO_FD int parent = root_open_parent(s->upper, d->path, &name);
	if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (st.st_mode != d->mode || st.st_uid != d->uid || st.st_gid != d->gid ||
		!same_time(&st.st_mtim, &d->mtime))
		return;
	AUTO_FD int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct err ignored = ERR_INIT;
	AUTO_XATTRS struct xattrs x = {0};
	/* attributes may have been the lower one's, or be the step's: leave it, a repeated
	 * directory entry changes nothing */
	if (dir < 0 || (owner_is_kept() && owner_is_said(dir)) ||
		xattrs_read(dir, "", &x, &ignored) < 0 || x.n > 0)
		return;
	if (fgetxattr(dir, "trusted.overlay.opaque", NULL, 0) >= 0 ||
		fgetxattr(dir, "user.overlay.opaque", NULL, 0) >= 0)
		return;
	(void)unlinkat(parent, name, AT_REMOVEDIR);
}

static void clean_stubs(struct sandbox *s)
{
	/* to one that could not be started nobody has come */
	bool others = s->shared && s->notes >= 0;
	for (size_t i = 0; i < s->n_stubs && others; i++)
		stub_note(s->notes, &s->stubs[i]);
	for (size_t i = s->n_stubs; i-- > 0;) {
		if (!others)
			stub_remove(&s->stubs[i]);
		close(s->stubs[i].parent);
	}
	s->n_stubs = 0;
	if (!s->shared && s->notes >= 0 && s->root >= 0)
		stubs_remove_noted(s->notes, s->root);
}

/* seal: what it has written counts, and nobody is to change it from here on. */
static int clean_root(struct sandbox *s, bool seal, struct err *err)
{
	int r = 0;
	mem_close_p(&s->mounts);
	clean_stubs(s);
	chroot_take_back(take(s->files));
	if (seal && !s->shared && s->root >= 0 && s->upper >= 0)
		r = snapshot_seal(s->root, s->upper, err);
	/* the upper may only be touched when the overlay is gone */
	mem_close_p(&s->root);
	for (size_t i = s->n_dirs; i-- > 0 && s->upper >= 0 && !s->shared;)
		prune_dir(s, &s->dirs[i]);
	s->n_dirs = 0;
	return r;
}

static void sandbox_free(struct sandbox *s)
{
	mem_close_p(&s->pidfd);
	mem_close_p(&s->upper);
	free(s->stubs);
	free(s->dirs);
	free(s);
}

static void keep_report(struct sandbox *s, const struct report *r)
{
	if (r->kind == REPORT_STUB) {
		s->stubs = xreallocarray(s->stubs, s->n_stubs + 1, sizeof(*s->stubs));
		s->stubs[s->n_stubs++] = (struct stub){.made = r->u.stub, .parent = r->fd};
	} else {
		s->dirs = xreallocarray(s->dirs, s->n_dirs + 1, sizeof(*s->dirs));
		s->dirs[s->n_dirs++] = r->u.dir;
	}
}

/* Until the workload has been executed (the socket closes) or the child says why not. */
static int listen_to_child(struct sandbox *s, int sock, int *master, struct err *err)
{
	for (;;) {
		struct report r;
		int n = report_receive(sock, &r, err);
		if (n <= 0)
			return n;
		switch (r.kind) {
		case REPORT_ERROR:
			mem_close_p(&r.fd);
			(void)err_set(
				err, r.u.code_sys[0] < 0 ? r.u.code_sys[0] : ERR_SYS, "%s", r.msg);
			err->sys = r.u.code_sys[1]; /* whoever asks for ENOSPC is to find it */
			return err->code;
		case REPORT_STUB:
		case REPORT_DIR:
			if (s->n_stubs + s->n_dirs >= STUBS_MAX ||
				(r.kind == REPORT_STUB && r.fd < 0)) {
				mem_close_p(&r.fd);
				return err_set(err, ERR_LIMIT,
					"more than %d mount points had to be made", STUBS_MAX);
			}
			keep_report(s, &r);
			break;
		case REPORT_TERMINAL:
			mem_close_p(master);
			*master = r.fd;
			break;
		case REPORT_USER:
			mem_close_p(&s->mounts);
			s->mounts = r.fd;
			s->user = r.u.user;
			break;
		}
	}
}

/* Sources are cloned here: open_tree(2) only clones mounts of the namespace that it is called in.
 */
static int clone_sources(const struct run_spec *spec, int *sources, struct err *err)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct run_mount *m = &spec->mounts[i];
		if (m->kind != RUN_MOUNT_BIND)
			continue;
		/* a detached mount is in no namespace and cannot be cloned before Linux 6.15: the
		 * child moves it */
		sources[i] = m->below ? fcntl(m->source, F_DUPFD_CLOEXEC, 3)
		                      : open_tree(m->source, "",
						AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE |
							OPEN_TREE_CLOEXEC);
		if (sources[i] < 0)
			return err_sys(err, "cannot bind the source of mount '%s'",
				spec->mounts[i].target);
		/* caches are for the steps of every build */
		const char *label = m->relabel == 'Z' ? label_files() : label_shared();
		if (label && (m->relabel || (m->stored && !m->below)) &&
			label_tree(sources[i], label, m->target, err) < 0)
			return err->code;
		if (m->stored && !m->below && run_spec_ids(spec) &&
			snapshot_show_ids(sources[i], &spec->users, err) < 0)
			return err_wrap(err, "mount '%s'", m->target);
	}
	return 0;
}

static void close_sources(const struct run_spec *spec, int *sources)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		mem_close_p(&sources[i]);
}

static pid_t fork_plain(int *ret_pidfd, struct err *err)
{
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(err, "cannot fork");
	if (pid > 0)
		*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pid;
}

/* Forks; the child never returns from here. */
static int start_child(struct sandbox *s, struct box *b, int *master, struct err *err)
{
	int socks[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return err_sys(err, "cannot create a socket pair");
	AUTO_FD int ours = socks[0];
	AUTO_FD int theirs = socks[1];
	b->report = theirs;
	s->pid = s->chroot ? fork_plain(&s->pidfd, err)
	                   : namespaces_clone(b->spec, cgroup_clone_fd(b->cgroup), &b->in_cgroup,
				     &s->pidfd, err);
	if (s->pid < 0)
		return (int)s->pid;
	if (s->pid == 0) {
		close(ours);
		if (s->chroot)
			chroot_main(b);
		init_main(b);
	}
	mem_close_p(&theirs);
	return listen_to_child(s, ours, master, err);
}

static int check_spec(const struct run_spec *spec, const struct network *net,
	int *const *ret_master, struct err *err)
{
	if (spec->argv.n == 0)
		return err_set(err, ERR_INVALID, "no command to run");
	if (spec->network == RUN_NETWORK_PRIVATE && !net && !spec->chroot)
		return err_set(
			err, ERR_INVALID, "a private network was asked for, but none is there");
	if (spec->tty && !*ret_master)
		return err_set(err, ERR_INVALID, "a terminal was asked for, but nobody takes it");
	return 0;
}

static int open_shm(const struct run_spec *spec)
{
	return spec->host_ipc ? open_tree(AT_FDCWD, "/dev/shm", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
	                      : shm_new(spec->shm_size);
}

static int prepare(
	struct sandbox *s, struct box *b, const struct sandbox_hooks *hooks, struct err *err)
{
	const struct run_spec *spec = b->spec;
	AUTO_STRV struct strv all = STRV_INIT;
	strv_add(&all, "all");
	int r = caps_resolve(
		spec->insecure ? &all : &spec->cap_add, &spec->cap_drop, &b->caps, err);
	if (spec->chroot)
		b->caps = sandbox_chroot_caps(b->caps);
	if (r == 0)
		r = seccomp_filter(spec->insecure ? "unconfined" : spec->seccomp_profile, b->caps,
			rlimits_say_core(spec->rlimits, spec->n_rlimits) ? 0 : SECCOMP_KEEP_CORE,
			&b->filter, err);
	if (r == 0 && !spec->chroot)
		r = clone_sources(spec, b->sources, err);
	if (r == 0 && !spec->chroot && (b->shm = open_shm(spec)) < 0)
		r = err_sys(err, "cannot make a file system for '/dev/shm'");
	struct snapshot root = spec->root;
	root.ids = run_spec_ids(spec);
	if (r == 0)
		r = snapshot_mount(&root, &s->root, err);
	if (r == 0)
		r = cgroup_create(&spec->limits, hooks ? hooks->note_cgroup : NULL,
			hooks ? hooks->arg : NULL, &s->cgroup, err);
	if (r < 0)
		return r;
	if (spec->root.upper >= 0 && (s->upper = fcntl(spec->root.upper, F_DUPFD_CLOEXEC, 3)) < 0)
		return err_sys(err, "cannot keep the upper directory");
	b->root = s->root;
	b->cgroup = s->cgroup;
	if (spec->chroot && chroot_place(b, &s->files, err) < 0)
		return err->code;
	if (hooks && hooks->root_ready)
		hooks->root_ready(hooks->arg);
	return 0;
}

int sandbox_start(const struct run_spec *spec, struct network *net,
	const struct sandbox_hooks *hooks, struct sandbox **ret, int *ret_master, struct err *err)
{
	int r = check_spec(spec, net, &ret_master, err);
	if (r == 0 && spec->chroot)
		r = sandbox_check_chroot(spec, err);
	if (r < 0)
		return r;
	struct run_spec in_chroot = *spec;
	if (spec->chroot) {
		in_chroot.network = RUN_NETWORK_HOST; /* there is no other */
		in_chroot.chroot = sandbox_is_bare(spec);
		in_chroot.as_pid1 = false; /* nobody is in a chroot: signals do what they do */
		spec = &in_chroot;
	}
	if (spec->chroot) {
		in_chroot.host_uts = true;
		in_chroot.host_pid = false; /* it is, and is kept from it in its own way */
		in_chroot.pid_fd = -1;
		in_chroot.no_new_privs = true;
	}
	bool private = spec->network == RUN_NETWORK_PRIVATE;
	AUTO_FREE int *sources = xreallocarray(NULL, spec->n_mounts + 1, sizeof(*sources));
	for (size_t i = 0; i < spec->n_mounts; i++)
		sources[i] = -1;
	struct box b = {
		.spec = spec,
		.sources = sources,
		.shm = -1,
		.netns = private ? network_netns(net) : -1,
		.dns = private ? network_dns(net) : NULL,
		.gateway = private ? network_gateway(net) : NULL,
		.proc = -1,
		.dev = -1,
		.null = -1,
		.terminal = -1,
		.stdio = {-1, -1, -1},
		.looks = executed_allowed(spec),
		.one_user = owner_is_kept(),
		.ids = -1,
	};
	AUTO_FD int master = -1;
	struct sandbox *s = sandbox_new(spec);
	r = private ? network_ready(net, err) : 0;
	if (r == 0)
		r = prepare(s, &b, hooks, err);
	if (r == 0)
		r = start_child(s, &b, &master, err);
	close_sources(spec, sources);
	mem_close_p(&b.shm);
	if (r < 0) {
		struct sandbox_result result;
		struct err ignored = ERR_INIT;
		sandbox_kill(s);
		(void)!sandbox_wait(s, &result, &ignored);
		return r;
	}
	if (ret_master)
		*ret_master = take_fd(&master);
	*ret = s;
	return 0;
}

int sandbox_pidfd(const struct sandbox *s)
{
	return s->pidfd;
}

void sandbox_signal(struct sandbox *s, int sig)
{
	/* to PID 1, which has everything blocked and hands it on; our own signals it would take for
	 * the workload's end. The number is its own until sandbox_wait() has reaped it. */
	if (s->pid > 0 && sig != SIGCHLD && sig != SIGSTOP)
		(void)kill(s->pid, sig);
}

void sandbox_kill(struct sandbox *s)
{
	/* the kernel kills the rest of a pid namespace with its init; where there is none, init has
	 * to */
	if (s->pid > 0)
		(void)kill(s->pid, s->adopts ? ADOPT_END : SIGKILL);
	sandbox_hold(s, false);
}

void sandbox_hold(struct sandbox *s, bool hold)
{
	if (s->held != hold)
		cgroup_hold(s->cgroup, hold);
	s->held = hold;
}

bool sandbox_stop(struct sandbox *s)
{
	sandbox_hold(s, true);
	for (unsigned ms = 0; !cgroup_is_held(s->cgroup); ms++) {
		if (ms == STOP_MS) {
			sandbox_hold(s, false);
			return false;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return true;
}

void sandbox_share_root(struct sandbox *s, bool others, int notes)
{
	s->notes = notes;
	s->shared = others;
}

int sandbox_clone_root(const struct sandbox *s, int *ret_fd, struct err *err)
{
	return root_clone(s->mounts, s->root, ret_fd, err);
}

uint64_t sandbox_removed(const struct sandbox *s, const struct removed_fs *fs, size_t n)
{
	AUTO_FREE struct removed_fs *all = xcalloc(n + 1, sizeof(*all));
	if (n)
		memcpy(all, fs, n * sizeof(*all));
	if (removed_fs_of(s->root, &all[n]))
		n++;
	return removed_bytes(s->pid, all, n);
}

static uint64_t in_us(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

int sandbox_wait(struct sandbox *s, struct sandbox_result *ret, struct err *err)
{
	struct sandbox_result result = {
		.memory_limit = s->memory_limit, .uid = s->user.uid, .gid = s->user.gid};
	int r = 0;
	if (s->pid > 0) {
		struct rusage usage;
		int status;
		pid_t pid;
		do {
			pid = wait4(s->pid, &status, __WALL, &usage);
		} while (pid < 0 && errno == EINTR);
		if (pid < 0) {
			r = err_sys(err, "cannot wait for the sandbox");
		} else {
			result.status = proc_status(status);
			result.left_running = s->adopts && WIFSIGNALED(status);
			result.cpu_us = in_us(&usage.ru_utime) + in_us(&usage.ru_stime);
		}
	}
	struct cgroup_usage usage;
	cgroup_usage(s->cgroup, &usage);
	result.oom_killed = usage.oom_killed;
	result.pids_limit_hit = usage.pids_limit_hit;
	result.memory_peak = usage.memory_peak;
	struct err busy = ERR_INIT;
	if (clean_root(s, r == 0 && result.status == 0, err) < 0)
		r = err->code;
	if (cgroup_remove(s->cgroup, &busy) < 0)
		log_debug(
			"%s", busy.msg); /* the next command sweeps it: note_cgroup told its path */
	sandbox_free(s);
	if (r == 0)
		*ret = result;
	return r;
}

int sandbox_check_limits(const struct run_limits *l, struct err *err)
{
	return cgroup_check(l, err);
}
