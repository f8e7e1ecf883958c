/* SPDX-License-Identifier: Apache-2.0 */
/* The images of FROM and --from: pulled as the options say, loaded, remembered in build.images.
 * build_use_image() is in build_internal.h. */
#pragma once
#include <stdbool.h>

struct build;
struct err;
struct platform;
struct stage;

/* The platform that a stage's FROM is of. */
const struct platform *base_image_platform(const struct build *b, const struct stage *st);
/* Is it here, so that it need not be waited for? Then it is loaded. */
bool base_image_is_here(struct build *b, const struct stage *st);
/* Nobody can pull it, as why tells: perhaps a stage was meant, or an image that everybody knows. */
int base_image_error(
	const struct build *b, const struct stage *st, const struct err *why, struct err *err);
