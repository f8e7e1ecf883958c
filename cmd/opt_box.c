/* SPDX-License-Identifier: Apache-2.0 */
/* What RUN steps and run share: limits, network, capabilities. */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/strv.h"
#include "cmd/cdi.h"
#include "cmd/opt_groups.h"
#include "run/caps.h"
#include "run/rlimits.h"

#define BASE_HOSTS_MAX (64 * KIB) /* a thousand names */
#define CPU_PERIOD_DEFAULT_US 100000 /* the kernel's */

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

static int apply_network(const char *text, struct run_spec *spec, struct err *err)
{
	static const struct {
		const char *name;
		enum run_network network;
	} known[] = {
		{"", RUN_NETWORK_PRIVATE}, /* as buildah */
		{"private", RUN_NETWORK_PRIVATE},
		{"default", RUN_NETWORK_PRIVATE},
		{"bridge", RUN_NETWORK_PRIVATE},
		{"container", RUN_NETWORK_PRIVATE},
		{"pasta", RUN_NETWORK_PRIVATE},
		{"slirp4netns", RUN_NETWORK_PRIVATE},
		{"host", RUN_NETWORK_HOST},
		{"none", RUN_NETWORK_NONE},
	};

	for (size_t i = 0; text && i < ARRAY_LEN(known); i++) {
		if (streq(text, known[i].name)) {
			spec->network = known[i].network;
			return 0;
		}
	}
	if (!text)
		return 0;
	if (str_has_prefix(text, "ns:") || *text == '/') {
		const char *path = *text == '/' ? text : text + 3;
		spec->network = RUN_NETWORK_HOST; /* of the namespace that is joined */
		spec->net_fd = open(path, O_RDONLY | O_CLOEXEC);
		return spec->net_fd < 0 ? err_sys(err, "option '--network': cannot open '%s'", path)
		                        : 0;
	}
	if (str_has_prefix(text, "container:"))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--network': '%s' is not supported: a working container runs "
			"nothing between two commands; 'ns:PATH' names a namespace",
			text);
	if (str_has_prefix(text, "pasta:") || str_has_prefix(text, "slirp4netns:"))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--network': '%s' is not supported: the program's options are "
			"fixed; see '--dns' and '--add-host'",
			text);
	return err_set(err, ERR_INVALID,
		"option '--network': network not found: '%s' is not one of 'private', 'host', "
		"'none', 'ns:PATH'",
		text);
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
		if (!streq(*h + n + 1, RUN_HOST_GATEWAY) && !is_address(*h + n + 1))
			return err_set(err, ERR_INVALID,
				"option '--add-host': '%s' is neither an IP address nor "
				"'host-gateway'",
				*h + n + 1);
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

/* A hosts file whose lines are found behind those of --add-host, comments left out. */
static int read_base_hosts(const char *path, char **ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_STRV struct strv lines = STRV_INIT;
	AUTO_BUF struct buf b = BUF_INIT(2 * BASE_HOSTS_MAX);
	size_t n;

	if (!path || streq(path, "none"))
		return 0;
	if (*path != '/')
		return err_set(err, ERR_UNSUPPORTED,
			"containers.conf: 'base_hosts_file': '%s' is neither 'none' nor an "
			"absolute path; no_hosts = true leaves the image's own file",
			path);
	int r = fs_read_file(AT_FDCWD, path, BASE_HOSTS_MAX, &text, &n, err);
	if (r < 0)
		return err_wrap(err, "containers.conf: 'base_hosts_file'");
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		(*line)[strcspn(*line, "#\r")] = '\0';
		if ((*line)[strspn(*line, " \t")])
			buf_addf(&b, "%s\n", *line);
	}
	*ret = buf_take(&b);
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
	int r = rlimits_check(spec->rlimits, spec->n_rlimits, err);
	return r < 0 ? err_wrap(err, "option '--ulimit'") : 0;
}

bool box_dns_is_none(const struct box_args *a)
{
	return strv_has(&a->dns, "none");
}

int box_check_dns(const struct box_args *a, struct err *err)
{
	const struct {
		const char *name;
		const struct strv *words;
	} options[] = {
		{"dns", &a->dns}, {"dns-option", &a->dns_options}, {"dns-search", &a->dns_search}};

	if (!called_buildah() || !a->network || !streq(a->network, "none"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].words->n)
			return err_set(err, ERR_INVALID,
				"the --%s option cannot be used with --network=none",
				options[i].name);
	return 0;
}

static int check_dns(const struct box_args *a, struct err *err)
{
	if (box_dns_is_none(a) && (a->dns.n > 1 || a->dns_search.n || a->dns_options.n))
		return err_set(err, ERR_INVALID,
			"option '--dns': 'none' cannot be combined with another '--dns', with "
			"'--dns-search' or '--dns-option'");
	STRV_FOREACH (s, &a->dns)
		if (!is_address(*s) && !streq(*s, "none"))
			return err_set(
				err, ERR_INVALID, "option '--dns': '%s' is no IP address", *s);
	return 0;
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

/* What is opened here is what steps get, whatever its name means by then. */
int box_add_device(const char *host, const char *target, const char *rights, struct run_spec *spec,
	struct err *err)
{
	struct stat st;
	AUTO_FD int fd = open(host, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "option '--device': cannot open '%s'", host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, ERR_INVALID, "option '--device': '%s' is not a device", host);
	/* the step has no more power over it than we have */
	bool reads = strchr(rights, 'r'), writes = strchr(rights, 'w');
	if (faccessat(AT_FDCWD, host, (reads ? R_OK : 0) | (writes ? W_OK : 0), AT_EACCESS) < 0)
		return err_set(err, ERR_DENIED, "option '--device': this user may not %s '%s'",
			!writes  ? "read"
			: !reads ? "write"
				 : "read and write",
			host);
	struct run_limits *l = &spec->limits;
	l->devices = xreallocarray(l->devices, l->n_devices + 1, sizeof(*l->devices));
	struct run_device *d = &l->devices[l->n_devices++];
	*d = (struct run_device){.block = S_ISBLK(st.st_mode),
		.major_nr = major(st.st_rdev),
		.minor_nr = minor(st.st_rdev)};
	(void)snprintf(d->rights, sizeof(d->rights), "%s%s%s", reads ? "r" : "", writes ? "w" : "",
		strchr(rights, 'm') ? "m" : "");
	spec->mounts = xreallocarray(spec->mounts, spec->n_mounts + 1, sizeof(*spec->mounts));
	spec->mounts[spec->n_mounts++] = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = take_fd(&fd),
		.target = path_clean(target),
		.device = true};
	return 0;
}

/* The devices of a directory, not of those below it. */
static int add_device_dir(const char *host, const char *target, const char *rights,
	struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	const struct dirent *d;
	DIR *dir = opendir(host);
	if (!dir)
		return err_sys(err, "option '--device': cannot list '%s'", host);
	while ((d = readdir(dir)))
		if (d->d_type == DT_CHR || d->d_type == DT_BLK)
			strv_add(&names, d->d_name);
	closedir(dir);
	strv_sort(&names);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *from = path_join(host, *name), *to = path_join(target, *name);
		if (box_add_device(from, to, rights, spec, err) < 0)
			return err->code;
	}
	return 0;
}

/* HOST[:TARGET][:PERMISSIONS] */
static int apply_device(const char *text, struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv parts = STRV_INIT;
	strv_split(&parts, text, ':');
	const char *host = parts.v[0], *target = host, *rights = "rwm";
	if (parts.n > 1 && *parts.v[1] == '/')
		target = parts.v[1];
	else if (parts.n == 2)
		rights = parts.v[1];
	if (parts.n == 3)
		rights = parts.v[2];
	if (*host != '/' || *target != '/' || parts.n > 3 || (parts.n == 3 && target == host) ||
		!*rights || strspn(rights, "rwm") != strlen(rights))
		return err_set(err, ERR_INVALID,
			"option '--device': '%s' is not /DEVICE[:/TARGET][:rwm]", text);
	struct stat st;
	bool is_dir = stat(host, &st) == 0 && S_ISDIR(st.st_mode);
	return is_dir ? add_device_dir(host, target, rights, spec, err)
	              : box_add_device(host, target, rights, spec, err);
}

/* /etc/cdi and /var/run/cdi are what containers.conf(5) has without being told. */
static void cdi_dirs(const struct box_args *a, struct strv *ret)
{
	if (a->cdi_usual && a->cdi_usual->n) {
		strv_copy(ret, a->cdi_usual);
	} else {
		strv_add(ret, "/etc/cdi");
		strv_add(ret, "/var/run/cdi");
	}
	STRV_FOREACH (dir, &a->cdi_dirs)
		strv_add(ret, *dir);
}

static int apply_devices(const struct box_args *a, struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv dirs = STRV_INIT;
	int r = 0;

	cdi_dirs(a, &dirs);
	for (size_t i = 0; i < a->devices.n && r == 0; i++)
		r = cdi_is_name(a->devices.v[i]) ? cdi_apply(a->devices.v[i], &dirs, spec, err)
		                                 : apply_device(a->devices.v[i], spec, err);
	return r;
}

static int apply_groups(const struct strv *names, struct run_spec *spec, struct err *err)
{
	STRV_FOREACH (name, names) {
		if (streq(*name, "keep-groups"))
			return err_set(err, ERR_UNSUPPORTED,
				"option '--group-add': 'keep-groups' is not supported: a step has "
				"no groups of this machine");
		if (!**name)
			return err_set(err, ERR_INVALID, "option '--group-add': an empty name");
		strv_add(&spec->groups, *name);
	}
	return 0;
}

int box_args_apply(const struct box_args *a, struct run_spec *spec, struct err *err)
{
	int r = apply_limits(a, &spec->limits, err);

	if (r == 0)
		r = apply_network(a->network, spec, err);
	if (r == 0)
		r = apply_hosts(&a->add_hosts, &spec->add_hosts, err);
	if (r == 0)
		r = read_base_hosts(a->base_hosts_file, &spec->base_hosts, err);
	if (r == 0)
		r = apply_ulimits(&a->ulimits, spec, err);
	if (r == 0)
		r = security_options_apply(&a->security_opts, spec, err);
	if (r == 0)
		r = check_dns(a, err);
	if (r == 0)
		r = set_caps(a, spec, err);
	if (r == 0)
		r = apply_groups(&a->groups, spec, err);
	if (r == 0)
		r = apply_devices(a, spec, err);
	if (r < 0)
		return r;
	if (a->cgroup_parent && *a->cgroup_parent)
		spec->limits.parent = xstrdup(a->cgroup_parent);
	spec->no_resolv = box_dns_is_none(a);
	if (!spec->no_resolv)
		strv_copy(&spec->dns, &a->dns);
	strv_copy(&spec->dns_search, &a->dns_search);
	strv_copy(&spec->dns_options, &a->dns_options);
	spec->shm_size = a->shm_size;
	return 0;
}
