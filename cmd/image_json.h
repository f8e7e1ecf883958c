/* SPDX-License-Identifier: Apache-2.0 */
/* An image as inspect shows it: buildah's members (FromImage, OCIv1, Docker ...) and docker's (Id,
 * RepoTags, Config, RootFS ...) in one object. */
#pragma once

struct container;
struct err;
struct image;
struct json;
struct store;
struct strv;

/*
 * refs: all names of the image; ref: the one it was asked for by, or NULL. *ret_shown is to be
 * printed, *ret_fields is the same with every member that templates may ask for, also where it is
 * empty. New objects.
 */
int image_json(struct store *s, const struct image *image, const struct strv *refs, const char *ref,
	struct json **ret_shown, struct json **ret_fields, struct err *err)
	__attribute__((warn_unused_result));
/* The same of a working container, in the members that buildah has. mount_point: "" when it is not
 * mounted. */
int container_json(struct store *s, const struct container *c, const char *mount_point,
	struct json **ret_shown, struct json **ret_fields, struct err *err)
	__attribute__((warn_unused_result));
