/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/pull_registry.h"

#include <stdlib.h>

#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/strv.h"
#include "image/reference.h"
#include "registry/config.h"
#include "registry/here.h"
#include "registry/policy.h"
#include "registry/pull.h"
#include "registry/remote.h"
#include "registry/source.h"
#include "registry/verify.h"
#include "store/images.h"
#include "store/store.h"

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
		unchanged = unchanged && !here_may_be_better(&here, o);
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

int registry_pull(struct store *s, const char *text, const struct pull_opts *o, struct pulled *ret,
	struct err *err)
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
