/* SPDX-License-Identifier: Apache-2.0 */
/* After a command that fills the store: starts a collection where one is due (store/collect.h), as
 * a process in the background that outlives us. Costs nothing worth mentioning otherwise. */
#pragma once

struct app;

void collect_start(struct app *app);
