/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/help_print.h"

#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/help.h"
#include "cmd/out.h"

#define USAGE "Usage: "
#define SELF "mica "
#define OPTIONS "[options]"

/* A page in parts: lines of the usage, what it is for, options, examples. */
struct page {
	struct strv usage, text, options, examples;
};

static void page_cut(struct page *ret, const char *text)
{
	AUTO_STRV struct strv lines = STRV_INIT;
	struct strv *part = &ret->usage;

	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		if (streq(*line, "Options:"))
			part = &ret->options;
		else if (streq(*line, "Examples:"))
			part = &ret->examples;
		else if (!**line && part == &ret->usage)
			part = &ret->text;
		else if (**line)
			strv_add(part, *line);
	}
}

static void page_done(struct page *p)
{
	strv_done(&p->usage);
	strv_done(&p->text);
	strv_done(&p->options);
	strv_done(&p->examples);
}

static bool is_member(const char *name, const char *family)
{
	size_t n = strlen(family);

	return n && !strncmp(name, family, n) && name[n] == '-' && name[n + 1];
}

static bool is_family(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (is_member(commands[i]->name, name))
			return true;
	return false;
}

static void print_commands(struct out *out, const char *family)
{
	out_printf(out, called_buildah() ? "\nAvailable Commands:\n" : "\nCommands:\n");
	for (size_t i = 0; commands[i]; i++) {
		const char *name = commands[i]->name;
		const struct help *h = help_find(name);
		if (*family ? is_member(name, family) : !command_is_of_family(name))
			out_printf(out, "  %-12s %s\n", *family ? name + strlen(family) + 1 : name,
				h ? h->summary : "");
	}
}

static const char *after_self(const char *line)
{
	line += str_has_prefix(line, USAGE) ? strlen(USAGE) : strspn(line, " ");
	return str_has_prefix(line, SELF) ? line + strlen(SELF) : line;
}

static void print_usage(struct out *out, const struct help *h, const struct page *p)
{
	out_printf(out, "\nUsage:\n");
	if (is_family(h->command) || !*h->command) {
		out_printf(out, "  buildah %s%s[command]\n", h->command, *h->command ? " " : "");
		return;
	}
	STRV_FOREACH (line, &p->usage) {
		const char *words = after_self(*line), *at = strstr(words, OPTIONS);
		if (at)
			out_printf(out, "  buildah %.*s[flags]%s\n", (int)(at - words), words,
				at + strlen(OPTIONS));
		else
			out_printf(out, "  buildah %s [flags]\n", words);
	}
}

/* "c=$(mica from web)" */
static void print_example(struct out *out, const char *line)
{
	const char *at;

	out_printf(out, "  ");
	line += strspn(line, " ");
	for (const char *from = line; (at = strstr(from, SELF)); from = at + strlen(SELF)) {
		if (at > line && at[-1] != ' ' && at[-1] != '(')
			continue;
		out_printf(out, "%.*sbuildah ", (int)(at - line), line);
		line = at + strlen(SELF);
	}
	out_printf(out, "%s\n", line);
}

/* "  --retry=N": what the user's files make of the option, NULL: nothing */
static const char *default_of(const struct map *defaults, const char *line)
{
	if (!defaults || !str_has_prefix(line, "  --"))
		return NULL;
	AUTO_FREE char *name = xstrndup(line + 4, strcspn(line + 4, "=["));
	return map_get(defaults, name);
}

static void print_options(struct out *out, const struct strv *lines, const struct map *defaults)
{
	const char *said = NULL;

	for (size_t i = 0; i <= lines->n; i++) {
		const char *line = i < lines->n ? lines->v[i] : "";
		if (said && !str_has_prefix(line, "        ")) {
			out_printf(out, "        Set by containers.conf (default %s).\n", said);
			said = NULL;
		}
		if (i == lines->n)
			break;
		out_printf(out, "%s\n", line);
		if (default_of(defaults, line))
			said = default_of(defaults, line);
	}
}

static void print_as_buildah(struct out *out, const struct help *h, const struct map *defaults)
{
	struct page p = {0};

	page_cut(&p, h->text);
	STRV_FOREACH (line, &p.text)
		out_printf(out, "%s\n", *line);
	print_usage(out, h, &p);
	if (p.examples.n)
		out_printf(out, "\nExamples:\n");
	STRV_FOREACH (line, &p.examples)
		print_example(out, *line);
	if (is_family(h->command) || !*h->command)
		print_commands(out, h->command);
	out_printf(out, "\nFlags:\n");
	print_options(out, &p.options, defaults);
	if (*h->command)
		out_printf(out, "  -h, --help\n        Print this.\n");
	else
		out_printf(out, "\nUse \"buildah [command] --help\" for more information about a "
				"command.\n");
	page_done(&p);
}

void help_print(struct out *out, const struct help *h, const struct map *defaults)
{
	AUTO_STRV struct strv lines = STRV_INIT;

	if (streq(called_name(), "buildah")) {
		print_as_buildah(out, h, defaults);
		return;
	}
	AUTO_FREE char *text = xstrndup(h->text, strlen(h->text) - 1); /* its last line ends */
	strv_split(&lines, text, '\n');
	print_options(out, &lines, defaults);
	if (is_family(h->command))
		print_commands(out, h->command);
}

int help_print_family(struct out *out, const char *family, const struct strv *rest, struct err *err)
{
	const struct help *h = help_find(family);

	if (rest->n && !called_buildah())
		return err_set(err, ERR_INVALID, "unknown command '%s %s'. See 'mica %s --help'",
			family, rest->v[0], family);
	if (h)
		help_print(out, h, NULL);
	return 0;
}
