/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step's key covers beside the layers below it and the files that it takes: a list of named
 * values. The key is a hash over the names and values, --explain-cache compares them; so nothing
 * can be in one and not in the other. What is not in the list (docs/cache.md says what) is no
 * input.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct build;
struct map;
struct step;

/* value NULL: nothing is added */
void step_word(struct step *s, const char *name, const char *value);
/* 0: nothing is added */
void step_word_u64(struct step *s, const char *name, uint64_t value);
void step_wordf(struct step *s, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Its digest: for what may be long, or must not be kept. */
void step_word_content(struct step *s, const char *name, const void *p, size_t n);
/* A list: "NAME 1", "NAME 2" ... */
struct strv;
void step_word_list(struct step *s, const char *name, const struct strv *values);
/* The environment of a RUN: "variable NAME" each, whatever their order. */
void step_word_env(struct step *s, const struct map *env);
/* What the user said about the sandbox and can show in files: not limits on memory and processors,
 * nor where names are looked up. */
void step_word_box(struct step *s, const struct build *b);
/* The last one: sets s->words. */
void step_words_end(struct step *s, const char *kind);

#define STEP_WORD_VARIABLE "variable "
#define STEP_WORD_SECRET "secret " /* its value is never shown */
