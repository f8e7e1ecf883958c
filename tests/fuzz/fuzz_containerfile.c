/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "build/file_parse.h"
#include "build/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct containerfile *f, const struct inst *i)
{
	if (!i->name || !i->text)
		abort();
	for (size_t n = 0; n < i->args.n; n++) {
		if (i->arg_pos[n].line < i->pos.line || i->arg_pos[n].line > i->end_line)
			abort();
		const struct heredoc *h = inst_heredoc(i, i->args.v[n]);
		if (h && strlen(h->name) == 0 && h->len > f->len)
			abort();
	}
}

/* Every rule on; places lie in the file. */
static void check_lint(const struct containerfile *f)
{
	struct lint l = {0};
	struct err err = ERR_INIT;
	if (f->check && lint_options(&l, f->check, &err) < 0 && err.code != ERR_INVALID)
		abort();
	l.skip_all = false;
	l.experimental_all = true;
	lint_files(&l, f, 1);
	for (size_t n = 0; n < f->n; n++) {
		const struct inst *i = &f->insts[n];
		for (size_t k = 0; k < i->args.n; k++) {
			lint_secret(&l, f, i, i->arg_pos[k], i->args.v[k], i->args.v[k]);
			lint_expose(&l, f, i, i->arg_pos[k], i->args.v[k]);
		}
	}
	lint_sort(&l);
	for (size_t n = 0; n < l.n; n++)
		if (l.w[n].pos.line == 0 || l.w[n].end_line < l.w[n].pos.line)
			abort();
	lint_done(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_CONTAINERFILE struct containerfile f = {0};
	if (containerfile_parse("Containerfile", (const char *)data, size, &f, &err) == 0) {
		for (size_t n = 0; n < f.n; n++)
			check(&f, &f.insts[n]);
		check_lint(&f);
	} else if (err.code >= 0 || strncmp(err.msg, "Containerfile", 13) != 0) {
		abort();
	}
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	AUTO_CONTAINERFILE struct containerfile trigger = {0};
	(void)!inst_parse_trigger("ONBUILD", text, &trigger, &err);
	return 0;
}
