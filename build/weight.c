/* SPDX-License-Identifier: Apache-2.0 */
#include "build/weight.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/evaluate.h"
#include "image/manifest.h"

#include <string.h>

#define KEPT_MAX (256 * MIB) /* by all steps and stages; large builds take some 10 MiB */
#define ITEM 32 /* a port, or what a name takes beside its text */

static size_t map_weight(const struct map *m)
{
	size_t n = 0;
	MAP_FOREACH (e, m)
		n += strlen(e->key) + (e->value ? strlen(e->value) : 0) + ITEM;
	return n;
}

static int check_map(const struct map *m, struct err *err)
{
	if (m->n > WEIGHT_NAMES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d names are set", WEIGHT_NAMES_MAX);
	if (map_weight(m) > CONFIG_MAX)
		return err_set(err, ERR_LIMIT,
			"what is set is larger than %llu bytes, the config of an image",
			CONFIG_MAX);
	return 0;
}

static int keep(struct eval *e, size_t n, struct err *err)
{
	e->b->kept += n;
	if (e->b->kept <= KEPT_MAX)
		return 0;
	return eval_error(e, e->at.inst->pos, err, ERR_LIMIT,
		"the variables, labels, ports and words of all steps take more than %llu bytes: "
		"each step has its own copy of what is set for it (%zu variables and arguments "
		"here); set fewer, or several in one instruction",
		KEPT_MAX, e->p->env.n);
}

int eval_weigh_word(struct eval *e, const char *word, struct err *err)
{
	e->expanded += strlen(word);
	if (e->expanded <= WEIGHT_EXPANDED_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, "the instruction expands to more than %llu bytes",
		WEIGHT_EXPANDED_MAX);
}

int eval_weigh(struct eval *e, struct err *err)
{
	const struct stage_plan *p = e->p;
	const struct map *const maps[] = {&p->env, &p->config.env, &p->config.labels};
	size_t n = p->config.exposed_ports.n * ITEM + e->expanded;
	struct err why = ERR_INIT;
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		if (check_map(maps[i], &why) < 0)
			return eval_error(e, e->at.inst->pos, err, why.code, "%s", why.msg);
		n += map_weight(maps[i]);
	}
	if (p->lint.args.n > WEIGHT_NAMES_MAX)
		return eval_error(e, e->at.inst->pos, err, ERR_LIMIT,
			"more than %d ARGs in a stage", WEIGHT_NAMES_MAX);
	return keep(e, n, err);
}

int eval_weigh_base(struct eval *e, struct err *err)
{
	const struct image_config *c = &e->p->config;
	size_t n = 0;
	for (size_t i = 0; i < c->n_history; i++)
		n += ITEM + (c->history[i].created_by ? strlen(c->history[i].created_by) : 0);
	return keep(e, n, err) < 0 ? err->code : eval_weigh(e, err);
}
