/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who logs in, in URLs that are part of a text: "https://user:password@host". Whatever mica says of
 * its work (steps, warnings, errors, logs) goes through here; what it is asked for (an image's
 * history and config) does not. Where a text is to be cut, this comes first.
 */
#pragma once
#include <stddef.h>

/* A star for each byte of it, so that columns stay; ssh://git@host is nobody's secret. There may be
 * NUL in it, and text[len] is one. */
void url_user_hide(char *text, size_t len);
/* Of a copy. New string. */
char *url_user_hidden(const char *text);
