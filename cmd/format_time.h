/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of Go's time.Time, of the values that format_as_time() makes. All are in UTC. */
#pragma once
#include <stdbool.h>

struct json;

bool format_is_time(const struct json *j);
/* What Unix, UnixNano, Year, Month and Day return. New; NULL: another method. */
struct json *format_time_part(const struct json *time, const char *method);
/* Format: the time in the form of the layout, "2006-01-02 15:04:05". New string. */
char *format_time_in(const struct json *time, const char *layout);
