/* SPDX-License-Identifier: Apache-2.0 */
/* Working containers: their names, their making and their end. */
#include "store/containers.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/called.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/tmp.h"
#include "image/reference.h"
#include "store/containers_internal.h"
#include "store/images.h"
#include "store/store_internal.h"
#include "store/tree.h"

#define NAMES_LOCK "containers.lock"

/* --- names --- */

static const struct container *has_name(const struct containers *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->c[i].name, name))
			return &l->c[i];
	return NULL;
}

static bool name_is_valid(const char *name)
{
	/* for buildah a name is any text: some have their place in colons */
	bool colons = called_buildah();
	size_t n = 0;
	while (isalnum((unsigned char)name[n]) || (name[n] && strchr("_.-", name[n])) ||
		(colons && name[n] == ':'))
		n++;
	return n && n <= 255 && !name[n] && !strchr("_.-", *name);
}

static int check_name(const struct containers *l, const char *name, struct err *err)
{
	if (!name_is_valid(name))
		return err_set(err, ERR_INVALID,
			"'%s' is no name for a container: letters, digits, '_', '.' and '-' after "
			"the "
			"first character",
			name);
	const struct container *other = has_name(l, name);
	if (other)
		return err_set(err, ERR_EXISTS,
			"the container name '%s' is already in use by container %s", name,
			other->id);
	return 0;
}

/* "docker.io/library/busybox:latest" -> "busybox"; what has no name is called by its ID */
static char *image_stem(const struct image *image, const struct container *c)
{
	AUTO_REFERENCE struct reference ref = {0};
	struct err ignored = ERR_INIT;
	char hex[DIGEST_STR_MAX];

	if (!image)
		return xstrdup("");
	if (!*c->image_name || reference_parse(c->image_name, &ref, &ignored) < 0)
		return xasprintf("%.12s-", digest_hex(&c->image_id, hex));
	const char *slash = strrchr(ref.repository, '/');
	return xasprintf("%s-", slash ? slash + 1 : ref.repository);
}

static char *free_name(const struct containers *l, const char *made)
{
	AUTO_FREE char *name = xstrdup(made);
	for (unsigned i = 1; has_name(l, name); i++)
		mem_replace(&name, xasprintf("%s-%u", made, i));
	return take(name);
}

static int set_name(
	struct store *s, struct container *c, const char *name, const char *made, struct err *err)
{
	AUTO_CONTAINERS struct containers l = {0};

	int r = containers_list(s, &l, err);
	if (r == 0 && name)
		r = check_name(&l, name, err);
	if (r == 0)
		mem_replace(&c->name, name ? xstrdup(name) : free_name(&l, made));
	return r;
}

int container_rename(struct store *s, struct container *c, const char *name, struct err *err)
{
	AUTO_FD int lock = -1;

	int r = store_lock(s, NAMES_LOCK, LOCK_EXCLUSIVE, true, &lock, err);
	if (r == 0)
		r = set_name(s, c, name, "", err);
	return r < 0 ? r : container_save(c, err);
}

/* --- coming and going --- */

void container_set_base(struct container *c, const struct image *image)
{
	char now[CLOCK_STR_MAX];
	struct platform host;

	c->created = xstrdup(clock_format(clock_now(), now));
	c->scratch = !image;
	if (!image) {
		platform_host(&host);
		host.variant[0] = '\0';
		image_config_init(&c->config, &host);
		mem_replace(&c->config.working_dir, xstrdup("/"));
		mem_replace(&c->image_name, xstrdup("scratch"));
		return;
	}
	if (!c->image_name)
		c->image_name = xstrdup("");
	c->image_id = image->id;
	descriptor_copy(&c->manifest, &image->manifest_desc);
	image_config_copy(&c->config, &image->config);
	c->base_history = image->config.n_history;
	AUTO_MAP struct map all = MAP_INIT;
	map_copy(&all, &image->manifest.annotations);
	map_merge(&all, &c->annotations);
	map_copy(&c->annotations, &all);
}

/* The manifest for the documents and blobs; the layers once more, so that a manifest that is
 * damaged later does not cost them. */
int container_write_uses(const struct container *c, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(CONTAINER_USES_MAX);
	char digest[DIGEST_STR_MAX];

	if (!c->scratch)
		buf_addf(&b, "%s\n", digest_str(&c->manifest.digest, digest));
	for (size_t i = 0; i < c->config.n_diff_ids; i++)
		buf_addf(&b, "%s\n", digest_str(&c->config.diff_ids[i], digest));
	return fs_write_file(c->dir, "uses", buf_str(&b), b.len, 0600, true, err);
}

/* The merged root shows the upper's attributes: those of the image's root. */
int container_make_upper(struct store *s, const struct container *c, struct err *err)
{
	struct stat st = {.st_mode = 0755};

	if (c->config.n_diff_ids) {
		AUTO_FD int top = -1;
		int r = tree_open(s, &c->config.diff_ids[c->config.n_diff_ids - 1], &top, err);
		if (r < 0)
			return r;
		if (fstat(top, &st) < 0)
			return err_sys(err, "cannot look at the topmost layer");
	}
	if (mkdirat(c->dir, "upper", 0700) < 0)
		return err_sys(err, "cannot make the container's directory");
	AUTO_FD int upper = openat(c->dir, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0 || fchown(upper, st.st_uid, st.st_gid) < 0 ||
		fchmod(upper, st.st_mode & 07777) < 0)
		return err_sys(err, "cannot prepare the container's directory");
	return 0;
}

int container_create(struct store *s, struct txn *t, const struct image *image,
	const struct container_naming *naming, struct container *c, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FD int lock = -1;
	int r;

	container_set_base(c, image);
	tmp_random_name(c->id, CONTAINER_ID_LEN);
	AUTO_FREE char *stem = naming->stem ? xasprintf("%s-", naming->stem) : image_stem(image, c);
	AUTO_FREE char *made =
		xasprintf("%s%s", stem, naming->suffix ? naming->suffix : "working-container");
	AUTO_FREE char *to = xasprintf(CONTAINERS_DIR "/%s", c->id);
	if ((r = txn_mkdir(t, "container", &dir, &c->dir, err)) < 0)
		return r;
	if (fchmod(c->dir, 0700) < 0 || flock(c->dir, LOCK_EX) < 0)
		return err_sys(err, "cannot lock the new container");
	if ((r = container_make_upper(s, c, err)) < 0 || (r = container_write_uses(c, err)) < 0 ||
		(r = store_lock(s, NAMES_LOCK, LOCK_EXCLUSIVE, true, &lock, err)) < 0 ||
		(r = set_name(s, c, naming->name, made, err)) < 0 ||
		(r = container_save(c, err)) < 0)
		return r;
	if (renameat(txn_fd(t), dir, s->fd, to) < 0)
		return err_sys(err, "cannot make the container '%s'", c->name);
	s->dirty = true;
	return 0;
}

int container_remove(struct store *s, const struct container *c, struct err *err)
{
	AUTO_FREE char *from = xasprintf(CONTAINERS_DIR "/%s", c->id);
	char id[17], to[STORE_PATH_MAX];

	/* at once, into a place that the sweep empties should we die on the way */
	tmp_random_name(id, sizeof(id) - 1);
	(void)snprintf(to, sizeof(to), TMP_DIR "/%s", id);
	if (renameat(s->fd, from, s->fd, to) < 0)
		return err_sys(err, "cannot remove the container '%s'", c->name);
	return fs_remove_tree(s->fd, to, err);
}
