/* SPDX-License-Identifier: Apache-2.0 */
/* What a pull finds in the store already, before or in place of asking anybody. */
#pragma once
#include "registry/transport.h"

/* Nobody is going to be asked: then what has the digest will do, whatever it is called. */
bool here_only(const struct pull_opts *o);
/* The image of this name, or behind this digest, with all that the platform needs. ERR_NOT_FOUND */
int here_find(struct store *s, const char *text, const struct pull_opts *o, struct pulled *ret,
	struct err *err) __attribute__((warn_unused_result));
/* What is here serves the platform that was asked for, but was made for a lesser one: the index
 * that it came from may have the very one. */
bool here_may_be_better(const struct pulled *here, const struct pull_opts *o);
/* Takes the turn to fetch the very image that o asks for, until *ret_turn is closed, or waits until
 * who has it has ended: *ret_turn is left alone. Either way it may be here now. */
int here_wait(struct store *s, const char *text, const struct pull_opts *o, int *ret_turn,
	struct err *err) __attribute__((warn_unused_result));
/* Unpacks what was found, unless o says not to. */
int here_unpack(struct store *s, const struct pull_opts *o, struct pulled *p, struct err *err)
	__attribute__((warn_unused_result));
/* An image that cannot be pulled is there after all, for another platform or in parts: that is what
 * the user wants to know. Puts it before what err says, and returns whether it is so. */
bool here_explain(struct store *s, const char *text, const struct pull_opts *o, struct err *err);
