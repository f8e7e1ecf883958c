/* SPDX-License-Identifier: Apache-2.0 */
/* Package URLs of images: "pkg:docker/busybox@latest?platform=linux%2Famd64". */
#pragma once

struct platform;

/* name: a reference, else what is given back. New string. */
char *purl_of_image(const char *name, const struct platform *platform);
