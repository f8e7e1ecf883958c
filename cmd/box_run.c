/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/box_run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "cmd/env_words.h"
#include "cmd/full_disk.h"
#include "cmd/relay.h"
#include "cmd/space.h"
#include "cmd/text.h"
#include "layers/snapshot.h"
#include "run/network.h"
#include "run/sandbox.h"
#include "store/store.h"

#define EXIT_NOT_EXECUTABLE 126 /* as a shell has it, and docker */
#define EXIT_NOT_FOUND 127
#define EXIT_RUNTIME 1 /* what buildah makes of both: its runtime failed */

int box_set_env(const struct strv *words, bool tty, struct map *env, struct err *err)
{
	if (!map_has(env, "PATH"))
		map_set(env, "PATH", DEFAULT_PATH);
	if (tty)
		map_set(env, "TERM", getenv("TERM") ? getenv("TERM") : "xterm");
	return env_words_set(words, env, err);
}

void box_close(struct run_spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (spec->mounts[i].source >= 0)
			(void)close(spec->mounts[i].source);
	run_spec_done(spec);
}

/* --- running --- */

struct start {
	struct txn *txn;
	sigset_t before; /* the signals that were blocked */
};

static int note_cgroup(void *arg, const char *path, struct err *err)
{
	const struct start *s = arg;
	return txn_note_cgroup(s->txn, path, err);
}

static void hold_signals(void *arg)
{
	struct start *s = arg;
	attach_hold(&s->before);
}

/* The reason why the workload could not be started, as an exit status; else the error stays one. */
static int start_failed(struct app *app, int r, struct err *err)
{
	int status = 0;

	if (r == ERR_NOT_FOUND)
		status = EXIT_NOT_FOUND;
	else if (r == ERR_DENIED)
		status = EXIT_NOT_EXECUTABLE;
	if (!status)
		return r;
	out_error(&app->out, err);
	return called_buildah() ? EXIT_RUNTIME : status;
}

/* Until the command has ended. *ret_others: go on in its root */
static int accompany(struct sandbox *sandbox, int master, const struct run_spec *spec,
	const struct box_share *share, const sigset_t *before, bool *ret_others, struct err *err)
{
	int offer = -1;

	if (share)
		share->begun(share->arg, &offer);
	int r = attach(sandbox, master, spec->in >= 0, offer, before, err);
	if (r < 0)
		sandbox_kill(sandbox);
	*ret_others = share && share->ended(share->arg, offer);
	if (share)
		sandbox_share_root(sandbox, *ret_others, share->notes);
	return r;
}

int box_run(struct app *app, struct txn *txn, struct run_spec *spec, const struct box_share *share,
	struct sandbox_result *ret_result, struct err *err)
{
	struct start start = {.txn = txn};
	const struct sandbox_hooks hooks = {
		.note_cgroup = note_cgroup, .root_ready = hold_signals, .arg = &start};
	struct network *net = NULL;
	struct sandbox *sandbox = NULL;
	struct sandbox_result result = {0};
	struct relay relays[RELAYS];
	AUTO_FD int master = -1;
	bool others;

	if (ret_result)
		*ret_result = result;
	space_warn(app, spec);
	int r = sandbox_check_limits(&spec->limits, err);
	if (r == 0 && spec->network == RUN_NETWORK_PRIVATE && !spec->chroot)
		r = network_start(spec, &net, err);
	if (r < 0)
		return r;
	(void)sigprocmask(SIG_BLOCK, NULL, &start.before);
	r = relays_start(spec, relays, err);
	if (r == 0)
		r = sandbox_start(spec, net, &hooks, &sandbox, spec->tty ? &master : NULL, err);
	relays_hand_over(relays);
	app->begun |= r == 0;
	if (r < 0) {
		struct err ignored = ERR_INIT;
		(void)!relays_end(relays, &ignored);
		network_stop(net);
		proc_release(&start.before);
		return start_failed(app, r, err);
	}
	r = accompany(sandbox, master, spec, share, &start.before, &others, err);
	struct err wait_err = ERR_INIT;
	int waited = sandbox_wait(sandbox, &result, r < 0 ? &wait_err : err);
	network_stop(net);
	if (result.left_running)
		txn_left_running(txn);
	else if (!others)
		snapshot_end();
	int relayed = relays_end(relays, r < 0 || waited < 0 ? &wait_err : err);
	if (r < 0 || waited < 0)
		return r < 0 ? r : waited;
	if (relayed < 0)
		return relayed;
	if (ret_result)
		*ret_result = result;
	if (result.oom_killed) {
		char limit[TEXT_NUM_MAX], peak[TEXT_NUM_MAX];
		out_warn(&app->out,
			"the memory limit of %s was reached (peak %s): a process was killed",
			num_human_size(result.memory_limit, limit, sizeof(limit)),
			num_human_size(result.memory_peak, peak, sizeof(peak)));
	}
	if (result.pids_limit_hit)
		out_warn(&app->out, "the limit of processes was reached");
	if (result.status)
		full_disk_warn(app, txn_fd(txn));
	return result.status;
}
