/* SPDX-License-Identifier: Apache-2.0 */
/* The stages that are wanted -> configs and manifests in the store. */
#pragma once

struct build;
struct err;

/* Fills in the images and the root of the result. */
int finish_images(struct build *b, struct err *err) __attribute__((warn_unused_result));
