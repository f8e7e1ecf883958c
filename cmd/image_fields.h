/* SPDX-License-Identifier: Apache-2.0 */
/* What templates see of what inspect shows: every member that Go's structs have, also where the
 * document leaves it out, and structs, sets and times as Go prints them. */
#pragma once

struct json;

/* shown: as in cmd/image_json.h. A new object. */
struct json *image_fields(const struct json *shown);
