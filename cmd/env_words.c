/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/env_words.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"

/* `prefix`: its first n bytes */
static void set_all(const char *prefix, size_t n, struct map *env)
{
	for (char **e = environ; e && *e; e++) {
		const char *eq = strchr(*e, '=');
		if (!eq || eq == *e || strncmp(*e, prefix, n) != 0)
			continue;
		AUTO_FREE char *name = xstrndup(*e, (size_t)(eq - *e));
		map_set(env, name, eq + 1);
	}
}

int env_words_set(const struct strv *words, struct map *env, struct err *err)
{
	STRV_FOREACH (word, words) {
		const char *eq = strchr(*word, '=');
		size_t n = eq ? (size_t)(eq - *word) : strlen(*word);
		if (!n)
			return err_set(err, ERR_INVALID, "option '--env': '%s' has no name", *word);
		if (!eq && (*word)[n - 1] == '*') {
			set_all(*word, n - 1, env);
			continue;
		}
		AUTO_FREE char *name = xstrndup(*word, n);
		const char *value = eq ? eq + 1 : getenv(name);
		if (value)
			map_set(env, name, value);
	}
	return 0;
}
