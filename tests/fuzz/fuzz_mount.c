/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a RUN --mount: what is refused, and what is told of it before. "${" stands for a
 * variable that makes it longer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "build/file_expand.h"
#include "build/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int expand(void *arg, const char *value, char **ret, struct err *err)
{
	return expand_word(value, '\\', arg, 0, ret, NULL, NULL, err);
}

static void count(void *arg, const char *field, const struct err *what)
{
	if (!what->msg[0] || what->code >= 0 || (field && !*field && !strchr(what->msg, '\'')))
		abort();
	++*(unsigned *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	AUTO_MAP struct map env = MAP_INIT;
	struct err err = ERR_INIT;
	struct mount_opts m;
	map_set(&env, "x", "a,b=\"c\"/../..");
	AUTO_FREE char *field = NULL;
	unsigned faults = 0;
	mount_faults(text, '\\', count, &faults);
	bool bad = mount_parse(text, expand, &env, &m, &field, &err) < 0;
	if (faults ? !bad : bad && !strchr(text, '$'))
		abort(); /* with and without the values of variables it is the same */
	if (bad) {
		if (!err.msg[0] || err.code >= 0)
			abort();
		return 0;
	}
	if ((m.has_mode && m.mode > 07777) || (m.env && strchr(m.env, '=')) ||
		(m.type == MOUNT_SECRET && m.source && m.id))
		abort();
	mount_opts_done(&m);
	return 0;
}
