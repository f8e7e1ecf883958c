/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/builder_json.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strv.h"
#include "run/caps.h"
#include "store/containers.h"

/* What stands behind each --NAME= of the container's options. */
static void option_values(const struct container *c, const char *option, struct strv *ret)
{
	size_t n = strlen(option);

	for (size_t i = 0; c && i < c->options.n; i++)
		if (strncmp(c->options.v[i], option, n) == 0)
			strv_split(ret, c->options.v[i] + n, ',');
}

/* The last --NAME= of them. */
static const char *last_value(const struct container *c, const char *option, const char *usual)
{
	const char *ret = usual;

	for (size_t i = 0; c && i < c->options.n; i++)
		if (str_has_prefix(c->options.v[i], option))
			ret = c->options.v[i] + strlen(option);
	return ret;
}

const char *builder_isolation(const struct container *c)
{
	return last_value(c, "--isolation=", "oci");
}

/* "host", "container", "private", "none", or the path of a namespace. What nobody told is a
 * namespace of the sandbox's own, but for the user's, which is the one mica is in. */
static struct json *namespace_json(const char *name, const char *option, const struct container *c)
{
	struct json *o = json_new_object();
	const char *usual = streq(name, "user") ? "host" : "";
	const char *value = option ? last_value(c, option, usual) : usual;

	json_set_string(o, "Name", name);
	json_set(o, "Host", json_new_bool(streq(value, "host")));
	if (str_has_prefix(value, "ns:"))
		value += strlen("ns:");
	json_set_string(o, "Path", *value == '/' ? value : "");
	return o;
}

static struct json *namespaces(const struct container *c)
{
	AUTO_STRV struct strv maps = STRV_INIT;
	struct json *a = json_new_array();

	option_values(c, "--userns-uid-map=", &maps);
	json_add(a, namespace_json("cgroup", "--cgroupns=", c));
	json_add(a, namespace_json("ipc", "--ipc=", c));
	json_add(a, namespace_json("mount", NULL, c));
	json_add(a, namespace_json("network", "--network=", c));
	json_add(a, namespace_json("pid", "--pid=", c));
	json_add(a, namespace_json("user", maps.n ? "--userns-uid-map=" : "--userns=", c));
	json_add(a, namespace_json("uts", "--uts=", c));
	return a;
}

static const char *network_policy(const struct container *c)
{
	return streq(last_value(c, "--network=", ""), "none") ? "NetworkDisabled"
	                                                      : "NetworkDefault";
}

static struct json *capabilities(const struct container *c)
{
	AUTO_STRV struct strv add = STRV_INIT, drop = STRV_INIT, names = STRV_INIT;
	struct err ignored = ERR_INIT;
	uint64_t set = 0;

	option_values(c, "--cap-add=", &add);
	option_values(c, "--cap-drop=", &drop);
	if (!c || caps_resolve(&add, &drop, &set, &ignored) < 0)
		return json_new_null();
	for (unsigned i = 0; i < 64; i++) {
		AUTO_FREE char *name = set & UINT64_C(1) << i ? caps_name(i) : NULL;
		if (name)
			strv_add(&names, name);
	}
	strv_sort(&names);
	return json_new_strv(&names);
}

/* "0:100000:65536" */
static struct json *maps(const struct container *c, const char *option)
{
	static const char *const members[] = {"containerID", "hostID", "size"};
	AUTO_STRV struct strv words = STRV_INIT;
	struct json *a = json_new_array();

	option_values(c, option, &words);
	STRV_FOREACH (word, &words) {
		AUTO_STRV struct strv numbers = STRV_INIT;
		struct json *o = json_new_object();
		strv_split(&numbers, *word, ':');
		for (size_t i = 0; i < numbers.n && i < ARRAY_LEN(members); i++) {
			uint64_t n = 0;
			if (num_u64(numbers.v[i], UINT32_MAX, &n))
				json_set_int(o, members[i], (int64_t)n);
		}
		json_add(a, o);
	}
	return a;
}

static struct json *id_mapping(const struct container *c)
{
	struct json *o = json_new_object();
	struct json *uids = maps(c, "--userns-uid-map="), *gids = maps(c, "--userns-gid-map=");

	json_set(o, "HostUIDMapping", json_new_bool(!json_size(uids)));
	json_set(o, "HostGIDMapping", json_new_bool(!json_size(gids)));
	json_set(o, "UIDMap", uids);
	json_set(o, "GIDMap", gids);
	json_set(o, "AutoUserNs", json_new_bool(false));
	json_set(o, "AutoUserNsOpts", json_new_object());
	return o;
}

static void set_missing(struct json *o, const char *name, struct json *value)
{
	AUTO_JSON struct json *owned = value;

	if (!json_get(o, name))
		json_set(o, name, json_ref(owned));
}

void builder_json_fill(struct json *o, const struct container *c)
{
	static const char *const texts[] = {"Container", "ContainerID", "MountPoint",
		"ProcessLabel", "MountLabel", "ImageCreatedBy", "DefaultMountsFilePath",
		"CDIConfigDir"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		set_missing(o, texts[i], json_new_string(""));
	set_missing(o, "CNIConfigDir", json_new_string(last_value(c, "--cni-config-dir=", "")));
	set_missing(o, "CNIPluginPath", json_new_string(last_value(c, "--cni-plugin-path=", "")));
	set_missing(o, "Isolation", json_new_string(builder_isolation(c)));
	set_missing(o, "NamespaceOptions", namespaces(c));
	set_missing(o, "Capabilities", capabilities(c));
	set_missing(o, "ConfigureNetwork", json_new_string(network_policy(c)));
	set_missing(o, "Devices", c ? json_new_array() : json_new_null());
	set_missing(o, "DeviceSpecs", json_new_null());
	set_missing(o, "GroupAdd", json_new_null());
	set_missing(o, "IDMappingOptions", id_mapping(c));
}
