/* SPDX-License-Identifier: Apache-2.0 */
/* From the documents of a build to names. The caller still holds the build's transaction. */
#pragma once

struct build_result;
struct err;
struct store;
struct strv;

/* Each as a reference to be built: ERR_INVALID with a digest. what: what is in front of them in
 * messages. */
int build_check_tags(const struct strv *tags, const char *what, struct err *err)
	__attribute__((warn_unused_result));
/* Gives the root its names, and notes them in r->refs; without tags it is kept as an unnamed image.
 * sign_by: the key that signs it for the first of them; NULL: nobody. */
int build_publish(struct store *s, const struct strv *tags, const char *sign_by,
	struct build_result *r, struct err *err) __attribute__((warn_unused_result));
