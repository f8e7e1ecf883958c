/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the user of a terminal who one is to a registry. */
#pragma once

struct err;

void secret_free_p(char **s);
/* Of a string: it is overwritten before it is freed. */
#define AUTO_SECRET __attribute__((cleanup(secret_free_p)))

/* A line without its end; of a secret nothing is shown. what: "Password"; instead: what to do
 * without a terminal. *ret: a new string. ERR_INVALID: standard input is no terminal;
 * ERR_CANCELLED */
int prompt_line(const char *what, const char *instead, char **ret, struct err *err)
	__attribute__((warn_unused_result));
int prompt_secret(const char *what, const char *instead, char **ret, struct err *err)
	__attribute__((warn_unused_result));
