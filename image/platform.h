/* SPDX-License-Identifier: Apache-2.0 */
/* os/architecture[/variant], normalised as containerd does (x86_64 -> amd64, aarch64 -> arm64,
 * arm/v7 ...). image-spec image-index.md "platform". */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;

struct platform {
	char os[32];
	char arch[32];
	char variant[32]; /* "" when none */
	char os_version[64];
};

/* Each once, in the order in which they came. */
struct platform_list {
	struct platform *p;
	size_t n;
};

void platform_host(struct platform *ret);
/* Of what "os/arch/variant" is put together: letters, digits, '_', '.' and '-'; not too long. */
bool platform_component_is_valid(const char *s, size_t n);
/* "linux/arm64", "arm64", "linux/arm/v7", "local". ERR_INVALID */
int platform_parse(const char *s, struct platform *ret, struct err *err)
	__attribute__((warn_unused_result));
/* False for an operating system or architecture that nobody has heard of: likely misspelt. */
bool platform_is_known(const struct platform *p);
/* Those that are known, as Go names them. */
const char *const *platform_systems(size_t *ret_n);
const char *const *platform_architectures(size_t *ret_n);
void platform_normalise(struct platform *p);
/* Of what somebody said: for who calls us buildah the v8 of arm64 stays, when it was said. */
void platform_normalise_said(struct platform *p);
/* "linux/arm/v7"; buf of at least 100 */
char *platform_str(const struct platform *p, char *buf);
/* how well `have` serves `want`: -1 not at all, else higher is better (same variant best) */
int platform_match(const struct platform *want, const struct platform *have);
/* Unless it is among them. */
void platform_list_add(struct platform_list *l, const struct platform *p);
bool platform_list_has(const struct platform_list *l, const struct platform *p);
void platform_list_done(struct platform_list *l);
