/* SPDX-License-Identifier: Apache-2.0 */
/* What a step sees of networks: --network, --add-host, --dns and their kin. */
#include "cmd/box_words.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/opt_groups.h"
#include "run/spec.h"

#define BASE_HOSTS_MAX (64 * KIB) /* a thousand names */

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
	bool is;
	if (network_choice_parse(text, &spec->helper, &is, err) < 0)
		return err_wrap(err, "option '--network'");
	if (is) {
		spec->network = RUN_NETWORK_PRIVATE;
		return 0;
	}
	return err_set(err, ERR_INVALID,
		"option '--network': unable to find network with name or ID %s: network not "
		"found, nor is it one of 'private', 'host', 'none', 'pasta', 'slirp4netns', "
		"'ns:PATH'",
		text);
}

static bool is_address(const char *s)
{
	struct in6_addr any; /* room for both families */
	return inet_pton(AF_INET, s, &any) == 1 || inet_pton(AF_INET6, s, &any) == 1;
}

/* As docker takes addresses of IPv6. */
static char *without_brackets(const char *s)
{
	size_t n = strlen(s);
	bool has = n > 2 && *s == '[' && s[n - 1] == ']' && strchr(s, ':');
	return has ? xstrndup(s + 1, n - 2) : xstrdup(s);
}

static int apply_hosts(const struct strv *hosts, struct strv *ret, struct err *err)
{
	STRV_FOREACH (h, hosts) {
		/* docker also takes NAME=ADDRESS, podman several names */
		size_t n = strcspn(*h, ":=");
		if (!n || !(*h)[n] || !(*h)[n + 1])
			return err_set(err, ERR_INVALID,
				"option '--add-host': '%s' is not NAME:ADDRESS", *h);
		AUTO_FREE char *address = without_brackets(*h + n + 1);
		if (!streq(address, RUN_HOST_GATEWAY) && !is_address(address))
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
			if ((*name)[strcspn(*name, " \t\r\n#")])
				return err_set(err, ERR_INVALID,
					"option '--add-host': '%s' is no name for a line of "
					"/etc/hosts",
					*name);
			strv_addf(ret, "%s:%s", *name, address);
		}
	}
	return 0;
}

static int apply_host_address(const char *address, struct run_spec *spec, struct err *err)
{
	if (!address || !*address)
		return 0;
	if (!is_address(address))
		return err_set(err, ERR_INVALID,
			"containers.conf: 'host_containers_internal_ip': '%s' is no IP address",
			address);
	mem_replace(&spec->host_address, xstrdup(address));
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

static int apply_dns(const struct box_args *a, struct run_spec *spec, struct err *err)
{
	if (box_dns_is_none(a) && (a->dns.n > 1 || a->dns_search.n || a->dns_options.n))
		return err_set(err, ERR_INVALID,
			"option '--dns': 'none' cannot be combined with another '--dns', with "
			"'--dns-search' or '--dns-option'");
	STRV_FOREACH (s, &a->dns)
		if (!is_address(*s) && !streq(*s, "none"))
			return err_set(
				err, ERR_INVALID, "option '--dns': '%s' is no IP address", *s);
	spec->no_resolv = box_dns_is_none(a);
	if (!spec->no_resolv)
		strv_copy(&spec->dns, &a->dns);
	strv_copy(&spec->dns_search, &a->dns_search);
	strv_copy(&spec->dns_options, &a->dns_options);
	return 0;
}

int box_apply_network(const struct box_args *a, struct run_spec *spec, struct err *err)
{
	int r = apply_network(a->network, spec, err);

	if (r == 0)
		r = apply_hosts(&a->add_hosts, &spec->add_hosts, err);
	if (r == 0)
		r = apply_host_address(a->host_address, spec, err);
	if (r == 0)
		r = read_base_hosts(a->base_hosts_file, &spec->base_hosts, err);
	if (r == 0)
		r = apply_dns(a, spec, err);
	return r;
}
