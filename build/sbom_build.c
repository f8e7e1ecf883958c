/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom_build.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/sbom.h"
#include "build/sbom_opts.h"

#include <stdlib.h>

int sbom_build_check(struct build *b, struct err *err)
{
	const struct sbom_opts *o = b->o->sbom;
	struct platform host;
	if (!o)
		return 0;
	if (b->stages.n_targets > 1 && (o->output || o->purl_output))
		return err_set(err, ERR_INVALID,
			"option '--%s': one file cannot tell of the images for %zu platforms; "
			"'--%s' puts one into each",
			o->output ? "sbom-output" : "sbom-purl-output", b->stages.n_targets,
			o->output ? "sbom-image-output" : "sbom-image-purl-output");
	if (sbom_check_box(&b->o->box, err) < 0)
		return err->code;
	platform_host(&host);
	return build_use_image(b, o->image, &host, &b->scanner, err) < 0
	               ? err_wrap(err, "option '--sbom-scanner-image'")
	               : 0;
}

/* --step-timeout is a scan's, too. */
static uint64_t deadline(const struct build_opts *o)
{
	uint64_t step = o->step_timeout_ms ? clock_ms() + o->step_timeout_ms : 0;
	return !step || (o->deadline_ms && o->deadline_ms < step) ? o->deadline_ms : step;
}

int sbom_build_scan(struct build *b, struct built_image *image, struct err *err)
{
	const struct build_opts *o = b->o;
	if (!o->sbom)
		return 0;
	AUTO_FREE int *contexts = xcalloc(b->n_contexts + 1, sizeof(*contexts));
	struct sbom_scan s = {.store = b->store,
		.txn = b->txn,
		.progress = o->progress,
		.opts = o->sbom,
		.scanner = &b->images[b->scanner].image,
		.box = &o->box,
		.contexts = contexts,
		.deadline_ms = deadline(o),
		.compression = o->compression,
		.clamp = b->has_epoch,
		.force = o->force,
		.clamp_s = b->epoch};
	contexts[s.n_contexts++] = b->context_fd;
	for (size_t i = 0; i < b->n_contexts; i++)
		if (b->contexts[i].kind == CONTEXT_DIR)
			contexts[s.n_contexts++] = b->contexts[i].fd;
	sbom_found_done(&b->result->sbom);
	b->result->sbom = (struct sbom_found){0};
	return sbom_scan(&s, image, &b->result->sbom, err);
}
