/* SPDX-License-Identifier: Apache-2.0 */
#include "image/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"

static const char *const known_os[] = {
	"aix",
	"android",
	"darwin",
	"dragonfly",
	"freebsd",
	"illumos",
	"ios",
	"js",
	"linux",
	"netbsd",
	"openbsd",
	"plan9",
	"solaris",
	"wasip1",
	"windows",
};

static const char *const known_arch[] = {
	"386",
	"amd64",
	"arm",
	"arm64",
	"loong64",
	"mips",
	"mips64",
	"mips64le",
	"mipsle",
	"ppc64",
	"ppc64le",
	"riscv64",
	"s390x",
	"wasm",
};

/* What uname(2), Debian and people call them -> what Go does; a variant "" leaves the one that was
 * said. */
static const struct {
	const char *from;
	const char *arch;
	const char *variant;
} arch_alias[] = {
	{"i386", "386", ""},
	{"i486", "386", ""},
	{"i586", "386", ""},
	{"i686", "386", ""},
	{"x86_64", "amd64", ""},
	{"x86-64", "amd64", ""},
	{"aarch64", "arm64", ""},
	{"armhf", "arm", "v7"},
	{"armel", "arm", "v6"},
	{"armv8l", "arm", "v8"},
	{"armv7l", "arm", "v7"},
	{"armv6l", "arm", "v6"},
	{"armv5tel", "arm", "v5"},
	{"loongarch64", "loong64", ""},
};

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(s, list[i]))
			return true;
	return false;
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

#define SET(field, text) (void)snprintf(field, sizeof(field), "%s", text)

void platform_normalise(struct platform *p)
{
	lower(p->os);
	lower(p->arch);
	lower(p->variant);
	if (streq(p->os, "macos"))
		SET(p->os, "darwin");
	for (size_t i = 0; i < ARRAY_LEN(arch_alias); i++) {
		if (!streq(p->arch, arch_alias[i].from))
			continue;
		SET(p->arch, arch_alias[i].arch);
		if (*arch_alias[i].variant)
			SET(p->variant, arch_alias[i].variant);
		break;
	}
	/* "8" is "v8" */
	if (p->variant[0] >= '0' && p->variant[0] <= '9' &&
		strlen(p->variant) < sizeof(p->variant) - 1) {
		memmove(p->variant + 1, p->variant, strlen(p->variant) + 1);
		p->variant[0] = 'v';
	}
	if (streq(p->arch, "arm") && !*p->variant)
		SET(p->variant, "v7");
	if (streq(p->arch, "arm64") && streq(p->variant, "v8"))
		p->variant[0] = '\0';
	if (streq(p->arch, "amd64") && streq(p->variant, "v1"))
		p->variant[0] = '\0';
}

void platform_normalise_said(struct platform *p)
{
	bool said = *p->variant;
	platform_normalise(p);
	if (called_buildah() && said && streq(p->arch, "arm64") && !*p->variant)
		SET(p->variant, "v8");
}

void platform_host(struct platform *ret)
{
	static struct platform host;
	if (!*host.os) {
		struct utsname u;
		host = (struct platform){.os = "linux"};
		if (uname(&u) == 0)
			(void)snprintf(host.arch, sizeof(host.arch), "%.*s",
				(int)sizeof(host.arch) - 1, u.machine);
		platform_normalise(&host);
	}
	*ret = host;
}

bool platform_component_is_valid(const char *s, size_t n)
{
	if (n == 0 || n >= sizeof(((struct platform *)NULL)->os))
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '_' || c == '.' || c == '-'))
			return false;
	}
	return true;
}

/* One word names an operating system or an architecture. */
static int parse_single(const char *s, struct platform *p, struct err *err)
{
	platform_host(p);
	struct platform said = {.variant = ""};
	SET(said.os, s);
	SET(said.arch, s);
	platform_normalise(&said);
	if (is_one_of(said.os, known_os, ARRAY_LEN(known_os))) {
		SET(p->os, said.os);
		return 0;
	}
	if (is_one_of(said.arch, known_arch, ARRAY_LEN(known_arch))) {
		SET(p->arch, said.arch);
		SET(p->variant, said.variant);
		return 0;
	}
	return err_set(err, ERR_INVALID, "'%s': unknown operating system or architecture", s);
}

const char *const *platform_systems(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(known_os);
	return known_os;
}

const char *const *platform_architectures(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(known_arch);
	return known_arch;
}

bool platform_is_known(const struct platform *p)
{
	return is_one_of(p->os, known_os, ARRAY_LEN(known_os)) &&
	       is_one_of(p->arch, known_arch, ARRAY_LEN(known_arch));
}

int platform_parse(const char *s, struct platform *ret, struct err *err)
{
	struct platform p = {.variant = ""};
	char *const field[] = {p.os, p.arch, p.variant};
	size_t n = 0;

	if (streq(s, "local")) {
		platform_host(ret);
		return 0;
	}
	for (const char *at = s;; at++) {
		size_t len = strcspn(at, "/");
		if (n == ARRAY_LEN(field))
			return err_set(err, ERR_INVALID,
				"'%s': a platform is os/architecture[/variant]", s);
		if (!platform_component_is_valid(at, len))
			return err_set(err, ERR_INVALID, "'%s': invalid platform component '%.*s'",
				s, (int)len, at);
		memcpy(field[n], at, len);
		n++;
		at += len;
		if (!*at)
			break;
	}
	if (n == 2 && is_one_of(p.os, known_arch, ARRAY_LEN(known_arch)))
		return err_set(err, ERR_INVALID,
			"'%s' is no platform: '%s' is an architecture; is linux/%s meant?", s, p.os,
			s);
	if (n == 1) {
		struct platform one;
		int r = parse_single(p.os, &one, err);
		if (r < 0)
			return r;
		p = one;
	}
	platform_normalise_said(&p);
	*ret = p;
	return 0;
}

char *platform_str(const struct platform *p, char *buf)
{
	enum { PLATFORM_STR_MAX = 100 };
	(void)snprintf(buf, PLATFORM_STR_MAX, "%s/%s%s%s", p->os, p->arch, *p->variant ? "/" : "",
		p->variant);
	return buf;
}

/* The level of a variant within its architecture, "v3" -> 3; the implied one when it is not said;
 * -1 when it is no level. */
static int variant_level(const struct platform *p)
{
	if (!*p->variant)
		return streq(p->arch, "arm64") ? 8 : streq(p->arch, "amd64") ? 1 : -1;
	if (p->variant[0] == 'v' && p->variant[1] >= '1' && p->variant[1] <= '9' && !p->variant[2])
		return p->variant[1] - '0';
	return -1;
}

int platform_match(const struct platform *want, const struct platform *have)
{
	enum { BEST = 100 };
	struct platform w = *want, h = *have;
	platform_normalise(&w);
	platform_normalise(&h);
	if (!streq(w.os, h.os) || !streq(w.arch, h.arch))
		return -1;
	if (*w.os_version && !streq(w.os_version, h.os_version))
		return -1;
	if (streq(w.variant, h.variant))
		return BEST;
	/* a processor of a later level runs what was made for an earlier one */
	int wl = variant_level(&w), hl = variant_level(&h);
	if (wl < 0 || hl < 0)
		return *h.variant ? -1 : 0;
	return hl < wl ? BEST - (wl - hl) : -1;
}

bool platform_list_has(const struct platform_list *l, const struct platform *p)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->p[i].os, p->os) && streq(l->p[i].arch, p->arch) &&
			streq(l->p[i].variant, p->variant) &&
			streq(l->p[i].os_version, p->os_version))
			return true;
	return false;
}

void platform_list_add(struct platform_list *l, const struct platform *p)
{
	if (platform_list_has(l, p))
		return;
	l->p = xreallocarray(l->p, l->n + 1, sizeof(*l->p));
	l->p[l->n++] = *p;
}

void platform_list_done(struct platform_list *l)
{
	free(l->p);
	*l = (struct platform_list){0};
}
