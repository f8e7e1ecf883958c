/* SPDX-License-Identifier: Apache-2.0 */
/* Working containers of which something is damaged. What their users did in them stays. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/blobs.h"
#include "store/check_internal.h"
#include "store/container_doc.h"
#include "store/containers_internal.h"
#include "store/images.h"
#include "store/store_internal.h"

#define SHORT_ID 12

/* The manifest is the first line of `uses`; the others are layers. */
static int load_base(struct store *s, int dir, struct image *ret, struct err *err)
{
	AUTO_FREE char *uses = NULL, *text = NULL;
	struct descriptor d = {0};
	bool index;
	size_t n;
	int r = fs_read_plain(dir, "uses", CONTAINER_USES_MAX, &uses, NULL, err);
	if (r < 0)
		return r;
	uses[strcspn(uses, "\n")] = '\0';
	if ((r = digest_parse(uses, &d.digest, err)) < 0)
		return r;
	if (!blob_has(s, &d.digest, &d.size))
		return err_set(err, ERR_NOT_FOUND, "its image is gone");
	if ((r = blob_read(s, &d, MANIFEST_MAX, &text, &n, err)) < 0)
		return r;
	const char *type = document_media_type(text, n, &index);
	d.media_type = type ? xstrdup(type) : NULL;
	r = image_load(s, &d, NULL, ret, err);
	descriptor_done(&d);
	return r;
}

/* As `from` would make it, under a part of its ID; from nothing if its base is not known. */
static void describe_again(struct store *s, struct container *c)
{
	AUTO_IMAGE struct image base = {0};
	struct err ignored = ERR_INIT;
	bool known = load_base(s, c->dir, &base, &ignored) == 0;
	container_set_base(c, known ? &base : NULL);
	c->name = xstrndup(c->id, SHORT_ID);
}

static bool has(int dir, const char *name, mode_t kind)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == kind;
}

int container_mend(struct store *s, const char *id, struct err *err)
{
	AUTO_FREE char *path = xasprintf(CONTAINERS_DIR "/%s", id), *text = NULL;
	AUTO_CONTAINER struct container c;
	struct err ignored = ERR_INIT;
	size_t n;
	int r = 0;

	container_init(&c);
	if ((r = store_open_dir(s, path, &c.dir, err)) < 0)
		return r;
	int dir = c.dir;
	if (fs_read_plain(dir, CONTAINER_DOC, CONTAINER_DOC_MAX, &text, &n, &ignored) < 0 ||
		container_doc_parse(text, n, &c, &ignored) < 0) {
		c.dir = -1;
		container_done(&c);
		c.dir = dir;
		(void)snprintf(c.id, sizeof(c.id), "%s", id);
		describe_again(s, &c);
		if ((r = fs_remove_tree(dir, CONTAINER_DOC, err)) < 0 ||
			(r = container_save(&c, err)) < 0)
			return r;
	}
	if (!has(dir, "uses", S_IFREG) && ((r = fs_remove_tree(dir, "uses", err)) < 0 ||
						  (r = container_write_uses(&c, err)) < 0))
		return r;
	if (!has(dir, "upper", S_IFDIR) && ((r = fs_remove_tree(dir, "upper", err)) < 0 ||
						   (r = container_make_upper(s, &c, err)) < 0))
		return r;
	return 0;
}
