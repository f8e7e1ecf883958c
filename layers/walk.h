/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One directory's names in the order in which a layer holds them, and the groups of hard links.
 *
 * Order: whiteouts first (layer.md wants them before their siblings), then all else so that full
 * paths come out in bytewise order: "a", "a.b", "a/b". As '.' sorts before '/', a directory is
 * therefore listed twice: as itself, and with descend set where its content belongs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct err;

struct walk_item {
	const char *name;
	unsigned char type; /* DT_*, never DT_UNKNOWN */
	bool whiteout;
	bool descend;
};

struct walk_list {
	struct walk_item *items;
	size_t n;
	char *names;
};

/* dirfd: open for reading; its offset is at the start. path: for messages. */
int walk_list_read(int dirfd, const char *path, struct walk_list *ret, struct err *err)
	__attribute__((warn_unused_result));
void walk_list_done(struct walk_list *l);
#define AUTO_WALK_LIST __attribute__((cleanup(walk_list_done)))

/* Files with several names: the first path under which each was met, kept until all its links were
 * seen. */
struct links;
struct links *links_new(void);
void links_free(struct links *l); /* accepts NULL */
static inline void links_free_p(struct links **l)
{
	links_free(*l);
}
#define AUTO_LINKS __attribute__((cleanup(links_free_p)))
/* st has more than one link. NULL: met for the first time, path is remembered; else the first path,
 * borrowed until the next call. */
const char *links_meet(struct links *l, const struct stat *st, const char *path);
