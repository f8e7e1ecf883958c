/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers-storage:NAME, which is how buildah and skopeo write a name in a store, and
 * containers-storage:[DRIVER@ROOT+RUNROOT:OPTIONS]NAME, which says whose. All but ROOT and NAME is
 * passed over: a store of mica has them from elsewhere.
 */
#pragma once
#include <stdbool.h>

struct app;
struct descriptor;
struct err;
struct store;

bool storage_ref_is(const char *text);
/* what, an image of s, gets the name that text says: in s, or in the store at ROOT, to which it is
 * copied. sign_by: the key that signs it for that name; NULL: nobody. ERR_INVALID */
int storage_ref_put(struct app *app, struct store *s, const char *text,
	const struct descriptor *what, const char *sign_by, bool quiet, struct err *err)
	__attribute__((warn_unused_result));
