/* SPDX-License-Identifier: Apache-2.0 */
#include "build/keep_steps.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "build/build_internal.h"
#include "build/finish.h"
#include "build/stage_run.h"

void step_config_keep(struct build *b, struct stage_plan *p)
{
	if (!b->o->keep_steps || b->step_bytes >= KEPT_STEPS_MAX)
		return;
	AUTO_FREE char *text = image_config_dump(&p->config);
	b->step_bytes += strlen(text);
	if (b->step_bytes >= KEPT_STEPS_MAX)
		return;
	p->step_configs =
		xreallocarray(p->step_configs, p->n_step_configs + 1, sizeof(*p->step_configs));
	image_config_copy(&p->step_configs[p->n_step_configs++], &p->config);
}

void step_configs_done(struct stage_plan *p)
{
	for (size_t i = 0; i < p->n_step_configs; i++)
		image_config_done(&p->step_configs[i]);
	free(p->step_configs);
}

static bool is_target(const struct build *b, size_t stage)
{
	for (size_t i = 0; i < b->stages.n_targets; i++)
		if (b->stages.targets[i].stage == stage)
			return true;
	return false;
}

/* A layer that only a cache elsewhere has is not fetched for this. */
static bool is_here(const struct build *b, const struct stage_run *r)
{
	size_t base = r->plan->stage->base_stage;
	for (size_t i = 0; i < r->next; i++)
		if (r->results[i].link && r->results[i].link->from)
			return false;
	return base == NO_STAGE || is_here(b, &b->runs[base]);
}

static int finish_stage(struct build *b, size_t stage, struct err *err)
{
	struct stage_plan *p = &b->plans[stage];
	struct build_result *r = b->result;
	/* after its last instruction the target's is the image itself */
	size_t n = p->n_step_configs - (p->n_step_configs && is_target(b, stage));
	for (size_t i = 0; i < n; i++) {
		struct built_image image = {0};
		if (finish_step(b, stage, &p->step_configs[i], &image, err) < 0)
			return err->code;
		r->steps = xreallocarray(r->steps, r->n_steps + 1, sizeof(*r->steps));
		r->steps[r->n_steps++] = image.manifest;
	}
	return 0;
}

int finish_steps(struct build *b, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && b->o->keep_steps && i < b->stages.n; i++)
		if (b->runs[i].plan && b->runs[i].state == STAGE_DONE && is_here(b, &b->runs[i]))
			rc = finish_stage(b, i, err);
	return rc;
}
