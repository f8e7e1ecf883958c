/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/build_usage.h"

#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cmd/out.h"

const struct opt usage_options[] = {
	OPT_BOOL(0, "log-rusage", struct usage_args, log),
	OPT_STRING(0, "rusage-logfile", struct usage_args, file),
	OPT_END,
};

int usage_check(const struct usage_args *a, struct err *err)
{
	if (!a->file || fs_check_output(a->file, err) == 0)
		return 0;
	return err_wrap(err, "option '--rusage-logfile'");
}

static double seconds(struct timeval a, struct timeval b)
{
	return (double)(a.tv_sec + b.tv_sec) + (double)(a.tv_usec + b.tv_usec) / 1e6;
}

int usage_report(const struct usage_args *a, struct out *out, uint64_t began, struct err *err)
{
	struct rusage own, steps;
	if (!a->log && !a->file)
		return 0;
	if (getrusage(RUSAGE_SELF, &own) < 0 || getrusage(RUSAGE_CHILDREN, &steps) < 0)
		return err_sys(err, "cannot find out what the build used");
	AUTO_FREE char *line =
		xasprintf("%.3fs(system) %.3fs(user) %.3fs(elapsed) %ld input %ld output",
			seconds(own.ru_stime, steps.ru_stime),
			seconds(own.ru_utime, steps.ru_utime), (double)(clock_us() - began) / 1e6,
			own.ru_inblock + steps.ru_inblock, own.ru_oublock + steps.ru_oublock);
	if (!a->file) {
		out_note(out, "%s", line);
		return 0;
	}
	AUTO_FREE char *text = xasprintf("%s\n", line);
	return fs_write_output(a->file, text, strlen(text), 0644, false, err);
}
