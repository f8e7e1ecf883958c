/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/format.h"
#include "cmd/format_internal.h"
#include "cmd/format_number.h"
#include "cmd/format_string.h"

#define TEMPLATE_MAX (64 * KIB)
#define DEPTH_MAX 64 /* nested blocks and parentheses */

struct parser {
	const char *s; /* what is left */
	const char *end;
	unsigned depth;
	unsigned ranges, blocks; /* how many we are in */
	struct format *f; /* what has the templates that are defined */
	bool trim_next; /* the last action ended with -}} */
};

static int fail(const struct parser *p, const char *what, struct err *err)
{
	int n = p->end - p->s > 30 ? 30 : (int)(p->end - p->s);

	return err_set(err, ERR_INVALID, "template: %s at '%.*s'", what, n, p->s);
}

/* --- freeing --------------------------------------------------------------------------------- */

static void pipe_free(struct pipe *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		for (size_t k = 0; k < p->calls[i].n; k++) {
			struct operand *o = &p->calls[i].o[k];
			free(o->name);
			json_free(o->value);
			pipe_free(o->pipe);
			strv_done(&o->fields);
		}
		free(p->calls[i].o);
	}
	free(p->calls);
	free(p->var[0]);
	free(p->var[1]);
	free(p);
}

static void nodes_done(struct nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++) {
		free(nodes->n[i].text);
		pipe_free(nodes->n[i].pipe);
		nodes_done(&nodes->n[i].body);
		nodes_done(&nodes->n[i].other);
	}
	free(nodes->n);
}

void format_free(struct format *f)
{
	if (!f)
		return;
	nodes_done(&f->nodes);
	for (size_t i = 0; i < f->n_templates; i++) {
		free(f->templates[i].name);
		nodes_done(&f->templates[i].nodes);
	}
	free(f->templates);
	free(f);
}

/* --- words ----------------------------------------------------------------------------------- */

static void skip_blanks(struct parser *p)
{
	while (p->s < p->end && isspace((unsigned char)*p->s))
		p->s++;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static char *word(struct parser *p)
{
	const char *start = p->s;

	while (p->s < p->end && is_word(*p->s))
		p->s++;
	return xstrndup(start, (size_t)(p->s - start));
}

static bool at_text(const struct parser *p, const char *t)
{
	size_t n = strlen(t);

	return (size_t)(p->end - p->s) >= n && !memcmp(p->s, t, n);
}

/* the end of an action: "}}", or "-}}" after a blank */
static bool at_close(const struct parser *p)
{
	return at_text(p, "}}") || at_text(p, "-}}");
}

static int close_action(struct parser *p, struct err *err)
{
	skip_blanks(p);
	p->trim_next = at_text(p, "-}}");
	if (p->trim_next)
		p->s++;
	if (!at_text(p, "}}"))
		return fail(p, "expected '}}'", err);
	p->s += 2;
	return 0;
}

static int constant(struct parser *p, struct operand *o, struct err *err)
{
	size_t left = (size_t)(p->end - p->s);
	bool quoted = strchr("\"`'", *p->s);
	size_t length =
		quoted ? string_read(p->s, left, &o->value) : number_read(p->s, left, &o->value);

	o->kind = OPERAND_CONST;
	if (!length)
		return fail(p,
			quoted ? "string without an end, or with an unknown escape"
			       : "not a number",
			err);
	p->s += length;
	return 0;
}

static int name(struct parser *p, struct operand *o, struct err *err)
{
	const struct parser before = *p;
	AUTO_FREE char *w = word(p);

	o->kind = OPERAND_CONST;
	if (streq(w, "true") || streq(w, "false")) {
		o->value = json_new_bool(*w == 't');
	} else if (streq(w, "nil")) {
		o->value = json_new_null();
	} else if (format_has_function(w)) {
		o->kind = OPERAND_FUNC;
		o->name = take(w);
	} else {
		return fail(&before, "unknown function", err);
	}
	return 0;
}

/* --- pipelines ------------------------------------------------------------------------------- */

static int pipeline(struct parser *p, bool in_range, struct pipe **ret, struct err *err);

static int fields(struct parser *p, struct operand *o, struct err *err)
{
	while (p->s < p->end && *p->s == '.') {
		p->s++;
		if (p->s >= p->end || !is_word(*p->s)) {
			/* a lone dot is the whole */
			if (o->kind == OPERAND_DOT && !o->fields.n)
				return 0;
			return fail(p, "expected a field name", err);
		}
		strv_add_take(&o->fields, word(p));
	}
	return 0;
}

static int operand(struct parser *p, struct operand *o, struct err *err)
{
	char c = *p->s;
	int r = 0;

	bool point = c == '.' && p->s + 1 < p->end && isdigit((unsigned char)p->s[1]);
	if (c == '"' || c == '`' || c == '\'' || isdigit((unsigned char)c) || c == '-' ||
		c == '+' || point)
		return constant(p, o, err);
	if (c == '.') {
		o->kind = OPERAND_DOT;
	} else if (c == '$') {
		p->s++;
		o->kind = OPERAND_VAR;
		o->name = word(p);
	} else if (c == '(') {
		p->s++;
		o->kind = OPERAND_PAREN;
		r = pipeline(p, false, &o->pipe, err);
		if (r < 0)
			return r;
		skip_blanks(p);
		if (!at_text(p, ")"))
			return fail(p, "expected ')'", err);
		p->s++;
	} else if (is_word(c)) {
		return name(p, o, err);
	} else {
		return fail(p, "unexpected character", err);
	}
	return fields(p, o, err);
}

static int call(struct parser *p, struct call *c, struct err *err)
{
	for (;;) {
		skip_blanks(p);
		if (p->s >= p->end)
			return fail(p, "action without an end", err);
		if (at_close(p) || *p->s == '|' || *p->s == ')')
			break;
		c->o = xreallocarray(c->o, c->n + 1, sizeof(*c->o));
		memset(&c->o[c->n], 0, sizeof(*c->o));
		int r = operand(p, &c->o[c->n++], err);
		if (r < 0)
			return r;
	}
	return c->n ? 0 : fail(p, "missing value", err);
}

/* "$x :=", "$x =", "$i, $e :=": looked ahead for, as "$x" alone is a value */
static void declaration(struct parser *p, bool in_range, struct pipe *pipe)
{
	struct parser try = *p;
	AUTO_FREE char *first = NULL;
	AUTO_FREE char *second = NULL;

	skip_blanks(&try);
	if (!at_text(&try, "$"))
		return;
	try.s++;
	first = word(&try);
	skip_blanks(&try);
	if (in_range && at_text(&try, ",")) {
		try.s++;
		skip_blanks(&try);
		if (!at_text(&try, "$"))
			return;
		try.s++;
		second = word(&try);
		skip_blanks(&try);
	}
	bool assign = at_text(&try, "=");
	if (!assign && !at_text(&try, ":="))
		return;
	try.s += assign ? 1 : 2;
	pipe->assign = assign;
	pipe->n_var = second ? 2 : 1;
	pipe->var[0] = take(first);
	pipe->var[1] = take(second);
	*p = try;
}

static int pipeline(struct parser *p, bool in_range, struct pipe **ret, struct err *err)
{
	if (++p->depth > DEPTH_MAX)
		return fail(p, "nested too deeply", err);
	struct pipe *pipe = *ret = xcalloc(1, sizeof(*pipe));
	declaration(p, in_range, pipe);
	for (;;) {
		pipe->calls = xreallocarray(pipe->calls, pipe->n + 1, sizeof(*pipe->calls));
		memset(&pipe->calls[pipe->n], 0, sizeof(*pipe->calls));
		int r = call(p, &pipe->calls[pipe->n++], err);
		if (r < 0)
			return r;
		if (!at_text(p, "|"))
			break;
		p->s++;
	}
	p->depth--;
	return 0;
}

/* --- blocks ---------------------------------------------------------------------------------- */

enum stop { STOP_END_OF_TEXT, STOP_ELSE, STOP_END };

static int block(struct parser *p, struct nodes *ret, enum stop *ret_stop, struct err *err);

static struct node *add_node(struct nodes *nodes, enum node_kind kind)
{
	nodes->n = xreallocarray(nodes->n, nodes->count + 1, sizeof(*nodes->n));
	memset(&nodes->n[nodes->count], 0, sizeof(*nodes->n));
	nodes->n[nodes->count].kind = kind;
	return &nodes->n[nodes->count++];
}

static bool keyword(struct parser *p, const char *k)
{
	size_t n = strlen(k);

	if (!at_text(p, k) || (p->s + n < p->end && is_word(p->s[n])))
		return false;
	p->s += n;
	return true;
}

static int control(struct parser *p, struct nodes *nodes, enum node_kind kind, struct err *err)
{
	struct node node = {.kind = kind};
	enum stop stop = STOP_END;

	if (++p->depth > DEPTH_MAX)
		return fail(p, "nested too deeply", err);
	int r = pipeline(p, kind == NODE_RANGE, &node.pipe, err);
	if (r == 0)
		r = close_action(p, err);
	p->ranges += kind == NODE_RANGE;
	p->blocks++;
	if (r == 0)
		r = block(p, &node.body, &stop, err);
	p->ranges -= kind == NODE_RANGE;
	if (r == 0 && stop == STOP_ELSE) {
		skip_blanks(p);
		if ((kind == NODE_IF && keyword(p, "if")) ||
			(kind == NODE_WITH && keyword(p, "with"))) {
			/* {{else if}}: one {{end}} closes both */
			r = control(p, &node.other, kind, err);
			stop = STOP_END;
		} else {
			r = close_action(p, err);
			if (r == 0)
				r = block(p, &node.other, &stop, err);
		}
	}
	if (r == 0 && stop != STOP_END)
		r = fail(p, "missing {{end}}", err);
	p->blocks--;
	p->depth--;
	/* the list may have moved: the node is added when it is complete, or half-built to be freed
	 * with the rest */
	*add_node(nodes, kind) = node;
	return r;
}

static void add_text(struct parser *p, struct nodes *nodes, const char *end, bool trim_end)
{
	const char *start = p->s;

	while (p->trim_next && start < end && isspace((unsigned char)*start))
		start++;
	while (trim_end && end > start && isspace((unsigned char)end[-1]))
		end--;
	p->trim_next = false;
	if (end > start)
		add_node(nodes, NODE_TEXT)->text = xstrndup(start, (size_t)(end - start));
}

static int comment(struct parser *p, struct err *err)
{
	while (p->s < p->end && !at_text(p, "*/"))
		p->s++;
	if (p->s >= p->end)
		return fail(p, "comment without an end", err);
	p->s += 2;
	return close_action(p, err);
}

/* {{break}} and {{continue}} */
static int jump(struct parser *p, struct nodes *nodes, enum node_kind kind, struct err *err)
{
	if (!p->ranges)
		return fail(p, "{{break}} and {{continue}} belong into a {{range}}: unexpected one",
			err);
	add_node(nodes, kind);
	return close_action(p, err);
}

/* --- templates in it ------------------------------------------------------------------------- */

/* A new string; NULL: there is none. */
static char *template_name(struct parser *p, struct err *err)
{
	struct json *text = NULL;

	skip_blanks(p);
	size_t left = (size_t)(p->end - p->s);
	size_t length = left && (*p->s == '"' || *p->s == '`') ? string_read(p->s, left, &text) : 0;
	if (!length) {
		(void)fail(p, "expected the name of a template in quotes", err);
		return NULL;
	}
	char *name = xstrdup(json_text(text));
	json_free(text);
	p->s += length;
	return name;
}

/* Up to its {{end}}; one of the same name that was before is forgotten. */
static int template_body(struct parser *p, const char *name, struct err *err)
{
	const unsigned ranges = p->ranges;
	struct nodes body = {0};
	enum stop stop;

	if (++p->depth > DEPTH_MAX)
		return fail(p, "nested too deeply", err);
	p->ranges = 0;
	p->blocks++;
	int r = block(p, &body, &stop, err);
	p->blocks--;
	p->ranges = ranges;
	p->depth--;
	if (r == 0 && stop != STOP_END)
		r = fail(p, "missing {{end}}", err);
	struct format *f = p->f;
	f->templates = xreallocarray(f->templates, f->n_templates + 1, sizeof(*f->templates));
	f->templates[f->n_templates++] = (struct named){xstrdup(name), body};
	return r;
}

static int define(struct parser *p, struct err *err)
{
	if (p->blocks)
		return fail(p, "{{define}} stands in no other block: unexpected one", err);
	AUTO_FREE char *name = template_name(p, err);
	if (!name || close_action(p, err) < 0)
		return err->code;
	return template_body(p, name, err);
}

/* {{template "x" pipeline}}, and {{block "x" pipeline}}, which also defines it */
static int use_template(struct parser *p, struct nodes *nodes, bool with_body, struct err *err)
{
	struct node *n = add_node(nodes, NODE_TEMPLATE);
	AUTO_FREE char *name = template_name(p, err);
	int r = 0;

	if (!name)
		return err->code;
	n->text = xstrdup(name);
	skip_blanks(p);
	if (with_body || (p->s < p->end && !at_close(p)))
		r = pipeline(p, false, &n->pipe, err);
	if (r == 0)
		r = close_action(p, err);
	return r == 0 && with_body ? template_body(p, name, err) : r;
}

static int action(struct parser *p, struct nodes *nodes, enum stop *ret_stop, struct err *err)
{
	int r;

	skip_blanks(p);
	if (at_text(p, "/*"))
		return comment(p, err);
	if (keyword(p, "end")) {
		*ret_stop = STOP_END;
		return close_action(p, err);
	}
	if (keyword(p, "else")) {
		*ret_stop = STOP_ELSE; /* the rest of it is control()'s */
		return 0;
	}
	if (keyword(p, "if"))
		return control(p, nodes, NODE_IF, err);
	if (keyword(p, "range"))
		return control(p, nodes, NODE_RANGE, err);
	if (keyword(p, "with"))
		return control(p, nodes, NODE_WITH, err);
	if (keyword(p, "break"))
		return jump(p, nodes, NODE_BREAK, err);
	if (keyword(p, "continue"))
		return jump(p, nodes, NODE_CONTINUE, err);
	if (keyword(p, "define"))
		return define(p, err);
	if (keyword(p, "template"))
		return use_template(p, nodes, false, err);
	if (keyword(p, "block"))
		return use_template(p, nodes, true, err);
	struct node *n = add_node(nodes, NODE_PIPE);
	r = pipeline(p, false, &n->pipe, err);
	return r < 0 ? r : close_action(p, err);
}

static int block(struct parser *p, struct nodes *ret, enum stop *ret_stop, struct err *err)
{
	*ret_stop = STOP_END_OF_TEXT;
	while (*ret_stop == STOP_END_OF_TEXT) {
		const char *open = memmem(p->s, (size_t)(p->end - p->s), "{{", 2);
		if (!open) {
			add_text(p, ret, p->end, false);
			p->s = p->end;
			return 0;
		}
		bool trim = p->end - open > 3 && open[2] == '-' && isspace((unsigned char)open[3]);
		add_text(p, ret, open, trim);
		p->s = open + (trim ? 3 : 2);
		int r = action(p, ret, ret_stop, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int format_parse(const char *text, struct format **ret, struct err *err)
{
	AUTO_FORMAT struct format *f = xcalloc(1, sizeof(*f));
	struct parser p = {.s = text, .end = text + strlen(text), .f = f};
	enum stop stop;

	if (strlen(text) > TEMPLATE_MAX)
		return err_set(
			err, ERR_LIMIT, "template is larger than %d bytes", (int)TEMPLATE_MAX);
	int r = block(&p, &f->nodes, &stop, err);
	if (r < 0)
		return r;
	if (stop != STOP_END_OF_TEXT)
		return fail(
			&p, stop == STOP_END ? "unexpected {{end}}" : "unexpected {{else}}", err);
	*ret = take(f);
	return 0;
}
