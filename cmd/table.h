/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of things: aligned columns, and one --format template for each row. */
#pragma once

struct err;
struct json;
struct out;
struct strv;

/* Lines whose cells are separated by tabs, in columns that are three blanks apart. New string. */
char *table_align(const char *lines);

enum table_flags {
	TABLE_NO_HEADING = 1 << 0,
	TABLE_BLANKS = 1 << 1, /* a blank of the template separates columns too (buildah images) */
	TABLE_NO_END = 1 << 2, /* no line end behind a row */
};

/*
 * Prints rows (an array of objects) by a template. With "table " in front there is a line of
 * headings and the columns are aligned; heading: an object with the heading of each field. "json"
 * prints each row as a JSON document. In templates "\t" and "\n" may be spelt out.
 */
int table_print(struct out *o, const char *template, struct json *heading, struct json *rows,
	int flags, struct err *err) __attribute__((warn_unused_result));
/* What --format says; NULL when it is "table" alone, or nothing: what is shown without it. */
const char *table_template(const char *format);
/* One object by a template, with a line end; called buildah only on a terminal. */
int table_print_one(struct out *o, const char *template, struct json *object, struct err *err)
	__attribute__((warn_unused_result));
