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
#include "base/stream.h"

static const char *place(const char *configured)
{
	const char *dir = getenv("TMPDIR");

	if (dir && *dir == '/')
		return dir;
	return configured && *configured == '/' ? configured : "/var/tmp";
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

int spool_open(const char *configured, struct spool *s, struct err *err)
{
	AUTO_FREE char *made = xasprintf("%s/mica-XXXXXX", place(configured));

	if (!mkdtemp(made))
		return err_sys(err, "cannot create a directory like '%s'", made);
	s->path = xasprintf("%s/archive", made);
	s->alive = -1;
	return set_guard(made, s, err);
}

static int copy(int from, const char *from_name, int to, const char *to_name, struct err *err)
{
	AUTO_READER struct reader *r = reader_from_fd(from, from_name);
	AUTO_WRITER struct writer *w = writer_to_output(to, to_name);

	return stream_copy(r, w, NULL, err);
}

int spool_fill(struct spool *s, int fd, const char *name, struct err *err)
{
	AUTO_FD int to = open(s->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (to < 0)
		return err_sys(err, "cannot create '%s'", s->path);
	return copy(fd, name, to, s->path, err);
}

int spool_stdin(const char *configured, struct err *err)
{
	const char *dir = place(configured);
	struct stat st;
	AUTO_FREE char *name = xasprintf("%s/mica-XXXXXX", dir);

	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) && !st.st_nlink)
		return 0;
	AUTO_FD int fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	if (fd < 0) {
		/* a file system that knows none without a name */
		fd = mkostemp(name, O_CLOEXEC);
		if (fd < 0 || unlink(name) < 0)
			return err_sys(err, "cannot create a file like '%s'", name);
	}
	int r = copy(STDIN_FILENO, "standard input", fd, dir, err);
	if (r == 0 && dup2(fd, STDIN_FILENO) < 0)
		r = err_sys(err, "cannot use what came from standard input");
	return r;
}

int spool_drain(struct spool *s, int fd, const char *name, struct err *err)
{
	AUTO_FREE char *path = xstrdup(s->path);
	AUTO_FD int from = open(path, O_RDONLY | O_CLOEXEC);

	if (from < 0)
		return err_sys(err, "cannot open '%s'", path);
	spool_done(s);
	return copy(from, path, fd, name, err);
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
