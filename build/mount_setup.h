/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounts of a RUN, made ready for the sandbox: sources opened and pinned, directories of cache
 * mounts made and locked, sockets of agents forwarded.
 *
 *	mount_setup_new()     opens what can be opened at once
 *	mount_setup_job()     in a job, when mount_setup_waits(): copies, and waits for locks
 *	mount_setup_finish()  fills in the run_mounts
 *	mount_setup_free()    after the step: unlocks, ends forwarding
 */
#pragma once
#include "base/digest.h"
#include "run/spec.h"
#include <stdbool.h>

struct buf;
struct build;
struct err;
struct mount_setup;
struct step;
struct step_watch;

/* False while a stage that it mounts from is not done. */
bool mounts_ready(const struct build *b, const struct step *s);
/* Whether files of the context, of stages or of images are among its inputs. */
bool mounts_have_inputs(const struct step *s);
/* Is a stage of this build among them? */
bool mounts_have_stages(const struct step *s);

/* How the tree of a stage counts. */
enum stage_tree {
	TREE_IN_BUILD, /* by its key in this build: chain.h */
	TREE_CONTENT, /* by what it is made of: known when it is committed */
	TREE_TOLD, /* by its steps, whether they ran or not: stage_run.h */
};

/* A digest over them: contents of the context and of images, and `tree` of stages. */
int mounts_digest(struct build *b, const struct step *s, enum stage_tree tree, struct digest *ret,
	bool *ret_known, struct err *err) __attribute__((warn_unused_result));

/* Is what the mounts show of the context no longer what the key says? The command sees the files
 * themselves, and takes its time. inputs: of the key. */
bool mounts_changed(struct build *b, const struct step *s, const struct digest *inputs);

/* Notes what the mounts show of the context, for the explanation of a later build. */
void mounts_keep_lists(struct build *b, const struct step *s);

/* fresh: the cache is not used, so cache mounts with a mode or an owner start empty, as BuildKit's
 * do. */
int mount_setup_new(struct build *b, const struct step *s, bool fresh, struct mount_setup **ret,
	struct err *err) __attribute__((warn_unused_result));
bool mount_setup_waits(const struct mount_setup *m);
/* A job_fn; arg: the mount_setup. */
int mount_setup_job(void *arg, struct buf *out, struct err *err)
	__attribute__((warn_unused_result));
/* Adds variables to env, and sets spec->mounts; they are borrowed from m. */
int mount_setup_finish(struct mount_setup *m, struct map *env, struct run_spec *spec,
	struct err *err) __attribute__((warn_unused_result));
/* What the step writes to its mounts counts as what it writes to its root; caches have limits of
 * their own. */
void mount_setup_watch(const struct mount_setup *m, struct step_watch *w);
void mount_setup_free(struct mount_setup *m);
