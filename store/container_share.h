/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several commands at once in one working container. One mount of its files serves them all: two
 * overlays on one upper directory would not see each other. It is in a mount namespace of the
 * command that made it, so whoever comes later asks one of those that have it for a clone.
 *
 *	container_open(CONTAINER_BESIDE)  c->alone: nobody has it, mount it; else c->root is a clone
 *	container_share_begin()           something runs: the container is unlocked, others may come
 *	container_share_end()             locked again. The last one settles what was changed
 *
 * A command that is killed takes its clone and its locks with it; those of the others stay. Where
 * the last one is killed, the next use of the container settles (build/container_tree.h).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct container;
struct err;
struct store;

/* name: unique among those who run something, or NULL: nobody can have what we have mounted. Then,
 * and where there can be no socket, others wait for our end; but for one that is mounted by
 * `mount`, where all find it. *ret_offer: to be polled, -1: none. */
void container_share_begin(
	const struct store *s, struct container *c, const char *name, int *ret_offer);
/* *ret_last: nobody else uses the container's files, nor were they mounted by `mount` meanwhile.
 * offer, which is closed, and name: as above. */
int container_share_end(const struct store *s, struct container *c, const char *name, int offer,
	bool *ret_last, struct err *err) __attribute__((warn_unused_result));

enum container_request { CONTAINER_ASKS_ROOT = 'r', CONTAINER_ASKS_PAUSE = 'p' };
/* Somebody has come to an offer. A root is sent with one byte; who is to be paused for sends one
 * when it is, until the socket is closed there. 0, or -1: it was nothing. */
int container_share_hear(int offer, enum container_request *ret, int *ret_sock);

/* What runs in c stands still, as far as it can be made to: in a cgroup of version 2. */
struct container_pause {
	int *socks;
	size_t n;
};
void container_pause(const struct container *c, struct container_pause *ret);
void container_resume(struct container_pause *p);
#define AUTO_CONTAINER_PAUSE __attribute__((cleanup(container_resume)))
