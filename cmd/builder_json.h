/* SPDX-License-Identifier: Apache-2.0 */
/* Members of buildah's inspect that are about a working container, and which it shows of an image
 * as well, as those of a container that nobody has told anything. */
#pragma once

struct container;
struct json;

/* Adds to o what it has not yet. c: NULL for an image. */
void builder_json_fill(struct json *o, const struct container *c);
/* "oci", "chroot": what `from` was told. */
const char *builder_isolation(const struct container *c);
