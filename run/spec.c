/* SPDX-License-Identifier: Apache-2.0 */
#include "run/spec.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void run_spec_init(struct run_spec *s)
{
	memset(s, 0, sizeof(*s));
	s->root.upper = s->root.work = -1;
	s->in = s->out = s->errfd = -1;
	s->uts_fd = s->ipc_fd = s->cgroupns_fd = s->pid_fd = s->net_fd = -1;
	s->users.userns = -1;
	s->network = RUN_NETWORK_NONE;
}

bool run_spec_needs_gateway(const struct run_spec *s)
{
	STRV_FOREACH (host, &s->add_hosts)
		if (str_has_suffix(*host, ":" RUN_HOST_GATEWAY))
			return true;
	return false;
}

bool run_spec_shares_pids(const struct run_spec *s)
{
	return s->host_pid || s->pid_fd >= 0;
}

const struct idmap_view *run_spec_ids(const struct run_spec *s)
{
	return idmap_differs(&s->users) ? &s->users : NULL;
}

void run_spec_done(struct run_spec *s)
{
	if (!s)
		return;
	strv_done(&s->argv);
	map_done(&s->env);
	free(s->cwd);
	free(s->user);
	free(s->hostname);
	free(s->containerenv);
	for (size_t i = 0; i < s->n_mounts; i++)
		free(s->mounts[i].target);
	free(s->mounts);
	free(s->limits.cpuset_cpus);
	free(s->limits.cpuset_mems);
	free(s->limits.parent);
	free(s->limits.devices);
	strv_done(&s->groups);
	free(s->rlimits);
	strv_done(&s->add_hosts);
	free(s->base_hosts);
	free(s->host_address);
	strv_done(&s->dns);
	network_choice_done(&s->helper);
	strv_done(&s->dns_search);
	strv_done(&s->dns_options);
	free(s->apparmor);
	free(s->selinux);
	free(s->selinux_wish);
	strv_done(&s->sysctls);
	strv_done(&s->proc_options);
	strv_done(&s->mask);
	strv_done(&s->unmask);
	strv_done(&s->cap_add);
	strv_done(&s->cap_drop);
	free(s->seccomp_profile);
	mem_close_p(&s->uts_fd);
	mem_close_p(&s->ipc_fd);
	mem_close_p(&s->cgroupns_fd);
	mem_close_p(&s->users.userns);
	mem_close_p(&s->pid_fd);
	mem_close_p(&s->net_fd);
	run_spec_init(s);
}
