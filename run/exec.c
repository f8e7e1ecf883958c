/* SPDX-License-Identifier: Apache-2.0 */
/* The last steps of the workload before it is itself. */
#include "base/err.h"
#include "base/landlock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "run/caps.h"
#include "run/exec_explain.h"
#include "run/executed.h"
#include "run/ids.h"
#include "run/init.h"
#include "run/lsm.h"
#include "run/report.h"
#include "run/rlimits.h"
#include "run/sandbox_internal.h"
#include "run/seccomp.h"
#include "run/selinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <linux/major.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FUSE_MINOR 229 /* Documentation/admin-guide/devices.txt */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int set_stdio(const struct box *b, struct err *err)
{
	if (setsid() < 0 && getsid(0) != getpid()) /* PID 1 has one already */
		return err_sys(err, "cannot start a session");
	if (b->terminal >= 0 && ioctl(b->terminal, TIOCSCTTY, 0) < 0)
		return err_sys(err, "cannot take the terminal");
	for (int i = 0; i < 3; i++)
		if (dup2(b->stdio[i], i) < 0)
			return err_sys(err, "cannot set up descriptor %d of the workload", i);
	/* all others end here; the report socket is closed by the execve itself, which is how the
	 * caller knows */
	if (b->report > 3 && proc_close_fds(3, (unsigned)b->report - 1) < 0)
		return err_sys(err, "cannot close descriptors");
	if (proc_close_fds((unsigned)b->report + 1, ~0U) < 0)
		return err_sys(err, "cannot close descriptors");
	return 0;
}

static int become_user(const struct user *u, struct err *err)
{
	/* Exactly these, the primary one among them (CVE-2022-36109). Refused where a user
	 * namespace was mapped without newgidmap: then there is nothing to drop either. */
	if (setgroups(u->n_groups, u->groups) < 0 && errno != EPERM)
		return err_sys(err, "cannot set the supplementary groups");
	if (setresgid(u->gid, u->gid, u->gid) < 0)
		return err_sys(err, "cannot become group %u", u->gid);
	if (setresuid(u->uid, u->uid, u->uid) < 0)
		return err_sys(err, "cannot become user %u", u->uid);
	return 0;
}

/* Limits are raised by who is root of this machine; after this it is root of its own namespace, or
 * whoever it will be, and nowhere else. */
static int enter_users(const struct run_spec *s, struct err *err)
{
	int r = rlimits_apply(s->rlimits, s->n_rlimits, err);
	if (r == 0 && s->users.userns >= 0 && setns(s->users.userns, CLONE_NEWUSER) < 0)
		r = err_sys(err, "cannot join the workload's user namespace");
	return r;
}

/* It may see processes that are not of the box, and be their user: it ends none of them, our init
 * least of all, and does not reach the files that they have, nor what listens in their network
 * under a name that is no file (CVE-2020-15257). */
static int keep_apart(const struct run_spec *s, struct err *err)
{
	const struct sock_fprog *others;
	unsigned scopes = run_spec_shares_pids(s) ? LANDLOCK_SIGNALS : 0;
	if (s->network == RUN_NETWORK_HOST && s->net_fd < 0 && !s->insecure)
		scopes |= LANDLOCK_SOCKETS;
	int r = s->chroot ? 0 : landlock_scope(scopes, err); /* done there */
	if (r == 0 && (s->chroot || run_spec_shares_pids(s)))
		r = seccomp_keep_others(&others, err) < 0 ? err->code : seccomp_apply(others, err);
	return r;
}

static int drop_power(const struct box *b, struct err *err)
{
	const struct run_spec *s = b->spec;
	if (keep_apart(s, err) < 0)
		return err->code;
	/* keyrings have no namespace: at least a session keyring of its own */
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	int r = caps_bound(b->caps, err);
	/* to the kernel whoever init says that it is goes on to be user 0 */
	if (r == 0 && b->ids >= 0 && b->user.uid != 0)
		r = caps_ignore_root(err);
	if (r < 0)
		return r;
	if (s->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, "cannot set no_new_privs");
	/* Without no_new_privs only CAP_SYS_ADMIN may, so before it goes; with it as late as
	 * possible. */
	if (!s->no_new_privs) {
		r = seccomp_apply(b->filter, err);
		if (r < 0)
			return r;
	}
	r = become_user(&b->user, err);
	if (r < 0)
		return r;
	/* A user that is not root has no capability at all (CVE-2021-20188). */
	r = caps_apply(b->user.uid == 0 ? b->caps : 0, err);
	if (r == 0 && s->no_new_privs)
		r = seccomp_apply(b->filter, err);
	return r;
}

/* Exactly spec->env, and HOME from the image's accounts when it says nothing. */
static char **make_environment(const struct box *b)
{
	const struct map *env = &b->spec->env;
	char **list = xcalloc(env->n + 2, sizeof(*list));
	size_t n = 0;
	MAP_FOREACH (e, env) {
		/* without a value a name would mean "import it" to others (CVE-2026-57231) */
		if (e->value && *e->key && !strchr(e->key, '='))
			list[n++] = xasprintf("%s=%s", e->key, e->value);
	}
	if (!map_has(env, "HOME"))
		list[n++] = xasprintf("HOME=%s", b->user.home);
	return list;
}

/* What stands in the file says more than the error. */
static bool look_into(const char *file, char why[EXEC_EXPLAIN_MAX])
{
	AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *cwd = *file == '/' ? xstrdup("") : getcwd(NULL, 0);
	AUTO_FREE char *path = xasprintf("%s/%s", cwd ? cwd : "", file);
	return root >= 0 && exec_explain(root, path, why);
}

static int explain(const char *file, const char *name, int sys, struct err *err)
{
	char why[EXEC_EXPLAIN_MAX];
	if ((sys == ENOENT || sys == EACCES || sys == ENOEXEC) && look_into(file, why))
		return err_set(err, sys == ENOENT ? ERR_NOT_FOUND : ERR_DENIED,
			"cannot execute '%s': %s", name, why);
	errno = sys;
	if (sys == ENOENT && access(file, F_OK) == 0)
		return err_set(err, ERR_NOT_FOUND,
			"cannot execute '%s': its interpreter does not exist", name);
	if (sys == ENOENT && streq(name, "/bin/sh"))
		return err_set(err, ERR_NOT_FOUND,
			"cannot execute '/bin/sh': the image has no shell; write the command as "
			"[\"program\", \"argument\"], or choose another base image");
	if (sys == ENOENT || sys == ENOTDIR)
		return err_set(
			err, ERR_NOT_FOUND, "cannot execute '%s': no such file or directory", name);
	if (sys == ENOEXEC)
		return err_set(err, ERR_DENIED,
			"cannot execute '%s': neither a program for this machine nor a script with "
			"'#!'",
			name);
	if (sys == EACCES) {
		err_sys(err, "cannot execute '%s'", name);
		return err->code = ERR_DENIED;
	}
	if (sys == EAGAIN)
		return err_set(err, ERR_LIMIT,
			"cannot execute '%s': there are more processes of user %u, in the step and "
			"outside of it, than the ulimit 'nproc' allows: raise it, or use "
			"--pids-limit",
			name, getuid());
	return err_sys(err, "cannot execute '%s'", name);
}

/* The first line of a script names its interpreter; *ret: that path, "" when it is no script. */
static void read_interpreter(const char *file, char ret[256])
{
	char head[256];
	AUTO_FD int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head) - 1);
	ret[0] = '\0';
	if (n < 3 || head[0] != '#' || head[1] != '!')
		return;
	head[n] = '\0';
	const char *s = head + 2 + strspn(head + 2, " \t");
	snprintf(ret, 256, "%.*s", (int)strcspn(s, " \t\n"), s);
}

/*
 * Until execve is done this process is a copy of the caller's program, and "/proc/self/exe" in the
 * image, as a program or as a script's interpreter, would be that one, which the workload could
 * then open and, as the same user, overwrite once nobody runs it (CVE-2019-5736). Where others have
 * a part of the box, init looks again at what has been executed (executed.h).
 */
static bool is_ourselves(const char *file, unsigned depth)
{
	struct stat st, own;
	char interpreter[256];
	if (stat("/proc/self/exe", &own) < 0 || stat(file, &st) < 0)
		return false;
	if (st.st_dev == own.st_dev && st.st_ino == own.st_ino)
		return true;
	if (depth == 0 || !S_ISREG(st.st_mode))
		return false;
	read_interpreter(file, interpreter);
	return *interpreter && is_ourselves(interpreter, depth - 1);
}

/* The kernel follows at most 5 interpreters. */
#define INTERPRETERS_MAX 6

static void try_execute(const char *file, char *const *argv, char *const *env)
{
	if (is_ourselves(file, INTERPRETERS_MAX))
		errno = EACCES;
	else
		execve(file, argv, env);
}

/* As execvpe, but with the PATH of the new environment, and without falling back to a shell. Only
 * returns when it failed. */
static int execute(char *const *argv, char *const *env, const char *path, struct err *err)
{
	const char *name = argv[0];
	if (!*name)
		return err_set(err, ERR_NOT_FOUND, "cannot execute '': no such file or directory");
	if (strchr(name, '/')) {
		try_execute(name, argv, env);
		return explain(name, name, errno, err);
	}
	bool denied = false;
	for (const char *dir = path; dir; dir = strchr(dir, ':') ? strchr(dir, ':') + 1 : NULL) {
		char file[PATH_MAX];
		size_t n = strcspn(dir, ":");
		if (n == 0 || (size_t)snprintf(file, sizeof(file), "%.*s/%s", (int)n, dir, name) >=
				      sizeof(file))
			continue;
		try_execute(file, argv, env);
		if (errno == EACCES)
			denied = true;
		else if ((errno != ENOENT && errno != ENOTDIR) || access(file, F_OK) == 0)
			return explain(file, name, errno, err);
	}
	if (denied)
		return explain(name, name, EACCES, err);
	return err_set(err, ERR_NOT_FOUND, "cannot execute '%s': not found in PATH", name);
}

int exec_confine(const struct box *b, struct err *err)
{
	const struct run_spec *s = b->spec;
	if (s->apparmor && lsm_set_apparmor(b->proc, s->apparmor, err) < 0)
		return err->code;
	if (s->selinux && !s->insecure && selinux_set(b->proc, s->selinux, err) < 0)
		return err->code;
	return 0;
}

/* Whatever it is called in there; or what is called so, which others go by. */
static bool has_fuse(const struct run_limits *l)
{
	for (size_t i = 0; i < l->n_devices; i++)
		if (!l->devices[i].block && l->devices[i].major_nr == MISC_MAJOR &&
			l->devices[i].minor_nr == FUSE_MINOR)
			return true;
	return access("/dev/fuse", F_OK) == 0;
}

_Noreturn void exec_workload(struct box *b)
{
	struct err err = ERR_INIT;
	char **env = make_environment(b);
	const char *path = map_get(&b->spec->env, "PATH");
	sigset_t none;
	sigemptyset(&none);
	executed_stop(b);

	/* before it becomes anybody: init answers from here on */
	int r = b->ids >= 0 ? ids_install(b->ids, b->user.uid, b->user.gid,
				      has_fuse(&b->spec->limits), &err)
	                    : 0;
	if (r == 0 && !b->spec->chroot)
		r = exec_confine(b, &err);
	if (r == 0)
		r = enter_users(b->spec, &err);
	if (r == 0)
		r = set_stdio(b, &err);
	if (r == 0)
		r = drop_power(b, &err);
	/* dispositions were reset by init; pending signals act from here on */
	if (r == 0 && sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		r = err_sys(&err, "cannot unblock signals");
	if (r == 0)
		(void)execute(
			strv_argv(&b->spec->argv), env, path && *path ? path : DEFAULT_PATH, &err);
	(void)report_error(b->report, &err);
	_exit(err.code == ERR_NOT_FOUND ? 127 : 126);
}
