/* SPDX-License-Identifier: Apache-2.0 */
#include "build/scanner.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/sbom.h"
#include "build/sbom_box.h"
#include "layers/settle.h"
#include "layers/snapshot.h"
#include "registry/transport.h"
#include "run/network.h"
#include "run/spec.h"
#include "store/images.h"
#include "store/lowers.h"
#include "store/store.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int layers_open(struct store *s, const struct image *img, struct progress *progress,
	struct scanner_layers *ret, struct err *err)
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

static void layers_done(struct scanner_layers *l)
{
	for (size_t i = 0; i < l->n; i++)
		(void)close(l->fds[i]);
	free(l->fds);
}

/* Whoever the scanner's user is may write documents. */
int scanner_open(
	const struct sbom_scan *s, const struct image *image, struct scanner *r, struct err *err)
{
	*r = (struct scanner){.s = s, .upper = -1, .scans = -1};
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

void scanner_done(struct scanner *r)
{
	network_stop(r->net);
	layers_done(&r->own);
	layers_done(&r->image);
	mem_close_p(&r->upper);
	mem_close_p(&r->scans);
}

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
static struct run_mount *make_mounts(
	const struct scanner *r, const struct scanner_command *c, int rootfs, size_t *ret_n)
{
	const struct sbom_scan *s = r->s;
	size_t n_contexts = c->contexts ? s->n_contexts : 0;
	struct run_mount *m = xcalloc(n_contexts + 2, sizeof(*m));
	m[0] = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = rootfs,
		.below = "/",
		.target = xstrdup(c->rootfs),
		.read_only = true};
	m[1] = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = r->scans,
		.target = xstrdup(c->scans),
		.stored = true};
	for (size_t i = 0; i < n_contexts; i++)
		m[i + 2] = (struct run_mount){.kind = RUN_MOUNT_BIND,
			.source = s->contexts[i],
			.target = xasprintf("%s%zu", c->contexts, i),
			.read_only = true};
	*ret_n = n_contexts + 2;
	return m;
}

/* The box that a RUN would have, but nothing of this machine that steps are shown. */
static void fill_spec(
	const struct scanner *r, const struct scanner_command *command, struct run_spec *ret)
{
	const struct image_config *c = &r->s->scanner->config;
	*ret = *r->s->box;
	ret->env = (struct map)MAP_INIT;
	map_copy(&ret->env, &c->env);
	if (command->env)
		map_merge(&ret->env, command->env);
	ret->argv = *command->argv; /* read only */
	ret->cwd = xstrdup(c->working_dir && *c->working_dir ? c->working_dir : "/");
	ret->user = xstrdup(c->user ? c->user : "");
	ret->insecure = false;
	ret->in = -1;
	ret->tty = false;
	ret->as_pid1 = true;
}

int scanner_run(struct scanner *r, const struct scanner_command *c, const char *id, struct err *err)
{
	struct run_spec spec;
	AUTO_FREE char *name = NULL;
	AUTO_FD int work = -1, rootfs = -1;
	fill_spec(r, c, &spec);
	int rc = txn_mkdir(r->s->txn, "work", &name, &work, err);
	if (rc == 0)
		rc = mount_image(r, &rootfs, err);
	spec.root = (struct snapshot){
		.lower = r->own.fds, .n_lower = r->own.n, .upper = r->upper, .work = work};
	spec.mounts = make_mounts(r, c, rootfs, &spec.n_mounts);
	if (rc == 0)
		rc = sbom_box_run(r->s, r->net, &spec, id, err);
	if (rc == 0)
		rc = snapshot_settle(&spec.root, (struct timespec){0}, err);
	for (size_t i = 0; i < spec.n_mounts; i++)
		free(spec.mounts[i].target);
	free(spec.mounts);
	map_done(&spec.env);
	free(spec.cwd);
	free(spec.user);
	return rc;
}
