/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/collect.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/proc.h"
#include "cmd/cmd.h"
#include "store/collect.h"
#include "store/store.h"

#define NICE 10

/* Nobody waits for us: whoever reads the output of the command sees its end when that ends. */
static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			_exit(1);
	if (proc_close_fds(STDERR_FILENO + 1, ~0U) < 0)
		_exit(1);
	(void)setsid();
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	(void)signal(SIGHUP, SIG_IGN);
}

static void collect(struct app *app, const struct collect_limits *l)
{
	AUTO_STORE struct store *s = NULL;
	struct err ignored = ERR_INIT;
	leave_terminal();
	if (app_store(app, 0, &s, &ignored) < 0 || collect_run(s, l, &ignored) < 0)
		_exit(1); /* the next one tries again */
}

void collect_start(struct app *app)
{
	AUTO_STORE struct store *s = NULL;
	struct collect_limits l;
	struct err err = ERR_INIT;

	if (app_store(app, STORE_READ_ONLY, &s, &err) < 0)
		return;
	if (collect_limits_get(s, getenv("MICA_GC"), &l, &err) < 0) {
		out_warn(&app->out, "%s", err.msg);
		return;
	}
	if (!collect_is_due(s, &l))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		/* a grandchild, which init takes */
		if (fork() == 0)
			collect(app, &l);
		_exit(0);
	}
	if (pid > 0)
		(void)proc_wait(pid, NULL);
}
