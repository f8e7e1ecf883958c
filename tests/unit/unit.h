/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka.h needs these before it, in this order. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* In place of skip(), whose lines in the log do not say why; ./check repeats them at its end. */
#define skip_because(...)                                                                          \
	do {                                                                                       \
		print_message("# SKIP %s: ", __func__);                                            \
		print_message(__VA_ARGS__);                                                        \
		print_message("\n");                                                               \
		skip();                                                                            \
	} while (0)
