/* SPDX-License-Identifier: Apache-2.0 */
/* Which additional stores (store/additional.h) the user wants. */
#pragma once

struct app;
struct err;
struct store;

/* What an option of containers-storage (--storage-opt, STORAGE_OPTS) is to us. */
enum storage_opt {
	STORAGE_OPT_STORES, /* names additional stores */
	STORAGE_OPT_FUSE, /* names the program that overlay is to be mounted with */
	STORAGE_OPT_IGNORED, /* tunes what we have not */
	STORAGE_OPT_UNKNOWN,
};
enum storage_opt storage_opt_kind(const char *opt);

/* Adds those of --storage-opt, of $STORAGE_OPTS when there is none, of
 * $MICA_ADDITIONAL_STORES, and of storage.conf those that are stores of ours. ERR_INVALID, and as
 * additional_add(). */
int app_additional_stores(const struct app *app, struct store *s, struct err *err)
	__attribute__((warn_unused_result));
