/* SPDX-License-Identifier: Apache-2.0 */
/* The users that a user namespace knows (user_namespaces(7), "User and group ID mappings"). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum idmap {
	IDMAP_ALL, /* the initial namespace: every user, and devices can be made */
	IDMAP_SOME, /* ranges of a user */
	IDMAP_ONE, /* nobody but ourselves: there are no owners to set */
};

/* Ours. IDMAP_ALL where the kernel has no user namespaces. */
enum idmap idmap_own(void);
/* The same for the text of a uid_map. */
enum idmap idmap_parse(const char *text);

#define IDMAP_RANGES_MAX 32 /* the kernel takes 340; nobody has more than a few */

struct idmap_range {
	uint32_t inside, outside, count;
};

struct idmap_ranges {
	struct idmap_range r[IDMAP_RANGES_MAX];
	size_t n;
};

/* Another user namespace than ours, as it is seen from ours. */
struct idmap_view {
	int userns; /* descriptor, -1: there is none */
	struct idmap_ranges uids, gids; /* both empty: everybody has the same number there */
};

/* Does it give its users other numbers? */
bool idmap_differs(const struct idmap_view *v);
/* The lines of a uid_map. false: too many, or not such lines. */
bool idmap_read(const char *text, struct idmap_ranges *ret);
/* false: nobody has it. With no ranges at all everybody is who they are. */
bool idmap_outside(const struct idmap_ranges *m, uint32_t inside, uint32_t *ret);
bool idmap_inside(const struct idmap_ranges *m, uint32_t outside, uint32_t *ret);
/* What this process does with files is done as root of that namespace, and with all of its
 * capabilities: what it makes is that root's. It is not dumpable afterwards, and has forgotten its
 * PR_SET_PDEATHSIG. ERR_INVALID: there is no root. */
int idmap_be_root(const struct idmap_view *v, struct err *err) __attribute__((warn_unused_result));
