/* SPDX-License-Identifier: Apache-2.0 */
/* What the settings of an image are looked for by in policy.json and registries.d. */
#pragma once

struct reference;
struct strv;

/* The most specific first: with tag or digest, the repository, what it lies below, the host with
 * its port, and "*.of", "*.its", "*.domains". Appended. containers-policy.json(5), "docker:" */
void registry_scopes(const struct reference *ref, struct strv *ret);
