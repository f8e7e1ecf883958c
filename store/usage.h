/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What things in the store cost on disk. Blobs and unpacked layers are shared: each counts once, in
 * the first class that needs it (images, containers, the step cache, nobody), so that the classes
 * add up to the disk.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct store;

enum usage_class {
	USAGE_IMAGES,
	USAGE_CONTAINERS,
	USAGE_CACHE, /* records, their notes, and layers that only they reach */
	USAGE_MOUNTS, /* of RUN --mount=type=cache */
	USAGE_OTHER, /* indexes, logs, transactions, and what nothing reaches */
	USAGE_CLASSES
};

enum usage_kind {
	USAGE_LAYER, /* unpacked */
	USAGE_BLOB,
	USAGE_IMAGE,
	USAGE_CONTAINER,
	USAGE_RECORD,
	USAGE_MOUNT
};

struct usage_item {
	enum usage_kind kind;
	char *name; /* of an image NULL when it has none; of a container its ID */
	struct digest digest; /* diff ID, blob, manifest or index, step key, name of the mount */
	bool intermediate; /* an image of a step (step_images.h) */
	uint64_t size; /* of all that it needs, bytes on disk */
	uint64_t unique; /* of what nothing else needs: freed when it alone goes */
	int64_t used_s; /* last use as Unix seconds, to about a minute; 0 unknown */
	size_t *needs; /* of images, containers and records: their layers and blobs, as positions
	                  in the list */
	size_t n_needs;
	/* of layers and blobs */
	unsigned users; /* images, containers and records that need it */
	unsigned classes; /* of these, bits of enum usage_class */
	size_t first_user; /* its position */
};

struct disk_costs {
	struct usage_item *item; /* by kind */
	size_t n;
	uint64_t bytes[USAGE_CLASSES];
	uint64_t reclaimable[USAGE_CLASSES]; /* by `prune` with all its options: no container needs
	                                        it */
	uint64_t count[USAGE_CLASSES];
};

/* Walks all of it. What appears or goes meanwhile may be missed. */
int store_costs(struct store *s, struct disk_costs *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Of the cache mounts alone. */
int store_mount_costs(struct store *s, struct disk_costs *ret, struct err *err)
	__attribute__((warn_unused_result));
void disk_costs_done(struct disk_costs *c);
#define AUTO_DISK_COSTS __attribute__((cleanup(disk_costs_done)))
