/* SPDX-License-Identifier: Apache-2.0 */
/* One request of mica, carried out by mica-remote: the end points of distribution-spec 1.1 over the
 * places that registries.conf names. The requests are listed in message.h. */
#pragma once
#include <stdbool.h>

struct client;
struct err;
struct json;
struct operation;

/* fd: taken over, -1 when none came. sock: where replies go. The operation ends itself; *list heads
 * all that run. */
int operation_start(struct client *c, struct operation **list, int sock, const struct json *request,
	int fd, struct err *err) __attribute__((warn_unused_result));
/* Stops all, without replies. */
void operations_free(struct operation **list);
/* Sends {"progress"} of those that have moved on. */
void operations_progress(struct operation *list);
