/* SPDX-License-Identifier: Apache-2.0 */
/* Prints "COMMAND OPTION" for every option of every table: what options-vs-pages.sh compares with
 * the manual pages. With an argument also what it is ("acts", "ignored", "refused") and why it is
 * refused, separated by tabs: what buildah-table.py makes docs/buildah.md of. */
#include <stdio.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"

struct listing {
	char name[64];
	const struct opt *table;
	bool more;
};

static const char *kind_of(const struct listing *l, const struct opt *o);

struct search {
	const struct listing *l;
	const char *name;
	const char *kind;
};

static void look(const struct opt *o, void *arg)
{
	struct search *s = arg;

	if (o->kind != OPT_KIND_ALIAS && o->name && streq(o->name, s->name))
		s->kind = kind_of(s->l, o);
}

static const char *kind_of(const struct listing *l, const struct opt *o)
{
	struct search s = {l, o->text, "acts"};

	switch (o->kind) {
	case OPT_KIND_IGNORED:
	case OPT_KIND_IGNORED_BOOL:
		return "ignored";
	case OPT_KIND_REFUSED:
		return "refused";
	case OPT_KIND_ALIAS:
		opt_each(l->table, look, &s);
		return s.kind;
	default:
		return "acts";
	}
}

static void print(const struct opt *o, void *arg)
{
	const struct listing *l = arg;
	const char *why = o->kind == OPT_KIND_REFUSED && o->text ? o->text : "";

	if (!l->more) {
		if (o->letter)
			printf("%s -%c\n", l->name, o->letter);
		printf("%s --%s\n", l->name, o->name);
		return;
	}
	if (o->letter)
		printf("%s\t-%c\t%s\t%s\n", l->name, o->letter, kind_of(l, o), why);
	printf("%s\t--%s\t%s\t%s\n", l->name, o->name, kind_of(l, o), why);
}

int main(int argc, char *argv[])
{
	struct listing l = {.name = "mica", .table = global_options, .more = argc > 1};

	(void)argv;
	opt_each(global_options, print, &l);
	for (size_t i = 0; commands[i]; i++) {
		(void)snprintf(l.name, sizeof(l.name), "%s", commands[i]->name);
		l.table = commands[i]->options;
		opt_each(commands[i]->options, print, &l);
	}
	return 0;
}
