/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strv.h"
#include "cmd/abilities.h"
#include "cmd/cmd.h"
#include "cmd/global.h"
#include "cmd/table.h"
#include "image/platform.h"
#include "layers/snapshot.h"
#include "run/userns.h"
#include "store/containers.h"
#include "store/gc.h"
#include "store/store.h"

#define PROC_FILE_MAX 65536

struct info_args {
	const char *format;
	bool debug;
};

static const struct opt info_options[] = {
	OPT_BOOL('d', "debug", struct info_args, debug),
	OPT_STRING('f', "format", struct info_args, format),
	OPT_END,
};

/* --- the host -------------------------------------------------------------------------------- */

static const char *cgroup_version(void)
{
	struct statfs st;

	if (statfs("/sys/fs/cgroup", &st) < 0)
		return "none";
	if (st.f_type == CGROUP2_SUPER_MAGIC)
		return "v2";
	/* controllers on version 1, with the unified tree beside them for systemd */
	return access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ? "v1 (hybrid)" : "v1";
}

static char *read_text(const char *path)
{
	struct err ignored = ERR_INIT;
	char *data;
	size_t n;

	return fs_read_file(AT_FDCWD, path, PROC_FILE_MAX, &data, &n, &ignored) < 0 ? xstrdup("")
	                                                                            : data;
}

/* NAME=value or NAME="value" of os-release(5). New string. */
static char *os_release(const char *text, const char *name)
{
	AUTO_STRV struct strv lines = STRV_INIT;
	size_t n = strlen(name);

	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		if (strncmp(*line, name, n) != 0 || (*line)[n] != '=')
			continue;
		const char *v = *line + n + 1;
		v += *v == '"' || *v == '\'';
		return xstrndup(v, strcspn(v, "\"'"));
	}
	return xstrdup("unknown");
}

static struct json *distribution_json(void)
{
	struct json *o = json_new_object();
	AUTO_FREE char *text = read_text("/etc/os-release");
	AUTO_FREE char *id = os_release(text, "ID");
	AUTO_FREE char *version = os_release(text, "VERSION_ID");

	json_set_string(o, "distribution", id);
	json_set_string(o, "version", version);
	return o;
}

/* MemAvailable is not MemFree: buildah shows the latter. */
static void set_memory(struct json *o)
{
	struct sysinfo si = {0};

	(void)sysinfo(&si);
	json_set_int(o, "MemFree", (int64_t)(si.freeram * (uint64_t)si.mem_unit));
	json_set_int(o, "MemTotal", (int64_t)(si.totalram * (uint64_t)si.mem_unit));
	json_set_int(o, "SwapFree", (int64_t)(si.freeswap * (uint64_t)si.mem_unit));
	json_set_int(o, "SwapTotal", (int64_t)(si.totalswap * (uint64_t)si.mem_unit));
}

static char *uptime(void)
{
	struct sysinfo si = {0};

	(void)sysinfo(&si);
	long s = si.uptime;
	if (s >= 3600)
		return xasprintf("%ldh %ldm %lds (Approximately %.2f days)", s / 3600, s / 60 % 60,
			s % 60, (double)s / 86400);
	return s >= 60 ? xasprintf("%ldm %lds", s / 60, s % 60) : xasprintf("%lds", s);
}

/* What runs a container's commands is this program. Scripts look whether it is there. */
static void set_runtime(struct json *o)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	json_set_string(o, "OCIRuntime", n > 0 ? self : "mica");
}

static struct json *host_json(const struct json *abilities)
{
	struct json *o = json_new_object();
	struct utsname u = {0};
	struct platform host;
	AUTO_FREE char *up = uptime();

	(void)uname(&u);
	platform_host(&host);
	json_set_string(o, "CgroupVersion", cgroup_version());
	json_set(o, "Distribution", distribution_json());
	set_memory(o);
	json_set_string(
		o, "NetworkHelper", json_text(json_get(json_get(abilities, "Network"), "Helper")));
	set_runtime(o);
	json_set_string(o, "arch", host.arch);
	json_set_int(o, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	json_set_string(o, "hostname", u.nodename);
	json_set_string(o, "kernel", u.release);
	json_set_string(o, "os", host.os);
	json_set(o, "rootless", json_new_bool(userns_is_rootless()));
	json_set_string(o, "uptime", up);
	json_set_string(o, "variant", host.variant);
	return o;
}

/* --- the store ------------------------------------------------------------------------------- */

static const char *file_system(int fd)
{
	static const struct {
		long magic;
		const char *name;
	} known[] = {
		{EXT4_SUPER_MAGIC, "extfs"},
		{0x58465342, "xfs"},
		{(long)BTRFS_SUPER_MAGIC, "btrfs"},
		{TMPFS_MAGIC, "tmpfs"},
		{OVERLAYFS_SUPER_MAGIC, "overlayfs"},
		{0x2fc12fc1, "zfs"},
		{(long)F2FS_SUPER_MAGIC, "f2fs"},
		{NFS_SUPER_MAGIC, "nfs"},
	};
	struct statfs st;

	if (fstatfs(fd, &st) == 0)
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if ((long)st.f_type == known[i].magic)
				return known[i].name;
	return "unknown";
}

static struct json *count_json(uint64_t n)
{
	struct json *o = json_new_object();

	json_set_int(o, "number", (int64_t)n);
	return o;
}

static int store_json(const struct app *app, struct store *s, struct json **ret, struct err *err)
{
	struct usage usage = {0};
	struct containers containers = {0};

	int r = store_usage(s, &usage, err);
	if (r == 0)
		r = containers_list(s, &containers, err);
	if (r < 0)
		return r;
	struct json *o = json_new_object(), *status = json_new_object();
	json_set(o, "ContainerStore", count_json(containers.n));
	json_set_string(o, "GraphDriverName", global_driver(app));
	json_set(o, "GraphOptions", json_new_array());
	json_set_string(o, "GraphRoot", store_path(s));
	json_set_string(status, "Backing Filesystem", file_system(store_fd(s)));
	json_set_string(status, "Snapshot Method", snapshot_method());
	json_set(o, "GraphStatus", status);
	json_set(o, "ImageStore", count_json(usage.images));
	json_set(o, "LayerStore", count_json(usage.layers));
	json_set(o, "BlobStore", count_json(usage.blobs));
	json_set(o, "StepCache", count_json(usage.records));
	json_set_int(o, "BlobBytes", (int64_t)usage.blob_bytes);
	json_set_int(o, "LayerBytes", (int64_t)usage.layer_bytes);
	json_set_string(o, "RunRoot", store_path(s));
	containers_done(&containers);
	*ret = o;
	return 0;
}

static struct json *debug_json(void)
{
	struct json *o = json_new_object();

	json_set_string(o, "buildah version", MICA_VERSION);
	json_set_string(o, "compiler", __VERSION__);
	json_set_string(o, "git commit", "");
	return o;
}

/* --- the text -------------------------------------------------------------------------------- */

static void print_ability(struct out *out, const char *what, const struct json *o, const char *key)
{
	const char *reason = json_text(json_get(o, "Reason"));

	out_printf(out, "%-10s %s%s%s\n", what, json_text(json_get(o, key)), reason ? ": " : "",
		reason ? reason : "");
}

static void print_text(struct out *out, const struct json *o)
{
	const struct json *a = json_get(o, "abilities"), *limits = json_get(a, "Limits");
	static const char *const names[] = {"memory", "memory-swap", "cpu", "cpu-shares", "cpuset",
		"pids", "shm-size", "ulimit", "disk", "timeouts"};
	const struct json *missing = json_get(a, "Missing");

	print_ability(out, "mode", json_get(a, "Mode"), "Name");
	print_ability(out, "isolation", json_get(a, "Isolation"), "Name");
	print_ability(out, "snapshots", json_get(a, "Snapshots"), "Driver");
	print_ability(out, "network", json_get(a, "Network"), "Helper");
	out_printf(out, "%-10s cgroup %s:", "limits",
		json_text(json_get(json_get(o, "host"), "CgroupVersion")));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (json_bool(json_get(limits, names[i])))
			out_printf(out, " %s", names[i]);
	out_printf(out, "\n%-10s %s\n", "seccomp", json_text(json_get(a, "Seccomp")));
	out_printf(out, "%-10s %lld\n", "landlock", (long long)json_int(json_get(a, "Landlock")));
	out_printf(
		out, "%-10s %s\n", "store", json_text(json_get(json_get(o, "store"), "GraphRoot")));
	for (size_t i = 0; i < json_size(missing); i++)
		out_printf(out, "%-10s %s\n", "missing", json_text(json_at(missing, i)));
}

/* Templates may have docker's names, too: what scripts look for in `docker info`. */
static void add_docker_names(struct json *o)
{
	static const struct {
		const char *name, *table, *member;
	} same[] = {
		{"Architecture", "host", "arch"},
		{"CgroupVersion", "host", "CgroupVersion"},
		{"Driver", "store", "GraphDriverName"},
		{"DockerRootDir", "store", "GraphRoot"},
		{"KernelVersion", "host", "kernel"},
		{"MemTotal", "host", "MemTotal"},
		{"NCPU", "host", "cpus"},
		{"Name", "host", "hostname"},
		{"OSType", "host", "os"},
	};
	const struct json *store = json_get(o, "store");

	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		json_set(o, same[i].name,
			json_ref(json_get(json_get(o, same[i].table), same[i].member)));
	json_set(o, "Images", json_ref(json_get(json_get(store, "ImageStore"), "number")));
	json_set(o, "Containers", json_ref(json_get(json_get(store, "ContainerStore"), "number")));
	json_set_string(o, "ServerVersion", MICA_VERSION);
}

static int info_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct info_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_JSON struct json *o = json_new_object();
	struct json *store = NULL;

	(void)rest;
	a->format = table_template(a->format);
	int r = app_store(app, 0, &s, err);
	if (r < 0)
		return r;
	/* what is tried out is what the store is asked for afterwards */
	struct json *abilities = abilities_json(s);
	json_set(o, "abilities", abilities);
	json_set(o, "host", host_json(abilities));
	r = store_json(app, s, &store, err);
	if (r < 0)
		return r;
	json_set(o, "store", store);
	if (a->debug)
		json_set(o, "debug", debug_json());
	if (a->format && streq(a->format, "text")) {
		print_text(&app->out, o);
		return 0;
	}
	if (a->format && !streq(a->format, "json")) {
		add_docker_names(o);
		return table_print_one(&app->out, a->format, o, err);
	}
	out_json(&app->out, o);
	return 0;
}

const struct cmd cmd_info = {
	.name = "info",
	.options = info_options,
	.args_size = sizeof(struct info_args),
	.flags = CMD_USERNS,
	.run = info_run,
};
