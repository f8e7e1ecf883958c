/* SPDX-License-Identifier: Apache-2.0 */
/* An image to work on, from the store or pulled. */
#pragma once
#include <stdbool.h>

struct app;
struct err;
struct image;
struct platform;
struct platform_args;
struct remote_args;
struct store;

struct image_get_args {
	const char *pull; /* policy; NULL: missing */
	const struct platform_args *platform;
	const struct remote_args *remote;
	bool quiet;
};

/* text: a name, an ID, or a location with a transport. An ID is never pulled; a name is, as the
 * policy says. Its layers are unpacked after. *ret_ref (may be NULL): the name in the store, or
 * NULL. The caller holds a transaction. */
int image_get(struct app *app, struct store *s, const struct image_get_args *a, const char *text,
	struct image *ret, char **ret_ref, struct err *err) __attribute__((warn_unused_result));
/* Warns of an image for another platform, as one without an index may be. want NULL: this
 * machine's. */
void image_get_warn(struct app *app, const struct image *image, const struct platform *want);
