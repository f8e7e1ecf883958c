/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct app;
struct err;

/* Bytes that are free where the store is; UINT64_MAX: that is not known. */
uint64_t full_disk_room(struct app *app);
/* After a command that failed for want of room: whether there is more of it than before the command
 * when what nothing needs has gone. Says so. */
bool full_disk_made_room(struct app *app, uint64_t before, const struct err *err);

/* After a command that failed for want of room: removes what it had put in the store without a
 * name, and says in the error how much room there is. */
void full_disk_clear(struct app *app, struct err *err);
/* A program in a container failed, and may have said no more than "I/O error": whether the disk of
 * the store, which fd is open on, is full. */
void full_disk_warn(struct app *app, int fd);
