/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/conf.h"
#include "cmd/opt_groups.h"
#include "cmd/space.h"
#include "run/caps.h"
#include "run/rlimits.h"
#include "run/spec.h"
#include "run/sysctls.h"

static void fill_list(
	struct conf *c, const char *option, struct strv *list, const struct strv *from)
{
	if (list->n || !from->n)
		return;
	strv_copy(list, from);
	strv_add(&c->filled, option);
}

/* Nobody asked for these in particular: they are lowered to what can be had, as by podman. */
static void fill_ulimits(struct conf *c, struct box_args *a)
{
	if (a->ulimits.n)
		return;
	strv_add(&c->filled, "ulimit");
	STRV_FOREACH (text, &c->ulimits) {
		struct run_rlimit l;
		struct err ignored = ERR_INIT; /* a wrong one is refused as an option is */
		if (rlimit_parse(*text, &l, &ignored) < 0 || !rlimit_lower(&l)) {
			strv_add(&a->ulimits, *text);
			continue;
		}
		strv_addf(&a->ulimits, "%.*s=%" PRIu64 ":%" PRIu64, (int)strcspn(*text, "="), *text,
			l.soft, l.hard);
		log_debug("containers.conf: 'default_ulimits': '%s' is more than may be set here, "
			  "it is '%s'",
			*text, a->ulimits.v[a->ulimits.n - 1]);
	}
}

static bool has_cap(const struct strv *names, const char *name)
{
	STRV_FOREACH (n, names)
		if (caps_number(*n) == caps_number(name))
			return true;
	return false;
}

static bool drops_all(const struct strv *drop)
{
	STRV_FOREACH (n, drop)
		if (strcasecmp(*n, "all") == 0)
			return true;
	return false;
}

/* "drop all, add these" is how the options say it. */
static int fill_caps(const struct strv *usual, struct box_args *a, struct err *err)
{
	AUTO_STRV struct strv drop = STRV_INIT;

	STRV_FOREACH (words, &a->cap_drop)
		strv_split(&drop, *words, ',');
	if (!usual->n || drops_all(&drop))
		return 0;
	STRV_FOREACH (name, usual) {
		if (caps_number(*name) < 0)
			return err_set(err, ERR_INVALID,
				"containers.conf: 'default_capabilities' has an unknown one: '%s'",
				*name);
		if (!has_cap(&drop, *name))
			strv_add(&a->cap_add, *name);
	}
	strv_done(&a->cap_drop);
	strv_add(&a->cap_drop, "all");
	return 0;
}

static void fill_seccomp(struct conf *c, struct strv *security_opts)
{
	if (!c->seccomp_profile)
		return;
	STRV_FOREACH (o, security_opts)
		if (str_has_prefix(*o, "seccomp"))
			return;
	if (!security_opts->n)
		strv_add(&c->filled, "security-opt");
	strv_addf(security_opts, "seccomp=%s", c->seccomp_profile);
}

static void fill_text(struct conf *c, const char *option, const char **to, const char *from)
{
	if (*to || !from)
		return;
	/* podman's word for one that its other containers may join */
	*to = streq(from, "shareable") ? "private" : from;
	strv_add(&c->filled, option);
}

void conf_fill_space(struct conf *c, struct space_args *a)
{
	fill_text(c, "cgroupns", &a->cgroupns, c->cgroupns);
	fill_text(c, "ipc", &a->ipc, c->ipcns);
	fill_text(c, "pid", &a->pid, c->pidns);
	fill_text(c, "uts", &a->uts, c->utsns);
	if (!a->users.uid_maps.n && !a->users.uid_map_user && !a->users.gid_map_group)
		fill_text(c, "userns", &a->users.userns, c->userns);
}

int conf_fill_network(struct conf *c, struct box_args *a, struct err *err)
{
	static const char pasta[] = "pasta", slirp[] = "slirp4netns";
	const char *said = a->network && !streq(a->network, "private") ? a->network : NULL;
	const char *helper = said                 ? said
	                     : c->network_helper  ? c->network_helper
	                     : c->pasta_options.n ? pasta
	                                          : NULL;

	if (c->network_helper && !streq(c->network_helper, pasta) &&
		!streq(c->network_helper, slirp))
		return err_set(err, ERR_INVALID,
			"containers.conf: 'default_rootless_network_cmd': '%s' is neither 'pasta' "
			"nor 'slirp4netns'",
			c->network_helper);
	if (!helper)
		return 0;
	const char *colon = strchr(helper, ':');
	size_t n = colon ? (size_t)(colon - helper) : strlen(helper);
	bool is_pasta = n == strlen(pasta) && !strncmp(helper, pasta, n);
	if (!is_pasta && (n != strlen(slirp) || strncmp(helper, slirp, n) != 0))
		return 0;
	AUTO_FREE char *options = strv_join(is_pasta ? &c->pasta_options : &c->slirp_options, ",");
	const char *more = colon ? colon + 1 : "";
	mem_replace(
		&c->network, xasprintf("%.*s%s%s%s%s", (int)n, helper, *options || *more ? ":" : "",
				     options, *options && *more ? "," : "", more));
	a->usual_network = !a->network;
	a->network = c->network;
	return 0;
}

int conf_fill_run(struct conf *c, struct box_args *a, struct err *err)
{
	fill_ulimits(c, a);
	a->base_hosts_file = c->base_hosts_file;
	a->host_address = c->host_address;
	a->cdi_usual = &c->cdi_spec_dirs;
	a->sysctls = &c->sysctls;
	return sysctls_check(&c->sysctls, err) < 0
	               ? err_wrap(err, "containers.conf: 'default_sysctls'")
	               : 0;
}

int conf_fill_box(struct conf *c, struct box_args *a, struct strv *volumes, struct err *err)
{
	if (conf_fill_run(c, a, err) < 0)
		return err->code;
	fill_list(c, "device", &a->devices, &c->devices);
	fill_list(c, "dns", &a->dns, &c->dns);
	if (!box_dns_is_none(a)) {
		fill_list(c, "dns-search", &a->dns_search, &c->dns_search);
		fill_list(c, "dns-option", &a->dns_options, &c->dns_options);
	}
	fill_list(c, "volume", volumes, &c->volumes);
	fill_seccomp(c, &a->security_opts);
	fill_text(c, "network", &a->network, c->netns);
	if (!a->shm_size && c->shm_size && !num_size(c->shm_size, &a->shm_size))
		return err_set(err, ERR_INVALID,
			"containers.conf: 'shm_size': '%s' is not a size, such as '64m'",
			c->shm_size);
	return fill_caps(&c->capabilities, a, err);
}
