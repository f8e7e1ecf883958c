/* SPDX-License-Identifier: Apache-2.0 */
#include "build/signals.h"

#include "base/mem.h"
#include "base/num.h"
#include "build/suggest.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

bool signal_is_known(const char *text)
{
	uint64_t n;
	int64_t number;
	/* BuildKit looks at no number but 0: which there are is the matter of who sends it */
	if (num_i64(text + (*text == '+' && text[1] != '-'), INT64_MIN, INT64_MAX, &number))
		return number != 0;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *name = sigabbrev_np(i);
		if (name && strcasecmp(name, text) == 0)
			return true;
	}
	static const struct {
		const char *name;
		int sign;
	} rt[] = {{"RTMIN+", 1}, {"RTMAX-", -1}};
	for (size_t i = 0; i < ARRAY_LEN(rt); i++)
		if (strncasecmp(text, rt[i].name, 6) == 0)
			return num_u64(text + 6, 15, &n);
	return strcasecmp(text, "RTMIN") == 0 || strcasecmp(text, "RTMAX") == 0 ||
	       strcasecmp(text, "CLD") == 0 || strcasecmp(text, "IOT") == 0;
}

const char *signal_suggest(const char *text)
{
	const char *names[64];
	size_t n = 0;
	for (int i = 1; i < SIGRTMIN && n < ARRAY_LEN(names); i++)
		if (sigabbrev_np(i))
			names[n++] = sigabbrev_np(i);
	return suggest(strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text, names, n);
}
