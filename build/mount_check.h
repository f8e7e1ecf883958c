/* SPDX-License-Identifier: Apache-2.0 */
/* RUN --mount: what the text alone tells, of all stages that will be built, before the first base
 * image is looked at. */
#pragma once

struct build;
struct err;

/* ERR_INVALID: all of it in one message, see error_list.h. */
int mounts_check_text(const struct build *b, struct err *err) __attribute__((warn_unused_result));
