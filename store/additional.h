/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Additional stores: other stores that are only read, for what a store does not have itself
 * (additionalimagestores of containers-storage.conf(5)). Names, blobs and unpacked layers are
 * looked for in the store first, then in these in the order in which they were added. What is made
 * from their images needs them afterwards: what they have is not copied.
 *
 * Files of an unpacked layer belong to whom the image says, as seen by the user who unpacked it.
 * So unpacked layers are taken only from stores of the same user; from others the blobs, to be
 * unpacked again.
 * After a restart of the machine, what may not have reached the disk is not taken until the
 * store's own user had it checked (store.h, "Power cut").
 * While a transaction of ours lives, nothing is collected there, where its lock can be had.
 */
#pragma once
#include <stdbool.h>

struct err;
struct stat;
struct store;

/* Adding the store itself, or one twice, changes nothing. ERR_NOT_FOUND: there is no store at path;
 * ERR_UNSUPPORTED: of another version. */
int additional_add(struct store *s, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* The directory descriptor (borrowed) of the first of them that has the blob or unpacked layer at
 * the path `name` below it; -1. *ret_st: of the file */
int additional_find(const struct store *s, const char *name, struct stat *ret_st);
/* Takes a share of their gc.lock, if there is none yet. */
void additional_hold(struct store *s);
void additional_done(struct store *s);
