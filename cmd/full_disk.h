/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct app;
struct err;

/* After a command that failed for want of room: removes what it had put in the store without a
 * name, and says in the error how much room there is. */
void full_disk_clear(struct app *app, struct err *err);
/* A program in a container failed, and may have said no more than "I/O error": whether the disk of
 * the store, which fd is open on, is full. */
void full_disk_warn(struct app *app, int fd);
