/* SPDX-License-Identifier: Apache-2.0 */
/* Which place a location means, and what the pull policy says about asking it. */
#include "registry/transport.h"

#include <stdlib.h>
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/progress.h"
#include "base/strv.h"
#include "image/reference.h"
#include "registry/config.h"
#include "registry/here.h"
#include "registry/location.h"
#include "registry/policy.h"
#include "registry/pull.h"
#include "registry/remote.h"
#include "registry/source.h"
#include "registry/verify.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store.h"

bool pull_policy_parse(const char *s, enum pull_policy *ret)
{
	static const struct {
		const char *word;
		enum pull_policy policy;
	} words[] = {{"missing", PULL_MISSING}, {"ifmissing", PULL_MISSING},
		{"ifnotpresent", PULL_MISSING}, {"always", PULL_ALWAYS}, {"true", PULL_ALWAYS},
		{"1", PULL_ALWAYS}, {"never", PULL_NEVER}, {"false", PULL_NEVER}, {"0", PULL_NEVER},
		{"newer", PULL_NEWER}, {"ifnewer", PULL_NEWER}};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(s, words[i].word) == 0) {
			*ret = words[i].policy;
			return true;
		}
	}
	return false;
}

void pulled_done(struct pulled *p)
{
	descriptor_done(&p->top);
	free(p->ref);
	strv_done(&p->others);
	if (p->image)
		image_done(p->image);
	free(p->image);
	*p = (struct pulled){0};
}

/* --- registries --- */

/* Whether what the registry has under this name is what we have. The header's digest is a hint:
 * believing a wrong one keeps what we have. */
static int is_unchanged(struct remote *remote, const char *ref, const struct descriptor *have,
	bool *ret, struct err *err)
{
	struct json *j = json_new_object();
	AUTO_JSON struct json *reply = NULL;
	char text[DIGEST_STR_MAX];
	json_set_string(j, "op", "manifest");
	json_set_string(j, "ref", ref);
	json_set(j, "head", json_new_bool(true));
	int r = remote_call(remote, j, -1, &reply, err);
	if (r < 0)
		return r;
	const char *there = json_text(json_get(reply, "digest"));
	const char *index = map_get(&have->annotations, ANNOTATION_INDEX_DIGEST);
	*ret = there &&
	       (streq(there, digest_str(&have->digest, text)) || (index && streq(there, index)));
	return 0;
}

/* What is here serves the platform that was asked for, but was made for a lesser one: the index
 * that it came from may have the very one. */
static bool may_be_better(const struct pulled *here, const struct pull_opts *o)
{
	struct platform want = o->platform, have;

	if (!o->has_platform || !here->image ||
		!map_has(&here->top.annotations, ANNOTATION_INDEX_DIGEST))
		return false;
	have = here->image->config.platform;
	platform_normalise(&want);
	platform_normalise(&have);
	return *want.variant && *have.variant && !streq(want.variant, have.variant);
}

static int pull_name(struct store *s, struct txn *t, struct remote *remote, const char *name,
	const struct pull_opts *o, struct pulled *ret, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_SOURCE struct source *source = NULL;
	AUTO_TRUST struct trust trust = {.image = &ref};
	int r = reference_parse(name, &ref, err);
	if (r < 0)
		return r;
	reference_default_tag(&ref);
	r = policy_check(o->remote.signature_policy, "docker", &ref, NULL, &trust.demands, err);
	if (r < 0)
		return r;
	AUTO_FREE char *full = reference_str(&ref);
	AUTO_FREE char *told = xasprintf("Trying to pull %s...", full);
	progress_say(o->progress, told);
	struct pulled here = {0};
	/* what is here may have come without a signature */
	if (!o->all_platforms && !trust.demands.n && here_find(s, full, o, &here, err) == 0) {
		/* a digest means the same content at any time; who wants to know whether the
		 * registry has it still asks */
		bool unchanged = ref.has_digest && (o->policy == PULL_MISSING || here_only(o));
		r = unchanged ? 0 : is_unchanged(remote, full, &here.top, &unchanged, err);
		/* --pull=newer without an answer goes on with what is here, as buildah does */
		unchanged = unchanged && !may_be_better(&here, o);
		if (r == 0 ? unchanged : o->policy == PULL_NEWER) {
			err_clear(err);
			*ret = here;
			return here_unpack(s, o, ret, err);
		}
		pulled_done(&here);
		if (r < 0)
			return r;
	}
	err_clear(err);
	r = source_registry(remote, &ref, &source, err);
	if (r == 0)
		r = pull_from(
			s, t, source, ref.has_digest ? &ref.digest : NULL, &trust, o, ret, err);
	return r;
}

static bool is_short(const char *text)
{
	AUTO_REFERENCE struct reference ref = {0};
	struct err ignored = ERR_INIT;
	return reference_parse(text, &ref, &ignored) == 0 && ref.was_short;
}

/* A short name that was built here is that image: another registry's of the name is not asked for,
 * as anybody could have put it there. */
static bool is_made_here(struct store *s, const char *text)
{
	AUTO_FREE char *name = xasprintf("localhost/%s", text), *ref = NULL;
	struct descriptor top = {0};
	struct err ignored = ERR_INIT;

	if (image_find_named(s, name, &top, &ref, &ignored) < 0)
		return false;
	descriptor_done(&top);
	return ref != NULL;
}

static int candidates(struct store *s, const char *text, const struct pull_opts *o,
	struct strv *ret, struct err *err)
{
	AUTO_REGISTRIES struct registries conf = {0};
	AUTO_REFERENCE struct reference ref = {0};
	int r = reference_parse(text, &ref, err);
	if (r < 0)
		return r;
	if (!ref.was_short) {
		strv_add(ret, text);
		return 0;
	}
	if (is_made_here(s, text)) {
		strv_addf(ret, "localhost/%s", text);
		return 0;
	}
	r = registries_load(o->remote.registries_conf, o->remote.registries_conf_dir, &conf, err);
	if (r == 0)
		r = registries_aliases(&conf, o->remote.short_name_aliases, err);
	return r < 0 ? r : registries_short_names(&conf, text, ret, err);
}

/* Called buildah, in the words that its scripts look for: what the name became is in them. */
static int not_pulled(const char *name, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	struct err ignored = ERR_INIT;
	if (!called_buildah() || reference_parse(name, &ref, &ignored) < 0)
		return err_wrap(err, "cannot pull %s", name);
	reference_default_tag(&ref);
	AUTO_FREE char *full = reference_str(&ref);
	return err_wrap(err, "initializing source docker://%s", full);
}

static int pull_registry(struct store *s, const char *text, const struct pull_opts *o,
	struct pulled *ret, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	AUTO_REMOTE struct remote *remote = NULL;
	AUTO_TXN struct txn *t = NULL;
	if (candidates(s, text, o, &names, err) < 0 || txn_begin(s, &t, err) < 0 ||
		remote_open(&o->remote, &remote, err) < 0)
		return err->code;
	remote_notes(remote, o->progress);
	int r = ERR_NOT_FOUND;
	for (size_t i = 0; i < names.n; i++) {
		err_clear(err);
		r = pull_name(s, t, remote, names.v[i], o, ret, err);
		if (r == 0)
			return 0;
		(void)not_pulled(names.v[i], err);
		log_debug("%s", err->msg);
		if (r != ERR_NOT_FOUND && r != ERR_AUTH && r != ERR_DENIED && r != ERR_NETWORK)
			break;
	}
	if (r == ERR_CANCELLED)
		txn_hurry(t);
	return r;
}

/* --- all transports --- */

static int open_local(enum transport transport, struct txn *t, const char *rest,
	const struct remote_opts *o, struct source **ret, struct err *err)
{
	switch (transport) {
	case TRANSPORT_OCI:
		return source_oci(rest, ret, err);
	case TRANSPORT_OCI_ARCHIVE:
		return source_oci_archive(t, rest, o->layer_ratio, ret, err);
	case TRANSPORT_DOCKER_ARCHIVE:
		return source_docker_archive(t, rest, o->layer_ratio, ret, err);
	case TRANSPORT_DOCKER_DAEMON:
		return source_docker_daemon(t, rest, o, ret, err);
	case TRANSPORT_DIR:
		return source_dir(rest, ret, err);
	case TRANSPORT_REGISTRY:
		break;
	}
	return err_set(err, ERR_UNSUPPORTED, "'%s' is in a registry", rest);
}

static int pull_local(struct store *s, enum transport transport, const char *location,
	const char *rest, const struct pull_opts *o, struct pulled *ret, struct err *err)
{
	AUTO_TXN struct txn *t = NULL;
	AUTO_SOURCE struct source *source = NULL;
	AUTO_TRUST struct trust trust = {0};
	AUTO_FREE char *path = NULL, *name = NULL;
	location_split(rest, &path, &name);
	if (policy_check(o->remote.signature_policy, transport_name(transport), NULL, path,
		    &trust.demands, err) < 0 ||
		txn_begin(s, &t, err) < 0 ||
		open_local(transport, t, rest, &o->remote, &source, err) < 0 ||
		pull_from(s, t, source, NULL, &trust, o, ret, err) < 0) {
		if (t && err->code == ERR_CANCELLED)
			txn_hurry(t);
		return err_wrap(err, "cannot pull %s", location);
	}
	return 0;
}

/* What others call a name in the store; one in another store has "[...]" before it. */
static const char *name_in_store(const char *location)
{
	static const char prefix[] = "containers-storage:";
	const char *name = location + strlen(prefix);
	return str_has_prefix(location, prefix) && *name != '[' && *name ? name : NULL;
}

static int pull_here(struct store *s, const char *name, const struct pull_opts *o,
	struct pulled *ret, struct err *err)
{
	struct pulled p = {0};
	struct pull_opts only_here = *o;
	only_here.policy = PULL_NEVER;
	int r = here_find(s, name, &only_here, &p, err);
	if (r == ERR_NOT_FOUND)
		return err_set(err, r, "'%s': the store has no such image for this platform", name);
	if (r == 0)
		r = here_unpack(s, o, &p, err);
	if (r < 0) {
		pulled_done(&p);
		return r;
	}
	name_used(s, &p.top);
	*ret = p;
	return 0;
}

static int pull(struct store *s, const char *location, const struct pull_opts *o,
	struct pulled *ret, struct err *err)
{
	const char *here = name_in_store(location);
	if (here)
		return pull_here(s, here, o, ret, err);
	enum transport transport;
	const char *rest;
	struct pulled p = {0};
	int r = location_parse(location, &transport, &rest, err);
	if (r < 0)
		return r;
	bool may_be_here = transport == TRANSPORT_REGISTRY &&
	                   (o->policy == PULL_MISSING || o->policy == PULL_NEVER);
	if (may_be_here) {
		r = here_find(s, rest, o, &p, err);
		if (r == 0 && o->policy == PULL_MISSING && may_be_better(&p, o)) {
			pulled_done(&p);
			r = ERR_NOT_FOUND;
		}
		if (r == 0) {
			name_used(s, &p.top);
			r = here_unpack(s, o, &p, err);
			goto out;
		}
		if (r != ERR_NOT_FOUND)
			return r;
		if (o->policy == PULL_NEVER)
			return err_set(err, ERR_NOT_FOUND, "%s: image not known", rest);
		err_clear(err);
	}
	r = transport == TRANSPORT_REGISTRY ? pull_registry(s, rest, o, &p, err)
	                                    : pull_local(s, transport, location, rest, o, &p, err);
	if (r < 0 && may_be_here && r != ERR_CANCELLED)
		r = here_explain(s, rest, o, err);
	if (r < 0 && transport == TRANSPORT_REGISTRY && o->policy == PULL_NEWER && is_short(rest)) {
		/* a short name that is only here, such as one that was built */
		struct err first = *err;
		if (here_find(s, rest, o, &p, err) == 0)
			r = here_unpack(s, o, &p, err);
		else
			*err = first;
	}
out:
	if (r < 0) {
		pulled_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

/* Whoever interrupts it waits until the transaction is taken back. */
int image_pull(struct store *s, const char *location, const struct pull_opts *o, struct pulled *ret,
	struct err *err)
{
	AUTO_HELD sigset_t before;
	proc_hold(&before);
	return pull(s, location, o, ret, err);
}
