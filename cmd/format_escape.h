/* SPDX-License-Identifier: Apache-2.0 */
/* Text made fit for other languages, as html, js and urlquery of Go's text/template do. New
 * strings. */
#pragma once

char *escape_html(const char *s);
char *escape_js(const char *s);
char *escape_url(const char *s);
