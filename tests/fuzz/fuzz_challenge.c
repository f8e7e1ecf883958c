/* SPDX-License-Identifier: Apache-2.0 */
/* The header that starts authentication, and the URLs in it. */
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "registry/challenge.h"
#include "registry/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct challenges c = {0};
	AUTO_URL struct url base = {0}, url = {0};
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	if (challenges_parse(text, &c, &err) == 0) {
		const struct challenge *bearer = challenges_find(&c, "bearer");
		AUTO_URL struct url realm = {0};
		if (bearer && bearer->realm && url_parse(bearer->realm, &realm, &err) == 0)
			(void)url_same_owner("registry.example.com", realm.host);
	}
	challenges_done(&c);
	if (url_parse("https://registry.example.com/v2/", &base, &err) == 0 &&
		url_resolve(&base, text, &url, &err) == 0) {
		AUTO_FREE char *again = url_str(&url);
		AUTO_URL struct url same = {0};
		/* what we print we must read, as the same place */
		if (url_parse(again, &same, &err) < 0 || !url_same_origin(&url, &same))
			__builtin_trap();
	}
	return 0;
}
