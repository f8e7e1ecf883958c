/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mica-remote password`: reads a password from standard input to its end, and writes its bcrypt
 * hash as htpasswd(5) has it, or ends with 125 and writes what is wrong. mica itself is not linked
 * with libcrypt.
 */
#pragma once

#define PASSWORD_MAX 72 /* bytes: bcrypt looks at no more */

/* What main() returns. */
int password_main(void);
