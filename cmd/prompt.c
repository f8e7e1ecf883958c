/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/prompt.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"

#define LINE_MAX_BYTES 4096 /* what a terminal hands out as one line */
#define CTRL_C 3
#define WAIT_STEP_MS 100 /* how soon a signal is seen */

void secret_free_p(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
}

/* A line without echo; one that was typed before we ask is taken. Whatever is typed, and whichever
 * signal comes, the terminal's settings come back: what would stop or end us is held, and ^C ends
 * the line as a character of its own. */
static int read_silently(char *line, size_t size, ssize_t *ret_n, struct err *err)
{
	static const int stopping[] = {SIGTSTP, SIGTTIN, SIGTTOU};
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	struct termios old, silent;
	sigset_t stops;
	AUTO_HELD sigset_t before;

	(void)sigemptyset(&stops);
	for (size_t i = 0; i < ARRAY_LEN(stopping); i++)
		(void)sigaddset(&stops, stopping[i]);
	proc_hold(&before);
	(void)sigprocmask(SIG_BLOCK, &stops, NULL);
	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return err_sys(err, "cannot read the terminal's settings");
	silent = old;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	silent.c_cc[VEOL] = CTRL_C;
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &silent);
	int r = 0;
	while (r == 0 && poll(&p, 1, WAIT_STEP_MS) <= 0)
		r = proc_interrupted(err);
	if (r == 0)
		*ret_n = read(STDIN_FILENO, line, size);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &old);
	(void)fputc('\n', stderr);
	return r;
}

static int prompt(const char *what, const char *instead, bool echo, char **ret, struct err *err)
{
	char line[LINE_MAX_BYTES];
	ssize_t n = -1;

	if (!isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID, "no terminal to ask for '%s': %s", what, instead);
	(void)fprintf(stderr, "%s: ", what);
	(void)fflush(stderr);
	if (echo)
		n = read(STDIN_FILENO, line, sizeof(line));
	else if (read_silently(line, sizeof(line), &n, err) < 0)
		return err->code;
	if (n <= 0 || memchr(line, CTRL_C, (size_t)n))
		return err_set(err, ERR_CANCELLED, "login was cancelled");
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	*ret = xstrndup(line, (size_t)n);
	explicit_bzero(line, sizeof(line));
	return 0;
}

int prompt_line(const char *what, const char *instead, char **ret, struct err *err)
{
	return prompt(what, instead, true, ret, err);
}

int prompt_secret(const char *what, const char *instead, char **ret, struct err *err)
{
	return prompt(what, instead, false, ret, err);
}
