/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a directory of the store, sorted, without "." and "..". */
#pragma once

struct err;
struct strv;

/* Appends to *ret. A directory that does not exist is empty. */
int dir_list(int dirfd, const char *path, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
