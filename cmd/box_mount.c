/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/box_mount.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/root.h"
#include "base/strv.h"
#include "build/cache_mount.h"
#include "build/image_tree.h"
#include "build/steps.h"
#include "build/volume.h"
#include "cmd/cmd.h"
#include "cmd/image_get.h"
#include "cmd/volume_words.h"
#include "run/selinux.h"
#include "run/spec.h"
#include "store/images.h"
#include "store/store.h"

static struct run_mount *add_mount(struct run_spec *spec)
{
	spec->mounts = xreallocarray(spec->mounts, spec->n_mounts + 1, sizeof(*spec->mounts));
	return &spec->mounts[spec->n_mounts++];
}

int box_add_volume(
	const struct box_mounts *b, const char *text, struct run_spec *spec, struct err *err)
{
	struct volume_words v;
	int overlay = -1;

	if (volume_words_parse(text, &v, err) < 0)
		return err->code;
	int r = v.overlay ? volume_overlay(b->t, &v.mount, v.upper, v.work, &overlay, err) : 0;
	if (v.overlay) {
		(void)close(v.mount.source);
		v.mount.source = overlay;
		v.mount.below = "/";
	}
	volume_words_done(&v);
	if (r < 0)
		free(v.mount.target);
	else
		*add_mount(spec) = v.mount;
	return r;
}

void box_add_text(struct box_mounts *b, const char *target, char *text, struct run_spec *spec)
{
	strv_add(&b->texts, text);
	free(text);
	text = b->texts.v[b->texts.n - 1];
	*add_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_FILE,
		.source = -1,
		.target = xstrdup(target),
		.data = text,
		.len = strlen(text),
		.mode = 0644};
}

/* --- --mount --- */

struct mount_words {
	const char *type, *from, *source, *target, *size, *id, *sharing, *mode, *uid, *gid;
	bool read_only, read_write, give, copy_up, no_exec, no_suid;
	char relabel; /* z, Z, or 0 */
};

/* A switch: "ro", "ro=true", "rw=false" */
static bool is_on(const char *value)
{
	return !value || !*value || streq(value, "true") || streq(value, "1");
}

static bool is_one_of(const char *word, const char *const *names)
{
	while (*names && !streq(word, *names))
		names++;
	return *names != NULL;
}

/* "Z" and "relabel=private", the others are "z" and "relabel=shared". */
static bool is_private(const char *word, const char *value)
{
	return *word == 'Z' || (value && streq(value, "private"));
}

static int mount_word(char *word, struct mount_words *m, struct err *err)
{
	const struct {
		const char *name;
		const char **value;
	} known[] = {{"type", &m->type}, {"from", &m->from}, {"source", &m->source},
		{"src", &m->source}, {"target", &m->target}, {"dst", &m->target},
		{"destination", &m->target}, {"tmpfs-size", &m->size}, {"id", &m->id},
		{"sharing", &m->sharing}, {"mode", &m->mode}, {"tmpfs-mode", &m->mode},
		{"uid", &m->uid}, {"gid", &m->gid}};
	static const char *const labels[] = {"z", "Z", "relabel", NULL};
	static const char *const read_only[] = {"ro", "readonly", "read-only", NULL};
	static const char *const read_write[] = {"rw", "readwrite", "read-write", NULL};
	/* no mount of the box reaches anywhere, no device opens in it */
	static const char *const harmless[] = {"bind-propagation", "bind-nonrecursive", "nodev",
		"consistency", "shared", "rshared", "private", "rprivate", "slave", "rslave", NULL};
	const struct {
		const char *name;
		bool *on;
	} switches[] = {{"U", &m->give}, {"chown", &m->give}, {"tmpcopyup", &m->copy_up},
		{"noexec", &m->no_exec}, {"nosuid", &m->no_suid}};
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (streq(word, known[i].name)) {
			*known[i].value = value;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
		if (streq(word, switches[i].name)) {
			*switches[i].on = is_on(value);
			return 0;
		}
	}
	if (is_one_of(word, labels))
		m->relabel = is_private(word, value) ? 'Z' : 'z';
	else if (is_one_of(word, read_only))
		m->read_only = is_on(value);
	else if (is_one_of(word, read_write))
		m->read_write = is_on(value);
	else if (!is_one_of(word, harmless))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--mount': '%s' is not one of 'type', 'from', 'source', 'target', "
			"'ro', 'rw', 'U', 'noexec', 'nosuid', 'tmpcopyup', 'tmpfs-size', "
			"'tmpfs-mode', 'id', 'sharing', 'mode', 'uid', 'gid'",
			word);
	return 0;
}

static int octal(const char *text, mode_t *ret, struct err *err)
{
	uint64_t v = 0;

	if (text && !num_octal(text, 07777, &v))
		return err_set(
			err, ERR_INVALID, "option '--mount': '%s' is not an octal mode", text);
	*ret = (mode_t)v;
	return 0;
}

/* What an image shows is never written to. */
static int bind_image(
	struct box_mounts *b, const struct mount_words *m, struct run_spec *spec, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	AUTO_FREE char *below = path_clean(m->source && *m->source ? m->source : "/");
	AUTO_FD int root = -1, there = -1;

	int r = image_get(b->app, b->s, b->get, m->from, &image, NULL, err);
	if (r == 0)
		r = image_tree_mount(b->s, b->t, &image, image.config.n_diff_ids, NULL, &root, err);
	if (r < 0)
		return r;
	there = root_open(root, below, O_PATH, 0);
	if (there < 0)
		return err_sys(err, "option '--mount': cannot open '%s' in '%s'", below, m->from);
	strv_add(&b->texts, below);
	*add_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = take_fd(&root),
		.below = b->texts.v[b->texts.n - 1],
		.target = xstrdup(m->target),
		.read_only = true};
	return 0;
}

/* A copy of a file, which goes with the transaction. */
static int copy_of_file(
	const struct box_mounts *b, int source, const struct stat *st, int *ret_fd, struct err *err)
{
	AUTO_FREE char *name = NULL, *path = xasprintf("/proc/self/fd/%d", source);
	AUTO_FD int dir = -1, from = open(path, O_RDONLY | O_CLOEXEC), to = -1;

	if (from < 0)
		return err_sys(err, "cannot open the source");
	if (txn_mkdir(b->t, "mount", &name, &dir, err) < 0)
		return err->code;
	to = openat(dir, "file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0 || fs_copy_data(from, to, (uint64_t)st->st_size) < 0 ||
		fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return err_sys(err, "cannot copy the source");
	*ret_fd = openat(dir, "file", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(err, "cannot open the copy") : 0;
}

/* buildah shows something of this machine to be written to, and nobody keeps what is written. */
static int discard_writes(const struct box_mounts *b, const char *target, int *fd,
	const char **ret_below, struct err *err)
{
	struct stat st;
	int shown = -1;

	if (fstat(*fd, &st) < 0)
		return err_sys(err, "cannot read the source");
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return 0;
	AUTO_FREE char *copy = xstrdup(target);
	const struct run_mount m = {.source = *fd, .target = copy};
	int r = S_ISDIR(st.st_mode) ? volume_overlay(b->t, &m, -1, -1, &shown, err)
	                            : copy_of_file(b, *fd, &st, &shown, err);
	if (r < 0)
		return r;
	(void)close(*fd);
	*fd = shown;
	*ret_below = S_ISDIR(st.st_mode) ? "/" : NULL;
	return 0;
}

static int add_bind(const struct box_mounts *b, const struct mount_words *m, struct run_spec *spec,
	struct err *err)
{
	AUTO_FREE char *source =
		path_resolve(b->contextdir ? b->contextdir : ".", m->source ? m->source : ".");
	AUTO_FD int fd = open(source, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "option '--mount': cannot open '%s'", source);
	if (m->relabel && selinux_is_active() && volume_may_change(fd, source, "z", err) < 0)
		return err->code;
	if (m->give && volume_may_change(fd, source, "U", err) < 0)
		return err->code;
	const char *below = NULL;
	if (called_buildah() && m->read_write && discard_writes(b, m->target, &fd, &below, err) < 0)
		return err_wrap(err, "option '--mount': '%s'", source);
	*add_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = take_fd(&fd),
		.below = below,
		.target = xstrdup(m->target),
		.read_only = !m->read_write,
		.give = m->give,
		.relabel = m->relabel,
		.no_exec = m->no_exec,
		.no_suid = m->no_suid};
	return 0;
}

static int add_tmpfs(const struct mount_words *m, struct run_spec *spec, struct err *err)
{
	uint64_t size = 0;
	mode_t mode = 0;

	if (m->size && !num_size(m->size, &size))
		return err_set(err, ERR_INVALID, "option '--mount': '%s' is not a size", m->size);
	if (octal(m->mode, &mode, err) < 0)
		return err->code;
	*add_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_TMPFS,
		.source = -1,
		.target = xstrdup(m->target),
		.read_only = m->read_only && !m->read_write,
		.copy_up = m->copy_up,
		.no_exec = m->no_exec,
		.size = size,
		.mode = mode};
	return 0;
}

/* --- caches: those of RUN --mount=type=cache, under the same names --- */

struct box_cache {
	struct step_mount m;
	struct cache_mount c;
	size_t slot; /* of the spec's mounts */
};

static int id_number(const char *text, bool *ret_given, uid_t *ret, struct err *err)
{
	uint64_t v = 0;

	*ret_given = text != NULL;
	if (text && (!num_u64(text, UINT32_MAX - 1, &v)))
		return err_set(
			err, ERR_INVALID, "option '--mount': '%s' is not a user or group ID", text);
	*ret = (uid_t)v;
	return 0;
}

static int add_cache(
	struct box_mounts *b, const struct mount_words *m, struct run_spec *spec, struct err *err)
{
	static const char *const names[] = {
		[MOUNT_SHARED] = "shared", [MOUNT_PRIVATE] = "private", [MOUNT_LOCKED] = "locked"};
	struct mount_opts o = {.type = MOUNT_CACHE, .has_mode = m->mode != NULL};
	size_t sharing = 0;

	if (m->from)
		return err_set(err, ERR_UNSUPPORTED,
			"option '--mount': 'from' is not supported for a cache: it is filled by "
			"what runs");
	while (m->sharing && sharing < ARRAY_LEN(names) && !streq(m->sharing, names[sharing]))
		sharing++;
	if (sharing == ARRAY_LEN(names))
		return err_set(err, ERR_INVALID,
			"option '--mount': 'sharing=%s' is not one of 'shared', 'private', "
			"'locked'",
			m->sharing);
	o.sharing = (enum mount_sharing)sharing;
	if (octal(m->mode, &o.mode, err) < 0 || id_number(m->uid, &o.has_uid, &o.uid, err) < 0 ||
		id_number(m->gid, &o.has_gid, &o.gid, err) < 0)
		return err->code;
	b->caches = xreallocarray(b->caches, b->n_caches + 1, sizeof(*b->caches));
	struct box_cache *c = &b->caches[b->n_caches++];
	*c = (struct box_cache){.m = {.o = o}, .c = CACHE_MOUNT_INIT, .slot = spec->n_mounts};
	AUTO_FREE char *source = path_clean(m->source && *m->source ? m->source : "/");
	c->m.source = xstrdup(*source == '/' ? source + 1 : source);
	c->m.id = m->id && *m->id ? xstrdup(m->id) : path_clean(m->target);
	c->c.sharing = o.sharing;
	cache_mount_name(&c->m, NULL, c->c.name);
	*add_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = -1,
		.target = xstrdup(m->target),
		.read_only = m->read_only && !m->read_write,
		.no_exec = m->no_exec,
		.no_suid = m->no_suid,
		.stored = true};
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct box_cache *)a)->c.name, ((const struct box_cache *)b)->c.name);
}

static int open_cache(struct box_mounts *b, struct box_cache *c, int *ret_fd, struct err *err)
{
	const struct mount_opts *o = &c->m.o;
	AUTO_FREE char *made = NULL;
	AUTO_FD int made_fd = -1, dir = -1;

	int r = cache_mount_open(b->s, b->t, &c->c, c->m.id, false, false, err);
	if (r == 0 && !c->c.locked)
		r = cache_mount_wait(&c->c, err);
	if (r == 0 && !c->c.exists)
		r = txn_mkdir(b->t, "mount", &made, &made_fd, err);
	if (r < 0)
		return r;
	if (made && !*c->m.source &&
		(fchown(made_fd, o->has_uid ? o->uid : (uid_t)-1, o->has_gid ? o->gid : (gid_t)-1) <
				0 ||
			(o->has_mode && fchmod(made_fd, o->mode) < 0)))
		return err_sys(err, "cannot give the cache mount '%s' its owner and mode", c->m.id);
	r = cache_mount_get(b->t, &c->c, made, &dir, err);
	if (r < 0)
		return r;
	/* whoever shares the cache may have put a link there: it leads nowhere else */
	*ret_fd = root_open(dir, *c->m.source ? c->m.source : "/", O_PATH, 0);
	return *ret_fd < 0 ? err_sys(err, "cannot open '%s' in the cache mount '%s'", c->m.source,
				     c->m.id)
	                   : 0;
}

/* In the order of their names, as builds do, so that two never wait for each other. */
int box_open_caches(struct box_mounts *b, struct run_spec *spec, struct err *err)
{
	if (b->n_caches)
		qsort(b->caches, b->n_caches, sizeof(*b->caches), by_name);
	for (size_t i = 0; i < b->n_caches; i++) {
		struct box_cache *c = &b->caches[i];
		if (i && streq(c->c.name, c[-1].c.name) && c->c.sharing != MOUNT_SHARED)
			return err_set(err, ERR_INVALID,
				"option '--mount': the cache '%s' is there twice, and not shared",
				c->m.id);
		if (open_cache(b, c, &spec->mounts[c->slot].source, err) < 0)
			return err->code;
	}
	return 0;
}

void box_mounts_done(struct box_mounts *b)
{
	for (size_t i = 0; i < b->n_caches; i++) {
		AUTO_FREE char *line = NULL;
		cache_mount_done(&b->caches[i].c);
		cache_mount_limit(b->s, &b->caches[i].c, &line);
		if (line)
			out_warn(&b->app->out, "%s", line);
		free(b->caches[i].m.source);
		free(b->caches[i].m.id);
	}
	free(b->caches);
	strv_done(&b->texts);
}

int box_add_mount(struct box_mounts *b, const char *text, struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	struct mount_words m = {.type = "bind"};

	strv_split(&words, text, ',');
	STRV_FOREACH (w, &words)
		if (mount_word(*w, &m, err) < 0)
			return err->code;
	if (!m.target || *m.target != '/')
		return err_set(err, ERR_INVALID,
			"option '--mount': '%s' has no target that begins with '/'", text);
	if (m.type && streq(m.type, "bind"))
		return m.from ? bind_image(b, &m, spec, err) : add_bind(b, &m, spec, err);
	if (m.type && streq(m.type, "tmpfs"))
		return add_tmpfs(&m, spec, err);
	if (m.type && streq(m.type, "cache"))
		return add_cache(b, &m, spec, err);
	return err_set(err, ERR_UNSUPPORTED,
		"option '--mount': type '%s' is not one of 'bind', 'cache', 'tmpfs' (others are "
		"for RUN --mount of a Containerfile)",
		m.type ? m.type : "");
}
