/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image_fields.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/format.h"
#include "image/manifest.h"

/* Members that Go's structs have even where the document leaves them out. */
static const char *const config_text[] = {"User", "WorkingDir", "StopSignal", NULL};
static const char *const config_lists[] = {"Env", "Entrypoint", "Cmd", "Shell", "OnBuild", NULL};
static const char *const config_maps[] = {"ExposedPorts", "Volumes", "Labels", NULL};
static const char *const image_text[] = {
	"created", "author", "architecture", "variant", "os", "os.version", NULL};
static const char *const docker_text[] = {"id", "parent", "comment", "container", "docker_version",
	"author", "variant", "os.version", NULL};
static const char *const image_lists[] = {"history", "os.features", NULL};
static const char *const builder_lists[] = {
	"Capabilities", "Devices", "DeviceSpecs", "GroupAdd", NULL};
static const char *const image_maps[] = {"config", "rootfs", NULL};

static void add_missing(struct json *o, const char *const *names, struct json *(*make)(void))
{
	for (; *names; names++)
		if (json_kind(format_get(o, *names)) == JSON_KIND_NULL)
			json_set(o, *names, make());
}

/* The same, where Go leaves out of the JSON what is empty. */
static void omit_missing(struct json *o, const char *const *names, struct json *(*make)(void))
{
	for (; *names; names++)
		format_omit(o, *names, make());
}

static struct json *empty_text(void)
{
	return json_new_string("");
}

/* As Go prints the struct that has these members. */
static void set_struct(struct json *o, const char *const *names)
{
	if (json_is(o, JSON_KIND_OBJECT))
		format_as_struct(o, names);
}

/* The members of a set are structs without any. */
static void complete_set(struct json *set)
{
	for (void *it = json_iter(set); it; it = json_next(set, it))
		format_as_struct(json_iter_value(it), NULL);
}

/* A pointer to Go, which may be nil. */
static void complete_healthcheck(struct json *config)
{
	static const char *const times[] = {"Interval", "Timeout", "StartPeriod", "StartInterval"};
	struct json *h = json_get(config, "Healthcheck");
	AUTO_BUF struct buf b = BUF_INIT(CONFIG_MAX);

	format_omit(config, "Healthcheck", json_new_null());
	if (!json_is(h, JSON_KIND_OBJECT))
		return;
	format_omit(h, "Test", json_new_array());
	format_omit(h, "Retries", json_new_int(0));
	buf_addch(&b, '{');
	format_value(&b, format_get(h, "Test"));
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		format_omit(h, times[i], json_new_int(0));
		AUTO_FREE char *text = num_duration_str(json_int(format_get(h, times[i])));
		buf_addf(&b, " %s", text);
	}
	buf_addf(&b, " %lld}", (long long)json_int(format_get(h, "Retries")));
	format_as_text(h, buf_str(&b));
}

/* The order in which OCI's struct has its members. */
static void order_config(struct json *config)
{
	static const char *const names[] = {"User", "ExposedPorts", "Env", "Entrypoint", "Cmd",
		"Volumes", "WorkingDir", "Labels", "StopSignal", "Healthcheck", "OnBuild", "Shell"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct json *value = json_ref(json_get(config, names[i]));
		json_remove(config, names[i]);
		if (value)
			json_set(config, names[i], value);
	}
}

static void complete_config(struct json *config)
{
	if (!json_is(config, JSON_KIND_OBJECT))
		return; /* of a container it is the base's, as text */
	omit_missing(config, config_text, empty_text);
	omit_missing(config, config_lists, json_new_array);
	omit_missing(config, config_maps, json_new_object);
	format_omit(config, "ArgsEscaped", json_new_bool(false));
	complete_set(json_get(config, "ExposedPorts"));
	complete_set(json_get(config, "Volumes"));
	complete_healthcheck(config);
}

static void complete_docker_config(struct json *config)
{
	static const char *const members[] = {"Hostname", "Domainname", "User", "AttachStdin",
		"AttachStdout", "AttachStderr", "ExposedPorts", "Tty", "OpenStdin", "StdinOnce",
		"Env", "Cmd", "Healthcheck", "ArgsEscaped", "Image", "Volumes", "WorkingDir",
		"Entrypoint", "NetworkDisabled", "MacAddress", "OnBuild", "Labels", "StopSignal",
		"StopTimeout", "Shell", NULL};

	complete_config(config);
	format_omit(config, "NetworkDisabled", json_new_bool(false));
	format_omit(config, "MacAddress", empty_text());
	format_omit(config, "StopTimeout", json_new_null());
	set_struct(config, members);
}

/* The two structs have the same members in another order. */
static void complete_history(struct json *history, bool docker)
{
	static const char *const of_oci[] = {
		"created", "created_by", "author", "comment", "empty_layer", NULL};
	static const char *const of_docker[] = {
		"created", "author", "created_by", "comment", "empty_layer", NULL};

	for (size_t i = 0; json_is(history, JSON_KIND_ARRAY) && i < json_size(history); i++) {
		struct json *entry = json_at(history, i);
		for (size_t k = 0; of_oci[k]; k++)
			format_omit(entry, of_oci[k], k < 4 ? empty_text() : json_new_bool(false));
		format_as_time(entry, "created");
		set_struct(entry, docker ? of_docker : of_oci);
	}
}

/* Go's struct has one of the members that are the platform's, beside them. */
static struct json *platform_of(const struct json *image)
{
	static const char *const members[] = {
		"architecture", "os", "os.version", "os.features", "variant", NULL};
	static const char *const text[] = {"architecture", "os", "os.version", "variant", NULL};
	struct json *platform = json_new_object();

	for (size_t i = 0; members[i]; i++)
		if (json_get(image, members[i]))
			json_set(platform, members[i], json_clone(json_get(image, members[i])));
	omit_missing(platform, text, empty_text);
	format_omit(platform, "os.features", json_new_array());
	set_struct(platform, members);
	return platform;
}

/* OCI's struct leaves out what is empty, Docker's does not. */
static void complete_oci(struct json *image)
{
	struct json *config = json_get(image, "config");
	static const char *const members[] = {
		"created", "author", "Platform", "config", "rootfs", "history", NULL};
	static const char *const config_members[] = {"User", "ExposedPorts", "Env", "Entrypoint",
		"Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "ArgsEscaped", NULL};
	static const char *const rootfs_members[] = {"type", "diff_ids", NULL};

	omit_missing(image, image_text, empty_text);
	omit_missing(image, image_lists, json_new_array);
	omit_missing(image, image_maps, json_new_object);
	format_omit(image, "Platform", platform_of(image));
	complete_config(config);
	order_config(config);
	set_struct(config, config_members);
	set_struct(json_get(image, "rootfs"), rootfs_members);
	complete_history(json_get(image, "history"), false);
	format_as_time(image, "created");
	set_struct(image, members);
}

static void complete_docker(struct json *image)
{
	static const char *const rootfs_members[] = {"type", "diff_ids", NULL};

	omit_missing(image, docker_text, empty_text);
	format_omit(image, "size", json_new_int(0));
	omit_missing(image, image_lists, json_new_array);
	complete_docker_config(json_get(image, "config"));
	complete_docker_config(json_get(image, "container_config"));
	set_struct(json_get(image, "rootfs"), rootfs_members);
	complete_history(json_get(image, "history"), true);
	format_as_time(image, "created");
	format_as_struct(image, NULL);
}

struct json *image_fields(const struct json *shown)
{
	static const char *const rootfs_members[] = {"Type", "Layers", NULL};
	struct json *o = json_clone(shown);
	struct json *spaces = json_get(o, "NamespaceOptions"),
		    *ids = json_get(o, "IDMappingOptions");

	add_missing(o, builder_lists, json_new_array);
	complete_oci(json_get(o, "OCIv1"));
	complete_docker(json_get(o, "Docker"));
	complete_docker_config(json_get(o, "Config"));
	complete_history(json_get(o, "History"), false);
	set_struct(json_get(o, "RootFS"), rootfs_members);
	for (size_t i = 0; i < json_size(spaces); i++)
		format_as_struct(json_at(spaces, i), NULL);
	if (json_is(ids, JSON_KIND_OBJECT)) {
		/* sizes, files and maps of those that are chosen: none are */
		format_as_text(json_get(ids, "AutoUserNsOpts"), "{0 0   [] []}");
		format_as_struct(ids, NULL);
	}
	return o;
}
