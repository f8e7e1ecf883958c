/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/forms.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"

#define VERBS_MAX 1024

/* words: the command, and an option that the noun implies */
static const struct {
	const char *noun, *verb, *words;
} forms[] = {
	{"builder", "build", "build"},
	{"builder", "prune", "prune --build-cache"},
	{"buildx", "build", "build"},
	{"buildx", "du", "du"},
	{"buildx", "prune", "prune --build-cache"},
	{"buildx", "version", "version"},
	{"container", "commit", "commit"},
	{"container", "delete", "rm"},
	{"container", "diff", "diff --type=container"},
	{"container", "exists", "exists --type=container"},
	{"container", "export", "export"},
	{"container", "inspect", "inspect --array --type=container"},
	{"container", "list", "containers"},
	{"container", "ls", "containers"},
	{"container", "mount", "mount"},
	{"container", "ps", "containers"},
	{"container", "prune", "prune --containers"},
	{"container", "rename", "rename"},
	{"container", "rm", "rm"},
	{"container", "run", "run"},
	{"container", "umount", "umount"},
	{"container", "unmount", "umount"},
	{"image", "build", "build"},
	{"image", "diff", "diff --type=image"},
	{"image", "exists", "exists --type=image"},
	{"image", "history", "history"},
	{"image", "import", "import"},
	{"image", "inspect", "inspect --array --type=image"},
	{"image", "list", "images"},
	{"image", "load", "load"},
	{"image", "ls", "images"},
	{"image", "prune", "prune"},
	{"image", "pull", "pull"},
	{"image", "push", "push"},
	{"image", "rm", "rmi"},
	{"image", "save", "save"},
	{"image", "tag", "tag"},
	{"image", "tree", "tree"},
	{"image", "untag", "untag"},
	{"system", "check", "fsck"},
	{"system", "df", "du"},
	{"system", "info", "info"},
	{"system", "prune", "prune"},
};

/* Takes n words out at the start, and puts others there. */
static void replace(struct strv *words, size_t n, const char *by)
{
	AUTO_STRV struct strv parts = STRV_INIT;

	strv_split(&parts, by, ' ');
	while (n--)
		strv_remove(words, 0);
	for (size_t i = parts.n; i-- > 0;)
		strv_insert(words, 0, parts.v[i]);
}

void forms_apply(struct strv *words)
{
	if (words->n < 2)
		return;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (streq(forms[i].noun, words->v[0]) && streq(forms[i].verb, words->v[1])) {
			replace(words, 2, forms[i].words);
			return;
		}
	}
	AUTO_FREE char *both = xasprintf("%s-%s", words->v[0], words->v[1]);
	if (command_find(both))
		replace(words, 2, both);
}

bool forms_is_noun(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (streq(forms[i].noun, word))
			return true;
	return false;
}

char *forms_verbs(const char *noun)
{
	AUTO_BUF struct buf b = BUF_INIT(VERBS_MAX);

	buf_addstr(&b, "");
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (streq(forms[i].noun, noun))
			buf_addf(&b, "%s%s", b.len ? ", " : "", forms[i].verb);
	return buf_take(&b);
}
