/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image_json.h"

#include <string.h>

#include "base/buf.h"
#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/builder_json.h"
#include "cmd/format.h"
#include "cmd/image_fields.h"
#include "store/blobs.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/layer_size.h"

static struct json *strv_or_null(const struct strv *s, bool present)
{
	return present ? json_new_strv(s) : json_new_null();
}

/* {"80/tcp": {}}: how both formats write a set */
static struct json *set_json(const struct strv *s)
{
	struct json *o = json_new_object();
	AUTO_JSON struct json *nothing = json_new_object(); /* one for all: there may be 200,000 */

	STRV_FOREACH (item, s)
		json_set(o, *item, json_ref(nothing));
	return o;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static struct json *healthcheck_json(const struct healthcheck *h)
{
	struct json *o = json_new_object();

	json_set(o, "Test", json_new_strv(&h->test));
	if (h->interval_ns)
		json_set_int(o, "Interval", h->interval_ns);
	if (h->timeout_ns)
		json_set_int(o, "Timeout", h->timeout_ns);
	if (h->start_period_ns)
		json_set_int(o, "StartPeriod", h->start_period_ns);
	if (h->start_interval_ns)
		json_set_int(o, "StartInterval", h->start_interval_ns);
	if (h->retries)
		json_set_int(o, "Retries", h->retries);
	return o;
}

static struct json *env_json(const struct map *env)
{
	AUTO_STRV struct strv words = STRV_INIT;

	if (!env->n)
		return json_new_null();
	MAP_FOREACH (e, env) {
		strv_addf(&words, "%s=%s", e->key, e->value ? e->value : "");
	}
	return json_new_strv(&words);
}

/* Docker's Config, complete: the members in the order that docker writes them. */
static struct json *docker_config(const struct image_config *c)
{
	struct json *o = json_new_object();
	const char *host = json_text(json_get(c->extra_config, "Hostname"));
	const char *domain = json_text(json_get(c->extra_config, "Domainname"));
	static const char *const switches[] = {
		"AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce"};

	json_set_string(o, "Hostname", or_empty(host));
	json_set_string(o, "Domainname", or_empty(domain));
	json_set_string(o, "User", or_empty(c->user));
	for (size_t i = 0; i < ARRAY_LEN(switches); i++)
		json_set(o, switches[i], json_new_bool(false));
	if (c->exposed_ports.n)
		json_set(o, "ExposedPorts", set_json(&c->exposed_ports));
	json_set(o, "Env", env_json(&c->env));
	json_set(o, "Cmd", strv_or_null(&c->cmd, c->has_cmd));
	if (c->has_healthcheck)
		json_set(o, "Healthcheck", healthcheck_json(&c->healthcheck));
	json_set_string(o, "Image", "");
	json_set(o, "Volumes", c->volumes.n ? set_json(&c->volumes) : json_new_null());
	json_set_string(o, "WorkingDir", or_empty(c->working_dir));
	json_set(o, "Entrypoint", strv_or_null(&c->entrypoint, c->has_entrypoint));
	json_set(o, "OnBuild", strv_or_null(&c->on_build, c->on_build.n));
	json_set(o, "Labels", c->labels.n ? json_new_map(&c->labels) : json_new_null());
	if (c->stop_signal)
		json_set_string(o, "StopSignal", c->stop_signal);
	if (c->shell.n)
		json_set(o, "Shell", json_new_strv(&c->shell));
	return o;
}

static struct json *diff_ids_json(const struct image_config *c)
{
	struct json *a = json_new_array();
	char digest[DIGEST_STR_MAX];

	for (size_t i = 0; i < c->n_diff_ids; i++)
		json_add(a, json_new_string(digest_str(&c->diff_ids[i], digest)));
	return a;
}

/* What OCI's document has as Docker's has it, or as a member that is not OCI's. */
static void set_same(struct json *docker, const struct json *ociv1)
{
	static const char *const names[] = {
		"os.version", "os.features", "comment", "container", "parent"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (json_get(ociv1, names[i]))
			json_set(docker, names[i], json_ref(json_get(ociv1, names[i])));
}

/* A config may hold more of Docker's than OCI's has a word for. */
static struct json *oci_json(struct json *config)
{
	static const char *const others[] = {
		"container", "container_config", "docker_version", "id", "parent"};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		json_remove(config, others[i]);
	return json_ref(config);
}

static struct json *docker_json(const struct image_config *c, const struct json *ociv1)
{
	struct json *o = json_new_object(), *rootfs = json_new_object();
	struct json *history = json_get(ociv1, "history");

	json_set_string(o, "created", c->created);
	json_set_string(o, "author", c->author);
	json_set(o, "container_config", docker_config(c));
	json_set(o, "config", docker_config(c));
	json_set_string(o, "architecture", c->platform.arch);
	if (*c->platform.variant)
		json_set_string(o, "variant", c->platform.variant);
	json_set_string(o, "os", c->platform.os);
	set_same(o, ociv1);
	json_set_string(rootfs, "type", "layers");
	json_set(rootfs, "diff_ids", diff_ids_json(c));
	json_set(o, "rootfs", rootfs);
	json_set(o, "history", history ? json_ref(history) : json_new_array());
	return o;
}

/* --- what docker inspect has ----------------------------------------------------------------- */

static struct json *repo_digests(const struct strv *refs, const struct image *image)
{
	struct json *a = json_new_array();
	char digest[DIGEST_STR_MAX];

	digest_str(&image->top.digest, digest);
	STRV_FOREACH (ref, refs) {
		const char *at = strchr(*ref, '@'), *colon = strrchr(*ref, ':');
		size_t n = at                             ? (size_t)(at - *ref)
		           : colon && !strchr(colon, '/') ? (size_t)(colon - *ref)
		                                          : strlen(*ref);
		AUTO_FREE char *s = xasprintf("%.*s@%s", (int)n, *ref, digest);
		json_add(a, json_new_string(s));
	}
	return a;
}

static void set_docker_members(
	struct store *s, struct json *o, const struct image *image, const struct strv *refs)
{
	const struct image_config *c = &image->config;
	struct json *rootfs = json_new_object();
	char digest[DIGEST_STR_MAX];

	json_set_string(o, "Id", digest_str(&image->id, digest));
	json_set_string(o, "Digest", digest_str(&image->top.digest, digest));
	json_set(o, "RepoTags", json_new_strv(refs));
	json_set(o, "RepoDigests", repo_digests(refs, image));
	json_set_string(o, "Created", or_empty(c->created));
	json_set_string(o, "Author", or_empty(c->author));
	json_set_string(o, "Architecture", c->platform.arch);
	json_set_string(o, "Os", c->platform.os);
	json_set_string(o, "Variant", c->platform.variant);
	json_set_int(o, "Size", (int64_t)image_size(s, image));
	json_set(o, "Config", docker_config(c));
	json_set_string(rootfs, "Type", "layers");
	json_set(rootfs, "Layers", diff_ids_json(c));
	json_set(o, "RootFS", rootfs);
}

/* What templates may ask for besides, of docker and podman. */
static void set_podman_members(
	struct json *fields, const struct image *image, const struct strv *refs)
{
	const struct image_config *c = &image->config;
	struct json *config = json_get(fields, "Config"), *docker = json_get(fields, "Docker");
	struct json *history = json_get(fields, "History");
	const struct json *last =
		json_size(history) ? json_at(history, json_size(history) - 1) : NULL;
	const char *comment = json_text(json_get(docker, "comment"));
	const char *version = json_text(json_get(docker, "docker_version"));

	if (!*or_empty(comment))
		comment = json_text(json_get(last, "comment"));
	json_set_string(fields, "Comment", or_empty(comment));
	json_set_string(fields, "Parent", or_empty(json_text(json_get(docker, "parent"))));
	json_set_string(fields, "DockerVersion", or_empty(version));
	json_set_string(fields, "Version", or_empty(version));
	json_set(fields, "VirtualSize", json_ref(json_get(fields, "Size")));
	json_set(fields, "Labels", json_clone(format_get(config, "Labels")));
	json_set(fields, "Annotations", json_new_map(&image->manifest.annotations));
	json_set_string(fields, "ManifestType", image->manifest_desc.media_type);
	json_set_string(fields, "User", or_empty(c->user));
	json_set(fields, "NamesHistory", json_new_strv(refs));
	json_set(fields, "HealthCheck", json_clone(format_get(config, "Healthcheck")));
}

/* --- both ------------------------------------------------------------------------------------ */

int image_json(struct store *s, const struct image *image, const struct strv *refs, const char *ref,
	struct json **ret_shown, struct json **ret_fields, struct err *err)
{
	AUTO_JSON struct json *o = json_new_object();
	AUTO_JSON struct json *ociv1 = NULL;
	AUTO_FREE char *config = image_config_dump(&image->config);
	AUTO_FREE char *manifest = NULL;
	char digest[DIGEST_STR_MAX];
	size_t n = 0;

	int r = json_parse(config, strlen(config), "config", &ociv1, err);
	if (r == 0)
		r = blob_read(s, &image->manifest_desc, MANIFEST_MAX, &manifest, &n, err);
	if (r < 0)
		return r;
	struct json *history = json_get(ociv1, "history");
	json_set_string(o, "Type", "buildah 0.0.1"); /* as of a container, with buildah */
	json_set_string(o, "FromImage", ref ? ref : refs->n ? refs->v[0] : "");
	json_set_string(o, "FromImageID", digest_hex(&image->id, digest));
	json_set_string(o, "FromImageDigest", digest_str(&image->manifest_desc.digest, digest));
	set_docker_members(s, o, image, refs);
	json_set_string(o, "Manifest", manifest);
	json_set(o, "ImageAnnotations", json_new_map(&image->manifest.annotations));
	json_set(o, "Docker", docker_json(&image->config, ociv1));
	json_set(o, "OCIv1", oci_json(ociv1));
	builder_json_fill(o, NULL);
	json_set(o, "History", history ? json_ref(history) : json_new_array());
	*ret_fields = image_fields(o);
	set_podman_members(*ret_fields, image, refs);
	/* members as docker's inspect has it, but what it prints as is what buildah has there */
	format_as_text(json_get(*ret_fields, "Config"), config);
	if (called_buildah())
		json_set_string(o, "Config", config);
	*ret_shown = take(o);
	return 0;
}

/* --- a working container --------------------------------------------------------------------- */

static int set_base(struct store *s, const struct container *c, struct json *o, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	AUTO_FREE char *manifest = NULL, *config = NULL;
	char digest[DIGEST_STR_MAX];
	size_t n;

	if (c->scratch) {
		json_set_string(o, "FromImage", "");
		json_set_string(o, "FromImageID", "");
		json_set_string(o, "FromImageDigest", "");
		json_set_string(o, "Config", "");
		json_set_string(o, "Manifest", "");
		return 0;
	}
	int r = image_load(s, &c->manifest, NULL, &image, err);
	if (r == 0)
		r = blob_read(s, &image.manifest_desc, MANIFEST_MAX, &manifest, &n, err);
	if (r == 0)
		r = blob_read(s, &image.manifest.config, CONFIG_MAX, &config, &n, err);
	if (r < 0)
		return r;
	AUTO_FREE char *short_id = xasprintf("%.12s", digest_hex(&c->image_id, digest));
	json_set_string(o, "FromImage", *c->image_name ? c->image_name : short_id);
	json_set_string(o, "FromImageID", digest);
	json_set_string(o, "FromImageDigest", digest_str(&c->manifest.digest, digest));
	json_set_string(o, "Config", config);
	json_set_string(o, "Manifest", manifest);
	return 0;
}

/* What only Docker's config has a place for. */
static void set_docker_only(const struct container *c, struct json *docker)
{
	static const char *const configs[] = {"config", "container_config"};

	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		struct json *config = json_get(docker, configs[i]);
		json_set_string(config, "Hostname", or_empty(c->hostname));
		json_set_string(config, "Domainname", or_empty(c->domainname));
	}
	json_set_string(docker, "comment", c->comment);
}

int container_json(struct store *s, const struct container *c, const char *mount_point,
	struct json **ret_shown, struct json **ret_fields, struct err *err)
{
	AUTO_JSON struct json *o = json_new_object();
	AUTO_JSON struct json *ociv1 = NULL;
	AUTO_FREE char *config = image_config_dump(&c->config);
	char digest[DIGEST_STR_MAX];

	json_set_string(o, "Type", "buildah 0.0.1"); /* what scripts compare it with */
	int r = set_base(s, c, o, err);
	if (r == 0)
		r = json_parse(config, strlen(config), "config", &ociv1, err);
	if (r < 0)
		return r;
	struct json *history = json_get(ociv1, "history");
	struct json *docker = docker_json(&c->config, ociv1);
	json_set_string(o, "Container", c->name);
	json_set_string(o, "ContainerID", c->id);
	json_set_string(o, "MountPoint", mount_point);
	json_set(o, "ImageAnnotations", json_new_map(&c->annotations));
	json_set_string(o, "ImageCreatedBy", or_empty(c->created_by));
	json_set_string(o, "ImageHistoryComment", or_empty(c->history_comment));
	set_docker_only(c, docker);
	json_set(o, "OCIv1", oci_json(ociv1));
	json_set(o, "Docker", docker);
	builder_json_fill(o, c);
	json_set(o, "Options", json_new_strv(&c->options));
	json_set(o, "History", history ? json_ref(history) : json_new_array());
	*ret_fields = image_fields(o);
	/* docker's and podman's names of the same */
	json_set_string(*ret_fields, "Id", c->id);
	json_set_string(*ret_fields, "Image", c->scratch ? "" : digest_hex(&c->image_id, digest));
	json_set_string(*ret_fields, "Name", c->name);
	json_set_string(*ret_fields, "ImageName", c->image_name);
	*ret_shown = take(o);
	return 0;
}
