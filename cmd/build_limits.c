/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/build_limits.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"
#include "build/build.h"

const struct opt limit_options[] = {
	OPT_STRING(0, "build-timeout", struct limit_args, build_timeout),
	OPT_SIZE(0, "disk-limit", struct limit_args, disk_limit),
	OPT_STRING(0, "step-timeout", struct limit_args, step_timeout),
	OPT_END,
};

static int parse_timeout(const char *text, const char *option, uint64_t *ret_ms, struct err *err)
{
	int64_t ns = 0;
	if (text && (!num_duration(text, &ns) || ns < 0 || (ns > 0 && ns < 1000000)))
		return err_set(err, ERR_INVALID,
			"option '--%s': '%s' is not a duration such as '90s' or '1h30m'", option,
			text);
	*ret_ms = (uint64_t)ns / 1000000;
	return 0;
}

/* The executor looks at the clock; where something else takes the time, this ends it. Everything
 * that was not named then goes with the next command, as after any other death. */
static char late[128];
#define LATE_AFTER_MS 2000 /* the executor says more */

static void too_late(int sig)
{
	(void)sig;
	if (write(STDERR_FILENO, late, strlen(late)) < 0)
		_exit(126);
	_exit(125);
}

int limit_args_apply(const struct limit_args *a, struct build_opts *o, struct err *err)
{
	if (parse_timeout(a->step_timeout, "step-timeout", &o->step_timeout_ms, err) < 0 ||
		parse_timeout(a->build_timeout, "build-timeout", &o->build_timeout_ms, err) < 0)
		return err->code;
	o->disk_limit = a->disk_limit;
	if (!o->build_timeout_ms)
		return 0;
	uint64_t ms = o->build_timeout_ms + LATE_AFTER_MS;
	struct itimerval t = {.it_value = {.tv_sec = (time_t)(ms / 1000),
				      .tv_usec = (suseconds_t)(ms % 1000 * 1000)}};
	o->deadline_ms = clock_ms() + o->build_timeout_ms;
	snprintf(late, sizeof(late), "mica: the build took longer than %.3g s (--build-timeout)\n",
		(double)o->build_timeout_ms / 1000);
	struct sigaction action = {.sa_handler = too_late};
	if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &t, NULL) < 0)
		return err_sys(err, "option '--build-timeout'");
	return 0;
}
