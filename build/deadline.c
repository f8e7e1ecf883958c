/* SPDX-License-Identifier: Apache-2.0 */
#include "build/deadline.h"

#include "base/clock.h"
#include "base/err.h"
#include "build/build.h"

uint64_t deadline_of_step(const struct build_opts *o)
{
	uint64_t step = o->step_timeout_ms ? clock_ms() + o->step_timeout_ms : 0;
	return !step || (o->deadline_ms && o->deadline_ms < step) ? o->deadline_ms : step;
}

int deadline_left(uint64_t end_ms)
{
	uint64_t now = clock_ms();
	if (!end_ms)
		return -1;
	return now >= end_ms ? 0 : end_ms - now > INT32_MAX ? INT32_MAX : (int)(end_ms - now);
}

int deadline_check(const struct build_opts *o, struct err *err)
{
	if (!o->deadline_ms || clock_ms() < o->deadline_ms)
		return 0;
	return err_set(err, ERR_LIMIT, "the build took longer than %.3g s (--build-timeout)",
		(double)o->build_timeout_ms / 1000);
}
