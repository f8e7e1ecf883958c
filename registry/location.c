/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/location.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/reference.h"
#include "registry/transport.h"
#include "registry/url.h"

static const struct {
	const char *prefix;
	enum transport transport;
} prefixes[] = {
	{"docker://", TRANSPORT_REGISTRY},
	{"oci-archive:", TRANSPORT_OCI_ARCHIVE},
	{"oci:", TRANSPORT_OCI},
	{"docker-archive:", TRANSPORT_DOCKER_ARCHIVE},
	{"docker-daemon:", TRANSPORT_DOCKER_DAEMON},
	{"dir:", TRANSPORT_DIR},
};
/* Transports of other tools, refused by name: "ostree:x" would otherwise be taken for a
 * registry's name with a tag. */
static const char *const foreign[] = {
	"containers-storage:", "ostree:", "sif:", "atomic:", "docker:"};

int location_parse(
	const char *location, enum transport *ret, const char **ret_rest, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (!str_has_prefix(location, prefixes[i].prefix))
			continue;
		*ret = prefixes[i].transport;
		*ret_rest = location + strlen(prefixes[i].prefix);
		return **ret_rest ? 0
		                  : err_set(err, ERR_INVALID,
					    "'%s' names nothing after its transport", location);
	}
	if (str_has_prefix(location, "https://") || str_has_prefix(location, "http://")) {
		AUTO_FREE char *shown = url_shown(location, false);
		return err_set(err, ERR_INVALID,
			"'%s' is no name of an image: write it without the scheme", shown);
	}
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
		if (str_has_prefix(location, foreign[i]) &&
			(location[strlen(foreign[i])] == '/' || i + 1 < ARRAY_LEN(foreign)))
			return err_set(err, ERR_UNSUPPORTED,
				"transport of '%s' is not supported; docker://, oci:, "
				"oci-archive:, docker-archive:, docker-daemon: and dir: are",
				location);
	*ret = TRANSPORT_REGISTRY;
	*ret_rest = location;
	return 0;
}

bool location_is_elsewhere(const char *location)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_has_prefix(location, prefixes[i].prefix))
			return true;
	return false;
}

const char *transport_name(enum transport transport)
{
	static const char *const names[] = {[TRANSPORT_REGISTRY] = "docker",
		[TRANSPORT_OCI] = "oci",
		[TRANSPORT_OCI_ARCHIVE] = "oci-archive",
		[TRANSPORT_DOCKER_ARCHIVE] = "docker-archive",
		[TRANSPORT_DOCKER_DAEMON] = "docker-daemon",
		[TRANSPORT_DIR] = "dir"};
	return names[transport];
}

void location_split(const char *rest, char **ret_path, char **ret_name)
{
	const char *colon = strchr(rest, ':'), *digest = strstr(rest, "@sha256:");
	if (!digest)
		digest = strstr(rest, "@sha512:");
	*ret_name = NULL;
	if (digest && access(rest, F_OK) < 0) {
		*ret_path = xstrndup(rest, (size_t)(digest - rest));
		*ret_name = xstrdup(digest);
		/* a tag beside it says nothing more */
		if (colon && colon < digest && access(*ret_path, F_OK) < 0)
			(*ret_path)[colon - rest] = '\0';
		return;
	}
	if (!colon || access(rest, F_OK) == 0) {
		*ret_path = xstrdup(rest);
		return;
	}
	*ret_path = xstrndup(rest, (size_t)(colon - rest));
	if (colon[1])
		*ret_name = xstrdup(colon + 1);
}

size_t location_number(const char *name)
{
	uint64_t n;
	return name && *name == '@' && num_u64(name + 1, UINT32_MAX, &n) ? (size_t)n : SIZE_MAX;
}

void location_store_name(const char *path, const char *name, struct strv *ret)
{
	AUTO_FREE char *text = NULL;
	if (!name) {
		AUTO_FREE char *clean = path_clean_rel(path);
		text = xasprintf("localhost/%s", clean);
	} else if (strpbrk(name, "/:")) {
		text = xstrdup(name);
	} else if (!path) {
		text = xasprintf("localhost/%s", name);
	} else if (called_buildah()) {
		text = xasprintf("docker.io/library/%s", name);
	} else {
		/* A bare tag, as umoci and skopeo write them: the directory's name says what of. */
		AUTO_FREE char *clean = path_clean(path);
		text = xasprintf("localhost/%s:%s", path_base(clean), name);
	}
	AUTO_REFERENCE struct reference ref = {0};
	struct err ignored = ERR_INIT;
	if (reference_parse_local(text, &ref, &ignored) == 0)
		strv_add_take(ret, reference_str(&ref));
}
