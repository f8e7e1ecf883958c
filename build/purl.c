/* SPDX-License-Identifier: Apache-2.0 */
#include "build/purl.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/platform.h"
#include "image/reference.h"

#include <string.h>

#define PURL_MAX 4096

/* All but letters, digits and what may stay. */
static void escape(const char *text, const char *plain, struct buf *ret)
{
	for (; *text; text++) {
		bool alnum = (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') ||
		             (*text >= 'A' && *text <= 'Z');
		if (alnum || strchr(plain, *text))
			buf_addch(ret, *text);
		else
			buf_addf(ret, "%%%02X", (unsigned)(unsigned char)*text);
	}
}

char *purl_of_image(const char *name, const struct platform *platform)
{
	static const char docker_hub[] = "docker.io", official[] = "library/";
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_BUF struct buf out = BUF_INIT(PURL_MAX);
	struct err ignored = ERR_INIT;
	char digest[DIGEST_STR_MAX], text[100];
	if (reference_parse(name, &ref, &ignored) < 0)
		return xstrdup(name);
	reference_default_tag(&ref);
	const char *path = ref.repository;
	buf_addstr(&out, "pkg:docker/");
	if (!streq(ref.registry, docker_hub)) {
		escape(ref.registry, "-._~:", &out);
		buf_addch(&out, '/');
	} else if (str_has_prefix(path, official)) {
		path += strlen(official);
	}
	escape(path, "-._~/", &out);
	if (ref.tag) {
		buf_addch(&out, '@');
		escape(ref.tag, "-._~", &out);
	}
	if (ref.has_digest)
		buf_addf(&out, "?digest=%s", digest_str(&ref.digest, digest));
	buf_addstr(&out, ref.has_digest ? "&platform=" : "?platform=");
	escape(platform_str(platform, text), "-._~", &out);
	return xstrdup(buf_str(&out));
}
