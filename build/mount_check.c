/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mount_check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/build_internal.h"
#include "build/csv.h"
#include "build/error_excerpt.h"
#include "build/error_list.h"

#include <string.h>
#include <strings.h>

static void reach(const struct build *b, bool *reached, size_t i);

/* A name with a variable is left to the evaluation. */
static void reach_named(const struct build *b, bool *reached, size_t self, const char *name)
{
	const struct stage *st = &b->stages.s[self];
	if (contexts_find(b, name) == NO_CONTEXT)
		reach(b, reached, stages_find(&b->stages, st->target, name, self));
}

static void reach_mounted(const struct build *b, bool *reached, size_t self, const char *mount)
{
	AUTO_STRV struct strv fields = STRV_INIT;
	struct err ignored = ERR_INIT;
	if (csv_fields(mount, &fields, &ignored) < 0)
		return;
	STRV_FOREACH (field, &fields)
		if (strncasecmp(*field, "from=", 5) == 0)
			reach_named(b, reached, self, *field + 5);
}

static void reach(const struct build *b, bool *reached, size_t i)
{
	if (i == NO_STAGE || reached[i])
		return;
	const struct stage *st = &b->stages.s[i];
	reached[i] = true;
	reach(b, reached, st->base_stage);
	for (size_t k = 0; k < st->n_insts; k++) {
		const struct inst *inst = st->insts[k].inst;
		const char *from = inst_flag(inst, "from", NULL);
		if (from)
			reach_named(b, reached, i, from);
		STRV_FOREACH (mount, &inst->mounts)
			reach_mounted(b, reached, i, *mount);
	}
}

struct place {
	struct error_list *errors;
	const struct containerfile *file;
	struct pos pos;
};

static void fault(void *arg, const char *field, const struct err *what)
{
	const struct place *p = arg;
	struct err err = ERR_INIT;
	(void)err_set(&err, what->code, "--mount: %s", what->msg);
	error_list_add(p->errors, p->file,
		field ? containerfile_find_field(p->file, p->pos, field) : p->pos, &err);
}

int mounts_check_text(const struct build *b, struct err *err)
{
	/* the stages of other platforms have the same text */
	const struct stage_target *t = &b->stages.targets[0];
	bool check_all = b->o->call == BUILD_CALL_CHECK && !(b->o->target && *b->o->target);
	size_t last = check_all ? t->end : t->stage + 1;
	/* those of named directories stand behind all others */
	AUTO_FREE bool *reached = xcalloc(b->stages.n, sizeof(*reached));
	AUTO_ERROR_LIST struct error_list errors = ERROR_LIST_INIT;
	reach(b, reached, t->stage);
	for (size_t i = t->first; i < last; i++) {
		const struct stage *st = &b->stages.s[i];
		for (size_t k = 0; (reached[i] || check_all || b->o->all_stages) && k < st->n_insts;
			k++) {
			struct place p = {&errors, st->insts[k].file, {0}};
			const struct inst *inst = st->insts[k].inst;
			for (size_t n = 0; n < inst->n_flags; n++) {
				p.pos = inst->flags[n].pos;
				if (inst->kind == INST_RUN && streq(inst->flags[n].name, "mount"))
					mount_faults(
						inst->flags[n].value, p.file->escape, fault, &p);
			}
		}
	}
	return error_list_result(&errors, err);
}
