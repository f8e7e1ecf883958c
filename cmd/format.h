/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --format: the part of Go's text/template that scripts use, evaluated over JSON.
 *
 *	{{.Field.Sub}} {{$x := .A}} {{if}}{{else if}}{{else}}{{end}} {{range $i, $e := .L}}
 *	{{break}} {{continue}} {{with}} comments {{- trim -}} pipelines, parentheses, "strings",
 *	`raw strings`, 'x', numbers as Go spells them, true, false, nil
 *	and or (which stop at the first that tells) not eq ne lt le gt ge index len print printf
 *	println slice html js urlquery json join split lower upper title pad truncate
 *	{{define "x"}}{{end}} {{template "x" .Dot}} {{block "x" .Dot}}{{end}}
 *	.Unix .UnixNano .Year .Month .Day of a time, and {{.Time.Format "2006-01-02"}}
 *
 * Field names match members exactly, or without regard to case and underscores (.CreatedBy is
 * created_by). A field that an object does not have is an error that lists those it has, except in
 * members that are maps by nature (Labels, Annotations ...), where it is "<no value>" as in Go.
 */
#pragma once
#include <stdbool.h>

struct buf;
struct err;
struct format;
struct json;

/* ERR_INVALID: "template: <what> at '<text>'" */
int format_parse(const char *text, struct format **ret, struct err *err)
	__attribute__((warn_unused_result));
void format_free(struct format *f); /* accepts NULL */
static inline void format_free_p(struct format **f)
{
	format_free(*f);
}
#define AUTO_FORMAT __attribute__((cleanup(format_free_p)))
/* Appends what the template makes of `data`. ERR_INVALID; ERR_LIMIT when `out` is full. */
int format_run(const struct format *f, struct json *data, struct buf *out, struct err *err)
	__attribute__((warn_unused_result));
/* A value as Go prints it: [a b], map[k:v], <nil>, and a struct as {a b}. */
void format_value(struct buf *out, const struct json *j);
/* Which objects are structs to Go: o as {a b}, these members in their order, NULL: all that it has
 * now; or as that text, which is a member with the empty name. Templates do not see it. */
void format_as_struct(struct json *o, const char *const *names);
void format_as_text(struct json *o, const char *text);
/* The member, if it is a time in UTC such as "2024-05-01T12:00:00Z", prints as a time.Time does. */
void format_as_time(struct json *o, const char *name);
/* The member, a number that Go's tools have as text, is both to printf. */
void format_as_number(struct json *o, const char *name);
/* The member, where there is none or null, has this value, which is handed over; it is not in the
 * JSON. */
void format_omit(struct json *o, const char *name, struct json *empty);
/* The member, or what it has when it is left out; NULL: there is none. Borrowed. */
const struct json *format_get(const struct json *o, const char *name);
/* As JSON without those. New string. */
char *format_json(const struct json *j);
