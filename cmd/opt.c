/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/opt.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

#define WORD_MAX 64 /* longer words are not a slip of the finger */

/* An option and where its value goes. */
struct found {
	const struct opt *opt;
	char *field;
};

struct parse {
	const struct opt *table;
	char *args;
	const char *command;
	int argc;
	char *const *argv;
	int at;
	const struct opt *more; /* NULL: none */
	char *more_args;
};

/* --- looking up ------------------------------------------------------------------------------ */

static bool find(const struct opt *table, char *base, const char *name, size_t n, char letter,
	struct found *ret)
{
	for (const struct opt *o = table; o->kind != OPT_KIND_END; o++) {
		char *field = base + o->offset;
		if (o->kind == OPT_KIND_GROUP) {
			if (find(o->group, field, name, n, letter, ret))
				return true;
			continue;
		}
		bool hit = letter ? o->letter == letter
		                  : o->name && strlen(o->name) == n && !memcmp(o->name, name, n);
		if (hit) {
			*ret = (struct found){o, field};
			return true;
		}
	}
	return false;
}

static bool is_own(const char *name, size_t n)
{
	return (n == 4 && !memcmp(name, "help", n)) || (n == 7 && !memcmp(name, "version", n));
}

static bool lookup(
	const struct parse *p, const char *name, size_t n, char letter, struct found *ret)
{
	if (!find(p->table, p->args, name, n, letter, ret))
		return p->more && name && !is_own(name, n) &&
		       find(p->more, p->more_args, name, n, 0, ret);
	if (ret->opt->kind == OPT_KIND_ALIAS)
		return find(p->table, p->args, ret->opt->text, strlen(ret->opt->text), 0, ret);
	return true;
}

void opt_each(const struct opt *table, void (*fn)(const struct opt *o, void *arg), void *arg)
{
	for (const struct opt *o = table; o->kind != OPT_KIND_END; o++) {
		if (o->kind == OPT_KIND_GROUP)
			opt_each(o->group, fn, arg);
		else
			fn(o, arg);
	}
}

struct wanted {
	const char *name;
	size_t n;
	bool known;
};

static void look_at(const struct opt *o, void *arg)
{
	struct wanted *w = arg;
	w->known |= o->name && strlen(o->name) == w->n && !memcmp(o->name, w->name, w->n);
}

bool opt_knows(const struct opt *table, const char *word)
{
	struct wanted w = {word + 2, strcspn(word + 2, "="), false};
	opt_each(table, look_at, &w);
	return w.known;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Levenshtein distance, one row at a time. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[WORD_MAX + 1];

	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[nb];
}

const char *opt_nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strlen(word);
	/* one slip in three letters, as git's autocorrect feels */
	size_t best = len / 3 + 1;
	const char *ret = NULL;

	if (!len || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t cl = strlen(candidates[i]);
		if (cl > WORD_MAX)
			continue;
		/* the word is the beginning of only a longer name: as good as one slip */
		size_t d = len >= 3 && !strncmp(word, candidates[i], len)
		                   ? 1
		                   : distance(word, len, candidates[i], cl);
		if (d < best || (d == best && !ret && d < len)) {
			best = d;
			ret = candidates[i];
		}
	}
	return ret;
}

static void collect_name(const struct opt *o, void *arg)
{
	if (o->name && o->kind != OPT_KIND_REFUSED)
		strv_add(arg, o->name);
}

static int unknown_option(const struct parse *p, const char *name, size_t n, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	AUTO_FREE char *word = xstrndup(name, n < WORD_MAX ? n : WORD_MAX);

	opt_each(p->table, collect_name, &names);
	strv_add(&names, "help");
	const char *near = opt_nearest(word, (const char *const *)names.v, names.n);
	return err_set(err, ERR_INVALID, "unknown option '--%s'%s%s%s See '%s --help'", word,
		near ? ", did you mean '--" : "", near ? near : "", near ? "'?" : ".", p->command);
}

/* --- values ---------------------------------------------------------------------------------- */

static int set_value(const struct found *f, const char *value, struct err *err)
{
	const char *name = f->opt->name;
	bool b, ok = true;

	switch (f->opt->kind) {
	case OPT_KIND_BOOL:
		ok = num_bool(value, (bool *)f->field);
		break;
	case OPT_KIND_TRISTATE:
		ok = num_bool(value, &b);
		if (ok)
			*(int *)(void *)f->field = b;
		break;
	case OPT_KIND_IGNORED_BOOL:
		ok = num_bool(value, &b);
		break;
	case OPT_KIND_STRING:
	case OPT_KIND_MAYBE_STRING:
		*(const char **)(void *)f->field = value;
		break;
	case OPT_KIND_STRV:
		strv_add((struct strv *)(void *)f->field, value);
		break;
	case OPT_KIND_UINT:
		ok = num_u64(value, UINT64_MAX, (uint64_t *)(void *)f->field);
		break;
	case OPT_KIND_INT:
		ok = num_i64(value, INT64_MIN, INT64_MAX, (int64_t *)(void *)f->field);
		break;
	case OPT_KIND_SIZE:
		ok = num_size(value, (uint64_t *)(void *)f->field);
		break;
	case OPT_KIND_IGNORED:
	case OPT_KIND_REFUSED:
	case OPT_KIND_ALIAS:
	case OPT_KIND_GROUP:
	case OPT_KIND_END:
		break;
	}
	if (!ok)
		return err_set(err, ERR_INVALID,
			"invalid argument \"%s\" for option '--%s': invalid syntax, it is not %s",
			value, name,
			f->opt->kind == OPT_KIND_SIZE   ? "a size, such as '64m'"
			: f->opt->kind == OPT_KIND_UINT ? "a number from 0 on"
			: f->opt->kind == OPT_KIND_INT  ? "a number"
							: "'true' or 'false'");
	return 0;
}

static bool is_switch(const struct opt *o)
{
	return o->kind == OPT_KIND_BOOL || o->kind == OPT_KIND_TRISTATE ||
	       o->kind == OPT_KIND_IGNORED_BOOL || o->kind == OPT_KIND_MAYBE_STRING;
}

/* inline_value: what came after '=' or the letter, NULL when nothing did */
static int apply(struct parse *p, const struct found *f, const char *inline_value, struct err *err)
{
	const struct opt *o = f->opt;

	if (o->kind == OPT_KIND_REFUSED)
		return err_set(err, ERR_UNSUPPORTED, "option '--%s' is not supported%s%s", o->name,
			!o->text                         ? ""
			: str_has_prefix(o->text, "yet") ? " "
							 : ": ",
			o->text ? o->text : "");
	if (inline_value)
		return set_value(f, inline_value, err);
	if (is_switch(o))
		return set_value(f, o->kind == OPT_KIND_MAYBE_STRING ? o->text : "true", err);
	if (p->at >= p->argc)
		return err_set(err, ERR_INVALID, "option '--%s' needs a value. See '%s --help'",
			o->name, p->command);
	return set_value(f, p->argv[p->at++], err);
}

/* --- words ----------------------------------------------------------------------------------- */

static int long_option(struct parse *p, const char *word, struct err *err)
{
	const char *name = word + 2;
	const char *eq = strchr(name, '=');
	size_t n = eq ? (size_t)(eq - name) : strlen(name);
	struct found f;

	if (!lookup(p, name, n, 0, &f)) {
		if (n == 4 && !memcmp(name, "help", 4) && !eq)
			return OPT_HELP;
		return unknown_option(p, name, n, err);
	}
	return apply(p, &f, eq ? eq + 1 : NULL, err);
}

static bool put_off(struct parse *p, const char *word, struct strv *rest)
{
	const char *eq = strchr(word, '=');

	if (!word[2] || opt_knows(p->table, word) || (!eq && p->at >= p->argc))
		return false;
	if (eq)
		strv_add(rest, word);
	else
		strv_addf(rest, "%s=%s", word, p->argv[p->at++]);
	return true;
}

/* -abc: switches in a row; the first option that takes a value takes the rest. */
static int short_options(struct parse *p, const char *word, struct err *err)
{
	for (const char *c = word + 1; *c; c++) {
		struct found f;
		if (!lookup(p, NULL, 0, *c, &f)) {
			if (*c == 'h' && !c[1])
				return OPT_HELP;
			if (word[2])
				return err_set(err, ERR_INVALID,
					"unknown option '-%c' in '%s'. See '%s --help'", *c, word,
					p->command);
			return err_set(err, ERR_INVALID, "unknown option '%s'. See '%s --help'",
				word, p->command);
		}
		const char *value = NULL;
		if (c[1] == '=')
			value = c + 2;
		else if (c[1] && !is_switch(f.opt))
			value = c + 1;
		int r = apply(p, &f, value, err);
		if (r < 0)
			return r;
		if (value || !is_switch(f.opt))
			return 0;
	}
	return 0;
}

int opt_parse(const struct opt *table, void *args, const char *command, int argc,
	char *const argv[], int flags, struct strv *ret_rest, struct err *err)
{
	return opt_parse_with(table, args, NULL, NULL, command, argc, argv, flags, ret_rest, err);
}

int opt_parse_with(const struct opt *table, void *args, const struct opt *more, void *more_args,
	const char *command, int argc, char *const argv[], int flags, struct strv *ret_rest,
	struct err *err)
{
	struct parse p = {table, args, command, argc, argv, 0, more, more_args};
	bool only_positionals = false;

	while (p.at < p.argc) {
		const char *word = p.argv[p.at++];
		if (only_positionals || word[0] != '-' || !word[1]) {
			strv_add(ret_rest, word);
			only_positionals |= (flags & OPT_STOP_AT_POSITIONAL) != 0;
			continue;
		}
		if (streq(word, "--")) {
			only_positionals = true;
			continue;
		}
		if (flags & OPT_PUT_OFF && word[1] == '-' && put_off(&p, word, ret_rest))
			continue;
		int r = word[1] == '-' ? long_option(&p, word, err) : short_options(&p, word, err);
		if (r)
			return r;
	}
	return 0;
}

static void add_word(const struct opt *o, const void *at, struct strv *ret)
{
	switch (o->kind) {
	case OPT_KIND_BOOL:
		if (*(const bool *)at)
			strv_addf(ret, "--%s", o->name);
		break;
	case OPT_KIND_TRISTATE:
		if (*(const int *)at >= 0)
			strv_addf(ret, "--%s=%s", o->name, *(const int *)at ? "true" : "false");
		break;
	case OPT_KIND_STRING:
	case OPT_KIND_MAYBE_STRING:
		if (*(const char *const *)at)
			strv_addf(ret, "--%s=%s", o->name, *(const char *const *)at);
		break;
	case OPT_KIND_STRV:
		STRV_FOREACH (word, (const struct strv *)at)
			strv_addf(ret, "--%s=%s", o->name, *word);
		break;
	case OPT_KIND_UINT:
	case OPT_KIND_SIZE:
		if (*(const uint64_t *)at)
			strv_addf(ret, "--%s=%llu", o->name,
				(unsigned long long)*(const uint64_t *)at);
		break;
	case OPT_KIND_INT:
		if (*(const int64_t *)at)
			strv_addf(ret, "--%s=%lld", o->name, (long long)*(const int64_t *)at);
		break;
	case OPT_KIND_GROUP:
		opt_words(o->group, at, ret);
		break;
	case OPT_KIND_ALIAS:
	case OPT_KIND_IGNORED:
	case OPT_KIND_IGNORED_BOOL:
	case OPT_KIND_REFUSED:
	case OPT_KIND_END:
		break;
	}
}

void opt_words(const struct opt *table, const void *args, struct strv *ret)
{
	for (const struct opt *o = table; o->kind != OPT_KIND_END; o++)
		add_word(o, (const char *)args + o->offset, ret);
}

void opt_done(const struct opt *table, void *args)
{
	for (const struct opt *o = table; o->kind != OPT_KIND_END; o++) {
		char *field = (char *)args + o->offset;
		if (o->kind == OPT_KIND_GROUP)
			opt_done(o->group, field);
		else if (o->kind == OPT_KIND_STRV)
			strv_done((struct strv *)(void *)field);
	}
}
