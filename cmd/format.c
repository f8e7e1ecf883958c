/* SPDX-License-Identifier: Apache-2.0 */
/* Running a parsed template. Values are references to JSON; NULL is "no value". */
#include "cmd/format.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/format_fields.h"
#include "cmd/format_functions.h"
#include "cmd/format_internal.h"
#include "cmd/format_time.h"
#include "cmd/format_value.h"

#define ARGS_MAX 64 /* of one function call */
#define TEMPLATES_MAX 100 /* in each other, as a template may use itself */
#define USES_MAX 100000 /* of all templates in one run */

struct variable {
	const char *name; /* of the parsed template */
	struct json *value;
};

enum jump { JUMP_NONE, JUMP_CONTINUE, JUMP_BREAK };

struct run {
	enum jump jump; /* on the way out to the {{range}} */
	struct variable *vars; /* the first is "$" itself */
	size_t n_vars;
	struct buf *out;
	const struct format *f;
	unsigned depth; /* of templates in templates */
	unsigned *uses; /* how many there were */
};

/* --- pipelines ------------------------------------------------------------------------------- */

static int run_pipe(struct run *run, const struct pipe *p, struct json *dot, struct json **ret,
	struct err *err);

static struct json *ref(struct json *j)
{
	return j ? json_ref(j) : NULL;
}

static struct variable *variable(struct run *run, const char *name)
{
	for (size_t i = run->n_vars; i-- > 0;)
		if (streq(run->vars[i].name, name))
			return &run->vars[i];
	return NULL;
}

static void push_variable(struct run *run, const char *name, struct json *value)
{
	run->vars = xreallocarray(run->vars, run->n_vars + 1, sizeof(*run->vars));
	run->vars[run->n_vars++] = (struct variable){name, value};
}

static void pop_variables(struct run *run, size_t down_to)
{
	while (run->n_vars > down_to)
		json_free(run->vars[--run->n_vars].value);
}

static int value_of(struct run *run, const struct operand *o, struct json *dot, struct json **ret,
	struct err *err)
{
	AUTO_JSON struct json *v = NULL;
	int r = 0;

	switch (o->kind) {
	case OPERAND_DOT:
		v = ref(dot);
		break;
	case OPERAND_VAR: {
		struct variable *var = variable(run, o->name);
		if (!var)
			return err_set(
				err, ERR_INVALID, "template: undefined variable '$%s'", o->name);
		v = ref(var->value);
		break;
	}
	case OPERAND_CONST:
		v = ref(o->value);
		break;
	case OPERAND_PAREN:
		r = run_pipe(run, o->pipe, dot, &v, err);
		break;
	case OPERAND_FUNC:
		r = function_call(o->name, NULL, 0, &v, err);
		break;
	}
	if (r == 0)
		r = format_walk(&v, &o->fields, err);
	if (r == 0)
		*ret = take(v);
	return r;
}

/* {{.Created.Format "2006-01-02"}}, the one method that has an argument. */
static bool is_time_format(const struct call *c)
{
	const struct strv *fields = &c->o[0].fields;

	return c->n == 2 && fields->n && streq(fields->v[fields->n - 1], "Format");
}

static int run_time_format(
	struct run *run, const struct call *c, struct json *dot, struct json **ret, struct err *err)
{
	AUTO_JSON struct json *time = NULL, *layout = NULL;
	struct operand o = c->o[0]; /* without the method */

	o.fields.n--;
	int r = value_of(run, &o, dot, &time, err);
	if (r == 0)
		r = value_of(run, &c->o[1], dot, &layout, err);
	if (r < 0)
		return r;
	if (!format_is_time(time) || !json_is(layout, JSON_KIND_STRING))
		return err_set(
			err, ERR_INVALID, "template: Format: a time and a layout are wanted");
	AUTO_FREE char *text = format_time_in(time, json_text(layout));
	*ret = json_new_string(text);
	return 0;
}

/* "and" and "or" look at no more than they need, so that {{if and .A (index .A 0)}} works. */
static bool decides(const char *name, const struct json *value)
{
	return (streq(name, "and") && !value_is_true(value)) ||
	       (streq(name, "or") && value_is_true(value));
}

/* last: the value that was piped in, when piped; *ret is a new reference */
static int run_call(struct run *run, const struct call *c, struct json *dot, struct json *last,
	bool piped, struct json **ret, struct err *err)
{
	struct json *argv[ARGS_MAX];
	size_t n = 0;
	int r = 0;

	if (c->o[0].kind == OPERAND_CONST && json_is(c->o[0].value, JSON_KIND_NULL))
		return err_set(err, ERR_INVALID, "template: nil is not a command");
	if (c->o[0].kind != OPERAND_FUNC) {
		if (!piped && is_time_format(c))
			return run_time_format(run, c, dot, ret, err);
		if (c->n > 1 || piped)
			return err_set(
				err, ERR_INVALID, "template: a value cannot be given arguments");
		return value_of(run, &c->o[0], dot, ret, err);
	}
	if (c->n >= ARGS_MAX)
		return err_set(
			err, ERR_LIMIT, "template: too many arguments of '%s'", c->o[0].name);
	for (size_t i = 1; i < c->n && r == 0; i++) {
		r = value_of(run, &c->o[i], dot, &argv[n], err);
		if (r == 0)
			n++;
		if (r == 0 && decides(c->o[0].name, argv[n - 1])) {
			piped = false; /* nor is what was piped in looked at */
			break;
		}
	}
	if (piped && r == 0)
		argv[n++] = ref(last);
	if (r == 0)
		r = function_call(c->o[0].name, argv, n, ret, err);
	for (size_t i = 0; i < n; i++)
		json_free(argv[i]);
	return r;
}

static int run_pipe(
	struct run *run, const struct pipe *p, struct json *dot, struct json **ret, struct err *err)
{
	AUTO_JSON struct json *value = NULL;

	for (size_t i = 0; i < p->n; i++) {
		struct json *next = NULL;
		int r = run_call(run, &p->calls[i], dot, value, i > 0, &next, err);
		if (r < 0)
			return r;
		json_free(value);
		value = next;
	}
	*ret = take(value);
	return 0;
}

/* --- nodes ----------------------------------------------------------------------------------- */

static int run_nodes(struct run *run, const struct nodes *nodes, struct json *dot, struct err *err);

/* The variable p->var[i], which := declares and = has been declared. */
static int set_variable(
	struct run *run, const struct pipe *p, size_t i, struct json *value, struct err *err)
{
	if (!p->assign) {
		push_variable(run, p->var[i], ref(value));
		return 0;
	}
	struct variable *var = variable(run, p->var[i]);
	if (!var)
		return err_set(err, ERR_INVALID, "template: undefined variable '$%s'", p->var[i]);
	json_free(var->value);
	var->value = ref(value);
	return 0;
}

static int run_round(struct run *run, const struct node *n, struct json *key, struct json *element,
	struct err *err)
{
	size_t vars = run->n_vars, n_var = n->pipe->n_var;
	int r = 0;

	if (n_var == 2)
		r = set_variable(run, n->pipe, 0, key, err);
	if (r == 0 && n_var)
		r = set_variable(run, n->pipe, n_var - 1, element, err);
	if (r == 0)
		r = run_nodes(run, &n->body, element, err);
	pop_variables(run, vars);
	return r;
}

/* At the end of a round: {{continue}} is done, {{break}} ends the range. */
static bool goes_on(struct run *run)
{
	if (run->jump == JUMP_CONTINUE)
		run->jump = JUMP_NONE;
	return run->jump == JUMP_NONE;
}

/* A number is so many rounds. */
static int64_t rounds(const struct json *over)
{
	return json_is(over, JSON_KIND_INT) ? json_int(over) : (int64_t)json_size(over);
}

/* Nothing is what a field that is not there gives. */
static bool has_rounds(const struct json *over, const struct pipe *p)
{
	return !over || json_is(over, JSON_KIND_ARRAY) || json_is(over, JSON_KIND_OBJECT) ||
	       json_is(over, JSON_KIND_NULL) || (json_is(over, JSON_KIND_INT) && p->n_var < 2);
}

static int run_range(struct run *run, const struct node *n, struct json *over, struct err *err)
{
	int r = 0;

	if (json_is(over, JSON_KIND_OBJECT)) {
		AUTO_JSON struct json *keys = json_sorted_keys(over);
		for (size_t i = 0; i < json_size(keys) && r == 0 && goes_on(run); i++)
			r = run_round(run, n, json_at(keys, i),
				json_get(over, json_text(json_at(keys, i))), err);
		return r;
	}
	const bool counted = json_is(over, JSON_KIND_INT);
	for (int64_t i = 0; i < rounds(over) && r == 0 && goes_on(run); i++) {
		AUTO_JSON struct json *index = json_new_int(i);
		r = run_round(run, n, index, counted ? index : json_at(over, (size_t)i), err);
	}
	return r;
}

static int run_control(struct run *run, const struct node *n, struct json *dot, struct err *err)
{
	AUTO_JSON struct json *value = NULL;
	size_t vars = run->n_vars;
	int r = run_pipe(run, n->pipe, dot, &value, err);

	if (r < 0)
		return r;
	if (n->kind == NODE_RANGE) {
		if (!has_rounds(value, n->pipe))
			return err_set(err, ERR_INVALID, "template: cannot range over that value");
		if (rounds(value) <= 0)
			return run_nodes(run, &n->other, dot, err);
		r = run_range(run, n, value, err);
		run->jump = JUMP_NONE;
		return r;
	}
	if (n->pipe->n_var)
		r = set_variable(run, n->pipe, 0, value, err);
	if (r == 0) {
		bool yes = value_is_true(value);
		struct json *inner = yes && n->kind == NODE_WITH ? value : dot;
		r = run_nodes(run, yes ? &n->body : &n->other, inner, err);
	}
	pop_variables(run, vars);
	return r;
}

/* It sees no variables but $, which is its dot. */
static int run_template(struct run *run, const struct node *n, struct json *dot, struct err *err)
{
	AUTO_JSON struct json *value = NULL;
	const struct named *t = NULL;
	int r = n->pipe ? run_pipe(run, n->pipe, dot, &value, err) : 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < run->f->n_templates; i++)
		if (streq(run->f->templates[i].name, n->text))
			t = &run->f->templates[i];
	if (!t)
		return err_set(err, ERR_INVALID, "template: \"%s\" is not defined", n->text);
	struct run inner = {
		.out = run->out, .f = run->f, .depth = run->depth + 1, .uses = run->uses};
	if (inner.depth > TEMPLATES_MAX || ++*inner.uses > USES_MAX)
		return err_set(
			err, ERR_LIMIT, "template: \"%s\" is used in itself too often", n->text);
	push_variable(&inner, "", ref(value));
	r = run_nodes(&inner, &t->nodes, value, err);
	pop_variables(&inner, 0);
	free(inner.vars);
	return r;
}

static int run_node(struct run *run, const struct node *n, struct json *dot, struct err *err)
{
	AUTO_JSON struct json *value = NULL;

	if (n->kind == NODE_TEXT) {
		buf_addstr(run->out, n->text);
		return 0;
	}
	if (n->kind == NODE_BREAK || n->kind == NODE_CONTINUE) {
		run->jump = n->kind == NODE_BREAK ? JUMP_BREAK : JUMP_CONTINUE;
		return 0;
	}
	if (n->kind == NODE_TEMPLATE)
		return run_template(run, n, dot, err);
	if (n->kind != NODE_PIPE)
		return run_control(run, n, dot, err);
	int r = run_pipe(run, n->pipe, dot, &value, err);
	if (r == 0 && n->pipe->n_var)
		return set_variable(run, n->pipe, 0, value, err);
	if (r == 0)
		format_value(run->out, value);
	return r;
}

static int run_nodes(struct run *run, const struct nodes *nodes, struct json *dot, struct err *err)
{
	size_t vars = run->n_vars;
	int r = 0;

	for (size_t i = 0; i < nodes->count && r == 0 && run->jump == JUMP_NONE; i++)
		r = run_node(run, &nodes->n[i], dot, err);
	pop_variables(run, vars);
	return r;
}

int format_run(const struct format *f, struct json *data, struct buf *out, struct err *err)
{
	unsigned uses = 0;
	struct run run = {.out = out, .f = f, .uses = &uses};

	push_variable(&run, "", ref(data));
	int r = run_nodes(&run, &f->nodes, data, err);
	pop_variables(&run, 0);
	free(run.vars);
	if (r == 0 && out->toobig)
		return err_set(
			err, ERR_LIMIT, "template: the output is larger than %zu bytes", out->max);
	return r;
}
