/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement by the kernel's security module, beside what the sandbox does itself. */
#pragma once
#include <stdbool.h>

struct err;

/* ERR_UNSUPPORTED: AppArmor is not active here, so nothing would act on a profile. */
int lsm_check_apparmor(const char *profile, struct err *err) __attribute__((warn_unused_result));
/* What this process executes next is confined by the profile, which is loaded. proc: a /proc
 * that shows us. */
int lsm_set_apparmor(int proc, const char *profile, struct err *err)
	__attribute__((warn_unused_result));
/* Is this process confined by no profile? Then the module lets it trace whoever is. */
bool lsm_is_unconfined(void);
