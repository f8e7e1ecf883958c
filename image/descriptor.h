/* SPDX-License-Identifier: Apache-2.0 */
/* media type + digest + size (+ annotations, platform). image-spec descriptor.md. */
#pragma once
#include "base/digest.h"
#include "base/map.h"
#include "base/strv.h"
#include "image/platform.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct json;

struct descriptor {
	char *media_type; /* "" never; NULL only when zero-initialised */
	struct digest digest;
	uint64_t size;
	struct map annotations;
	bool has_platform;
	struct platform platform;
	struct strv os_features, features; /* further members of "platform" */
	char *artifact_type;
	bool has_urls; /* a foreign layer: refused by whoever wants its bytes */
};

int descriptor_from_json(const struct json *j, const char *what, struct descriptor *ret,
	struct err *err) __attribute__((warn_unused_result));
struct json *descriptor_to_json(const struct descriptor *d);
void descriptor_copy(
	struct descriptor *dst, const struct descriptor *src); /* dst is overwritten, not freed */
void descriptor_done(struct descriptor *d);
