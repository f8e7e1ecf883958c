/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_record.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "build/as_buildah.h"
#include "build/build_internal.h"
#include "build/cache.h"
#include "build/mount_setup.h"
#include "build/stage_run.h"
#include "store/records.h"

#include <string.h>

struct digest step_key_of(
	const struct step *s, const struct digest *below, const struct digest *inputs)
{
	struct key k;
	key_init(&k, "step");
	if (s->link)
		key_str(&k, "on nothing");
	else
		key_digest(&k, below);
	key_digest(&k, &s->words);
	key_digest(&k, inputs);
	return key_final(&k);
}

/* *ret_known: false while something below, or a stage that a mount shows, is not committed. */
static int record_key(
	struct build *b, const struct link *l, struct digest *ret, bool *ret_known, struct err *err)
{
	struct digest below, inputs = l->inputs;
	*ret_known = chain_content(l->below, l->n_below, &below);
	if (*ret_known && mounts_have_inputs(l->step) &&
		mounts_digest(b, l->step, TREE_CONTENT, &inputs, ret_known, err) < 0)
		return err->code;
	if (*ret_known)
		*ret = step_key_of(l->step, &below, &inputs);
	return 0;
}

static int flush_one(struct build *b, struct link *l, struct err *err)
{
	struct digest key;
	bool known;
	int rc = record_key(b, l, &key, &known, err);
	if (rc < 0 || !known)
		return rc;
	const struct timespec created = as_buildah_recorded(b, l->created);
	struct record r = {
		.has_layer = !l->empty,
		.layer = l->layer,
		.compression = l->compression,
		.created_s = created.tv_sec,
		.created_ns = (uint32_t)created.tv_nsec,
	};
	if (record_put(b->store, &key, &r, err) < 0)
		return err->code;
	l->recorded = true;
	l->record_key = key;
	return 0;
}

int records_flush(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->n_links; i++) {
		struct link *l = b->links[i];
		if (l->committed && !l->recorded && !l->unsure && flush_one(b, l, err) < 0)
			return err->code;
	}
	return 0;
}

static struct digest note_key(const struct digest *words, const struct digest *source)
{
	struct key k;
	key_init(&k, "inputs of");
	key_digest(&k, words);
	key_digest(&k, source);
	return key_final(&k);
}

struct digest inputs_key(const struct step *s, const struct digest *source)
{
	return note_key(&s->words, source);
}

static bool recall_remote(struct build *b, const struct digest *key, struct digest *ret)
{
	const struct digest *d = remote_cache_inputs(b, key);
	if (d)
		*ret = *d;
	return d != NULL;
}

bool inputs_recall(
	struct build *b, const struct step *s, const struct digest *source, struct digest *ret)
{
	struct record rec = {0};
	struct err err = ERR_INIT;
	AUTO_JSON struct json *j = NULL;
	const char *hex = NULL;
	struct digest key = note_key(&s->words, source);
	if (record_get(b->store, &key, &rec, &err) < 0)
		return recall_remote(b, &key, ret);
	bool ok = rec.inputs &&
	          json_parse(rec.inputs, strlen(rec.inputs), "inputs", &j, &err) == 0 &&
	          json_get_string(j, "inputs", "inputs", &hex, &err) == 0 && hex &&
	          digest_parse_hex(hex, ret);
	record_done(&rec);
	return ok;
}

void inputs_note(struct build *b, const struct step *s, size_t from_stage,
	const struct digest *source, const struct digest *inputs)
{
	b->notes = xreallocarray(b->notes, b->n_notes + 1, sizeof(*b->notes));
	b->notes[b->n_notes++] = (struct inputs_note){
		.words = s->words, .from_stage = from_stage, .source = *source, .inputs = *inputs};
}

int notes_flush(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->n_notes; i++) {
		struct inputs_note *n = &b->notes[i];
		if (n->from_stage != NO_STAGE) {
			const struct chain *c = &b->runs[n->from_stage].chain;
			if (!chain_content(c->l, c->n, &n->source))
				continue;
		}
		char hex[DIGEST_STR_MAX];
		AUTO_JSON struct json *j = json_new_object();
		json_set_string(j, "inputs", digest_hex(&n->inputs, hex));
		struct timespec now = clock_now();
		struct record rec = {.inputs = json_dump(j, 0),
			.created_s = now.tv_sec,
			.created_ns = (uint32_t)now.tv_nsec};
		struct digest key = note_key(&n->words, &n->source);
		int rc = record_put(b->store, &key, &rec, err);
		record_done(&rec);
		if (rc < 0)
			return rc;
	}
	b->n_notes = 0;
	return 0;
}
