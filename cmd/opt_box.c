/* SPDX-License-Identifier: Apache-2.0 */
/* What RUN steps and run share: limits, network, capabilities. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strv.h"
#include "cmd/box_words.h"
#include "cmd/opt_groups.h"
#include "run/caps.h"
#include "run/rlimits.h"

#define CPU_PERIOD_DEFAULT_US 100000 /* the kernel's, as are these: */
#define CPU_PERIOD_MAX_US 1000000
#define CPU_US_MIN 1000 /* of a period and of a quota */

const struct opt box_options[] = {
	OPT_SIZE('m', "memory", struct box_args, memory),
	OPT_STRING(0, "memory-swap", struct box_args, memory_swap),
	OPT_UINT(0, "cpu-period", struct box_args, cpu_period),
	OPT_INT(0, "cpu-quota", struct box_args, cpu_quota),
	OPT_UINT('c', "cpu-shares", struct box_args, cpu_shares),
	OPT_STRING(0, "cpus", struct box_args, cpus),
	OPT_STRING(0, "cpuset-cpus", struct box_args, cpuset_cpus),
	OPT_STRING(0, "cpuset-mems", struct box_args, cpuset_mems),
	OPT_INT(0, "pids-limit", struct box_args, pids_limit),
	OPT_STRV(0, "ulimit", struct box_args, ulimits),
	OPT_SIZE(0, "shm-size", struct box_args, shm_size),
	OPT_STRING(0, "network", struct box_args, network),
	OPT_ALIAS(0, "net", "network"),
	OPT_STRV(0, "add-host", struct box_args, add_hosts),
	OPT_STRV(0, "dns", struct box_args, dns),
	OPT_STRV(0, "dns-search", struct box_args, dns_search),
	OPT_STRV(0, "dns-option", struct box_args, dns_options),
	OPT_STRV(0, "cap-add", struct box_args, cap_add),
	OPT_STRV(0, "cap-drop", struct box_args, cap_drop),
	OPT_STRV(0, "security-opt", struct box_args, security_opts),
	OPT_STRV(0, "device", struct box_args, devices),
	OPT_STRV(0, "cdi-config-dir", struct box_args, cdi_dirs),
	OPT_STRV(0, "group-add", struct box_args, groups),
	OPT_STRING(0, "cgroup-parent", struct box_args, cgroup_parent),
	OPT_STRING(0, "cni-config-dir", struct box_args, cni_config_dir),
	OPT_STRING(0, "cni-plugin-path", struct box_args, cni_plugin_path),
	OPT_END,
};

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static int apply_cpus(const struct box_args *a, struct run_limits *l, struct err *err)
{
	uint64_t milli = 0;

	if (a->cpu_quota < -1)
		return err_set(err, ERR_INVALID, "option '--cpu-quota': %lld is negative",
			(long long)a->cpu_quota);
	if (a->cpu_period && (a->cpu_period < CPU_US_MIN || a->cpu_period > CPU_PERIOD_MAX_US))
		return err_set(err, ERR_INVALID,
			"option '--cpu-period': %llu is not from %d to %d, in microseconds",
			(unsigned long long)a->cpu_period, CPU_US_MIN, CPU_PERIOD_MAX_US);
	if (a->cpu_quota > 0 && a->cpu_quota < CPU_US_MIN)
		return err_set(err, ERR_INVALID,
			"option '--cpu-quota': %lld is less than %d, in microseconds",
			(long long)a->cpu_quota, CPU_US_MIN);
	l->cpu_period_us = a->cpu_period;
	l->cpu_quota_us = a->cpu_quota > 0 ? (uint64_t)a->cpu_quota : 0;
	l->cpu_shares = a->cpu_shares;
	if (!a->cpus)
		return 0;
	if (l->cpu_period_us || l->cpu_quota_us)
		return err_set(err, ERR_INVALID,
			"option '--cpus' cannot be combined with '--cpu-period' or '--cpu-quota'");
	if (!num_milli(a->cpus, &milli) || milli > UINT32_MAX)
		return err_set(err, ERR_INVALID,
			"option '--cpus': '%s' is not a number of processors", a->cpus);
	l->cpu_period_us = CPU_PERIOD_DEFAULT_US;
	l->cpu_quota_us = milli * CPU_PERIOD_DEFAULT_US / 1000;
	return 0;
}

static int apply_limits(const struct box_args *a, struct run_limits *l, struct err *err)
{
	l->memory = a->memory;
	if (a->memory_swap && streq(a->memory_swap, "-1"))
		l->memory_swap = a->memory ? UINT64_MAX : 0; /* without either nothing is limited */
	else if (a->memory_swap && !num_size(a->memory_swap, &l->memory_swap))
		return err_set(err, ERR_INVALID,
			"option '--memory-swap': '%s' is not a size, such as '64m'",
			a->memory_swap);
	if (l->memory_swap && l->memory_swap < l->memory)
		return err_set(err, ERR_INVALID,
			"option '--memory-swap' is memory and swap together: it cannot be less "
			"than '--memory'");
	if (a->pids_limit > 0)
		l->pids = (uint64_t)a->pids_limit; /* 0 and -1: no limit, as docker */
	l->cpuset_cpus = dup_or_null(a->cpuset_cpus);
	l->cpuset_mems = dup_or_null(a->cpuset_mems);
	return apply_cpus(a, l, err);
}

static int apply_ulimits(const struct strv *texts, struct run_spec *spec, struct err *err)
{
	if (!texts->n)
		return 0;
	spec->rlimits = xcalloc(texts->n, sizeof(*spec->rlimits));
	STRV_FOREACH (u, texts) {
		if (streq(*u, "host")) { /* the others are what steps get anyway */
			rlimit_core_of_host(&spec->rlimits[spec->n_rlimits++]);
			continue;
		}
		int r = rlimit_parse(*u, &spec->rlimits[spec->n_rlimits], err);
		if (r < 0)
			return err_wrap(err, "option '--ulimit'");
		spec->n_rlimits++;
	}
	int r = rlimits_check(spec->rlimits, spec->n_rlimits, err);
	return r < 0 ? err_wrap(err, "option '--ulimit'") : 0;
}

/* "A,B" is two. */
static void split_commas(struct strv *ret, const struct strv *words)
{
	STRV_FOREACH (word, words)
		strv_split(ret, *word, ',');
}

/* Steps resolve them again; a typo is found before the first. */
static int set_caps(const struct box_args *a, struct run_spec *spec, struct err *err)
{
	const struct strv none = STRV_INIT;
	uint64_t set;

	strv_done(&spec->cap_add);
	strv_done(&spec->cap_drop);
	split_commas(&spec->cap_add, &a->cap_add);
	split_commas(&spec->cap_drop, &a->cap_drop);
	if (caps_resolve(&spec->cap_add, &none, &set, err) < 0)
		return err_wrap(err, "option '--cap-add'");
	if (caps_resolve(&none, &spec->cap_drop, &set, err) < 0)
		return err_wrap(err, "option '--cap-drop'");
	return 0;
}

static int apply_groups(const struct strv *names, struct run_spec *spec, struct err *err)
{
	STRV_FOREACH (name, names) {
		if (streq(*name, "keep-groups"))
			return err_set(err, ERR_UNSUPPORTED,
				"option '--group-add': 'keep-groups' is not supported: a step has "
				"no groups of this machine");
		if (!**name)
			return err_set(err, ERR_INVALID,
				"option '--group-add': '' is not a group: give its name or number");
		strv_add(&spec->groups, *name);
	}
	return 0;
}

int box_args_apply(const struct box_args *a, struct run_spec *spec, struct err *err)
{
	int r = apply_limits(a, &spec->limits, err);

	if (r == 0)
		r = box_apply_network(a, spec, err);
	if (r == 0)
		r = apply_ulimits(&a->ulimits, spec, err);
	if (r == 0)
		r = security_options_apply(&a->security_opts, spec, err);
	if (r == 0)
		r = set_caps(a, spec, err);
	if (r == 0)
		r = apply_groups(&a->groups, spec, err);
	if (r == 0)
		r = box_apply_devices(a, spec, err);
	if (r < 0)
		return r;
	if (a->cgroup_parent && *a->cgroup_parent)
		spec->limits.parent = xstrdup(a->cgroup_parent);
	if (a->sysctls)
		strv_copy(&spec->sysctls, a->sysctls);
	spec->shm_size = a->shm_size;
	return 0;
}
