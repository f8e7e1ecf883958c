/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/format.h"
#include "cmd/format_internal.h"
#include "cmd/format_parser.h"
#include "cmd/format_string.h"

#define TEMPLATE_MAX (64 * KIB)

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

static int control(struct parser *p, struct nodes *nodes, enum node_kind kind, struct err *err)
{
	struct node node = {.kind = kind};
	enum stop stop = STOP_END;

	if (++p->depth > DEPTH_MAX)
		return parser_fail(p, "nested too deeply", err);
	int r = parser_pipeline(p, kind == NODE_RANGE, &node.pipe, err);
	if (r == 0)
		r = parser_close(p, err);
	p->ranges += kind == NODE_RANGE;
	p->blocks++;
	if (r == 0)
		r = block(p, &node.body, &stop, err);
	p->ranges -= kind == NODE_RANGE;
	if (r == 0 && stop == STOP_ELSE) {
		parser_skip_blanks(p);
		if ((kind == NODE_IF && parser_keyword(p, "if")) ||
			(kind == NODE_WITH && parser_keyword(p, "with"))) {
			/* {{else if}}: one {{end}} closes both */
			r = control(p, &node.other, kind, err);
			stop = STOP_END;
		} else {
			r = parser_close(p, err);
			if (r == 0)
				r = block(p, &node.other, &stop, err);
		}
	}
	if (r == 0 && stop != STOP_END)
		r = parser_fail(p, "missing {{end}}", err);
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
	while (p->s < p->end && !parser_at(p, "*/"))
		p->s++;
	if (p->s >= p->end)
		return parser_fail(p, "comment without an end", err);
	p->s += 2;
	return parser_close(p, err);
}

/* {{break}} and {{continue}} */
static int jump(struct parser *p, struct nodes *nodes, enum node_kind kind, struct err *err)
{
	if (!p->ranges)
		return parser_fail(p,
			"{{break}} and {{continue}} belong into a {{range}}: unexpected one", err);
	add_node(nodes, kind);
	return parser_close(p, err);
}

/* --- templates in it ------------------------------------------------------------------------- */

/* A new string; NULL: there is none. */
static char *template_name(struct parser *p, struct err *err)
{
	struct json *text = NULL;

	parser_skip_blanks(p);
	size_t left = (size_t)(p->end - p->s);
	size_t length = left && (*p->s == '"' || *p->s == '`') ? string_read(p->s, left, &text) : 0;
	if (!length) {
		(void)parser_fail(p, "expected the name of a template in quotes", err);
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
		return parser_fail(p, "nested too deeply", err);
	p->ranges = 0;
	p->blocks++;
	int r = block(p, &body, &stop, err);
	p->blocks--;
	p->ranges = ranges;
	p->depth--;
	if (r == 0 && stop != STOP_END)
		r = parser_fail(p, "missing {{end}}", err);
	struct format *f = p->f;
	f->templates = xreallocarray(f->templates, f->n_templates + 1, sizeof(*f->templates));
	f->templates[f->n_templates++] = (struct named){xstrdup(name), body};
	return r;
}

static int define(struct parser *p, struct err *err)
{
	if (p->blocks)
		return parser_fail(p, "{{define}} stands in no other block: unexpected one", err);
	AUTO_FREE char *name = template_name(p, err);
	if (!name || parser_close(p, err) < 0)
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
	parser_skip_blanks(p);
	if (with_body || (p->s < p->end && !parser_at_close(p)))
		r = parser_pipeline(p, false, &n->pipe, err);
	if (r == 0)
		r = parser_close(p, err);
	return r == 0 && with_body ? template_body(p, name, err) : r;
}

static int action(struct parser *p, struct nodes *nodes, enum stop *ret_stop, struct err *err)
{
	int r;

	parser_skip_blanks(p);
	if (parser_at(p, "/*"))
		return comment(p, err);
	if (parser_keyword(p, "end")) {
		*ret_stop = STOP_END;
		return parser_close(p, err);
	}
	if (parser_keyword(p, "else")) {
		*ret_stop = STOP_ELSE; /* the rest of it is control()'s */
		return 0;
	}
	if (parser_keyword(p, "if"))
		return control(p, nodes, NODE_IF, err);
	if (parser_keyword(p, "range"))
		return control(p, nodes, NODE_RANGE, err);
	if (parser_keyword(p, "with"))
		return control(p, nodes, NODE_WITH, err);
	if (parser_keyword(p, "break"))
		return jump(p, nodes, NODE_BREAK, err);
	if (parser_keyword(p, "continue"))
		return jump(p, nodes, NODE_CONTINUE, err);
	if (parser_keyword(p, "define"))
		return define(p, err);
	if (parser_keyword(p, "template"))
		return use_template(p, nodes, false, err);
	if (parser_keyword(p, "block"))
		return use_template(p, nodes, true, err);
	struct node *n = add_node(nodes, NODE_PIPE);
	r = parser_pipeline(p, false, &n->pipe, err);
	return r < 0 ? r : parser_close(p, err);
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
		return parser_fail(
			&p, stop == STOP_END ? "unexpected {{end}}" : "unexpected {{else}}", err);
	*ret = take(f);
	return 0;
}
