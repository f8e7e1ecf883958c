/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/abilities.h"

#include <linux/landlock.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cmd/space.h"
#include "layers/snapshot.h"
#include "run/mode.h"
#include "run/sandbox.h"
#include "run/seccomp.h"
#include "store/store.h"

static void set_reason(struct json *o, const char *reason)
{
	if (*reason)
		json_set_string(o, "Reason", reason);
}

static void miss(struct json *missing, const char *line)
{
	json_add(missing, json_new_string(line));
}

static struct json *mode_json(struct json *missing)
{
	struct json *o = json_new_object();

	json_set_string(o, "Name", mode_name());
	set_reason(o, mode_reason());
	if (*mode_reason())
		miss(missing, mode_reason());
	return o;
}

/* What steps are in, unless an option says otherwise. */
static struct json *isolation_json(struct json *missing, bool *ret_chroot)
{
	struct json *o = json_new_object();
	struct err err = ERR_INIT;
	const char *from;

	*ret_chroot = false;
	if (space_isolation(NULL, ret_chroot, &from, &err) < 0) {
		json_set_string(o, "Name", "none");
		set_reason(o, err.msg);
		miss(missing, err.msg);
		return o;
	}
	json_set_string(o, "Name", *ret_chroot ? "chroot" : "oci");
	if (from)
		set_reason(o, from);
	else if (*ret_chroot)
		set_reason(o, mode_reason());
	if (mode_is() != MODE_CHROOT && !sandbox_has_own_proc())
		miss(missing,
			"a /proc of their own: parts of the one around us are hidden, as in most "
			"containers, so steps see that one, and its processes, read-only; have "
			"all of it shown (procMount: Unmasked)");
	if (*ret_chroot && mode_is() == MODE_CHROOT)
		miss(missing,
			"namespaces: with isolation 'chroot' steps share processes, network, host "
			"name and System V IPC with what is around them, and have no /proc");
	return o;
}

/* The way that a build would take: by taking it. */
static int try_snapshot(struct store *store, struct err *err)
{
	AUTO_TXN struct txn *t = NULL;
	char *names[4] = {0};
	int fds[4] = {-1, -1, -1, -1}, mnt = -1;

	int r = txn_begin(store, &t, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(fds); i++)
		r = txn_mkdir(t, "probe", &names[i], &fds[i], err);
	const struct snapshot s = {.lower = fds, .n_lower = 2, .upper = fds[2], .work = fds[3]};
	if (r == 0)
		r = snapshot_mount(&s, &mnt, err);
	mem_close_p(&mnt);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		mem_close_p(&fds[i]);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		free(names[i]);
	return r;
}

static struct json *snapshots_json(struct store *s, struct json *missing)
{
	struct json *o = json_new_object();
	struct err err = ERR_INIT;

	bool works = try_snapshot(s, &err) == 0;
	json_set_string(o, "Driver", works ? snapshot_driver() : "none");
	if (works)
		json_set_string(o, "Method", snapshot_method());
	set_reason(o, works ? snapshot_reason() : err.msg);
	if (!works || !streq(snapshot_driver(), "copy") || snapshot_is_said() ||
		mode_is() == MODE_CHROOT)
		return o;
	if (snapshot_is_stacked())
		miss(missing, "overlayfs: layers are copied for each step, since the store is on "
			      "overlayfs itself; put it on a volume (--root, MICA_ROOT)");
	else
		miss(missing,
			"overlayfs and fuse-overlayfs: layers are copied for each step; install "
			"fuse-overlayfs, and let /dev/fuse be opened");
	return o;
}

static struct json *network_json(struct json *missing, bool chroot)
{
	static const char *const programs[] = {"pasta", "slirp4netns"};
	struct json *o = json_new_object();
	AUTO_FREE char *path = NULL;

	for (size_t i = 0; i < ARRAY_LEN(programs) && !path; i++)
		path = proc_find(programs[i]);
	json_set_string(o, "Helper", path ? path : "none");
	if (chroot) {
		set_reason(o, "steps have the network of what is around them");
	} else if (!path) {
		set_reason(o, "neither pasta nor slirp4netns is installed");
		miss(missing, "a private network: install passt (or slirp4netns)");
	} else if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		set_reason(o, "/dev/net/tun cannot be opened");
		miss(missing,
			"a private network: load the module tun, and let /dev/net/tun be opened");
	}
	return o;
}

/* Those of cgroups would act if they can be set, so they are. */
static bool try_limit(const struct run_limits *l, const char *name, bool chroot, struct err *err)
{
	if (streq(name, "shm-size") && chroot && mode_is() == MODE_CHROOT)
		return err_set(err, ERR_UNSUPPORTED,
			       "--shm-size: isolation 'chroot' has no mounts") == 0;
	return sandbox_check_limits(l, err) == 0;
}

/* Which limits would act, and why others would not. */
static struct json *limits_json(struct json *missing, bool chroot)
{
	char cpus[] = "0";
	const struct {
		const char *name;
		struct run_limits limits;
	} tries[] = {
		{"memory", {.memory = 64 * MIB}},
		{"memory-swap", {.memory = 64 * MIB, .memory_swap = 128 * MIB}},
		{"cpu", {.cpu_quota_us = 50000, .cpu_period_us = 100000}},
		{"cpu-shares", {.cpu_shares = 512}},
		{"cpuset", {.cpuset_cpus = cpus}},
		{"pids", {.pids = 100}},
		{"shm-size", {0}},
		/* these take nothing but what every process may do */
		{"ulimit", {0}},
		{"disk", {0}},
		{"timeouts", {0}},
	};
	struct json *o = json_new_object(), *reasons = json_new_object();

	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		struct err err = ERR_INIT;
		bool works = try_limit(&tries[i].limits, tries[i].name, chroot, &err);
		json_set(o, tries[i].name, json_new_bool(works));
		if (works)
			continue;
		AUTO_FREE char *line = xasprintf("limits: %s: %s", tries[i].name, err.msg);
		json_set_string(reasons, tries[i].name, err.msg);
		if (!json_text(json_get(o, "Reason")))
			set_reason(o, line);
		miss(missing, line);
	}
	json_set(o, "Reasons", reasons);
	return o;
}

static int64_t landlock_version(void)
{
	long version = syscall(
		SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
	return version < 0 ? 0 : version;
}

struct json *abilities_json(struct store *s)
{
	struct json *o = json_new_object(), *missing = json_new_array();

	bool chroot;

	sandbox_probe(false); /* which the mode may be for */
	json_set(o, "Mode", mode_json(missing));
	json_set(o, "Isolation", isolation_json(missing, &chroot));
	json_set(o, "Snapshots", snapshots_json(s, missing));
	json_set(o, "Network", network_json(missing, chroot));
	json_set(o, "Limits", limits_json(missing, chroot));
	json_set_string(o, "Seccomp", seccomp_source());
	json_set_int(o, "Landlock", landlock_version());
	json_set(o, "Missing", missing);
	return o;
}
