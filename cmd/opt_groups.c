/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/opt_groups.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "image/platform.h"
#include "registry/transport.h"
#include "run/caps.h"
#include "run/rlimits.h"

#define RETRIES_DEFAULT 3 /* buildah's */
#define CPU_PERIOD_DEFAULT_US 100000 /* the kernel's */

/* --- registries ------------------------------------------------------------------------------ */

const struct opt remote_options[] = {
	OPT_STRING(0, "authfile", struct remote_args, authfile),
	OPT_STRING(0, "creds", struct remote_args, creds),
	OPT_STRING(0, "cert-dir", struct remote_args, cert_dir),
	OPT_TRISTATE(0, "tls-verify", struct remote_args, tls_verify),
	OPT_UINT(0, "retry", struct remote_args, retry),
	OPT_IGNORED(0, "retry-delay"),
	OPT_END,
};

void remote_args_init(struct remote_args *a)
{
	a->tls_verify = -1;
	a->retry = RETRIES_DEFAULT;
}

void remote_args_apply(const struct app *app, const struct remote_args *a, struct remote_opts *ret)
{
	*ret = (struct remote_opts){
		.authfile = a->authfile,
		.creds = a->creds,
		.cert_dir = a->cert_dir,
		.tls_verify = a->tls_verify,
		.registries_conf = app->registries_conf,
		.retries = a->retry > 100 ? 100 : (unsigned)a->retry,
	};
}

/* --- platforms ------------------------------------------------------------------------------- */

const struct opt platform_options[] = {
	OPT_STRV(0, "platform", struct platform_args, platform),
	OPT_STRING(0, "os", struct platform_args, os),
	OPT_STRING(0, "arch", struct platform_args, arch),
	OPT_STRING(0, "variant", struct platform_args, variant),
	OPT_END,
};

static int override(char *field, size_t size, const char *name, const char *value, struct err *err)
{
	if (!value)
		return 0;
	size_t n = strlen(value);
	if (!n || n >= size)
		return err_set(err, ERR_INVALID, "option '--%s': '%s' is not a name", name, value);
	memcpy(field, value, n + 1);
	return 0;
}

int platform_args_get(
	const struct platform_args *a, struct platform *ret, bool *ret_given, struct err *err)
{
	struct platform p;
	int r = 0;

	platform_host(&p);
	if (a->platform.n > 1 || (a->platform.n && strchr(a->platform.v[0], ',')))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--platform': one platform at a time is supported here");
	if (a->platform.n)
		r = platform_parse(a->platform.v[0], &p, err);
	if (r < 0)
		return err_wrap(err, "option '--platform'");
	if (a->arch)
		p.variant[0] = '\0'; /* the host's would not fit */
	r = override(p.os, sizeof(p.os), "os", a->os, err);
	if (r == 0)
		r = override(p.arch, sizeof(p.arch), "arch", a->arch, err);
	if (r == 0)
		r = override(p.variant, sizeof(p.variant), "variant", a->variant, err);
	if (r < 0)
		return r;
	platform_normalise(&p);
	*ret = p;
	*ret_given = a->platform.n || a->os || a->arch || a->variant;
	return 0;
}

int platform_args_list(const struct platform_args *a, struct platform_list *ret, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	STRV_FOREACH (w, &a->platform)
		strv_split(&words, *w, ',');
	if (words.n < 2) {
		struct platform p;
		bool given;
		int r = platform_args_get(a, &p, &given, err);
		if (r == 0 && given)
			platform_list_add(ret, &p);
		return r;
	}
	if (a->os || a->arch || a->variant)
		return err_set(err, ERR_INVALID,
			"'--os', '--arch' and '--variant' say one platform: they cannot be "
			"combined "
			"with several of '--platform'");
	STRV_FOREACH (w, &words) {
		struct platform p;
		if (platform_parse(*w, &p, err) < 0)
			return err_wrap(err, "option '--platform'");
		platform_list_add(ret, &p);
	}
	return 0;
}

/* --- the sandbox ----------------------------------------------------------------------------- */

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
		l->memory_swap = UINT64_MAX;
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

static int apply_network(const char *text, enum run_network *ret, struct err *err)
{
	static const struct {
		const char *name;
		enum run_network network;
	} known[] = {
		{"private", RUN_NETWORK_PRIVATE},
		{"default", RUN_NETWORK_PRIVATE},
		{"bridge", RUN_NETWORK_PRIVATE},
		{"pasta", RUN_NETWORK_PRIVATE},
		{"slirp4netns", RUN_NETWORK_PRIVATE},
		{"host", RUN_NETWORK_HOST},
		{"none", RUN_NETWORK_NONE},
	};

	for (size_t i = 0; text && i < ARRAY_LEN(known); i++) {
		if (streq(text, known[i].name)) {
			*ret = known[i].network;
			return 0;
		}
	}
	if (!text)
		return 0;
	return err_set(err, str_has_prefix(text, "ns:") ? ERR_UNSUPPORTED : ERR_INVALID,
		"option '--network': '%s' is not one of 'private', 'host', 'none'", text);
}

static int apply_security(const struct box_args *a, struct run_spec *spec, struct err *err)
{
	STRV_FOREACH (o, &a->security_opts) {
		if (str_has_prefix(*o, "seccomp=")) {
			free(spec->seccomp_profile);
			spec->seccomp_profile = xstrdup(*o + strlen("seccomp="));
		} else if (streq(*o, "no-new-privileges") || streq(*o, "no-new-privileges:true")) {
			spec->no_new_privs = true;
		} else if (!str_has_prefix(*o, "label=") && !streq(*o, "apparmor=unconfined")) {
			/* labels: nothing is labelled here, so each of them is what happens already
			 */
			return err_set(err, ERR_UNSUPPORTED,
				"option '--security-opt': '%s' is not supported, known are "
				"'seccomp=FILE', "
				"'seccomp=unconfined', 'no-new-privileges'",
				*o);
		}
	}
	return 0;
}

static bool is_address(const char *s)
{
	struct in6_addr any; /* room for both families */
	return inet_pton(AF_INET, s, &any) == 1 || inet_pton(AF_INET6, s, &any) == 1;
}

static int apply_hosts(const struct strv *hosts, struct strv *ret, struct err *err)
{
	STRV_FOREACH (h, hosts) {
		/* docker also takes NAME=ADDRESS, podman several names */
		size_t n = strcspn(*h, ":=");
		if (!n || !(*h)[n] || !(*h)[n + 1])
			return err_set(err, ERR_INVALID,
				"option '--add-host': '%s' is not NAME:ADDRESS", *h);
		if (streq(*h + n + 1, "host-gateway"))
			return err_set(err, ERR_UNSUPPORTED,
				"option '--add-host': 'host-gateway' is not supported; give the "
				"address");
		if (!is_address(*h + n + 1))
			return err_set(err, ERR_INVALID,
				"option '--add-host': '%s' is no IP address", *h + n + 1);
		AUTO_FREE char *list = xstrndup(*h, n);
		AUTO_STRV struct strv names = STRV_INIT;
		strv_split(&names, list, ';');
		STRV_FOREACH (name, &names) {
			if (!**name)
				return err_set(err, ERR_INVALID,
					"option '--add-host': '%s' has an empty name", *h);
			strv_addf(ret, "%s:%s", *name, *h + n + 1);
		}
	}
	return 0;
}

static int apply_ulimits(const struct strv *texts, struct run_spec *spec, struct err *err)
{
	if (!texts->n)
		return 0;
	spec->rlimits = xcalloc(texts->n, sizeof(*spec->rlimits));
	STRV_FOREACH (u, texts) {
		if (streq(*u, "host"))
			continue; /* those of this machine are what steps get anyway */
		int r = rlimit_parse(*u, &spec->rlimits[spec->n_rlimits], err);
		if (r < 0)
			return err_wrap(err, "option '--ulimit'");
		spec->n_rlimits++;
	}
	return 0;
}

static int check_dns(const struct strv *servers, struct err *err)
{
	STRV_FOREACH (s, servers)
		if (!is_address(*s))
			return err_set(
				err, ERR_INVALID, "option '--dns': '%s' is no IP address", *s);
	return 0;
}

/* Steps resolve them again; a typo is found before the first. */
static int check_caps(const struct box_args *a, struct err *err)
{
	const struct strv none = STRV_INIT;
	uint64_t set;

	if (caps_resolve(&a->cap_add, &none, &set, err) < 0)
		return err_wrap(err, "option '--cap-add'");
	if (caps_resolve(&none, &a->cap_drop, &set, err) < 0)
		return err_wrap(err, "option '--cap-drop'");
	return 0;
}

int box_args_apply(const struct box_args *a, struct run_spec *spec, struct err *err)
{
	int r = apply_limits(a, &spec->limits, err);

	if (r == 0)
		r = apply_network(a->network, &spec->network, err);
	if (r == 0)
		r = apply_hosts(&a->add_hosts, &spec->add_hosts, err);
	if (r == 0)
		r = apply_ulimits(&a->ulimits, spec, err);
	if (r == 0)
		r = apply_security(a, spec, err);
	if (r == 0)
		r = check_dns(&a->dns, err);
	if (r == 0)
		r = check_caps(a, err);
	if (r < 0)
		return r;
	strv_copy(&spec->dns, &a->dns);
	strv_copy(&spec->dns_search, &a->dns_search);
	strv_copy(&spec->dns_options, &a->dns_options);
	strv_copy(&spec->cap_add, &a->cap_add);
	strv_copy(&spec->cap_drop, &a->cap_drop);
	spec->shm_size = a->shm_size;
	return 0;
}
