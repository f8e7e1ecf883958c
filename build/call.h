/* SPDX-License-Identifier: Apache-2.0 */
/* What --call tells instead of building, as the documents that BuildKit's Dockerfile frontend
 * answers with (frontend/subrequests: lint, outline, targets). The caller json_free()s them. */
#pragma once
#include <stddef.h>

struct build;
struct containerfile;
struct err;
struct json;
struct lint;

/* Warnings and the sources they are about; problem: why it cannot be built at all, NULL when it
 * can.
 */
struct json *call_check(const struct lint *l, const struct err *problem);
/* Of the target and the stages that it needs, which have been evaluated. */
struct json *call_outline(const struct build *b);
struct json *call_targets(const struct containerfile *files, size_t n);
