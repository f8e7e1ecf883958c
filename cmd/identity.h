/* SPDX-License-Identifier: Apache-2.0 */
/* --identity-label: what of an image tells who built it. */
#pragma once
#include <stdbool.h>

#define IDENTITY_LABEL "io.buildah.version"

/* Its value; NULL: none. said: the option, -1 not given; fixed: the image's time is, by an option
 * or by SOURCE_DATE_EPOCH, which is for images that anybody can make again. */
const char *identity_label(int said, bool fixed);
