/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of earlier builds beside their records, to explain what the next one does. A
 * stage note is JSON, {"steps": [{"key": HEX, "lists": {NAME: HEX}, ...}]}: the records of the
 * stage's last build and the lists of files that they took; the rest of it is the caller's. Notes
 * go with the records: a stage note when none of them is left, a list when no stage note names it.
 * Nothing depends on notes: one that is missing or damaged explains nothing, that is all.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct store;
struct txn;

enum note_kind { NOTE_STAGE, NOTE_LIST };

#define NOTE_MAX (16 * 1024 * 1024)

bool note_has(struct store *s, enum note_kind kind, const struct digest *id);
/* Is it there, and was this what it was said to be about when it was written? Reads a few bytes. */
bool note_is_about(
	struct store *s, enum note_kind kind, const struct digest *id, const struct digest *about);
/* *ret NUL-terminated, the caller's. ERR_NOT_FOUND, ERR_CORRUPT, ERR_LIMIT. */
int note_read(struct store *s, enum note_kind kind, const struct digest *id, char **ret,
	size_t *ret_len, struct err *err) __attribute__((warn_unused_result));
/* about: for note_is_about(). Compressed; replaces what was there. ERR_LIMIT above NOTE_MAX. t is
 * where it is written first, so that a forked child may do it. */
int note_write(struct store *s, struct txn *t, enum note_kind kind, const struct digest *id,
	const struct digest *about, const void *p, size_t n, struct err *err)
	__attribute__((warn_unused_result));
/* Removes what nothing refers to any more; all of them with all. */
int notes_sweep(struct store *s, bool all, bool dry_run, struct err *err)
	__attribute__((warn_unused_result));
