/* SPDX-License-Identifier: Apache-2.0 */
/* unshare: a command where we are when we touch layers. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"
#include "build/container_tree.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "run/userns.h"
#include "store/store.h"

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

struct unshare_args {
	struct strv mounts;
};

static const struct opt unshare_options[] = {
	OPT_STRV('m', "mount", struct unshare_args, mounts),
	OPT_END,
};

/* [NAME=]CONTAINER: mounted, and where in the variable NAME. Its ID is added to ours, if it was not
 * mounted before. */
static int mount_for(struct app *app, const char *word, struct strv *ours, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;
	const char *eq = strchr(word, '=');
	AUTO_FREE char *name = eq ? xstrndup(word, (size_t)(eq - word)) : xstrdup(word);

	int r = container_use(app, eq ? eq + 1 : word, CONTAINER_ALONE, &u, err);
	if (r < 0)
		return r;
	bool was = container_mounted(u.s, &u.c) != CONTAINER_NOT_MOUNTED;
	r = container_mount(u.s, u.t, &u.c, err);
	if (r == 0 && !was)
		strv_add(ours, u.c.id);
	AUTO_FREE char *path = container_mount_path(u.s, &u.c);
	if (r == 0 && setenv(name, path, 1) < 0)
		return err_sys(err, "cannot set the variable '%s'", name);
	return r;
}

static int list_mounted(struct store *s, struct strv *ret, struct err *err)
{
	AUTO_CONTAINERS struct containers l = {0};

	int r = containers_list(s, &l, err);
	for (size_t i = 0; r == 0 && i < l.n; i++)
		if (container_mounted(s, &l.c[i]) == CONTAINER_MOUNTED)
			strv_add(ret, l.c[i].id);
	return r;
}

static int umount_again(struct app *app, const char *id, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	int r = container_use(app, id, CONTAINER_ALONE, &u, err);
	if (r == ERR_NOT_FOUND)
		return 0; /* somebody has removed it */
	if (r == 0 && container_mounted(u.s, &u.c) == CONTAINER_MOUNTED)
		r = container_umount(u.s, u.t, &u.c, err);
	return r;
}

/* What we have mounted, and, where the mount namespace ends with us, what the command has: the
 * program that serves such a mount would live in there for ever. */
static void umount_all(
	struct app *app, struct store *s, const struct strv *before, struct strv *ours)
{
	struct err why = ERR_INIT;

	if (userns_is_rootless() && list_mounted(s, ours, &why) < 0)
		out_warn(&app->out, "%s", why.msg);
	STRV_FOREACH (id, ours) {
		struct err e = ERR_INIT;
		if (!strv_has(before, *id) && umount_again(app, *id, &e) < 0)
			out_warn(&app->out, "%s", e.msg);
	}
}

/* As execvp, but a file that the kernel does not know is not given to a shell. errno is set. */
static void execute_from_path(char *const argv[])
{
	AUTO_STRV struct strv dirs = STRV_INIT;
	const char *path = getenv("PATH");
	bool denied = false;

	if (strchr(argv[0], '/')) {
		(void)execv(argv[0], argv);
		return;
	}
	strv_split(&dirs, path ? path : "/usr/local/bin:/usr/bin:/bin", ':');
	STRV_FOREACH (dir, &dirs) {
		AUTO_FREE char *file = xasprintf("%s/%s", **dir ? *dir : ".", argv[0]);
		(void)execv(file, argv);
		denied |= errno == EACCES;
	}
	errno = denied ? EACCES : ENOENT;
}

static int execute(char *const argv[], struct err *err)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return err_sys(err, "cannot fork");
	if (pid == 0) {
		(void)signal(SIGPIPE, SIG_DFL);
		(void)signal(SIGXFSZ, SIG_DFL);
		execute_from_path(argv);
		int status_of = called_buildah()  ? EXIT_FAILURE
		                : errno == ENOENT ? EXIT_NOT_FOUND
		                                  : EXIT_NOT_EXECUTABLE;
		struct err why = ERR_INIT;
		(void)err_fill_sys(
			&why, "%s cannot run '%s'", called_buildah() ? "Error:" : "mica:", argv[0]);
		if (write(STDERR_FILENO, why.msg, strlen(why.msg)) < 0 ||
			write(STDERR_FILENO, "\n", 1) < 0)
			_exit(EXIT_OURS);
		_exit(status_of);
	}
	/* a terminal interrupts both: the command decides what comes of it */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	if (proc_wait(pid, &status) < 0)
		return err_sys(err, "cannot wait for '%s'", argv[0]);
	return proc_status(status);
}

/* By these podman knows where it is, and scripts that start themselves again in here know that they
 * have. */
static int set_marks(struct err *err)
{
	uid_t u;
	gid_t g;

	userns_caller(&u, &g);
	AUTO_FREE char *uid = xasprintf("%u", u), *gid = xasprintf("%u", g);
	if (setenv("_CONTAINERS_USERNS_CONFIGURED", "done", 1) < 0 ||
		(u != 0 && (setenv("_CONTAINERS_ROOTLESS_UID", uid, 1) < 0 ||
				   setenv("_CONTAINERS_ROOTLESS_GID", gid, 1) < 0)))
		return err_sys(err, "cannot set variables");
	return 0;
}

/* What runs in here finds the same store, and is told so by the environment. */
static int unshare_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct unshare_args *a = args;
	AUTO_STRV struct strv argv = STRV_INIT, before = STRV_INIT, ours = STRV_INIT;
	AUTO_STORE struct store *s = NULL;
	const char *shell = getenv("SHELL");
	int held = -1;

	strv_copy(&argv, rest);
	if (argv.n && streq(argv.v[0], "--"))
		strv_remove(&argv, 0);
	if (!argv.n)
		strv_add(&argv, shell && *shell ? shell : "/bin/sh");
	if (app->root && setenv("MICA_ROOT", app->root, 1) < 0)
		return err_sys(err, "cannot set MICA_ROOT");
	int r = set_marks(err);
	if (r == 0)
		r = app_store(app, 0, &s, err);
	if (r == 0 && userns_is_rootless())
		r = container_space_hold(s, &held, err);
	if (r == 0)
		r = list_mounted(s, &before, err);
	if (r == 0) {
		for (size_t i = 0; r == 0 && i < a->mounts.n; i++)
			r = mount_for(app, a->mounts.v[i], &ours, err);
		if (r == 0)
			r = execute(strv_argv(&argv), err);
		umount_all(app, s, &before, &ours);
	}
	if (held >= 0)
		container_space_release(s, held);
	return r;
}

const struct cmd cmd_unshare = {
	.name = "unshare",
	.options = unshare_options,
	.args_size = sizeof(struct unshare_args),
	.max_args = CMD_ANY,
	.flags = CMD_USERNS | CMD_OPTIONS_FIRST,
	.run = unshare_run,
};
