/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/spool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/room.h"
#include "base/stream.h"
#include "cmd/cmd.h"
#include "store/store.h"

/* The store's directory, not its tmp/: nothing there is another's to sweep. */
static char *store_place(struct app *app, struct err *err)
{
	AUTO_STORE struct store *s = NULL;

	return app_store(app, 0, &s, err) < 0 ? NULL : xstrdup(store_path(s));
}

static const char *choose(const struct app *app, const char **ret_by)
{
	const char *dir = getenv("TMPDIR");

	*ret_by = "TMPDIR";
	if (dir && *dir)
		return dir;
	*ret_by = "image_copy_tmp_dir of containers.conf";
	dir = app->conf.copy_tmp_dir;
	if (dir && *dir)
		return dir;
	*ret_by = "TMPDIR is not set";
	return "/var/tmp";
}

/* Absolute; NULL and err. *ret_by: what named it, for messages. New string. */
static char *find_place(struct app *app, const char **ret_by, struct err *err)
{
	const char *dir = choose(app, ret_by);
	bool configured = dir == app->conf.copy_tmp_dir;

	if (configured && streq(dir, "storage"))
		return store_place(app, err);
	if (configured && *dir != '/') {
		(void)err_set(err, ERR_INVALID,
			"%s: '%s' is neither an absolute path nor 'storage'", *ret_by, dir);
		return NULL;
	}
	char *found = realpath(dir, NULL);
	if (!found)
		(void)err_sys(err, "%s: cannot find '%s'", *ret_by, dir);
	return found;
}

static void remove_all(const char *dir)
{
	struct err err = ERR_INIT;

	if (fs_remove_tree(AT_FDCWD, dir, &err) < 0)
		log_debug("%s", err.msg);
}

/* Nobody sweeps these places after us: what is left there when we are killed goes when the pipe
 * ends that only we can write to. */
static _Noreturn void stand_guard(const char *dir, int alive)
{
	char none;
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "spool-guard"); /* killall mica is not for it */
	if (dup2(alive, 0) == 0 && proc_close_fds(1, ~0U) == 0)
		(void)!read(0, &none, 1);
	remove_all(dir);
	_exit(0);
}

static int set_guard(const char *dir, struct spool *s, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "cannot create a pipe");
	s->guard = fork();
	if (s->guard == 0)
		stand_guard(dir, fds[0]);
	if (s->guard < 0)
		(void)err_sys(err, "cannot fork");
	close(fds[0]);
	s->alive = fds[1];
	return s->guard < 0 ? err->code : 0;
}

int spool_open(struct app *app, struct spool *s, struct err *err)
{
	AUTO_FREE char *dir = find_place(app, &s->chosen_by, err);

	if (!dir)
		return err->code;
	AUTO_FREE char *made = xasprintf("%s/mica-XXXXXX", dir);
	if (!mkdtemp(made))
		return err_sys(err, "%s: cannot create a directory in '%s'", s->chosen_by, dir);
	s->path = xasprintf("%s/archive", made);
	s->alive = -1;
	return set_guard(made, s, err);
}

/* An error of the source has nothing to do with the place. */
static int copy(int from, const char *from_name, int to, const char *to_name, const char *chosen_by,
	struct err *err)
{
	AUTO_READER struct reader *r = reader_from_fd(from, from_name);
	AUTO_WRITER struct writer *w = writer_to_output(to, to_name);

	if (stream_copy(r, w, NULL, err) == 0)
		return 0;
	return room_is_short(err) ? err_wrap(err, "%s", chosen_by) : err->code;
}

int spool_fill(struct spool *s, int fd, const char *name, struct err *err)
{
	AUTO_FD int to = open(s->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (to < 0)
		return err_sys(err, "cannot create '%s'", s->path);
	return copy(fd, name, to, s->path, s->chosen_by, err);
}

static int open_nameless(const char *dir)
{
	AUTO_FREE char *name = xasprintf("%s/mica-XXXXXX", dir);
	int fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* a file system that knows none without a name */
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(name);
	return fd;
}

int spool_stdin(struct app *app, struct err *err)
{
	const char *by;
	struct stat st;

	AUTO_FD int again = open("/dev/stdin", O_RDONLY | O_CLOEXEC);
	if (again >= 0 && fstat(again, &st) == 0 && S_ISREG(st.st_mode) &&
		(!st.st_nlink || lseek(STDIN_FILENO, 0, SEEK_CUR) == 0))
		return 0;
	AUTO_FREE char *dir = find_place(app, &by, err);
	if (!dir)
		return err->code;
	AUTO_FD int fd = open_nameless(dir);
	if (fd < 0)
		return err_sys(err, "%s: cannot create a file in '%s'", by, dir);
	int r = copy(STDIN_FILENO, "standard input", fd, dir, by, err);
	if (r == 0 && dup2(fd, STDIN_FILENO) < 0)
		r = err_sys(err, "cannot use what came from standard input");
	return r;
}

void spool_done(struct spool *s)
{
	if (!s->path)
		return;
	*strrchr(s->path, '/') = '\0';
	remove_all(s->path);
	if (s->alive >= 0)
		close(s->alive);
	if (s->guard > 0)
		(void)proc_wait(s->guard, NULL);
	free(s->path);
	s->path = NULL;
}
