/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacked layers by diff ID: layers/HEX, each an overlay lower directory that is shared by every
 * image whose chain has it. */
#pragma once
#include "base/digest.h"
#include <stdbool.h>

struct err;
struct store;
struct txn;

bool tree_has(struct store *s, const struct digest *diff_id);
/* O_PATH|O_DIRECTORY descriptor; ERR_NOT_FOUND */
int tree_open(struct store *s, const struct digest *diff_id, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* The directory tmp/ID/name becomes layers/HEX by rename. If it is there already the new one is
 * dropped (with the transaction). A mount that uses the directory goes on working. */
int tree_publish(struct store *s, struct txn *t, const char *name, const struct digest *diff_id,
	struct err *err) __attribute__((warn_unused_result));
int tree_remove(struct store *s, const struct digest *diff_id, struct err *err)
	__attribute__((warn_unused_result));
