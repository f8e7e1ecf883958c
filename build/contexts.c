/* SPDX-License-Identifier: Apache-2.0 */
#include "build/contexts.h"

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root.h"
#include "build/build_internal.h"
#include "build/file_ignore.h"
#include "build/remote_context.h"
#include "image/reference.h"
#include "registry/location.h"
#include "registry/transport.h"
#include "store/statcache.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IGNORE_FILE_MAX (1 * MIB)

/* How names are compared: references in full, all else as it is. */
static char *canonical(const char *name)
{
	AUTO_REFERENCE struct reference ref = {0};
	struct err ignored = ERR_INIT;
	if (reference_parse(name, &ref, &ignored) < 0)
		return xstrdup(name);
	reference_default_tag(&ref);
	return reference_str(&ref);
}

static int parse_where(const char *where, struct context *c, struct err *err)
{
	static const char *const images[] = {"docker-image://", "container-image://", "docker://"};
	static const char *const archives[] = {
		"oci:", "oci-archive:", "docker-archive:", "dir:", "containers-storage:"};
	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		if (!str_has_prefix(where, images[i]))
			continue;
		const char *ref = where + strlen(images[i]);
		c->kind = streq(ref, "scratch") ? CONTEXT_SCRATCH : CONTEXT_IMAGE;
		c->location = xstrdup(ref);
		struct reference parsed = {0};
		int rc = reference_parse(ref, &parsed, err);
		reference_done(&parsed);
		return rc;
	}
	c->kind = CONTEXT_IMAGE;
	if (str_has_prefix(where, "oci-layout://")) {
		c->location = xasprintf("oci:%s", where + strlen("oci-layout://"));
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(archives); i++) {
		if (str_has_prefix(where, archives[i])) {
			c->location = xstrdup(where);
			return 0;
		}
	}
	if (str_has_prefix(where, "target:"))
		return err_set(err, ERR_UNSUPPORTED,
			"'%s': targets of a bake file are not supported; name a stage of the "
			"Containerfile instead",
			where);
	c->kind = CONTEXT_DIR;
	c->elsewhere = !streq(where, "-") && remote_context_is(where);
	c->location = xstrdup(where);
	return 0;
}

int context_parse(const char *name, const char *where, struct context *ret, struct err *err)
{
	struct context c = {.stage = NO_STAGE, .fd = -1};
	if (!*name || !where || !*where)
		return err_set(err, ERR_INVALID,
			"--build-context=%s: expected NAME=DIRECTORY or NAME=docker-image://IMAGE",
			name);
	if (parse_where(where, &c, err) < 0) {
		context_done(&c);
		return err_wrap(err, "--build-context=%s", name);
	}
	c.name = xstrdup(name);
	c.key = canonical(name);
	*ret = c;
	return 0;
}

void context_done(struct context *c)
{
	free(c->name);
	free(c->key);
	free(c->location);
	filetree_free(c->tree);
	ignore_free(c->ignore);
	free(c->ignore_name);
	statcache_free(c->statcache);
	mem_close_p(&c->fd);
}

int context_read_file(
	int fd, const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
	struct stat st;
	int r = root_read_file(fd, path, max, ret_data, ret_len, err);
	if (r == ERR_NOT_FOUND && root_lstat(fd, path, &st) == 0 && S_ISLNK(st.st_mode))
		return err_set(err, ERR_INVALID,
			"'%s' is a link that leads out of the context, or to nothing", path);
	return r;
}

int context_read_ignore(int fd, char **ret_name, struct ignore **ret, struct err *err)
{
	static const char *const names[] = {".containerignore", ".dockerignore"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_FREE char *text = NULL;
		size_t len;
		struct err none = ERR_INIT;
		if (context_read_file(fd, names[i], IGNORE_FILE_MAX, &text, &len, &none) == 0) {
			if (ignore_parse(names[i], text, len, ret, err) < 0)
				return err->code;
			*ret_name = xstrdup(names[i]);
			return 0;
		}
		if (none.code != ERR_NOT_FOUND) {
			*err = none;
			return err->code;
		}
	}
	return 0;
}

static int open_remote(struct build *b, struct context *c, bool *ret_owners, struct err *err)
{
	AUTO_REMOTE_CONTEXT struct remote_context r = {.fd = -1};
	if (remote_context_get(b, c->location, false, &r, err) < 0)
		return err->code;
	if (r.text)
		return err_set(err, ERR_INVALID,
			"'%s' is not a tar archive: a named context has files", c->location);
	c->fd = take_fd(&r.fd);
	*ret_owners = r.owners;
	return 0;
}

/* A copy, so that what lies beside the file is out of reach. */
static int open_file(
	struct build *b, struct context *c, int from, const struct stat *st, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FD int dirfd = -1;
	if (txn_mkdir(b->txn, "context", &dir, &dirfd, err) < 0)
		return err->code;
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	AUTO_FD int to = openat(dirfd, path_base(c->location),
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0 || fs_copy_data(from, to, (uint64_t)st->st_size) < 0 ||
		fchmod(to, st->st_mode & 07777) < 0 || futimens(to, times) < 0 ||
		futimens(dirfd, times) < 0)
		return err_sys(err, "cannot take a copy of '%s'", c->location);
	c->elsewhere = true;
	c->fd = take_fd(&dirfd);
	return 0;
}

/* That of a layout or an archive, which is read only when the context is used. */
static int check_there(const struct context *c, struct err *err)
{
	AUTO_FREE char *path = NULL, *name = NULL;
	enum transport transport;
	const char *rest;
	if (!location_is_elsewhere(c->location))
		return 0;
	if (location_parse(c->location, &transport, &rest, err) < 0)
		return err_wrap(err, "--build-context=%s", c->name);
	location_split(rest, &path, &name);
	AUTO_FREE char *layout = transport == TRANSPORT_OCI ? path_join(path, "oci-layout") : NULL;
	if (access(path, R_OK) < 0)
		(void)err_sys(err, "cannot open '%s'", path);
	else if (layout && access(layout, R_OK) < 0)
		(void)err_set(err, ERR_INVALID,
			"'%s' is not an OCI image layout: it has no 'oci-layout'", path);
	else
		return 0;
	return err_wrap(err, "--build-context=%s", c->name);
}

static int open_local(struct build *b, struct context *c, struct err *err)
{
	struct stat st;
	AUTO_FD int fd = open(c->location, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open '%s'", c->location);
	if (S_ISREG(st.st_mode))
		return open_file(b, c, fd, &st, err);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is neither a directory nor a regular file",
			c->location);
	c->fd = take_fd(&fd);
	return 0;
}

static int open_dir(struct build *b, struct context *c, struct err *err)
{
	bool owners = false, remote = c->elsewhere;
	int rc = remote ? open_remote(b, c, &owners, err) : open_local(b, c, err);
	if (rc == 0 && !remote)
		rc = context_read_ignore(c->fd, &c->ignore_name, &c->ignore, err);
	if (rc < 0)
		return err_wrap(err, "--build-context=%s", c->name);
	struct err ignored = ERR_INIT;
	/* without a stat cache files are read again, that is all */
	if (c->elsewhere || statcache_open(b->store, c->location, &c->statcache, &ignored) < 0)
		c->statcache = NULL;
	c->tree = filetree_new(c->fd, c->ignore, c->statcache,
		owners ? 0 : FILETREE_RESET_OWNER | FILETREE_NO_CAPABILITIES);
	return 0;
}

int contexts_open(struct build *b, struct err *err)
{
	const struct map *given = &b->o->contexts;
	if (b->contexts)
		return 0;
	b->contexts = given->n ? xcalloc(given->n, sizeof(*b->contexts)) : NULL;
	MAP_FOREACH (e, given) {
		struct context *c = &b->contexts[b->n_contexts];
		if (context_parse(e->key, e->value, c, err) < 0)
			return err->code;
		b->n_contexts++;
		if (c->kind == CONTEXT_DIR && open_dir(b, c, err) < 0)
			return err->code;
		if (c->kind == CONTEXT_IMAGE && check_there(c, err) < 0)
			return err->code;
	}
	return 0;
}

size_t contexts_find(const struct build *b, const char *name)
{
	if (!b->n_contexts)
		return NO_CONTEXT;
	AUTO_FREE char *key = canonical(name);
	for (size_t i = b->n_contexts; i-- > 0;) /* the last one of a name wins */
		if (streq(b->contexts[i].key, key))
			return i;
	return NO_CONTEXT;
}

/* The stages that a directory is, one for each target. Their text is ours, so that errors have a
 * place to point to. */
static int add_stages(struct build *b, size_t context, struct err *err)
{
	static const char text[] = "FROM scratch\nCOPY / /\n";
	struct context *c = &b->contexts[context];
	AUTO_FREE char *name = xasprintf("--build-context=%s", c->name);
	struct containerfile *f = xcalloc(1, sizeof(*f));
	b->triggers = xreallocarray(b->triggers, b->n_triggers + 1, sizeof(*b->triggers));
	b->triggers[b->n_triggers++] = f;
	if (containerfile_parse(name, text, strlen(text), f, err) < 0)
		return err->code;
	struct stages *all = &b->stages;
	c->stage = all->n;
	all->s = xreallocarray(all->s, all->n + all->n_targets, sizeof(*all->s));
	for (size_t t = 0; t < all->n_targets; t++) {
		struct stage *st = &all->s[all->n];
		*st = (struct stage){
			.index = all->n++,
			.target = t,
			.name = xstrdup(c->name),
			.base = xstrdup("scratch"),
			.scratch = true,
			.base_stage = NO_STAGE,
			.context = context,
			.from = {.file = f, .inst = &f->insts[0]},
			.insts = xcalloc(1, sizeof(*st->insts)),
			.n_insts = 1,
		};
		st->insts[0] = (struct source_inst){.file = f, .inst = &f->insts[1]};
	}
	return 0;
}

static void replace_base(struct stage *st, const struct context *c)
{
	st->base_stage = c->kind == CONTEXT_DIR ? c->stage + st->target : NO_STAGE;
	st->scratch = c->kind == CONTEXT_SCRATCH;
	if (c->kind == CONTEXT_IMAGE)
		mem_replace(&st->base, xstrdup(c->location));
}

int contexts_apply(struct build *b, struct err *err)
{
	size_t n = b->stages.n;
	for (size_t i = 0; i < n; i++)
		b->stages.s[i].context = NO_CONTEXT;
	for (size_t i = 0; i < b->n_contexts; i++)
		if (b->contexts[i].kind == CONTEXT_DIR && add_stages(b, i, err) < 0)
			return err->code;
	for (size_t i = 0; b->n_contexts && i < n; i++) {
		struct stage *st = &b->stages.s[i];
		/* to buildah the stage that becomes the image is what it is */
		bool stays = called_buildah() && b->stages.targets[st->target].stage == i;
		size_t own = st->name && !stays ? contexts_find(b, st->name) : NO_CONTEXT;
		size_t base = st->scratch || st->base_stage != NO_STAGE
		                      ? NO_CONTEXT
		                      : contexts_find(b, st->base);
		if (own != NO_CONTEXT) {
			log_debug("stage '%s' is the build context of that name", st->name);
			st->n_insts = 0;
			st->replaced = true;
			replace_base(st, &b->contexts[own]);
		} else if (base != NO_CONTEXT) {
			replace_base(st, &b->contexts[base]);
		}
	}
	return 0;
}

void contexts_done(struct build *b)
{
	for (size_t i = 0; i < b->n_contexts; i++) {
		struct context *c = &b->contexts[i];
		struct err ignored = ERR_INIT;
		if (c->statcache && statcache_save(c->statcache, &ignored) < 0)
			log_debug("stat cache: %s", ignored.msg);
		context_done(c);
	}
	free(b->contexts);
}
