/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses flags and escape; then "NAME=value" up to a newline, then the word. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "build/file_expand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	int flags = data[0] & 15;
	char escape = data[0] & 16 ? '`' : '\\';
	AUTO_FREE char *text = xstrndup((const char *)data + 1, size - 1);
	char *word = strchr(text, '\n');
	if (!word)
		return 0;
	*word++ = '\0';
	AUTO_MAP struct map env = MAP_INIT;
	char *equals = strchr(text, '=');
	if (equals)
		*equals++ = '\0';
	map_set(&env, text, equals);
	map_set(&env, "x", "foobarbaz");
	map_set(&env, "e", "");
	AUTO_STRV struct strv used = STRV_INIT;
	AUTO_STRV struct strv unset = STRV_INIT;
	AUTO_STRV struct strv words = STRV_INIT;
	struct err err = ERR_INIT;
	char *out = NULL;
	int r = expand_word(word, escape, &env, flags, &out, &used, &unset, &err);
	if (r == 0 && (!out || unset.n > used.n))
		abort();
	free(out);
	int r2 = expand_words(word, escape, &env, flags, &words, &err);
	if (r != r2 && r == 0)
		abort();
	return 0;
}
