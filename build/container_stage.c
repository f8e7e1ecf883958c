/* SPDX-License-Identifier: Apache-2.0 */
#include "build/container_stage.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/container_tree.h"
#include "layers/fold.h"
#include "layers/settle.h"
#include "store/ballast.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

int container_stage_begin(struct txn *t, const struct container_tree *tree,
	struct container_stage *ret, struct err *err)
{
	AUTO_CONTAINER_STAGE struct container_stage stage = CONTAINER_STAGE_INIT;
	AUTO_FREE char *upper_name = NULL;
	AUTO_FREE char *work_name = NULL;

	if (tree->merged >= 0 || tree->beside) {
		stage.snap = tree->snap;
	} else {
		if (txn_mkdir(t, "upper", &upper_name, &stage.upper, err) < 0 ||
			txn_mkdir(t, "work", &work_name, &stage.work, err) < 0 ||
			fold_begin(tree->upper, stage.upper, err) < 0)
			return err->code;
		stage.lowers = xcalloc(tree->n_lowers + 1, sizeof(*stage.lowers));
		stage.lowers[0] = tree->upper;
		if (tree->n_lowers)
			memcpy(stage.lowers + 1, tree->lowers,
				tree->n_lowers * sizeof(*stage.lowers));
		stage.snap = (struct snapshot){.lower = stage.lowers,
			.n_lower = tree->n_lowers + 1,
			.upper = stage.upper,
			.work = stage.work};
	}
	*ret = stage;
	stage = (struct container_stage)CONTAINER_STAGE_INIT;
	return 0;
}

int container_stage_end(struct store *s, const struct container_stage *stage,
	const struct container_tree *tree, struct err *err)
{
	if (stage->upper < 0)
		return 0;
	int r = snapshot_settle(&stage->snap, tree->begun, err);
	if (r == 0)
		r = fold_end(stage->upper, tree->upper, tree->lowers, tree->n_lowers, err);
	/* a directory that has to grow by a block for a name that moves */
	if (r < 0 && ballast_drop(s, err->sys))
		r = fold_end(stage->upper, tree->upper, tree->lowers, tree->n_lowers, err);
	return r < 0 ? r : container_tree_settle(tree, err);
}

void container_stage_done(struct container_stage *stage)
{
	free(stage->lowers);
	mem_close_p(&stage->upper);
	mem_close_p(&stage->work);
}
