/* SPDX-License-Identifier: Apache-2.0 */
/* Options that several commands share, as tables to be included with OPT_GROUP. */
#pragma once
#include "cmd/opt.h"
#include "run/spec.h"
#include <stdbool.h>
#include <stdint.h>

struct app;
struct platform;
struct err;
struct pull_opts;
struct remote_opts;

#define OPT_NOT_SAID UINT64_MAX /* of a number without a default of its own */

/* --layer-ratio as remote_opts has it. */
uint64_t layer_ratio_of(uint64_t said);

/* --authfile --creds --cert-dir --tls-verify --retry --retry-delay --stall-timeout */
struct remote_args {
	const char *authfile;
	const char *creds;
	const char *cert_dir;
	int tls_verify;
	const char *retry_delay, *stall_timeout;
	/* of commands that pull, in their own tables */
	const char *signature_policy, *blob_cache;
	struct strv decryption_keys;
	uint64_t retry, layer_ratio;
	bool env_unchecked; /* as buildah: a file that $REGISTRY_AUTH_FILE names need not be there */
};
extern const struct opt remote_options[];
void remote_args_init(struct remote_args *a); /* to be called by the command's init */
/* What errno says of a file of credentials, in the words that scripts look for. said_by: which
 * option or variable named it. */
int authfile_missing(const char *path, const char *said_by, struct err *err)
	__attribute__((warn_unused_result));
/* For commands that may get by without remote_args_apply: it does this, too. */
int remote_args_check_authfile(const struct remote_args *a, struct err *err)
	__attribute__((warn_unused_result));
/* Borrows from a and app. Asks for what --creds does not say. ERR_INVALID, ERR_CANCELLED */
int remote_args_apply(struct app *app, const struct remote_args *a, struct remote_opts *ret,
	struct err *err) __attribute__((warn_unused_result));

/* --platform --os --arch --variant */
struct platform_args {
	struct strv platform;
	const char *os, *arch, *variant;
};
extern const struct opt platform_options[];
/* *ret_given: false when none of them was said (ret is the host's platform then). At most one
 * --platform. ERR_INVALID */
int platform_args_get(const struct platform_args *a, struct platform *ret, bool *ret_given,
	struct err *err) __attribute__((warn_unused_result));
/* Any number of them, also separated by commas; --os, --arch and --variant are for one. Adds to
 * *ret nothing when none of them was said. ERR_INVALID */
struct platform_list;
int platform_args_list(const struct platform_args *a, struct platform_list *ret, struct err *err)
	__attribute__((warn_unused_result));

/* Of a platform, what an option says in place of what is there; value NULL: nothing. size: of
 * field, bytes. ERR_INVALID: too long, the option is named. */
int platform_field_set(char *field, size_t size, const char *option, const char *value,
	struct err *err) __attribute__((warn_unused_result));

/* What RUN steps, run and from share: -m/--memory --memory-swap --cpu-period --cpu-quota
 * --cpu-shares/-c --cpus --cpuset-cpus
 * --cpuset-mems --pids-limit --ulimit --shm-size --network/--net --add-host --dns --dns-search
 * --dns-option --cap-add --cap-drop
 * --security-opt --device --cdi-config-dir --group-add --cgroup-parent */
struct box_args {
	uint64_t memory, shm_size, cpu_period, cpu_shares;
	int64_t cpu_quota, pids_limit;
	const char *memory_swap, *cpus, *cpuset_cpus, *cpuset_mems, *network, *cgroup_parent;
	const char *cni_config_dir, *cni_plugin_path; /* for those who look at a container */
	struct strv ulimits, add_hosts, dns, dns_search, dns_options, cap_add, cap_drop,
		security_opts, devices, cdi_dirs, groups;
	bool usual_network; /* nobody said network: it is what conf_fill_network() found */
	const char *base_hosts_file; /* of containers.conf; NULL: not said */
	const char *host_address; /* the same, host_containers_internal_ip */
	const struct strv *sysctls; /* default_sysctls of containers.conf; NULL: none */
	const struct strv *cdi_usual; /* cdi_spec_dirs of containers.conf; NULL: not said */
};
extern const struct opt box_options[];
/* Called buildah: --dns* and --network=none exclude each other. ERR_INVALID */
int box_check_dns(const struct box_args *a, struct err *err) __attribute__((warn_unused_result));
/* --dns=none: /etc/resolv.conf is the image's own */
bool box_dns_is_none(const struct box_args *a);
/* Fills limits, rlimits, network, add_hosts, dns*, cap_*, seccomp_profile, no_new_privs, shm_size,
 * groups of an initialised spec, and adds devices to its mounts, which stay open.
 * ERR_INVALID, ERR_UNSUPPORTED, ERR_DENIED: a device that we may not use */
int box_args_apply(const struct box_args *a, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
/* A device of this machine, for a spec whose mounts have it. rights: of "rwm" */
int box_add_device(const char *host, const char *target, const char *rights, struct run_spec *spec,
	struct err *err) __attribute__((warn_unused_result));
/* opt_security.c: --security-opt, each as it was typed. ERR_INVALID; ERR_UNSUPPORTED: nothing here
 * would hold it. */
int security_options_apply(const struct strv *options, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
