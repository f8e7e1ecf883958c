/* SPDX-License-Identifier: Apache-2.0 */
/* The target stage -> config and manifest in the store. */
#pragma once

struct build;
struct built_image;
struct err;

int finish_image(struct build *b, struct built_image *ret, struct err *err)
	__attribute__((warn_unused_result));
