/* SPDX-License-Identifier: Apache-2.0 */
/* Which additional stores (store/additional.h) the user wants. */
#pragma once

struct app;
struct err;
struct store;

/* Adds those of --storage-opt and of $MICA_ADDITIONAL_STORES. ERR_INVALID, and as
 * additional_add(). */
int app_additional_stores(const struct app *app, struct store *s, struct err *err)
	__attribute__((warn_unused_result));
