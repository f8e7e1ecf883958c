/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom_build.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/deadline.h"
#include "build/sbom.h"
#include "build/sbom_generate.h"
#include "build/sbom_opts.h"

#include <stdlib.h>

static int check_outputs(const struct build *b, const struct sbom_opts *o, struct err *err)
{
	if (b->stages.n_targets <= 1 || (!o->output && !o->purl_output))
		return 0;
	return err_set(err, ERR_INVALID,
		"option '--%s': one file cannot tell of the images for %zu platforms; '--%s' puts "
		"one into each",
		o->output ? "sbom-output" : "sbom-purl-output", b->stages.n_targets,
		o->output ? "sbom-image-output" : "sbom-image-purl-output");
}

int sbom_build_check(struct build *b, struct err *err)
{
	const struct build_opts *o = b->o;
	struct platform host;
	if (!o->sbom && !o->generator)
		return 0;
	platform_host(&host);
	if ((o->sbom && check_outputs(b, o->sbom, err) < 0) || sbom_check_box(&o->box, err) < 0)
		return err->code;
	if (o->sbom && build_use_image(b, o->sbom->image, &host, &b->scanner, err) < 0)
		return err_wrap(err, "option '--sbom-scanner-image'");
	if (o->generator && build_use_image(b, o->generator, &host, &b->generator, err) < 0)
		return err_wrap(err, "the generator of '--sbom'");
	return 0;
}

static int scan(struct build *b, struct sbom_scan *s, struct built_image *image, struct err *err)
{
	AUTO_FREE int *contexts = xcalloc(b->n_contexts + 1, sizeof(*contexts));
	s->opts = b->o->sbom;
	s->scanner = &b->images[b->scanner].image;
	s->contexts = contexts;
	contexts[s->n_contexts++] = b->context_fd;
	for (size_t i = 0; i < b->n_contexts; i++)
		if (b->contexts[i].kind == CONTEXT_DIR)
			contexts[s->n_contexts++] = b->contexts[i].fd;
	sbom_found_done(&b->result->sbom);
	b->result->sbom = (struct sbom_found){0};
	return sbom_scan(s, image, &b->result->sbom, err);
}

int sbom_build_scan(struct build *b, size_t number, struct err *err)
{
	const struct build_opts *o = b->o;
	struct built_image *image = &b->result->images[number];
	const struct sbom_scan any = {.store = b->store,
		.txn = b->txn,
		.progress = o->progress,
		.box = &o->box,
		.deadline_ms = deadline_of_step(o), /* that is a scan's, too */
		.compression = o->compression,
		.clamp = b->has_epoch,
		.force = o->force,
		.clamp_s = b->epoch};
	struct sbom_scan s = any;
	if (o->sbom && scan(b, &s, image, err) < 0)
		return err->code;
	if (!o->generator)
		return 0;
	s = any;
	s.scanner = &b->images[b->generator].image;
	return sbom_generate(&s, image, number, &b->result->predicates, err);
}
