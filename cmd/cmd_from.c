/* SPDX-License-Identifier: Apache-2.0 */
/* from: a working container. */
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "cmd/global.h"
#include "cmd/image_get.h"
#include "cmd/onbuild.h"
#include "cmd/opt_groups.h"
#include "cmd/space.h"
#include "run/spec.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store.h"

#define BASE_NAME "org.opencontainers.image.base.name"
#define BASE_DIGEST "org.opencontainers.image.base.digest"

struct from_args {
	const char *name, *suffix, *cidfile, *format, *pull;
	bool pull_always, pull_never, quiet;
	int http_proxy; /* -1: not said */
	struct strv volumes;
	struct box_args box;
	struct space_args space;
	struct remote_args remote;
	struct platform_args platform;
};

static const struct opt from_options[] = {
	OPT_STRING(0, "cidfile", struct from_args, cidfile),
	OPT_STRING('f', "format", struct from_args, format),
	OPT_TRISTATE(0, "http-proxy", struct from_args, http_proxy),
	OPT_STRING(0, "name", struct from_args, name),
	OPT_MAYBE_STRING(0, "pull", struct from_args, pull, "always"),
	OPT_BOOL(0, "pull-always", struct from_args, pull_always),
	OPT_BOOL(0, "pull-never", struct from_args, pull_never),
	OPT_BOOL('q', "quiet", struct from_args, quiet),
	OPT_STRING(0, "suffix", struct from_args, suffix),
	OPT_STRV('v', "volume", struct from_args, volumes),
	OPT_GROUP(box_options, struct from_args, box),
	OPT_GROUP(space_options, struct from_args, space),
	OPT_GROUP(remote_options, struct from_args, remote),
	OPT_UINT(0, "layer-ratio", struct from_args, remote.layer_ratio),
	OPT_GROUP(platform_options, struct from_args, platform),
	OPT_STRV(0, "decryption-key", struct from_args, remote.decryption_keys),
	OPT_STRING(0, "signature-policy", struct from_args, remote.signature_policy),
	OPT_STRING(0, "blob-cache", struct from_args, remote.blob_cache),
	OPT_END,
};

static void from_init(void *args)
{
	struct from_args *a = args;
	a->http_proxy = -1;
	remote_args_init(&a->remote);
}

static const char *policy(const struct from_args *a)
{
	if (a->pull_always)
		return "always";
	if (a->pull_never)
		return "never";
	return a->pull;
}

/* What is said here holds for each run: it is checked now, and kept as words of that command. */
static int keep_options(const struct from_args *a, struct strv *ret, struct err *err)
{
	struct run_spec spec;

	run_spec_init(&spec);
	int r = box_args_apply(&a->box, &spec, err);
	if (r == 0)
		r = space_args_apply(&a->space, &spec, err);
	run_spec_done(&spec);
	opt_words(box_options, &a->box, ret);
	opt_words(space_options, &a->space, ret);
	STRV_FOREACH (v, &a->volumes)
		strv_addf(ret, "--volume=%s", *v);
	if (a->http_proxy >= 0)
		strv_addf(ret, "--http-proxy=%s", a->http_proxy ? "true" : "false");
	return r;
}

/* An image that was found by its ID is called by one of its names. */
static int find_name(struct store *s, const struct image *image, char **ret, struct err *err)
{
	struct names names;

	int r = *ret ? 0 : names_list_all(s, &names, err);
	if (r < 0 || *ret)
		return r;
	for (size_t i = 0; i < names.count && !*ret; i++)
		if (names.n[i].ref && digest_equal(&names.n[i].manifest.digest, &image->top.digest))
			*ret = xstrdup(names.n[i].ref);
	names_done(&names);
	return 0;
}

/* What comes from a location without saying its name is called by the transport. */
static char *stem_of(const char *text, const char *image_name)
{
	static const char *const transports[] = {"dir", "oci", "oci-archive", "docker-archive"};
	size_t n = strcspn(text, ":");

	for (size_t i = 0; i < ARRAY_LEN(transports); i++)
		if (text[n] == ':' && strlen(transports[i]) == n &&
			!strncmp(text, transports[i], n) && (i == 0 || !*image_name))
			return xstrdup(transports[i]);
	/* buildah takes the port of a registry for the tag */
	size_t host = strcspn(image_name, ":/");
	return called_buildah() && image_name[host] == ':' && strchr(image_name + host, '/')
	               ? xstrndup(image_name, host)
	               : NULL;
}

/* --arch and its like say what an image made of nothing will be for. */
static int create_empty(struct store *s, struct txn *t, const struct from_args *a,
	const struct container_naming *naming, struct container *c, struct err *err)
{
	struct platform platform;
	bool given;

	int r = platform_args_get(&a->platform, &platform, &given, err);
	if (r < 0)
		return r;
	r = container_create(s, t, NULL, naming, c, err);
	if (r < 0 || !given)
		return r;
	c->config.platform = platform;
	return container_save(c, err);
}

static int create(struct app *app, struct store *s, struct txn *t, const struct from_args *a,
	const char *text, struct container *c, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	const struct image_get_args get = {.pull = policy(a),
		.platform = &a->platform,
		.remote = &a->remote,
		.quiet = a->quiet};
	const char *said = a->name && *a->name ? a->name : NULL; /* --name "$NAME", as buildah */
	struct container_naming naming = {.name = said, .suffix = a->suffix};
	char digest[DIGEST_STR_MAX];

	if (streq(text, "scratch"))
		return create_empty(s, t, a, &naming, c, err);
	int r = image_get(app, s, &get, text, &image, &c->image_name, err);
	if (r == 0)
		r = find_name(s, &image, &c->image_name, err);
	if (r < 0)
		return r;
	map_set(&c->annotations, BASE_DIGEST, digest_str(&image.manifest_desc.digest, digest));
	map_set(&c->annotations, BASE_NAME, c->image_name ? c->image_name : "");
	AUTO_FREE char *stem = stem_of(text, c->image_name ? c->image_name : "");
	naming.stem = stem;
	return container_create(s, t, &image, &naming, c, err);
}

/* *ret_triggers: ONBUILD of the image, which its children do not have. */
static int make(struct app *app, struct from_args *a, const char *text, char **ret_name,
	char **ret_id, struct strv *ret_triggers, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *t = NULL;
	AUTO_CONTAINER struct container c;

	container_init(&c);
	int r = global_fill_box(app, &a->box, &a->space, &a->volumes, err);
	if (r == 0)
		r = keep_options(a, &c.options, err);
	if (r == 0)
		r = format_is_docker(a->format, &c.docker, err);
	if (r == 0)
		r = app_store(app, 0, &s, err);
	if (r == 0)
		r = txn_begin(s, &t, err);
	if (r == 0)
		r = create(app, s, t, a, text, &c, err);
	if (r == 0 && c.config.on_build.n) {
		strv_copy(ret_triggers, &c.config.on_build);
		strv_done(&c.config.on_build);
		r = container_save(&c, err);
	}
	if (r < 0)
		return r;
	*ret_name = xstrdup(c.name);
	*ret_id = xstrdup(c.id);
	return 0;
}

static int from_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct from_args *a = args;
	AUTO_FREE char *name = NULL, *id = NULL;
	AUTO_STRV struct strv triggers = STRV_INIT;

	int r = remote_args_check_authfile(&a->remote, err);
	if (r == 0)
		r = make(app, a, rest->v[0], &name, &id, &triggers, err);
	if (r == 0)
		r = onbuild_run(app, name, &triggers, a->quiet, err);
	if (r == 0 && a->cidfile)
		r = fs_write_output(a->cidfile, id, strlen(id), 0644, false, err);
	if (r == 0)
		out_printf(&app->out, "%s\n", name);
	return r;
}

const struct cmd cmd_from = {
	.name = "from",
	.options = from_options,
	.args_size = sizeof(struct from_args),
	.min_args = 1,
	.max_args = 1,
	.flags = CMD_USERNS | CMD_AGAIN | CMD_BUILDAH_WORDS,
	.init = from_init,
	.run = from_run,
};
