/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --progress=rawjson: what goes on as JSON, a document a line on stderr, in the shape of BuildKit's
 * SolveStatus as `docker buildx build --progress=rawjson` prints it: {"vertexes": [...]},
 * "statuses", "logs", "warnings". A task is a vertex: told when it begins, and again with
 * "completed" when it ends. Bytes (log output, warnings) are in base64.
 */
#pragma once

struct lint;
struct out;
struct progress;
struct rawjson;

/* Of the stream o->err. */
struct rawjson *rawjson_new(struct out *o);
void rawjson_free(struct rawjson *r); /* accepts NULL */
struct progress *rawjson_progress(struct rawjson *r);
/* A line for the user: a vertex that is over at once. */
void rawjson_note(struct rawjson *r, const char *text);
void rawjson_warn(struct rawjson *r, const char *text);
/* With their places and the text of the files. */
void rawjson_lint(struct rawjson *r, const struct lint *l);
