/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/build_args.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/called.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "build/build.h"
#include "cmd/cmd.h"
#include "cmd/global.h"
#include "cmd/identity.h"
#include "cmd/moment.h"
#include "cmd/push.h"
#include "layers/apply.h"

const struct opt build_options[] = {
	OPT_BOOL(0, "all-platforms", struct build_args, all_platforms),
	OPT_STRV(0, "allow", struct build_args, allow),
	OPT_STRV(0, "build-arg", struct build_args, build_args),
	OPT_STRV(0, "build-context", struct build_args, build_contexts),
	OPT_STRV(0, "cache-from", struct build_args, cache_from),
	OPT_STRV(0, "cache-to", struct build_args, cache_to),
	OPT_STRING(0, "cache-ttl", struct build_args, cache_ttl),
	OPT_STRING(0, "call", struct build_args, call),
	OPT_BOOL(0, "check", struct build_args, check),
	OPT_BOOL(0, "explain-cache", struct build_args, explain_cache),
	OPT_STRV('f', "file", struct build_args, files),
	OPT_STRING(0, "ignorefile", struct build_args, ignorefile),
	OPT_UINT('j', "jobs", struct build_args, jobs),
	OPT_STRV(0, "label", struct build_args, labels),
	OPT_BOOL(0, "no-cache", struct build_args, no_cache),
	OPT_STRV(0, "no-cache-filter", struct build_args, no_cache_filter),
	OPT_STRV(0, "os-feature", struct build_args, os_features),
	OPT_STRING(0, "os-version", struct build_args, os_version),
	OPT_STRING(0, "print", struct build_args, print),
	OPT_STRING(0, "progress", struct build_args, progress),
	OPT_MAYBE_STRING(0, "pull", struct build_args, pull, "always"),
	OPT_BOOL(0, "pull-always", struct build_args, pull_always),
	OPT_BOOL(0, "pull-never", struct build_args, pull_never),
	OPT_BOOL('q', "quiet", struct build_args, quiet),
	OPT_BOOL(0, "rewrite-timestamp", struct build_args, rewrite_timestamp),
	OPT_STRV(0, "secret", struct build_args, secrets),
	OPT_STRING(0, "source-date-epoch", struct build_args, epoch),
	OPT_STRV(0, "ssh", struct build_args, ssh),
	OPT_STRV('t', "tag", struct build_args, tags),
	OPT_STRING(0, "target", struct build_args, target),
	OPT_STRING(0, "timestamp", struct build_args, timestamp),
	OPT_GROUP(box_options, struct build_args, box),
	OPT_GROUP(extra_options, struct build_args, extra),
	OPT_GROUP(space_options, struct build_args, extra.space),
	OPT_GROUP(left_options, struct build_args, left),
	OPT_GROUP(limit_options, struct build_args, limit),
	OPT_GROUP(output_options, struct build_args, output),
	OPT_GROUP(platform_options, struct build_args, platform),
	OPT_GROUP(remote_options, struct build_args, remote),
	OPT_UINT(0, "layer-ratio", struct build_args, remote.layer_ratio),
	OPT_GROUP(usage_options, struct build_args, usage),
	OPT_STRV(0, "decryption-key", struct build_args, remote.decryption_keys),
	OPT_STRING(0, "signature-policy", struct build_args, remote.signature_policy),
	OPT_STRING(0, "blob-cache", struct build_args, remote.blob_cache),
	OPT_END,
};

void build_args_init(void *args)
{
	struct build_args *a = args;
	a->jobs = called_buildah(); /* its default is 1 */
	left_args_init(&a->left);
	extra_args_init(&a->extra);
	output_args_init(&a->output);
	remote_args_init(&a->remote);
}

/* "NAME=value"; "NAME" has no value of its own. */
static int add_pairs(const struct strv *words, const char *option, bool need_value, struct map *ret,
	struct err *err)
{
	for (size_t i = 0; i < words->n; i++) {
		const char *eq = strchr(words->v[i], '=');
		AUTO_FREE char *name = eq ? xstrndup(words->v[i], (size_t)(eq - words->v[i]))
		                          : xstrdup(words->v[i]);
		if (!*name)
			return err_set(err, ERR_INVALID, "option '--%s': '%s' has no name", option,
				words->v[i]);
		map_set(ret, name, eq ? eq + 1 : need_value ? "" : NULL);
	}
	return 0;
}

/* --label wins over --identity-label, and --unsetlabel, too. */
static int set_labels(const struct build_args *a, struct build_opts *o, struct err *err)
{
	const char *identity =
		strv_has(&a->extra.unset_labels, IDENTITY_LABEL)
			? NULL
			: identity_label(a->output.identity_label, a->timestamp || a->epoch);

	o->reshaped = a->labels.n > 0;
	if (identity)
		map_set(&o->labels, IDENTITY_LABEL, identity);
	/* an image of a step is what a build of no more instructions makes */
	if (identity && !map_has(&o->layer_labels, IDENTITY_LABEL))
		map_set(&o->layer_labels, IDENTITY_LABEL, identity);
	return add_pairs(&a->labels, "label", true, &o->labels, err);
}

/* In order: --timestamp, --source-date-epoch, --build-arg SOURCE_DATE_EPOCH, the environment. */
static int set_epoch(const struct build_args *a, struct build_opts *o, struct err *err)
{
	const char *text = a->timestamp, *from = "option '--timestamp'";
	o->force = text != NULL;
	if (a->timestamp && a->epoch)
		return err_set(err, ERR_INVALID,
			"'--timestamp' cannot be combined with '--source-date-epoch': give one of "
			"them");
	if (!text) {
		text = a->epoch;
		from = "option '--source-date-epoch'";
	}
	if (!text && map_has(&o->build_args, "SOURCE_DATE_EPOCH")) {
		text = map_get(&o->build_args, "SOURCE_DATE_EPOCH");
		from = "option '--build-arg SOURCE_DATE_EPOCH'";
		if (text && (streq(text, "") || streq(text, "context")))
			return 0; /* BuildKit: unset; the time of a git context */
	}
	if (!text) {
		text = getenv("SOURCE_DATE_EPOCH");
		from = "SOURCE_DATE_EPOCH";
	}
	o->has_epoch = text && (*text || a->timestamp);
	if (o->has_epoch && moment_epoch(text, from, &o->epoch, err) < 0)
		return err->code;
	if (o->has_epoch && !map_has(&o->build_args, "SOURCE_DATE_EPOCH"))
		map_set(&o->build_args, "SOURCE_DATE_EPOCH", text);
	return 0;
}

static int set_pull(const struct build_args *a, struct build_opts *o, struct err *err)
{
	o->pull.policy = PULL_MISSING;
	if (a->pull && !pull_policy_parse(a->pull, &o->pull.policy))
		return err_set(err, ERR_INVALID,
			"option '--pull': '%s' is not one of 'always', 'missing', 'never', 'newer'",
			a->pull);
	/* docker, and buildah once: what is meant when nothing is said, not what --pull=never means
	 */
	if (a->pull && o->pull.policy == PULL_NEVER && strcasecmp(a->pull, "never") != 0 &&
		!called_buildah())
		o->pull.policy = PULL_MISSING;
	if (a->pull_always)
		o->pull.policy = PULL_ALWAYS;
	if (a->pull_never)
		o->pull.policy = PULL_NEVER;
	return 0;
}

/* As buildah: nothing is younger than 0. */
static int set_cache_ttl(const char *text, struct build_opts *o, struct err *err)
{
	if (!text)
		return 0;
	if (!num_duration(text, &o->cache_ttl_ns) || o->cache_ttl_ns < 0)
		return err_set(err, ERR_INVALID,
			"option '--cache-ttl': '%s' is not a duration such as '24h' or '90m'",
			text);
	o->has_cache_ttl = true;
	if (o->cache_ttl_ns == 0) {
		log_debug("Setting --no-cache=true: nothing is younger than --cache-ttl=%s", text);
		o->no_cache = true;
	}
	return 0;
}

/* What a Containerfile may ask for and only the user can grant. */
static int set_allow(const struct strv *words, struct build_opts *o, struct err *err)
{
	/* buildah knows no consent: RUN --network=host has it */
	o->allow_host_network = called_buildah();
	STRV_FOREACH (w, words) {
		if (streq(*w, "security.insecure"))
			o->allow_insecure = true;
		else if (streq(*w, "network.host"))
			o->allow_host_network = true;
		else if (!streq(*w, "device") && !str_has_prefix(*w, "device="))
			/* devices by name (CDI) are not known: RUN --device is refused anyway */
			return err_set(err, ERR_INVALID,
				"option '--allow': '%s' is not one of 'network.host', "
				"'security.insecure', 'device'",
				*w);
	}
	return 0;
}

static int set_platforms(const struct build_args *a, struct build_opts *o, struct err *err)
{
	o->all_platforms = a->all_platforms;
	o->os_version = a->os_version;
	strv_copy(&o->os_features, &a->os_features);
	if (platform_args_list(&a->platform, &o->platforms, err) < 0)
		return err->code;
	if (o->all_platforms && o->platforms.n)
		return err_set(
			err, ERR_INVALID, "'--all-platforms' cannot be combined with a platform");
	if (o->os_version &&
		(!*o->os_version || strlen(o->os_version) >= sizeof(o->platforms.p->os_version)))
		return err_set(err, ERR_INVALID, "option '--os-version': '%s' is not a version",
			o->os_version);
	return 0;
}

/* A Containerfile in place of a directory is that of its directory, as buildah has it. */
static int set_context(const struct strv *rest, struct build_opts *o, struct err *err)
{
	struct stat st;
	char *path = rest->n ? rest->v[0] : NULL;

	o->context = path ? path : ".";
	if (!path || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	struct err ignored = ERR_INIT;
	bool is_tar = false;
	AUTO_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && archive_probe(fd, &is_tar, &ignored) == 0 && is_tar)
		return err_set(err, ERR_INVALID,
			"the context '%s' is an archive: unpack it, or build it with 'mica build - "
			"<%s'",
			path, path);
	if (o->files.n)
		return 0;
	strv_add(&o->files, path);
	char *slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = '\0';
	else
		o->context = ".";
	return 0;
}

/* buildah without layers has no cache, and makes one layer of what the build adds. */
static int set_layers(struct build_args *a, struct build_opts *o, struct err *err)
{
	bool layers, asked;
	if (extra_args_layers(&a->extra, &layers, &asked, err) < 0 ||
		add_pairs(&a->output.layer_labels, "layer-label", true, &o->layer_labels, err) < 0)
		return err->code;
	o->keep_steps = layers && asked;
	o->comment = a->comment;
	o->no_cache = a->no_cache || !layers;
	/* and its --squash takes what is below, too */
	a->output.squash_all |= a->output.squash && called_buildah();
	a->output.squash |= !layers;
	o->one_layer = !layers;
	return 0;
}

/* Names in the store: what is a place elsewhere is an output. */
static void set_tags(const struct build_args *a, struct build_opts *o)
{
	static const char here[] = "containers-storage:";
	STRV_FOREACH (tag, &a->tags)
		if (!location_is_elsewhere(*tag))
			strv_add(&o->tags, *tag + (str_has_prefix(*tag, here) ? strlen(here) : 0));
}

/* A script's variable that is not set: as if the option were not there, as docker has it. */
static void forget_empty(struct build_args *a)
{
	struct strv *const lists[] = {&a->secrets, &a->ssh, &a->cache_from, &a->cache_to,
		&a->build_contexts, &a->box.add_hosts, &a->output.outputs, &a->output.annotations,
		&a->files};
	const char **const files[] = {&a->output.iidfile, &a->output.metadata_file, &a->usage.file};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = lists[i]->n; k-- > 0;)
			if (!*lists[i]->v[k])
				strv_remove(lists[i], k);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (*files[i] && !**files[i])
			*files[i] = NULL;
}

int build_args_apply(struct app *app, struct build_args *a, const struct strv *rest,
	struct build_opts *o, struct err *err)
{
	forget_empty(a);
	if (usage_check(&a->usage, err) < 0)
		return err->code;
	strv_copy(&o->files, &a->files);
	set_tags(a, o);
	strv_copy(&o->secrets, &a->secrets);
	strv_copy(&o->ssh, &a->ssh);
	strv_copy(&o->cache_from, &a->cache_from);
	strv_copy(&o->cache_to, &a->cache_to);
	STRV_FOREACH (names, &a->no_cache_filter)
		strv_split(&o->no_cache_stages, *names, ',');
	o->target = a->target;
	o->explain = a->explain_cache;
	o->ignore_file = a->ignorefile;
	o->jobs = a->jobs > 1024 ? 1024 : (unsigned)a->jobs;
	o->box.network = RUN_NETWORK_PRIVATE;
	if (global_fill_box(app, &a->box, &a->extra.space, &a->extra.volumes, err) < 0 ||
		conf_fill_network(&app->conf, &a->box, err) < 0)
		return err->code;
	strv_copy(&o->devices, &a->box.devices);
	if (remote_args_apply(app, &a->remote, &o->pull.remote, err) < 0 ||
		set_platforms(a, o, err) < 0 || box_args_apply(&a->box, &o->box, err) < 0 ||
		set_layers(a, o, err) < 0 || extra_args_apply(&a->extra, &app->conf, o, err) < 0 ||
		add_pairs(&a->build_args, "build-arg", false, &o->build_args, err) < 0 ||
		add_pairs(&a->extra.secret_args, "build-arg-secret", false, &o->secret_args, err) <
			0 ||
		buildkit_args_apply(o, err) < 0 ||
		add_pairs(&a->build_contexts, "build-context", false, &o->contexts, err) < 0 ||
		set_labels(a, o, err) < 0 || set_epoch(a, o, err) < 0 || set_pull(a, o, err) < 0 ||
		set_allow(&a->allow, o, err) < 0 || set_cache_ttl(a->cache_ttl, o, err) < 0 ||
		limit_args_apply(&a->limit, o, err) < 0 ||
		left_args_apply(&a->left, app, o, err) < 0)
		return err->code;
	if (o->box.net_fd >= 0)
		map_set(&o->spaces, "network", space_path(a->box.network));
	o->n_ulimits = o->box.n_rlimits;
	return set_context(rest, o, err);
}
