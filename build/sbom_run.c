/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom_run.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/root.h"
#include "base/shell_words.h"
#include "build/sbom.h"
#include "build/sbom_opts.h"
#include "build/scanner.h"
#include "store/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOTFS "/.rootfs" /* these are the names that buildah has for them */
#define CONTEXT "/.context"
#define SCANS "/.scans"
#define WORD_MAX (64 * KIB)

struct run {
	const struct sbom_scan *s;
	struct scanner scanner;
	struct sbom_document *documents;
	size_t n, n_commands;
};

/* --- the words of a command --- */

static char *substitute(const char *text, size_t context, const char *output)
{
	AUTO_BUF struct buf out = BUF_INIT(WORD_MAX);
	while (*text) {
		if (str_has_prefix(text, "{ROOTFS}")) {
			buf_addstr(&out, ROOTFS);
			text += strlen("{ROOTFS}");
		} else if (str_has_prefix(text, "{CONTEXT}")) {
			buf_addf(&out, CONTEXT "%zu", context);
			text += strlen("{CONTEXT}");
		} else if (str_has_prefix(text, "{OUTPUT}")) {
			buf_addf(&out, SCANS "/%s", output);
			text += strlen("{OUTPUT}");
		} else {
			buf_addch(&out, *text++);
		}
	}
	return xstrdup(buf_str(&out));
}

/* As buildah: the scanner's image need not have a shell, so it has one only where the command asks
 * for what only a shell can do. */
static int make_argv(const struct image *scanner, const char *command, size_t context,
	const char *output, struct strv *ret, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	if (strpbrk(command, "<>|;&")) {
		strv_copy(&words, &scanner->config.shell);
		if (!words.n) {
			strv_add(&words, "/bin/sh");
			strv_add(&words, "-c");
		}
		strv_add(&words, command);
	} else if (shell_words(command, &words, err) < 0) {
		return err_wrap(err, "option '--sbom-scanner-command'");
	}
	STRV_FOREACH (word, &words)
		strv_add_take(ret, substitute(*word, context, output));
	return 0;
}

/* It is what the scanner left: perhaps a link, or a pipe that nobody writes to. */
static int read_document(struct run *r, const char *name, struct err *err)
{
	struct sbom_document *d = &r->documents[r->n];
	int rc = root_read_file(
		r->scanner.scans, name, SCANNER_DOCUMENT_MAX, &d->text, &d->len, err);
	if (rc == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "the scanner has not written its {OUTPUT}");
	if (rc < 0)
		return err_wrap(err, "what the scanner wrote");
	r->n++;
	return 0;
}

/* One document. */
static int scan_one(struct run *r, const char *command, size_t context, struct err *err)
{
	char output[32], id[64];
	snprintf(output, sizeof(output), "scan%zu.json", r->n);
	snprintf(id, sizeof(id), "sbom %zu/%zu", r->n + 1, r->n_commands);
	progress_begin(r->s->progress, id, command, 0);
	AUTO_STRV struct strv argv = STRV_INIT;
	const struct scanner_command c = {
		.argv = &argv, .rootfs = ROOTFS, .scans = SCANS, .contexts = CONTEXT};
	int rc = make_argv(r->s->scanner, command, context, output, &argv, err);
	if (rc == 0)
		rc = scanner_run(&r->scanner, &c, id, err);
	if (rc == 0)
		rc = read_document(r, output, err);
	progress_end(r->s->progress, id, rc == 0 ? "done" : "failed");
	return rc < 0 ? err_wrap(err, "scanner command '%s'", command) : 0;
}

static size_t times_of(const struct sbom_scan *s, const char *command)
{
	return strstr(command, "{CONTEXT}") ? s->n_contexts : 1;
}

static int scan_all(struct run *r, struct err *err)
{
	STRV_FOREACH (command, &r->s->opts->commands)
		for (size_t i = 0; i < times_of(r->s, *command); i++)
			if (scan_one(r, *command, i, err) < 0)
				return err->code;
	return 0;
}

int sbom_run(const struct sbom_scan *s, const struct image *image, struct sbom_document **ret,
	size_t *ret_n, struct err *err)
{
	struct run r = {.s = s};
	STRV_FOREACH (command, &s->opts->commands)
		r.n_commands += times_of(s, *command);
	if (!r.n_commands)
		return err_set(err, ERR_INVALID,
			"no '--sbom-scanner-command' names {ROOTFS}, and there is no build context "
			"to look at");
	r.documents = xcalloc(r.n_commands, sizeof(*r.documents));
	int rc = scanner_open(s, image, &r.scanner, err);
	if (rc == 0)
		rc = scan_all(&r, err);
	scanner_done(&r.scanner);
	if (rc < 0) {
		sbom_documents_free(r.documents, r.n);
		return rc;
	}
	*ret = r.documents;
	*ret_n = r.n;
	return 0;
}

void sbom_documents_free(struct sbom_document *d, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(d[i].text);
	free(d);
}
