/* SPDX-License-Identifier: Apache-2.0 */
/* The users that our user namespace knows (user_namespaces(7), "User and group ID mappings"). */
#pragma once

enum idmap {
	IDMAP_ALL, /* the initial namespace: every user, and devices can be made */
	IDMAP_SOME, /* ranges of a user */
	IDMAP_ONE, /* nobody but ourselves: there are no owners to set */
};

/* Ours. IDMAP_ALL where the kernel has no user namespaces. */
enum idmap idmap_own(void);
/* The same for the text of a uid_map. */
enum idmap idmap_parse(const char *text);
