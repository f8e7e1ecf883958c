/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working containers: an image being edited by hand (buildah's from, run, copy, config, commit).
 *
 *	containers/ID/container.json   what is in struct container
 *	containers/ID/uses             digests that keep the base image from the sweep (mark.h)
 *	containers/ID/upper            what was changed: the upper directory of an overlay
 *	containers/ID/links/N          what was copied with --link
 *	containers/ID/work, merged     while it is mounted by `mount`; work: or something runs in it
 *	containers/ID/running          a lock, shared by those who run something in it
 *
 * A container appears by one rename of a finished directory and goes by one rename into tmp/.
 * container.json is replaced whole. Whoever changes a container holds its lock, a flock(2) on its
 * directory; listing and looking need none. While something runs in it that lock is free, and
 * `running` is not (container_share.h): it is taken after the directory's, and waited for without
 * that. Names are unique; containers.lock is held while one
 * is given, after a container's own lock and before no other.
 */
#pragma once
#include "base/map.h"
#include "base/strv.h"
#include "image/config.h"
#include "image/descriptor.h"
#include <stdbool.h>

struct err;
struct image;
struct store;
struct txn;

#define CONTAINER_ID_LEN 64

struct container {
	char id[CONTAINER_ID_LEN + 1];
	char *name;
	char *created; /* RFC 3339 */
	bool scratch; /* made from nothing; the next three are empty then */
	char *image_name; /* as it was found: a reference, or ""; "scratch" */
	struct digest image_id; /* of the config */
	struct descriptor manifest;
	struct image_config config; /* being edited; diff_ids: of the base image */
	size_t base_history; /* entries of it that came with the base image */
	struct map annotations;
	char *created_by, *history_comment, *comment; /* for the commit; NULL: not said */
	char *hostname, *domainname; /* NULL: not said */
	bool docker; /* --format docker: what OCI has no place for is meant */
	struct strv options; /* words of `from` that hold for each run */
	struct strv links; /* layers to be, in links/0, links/1 ...: what history says of each */
	char *mount_boot; /* mounted during this boot; NULL: not mounted */
	char *mount_space; /* the mount namespace, as /proc/PID/ns/mnt has it */
	char *damaged; /* NULL, or why container.json cannot be read: it has an ID then, by which it
	                  can be removed, and nothing else */

	int dir; /* containers/ID, or -1; locked after container_open() and container_create() */
	int running; /* our lock of that name, or -1 */
	bool alone; /* nobody runs anything in it */
	int root; /* else its root, unless it is mounted: of those who do, for one more of them */
};
#define CONTAINER_INIT                                                                             \
	{                                                                                          \
		.dir = -1, .running = -1, .root = -1                                               \
	}

void container_init(struct container *c);
void container_done(struct container *c);
#define AUTO_CONTAINER __attribute__((cleanup(container_done)))

/* The name, or what one is made of: STEM-SUFFIX, STEM-SUFFIX-1 ... NULL: the image's name and
 * "working-container". */
struct container_naming {
	const char *name, *stem, *suffix;
};

/* A new one from image (NULL: from nothing). *c: the other members as they shall be; gets ID,
 * name and base. It is locked. ERR_EXISTS: the name is taken, the message says by which. */
int container_create(struct store *s, struct txn *t, const struct image *image,
	const struct container_naming *naming, struct container *c, struct err *err)
	__attribute__((warn_unused_result));
/* By name, ID or a unique prefix of an ID. ERR_NOT_FOUND, ERR_INVALID (ambiguous), ERR_CORRUPT */
int container_find(struct store *s, const char *text, struct container *ret, struct err *err)
	__attribute__((warn_unused_result));
enum container_hold {
	CONTAINER_ALONE, /* nobody else uses it */
	CONTAINER_BESIDE, /* others may run something in it */
	CONTAINER_DOCUMENT, /* of its files nothing is used: what others do there is their business */
};
/* container_find, locked, as it is then. wait: until who has it is done; else ERR_BUSY. */
int container_open(struct store *s, const char *text, enum container_hold hold, bool wait,
	struct container *ret, struct err *err) __attribute__((warn_unused_result));
/* Gives back its locks; what is known of it stays to be read. */
void container_unlock(struct container *c);
/* container_open for container_remove(): it may be damaged. */
int container_open_any(struct store *s, const char *text, bool wait, struct container *ret,
	struct err *err) __attribute__((warn_unused_result));
/* Writes what is in c, which is locked, to the disk. */
int container_save(const struct container *c, struct err *err) __attribute__((warn_unused_result));
/* Gives a locked one another name and writes it. ERR_EXISTS */
int container_rename(struct store *s, struct container *c, const char *name, struct err *err)
	__attribute__((warn_unused_result));
/* Of a locked one that is not mounted. */
int container_remove(struct store *s, const struct container *c, struct err *err)
	__attribute__((warn_unused_result));

/*
 * A mount of containers/ID/merged by `mount` lasts until `umount`, a reboot, or the end of its
 * mount namespace (`unshare`). Every user of the container must go through it: two overlays on one
 * upper directory do not see each other.
 */
enum container_mounted {
	CONTAINER_NOT_MOUNTED,
	CONTAINER_MOUNTED,
	CONTAINER_MOUNTED_ELSEWHERE, /* in a mount namespace that is not ours and still lives */
};
enum container_mounted container_mounted(const struct store *s, const struct container *c);
/* Of one that is not mounted: it was, in a mount namespace that is not ours. */
bool container_was_mounted_elsewhere(const struct container *c);
/* For as long as a mount namespace of ours lives: others see that it does. By its last user. */
int container_space_hold(struct store *s, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
void container_space_release(struct store *s, int fd);
/* Notes it in c, to be saved. */
void container_set_mounted(struct container *c, bool mounted);

struct containers {
	struct container *c; /* in the order of their making */
	size_t n;
};
/* Damaged ones too. */
int containers_list(struct store *s, struct containers *ret, struct err *err)
	__attribute__((warn_unused_result));
void containers_done(struct containers *l);
#define AUTO_CONTAINERS __attribute__((cleanup(containers_done)))
