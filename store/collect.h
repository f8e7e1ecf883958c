/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collection by itself: at most once an hour (once a minute when the disk is short) a process of
 * its own looks at the store and removes, the least recently used first, cache records, cache
 * mounts and images without a name, until the store is within its limits. What was used in the last
 * hour stays, and so does all while another process is at work.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct err;
struct store;

struct collect_limits {
	bool off;
	uint64_t max_size, min_free; /* bytes */
};

/* $MICA_GC: "off", or "max-size=SIZE,min-free=SIZE"; what it does not say, and all when text is
 * NULL: three quarters of the file system, and 5 % of it but at most 20 GiB. ERR_INVALID */
int collect_limits_get(struct store *s, const char *text, struct collect_limits *ret,
	struct err *err) __attribute__((warn_unused_result));
/* Whether it is time to look. Three system calls. */
bool collect_is_due(struct store *s, const struct collect_limits *l);
/* Looks and removes, in this process. */
int collect_run(struct store *s, const struct collect_limits *l, struct err *err)
	__attribute__((warn_unused_result));
