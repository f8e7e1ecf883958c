/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share. */
#pragma once
#include "base/digest.h"
#include "base/lock.h"
#include "store/store.h"
#include <stddef.h>
#include <time.h>

#define BLOBS_DIR "blobs/sha256"
#define BLOBS_SHA512_DIR "blobs/sha512" /* made with the first blob that others named so */
#define LAYERS_DIR "layers"
#define CACHE_DIR "cache"
#define STEPS_DIR "cache/steps"
#define STAT_DIR "cache/stat"
#define STAGES_DIR "cache/stages"
#define LISTS_DIR "cache/lists"
#define CONTAINERS_DIR "containers"
#define MOUNTS_DIR "mounts"
#define TMP_DIR "tmp"
#define SYNCED_FILE "synced"
#define GC_WANTED_FILE "gc.wanted"
#define STORE_PATH_MAX 160 /* the longest of the names above, a '/', 128 digits */

struct err;
struct strv;

/* See additional.h. */
struct additional {
	int fd;
	char *path;
	int gc_lock; /* -1: not taken, or not to be had */
	bool same_user;
	bool sound; /* this boot found it sound */
	time_t since; /* what changed after it is not known to be on disk, unless sound */
};

struct store {
	char *path;
	int fd;
	bool read_only;
	bool is_anothers; /* another.c */
	uid_t owner;
	bool dirty; /* this process wrote what was not synced yet */
	bool boot_checked; /* recover_after_boot() is done */
	struct txn *scratch; /* where unnamed files lie until they are renamed; begun by the first
	                        of them */
	void (*short_names)(void *arg, const char *text, struct strv *ret); /* NULL: none */
	void *short_names_arg;
	struct additional *additional;
	size_t n_additional;
	char *sizes; /* layer_size.c: the lines of its file; NULL: not read yet */
};

/* "<dir>/<hex>" into buf of STORE_PATH_MAX */
const char *store_name(char *buf, const char *dir, const struct digest *d);
/* the same of a blob, which lies with those of its algorithm */
const char *store_blob_name(char *buf, const struct digest *d);
/* Paths of all that lies where blobs do, sorted in each directory. */
int store_blob_paths(const struct store *s, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Whether the path is one that a blob may have; *ret: which. */
bool store_blob_parse(const char *path, struct digest *ret);
/* Finds out whether it is another user's, who alone may write to it. */
void another_look(struct store *s);
/* To whom all in it belongs, but for the content of images. */
bool store_owner(const struct store *s, uid_t *ret);
/* 0: it is ours. */
int another_refuse(const struct store *s, struct err *err) __attribute__((warn_unused_result));
/* It is ours, and was not opened for reading only. */
int store_may_write(const struct store *s, struct err *err) __attribute__((warn_unused_result));
/* Is it the store that is at fault, and not for example a want of descriptors? */
bool store_is_damage(const struct err *err);
/* Adds to an error that tells of a damaged store what to do about it; its code. */
#define STORE_MEND "; 'mica fsck --repair' mends the store"
int store_damage(struct err *err);
/* `version` as this program writes it. */
bool store_version_is_right(const struct store *s);
int store_write_version(int fd, struct err *err) __attribute__((warn_unused_result));
/* fd: of an empty directory. ERR_UNSUPPORTED: what images have would be lost there. */
int store_check_fitness(int fd, const char *path, struct err *err)
	__attribute__((warn_unused_result));
int store_write_layout(int fd, struct err *err) __attribute__((warn_unused_result));
/* Directory descriptor of a private place for files that are about to be named; borrowed. */
int store_scratch(struct store *s, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* Drops it, and with it the store's own share of gc.lock. */
void store_scratch_end(struct store *s);
/* lock_file() in the store's directory. */
int store_lock(const struct store *s, const char *name, enum lock_mode mode, bool wait, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));
/* Of a directory at path below dirfd; errno says why. */
int store_cannot_open(int dirfd, const char *path, struct err *err);
int store_open_dir(struct store *s, const char *dir, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* Removes a directory and all in it, or whatever is there. It goes at once, by a rename into tmp,
 * where the sweep finds it should we die on the way. Missing is no error. */
int store_remove(struct store *s, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* A directory of the cache, if it is missing: `rm -r cache` is a way to forget the cache. */
int store_make_cache(struct store *s, const char *dir, struct err *err)
	__attribute__((warn_unused_result));

/* Whoever ends a transaction as the last one sweeps (txn_end). */
void want_sweep(struct store *s);
/* Removes what dead transactions left. all: nobody else is alive (gc.lock is held exclusively).
 * Failures are left to the next sweep; the last one is in *ret_leftover. */
void sweep_dead(struct store *s, bool all, struct err *ret_leftover);
/* rmdir of a noted cgroup and those in it, after killing what still runs there; false: it is still
 * busy. */
bool sweep_cgroups(int txn_fd);
/* Kills whose root was mounted for the transaction: what a step without a pid namespace has left
 * running where neither its init nor a cgroup is there to end it. */
void sweep_processes(const char *txn_id);

#define BOOT_ID_LEN 36
void store_boot_id(char ret[BOOT_ID_LEN + 1]);
/* Whether the store at fd was found sound in this boot. *ret_since: what changed after it is not
 * known to be on disk otherwise. */
bool store_is_sound(int fd, time_t *ret_since);
/* After a reboot: what was written since the last sync is checked or dropped. Once in a process;
 * takes gc.lock exclusively when there is work. */
int recover_after_boot(struct store *s, struct err *err) __attribute__((warn_unused_result));
/* Makes all durable even when this process wrote nothing. */
int store_sync_all(struct store *s, struct err *err) __attribute__((warn_unused_result));
