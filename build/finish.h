/* SPDX-License-Identifier: Apache-2.0 */
/* The target stage -> config and manifest in the store, and the names. */
#pragma once

struct build;
struct err;

int finish_image(struct build *b, struct err *err) __attribute__((warn_unused_result));
