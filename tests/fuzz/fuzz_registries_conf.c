/* SPDX-License-Identifier: Apache-2.0 */
/* registries.conf, and where it sends a name. */
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct registries *rs, const char *name)
{
	struct err err = ERR_INIT;
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_STRV struct strv names = STRV_INIT;
	if (reference_parse(name, &ref, &err) < 0)
		__builtin_trap();
	for (enum places_for use = PLACES_PULL; use <= PLACES_WRITE; use++) {
		AUTO_PLACES struct places places = {0};
		if (registries_places(rs, &ref, use, &places, &err) == 0 && places.n == 0)
			__builtin_trap();
	}
	if (ref.was_short && registries_short_names(rs, name, false, &names, &err) == 0 &&
		names.n == 0)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_REGISTRIES struct registries rs = {0};
	if (registries_add(&rs, (const char *)data, size, "fuzz", &err) < 0)
		return 0;
	ask(&rs, "a");
	ask(&rs, "a.b:1/c/d:t");
	ask(&rs, "docker.io/library/a@sha256:"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	return 0;
}
