/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/moment.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

#define DAY_S 86400
#define NS_PER_S 1000000000
#define LATEST_TIME 253402300799 /* the end of year 9999 */

bool moment_parse(const char *text, int64_t *ret)
{
	size_t n = strlen(text);
	uint64_t days;
	int64_t ns;
	struct timespec t;

	if (n > 1 && (text[n - 1] == 'd' || text[n - 1] == 'w')) {
		AUTO_FREE char *digits = xstrndup(text, n - 1);
		if (!num_u64(digits, 100000, &days))
			return false;
		*ret = clock_now().tv_sec - (int64_t)days * DAY_S * (text[n - 1] == 'w' ? 7 : 1);
		return true;
	}
	if (num_duration(text, &ns) && ns >= 0) {
		*ret = clock_now().tv_sec - ns / NS_PER_S;
		return true;
	}
	if (clock_parse(text, &t)) {
		*ret = t.tv_sec;
		return true;
	}
	return num_i64(text, 0, INT64_MAX, ret);
}

int moment_epoch(const char *text, const char *from, int64_t *ret, struct err *err)
{
	if (!num_i64(text, 0, LATEST_TIME, ret))
		return err_set(err, ERR_INVALID, "%s: '%s' is not a number of seconds since 1970",
			from, text);
	return 0;
}
