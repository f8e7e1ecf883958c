/* SPDX-License-Identifier: Apache-2.0 */
/* .A.B of a template: members of JSON under the names of Go's structs or of their JSON. */
#pragma once

struct err;
struct json;
struct strv;

/* *value, which may be NULL, is replaced by what the fields lead to, NULL where that has no value.
 * ERR_INVALID: there is no such field; the message lists those that there are. */
int format_walk(struct json **value, const struct strv *fields, struct err *err)
	__attribute__((warn_unused_result));
