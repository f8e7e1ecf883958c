/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several errors of Containerfiles in one message, in the order in which they were added: as many
 * as fit, each with its line and its caret, and how many more there are.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "build/file_parse.h"

struct error_list {
	struct buf text;
	unsigned n, left_out;
	int code; /* of the first */
};
#define ERROR_LIST_INIT                                                                            \
	{                                                                                          \
		.text = BUF_INIT(sizeof(((struct err *)0)->msg))                                   \
	}

void error_list_add(struct error_list *l, const struct containerfile *f, struct pos pos,
	const struct err *what);
/* 0 when there is none. */
int error_list_result(const struct error_list *l, struct err *err)
	__attribute__((warn_unused_result));
void error_list_done(struct error_list *l);
#define AUTO_ERROR_LIST __attribute__((cleanup(error_list_done)))
