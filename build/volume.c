/* SPDX-License-Identifier: Apache-2.0 */
#include "build/volume.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "layers/snapshot.h"
#include "run/spec.h"
#include "store/store.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

size_t volumes_count(const struct build *b)
{
	return b->o->box.n_mounts + b->o->n_overlays;
}

int volume_overlay(
	struct txn *t, const struct run_mount *m, int upper, int work, int *ret_fd, struct err *err)
{
	AUTO_FREE char *upper_name = NULL, *work_name = NULL;
	AUTO_FD int own_upper = -1, own_work = -1;
	struct stat st;
	if (upper < 0 && txn_mkdir(t, "upper", &upper_name, &own_upper, err) < 0)
		return err->code;
	if (work < 0 && txn_mkdir(t, "work", &work_name, &own_work, err) < 0)
		return err->code;
	/* the merged root shows the upper's attributes */
	if (own_upper >= 0 &&
		(fstat(m->source, &st) < 0 || fchown(own_upper, st.st_uid, st.st_gid) < 0 ||
			fchmod(own_upper, st.st_mode & 07777) < 0))
		return err_sys(err, "cannot prepare volume '%s'", m->target);
	const struct snapshot snap = {.lower = &m->source,
		.n_lower = 1,
		.upper = upper < 0 ? own_upper : upper,
		.work = work < 0 ? own_work : work,
		.foreign = true,
		.keep = upper >= 0};
	return snapshot_mount(&snap, ret_fd, err) < 0 ? err_wrap(err, "volume '%s'", m->target) : 0;
}

int volumes_open(struct build *b, struct run_mount *runs, struct volumes *ret, struct err *err)
{
	const struct build_opts *o = b->o;
	struct volumes v = {.overlays = xcalloc(o->n_overlays + 1, sizeof(*v.overlays))};
	for (size_t i = 0; i < o->box.n_mounts; i++)
		*runs++ = o->box.mounts[i];
	for (; v.n < o->n_overlays; v.n++) {
		if (volume_overlay(b->txn, &o->overlays[v.n], -1, -1, &v.overlays[v.n], err) < 0) {
			volumes_close(&v);
			return err->code;
		}
		*runs = o->overlays[v.n];
		runs->source = v.overlays[v.n];
		runs->below = "/";
		runs++;
	}
	*ret = v;
	return 0;
}

void volumes_close(struct volumes *v)
{
	for (size_t i = 0; i < v->n; i++)
		close(v->overlays[i]);
	free(v->overlays);
	*v = (struct volumes){0};
}
