/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/yaml.h"

#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/num.h"

#define DEPTH_MAX 64 /* as json_parse() */
#define EXIT_TROUBLE 125
#define PIECE (16 * 1024)

struct reading {
	yaml_document_t *yaml;
	const char *what;
	size_t seen, all; /* nodes: one that is seen twice is an alias */
};

static int wrong(const struct reading *d, const yaml_node_t *n, const char *text, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s:%zu: %s", d->what, n->start_mark.line + 1, text);
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (streq(text, *words))
			return true;
	return false;
}

/* "-12", "0x1f", "0o17"; with a leading zero it is octal, as YAML 1.1 and Go's readers have it */
static bool integer(const char *text, int64_t *ret)
{
	uint64_t n;
	if (str_has_prefix(text, "0o") || (text[0] == '0' && text[1] && text[1] != 'x')) {
		if (!num_octal(text + (text[1] == 'o' ? 2 : 1), INT64_MAX, &n))
			return false;
		*ret = (int64_t)n;
		return true;
	}
	return num_i64(text, INT64_MIN, INT64_MAX, ret);
}

static int scalar(const struct reading *d, const yaml_node_t *n, struct json **ret, struct err *err)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const yes[] = {"true", "True", "TRUE", NULL};
	static const char *const no[] = {"false", "False", "FALSE", NULL};
	const char *text = (const char *)n->data.scalar.value;
	int64_t i;
	if (strlen(text) != n->data.scalar.length)
		return wrong(d, n, "a text has a NUL byte in it", err);
	bool plain = n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (plain && is_one_of(text, nulls))
		*ret = json_new_null();
	else if (plain && (is_one_of(text, yes) || is_one_of(text, no)))
		*ret = json_new_bool(is_one_of(text, yes));
	else if (plain && integer(text, &i))
		*ret = json_new_int(i);
	else
		*ret = json_new_string(text);
	return 0;
}

static int convert(
	struct reading *d, int index, unsigned depth, struct json **ret, struct err *err);

static int mapping(
	struct reading *d, const yaml_node_t *n, unsigned depth, struct json **ret, struct err *err)
{
	AUTO_JSON struct json *o = json_new_object();
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
		p++) {
		const yaml_node_t *key = yaml_document_get_node(d->yaml, p->key);
		const char *name = key && key->type == YAML_SCALAR_NODE
		                           ? (const char *)key->data.scalar.value
		                           : NULL;
		struct json *value = NULL;
		if (!name || strlen(name) != key->data.scalar.length)
			return wrong(d, n, "a key is no text", err);
		if (++d->seen > d->all)
			return wrong(d, key, "aliases are not supported", err);
		if (json_get(o, name))
			return wrong(d, key, "the key is there twice", err);
		if (convert(d, p->value, depth + 1, &value, err) < 0)
			return err->code;
		json_set(o, name, value);
	}
	*ret = take(o);
	return 0;
}

static int sequence(
	struct reading *d, const yaml_node_t *n, unsigned depth, struct json **ret, struct err *err)
{
	AUTO_JSON struct json *a = json_new_array();
	for (const yaml_node_item_t *i = n->data.sequence.items.start;
		i < n->data.sequence.items.top; i++) {
		struct json *value = NULL;
		if (convert(d, *i, depth + 1, &value, err) < 0)
			return err->code;
		json_add(a, value);
	}
	*ret = take(a);
	return 0;
}

/* Nodes are numbered from 1 on; without aliases each has one place. */
static int convert(struct reading *d, int index, unsigned depth, struct json **ret, struct err *err)
{
	const yaml_node_t *n = yaml_document_get_node(d->yaml, index);
	if (++d->seen > d->all)
		return wrong(d, n, "aliases are not supported", err);
	if (depth > DEPTH_MAX)
		return wrong(d, n, "too deep", err);
	switch (n->type) {
	case YAML_MAPPING_NODE:
		return mapping(d, n, depth, ret, err);
	case YAML_SEQUENCE_NODE:
		return sequence(d, n, depth, ret, err);
	case YAML_SCALAR_NODE:
		return scalar(d, n, ret, err);
	case YAML_NO_NODE:
		break;
	}
	return wrong(d, n, "not a value", err);
}

int yaml_to_json(const char *text, size_t n, const char *what, struct json **ret, struct err *err)
{
	yaml_parser_t parser;
	yaml_document_t yaml;
	if (n > YAML_MAX)
		return err_set(err, ERR_LIMIT, "%s: more than %llu bytes", what, YAML_MAX);
	if (!yaml_parser_initialize(&parser))
		return err_set(err, ERR_SYS, "cannot start the YAML parser");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	int r;
	if (!yaml_parser_load(&parser, &yaml)) {
		r = err_set(err, ERR_INVALID, "%s:%zu: %s", what, parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "not YAML");
	} else {
		struct reading d = {.yaml = &yaml, .what = what};
		d.all = (size_t)(yaml.nodes.top - yaml.nodes.start);
		if (d.all) {
			r = convert(&d, 1, 0, ret, err);
		} else {
			*ret = json_new_null();
			r = 0;
		}
		yaml_document_delete(&yaml);
	}
	yaml_parser_delete(&parser);
	return r;
}

static int answer(struct buf *out, struct err *err)
{
	AUTO_BUF struct buf in = BUF_INIT(YAML_MAX);
	AUTO_JSON struct json *j = NULL;
	char piece[PIECE];
	ssize_t n;
	while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0)
		buf_add(&in, piece, (size_t)n);
	if (n < 0)
		return err_sys(err, "cannot read standard input");
	if (in.toobig)
		return err_set(err, ERR_LIMIT, "more than %llu bytes", YAML_MAX);
	if (yaml_to_json(buf_str(&in), in.len, "line", &j, err) < 0)
		return err->code;
	AUTO_FREE char *text = json_dump(j, 0);
	buf_addstr(out, text);
	return 0;
}

int yaml_main(void)
{
	AUTO_BUF struct buf out = BUF_INIT(YAML_JSON_MAX);
	struct err err = ERR_INIT;
	int r = answer(&out, &err);
	if (r == 0 && out.toobig)
		r = err_set(&err, ERR_LIMIT, "more than %llu bytes as JSON", YAML_JSON_MAX);
	const char *text = r < 0 ? err.msg : buf_str(&out);
	bool told = fs_write_all(STDOUT_FILENO, text, strlen(text)) == 0;
	return told && r == 0 ? 0 : EXIT_TROUBLE;
}
