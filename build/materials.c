/* SPDX-License-Identifier: Apache-2.0 */
#include "build/materials.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/git_source.h"
#include "build/purl.h"
#include "build/remote_file.h"
#include "registry/url.h"

#include <stdlib.h>
#include <string.h>

#define SHA1_LEN 40

struct search {
	const struct build *b;
	bool *seen; /* stages */
	struct json *found;
	bool all;
};

struct json *material_new(const char *uri, const char *digest)
{
	struct json *ret = json_new_object(), *digests = json_new_object();
	const char *colon = strchr(digest, ':');
	AUTO_FREE char *alg = colon ? xstrndup(digest, (size_t)(colon - digest))
	                            : xstrdup(strlen(digest) == SHA1_LEN ? "sha1" : "sha256");
	json_set_string(digests, alg, colon ? colon + 1 : digest);
	json_set_string(ret, "uri", uri);
	json_set(ret, "digest", digests);
	return ret;
}

static void add(struct search *s, const char *uri, const char *digest)
{
	for (size_t i = 0; i < json_size(s->found); i++)
		if (streq(json_text(json_get(json_at(s->found, i), "uri")), uri))
			return;
	json_add(s->found, material_new(uri, digest));
}

static void add_image(struct search *s, size_t index)
{
	const struct used_image *u = &s->b->images[index];
	char digest[DIGEST_STR_MAX];
	AUTO_FREE char *uri = purl_of_image(u->ref ? u->ref : u->text, &u->platform);
	add(s, uri, digest_str(&u->image.top.digest, digest));
}

static void add_remote(struct search *s, const struct remote_file *f)
{
	char digest[DIGEST_STR_MAX];
	AUTO_FREE char *shown = url_shown(f->git ? f->git->url : f->url, true);
	if (!f->git) {
		add(s, shown, digest_str(&f->digest, digest));
		return;
	}
	AUTO_FREE char *uri =
		xasprintf("%s%s%s", shown, f->git->ref ? "#" : "", f->git->ref ? f->git->ref : "");
	add(s, uri, f->git->commit);
}

static void look_at_stage(struct search *s, size_t stage);

static void look_at_step(struct search *s, const struct step *step)
{
	const struct build_opts *o = s->b->o;
	enum run_network network = step->has_network ? step->network : o->box.network;
	if (step->kind == STEP_RUN && network != RUN_NETWORK_NONE)
		s->all = false;
	for (size_t i = 0; i < step->n_mounts; i++) {
		const struct step_mount *m = &step->mounts[i];
		if (m->from == MOUNT_FROM_STAGE)
			look_at_stage(s, m->from_stage);
		else if (m->from == MOUNT_FROM_IMAGE)
			add_image(s, m->from_image);
	}
	if (step->kind != STEP_COPY)
		return;
	if (step->from == COPY_FROM_STAGE)
		look_at_stage(s, step->from_stage);
	else if (step->from == COPY_FROM_IMAGE)
		add_image(s, step->from_image);
	for (size_t i = 0; i < step->n_remote; i++)
		if (step->remote[i])
			add_remote(s, step->remote[i]);
}

static void look_at_stage(struct search *s, size_t stage)
{
	const struct stage_plan *p = &s->b->plans[stage];
	if (s->seen[stage])
		return;
	s->seen[stage] = true;
	if (p->stage->base_stage != NO_STAGE)
		look_at_stage(s, p->stage->base_stage);
	else if (p->base_image != NO_STAGE)
		add_image(s, p->base_image);
	for (size_t i = 0; i < p->n_steps; i++)
		look_at_step(s, &p->steps[i]);
}

struct json *materials_of(const struct build *b, size_t target, bool *ret_all)
{
	AUTO_FREE bool *seen = xcalloc(b->stages.n, sizeof(*seen));
	struct search s = {.b = b, .seen = seen, .found = json_new_array(), .all = true};
	if (b->context_commit)
		add(&s, b->context_uri, b->context_commit);
	else
		s.all = false;
	for (size_t i = 0; i < b->n_contexts; i++)
		s.all = s.all && b->contexts[i].kind != CONTEXT_DIR;
	look_at_stage(&s, b->stages.targets[target].stage);
	*ret_all = s.all;
	return s.found;
}
