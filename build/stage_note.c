/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stage_note.h"

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "build/cache.h"
#include "build/input_list.h"
#include "build/mount_setup.h"
#include "build/mount_setup_internal.h"
#include "build/stage_run.h"
#include "store/notes.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct digest note_id(const struct build *b, const struct stage *st)
{
	char path[PATH_MAX], platform[128];
	struct key k;
	key_init(&k, "stage note");
	key_str(&k, realpath(b->o->context, path));
	key_str(&k, st->from.file->name);
	key_str(&k, st->name);
	/* the last one is that, also when there is one more before it */
	const struct stage_target *t = build_target_of(b, st);
	key_u64(&k, st->name ? 0 : st->index == t->stage ? UINT64_MAX : st->index - t->first);
	key_str(&k,
		platform_str(st->has_platform ? &st->platform : &build_target_of(b, st)->platform,
			platform));
	return key_final(&k);
}

static void set_digest(struct json *j, const char *name, const struct digest *d)
{
	char hex[DIGEST_STR_MAX];
	json_set_string(j, name, digest_hex(d, hex));
}

bool step_result_key(const struct step_result *res, struct digest *ret)
{
	if (res->ran && !(res->link && res->link->recorded))
		return false;
	*ret = res->ran ? res->link->record_key : res->key;
	return true;
}

static struct json *lists_of(struct build *b, const struct step *s, const struct digest *inputs)
{
	struct json *lists = json_new_object();
	if (s->kind == STEP_COPY && s->sources.n) {
		struct digest id = input_list_id(inputs, &s->sources);
		set_digest(lists, "files", &id);
	}
	for (size_t i = 0; i < s->n_mounts; i++) {
		struct err ignored = ERR_INIT;
		struct digest d;
		bool known = false;
		if (mount_has_input(&s->mounts[i]) &&
			mount_input_digest(b, &s->mounts[i], TREE_CONTENT, &d, &known, &ignored) ==
				0 &&
			known) {
			d = mount_list_id(&s->mounts[i], &d);
			AUTO_FREE char *name = xasprintf("files of %s", s->mounts[i].target);
			set_digest(lists, name, &d);
		}
	}
	return lists;
}

static struct json *step_note(struct build *b, const struct step *s, const struct digest *inputs,
	const struct digest *key, const struct digest *below)
{
	struct json *j = json_new_object();
	json_set_string(j, "title", s->title);
	if (key)
		set_digest(j, "key", key);
	if (!s->link)
		set_digest(j, "below", below);
	json_set(j, "words", json_new_map(&s->named));
	json_set(j, "lists", lists_of(b, s, inputs));
	return j;
}

static struct json *base_note(const struct build *b, const struct stage_run *r)
{
	struct json *j = json_new_object();
	json_set_string(j, "name", r->plan->stage->base);
	if (r->plan->base_image != NO_STAGE)
		set_digest(j, "digest", &b->images[r->plan->base_image].image.manifest_desc.digest);
	return j;
}

/* Of the steps that are over and stored: how many, and the digest of all their keys. */
static size_t steps_known(const struct stage_run *r, struct digest *ret)
{
	struct key all;
	size_t n = 0;
	struct digest key;
	key_init(&all, "keys");
	for (; n < r->next && step_result_key(&r->results[n], &key); n++)
		key_digest(&all, &key);
	*ret = key_final(&all);
	return n;
}

bool stage_note_is_current(struct build *b, const struct stage_run *r)
{
	struct digest id = note_id(b, r->plan->stage), keys;
	return steps_known(r, &keys) == r->next && note_is_about(b->store, NOTE_STAGE, &id, &keys);
}

struct json *stage_note_make(struct build *b, const struct stage_run *r, bool failed)
{
	struct json *j = json_new_object(), *steps = json_new_array();
	struct digest below;
	bool known = chain_content(r->chain.l, r->n_base, &below);
	for (size_t i = 0; known && i < r->next; i++) {
		const struct step_result *res = &r->results[i];
		struct digest key;
		known = step_result_key(res, &key);
		if (!known)
			break;
		json_add(steps, step_note(b, &r->plan->steps[i], &res->inputs, &key, &below));
		known = !res->link || chain_content_add(&below, res->link);
	}
	if (failed && known && r->next < r->plan->n_steps)
		json_add(steps, step_note(b, &r->plan->steps[r->next], &r->inputs, NULL, &below));
	json_set(j, "base", base_note(b, r));
	json_set(j, "steps", steps);
	return j;
}

struct json *stage_note_load(struct build *b, const struct stage_run *r)
{
	struct digest id = note_id(b, r->plan->stage);
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	struct json *j;
	size_t n;
	if (note_read(b->store, NOTE_STAGE, &id, &text, &n, &ignored) < 0 ||
		json_parse(text, n, "note", &j, &ignored) < 0)
		return NULL;
	return j;
}

void stage_note_save(struct build *b, const struct stage_run *r, const struct json *before)
{
	if (stage_note_is_current(b, r))
		return;
	AUTO_JSON struct json *now = stage_note_make(b, r, false);
	struct json *steps = json_get(now, "steps"), *old = json_get(before, "steps");
	struct err err = ERR_INIT;
	struct digest id = note_id(b, r->plan->stage), keys;
	if (!json_size(steps))
		return;
	if (json_size(steps) < r->plan->n_steps)
		for (size_t i = json_size(steps); i < json_size(old); i++)
			json_add(steps, json_ref(json_at(old, i)));
	AUTO_FREE char *text = json_dump(now, 0);
	(void)steps_known(r, &keys);
	if (note_write(b->store, b->txn, NOTE_STAGE, &id, &keys, text, strlen(text), &err) < 0)
		log_debug("stage note: %s", err.msg);
}
