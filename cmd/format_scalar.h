/* SPDX-License-Identifier: Apache-2.0 */
/* One text, number or bool by a verb of printf, with its flags, width and precision. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct verb;

/* false: the verb is for another kind of value, and nothing was added */
bool scalar_text(struct buf *b, const struct verb *v, const char *s);
bool scalar_integer(struct buf *b, const struct verb *v, int64_t i);
bool scalar_real(struct buf *b, const struct verb *v, double d);
bool scalar_bool(struct buf *b, const struct verb *v, bool is);
/* As wide as the verb says. */
void scalar_padded(struct buf *b, const struct verb *v, const char *s);
