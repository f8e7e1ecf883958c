/* SPDX-License-Identifier: Apache-2.0 */
/* The form of --mount, --secret, --ssh, --output and their like. */
#pragma once

struct err;
struct strv;

/* One record of comma-separated values, as Go's encoding/csv: fields in double quotes, doubled
 * quotes in them. Appends to ret. ERR_INVALID */
int csv_fields(const char *text, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
/* KEY=VALUE of an option: the key, a new string, in lower case and without blanks before it, as
 * BuildKit reads it. *ret_value: what follows the "=", in field; NULL: there is none. */
char *csv_key(const char *field, const char **ret_value);
