/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/pull_registry.h"

#include <stdlib.h>

#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
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
#include "store/blobs.h"
#include "store/images.h"
#include "store/store.h"

/* What a name stands for, as the registry says without sending it. The header's digest is a hint:
 * believing a wrong one keeps what is here. */
struct told {
	bool asked, has_digest;
	struct digest digest;
	char *place;
};

static int ask(struct remote *remote, const char *ref, struct told *ret, struct err *err)
{
	struct json *j = json_new_object();
	AUTO_JSON struct json *reply = NULL;
	struct err none = ERR_INIT;
	json_set_string(j, "op", "manifest");
	json_set_string(j, "ref", ref);
	json_set(j, "head", json_new_bool(true));
	int r = remote_call(remote, j, -1, &reply, err);
	if (r < 0)
		return r;
	const char *digest = json_text(json_get(reply, "digest"));
	const char *place = json_text(json_get(reply, "place"));
	ret->asked = true;
	ret->has_digest = digest && digest_parse(digest, &ret->digest, &none) == 0;
	ret->place = place ? xstrdup(place) : NULL;
	return 0;
}

/* Of what has a name here: the index that it was chosen from, or itself. */
static bool stands_for(const struct descriptor *have, const struct digest *d)
{
	char text[DIGEST_STR_MAX];
	const char *index = map_get(&have->annotations, ANNOTATION_INDEX_DIGEST);
	return digest_equal(d, &have->digest) || (index && streq(index, digest_str(d, text)));
}

/* 0: what is here will do, and is *ret. 1: it has to be fetched. waited: it came from there while
 * we waited. */
static int use_here(struct store *s, struct remote *remote, const struct reference *ref,
	const struct pull_opts *o, bool waited, struct told *told, struct pulled *ret,
	struct err *err)
{
	AUTO_FREE char *full = reference_str(ref);
	struct err none = ERR_INIT;
	struct pulled here = {0};
	if (here_find(s, full, o, &here, &none) < 0)
		return 1;
	/* a digest means the same content at any time; who wants to know whether the registry has
	 * it still asks */
	bool good = o->policy == PULL_MISSING ? waited || ref->has_digest
	                                      : ref->has_digest && here_only(o);
	int r = good || told->asked ? 0 : ask(remote, full, told, err);
	if (r == 0 && !good)
		good = told->has_digest && stands_for(&here.top, &told->digest);
	good = good && !here_may_be_better(&here, o);
	/* --pull=newer without an answer goes on with what is here, as buildah does */
	if (r == 0 ? good : o->policy == PULL_NEWER) {
		err_clear(err);
		*ret = here;
		return here_unpack(s, o, ret, err);
	}
	pulled_done(&here);
	return r < 0 ? r : 1;
}

/* As use_here(), and with a turn to fetch it. */
static int use_here_in_turn(struct store *s, struct remote *remote, const struct reference *ref,
	const struct pull_opts *o, struct told *told, int *ret_turn, struct pulled *ret,
	struct err *err)
{
	AUTO_FREE char *full = reference_str(ref);
	int r = use_here(s, remote, ref, o, false, told, ret, err);
	/* what gets no name is here for nobody else */
	if (r <= 0 || o->unnamed || o->no_layers)
		return r;
	r = here_wait(s, full, o, ret_turn, err);
	return r < 0 ? r : use_here(s, remote, ref, o, true, told, ret, err);
}

/* Where the document is here that the name stood for, but not all that it names, the registry is
 * asked whether it is another one now; that of a digest is not. */
static int ask_of_known(struct store *s, struct remote *remote, const struct reference *ref,
	const struct pull_opts *o, struct told *told, struct err *err)
{
	AUTO_FREE char *full = reference_str(ref), *name = NULL;
	struct err none = ERR_INIT;
	struct descriptor top = {0};
	if (told->asked || image_find_named(s, full, &top, &name, &none) < 0)
		return 0;
	const char *index = map_get(&top.annotations, ANNOTATION_INDEX_DIGEST);
	struct digest d = ref->has_digest ? ref->digest : top.digest;
	bool known = ref->has_digest || !index || digest_parse(index, &d, &none) == 0;
	descriptor_done(&top);
	if (!known || !blob_has(s, &d, NULL))
		return 0;
	if (ref->has_digest && o->policy == PULL_MISSING) {
		told->has_digest = true;
		told->digest = d;
		return 0;
	}
	int r = ask(remote, full, told, err);
	if (r < 0 && r != ERR_NETWORK && r != ERR_CANCELLED) {
		err_clear(err); /* to fetch it tells better */
		r = 0;
	}
	return r;
}

static int pull_name(struct store *s, struct txn *t, struct remote *remote, const char *name,
	const struct pull_opts *o, struct pulled *ret, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_SOURCE struct source *source = NULL;
	AUTO_TRUST struct trust trust = {.image = &ref};
	AUTO_FD int turn = -1;
	struct told told = {0};
	int r = reference_parse(name, &ref, err);
	if (r < 0)
		return r;
	reference_default_tag(&ref);
	r = policy_check(
		o->remote.signature_policy, "docker", &ref, NULL, NULL, &trust.demands, err);
	if (r < 0)
		return r;
	AUTO_FREE char *full = reference_str(&ref);
	AUTO_FREE char *line = xasprintf("Trying to pull %s...", full);
	progress_say(o->progress, line);
	/* what is here may have come without a signature */
	r = o->all_platforms || trust.demands.n
	            ? 1
	            : use_here_in_turn(s, remote, &ref, o, &told, &turn, ret, err);
	if (r == 1)
		r = ask_of_known(s, remote, &ref, o, &told, err) < 0
		            ? err->code
		            : source_registry(remote, &ref, &source, err);
	if (source) {
		source->told = told.has_digest ? &told.digest : NULL;
		source->place = take(told.place);
		r = pull_from(
			s, t, source, ref.has_digest ? &ref.digest : NULL, &trust, o, ret, err);
	}
	free(told.place);
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

/* Of several the one that the user wants. false: no answer; then all are tried. */
static bool choose(const char *text, const struct pull_opts *o, struct strv *names)
{
	int i = o->remote.choose_name(text, names);

	if (i < 0)
		return false;
	AUTO_FREE char *name = xstrdup(names->v[i]);
	strv_done(names);
	strv_add(names, name);
	return true;
}

/* *ret_chosen: it is what the user has chosen just now. */
static int candidates(struct store *s, const char *text, const struct pull_opts *o,
	struct strv *ret, bool *ret_chosen, struct err *err)
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
	bool asked = r == 0 && o->remote.choose_name && registries_ask(&conf, text);
	if (r == 0)
		r = registries_short_names(&conf, text, asked, ret, err);
	*ret_chosen = r == 0 && asked && choose(text, o, ret);
	if (r == 0 && asked && !*ret_chosen && conf.short_names == SHORT_NAMES_ENFORCING)
		return err_set(err, ERR_INVALID, "short name '%s': none was chosen", text);
	return r;
}

/* For the next time; what was wanted is here all the same. */
static void note_choice(const char *text, const char *full, const struct pull_opts *o)
{
	struct err why = ERR_INIT;

	if (registries_note_alias(o->remote.short_name_aliases, text, full, &why) == 0)
		return;
	AUTO_FREE char *line = xasprintf("The choice is not remembered: %s", why.msg);
	progress_say(o->progress, line);
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
	bool chosen = false;
	if (candidates(s, text, o, &names, &chosen, err) < 0 || txn_begin(s, &t, err) < 0 ||
		remote_open(&o->remote, &remote, err) < 0)
		return err->code;
	remote_notes(remote, o->progress);
	int r = ERR_NOT_FOUND;
	for (size_t i = 0; i < names.n; i++) {
		err_clear(err);
		r = pull_name(s, t, remote, names.v[i], o, ret, err);
		if (r == 0 && chosen)
			note_choice(text, names.v[i], o);
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
