/* SPDX-License-Identifier: Apache-2.0 */
#include "build/include.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/build_internal.h"
#include "build/contexts.h"
#include "build/error_excerpt.h"
#include "build/source.h"

#include <stdlib.h>
#include <string.h>

#define FRAGMENTS_MAX 256 /* two INCLUDEs in each of sixteen fragments would be 65536 */
#define BYTES_MAX (4 * MIB) /* of all fragments: what one file may have */
#define CHAIN_MAX 600 /* of a message */

/* Where a file came from. */
struct origin {
	size_t parent; /* the file that INCLUDEs it; itself: none */
	unsigned depth;
	int fd; /* the context that its own INCLUDEs are looked for in */
	const char *context; /* its name, NULL: the build context */
};

struct fragments {
	struct build *b;
	struct containerfile **files;
	size_t *n;
	struct origin *of; /* one for each file */
	size_t count, bytes;
};

/* The context that an INCLUDE of the file reads from. */
static int find_context(
	struct fragments *f, size_t file, const struct inst *i, struct origin *ret, struct err *err)
{
	struct build *b = f->b;
	const struct containerfile *cf = &(*f->files)[file];
	struct pos pos = i->pos;
	const char *name = inst_flag(i, "from", &pos);
	*ret = f->of[file];
	if (name) {
		if (contexts_open(b, err) < 0)
			return err->code;
		size_t c = contexts_find(b, name);
		if (c == NO_CONTEXT || b->contexts[c].kind != CONTEXT_DIR)
			return containerfile_error(cf, pos, err, ERR_INVALID,
				"INCLUDE --from=%s: no directory of that name; give one with "
				"--build-context %s=DIRECTORY",
				name, name);
		ret->fd = b->contexts[c].fd;
		ret->context = b->contexts[c].name;
	}
	ret->parent = file;
	ret->depth++;
	return 0;
}

/* An INCLUDE of a text below itself, in the same context, would never end. */
static int check_cycle(const struct fragments *f, const struct origin *o, const struct inst *i,
	const char *name, const char *text, size_t len, struct err *err)
{
	const struct containerfile *files = *f->files;
	AUTO_FREE char *chain = xstrdup(name);
	bool cycle = false;
	for (size_t k = o->parent;; k = f->of[k].parent) {
		cycle = files[k].len == len && f->of[k].fd == o->fd &&
		        memcmp(files[k].source, text, len) == 0;
		mem_replace(&chain, xasprintf("%s -> %s", files[k].name, chain));
		if (cycle || f->of[k].parent == k)
			break;
	}
	if (!cycle && o->depth <= INCLUDE_DEPTH_MAX)
		return 0;
	AUTO_FREE char *shown = xstrndup(chain, CHAIN_MAX);
	return containerfile_error(&files[o->parent], i->arg_pos[0], err,
		cycle ? ERR_INVALID : ERR_LIMIT, "INCLUDE %s: %s",
		cycle ? "goes round in a circle" : "goes too deep", shown);
}

static int read_fragment(struct fragments *f, const struct origin *o, const struct inst *i,
	const char *name, struct containerfile *ret, struct err *err)
{
	const struct containerfile *by = &(*f->files)[o->parent];
	AUTO_FREE char *text = NULL;
	size_t len;
	struct err why = ERR_INIT;
	if (context_read_file(o->fd, i->args.v[0], BYTES_MAX - f->bytes, &text, &len, &why) < 0) {
		bool missing = why.code == ERR_NOT_FOUND;
		return containerfile_error(by, i->arg_pos[0], err, why.code, "INCLUDE: %s%s%s",
			missing ? "no such file or directory, looked for from the top of " : "",
			!missing     ? why.msg
			: o->context ? "the context "
				     : "the build context",
			missing && o->context ? o->context : "");
	}
	f->bytes += len;
	if (check_cycle(f, o, i, name, text, len, err) < 0)
		return err->code;
	if (f->b->o->call == BUILD_CALL_CHECK)
		(void)lint_text_source(&f->b->result->lint, name, text, len);
	char *included = xasprintf("%s:%u:%u%s%s", by->name, i->pos.line, i->pos.column,
		by->included ? ", included from " : "", by->included ? by->included : "");
	return containerfile_parse_fragment(name, included, text, len, ret, err);
}

static int include(struct fragments *f, size_t file, size_t inst, struct err *err)
{
	struct inst *i = &(*f->files)[file].insts[inst];
	struct origin o;
	struct containerfile fragment;
	if (f->count++ == FRAGMENTS_MAX)
		return containerfile_error(&(*f->files)[file], i->pos, err, ERR_LIMIT,
			"more than %d fragments are included", FRAGMENTS_MAX);
	if (find_context(f, file, i, &o, err) < 0)
		return err->code;
	AUTO_FREE char *clean = path_clean_rel(i->args.v[0]);
	AUTO_FREE char *name =
		xasprintf("%s%s%s", o.context ? o.context : "", o.context ? ":" : "", clean);
	if (read_fragment(f, &o, i, name, &fragment, err) < 0)
		return err->code;
	i->fragment = *f->n;
	f->of = xreallocarray(f->of, *f->n + 1, sizeof(*f->of));
	f->of[*f->n] = o;
	*f->files = xreallocarray(*f->files, *f->n + 1, sizeof(**f->files));
	(*f->files)[(*f->n)++] = fragment;
	return 0;
}

int include_read(struct build *b, struct containerfile **files, size_t *n, struct err *err)
{
	struct fragments f = {.b = b, .files = files, .n = n};
	int rc = 0;
	f.of = xcalloc(*n + 1, sizeof(*f.of));
	for (size_t k = 0; k < *n; k++)
		f.of[k] = (struct origin){.parent = k, .fd = b->context_fd};
	/* those that are added are looked at in their turn */
	for (size_t k = 0; rc == 0 && k < *n; k++)
		for (size_t j = 0; rc == 0 && j < (*files)[k].n; j++)
			if ((*files)[k].insts[j].kind == INST_INCLUDE)
				rc = include(&f, k, j, err);
	free(f.of);
	return rc;
}
