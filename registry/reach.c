/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a push has a chance, asked before what is to be pushed is made. */
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/config.h"
#include "registry/location.h"
#include "registry/login.h"
#include "registry/offline.h"
#include "registry/remote.h"
#include "registry/sink.h"

/* The request that a push begins with. Whether there is something of the name does not matter, nor
 * what a registry says of a repository that the push would make: only that it answers, and knows
 * who asks. */
static int ask_registry(const char *name, const struct remote_opts *o, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_REMOTE struct remote *remote = NULL;
	if (reference_parse(name, &ref, err) < 0)
		return err->code;
	reference_default_tag(&ref);
	AUTO_FREE char *full = reference_str(&ref);
	if (offline_check(full, err) < 0 || remote_open(o, &remote, err) < 0)
		return err->code;
	struct json *j = json_new_object();
	json_set_string(j, "op", "has_manifest");
	json_set_string(j, "ref", full);
	int r = remote_call(remote, j, -1, NULL, err);
	if (r < 0 && r != ERR_AUTH && r != ERR_NETWORK) {
		err_clear(err);
		r = 0;
	}
	return r;
}

/* Blocked, or not allowed: what the configuration alone says. */
static int check_places(const char *name, const struct remote_opts *o, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_REGISTRIES struct registries conf = {0};
	AUTO_PLACES struct places places = {0};
	int r = reference_parse(name, &ref, err);
	if (r == 0)
		r = registries_load(o->registries_conf, o->registries_conf_dir, &conf, err);
	reference_default_tag(&ref);
	return r < 0 ? r : registries_places(&conf, &ref, PLACES_WRITE, &places, err);
}

int image_push_may(const char *location, const struct remote_opts *o, struct err *err)
{
	enum transport transport;
	const char *rest;
	int r = location_parse(location, &transport, &rest, err);
	if (r < 0)
		return err_wrap(err, "cannot push to %s", location);
	const char *name = transport == TRANSPORT_DIR ? NULL : strchr(rest, ':');
	AUTO_FREE char *path = name ? xstrndup(rest, (size_t)(name - rest)) : xstrdup(rest);
	switch (transport) {
	case TRANSPORT_REGISTRY:
		r = check_places(rest, o, err);
		break;
	case TRANSPORT_DIR:
		r = sink_dir_may(path, err);
		break;
	case TRANSPORT_OCI:
		r = fs_check_dir(path, err);
		break;
	case TRANSPORT_OCI_ARCHIVE:
		r = fs_check_output(path, err);
		break;
	case TRANSPORT_DOCKER_ARCHIVE:
		r = sink_docker_archive_may(path, err);
		break;
	case TRANSPORT_DOCKER_DAEMON:
		break;
	}
	return r < 0 ? err_wrap(err, "cannot push to %s", location) : 0;
}

int image_push_check(const char *location, const struct remote_opts *o, struct err *err)
{
	enum transport transport;
	const char *rest;
	if (image_push_may(location, o, err) < 0)
		return err->code;
	int r = location_parse(location, &transport, &rest, err);
	if (r == 0 && transport == TRANSPORT_REGISTRY)
		r = ask_registry(rest, o, err);
	return r < 0 ? err_wrap(err, "cannot push to %s", location) : 0;
}

int registry_check(const char *registry, const struct remote_opts *o, size_t place,
	struct json **ret, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_REMOTE struct remote *remote = NULL;
	/* settings are found by a name below the registry */
	AUTO_FREE char *name =
		strchr(registry, '/') ? xstrdup(registry) : xasprintf("%s/check", registry);
	if (reference_parse(name, &ref, err) < 0 || offline_check(registry, err) < 0 ||
		remote_open(o, &remote, err) < 0)
		return err->code;
	struct json *j = json_new_object();
	json_set_string(j, "op", "check");
	json_set_string(j, "ref", name);
	json_set_int(j, "size", (int64_t)place);
	return remote_call(remote, j, -1, ret, err);
}
