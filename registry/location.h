/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of place a location means, and the parts that those of files have. */
#pragma once
#include <stddef.h>

struct err;
struct strv;

enum transport {
	TRANSPORT_REGISTRY,
	TRANSPORT_OCI,
	TRANSPORT_OCI_ARCHIVE,
	TRANSPORT_DOCKER_ARCHIVE,
	TRANSPORT_DOCKER_DAEMON,
	TRANSPORT_DIR
};

/* *ret_rest: what follows "oci:" and the like, borrowed. ERR_UNSUPPORTED for transports of other
 * tools. */
int location_parse(const char *location, enum transport *ret, const char **ret_rest,
	struct err *err) __attribute__((warn_unused_result));
/* As policy.json has it. */
const char *transport_name(enum transport transport);
/* "PATH[:NAME]" or "PATH[:NAME]@DIGEST": PATH is all of it when that exists. Both new strings,
 * *ret_name NULL when there is none, and with the '@' when it is a digest or a number. */
void location_split(const char *rest, char **ret_path, char **ret_name);
/* The number of "@N", which images of an archive are counted by; SIZE_MAX: it is none. */
size_t location_number(const char *name);
/* Adds the store's name for an image that PATH[:NAME] gave, when that is a valid one. path: NULL:
 * name is one, and no tag. */
void location_store_name(const char *path, const char *name, struct strv *ret);
