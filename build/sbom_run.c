/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom_run.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/root.h"
#include "base/shell_words.h"
#include "build/sbom.h"
#include "build/sbom_box.h"
#include "build/sbom_opts.h"
#include "layers/settle.h"
#include "layers/snapshot.h"
#include "registry/transport.h"
#include "run/network.h"
#include "run/spec.h"
#include "store/images.h"
#include "store/lowers.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOTFS "/.rootfs" /* these are the names that buildah has for them */
#define CONTEXT "/.context"
#define SCANS "/.scans"
#define DOCUMENT_MAX (64 * MIB) /* syft writes 30 MiB about ten thousand packages */
#define WORD_MAX (64 * KIB)

struct layers {
	int *fds; /* topmost first, with room for one more */
	size_t n;
};

/* The scanner's files stay from one command to the next. */
struct scanner {
	const struct sbom_scan *s;
	struct layers own, image;
	int upper, scans; /* what it writes to its root, and its documents */
	struct network *net;
	struct sbom_document *documents;
	size_t n, n_commands;
};

static int layers_open(struct store *s, const struct image *img, struct progress *progress,
	struct layers *ret, struct err *err)
{
	size_t n = img->config.n_diff_ids;
	if (image_unpack(s, img, progress, err) < 0)
		return err->code;
	ret->fds = xcalloc(n + 1, sizeof(*ret->fds));
	if (image_lowers(s, img->config.diff_ids, n, ret->fds, err) < 0)
		return err->code;
	ret->n = n;
	return 0;
}

static void layers_done(struct layers *l)
{
	for (size_t i = 0; i < l->n; i++)
		(void)close(l->fds[i]);
	free(l->fds);
}

/* Whoever the scanner's user is may write documents. */
static int scanner_open(struct scanner *r, const struct image *image, struct err *err)
{
	const struct sbom_scan *s = r->s;
	AUTO_FREE char *bottom = NULL, *upper = NULL, *scans = NULL;
	if (layers_open(s->store, s->scanner, s->progress, &r->own, err) < 0 ||
		layers_open(s->store, image, s->progress, &r->image, err) < 0 ||
		txn_mkdir(s->txn, "bottom", &bottom, &r->image.fds[r->image.n], err) < 0)
		return err->code;
	r->image.n++; /* a single layer would show its whiteouts */
	if (txn_mkdir(s->txn, "upper", &upper, &r->upper, err) < 0 ||
		txn_mkdir(s->txn, "scans", &scans, &r->scans, err) < 0)
		return err->code;
	if (fchmod(r->scans, 01777) < 0)
		return err_sys(err, "cannot prepare the directory of the scanner's documents");
	return s->box->network == RUN_NETWORK_PRIVATE && !s->box->chroot
	               ? network_start(s->box, &r->net, err)
	               : 0;
}

static void scanner_done(struct scanner *r)
{
	network_stop(r->net);
	layers_done(&r->own);
	layers_done(&r->image);
	mem_close_p(&r->upper);
	mem_close_p(&r->scans);
}

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

/* --- one command --- */

/* A detached mount is used up by one command. */
static int mount_image(struct scanner *r, int *ret, struct err *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_FD int work = -1;
	if (txn_mkdir(r->s->txn, "work", &name, &work, err) < 0)
		return err->code;
	const struct snapshot snap = {.lower = r->image.fds,
		.n_lower = r->image.n,
		.upper = -1,
		.work = work,
		.ids = run_spec_ids(r->s->box)};
	return snapshot_mount(&snap, ret, err);
}

/* Borrowed from the scan and from the caller. */
static struct run_mount *make_mounts(const struct scanner *r, int rootfs, size_t *ret_n)
{
	const struct sbom_scan *s = r->s;
	struct run_mount *m = xcalloc(s->n_contexts + 2, sizeof(*m));
	m[0] = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = rootfs,
		.below = "/",
		.target = xstrdup(ROOTFS),
		.read_only = true};
	m[1] = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = r->scans,
		.target = xstrdup(SCANS),
		.stored = true};
	for (size_t i = 0; i < s->n_contexts; i++)
		m[i + 2] = (struct run_mount){.kind = RUN_MOUNT_BIND,
			.source = s->contexts[i],
			.target = xasprintf(CONTEXT "%zu", i),
			.read_only = true};
	*ret_n = s->n_contexts + 2;
	return m;
}

/* The box that a RUN would have, but nothing of this machine that steps are shown. */
static void fill_spec(const struct scanner *r, struct run_spec *ret)
{
	const struct image_config *c = &r->s->scanner->config;
	*ret = *r->s->box;
	ret->env = (struct map)MAP_INIT;
	map_copy(&ret->env, &c->env);
	ret->argv = (struct strv)STRV_INIT;
	ret->cwd = xstrdup(c->working_dir && *c->working_dir ? c->working_dir : "/");
	ret->user = xstrdup(c->user ? c->user : "");
	ret->insecure = false;
	ret->in = -1;
	ret->tty = false;
	ret->as_pid1 = true;
}

static int run_command(struct scanner *r, const char *command, size_t context, const char *output,
	const char *id, struct err *err)
{
	struct run_spec spec;
	AUTO_FREE char *name = NULL;
	AUTO_FD int work = -1, rootfs = -1;
	fill_spec(r, &spec);
	spec.mounts = NULL;
	int rc = make_argv(r->s->scanner, command, context, output, &spec.argv, err);
	if (rc == 0)
		rc = txn_mkdir(r->s->txn, "work", &name, &work, err);
	if (rc == 0)
		rc = mount_image(r, &rootfs, err);
	spec.root = (struct snapshot){
		.lower = r->own.fds, .n_lower = r->own.n, .upper = r->upper, .work = work};
	spec.mounts = make_mounts(r, rootfs, &spec.n_mounts);
	if (rc == 0)
		rc = sbom_box_run(r->s, r->net, &spec, id, err);
	if (rc == 0)
		rc = snapshot_settle(&spec.root, (struct timespec){0}, err);
	for (size_t i = 0; i < spec.n_mounts; i++)
		free(spec.mounts[i].target);
	free(spec.mounts);
	strv_done(&spec.argv);
	map_done(&spec.env);
	free(spec.cwd);
	free(spec.user);
	return rc;
}

/* It is what the scanner left: perhaps a link, or a pipe that nobody writes to. */
static int read_document(struct scanner *r, const char *name, struct err *err)
{
	struct sbom_document *d = &r->documents[r->n];
	int rc = root_read_file(r->scans, name, DOCUMENT_MAX, &d->text, &d->len, err);
	if (rc == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "the scanner has not written its {OUTPUT}");
	if (rc < 0)
		return err_wrap(err, "what the scanner wrote");
	r->n++;
	return 0;
}

/* One document. */
static int scan_one(struct scanner *r, const char *command, size_t context, struct err *err)
{
	char output[32], id[64];
	snprintf(output, sizeof(output), "scan%zu.json", r->n);
	snprintf(id, sizeof(id), "sbom %zu/%zu", r->n + 1, r->n_commands);
	progress_begin(r->s->progress, id, command, 0);
	int rc = run_command(r, command, context, output, id, err);
	if (rc == 0)
		rc = read_document(r, output, err);
	progress_end(r->s->progress, id, rc == 0 ? "done" : "failed");
	return rc < 0 ? err_wrap(err, "scanner command '%s'", command) : 0;
}

static size_t times_of(const struct sbom_scan *s, const char *command)
{
	return strstr(command, "{CONTEXT}") ? s->n_contexts : 1;
}

static int scan_all(struct scanner *r, struct err *err)
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
	struct scanner r = {.s = s, .upper = -1, .scans = -1};
	STRV_FOREACH (command, &s->opts->commands)
		r.n_commands += times_of(s, *command);
	if (!r.n_commands)
		return err_set(err, ERR_INVALID,
			"no '--sbom-scanner-command' names {ROOTFS}, and there is no build context "
			"to look at");
	r.documents = xcalloc(r.n_commands, sizeof(*r.documents));
	int rc = scanner_open(&r, image, err);
	if (rc == 0)
		rc = scan_all(&r, err);
	scanner_done(&r);
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
