/* SPDX-License-Identifier: Apache-2.0 */
/* Which place a location means, and what the pull policy says about asking it. */
#include "registry/transport.h"

#include <stdlib.h>
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"
#include "image/reference.h"
#include "registry/here.h"
#include "registry/location.h"
#include "registry/policy.h"
#include "registry/pull.h"
#include "registry/pull_registry.h"
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
		{"ifnotpresent", PULL_MISSING}, {"notpresent", PULL_MISSING},
		{"always", PULL_ALWAYS}, {"true", PULL_ALWAYS}, {"1", PULL_ALWAYS},
		{"never", PULL_NEVER}, {"false", PULL_NEVER}, {"0", PULL_NEVER},
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

static bool is_short(const char *text)
{
	AUTO_REFERENCE struct reference ref = {0};
	struct err ignored = ERR_INIT;
	return reference_parse(text, &ref, &ignored) == 0 && ref.was_short;
}

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
	if (policy_check(o->remote.signature_policy, transport_name(transport), NULL, path, name,
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

static int never_error(
	struct store *s, const char *text, const struct pull_opts *o, struct err *err)
{
	if (called_buildah())
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", text);
	(void)err_set(err, ERR_NOT_FOUND, "the pull policy is 'never'");
	return here_explain(s, text, o, err)
	               ? err->code
	               : err_set(err, ERR_NOT_FOUND,
				 "%s: image not known, and the pull policy is 'never'", text);
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
		if (r == 0 && o->policy == PULL_MISSING && here_may_be_better(&p, o)) {
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
			return never_error(s, rest, o, err);
		err_clear(err);
	}
	r = transport == TRANSPORT_REGISTRY ? registry_pull(s, rest, o, &p, err)
	                                    : pull_local(s, transport, location, rest, o, &p, err);
	if (r < 0 && may_be_here && r != ERR_CANCELLED)
		(void)here_explain(s, rest, o, err);
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
