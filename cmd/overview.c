/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/overview.h"

#include <string.h>

#include "base/called.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/forms.h"
#include "cmd/help.h"
#include "cmd/help_print.h"
#include "cmd/out.h"

/* In the order in which one meets them. */
static const struct {
	const char *title, *names;
} groups[] = {
	{"Build and run", "build run"},
	{"Working containers", "from copy add config mount umount unshare commit diff export "
			       "containers rename rm"},
	{"Images", "images pull push tag untag inspect history tree exists manifest save load "
		   "import rmi"},
	{"Registries", "login logout passwd registry list-tags referrers delete-image"},
	{"The store", "du prune cache fsck"},
	{"About mica", "info version completion"},
};

static void print_line(struct out *out, const char *name)
{
	const struct help *h = help_find(name);

	out_printf(out, "  %-12s %s\n", name, h ? h->summary : "");
}

void overview_print(struct out *out)
{
	const struct help *own = help_find("");
	AUTO_STRV struct strv listed = STRV_INIT;

	if (called_buildah() && own) {
		help_print(out, own, NULL);
		return;
	}
	const char *text = own ? own->text : "", *options = strstr(text, "\nOptions:\n");
	out_printf(out, "%.*s", options ? (int)(options - text) : (int)strlen(text), text);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		AUTO_STRV struct strv names = STRV_INIT;
		strv_split(&names, groups[i].names, ' ');
		out_printf(out, "\n%s:\n", groups[i].title);
		STRV_FOREACH (name, &names)
			print_line(out, *name);
		STRV_FOREACH (name, &names)
			strv_add(&listed, *name);
	}
	bool first = true;
	for (size_t i = 0; commands[i]; i++) {
		const char *name = commands[i]->name;
		if (command_is_of_family(name) || strv_has(&listed, name))
			continue;
		out_printf(out, "%s", first ? "\nOthers:\n" : "");
		print_line(out, name);
		first = false;
	}
	out_printf(out, "%s\n'mica COMMAND --help' tells more.\n", options ? options : "");
}

static const struct {
	const char *noun, *words;
} examples[] = {
	{"builder", "prune --all"},
	{"buildx", "build -t web ."},
	{"container", "ls"},
	{"image", "ls"},
	{"system", "df"},
};

void overview_print_noun(struct out *out, const char *noun)
{
	AUTO_FREE char *all = forms_verbs(noun);
	AUTO_STRV struct strv verbs = STRV_INIT;

	strv_split(&verbs, all, ',');
	out_printf(out,
		"Usage: %s %s COMMAND [options] [arguments]\n\n"
		"The commands by the names that docker and podman have for them.\n\nCommands:\n",
		called_name(), noun);
	STRV_FOREACH (v, &verbs) {
		const char *verb = *v + strspn(*v, " ");
		AUTO_STRV struct strv words = STRV_INIT;
		strv_add(&words, noun);
		strv_add(&words, verb);
		forms_apply(&words);
		const struct help *h = help_find(words.v[0]);
		out_printf(out, "  %-12s %s\n", verb, h ? h->summary : "");
	}
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		if (streq(examples[i].noun, noun))
			out_printf(out, "\nExamples:\n  %s %s %s\n", called_name(), noun,
				examples[i].words);
}
