/* SPDX-License-Identifier: Apache-2.0 */
/* What an image was made of that came from elsewhere: base images, images that files were taken
 * from, URLs and repositories of ADD, a context that is a repository. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct build;
struct json;

/* [{"uri", "digest": {"sha256"}}], each once, for the image of the target with that index.
 * *ret_all: nothing else went into it: no local directory, and no command that had a network. New.
 */
struct json *materials_of(const struct build *b, size_t target, bool *ret_all);
/* {"uri", "digest"} of one of them. digest: "sha256:...", or a commit. New. */
struct json *material_new(const char *uri, const char *digest);
