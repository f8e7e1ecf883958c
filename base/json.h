/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON documents (RFC 8259), the only user of jansson. A struct json is a value with a reference
 * count, as jansson has it; members keep the order of the text (parsed) or of insertion (built), so
 * unknown members survive a round trip and output is in a fixed order. Duplicate keys, depth above
 * 64, NUL bytes, invalid UTF-8 and anything after the value are refused.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct json;
struct strv;
struct map;

/* what: for messages, "manifest sha256:...". ERR_INVALID. *ret is the caller's: json_free(). */
int json_parse(const char *text, size_t n, const char *what, struct json **ret, struct err *err)
	__attribute__((warn_unused_result));
void json_free(struct json *j); /* drops one reference; accepts NULL */
struct json *json_ref(struct json *j);
static inline void json_free_p(struct json **j)
{
	json_free(*j);
}
#define AUTO_JSON __attribute__((cleanup(json_free_p)))
struct json *json_clone(const struct json *j); /* deep */

/* Compact text, or indented by n blanks. New string. */
char *json_dump(const struct json *j, int indent);

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_INT,
	JSON_KIND_REAL,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT,
};
enum json_kind json_kind(const struct json *j); /* NULL: JSON_KIND_NULL */
bool json_is(const struct json *j, enum json_kind kind); /* false for NULL */

/* Borrowed; NULL when absent or j is not an object. */
struct json *json_get(const struct json *j, const char *key);
struct json *json_at(const struct json *j, size_t i);
size_t json_size(const struct json *j); /* of an array or object, else 0 */
/* Iterates over an object: for (void *it = json_iter(o); it; it = json_next(o, it)) */
void *json_iter(const struct json *j);
void *json_next(const struct json *j, void *it);
const char *json_iter_key(void *it);
struct json *json_iter_value(void *it);

/* ERR_INVALID when a member of the object is spelt as one of those names but for upper and lower
 * case: readers in Go take it for that one, so what the document says would depend on its reader.
 */
int json_check_spelling(const struct json *o, const char *what, const char *const *names, size_t n,
	struct err *err) __attribute__((warn_unused_result));

/* Values; the defaults for NULL or another kind are NULL, 0, false. Borrowed. */
const char *json_text(const struct json *j);
int64_t json_int(const struct json *j);
double json_double(const struct json *j); /* of an integer, too */
bool json_bool(const struct json *j);

/* Members with their kind checked: absent (or null) leaves *ret untouched and returns 0; another
 * kind is ERR_INVALID "<what>: '<key>' is not a string". */
int json_get_string(const struct json *o, const char *what, const char *key, const char **ret,
	struct err *err) __attribute__((warn_unused_result));
int json_get_int(const struct json *o, const char *what, const char *key, int64_t *ret,
	struct err *err) __attribute__((warn_unused_result));
int json_get_bool(const struct json *o, const char *what, const char *key, bool *ret,
	struct err *err) __attribute__((warn_unused_result));
int json_get_strv(const struct json *o, const char *what, const char *key, struct strv *ret,
	struct err *err) __attribute__((warn_unused_result));
int json_get_map(const struct json *o, const char *what, const char *key, struct map *ret,
	struct err *err) __attribute__((warn_unused_result));
/* *ret borrowed; kind must match */
int json_get_kind(const struct json *o, const char *what, const char *key, enum json_kind kind,
	struct json **ret, struct err *err) __attribute__((warn_unused_result));

/* Building. Setters take ownership of value (never NULL) and replace in place. Invalid UTF-8 in
 * strings is replaced by U+FFFD. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *s);
struct json *json_new_int(int64_t i);
struct json *json_new_real(double d); /* finite */
struct json *json_new_bool(bool b);
struct json *json_new_null(void);
struct json *json_new_strv(const struct strv *s);
struct json *json_new_map(const struct map *m); /* keys sorted */
void json_set(struct json *o, const char *key, struct json *value);
void json_set_string(struct json *o, const char *key, const char *s); /* NULL: nothing is set */
void json_set_int(struct json *o, const char *key, int64_t i);
void json_remove(struct json *o, const char *key);
void json_add(struct json *a, struct json *value);
