/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/hosts and /etc/resolv.conf of the step: files on our /dev's tmpfs, unlinked there at once,
 * mounted over the image's. What the step writes into them is gone with it, as in BuildKit.
 * /etc/hostname stays the image's own, as in BuildKit, and there is no /run/.containerenv, unless
 * they are asked for: buildah has them.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "run/mounts.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the host is as seen from inside; NULL: nowhere. */
static const char *host_address(const struct box *b)
{
	if (b->spec->host_address)
		return b->spec->host_address;
	return b->spec->network == RUN_NETWORK_HOST ? "127.0.0.1" : b->gateway;
}

static bool is_added(const struct box *b, const char *name)
{
	AUTO_FREE char *begin = xasprintf("%s:", name);
	STRV_FOREACH (host, &b->spec->add_hosts)
		if (str_has_prefix(*host, begin))
			return true;
	return false;
}

static void write_host_names(const struct box *b, struct buf *out)
{
	static const char *const names[] = {"host.containers.internal", "host.docker.internal"};
	const char *address = b->spec->host_names ? host_address(b) : NULL;
	for (size_t i = 0; address && i < ARRAY_LEN(names); i++)
		if (!is_added(b, names[i]))
			buf_addf(out, "%s\t%s\n", address, names[i]);
}

static const char *host_name(const struct box *b, char own[HOST_NAME_MAX + 1])
{
	if (b->spec->host_uts && gethostname(own, HOST_NAME_MAX) == 0)
		return own;
	return b->spec->hostname ? b->spec->hostname : "mica";
}

static void write_hosts(const struct box *b, struct buf *out)
{
	char own[HOST_NAME_MAX + 1] = "";
	const char *name = host_name(b, own);
	/* a line of its own makes it what `hostname -f` prints; BuildKit's steps have one line */
	buf_addf(out, "127.0.0.1\tlocalhost%s%s\n::1\tlocalhost ip6-localhost ip6-loopback\n",
		b->spec->host_names ? "" : " ", b->spec->host_names ? "" : name);
	if (b->spec->host_names)
		buf_addf(out, "127.0.0.1\t%s\n", name);
	STRV_FOREACH (host, &b->spec->add_hosts) {
		/* the name ends at the first colon, an IPv6 address has more of them */
		const char *colon = strchr(*host, ':');
		const char *address = colon ? colon + 1 : NULL;
		if (address && streq(address, RUN_HOST_GATEWAY))
			address = host_address(b);
		if (address)
			buf_addf(out, "%s\t%.*s\n", address, (int)(colon - *host), *host);
	}
	write_host_names(b, out);
	if (b->spec->base_hosts)
		buf_addstr(out, b->spec->base_hosts);
}

static bool is_loopback(const char *address)
{
	return str_has_prefix(address, "127.") || str_has_prefix(address, "::1");
}

/* The host's lines, without name servers that mean another machine, or none at all, in there. */
static void copy_host_lines(const struct box *b, const char *text, struct buf *out)
{
	bool own_servers = b->spec->dns.n > 0 || b->dns;
	while (*text) {
		size_t n = strcspn(text, "\n");
		AUTO_FREE char *line = xstrndup(text, n);
		text += n + (text[n] == '\n');
		const char *value = line + strcspn(line, " \t");
		size_t key = (size_t)(value - line);
		value += strspn(value, " \t");
		bool skip = *line == '#' || *line == ';' || *line == '\0';
		if (key == 10 && strncmp(line, "nameserver", key) == 0)
			skip = own_servers ||
			       (is_loopback(value) && b->spec->network != RUN_NETWORK_HOST);
		if (key == 6 && strncmp(line, "search", key) == 0)
			skip = b->spec->dns_search.n > 0;
		if (key == 7 && strncmp(line, "options", key) == 0)
			skip = b->spec->dns_options.n > 0;
		if (!skip)
			buf_addf(out, "%s\n", line);
	}
}

static void add_list(struct buf *out, const char *key, const struct strv *values)
{
	if (values->n == 0)
		return;
	buf_addstr(out, key);
	STRV_FOREACH (v, values)
		buf_addf(out, " %s", *v);
	buf_addch(out, '\n');
}

static int write_resolv_conf(const struct box *b, struct buf *out, struct err *err)
{
	if (b->spec->network == RUN_NETWORK_NONE && b->spec->dns.n == 0)
		return 0; /* nobody to ask: libc fails at once */
	add_list(out, "search", &b->spec->dns_search);
	if (b->spec->dns.n == 0 && b->dns)
		buf_addf(out, "nameserver %s\n", b->dns);
	STRV_FOREACH (server, &b->spec->dns)
		buf_addf(out, "nameserver %s\n", *server);
	add_list(out, "options", &b->spec->dns_options);

	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, "/etc/resolv.conf", ETC_FILE_MAX / 2, &text, &n, err);
	if (r == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	copy_host_lines(b, text, out);
	return 0;
}

static int mount_file(
	const struct box *b, const char *path, const struct buf *content, struct err *err)
{
	static const char scratch[] = ".etc";
	AUTO_FD int target = -1;
	int r = target_open(b, path, TARGET_FILE, &target, err);
	if (r < 0)
		return r;
	AUTO_FD int fd = openat(b->dev, scratch, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0 || fs_write_all(fd, buf_str(content), content->len) < 0)
		return err_sys(err, "cannot write '%s'", path);
	AUTO_FD int mnt = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	uint64_t attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	/* in this order: what is unlinked cannot be mounted any more, but what is mounted may be
	 * unlinked */
	if (mnt < 0 || mount_attach(mnt, target, attrs, false) < 0 ||
		unlinkat(b->dev, scratch, 0) < 0)
		return err_sys(err, "cannot mount '%s'", path);
	return 0;
}

void etc_contents_done(struct etc_file files[ETC_FILES_MAX], size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_done(&files[i].text);
}

int etc_contents(
	const struct box *b, struct etc_file ret[ETC_FILES_MAX], size_t *ret_n, struct err *err)
{
	char own[HOST_NAME_MAX + 1] = "";
	const struct etc_file empty = {.text = BUF_INIT(ETC_FILE_MAX)};
	size_t n = 0;
	int r = 0;
	for (size_t i = 0; i < ETC_FILES_MAX; i++)
		ret[i] = empty;
	if (!b->spec->no_hosts) {
		ret[n].path = "/etc/hosts";
		write_hosts(b, &ret[n++].text);
	}
	if (b->spec->hostname_file) {
		ret[n].path = "/etc/hostname";
		buf_addf(&ret[n++].text, "%s\n", host_name(b, own));
	}
	if (b->spec->containerenv) {
		ret[n].path = "/run/.containerenv";
		buf_addstr(&ret[n++].text, b->spec->containerenv);
	}
	if (!b->spec->no_resolv) {
		ret[n].path = "/etc/resolv.conf";
		r = write_resolv_conf(b, &ret[n++].text, err);
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		if (ret[i].text.toobig)
			r = err_set(err, ERR_LIMIT, "%s would be larger than %llu bytes",
				ret[i].path, ETC_FILE_MAX);
	if (r < 0)
		etc_contents_done(ret, n);
	else
		*ret_n = n;
	return r;
}

int etc_files(const struct box *b, struct err *err)
{
	struct etc_file files[ETC_FILES_MAX];
	size_t n;
	int r = etc_contents(b, files, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = mount_file(b, files[i].path, &files[i].text, err);
	etc_contents_done(files, n);
	return r;
}
