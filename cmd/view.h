/* SPDX-License-Identifier: Apache-2.0 */
/* The progress view as out.c sees it. The functions that callers use are in cmd/out.h. */
#pragma once

struct out_view;

/* Takes the live lines away, so that something else can be printed; the next tick draws them again.
 */
void view_erase(struct out_view *v);
