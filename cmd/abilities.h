/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine lets mica do, for `mica info`: found out by trying, with the reasons. */
#pragma once

struct json;
struct store;

/*
 * An object: Mode, Isolation, Snapshots, Network, Limits, Seccomp, Landlock, each with Reason where
 * something better is known but not to be had, or somebody has said so, and Missing: a list of
 * lines about what is missing and what to do about it. s: where snapshots are tried out.
 */
struct json *abilities_json(struct store *s);
